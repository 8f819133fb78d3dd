//! Scripts and what is read of them.

use super::*;

/// Each command as `[before]words <redirections {constructs`.
fn shown(text: &str) -> (Vec<String>, bool) {
    let script = read(&Text::of(text, 0), Interpreter::Default);
    let show = |command: &Command| {
        assert!(text.get(command.span.start..command.span.end).is_some(), "{text}");
        let before = match command.before {
            Connector::Edge => "",
            Connector::And => "&& ",
            Connector::Or => "|| ",
            Connector::Then => "; ",
            Connector::Background => "& ",
            Connector::Pipe => "| ",
        };
        let mut line = before.to_owned();
        if command.is_negated {
            line += "! ";
        }
        let words = command.assignments.iter().chain(&command.words).map(|word| word.text.clone());
        line += &words.collect::<Vec<_>>().join(" ");
        for redirection in &command.redirections {
            let number = redirection.descriptor.map_or_else(String::new, |number| number.to_string());
            line += &format!(" {number}{}{}", redirection.operator, redirection.target.text);
            if let Some(document) = &redirection.document {
                line += &format!("={:?}", document.as_str());
            }
        }
        for enclosing in &command.within {
            line += &format!(" {{{:?}", enclosing.kind);
        }
        line
    };
    (script.commands.iter().map(show).collect(), script.is_complete)
}

#[test]
fn commands_are_split_as_a_shell_does() {
    let cases: &[(&str, &[&str])] = &[
        ("apt-get update && apt-get install -y curl", &["apt-get update", "&& apt-get install -y curl"]),
        ("a; b || c & d | e", &["a", "; b", "|| c", "& d", "| e"]),
        ("echo 'a && b' \"c; $(d | e)\"", &["d {Substitution", "| e {Substitution", "echo a && b c; $(d | e)"]),
        ("A=1 B='x y' make -j2 >log 2>&1", &["A=1 B=x y make -j2 >log 2>&1"]),
        (
            "if a; then b; elif c; then d; else e; fi && f",
            &["a {Condition", "b {Branch", "c {Condition", "d {Branch", "e {Branch", "&& f"],
        ),
        ("for x in a b $(c); do d \"$x\"; done; e", &["c {Substitution", "d $x {Loop", "; e"]),
        ("while read -r l; do a; done < file", &["read -r l {LoopCondition", "a {Loop", " <file"]),
        ("case \"$a\" in x|y) b;; (*) c && d ;; esac; e", &["b {Case", "c {Case", "&& d {Case", "; e"]),
        ("(cd a && b) || { c; d; }", &["cd a {Subshell", "&& b {Subshell", "|| c {Group", "; d {Group"]),
        ("f() { a; }; f", &["a {Function", "; f"]),
        ("cat <<EOF >a && b\nx $(y)\nEOF\nc", &["cat <<EOF=\"x $(y)\\n\" >a", "&& b", "; c"]),
        ("cat <<-'E'\n\tx\n\tE\n", &["cat <<-E=\"\\tx\\n\""]),
        ("! a | b", &["! a", "| ! b"]),
        ("[[ a && -f b ]] && c", &["[[ a && -f b ]]", "&& c"]),
        ("[ -f a ] || b", &["[ -f a ]", "|| b"]),
        (
            "x=`a b`; y=$((1 + 2)); echo ${z:-$(c)}",
            &["a b {Substitution", "x=`a b`", "; y=$((1 + 2))", "c {Substitution", "; echo ${z:-$(c)}"],
        ),
        ("diff <(a) <(b)", &["a {Substitution", "b {Substitution", "diff <(a) <(b)"]),
        ("a \\\n b # c && d\ne", &["a b", "; e"]),
        ("a &&\n\n b", &["a", "&& b"]),
        ("echo a\\ b $'c\\n' a#b", &["echo a b c\\n a#b"]),
        ("set -eux; \\\n a", &["set -eux", "; a"]),
        ("", &[]),
        ("a=(b c) d", &["a= d"]),
        ("function f { a; }", &["a {Function"]),
        ("until a; do b; done", &["a {LoopCondition", "b {Loop"]),
        ("curl -fsSL https://x.example | bash -s -- -y", &["curl -fsSL https://x.example", "| bash -s -- -y"]),
        ("sed -i 's/a/b/' f && echo \"it's\"", &["sed -i s/a/b/ f", "&& echo it's"]),
        ("case $(a) in b) c ;; esac", &["a {Substitution", "c {Case"]),
        ("a &> b; c >> d", &["a &>b", "; c >>d"]),
        ("if [ -n \"$x\" ]; then\n a\nfi", &["[ -n $x ] {Condition", "a {Branch"]),
    ];
    for (text, expected) in cases {
        let (commands, is_complete) = shown(text);
        assert_eq!(commands, *expected, "{text}");
        assert!(is_complete, "{text}");
    }
}

