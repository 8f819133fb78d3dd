//! Corners: types that are known only when values are there, the last that is taken and the first that is not, words
//! of the language, and what steps are taken.

use super::*;

/// A rule that others know too.
static CIS: Rule = Rule { id: "image/no-user", also: &["CIS-DI-0001"], ..Rule::NEW };

#[test]
fn values_whose_type_is_known_late_are_checked_late() {
    for (text, expected) in [
        // a list of unlike items says nothing of each
        (r#"[1, "a"][1] == "a""#, Ok(true)),
        (r#"(true ? 1 : "a") == "a""#, Ok(false)),
        ("finding.evidence.bytes + finding.evidence.bytes == 8192", Ok(true)),
        (r#"[duration("1h"), 1][0] + [today, 1][0] == today + duration("1h")"#, Ok(true)),
        (r#"[duration("1h"), 1][0] + today == today + duration("1h")"#, Ok(true)),
        (r#"duration("1h") + today > today && [today, 1][0] - [image.created, 1][0] > duration("1h")"#, Ok(true)),
        (r#"[duration("1h"), 1][0] - [duration("30m"), 1][0] == duration("30m")"#, Ok(true)),
        (r#"[[1], 1][0] + [[2], 1][0] == [1, 2] && ["a", 1][0] + ["b", 1][0] == "ab""#, Ok(true)),
        (r#"[duration("1h"), 1][0] * [duration("1h"), 1][0] == 1"#, Err("`*` for a duration and a duration")),
        (r#"[today, 1][0] * [duration("1h"), 1][0] == 1"#, Err("`*` for a timestamp and a duration")),
        (r#"[duration("1h"), 1][0] - [today, 1][0] == 1"#, Err("`-` for a duration and a timestamp")),
        ("[today, 1][0] + [today, 1][0] == 1", Err("`+` for a timestamp and a timestamp")),
        ("[[1], 1][0] - [[1], 1][0] == 1", Err("`-` for a list and a list")),
        (r#"["a", 1][0] - ["b", 1][0] == 1"#, Err("`-` for a string and a string")),
        ("[1.5, 1][0] % [1.5, 1][0] == 1", Err("`%` for a double and a double")),
    ] {
        let expected = expected.map_err(|what| format!("there is no {what}"));
        assert_eq!(of_flaw(text), expected, "{text}");
    }
}

#[test]
fn what_types_rule_out_is_told_before() {
    for (text, message, part) in [
        (r#"[1, 2][0] == "a""#, "an int and a string are never equal", r#"[1, 2][0] == "a""#),
        (r#"(true ? 1 : 2) == "a""#, "an int and a string are never equal", r#"(true ? 1 : 2) == "a""#),
        ("today.year == 1", "a timestamp has no field `year`", "year"),
        ("image.labels[1.5] == \"a\"", "a key is a string, an int or a bool; this is a double", "1.5"),
        ("finding.layer - \"a\" == 1", "an int and a string have no `-`", "finding.layer - \"a\""),
        ("\"a\" - finding.layer == 1", "a string and an int have no `-`", "\"a\" - finding.layer"),
        ("1.5 % 2.5 == 1.0", "a double and a double have no `%`", "1.5 % 2.5"),
        ("[1] - [1] == []", "a list and a list have no `-`", "[1] - [1]"),
        ("today + today > today", "a timestamp and a timestamp have no `+`", "today + today"),
        (r#"today * duration("1h") > today"#, "a timestamp and a duration have no `*`", r#"today * duration("1h")"#),
        (r#"duration("1h") - today > today"#, "a duration and a timestamp have no `-`", r#"duration("1h") - today"#),
        (
            r#"duration("1h") * duration("1h") > duration("1h")"#,
            "a duration and a duration have no `*`",
            r#"duration("1h") * duration("1h")"#,
        ),
        (
            "finding.evidence.bytes * today > today",
            "a value of unknown type and a timestamp have no `*`",
            "finding.evidence.bytes * today",
        ),
        ("null < finding.layer", "null and an int have no order", "null < finding.layer"),
        ("finding.in == 1", "there is `in` where a name belongs", "in"),
        ("1e > 0", "`1` runs into a word", "1"),
        ("br\"x\" == \"x\"", "conditions have no bytes; leave out the `b`", "br\""),
        ("\"a\nb\" == \"x\"", "this text has no \" at its end", "\""),
        ("bool(\"x\")", "`x` is not true or false", "bool(\"x\")"),
        ("double(\"x\") > 1.0", "`x` is not a number", "double(\"x\")"),
        ("int(double(\"NaN\")) > 0", "NaN is beyond a number of 64 bits", "int(double(\"NaN\"))"),
        (
            "int(double(\"9223372036854775808\")) > 0",
            "9.223372036854776e18 is beyond a number of 64 bits",
            "int(double(\"9223372036854775808\"))",
        ),
        (
            "int(double(\"-9223372036854775808\")) < 0",
            "-9.223372036854776e18 is beyond a number of 64 bits",
            "int(double(\"-9223372036854775808\"))",
        ),
        (
            "duration(\"35136001h\") > duration(\"1h\")",
            "`35136001h` is not a duration such as `720h` or `1h30m`; its units are h, m, s and ms",
            "duration(\"35136001h\")",
        ),
        (
            "finding.confidence == \"hihg\"",
            "`finding.confidence` is never `hihg`; did you mean `high`?; it is low, medium, high",
            "\"hihg\"",
        ),
        (
            "finding.visibility == \"lives\"",
            "`finding.visibility` is never `lives`; did you mean `live`?; it is live, deleted, overwritten",
            "\"lives\"",
        ),
    ] {
        assert_eq!(problem(text), (message.to_owned(), part.to_owned()), "{text}");
    }
    let longest = |letters: usize| Condition::compile(&format!("finding.rule.matches(\"{}\")", "a".repeat(letters)));
    assert!(longest(512).is_ok() && longest(513).is_err());
}

#[test]
fn words_that_a_field_never_is_are_told() {
    let known = |text: &str| Condition::compile_for(text, &[&FLAW, &ROOT, &CIS]).map(|_| ()).map_err(|why| why.message);
    for text in [
        "finding.rule == \"image/root-user\"",
        "finding.rule == \"policy/waiver-unused\"",
        "finding.family == \"image\" || finding.family in [\"package\", \"policy\"]",
        "finding.ecosystem == \"npm\"",
        "image.platform == \"linux/amd64\"",
    ] {
        assert_eq!(known(text), Ok(()), "{text}");
    }
    for (text, said) in [
        ("finding.rule == \"image/rot-user\"", "never `image/rot-user`; did you mean `image/root-user`?"),
        ("finding.rule in [\"image/root-user\", \"CIS-DI-0001\"]", "never `CIS-DI-0001`; here that is `image/no-user`"),
        ("finding.family == \"pakage\"", "never `pakage`; did you mean `package`?"),
        ("finding.ecosystem == \"debian\"", "`finding.ecosystem` is never `debian`"),
        ("image.platform == \"amd64\"", "`image.platform` is never `amd64`; did you mean `linux/amd64`?"),
    ] {
        let told = known(text).expect_err(text);
        assert!(told.contains(said), "{text}: {told}");
    }
    // where rules are not known, any may be
    assert!(Condition::compile("finding.rule == \"a/b\" || finding.family == \"a\"").is_ok());
}

#[test]
fn the_language_is_read_to_its_corners() {
    for text in [
        r#""\a\b\f\r\v\?\`" == "\x07\x08\x0c\x0d\x0b?`" && "\U0001f600" == "😀""#,
        "\"\"\"a\nb\"\"\" == \"a\\nb\"",
        r#"r"\a" == "\\a" && R'\d' == "\\d""#,
        r#"bool("t") && bool("1") && bool("TRUE") && !bool("f") && !bool("0") && bool(finding.fixable)"#,
        "int(finding.layer) == 3 && double(finding.cvss) == 7.2 && timestamp(today) == today",
        "duration(today - image.created) == today - image.created",
        r#"string(duration("0s")) == "0s" && string(duration("-1s")) == "-1s" && string(duration("1ms")) == "0.001s""#,
        r#"duration("35136000h") > duration("1h")"#,
        r#"size(image.labels) == 2 && size({"a": 1}) == 1 && {"a": 1} != {"a": 1, "b": 2}"#,
        "1e2 == 100.0 && 1e+2 == 100.0 && 1E-2 == 0.01 && 1.5e1 == 15.0 && 0XfF == 255",
    ] {
        assert_eq!(of_flaw(text), Ok(true), "{text}");
    }
}

#[test]
fn the_deepest_that_is_taken() {
    let is_taken = |text: &str| Condition::compile(text).map(|_| ()).map_err(|why| why.message);
    let too_deep = Err("parts are nested more than 48 deep".to_owned());
    let sum = |more: usize| format!("1{} > 0", " + 1".repeat(more));
    let brackets = |count: usize| format!("{}true{}", "(".repeat(count), ")".repeat(count));
    let bangs = |count: usize| format!("{}true", "!".repeat(count));
    // one step is the comparison
    assert_eq!((is_taken(&sum(46)), is_taken(&sum(47))), (Ok(()), too_deep.clone()));
    assert_eq!((is_taken(&brackets(47)), is_taken(&brackets(48))), (Ok(()), too_deep.clone()));
    assert_eq!((is_taken(&bangs(47)), is_taken(&bangs(48))), (Ok(()), too_deep.clone()));
    // what a list holds counts too
    let list = |more: usize| format!("{}1{}{} == []", "[".repeat(10), " + 1".repeat(more), "]".repeat(10));
    assert_eq!((is_taken(&list(36)), is_taken(&list(37))), (Ok(()), too_deep));
}

#[test]
fn steps_are_counted() {
    let steps = |text: &str, message: usize| {
        let mut finding = flaw();
        finding.message = "a".repeat(message);
        finding.subject = "a".repeat(message / 40 * 40);
        let facts = facts();
        let image = ImageObject::new(&facts, today());
        let object = FindingObject::new(&finding, Origin::App, Ages::default());
        let condition = Condition::compile(text).expect(text);
        condition.holds(&object, &image).expect(text);
        MOST_STEPS_IN_ALL - image.steps.get()
    };
    for (text, message, expected) in [
        // the comparison and its sides
        ("finding.message == finding.subject", 40, 3),
        // texts that are long, and of one length, are looked at
        ("finding.message == finding.subject", 4_000, 253),
        ("finding.message == finding.subject", 4_001, 3),
        ("finding.message == finding.message", 63, 3),
        ("finding.message == finding.message", 64, 7),
        // a map that is written out is made once
        ("\"a\" in {\"a\": 1, \"b\": 2}", 0, 3),
    ] {
        assert_eq!(steps(text, message), expected, "{text} of {message}");
    }
}
