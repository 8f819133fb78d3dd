//! Whole files: places, heredocs, recovery, variables, stages.

use super::*;

/// Each instruction as `first line-last line NAME detail`, then problems.
fn shown(text: &str) -> String {
    let file = Dockerfile::parse(text.as_bytes());
    let mut out = String::new();
    for instruction in &file.instructions {
        let line = |at: usize| file.position(at).line;
        out += &format!("{}-{} ", line(instruction.span.start), line(instruction.span.end));
        out += &detail(instruction);
        for heredoc in &instruction.heredocs {
            let body = (line(heredoc.body.start), heredoc.body.end.saturating_sub(heredoc.body.start));
            let flags = (heredoc.descriptor, heredoc.strips_tabs, heredoc.expands);
            out += &format!(
                " | {} at {} line {} bytes {} {flags:?}",
                heredoc.name,
                file.source(heredoc.span),
                body.0,
                body.1
            );
        }
        out.push('\n');
    }
    for problem in &file.problems {
        let at = file.position(problem.span.start);
        let word = if problem.is_fatal { "error" } else { "warning" };
        out += &format!("{word} {}:{} {}\n", at.line, at.column, problem.message);
    }
    out
}

fn detail(instruction: &Instruction) -> String {
    let mut out = instruction.name();
    for flag in &instruction.flags {
        let value = flag.value.as_ref().map_or_else(String::new, |value| format!("={:?}", value.text));
        out += &format!(" --{}{value}", flag.name);
    }
    let words = |words: &[Word]| words.iter().map(|word| format!(" {:?}", word.text)).collect::<String>();
    let command = |command: &Command| match command {
        Command::Exec(list) => format!(" exec{}", words(list)),
        Command::Shell(text) => format!(" shell {:?}", text.as_str()),
    };
    let pair = |pair: &Pair| format!(" {:?}={:?}", pair.name.text, pair.value.text);
    out += &match &instruction.kind {
        Kind::From { image, name } => {
            format!(
                " {:?}{}",
                image.text,
                name.as_ref().map_or_else(String::new, |name| format!(" as {:?}", name.text))
            )
        }
        Kind::Run(it) | Kind::Cmd(it) | Kind::Entrypoint(it) | Kind::Healthcheck(Some(it)) => command(it),
        Kind::Healthcheck(None) => " none".into(),
        Kind::Shell(list) | Kind::Expose(list) | Kind::Volume(list) => words(list),
        Kind::Copy(it) | Kind::Add(it) => format!("{} to {:?}", words(&it.sources), it.destination.text),
        Kind::Env(pairs) | Kind::Label(pairs) => pairs.iter().map(pair).collect(),
        Kind::Arg(list) => list
            .iter()
            .map(|it| {
                format!(
                    " {:?}{}",
                    it.name.text,
                    it.default.as_ref().map_or_else(String::new, |it| format!("={:?}", it.text))
                )
            })
            .collect(),
        Kind::User(it) | Kind::Workdir(it) | Kind::StopSignal(it) | Kind::Maintainer(it) => format!(" {:?}", it.text),
        Kind::OnBuild(inner) => format!(" {}", detail(inner)),
        Kind::Unknown => " unknown".into(),
        Kind::Broken => " broken".into(),
    };
    out
}