#[test]
fn what_is_broken_is_said() {
    for text in ["echo 'a", "echo \"a", "a $(b", "if a; then b", "fi", "a )", "case a in b", "f(", "cat <<E\nx"] {
        assert!(!shown(text).1, "{text}");
    }
    let deep = format!("{}a{}", "$(".repeat(200), ")".repeat(200));
    assert!(!shown(&deep).1);
    assert!(!shown(&"(".repeat(1000)).1);
}

#[test]
fn words_know_what_is_expanded() {
    let script = read(&Text::of("a 'b' \"$c\" $d x* ~/y \"`e`\" $(f) $#", 0), Interpreter::Default);
    let words = &script.commands.last().expect("one").words;
    let facts: Vec<_> = words.iter().map(|word| (word.is_literal, word.is_quoted, word.splits)).collect();
    let expected = [
        (true, false, false),
        (true, true, false),
        (false, true, false),
        (false, false, true),
        (false, false, false),
        (false, false, false),
        (false, true, false),
        (false, false, true),
        (false, false, false),
    ];
    assert_eq!(facts, expected);
}

#[test]
fn shells_and_other_interpreters_are_told_apart() {
    let interpreter = |text: &str| {
        let file = Dockerfile::parse(text.as_bytes());
        let script = file.script(file.instructions.len().saturating_sub(1)).expect("a script");
        let names: Vec<String> = script.commands.iter().map(|command| command.name().to_owned()).collect();
        (script.interpreter, names.join(" "))
    };
    let shell = |name: &str, flags: &[&str]| {
        Interpreter::Shell(name.into(), flags.iter().map(|flag| (*flag).to_owned()).collect())
    };
    let cases = [
        ("FROM a\nRUN b && c", Interpreter::Default, "b c"),
        (
            "FROM a\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN b | c",
            shell("bash", &["-o", "pipefail", "-c"]),
            "b c",
        ),
        ("FROM a AS x\nSHELL [\"bash\", \"-c\"]\nFROM x\nRUN b", shell("bash", &["-c"]), "b"),
        ("FROM a\nSHELL [\"powershell\", \"-Command\"]\nRUN Get-Item | b", Interpreter::Other("powershell".into()), ""),
        ("FROM mcr.example/windows/servercore:1\nRUN dir", Interpreter::Other("cmd".into()), ""),
        ("FROM a\nRUN <<E\n#!/usr/bin/env python3\nprint(1)\nE", Interpreter::Other("python3".into()), ""),
        ("FROM a\nRUN <<E\n#!/bin/bash -e\nb\nc\nE", shell("bash", &["-e"]), "b c"),
        ("FROM a\nRUN [\"/usr/bin/apt-get\", \"update\"]", Interpreter::None, "apt-get"),
        ("FROM a\nRUN [\"bash\", \"-ec\", \"b && c\"]", shell("bash", &["-ec"]), "b c"),
    ];
    for (text, expected, names) in cases {
        assert_eq!(interpreter(text), (expected, names.to_owned()), "{text}");
    }
}

#[test]
fn words_of_a_run_stand_where_they_are_written() {
    let text = "FROM a\nRUN apt-get update \\\n  # why\n  && apt-get install \\\n  -y cu\\\nrl <<X\nb\nX\n";
    let file = Dockerfile::parse(text.as_bytes());
    let script = file.script(1).expect("a script");
    let place = |span: Span| (file.position(span.start), file.position(span.end), file.source(span).to_owned());
    let last = script.commands.last().expect("one");
    let curl = last.words.last().expect("one");
    assert_eq!(curl.text, "curl");
    let (start, end, source) = place(curl.span);
    assert_eq!((start.line, start.column, end.line, end.column, source.as_str()), (5, 6, 6, 3, "cu\\\nrl"));
    assert_eq!(file.source(last.redirections.first().expect("one").span), "<<X");
    assert!(last.flag(&["-y", "--yes"]).is_some() && last.flag(&["-q"]).is_none());
    let operands: Vec<_> = last.operands().map(|word| word.text.as_str()).collect();
    assert_eq!(operands, ["install", "curl"]);
}

