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
