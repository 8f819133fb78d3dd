//! Any bytes are a Dockerfile: read, its scripts and words too, judged by all lints, then aligned with a history.
#![no_main]

use careen::dockerfile::Dockerfile;
use careen::dockerfile::align::align;
use careen::dockerfile::ignore::Ignore;
use careen::dockerfile::lint::{self, Context};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let file = Dockerfile::parse(input);
    assert_eq!(file.text.len(), input.len().min(1 << 20));
    for (index, instruction) in file.instructions.iter().enumerate() {
        assert!(file.text.get(instruction.span.start..instruction.span.end).is_some());
        for command in file.script(index).into_iter().flat_map(|script| script.commands) {
            let words = command.words.iter().map(|word| word.span);
            for span in words.chain([command.span]) {
                assert!(file.text.get(span.start..span.end).is_some());
            }
        }
        file.scope(index).expand(file.source(instruction.span));
    }
    for problem in &file.problems {
        assert!(file.text.get(problem.span.start..problem.span.end).is_some());
    }
    let context = Context::new(&file, "Dockerfile", None, "2026-11-21".parse().expect("a date"));
    lint::run(&context);
    lint::shown_text(&context, Vec::new());
    let steps: Vec<&str> = file.text.lines().collect();
    align(&file, file.stages.len().saturating_sub(1), &steps);
    Ignore::parse(input).excludes("a/b");
});
