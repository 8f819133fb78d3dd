//! Dockerfiles: laws of the parser over made-up files, and another parser as the oracle where both accept.

use careen::dockerfile::{Command, Dockerfile, Instruction, Kind, Span, Word};
use parse_dockerfile as oracle;
use proptest::prelude::*;

/// Pieces from which files are made: whole forms, halves of forms, and what stands between.
const PIECES: &[&str] = &[
    "FROM a\n",
    "FROM a:1 AS b\n",
    "FROM --platform=$X ${Y:-z}\n",
    "RUN ",
    "run a && b",
    " \\\n",
    " \\ \t\r\n",
    "# c\n",
    "\n",
    "\r\n",
    "\u{feff}",
    "# escape=`\n",
    "# syntax=x\n",
    "`\n",
    "<<EOF",
    " <<-'A B' ",
    "EOF\n",
    "\tEOF\n",
    "COPY --from=b a b\n",
    "ADD [\"a\", \"b\"]\n",
    "ENV A=1 B=\"x y\"",
    "ENV A b c\n",
    "ARG X=${A:-$B}\n",
    "LABEL a=b 'c d'=e\n",
    "CMD [\"a\"",
    "]\n",
    "ONBUILD ",
    "HEALTHCHECK --interval=1s CMD x\n",
    "SHELL [\"bash\", \"-c\"]\n",
    "$(",
    ")",
    "${",
    "}",
    "'",
    "\"",
    "`x`",
    "if a; then b; fi",
    "case a in b) c;; esac",
    "for x in y; do z; done",
    "{ a; }",
    "(b)",
    "| c",
    "|| d",
    "; e",
    "& f",
    ">g",
    "2>&1",
    "<(h)",
    "[[ a && b ]]",
    "\u{e9}\u{4e2d}",
    "\t",
    " ",
    "\\",
    "\\\\",
    "USER ${A%.*}\n",
    "WORKDIR ${B//x/y}\n",
    "EXPOSE 80 $P/tcp\n",
    "VOLUME /a\n",
    "STOPSIGNAL 9\n",
    "FROM b\n",
    "# careen:allow DL3020 x\n",
    "x=(a b)",
    "f() { g; }",
    "bash -c '",
    "sh -lc \"a \\\"b\\\" $(c)\"",
    "RUN bash <<E\na\nE\n",
    "RUN cat <<-E | sudo sh\n\ta\n\tE\n",
    "CMD [\"sh\", \"-c\", \"a \\u00fc \\\"b\\\"\"]\n",
    "$'a\\'b\\n'",
    "RUN --mount=type=cache,target=/a,",
    "HEALTHCHECK --interval=",
    "STOPSIGNAL ",
    "FROM x.example:1/a@sha256:0",
    "COPY --chmod=u+x --from=0 a b\n",
    "COPY <<E /\n${\nE\n",
];

fn words(instruction: &Instruction) -> Vec<&Word> {
    let mut all = vec![&instruction.keyword];
    all.extend(instruction.flags.iter().filter_map(|flag| flag.value.as_ref()));
    match &instruction.kind {
        Kind::From { image, name } => all.extend(std::iter::once(image).chain(name)),
        Kind::Run(Command::Exec(list))
        | Kind::Cmd(Command::Exec(list))
        | Kind::Shell(list)
        | Kind::Expose(list)
        | Kind::Volume(list) => {
            all.extend(list);
        }
        Kind::Copy(transfer) | Kind::Add(transfer) => {
            all.extend(transfer.sources.iter().chain([&transfer.destination]));
        }
        Kind::Env(pairs) | Kind::Label(pairs) => all.extend(pairs.iter().flat_map(|pair| [&pair.name, &pair.value])),
        Kind::Arg(list) => {
            all.extend(list.iter().flat_map(|argument| std::iter::once(&argument.name).chain(&argument.default)));
        }
        Kind::User(word) | Kind::Workdir(word) | Kind::StopSignal(word) | Kind::Maintainer(word) => all.push(word),
        Kind::OnBuild(inner) => all.extend(words(inner)),
        _ => {}
    }
    all
}

