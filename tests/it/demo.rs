//! The demonstration image that the README scans.

use std::path::Path;

use crate::links::differences;
use crate::support::image::{Packing, Recipe};
use crate::support::run::{TODAY, command, judging, run, scan};

const ARCHIVE: &str = "fixtures/demo/demo.tar";

#[test]
fn the_archive_is_what_its_recipe_builds() {
    // compressed, so that its made-up token is in no file of the repository as it is
    let built = Recipe::read("demo/recipe.toml").build().oci_archive(Packing::Gzip);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(ARCHIVE);
    if std::fs::read(&path).is_ok_and(|found| found == built) {
        return;
    }
    assert!(std::env::var_os("CAREEN_UPDATE").is_some(), "run the tests with CAREEN_UPDATE=1 to rewrite {ARCHIVE}");
    std::fs::write(path, built).unwrap();
}

#[test]
fn it_is_bad_in_every_way_it_was_made_to_be() {
    let expect = Recipe::read("demo/recipe.toml").expect;
    let wrong = differences(&scan(ARCHIVE).report(), &expect);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn its_report_reads_well() {
    let run = judging(&["scan", "--today", TODAY, ARCHIVE]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    // the name of an ecosystem, which is also that of a host
    insta::assert_snapshot!("demo", run.stdout.replace(concat!("crates", ".io"), "the Rust registry"));
    let longest = run.stdout.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(80), "a line has {longest:?} columns");
}

/// Between these lines `docs/fix.md` shows how the image is fixed.
const MARKS: [&str; 2] = ["<!-- the loop: made by the tests -->\n", "<!-- end of the loop -->\n"];

#[test]
fn fixing_it_is_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["demo.tar", "waivers.toml"] {
        std::fs::copy(root.join("fixtures/demo").join(name), folder.path().join(name)).unwrap();
    }
    // a command, how it ends, and what it prints from there on
    let shown = |arguments: &str, code: i32, from: &str| -> String {
        let mut command = command(&arguments.split(' ').collect::<Vec<_>>());
        command.args(["--waivers", "waivers.toml", "--no-advisories", "--today", TODAY]).current_dir(folder.path());
        let run = run(command, &[]);
        assert_eq!(run.code, code, "{run:?}");
        let at = run.stdout.find(from).unwrap_or_else(|| panic!("no `{from}`: {run:?}"));
        let above = if at > 0 { "…\n" } else { "" };
        let text = &run.stdout[at..];
        let line = format!("$ careen {arguments} --waivers waivers.toml --no-advisories");
        format!("```console\n{line}\n{above}{text}$ echo $?\n{code}\n```\n\n")
    };
    let text = [
        "\n".to_owned(),
        shown("scan demo.tar", 1, "\nfailed: "),
        shown("fix demo.tar -o oci-archive:fixed.tar --yes", 0, "demo.tar"),
        shown("scan fixed.tar", 0, "\npassed: "),
    ]
    .concat();
    let path = root.join("docs/fix.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (found, after) = rest.split_once(MARKS[1]).unwrap();
    if found == text {
        return;
    }
    assert!(
        std::env::var_os("CAREEN_UPDATE").is_some(),
        "run the tests with CAREEN_UPDATE=1 to rewrite docs/fix.md: {text}"
    );
    std::fs::write(path, [before, MARKS[0], &text, MARKS[1], after].concat()).unwrap();
}