#[test]
fn scripts_inside_scripts_are_read_where_they_stand() {
    // `source of the command | interpreter` in order; constructs of another kind than the script are left out
    let inside = |text: &str| -> Vec<String> {
        let file = Dockerfile::parse(text.as_bytes());
        let script = file.script(file.instructions.len().saturating_sub(1)).expect("a script");
        assert!(script.is_complete, "{text}");
        let show = |command: &Command| {
            let words: Vec<_> = command.words.iter().map(|word| file.source(word.span)).collect();
            let depth = command.within.iter().filter(|enclosing| enclosing.kind == Construct::Script).count();
            let who = match script.interpreter_of(command) {
                Interpreter::Shell(name, flags) => format!("{name} {}", flags.join(" ")),
                other => format!("{other:?}"),
            };
            format!("{depth} {} | {}", words.join("·"), who.trim_end())
        };
        script.commands.iter().map(show).collect()
    };
    let cases: &[(&str, &[&str])] = &[
        ("RUN bash -c 'a && b c'", &["1 a | bash -c", "1 b·c | bash -c", "0 bash·-c·'a && b c' | Default"]),
        (
            r#"RUN sh -lc "a \"b c\" \$d" && e"#,
            &[r#"1 a·"b c\"·$d | sh -lc"#, r#"0 sh·-lc·"a \"b c\" \$d" | Default"#, "0 e | Default"],
        ),
        (
            "RUN sudo -u x /bin/bash -euo pipefail -c 'a | b' x",
            &[
                "1 a | bash -euo pipefail -c",
                "1 b | bash -euo pipefail -c",
                "0 sudo·-u·x·/bin/bash·-euo·pipefail·-c·'a | b'·x | Default",
            ],
        ),
        (
            "RUN bash -c \"bash -c 'a'; sh -c b\"",
            &[
                "2 a | bash -c",
                "1 bash·-c·'a' | bash -c",
                "2 b | sh -c",
                "1 sh·-c·b | bash -c",
                "0 bash·-c·\"bash -c 'a'; sh -c b\" | Default",
            ],
        ),
        ("RUN su - x -c 'a b'", &["1 a·b | sh", "0 su·-·x·-c·'a b' | Default"]),
        ("RUN busybox sh -c 'a'", &["1 a | sh -c", "0 busybox·sh·-c·'a' | Default"]),
        (
            "RUN bash -c \"a $(b 'c') d && $(e)\"",
            &[
                "0 b·'c' | Default",
                "0 e | Default",
                "1 a·$(b 'c')·d | bash -c",
                "0 bash·-c·\"a $(b 'c') d && $(e)\" | Default",
            ],
        ),
        (
            "RUN bash -c \"a $x ${y:-z}\" ; sh -c \"$x\"",
            &[
                "1 a·$x·${y:-z} | bash -c",
                "0 bash·-c·\"a $x ${y:-z}\" | Default",
                "1 $x | sh -c",
                "0 sh·-c·\"$x\" | Default",
            ],
        ),
        ("RUN bash -c $'a\\nb'", &["1 a | bash -c", "1 b | bash -c", "0 bash·-c·$'a\\nb' | Default"]),
        ("RUN bash <<EOF\na \\\n  b\nc\nEOF", &["1 a·b | bash", "1 c | bash", "0 bash | Default"]),
        ("RUN <<EOF bash -e\na\nEOF", &["1 a | bash -e", "0 bash·-e | Default"]),
        (
            "RUN env A=b sh -s -- x <<-'EOF' && d\n\ta\n\tcat <<X\n\tb\n\tX\n\tEOF",
            &["1 a | sh -s --", "1 cat | sh -s --", "0 env·A=b·sh·-s·--·x | Default", "0 d | Default"],
        ),
        ("RUN cat <<EOF | sudo bash\na\nEOF", &["0 cat | Default", "1 a | bash", "0 sudo·bash | Default"]),
        ("RUN <<EOF\nbash -c 'a'\nEOF", &["1 a | bash -c", "0 bash·-c·'a' | Default"]),
        ("RUN bash -c \\\n  'a \\\n  b'", &["1 a·b | bash -c", "0 bash·-c·'a \\\n  b' | Default"]),
        ("RUN [\"bash\", \"-c\", \"a \\\"b\\\" && \\u00fcc\"]", &["0 a·\"b\\\" | bash -c", "0 fcc | bash -c"]),
        // scripts of their own are none
        ("RUN bash x.sh -c 'a'", &["0 bash·x.sh·-c·'a' | Default"]),
        ("RUN python3 -c 'a' && python3 <<EOF\nb\nEOF", &["0 python3·-c·'a' | Default", "0 python3 | Default"]),
        ("RUN bash x.sh <<EOF\na\nEOF", &["0 bash·x.sh | Default"]),
        ("RUN cat x <<EOF | bash\na\nEOF", &["0 cat·x | Default", "0 bash | Default"]),
        ("RUN bash -c", &["0 bash·-c | Default"]),
    ];
    for (text, expected) in cases {
        assert_eq!(inside(&format!("FROM x\n{text}\n")), *expected, "{text}");
    }
    let broken = |text: &str| !read(&Text::of(text, 0), Interpreter::Default).is_complete;
    assert!(broken("bash -c 'if a'") && !broken("bash -c \"if $(a)\""));
    let many = "sh -c a;".repeat(2_000);
    let script = read(&Text::of(&many, 0), Interpreter::Default);
    assert!(!script.is_complete && script.inner.len() == 1_000);
    let deep = (0..6).fold("a".to_owned(), |inner, _| format!("sh -c \"{}\"", inner.replace(['\\', '"'], "\\$0")));
    read(&Text::of(&deep, 0), Interpreter::Default);
}