/// The file put together again from its comments, directives, instructions and what lies between, which is blank or a
/// continuation.
fn printed(file: &Dockerfile) -> String {
    let comments = file.comments.iter().copied().chain(file.directives.iter().map(|directive| directive.span));
    let mut parts: Vec<Span> = file.instructions.iter().map(|instruction| instruction.span).collect();
    let outside = |span: &Span| !parts.iter().any(|part| part.contains(span.start));
    let comments: Vec<Span> = comments.filter(outside).collect();
    parts.extend(comments);
    parts.sort();
    let mut out = String::new();
    let mut at = 0;
    for part in parts {
        assert!(part.start >= at, "parts overlap: {part:?} at {at}");
        let between = &file.text[at..part.start];
        assert!(between.chars().all(|c| c.is_whitespace() || "\u{feff}\\`".contains(c)), "lost: {between:?}");
        out += between;
        out += file.source(part);
        at = part.end;
    }
    let rest = &file.text[at..];
    assert!(rest.chars().all(|c| c.is_whitespace() || "\u{feff}\\`".contains(c)), "lost at the end: {rest:?}");
    out + rest
}

fn check(bytes: &[u8]) {
    let file = Dockerfile::parse(bytes);
    assert_eq!(file.text.len(), bytes.len());
    assert_eq!(printed(&file), file.text);
    let within = |span: Span, outer: Span| {
        assert!(file.text.get(span.start..span.end).is_some(), "{span:?} cuts a character");
        assert!(span.start >= outer.start && span.end <= outer.end, "{span:?} is not in {outer:?}");
    };
    for (index, instruction) in file.instructions.iter().enumerate() {
        for word in words(instruction) {
            within(word.span, instruction.span);
            let resolved = file.scope(index).resolve(word);
            assert!(resolved.shown.len() <= 20_000 + word.text.len());
        }
        for heredoc in &instruction.heredocs {
            within(heredoc.body, instruction.span);
            within(heredoc.span, instruction.span);
        }
        let Some(script) = file.script(index) else { continue };
        for command in &script.commands {
            within(command.span, instruction.span);
            for word in command.words.iter().chain(&command.assignments) {
                within(word.span, command.span);
            }
        }
    }
    for problem in &file.problems {
        within(problem.span, Span::new(0, file.text.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_read_is_printed_again(parts in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        check(parts.concat().as_bytes());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }
}

#[test]
fn large_files_take_no_longer_than_their_size() {
    for piece in [
        "ENV A=$A$A\n",
        "ARG A=${A:-$A}\n",
        "FROM a AS b\nFROM b\n",
        "RUN ((((\n",
        "COPY <<E <<F /\n",
        "$((",
        "[ a[a",
        "\\\n",
        "'",
        "RUN a=`b\n",
        "x <<E ",
        "LABEL a=\"",
        "if ",
        "RUN for x in $(",
        "HEALTHCHECK CMD [\"",
        "RUN case x in ",
        "sh -c a;",
        "sh -c 'a b';\\\n",
        "bash -c \"",
        "bash -c \"$(sh -c \\\"",
        "bash <<E;",
        "RUN --mount=id=a,target= b\n",
        "COPY --from=x a b\n",
        "FROM a AS x\nCOPY --from=y a b\n",
        "EXPOSE ${\n",
        "HEALTHCHECK --interval=1h1h1h CMD a\n",
    ] {
        let mut text = String::from("FROM scratch AS b\nRUN ");
        text.push_str(&piece.repeat((1 << 18) / piece.len()));
        let begun = std::time::Instant::now();
        check(text.as_bytes());
        let took = begun.elapsed();
        assert!(took < std::time::Duration::from_secs(20), "{piece:?} took {took:?}");
    }
}

/// An instruction in the words both parsers have: name, flags, arguments, first line.
fn ours(file: &Dockerfile) -> Vec<String> {
    let line = |instruction: &Instruction| file.position(instruction.span.start).line;
    file.instructions
        .iter()
        .map(|instruction| format!("{} {}", line(instruction), our_words(file, instruction)))
        .collect()
}

fn our_words(file: &Dockerfile, instruction: &Instruction) -> String {
    let mut out = instruction.name();
    for flag in &instruction.flags {
        out += &format!(" --{}={:?}", flag.name, flag.value.as_ref().map(|value| value.text.clone()));
    }
    let list = |words: &[Word]| words.iter().map(|word| format!(" {:?}", word.text)).collect::<String>();
    let command = |command: &Command| match command {
        Command::Exec(words) => format!(" exec{}", list(words)),
        Command::Shell(_) if !instruction.heredocs.is_empty() => {
            instruction.heredocs.iter().map(|one| format!(" document {:?}", document(file.source(one.body)))).collect()
        }
        Command::Shell(text) => format!(" shell {}", squeezed(text.as_str())),
    };
    out += &match &instruction.kind {
        Kind::From { image, name } => format!(" {:?} {:?}", image.text, name.as_ref().map(|name| name.text.clone())),
        Kind::Run(it) | Kind::Cmd(it) | Kind::Entrypoint(it) | Kind::Healthcheck(Some(it)) => command(it),
        Kind::Healthcheck(None) => " none".into(),
        Kind::Shell(words) | Kind::Expose(words) | Kind::Volume(words) => list(words),
        Kind::Copy(it) | Kind::Add(it) => {
            let sources = it.sources.iter().filter(|word| !word.text.starts_with("<<"));
            let documents: String = instruction
                .heredocs
                .iter()
                .map(|one| format!(" document {:?}", document(file.source(one.body))))
                .collect();
            format!(
                "{}{documents} to {:?}",
                sources.map(|word| format!(" {:?}", word.text)).collect::<String>(),
                it.destination.text
            )
        }
        Kind::OnBuild(inner) => format!(" {}", our_words(file, inner)),
        Kind::User(word) | Kind::Workdir(word) | Kind::StopSignal(word) | Kind::Maintainer(word) => {
            format!(" {:?}", word.text)
        }
        // the oracle keeps these as one text
        Kind::Env(_) | Kind::Label(_) | Kind::Arg(_) => String::new(),
        Kind::Unknown | Kind::Broken => " broken".into(),
    };
    out
}

/// Text without blanks, continuations and comment lines, of which the oracle keeps some.
fn squeezed(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.flat_map(str::chars).filter(|c| !c.is_whitespace() && !matches!(c, '\\' | '`')).collect()
}

/// A document without the tabs and line ends that one of the two has taken off.
fn document(text: &str) -> String {
    text.lines().map(|line| line.trim_start_matches('\t')).collect::<Vec<_>>().join("\n")
}

fn theirs(text: &str) -> Option<Vec<String>> {
    // its places do not count a byte order mark
    let text = text.trim_start_matches('\u{feff}');
    let file = oracle::parse(text).ok()?;
    let words = |instruction: &oracle::Instruction<'_>| their_words(text, instruction);
    Some(file.instructions.iter().map(words).collect())
}

fn their_words(text: &str, instruction: &oracle::Instruction<'_>) -> String {
    use oracle::Instruction as I;
    type List<'a> = Vec<&'a str>;
    let named = |span: &std::ops::Range<usize>, name: &str| {
        let line = text[..span.start].matches('\n').count() + 1;
        format!("{line} {name}")
    };
    let list = |words: List<'_>| words.iter().map(|word| format!(" {word:?}")).collect::<String>();
    let flags = |flags: &[oracle::Flag<'_>]| {
        let show = |flag: &oracle::Flag<'_>| {
            format!(" --{}={:?}", flag.name.value, flag.value.as_ref().map(|value| value.value.to_string()))
        };
        flags.iter().map(show).collect::<String>()
    };
    let command = |command: &oracle::Command<'_>| match command {
        oracle::Command::Exec(words) => format!(" exec{}", list(words.value.iter().map(|word| &*word.value).collect())),
        oracle::Command::Shell(text) => format!(" shell {}", squeezed(text.value)),
        _ => String::new(),
    };
    let sources = |sources: &[oracle::Source<'_>]| {
        let show = |source: &oracle::Source<'_>| match source {
            oracle::Source::Path(path) => format!(" {:?}", path.value),
            oracle::Source::HereDoc(it) => format!(" document {:?}", document(&it.value)),
            _ => String::new(),
        };
        sources.iter().map(show).collect::<String>()
    };
    match instruction {
        I::From(it) => format!(
            "{}{} {:?} {:?}",
            named(&it.from.span, "FROM"),
            flags(&it.options),
            it.image.value,
            it.as_.as_ref().map(|(_, name)| name.value.to_string())
        ),
        I::Run(it) if !it.here_docs.is_empty() => {
            let documents: String =
                it.here_docs.iter().map(|one| format!(" document {:?}", document(&one.value))).collect();
            format!("{}{}{documents}", named(&it.run.span, "RUN"), flags(&it.options))
        }
        I::Run(it) => format!("{}{}{}", named(&it.run.span, "RUN"), flags(&it.options), command(&it.arguments)),
        I::Cmd(it) => format!("{}{}", named(&it.cmd.span, "CMD"), command(&it.arguments)),
        I::Entrypoint(it) => format!("{}{}", named(&it.entrypoint.span, "ENTRYPOINT"), command(&it.arguments)),
        I::Healthcheck(it) => {
            let arguments = match &it.arguments {
                oracle::HealthcheckArguments::Cmd { arguments, .. } => command(arguments),
                _ => " none".into(),
            };
            format!("{}{}{arguments}", named(&it.healthcheck.span, "HEALTHCHECK"), flags(&it.options))
        }
        I::Shell(it) => named(&it.shell.span, "SHELL") + &list(it.arguments.iter().map(|word| &*word.value).collect()),
        I::Expose(it) => {
            named(&it.expose.span, "EXPOSE") + &list(it.arguments.iter().map(|word| &*word.value).collect())
        }
        I::Volume(it) => {
            let words = match &it.arguments {
                oracle::JsonOrStringArray::Json(words) => words.value.iter().map(|word| &*word.value).collect(),
                oracle::JsonOrStringArray::String(words) => words.iter().map(|word| &*word.value).collect(),
            };
            named(&it.volume.span, "VOLUME") + &list(words)
        }
        I::Copy(it) => {
            format!("{}{}{} to {:?}", named(&it.copy.span, "COPY"), flags(&it.options), sources(&it.src), it.dest.value)
        }
        I::Add(it) => {
            format!("{}{}{} to {:?}", named(&it.add.span, "ADD"), flags(&it.options), sources(&it.src), it.dest.value)
        }
        I::Onbuild(it) => {
            let inner = their_words(text, &it.instruction);
            format!("{} {}", named(&it.onbuild.span, "ONBUILD"), inner.split_once(' ').unwrap().1)
        }
        I::User(it) => format!("{} {:?}", named(&it.user.span, "USER"), it.arguments.value),
        I::Workdir(it) => format!("{} {:?}", named(&it.workdir.span, "WORKDIR"), it.arguments.value),
        I::Stopsignal(it) => format!("{} {:?}", named(&it.stopsignal.span, "STOPSIGNAL"), it.arguments.value),
        I::Maintainer(it) => format!("{} {:?}", named(&it.maintainer.span, "MAINTAINER"), it.name.value),
        I::Env(it) => named(&it.env.span, "ENV"),
        I::Label(it) => named(&it.label.span, "LABEL"),
        I::Arg(it) => named(&it.arg.span, "ARG"),
        _ => "unknown".into(),
    }
}