#[test]
fn heredocs_keep_their_lines() {
    let text = "# syntax=docker/dockerfile:1\nFROM debian\nRUN <<EOF\nset -e\n# a comment of the script\nmake\nEOF\n\
                RUN python3 <<-'PY' && cat 3<<\"A B\" \\\n  >out\n\timport os\n\tPY\nx\nA B\nCOPY <<a <<b /etc/\n1\na\n2\nb\n\
                ONBUILD RUN <<EOF\ninner\nEOF\nRUN cat<<EOF\nRUN echo $((1<<8)) <<<x\nUSER 1\n";
    insta::assert_snapshot!(shown(text), @r##"
2-2 FROM "debian"
3-7 RUN shell "set -e\n# a comment of the script\nmake\n" | EOF at <<EOF line 4 bytes 38 (0, false, true)
8-13 RUN shell "python3 <<-'PY' && cat 3<<\"A B\"   >out\n\timport os\n\tPY\nx\nA B" | PY at <<-'PY' line 10 bytes 11 (0, true, false) | A B at 3<<"A B" line 12 bytes 2 (3, false, false)
14-18 COPY "<<a" "<<b" to "/etc/" | a at <<a line 15 bytes 2 (0, false, true) | b at <<b line 17 bytes 2 (0, false, true)
19-21 ONBUILD RUN shell "inner\n" | EOF at <<EOF line 20 bytes 6 (0, false, true)
22-22 RUN shell "cat<<EOF"
23-23 RUN shell "echo $((1<<8)) <<<x"
24-24 USER "1"
"##);
    let file = Dockerfile::parse(text.as_bytes());
    let script = file.script(2).expect("a script");
    let documents: Vec<_> = script.commands.iter().flat_map(|command| &command.redirections).collect();
    assert_eq!(documents.len(), 3);
    let lines: Vec<_> = script.commands.iter().map(|command| file.position(command.span.start).line).collect();
    assert_eq!(lines, [8, 8]);
}

#[test]
fn every_form_is_read() {
    let text = "FROM --platform=$BUILDPLATFORM a:1 AS Build\nARG A B=1 C=\"x y\"\nENV A=1 B=\"x y\" C=x\\ y\nENV old  style value \n\
                LABEL a.b=\"c\" 'd e'=f\nRUN --mount=type=cache,target=/x --network=none make\nCMD [\"a\", \"b\\\"c\"]\nCMD [\"a\" b]\n\
                ENTRYPOINT [ -x ]\nHEALTHCHECK --interval=5s CMD curl -f x\nHEALTHCHECK none\nCOPY --from=b:1 --link a b /c/\n\
                COPY [\"a b\", \"/c d\"]\nADD --checksum=$SUM https://x.example/y /z\nEXPOSE 80/tcp  443\nVOLUME [\"/a\", \"/b\"]\n\
                VOLUME /a /b\nUSER a:b\nWORKDIR /a b\nSTOPSIGNAL 9\nMAINTAINER a <b@c>\nSHELL [\"bash\", \"-c\"]\nonbuild run x\n";
    insta::assert_snapshot!(shown(text), @r##"
1-1 FROM --platform="$BUILDPLATFORM" "a:1" as "Build"
2-2 ARG "A" "B"="1" "C"="\"x y\""
3-3 ENV "A"="1" "B"="\"x y\"" "C"="x\\ y"
4-4 ENV "old"="style value"
5-5 LABEL "a.b"="\"c\"" "'d e'"="f"
6-6 RUN --mount="type=cache,target=/x" --network="none" shell "make"
7-7 CMD exec "a" "b\"c"
8-8 CMD shell "[\"a\" b]"
9-9 ENTRYPOINT shell "[ -x ]"
10-10 HEALTHCHECK --interval="5s" shell "curl -f x"
11-11 HEALTHCHECK none
12-12 COPY --from="b:1" --link "a" "b" to "/c/"
13-13 COPY "a b" to "/c d"
14-14 ADD --checksum="$SUM" "https://x.example/y" to "/z"
15-15 EXPOSE "80/tcp" "443"
16-16 VOLUME "/a" "/b"
17-17 VOLUME "/a" "/b"
18-18 USER "a:b"
19-19 WORKDIR "/a b"
20-20 STOPSIGNAL "9"
21-21 MAINTAINER "a <b@c>"
22-22 SHELL "bash" "-c"
23-23 ONBUILD RUN shell "x"
"##);
}

#[test]
fn what_is_wrong_is_told_and_the_rest_is_read() {
    let text = "FROM a\nRUM x\nRUN y\nCOPY a\nENV\nENV a\nENV a=b c\nUSER\nCMD [1]\nSHELL bash\nHEALTHCHECK x\n\
                ONBUILD ONBUILD RUN x\nONBUILD FROM x\nFROM a b\nFROM a AS 1x\nRUN --mout=a x\nCOPY --link=x --from a b\n\
                EXPOSE\n# escape=`\nRUN <<EOF\nnever ended\n";
    insta::assert_snapshot!(shown(text), @r##"
1-1 FROM "a"
2-2 RUM unknown
3-3 RUN shell "y"
4-4 COPY broken
5-5 ENV broken
6-6 ENV broken
7-7 ENV broken
8-8 USER broken
9-9 CMD broken
10-10 SHELL broken
11-11 HEALTHCHECK broken
12-12 ONBUILD ONBUILD broken
13-13 ONBUILD broken
14-14 FROM broken
15-15 FROM broken
16-16 RUN --mout="a" shell "x"
17-17 COPY --link="x" --from "a" to "b"
18-18 EXPOSE broken
20-21 RUN shell "never ended" | EOF at <<EOF line 21 bytes 11 (0, false, true)
error 2:1 `RUM` is no instruction; did you mean `RUN`?
error 4:6 `COPY` wants sources and a destination
error 5:1 `ENV` wants at least one argument
error 6:5 `ENV` wants `name=value`
error 7:9 `c` is no `name=value`
error 8:1 `USER` wants at least one argument
error 9:5 the JSON list of `CMD` holds something else than strings
error 10:7 `SHELL` wants a JSON list of strings, such as ["/bin/sh", "-c"]
error 11:13 `HEALTHCHECK` wants `CMD` or `NONE`
error 12:9 `ONBUILD` cannot stand behind `ONBUILD`
error 13:9 `FROM` cannot stand behind `ONBUILD`
error 14:6 `FROM` wants an image, or an image, `AS` and a name
error 15:11 `1x` cannot name a stage: letters, digits, `-`, `_` and `.` can, a letter first
error 16:5 `RUN` has no flag `--mout`; did you mean `--mount`?
error 17:6 `--link` is `true` or `false`
error 17:15 `--from` wants a value
error 18:1 `EXPOSE` wants at least one argument
error 20:5 no line `EOF` ends this heredoc
"##);
    insta::assert_snapshot!(shown(""), @"error 1:1 the file holds no instruction");
    insta::assert_snapshot!(shown("# only\n\n"), @"error 1:1 the file holds no instruction");
    insta::assert_snapshot!(shown("ARG A\nRUN x\n"), @r##"
1-1 ARG "A"
2-2 RUN shell "x"
error 2:1 `RUN` stands before the first `FROM`; only `ARG` can
"##);
    insta::assert_snapshot!(shown("ARG A\n"), @r##"
1-1 ARG "A"
error 1:1 the file has no `FROM`
"##);
    insta::assert_snapshot!(shown("# escape=x\n# escape=`\nFROM ${NONE}\n"), @r##"
3-3 FROM "${NONE}"
error 1:10 `x` cannot be the escape character, only ` or \ can
error 2:1 the directive `escape` stands twice
error 3:6 `${NONE}` is empty: no `ARG` before the first `FROM` sets it
"##);
}

#[test]
fn continuations_comments_and_line_ends() {
    let text = "\u{feff}#  Escape = `\r\n# comment\r\nFROM a\r\nRUN a `\r\n  # no\r\n\r\n  b `  \r\n && c``\r\nRUN d \\\r\n  CMD e `";
    insta::assert_snapshot!(shown(text), @r##"
3-3 FROM "a"
4-8 RUN shell "a   b  && c``"
9-9 RUN shell "d \\"
10-10 CMD shell "e"
warning 6:1 an empty line stands in a continued instruction; Docker warns of it
"##);
    insta::assert_snapshot!(shown("FROM a\n\\\nRUN \\\\\n  x\nRU\\\nN y\n  # z\n\t USER u\n"), @r##"
1-1 FROM "a"
3-3 RUN shell "\\\\"
4-4 X unknown
5-6 RUN shell "y"
8-8 USER "u"
error 4:3 `X` is no instruction
"##);
    let latin = Dockerfile::parse(b"# caf\xe9\nFROM a\n");
    assert_eq!(latin.text.len(), 13 + 1);
    assert!(!latin.is_refused());
}

#[test]
fn variables_follow_their_scope() {
    let text = "ARG TAG=1.2\nARG EMPTY\nFROM img:$TAG AS base\nENV A=a B=${A:-none} C=\"$A\"\nENV A=z D=$A\nARG TAG\nARG OWN=own\n\
                RUN x\nFROM base\nARG A=lost\nRUN y\nFROM scratch\nRUN z\n";
    let file = Dockerfile::parse(text.as_bytes());
    let at = |line: u64| {
        file.instructions.iter().position(|it| file.position(it.span.start).line == line).expect("an instruction")
    };
    let cases: &[(u64, &str, &str)] = &[
        (3, "img:$TAG", "img:1.2 defaults TAG"),
        (3, "$EMPTY", "${EMPTY} unknown EMPTY"),
        (3, "${EMPTY:-x}", "x defaults EMPTY"),
        (3, "$NONE", " unset NONE"),
        (3, "$TARGETARCH", "${TARGETARCH} unknown TARGETARCH"),
        (8, "$A $B $C $D", "z none ${C} a unknown C defaults A"),
        (8, "$TAG", "1.2 defaults TAG"),
        (8, "$EMPTY", "${EMPTY} unknown EMPTY"),
        (8, "$OWN", "own defaults OWN"),
        (8, "$PATH", "${PATH} unknown PATH"),
        (11, "$A", "z"),
        (11, "$OWN", "own defaults OWN"),
        (13, "$A", " unset A"),
        (8, "${A:+yes} ${NONE+yes}", "yes ${NONE} unknown NONE"),
        (13, "${A:+yes}.${A-x}", ".x"),
        (13, "${A:?it is missing}", "${A:?it is missing} error `A` must be set and is not"),
        (8, "'$A' \"$A\" \\$A", "$A z $A"),
        (8, "${TAG%.*} ${TAG#*.} ${TAG/./-} ${TAG//[0-9]/x}", "1 2 1-2 1.2 defaults TAG"),
        (8, "${OWN##*o} ${OWN%%w*}", "wn o defaults OWN"),
        (8, "${A", "${A error `}` is missing"),
        (8, "${A^^}", "${A^^} error this form of `${…}` does not exist in Dockerfiles"),
        (8, "$ $$ a$", "$  a$"),
    ];
    for (line, text, expected) in cases {
        let resolved = file.scope(at(*line)).expand(text);
        let mut shown = resolved.shown.clone();
        let lists = [("unknown", &resolved.unknown), ("defaults", &resolved.defaults), ("unset", &resolved.unset)];
        for (what, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            shown += &format!(" {what} {}", names.join(" "));
        }
        shown += &resolved.error.map_or_else(String::new, |error| format!(" error {error}"));
        assert_eq!(shown, *expected, "line {line}: {text}");
    }
    let environment = file.environment_of(1);
    assert_eq!(environment.keys().map(String::as_str).collect::<Vec<_>>(), ["A", "B", "C", "D"]);
    let bomb = format!("FROM scratch\nENV A={}\n{}", "x".repeat(64), "ENV A=$A$A\n".repeat(64));
    let file = Dockerfile::parse(bomb.as_bytes());
    assert_eq!(file.scope_after(0).expand("$A").text(), None);
}

#[test]
fn stages_know_what_they_need() {
    let text = "FROM a AS one\nFROM one AS two\nRUN x\nFROM b AS three\nFROM scratch\nCOPY --from=TWO /a /\nCOPY --from=2 /a /\n\
                COPY --from=nginx:1 /a /\nFROM two\nRUN --mount=type=bind,from=three,target=/x y\n";
    let file = Dockerfile::parse(text.as_bytes());
    let needs: Vec<_> = file.stages.iter().map(|stage| stage.needs.clone()).collect();
    assert_eq!(needs, [vec![], vec![0], vec![], vec![1, 2], vec![1, 2]]);
    assert_eq!(file.stages_for(3), [true, true, true, true, false]);
    assert_eq!(file.image_of(4).and_then(Resolved::text), Some("a"));
    assert!(file.image_of(3).is_none());
    assert_eq!(file.stage_named("Two", 4).map(|stage| stage.index), Some(1));
    assert!(file.stage_named("two", 1).is_none() && file.stage_named("9", 4).is_none());
}