/// Lines of which files are made for the comparison, each a form of Docker's reference in words of our own.
const LINES: &[&str] = &[
    "FROM alpine:3.20",
    "FROM --platform=linux/amd64 golang:1.22 AS build",
    "from scratch",
    "FROM build",
    "ARG VERSION=1 NAME",
    "ARG X",
    "ENV A=1 B=\"two words\" C=x\\ y",
    "ENV OLD the old form",
    "LABEL a=b \"c d\"=\"e\"",
    "RUN make",
    "RUN a && \\\n    b \\\n    c",
    "RUN a \\\n  # a comment between\n  && b",
    "RUN --mount=type=cache,target=/root/.cache make",
    "RUN --network=none --mount=type=secret,id=x cat /run/secrets/x",
    "RUN [\"make\", \"-j2\"]",
    "RUN [\"say \\\"hi\\\"\", \"\\u0041\"]",
    "RUN [ -f a ] || b",
    "RUN <<EOF\nset -e\n# kept\nmake\nEOF",
    "RUN <<-EOF\n\tmake\n\tEOF",
    "RUN <<'EOF'\necho $HOME\nEOF",
    "RUN echo $((1<<8))",
    "RUN cat <<<x",
    "CMD [\"app\", \"--port\", \"80\"]",
    "CMD app --port 80",
    "cmd [\"a\" b]",
    "ENTRYPOINT [\"/app\"]",
    "ENTRYPOINT exec /app",
    "HEALTHCHECK NONE",
    "HEALTHCHECK --interval=5s --timeout=3s CMD curl -f http://localhost/",
    "HEALTHCHECK CMD [\"check\"]",
    "COPY a b /c/",
    "COPY --from=build --chown=1:1 /out /app",
    "COPY [\"a b\", \"/c d/\"]",
    "COPY --link . .",
    "COPY <<EOF /etc/a.conf\nx = 1\nEOF",
    "COPY <<A <<B /etc/\n1\nA\n2\nB",
    "ADD a.tar.gz /",
    "ADD --checksum=sha256:00 https://files.example/a /a",
    "ADD [\"x\", \"/y\"]",
    "EXPOSE 80 443/tcp",
    "EXPOSE $PORT",
    "VOLUME /data",
    "VOLUME [\"/a\", \"/b\"]",
    "VOLUME /a /b",
    "USER 1000:1000",
    "USER app",
    "WORKDIR /srv/a b",
    "WORKDIR $HOME",
    "STOPSIGNAL SIGTERM",
    "MAINTAINER a <a@b.example>",
    "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]",
    "ONBUILD RUN make",
    "ONBUILD COPY . /src",
    "# a comment",
    "",
    "   # indented comment",
    "  RUN indented",
    "RUN tab\there",
    "RUN trailing blanks   ",
    "RUN a \\  \n  b",
    "RUN echo 'it is' \"quoted # not a comment\"",
];

#[test]
fn another_parser_reads_the_same() {
    let mut state = 1u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let (mut files, mut compared, mut differences) = (0, 0, Vec::new());
    for number in 0..600 {
        let mut lines = vec!["FROM base:1"];
        match LINES.get(number) {
            Some(line) => lines.push(line),
            None => lines.extend((0..=random(12)).map(|_| LINES[random(LINES.len())])),
        }
        let mut text = lines.join("\n");
        match random(8) {
            0 => text = text.replace('\n', "\r\n"),
            1 => text.insert_str(0, "# syntax=docker/dockerfile:1\n"),
            2 => text = format!("# escape=`\n{}", text.replace("\\\n", "`\n").replace("\\  \n", "`  \n")),
            3 => text.insert(0, '\u{feff}'),
            _ => {}
        }
        if random(2) == 0 {
            text.push('\n');
        }
        files += 1;
        let file = Dockerfile::parse(text.as_bytes());
        let Some(theirs) = theirs(&text).filter(|_| !file.is_refused()) else { continue };
        compared += 1;
        let ours = ours(&file);
        if ours != theirs {
            let pair = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
            differences.push(format!("{text:?}\n  {pair:?} of {} and {}", ours.len(), theirs.len()));
        }
    }
    assert!(compared >= 300, "{compared} of {files} were accepted by both");
    assert!(
        differences.is_empty(),
        "{} of {compared} differ:\n{}",
        differences.len(),
        differences[..differences.len().min(8)].join("\n")
    );
}
