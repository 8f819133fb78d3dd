//! Conditions, what they say of findings, how those that are wrong are told, and the crate `cel` as their oracle.

#![allow(clippy::arithmetic_side_effects, reason = "the numbers of tests are small")]

mod corners;
mod oracle;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::meter::MOST_STEPS_IN_ALL;
use super::*;
use crate::finding::{Finding, Location};
use crate::inventory::{Base, Origin};
use crate::path::ImagePath;
use crate::policy::{ConfigFacts, ImageFacts, PackageFacts};
use crate::rule::{Rule, Severity};
use crate::time::Timestamp;

static FLAW: Rule = Rule { id: "package/vulnerable", title: "Known flaw", severity: Severity::High, ..Rule::NEW };
static ROOT: Rule = Rule { id: "image/root-user", severity: Severity::Medium, ..Rule::NEW };

fn flaw() -> Finding {
    let location = Location::Package {
        purl: "pkg:npm/%40acme/lodash@4.17.20".into(),
        path: ImagePath::from("app/node_modules/lodash/package.json"),
        layer: 3,
    };
    let mut finding = Finding::new(&FLAW, "CVE-2021-23337", location, "lodash is affected")
        .evidence("ids", json!(["CVE-2021-23337", "GHSA-35jh-r3h4-6jhm"]))
        .evidence("fixed", "4.17.21")
        .evidence("rating", json!({"score": 7.2, "vector": "CVSS:3.1/…"}))
        .evidence("epss", json!({"score": 0.42, "percentile": 0.9}))
        .evidence("exploited", json!({"since": "2026-01-01"}))
        .evidence("bytes", 4096)
        .evidence("status", "open");
    finding.is_fixable = true;
    finding
}

fn facts() -> ImageFacts {
    let labels = [("org.opencontainers.image.source", "https://git.example/app"), ("team", "web")];
    ImageFacts {
        reference: "registry.example/app:1.2".into(),
        tags: vec!["app:1.2".into(), "app:latest".into()],
        platform: Some("linux/amd64".into()),
        distro: Some(("debian".into(), "12".into())),
        created: Some("2026-01-01T00:00:00Z".parse().expect("a time")),
        size: Some(300_000_000),
        shipped: Some(200_000_000),
        visible: Some(150_000_000),
        layers: Some(7),
        config: Some(ConfigFacts {
            user: "app".into(),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            ports: vec!["80/tcp".into(), "443/tcp".into()],
            ..ConfigFacts::default()
        }),
        base: Base { name: Some("debian:12".into()), ..Base::default() },
        packages: vec![PackageFacts { is_counted: true, ..PackageFacts::default() }, PackageFacts::default()],
        ..ImageFacts::default()
    }
}

fn today() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

fn judge(text: &str, finding: &Finding, facts: &ImageFacts) -> Result<bool, String> {
    let condition = Condition::compile(text).map_err(|problem| format!("does not compile: {}", problem.message))?;
    let finding = FindingObject::new(finding, Origin::App, Ages { advisory: Some(90), fix: Some(20) });
    condition.holds(&finding, &ImageObject::new(facts, today()))
}

fn of_flaw(text: &str) -> Result<bool, String> {
    judge(text, &flaw(), &facts())
}

/// What is wrong with a condition, and the part it points at.
fn problem(text: &str) -> (String, String) {
    let problem = Condition::compile(text).expect_err(text);
    (problem.message, text.get(problem.span).expect("a part of the text").to_owned())
}

#[test]
fn fields_say_what_the_finding_is() {
    let fingerprint = format!("finding.id == \"{}\"", flaw().fingerprint());
    for text in [
        &*fingerprint,
        r#"finding.rule == "package/vulnerable" && finding.family == "package" && finding.title == "Known flaw""#,
        r#"finding.severity == "high" && finding.severity_rank == 3 && finding.confidence == "high""#,
        r#"finding.message.contains("affected") && finding.subject.startsWith("CVE-2021-")"#,
        r#"finding.path == "/app/node_modules/lodash/package.json" && finding.path.endsWith(".json")"#,
        r#"finding.layer == 3 && finding.origin == "app" && finding.visibility == "live""#,
        r#"finding.purl == "pkg:npm/%40acme/lodash@4.17.20""#,
        r#"finding.package == "@acme/lodash" && finding.version == "4.17.20" && finding.ecosystem == "npm""#,
        r#""GHSA-35jh-r3h4-6jhm" in finding.ids && size(finding.ids) == 2"#,
        r#"finding.fixable && finding.fixed == "4.17.21" && finding.exploited"#,
        "finding.cvss == 7.2 && finding.epss > 0.4 && finding.bytes == 4096",
        "finding.age_days == 90 && finding.fix_age_days == 20",
        r#"finding.evidence.status == "open" && finding.evidence["epss"].percentile >= 0.9"#,
        "has(finding.evidence.status) && !has(finding.evidence.folder) && has(finding.evidence.rating.vector)",
        "!has(finding.key) && has(finding.purl) && has(finding.cvss)",
    ] {
        assert_eq!(of_flaw(text), Ok(true), "{text}");
    }
}

#[test]
fn what_is_not_known_is_empty_and_has_says_so() {
    let location = Location::Config { key: "User".into() };
    let finding = Finding::new(&ROOT, "user", location, "runs as root");
    let bare = ImageFacts { reference: "rootfs".into(), ..ImageFacts::default() };
    for text in [
        r#"finding.path == "config" && finding.key == "User""#,
        "finding.cvss == 0.0 && finding.epss == 0 && finding.bytes == 0 && finding.layer == 0",
        "!has(finding.cvss) && !has(finding.epss) && !has(finding.bytes) && !has(finding.layer)",
        r#"finding.purl == "" && finding.package == "" && !has(finding.package) && finding.ids == []"#,
        "!finding.exploited && !finding.fixable",
        "size(finding.evidence) == 0 && !has(finding.evidence.kind)",
        r#"image.digest == "" && image.distro.id == "" && !has(image.distro.id) && image.waste == 0"#,
        "!image.signature && !has(image.signature) && !has(image.labels) && size(image.labels) == 0",
        "!has(image.created) && image.age_days == 0 && !has(image.age_days) && image.ports == []",
    ] {
        assert_eq!(judge(text, &finding, &bare), Ok(true), "{text}");
    }
    let error = judge("image.created < today", &finding, &bare);
    assert_eq!(error, Err("`image.created` is not known; ask `has(image.created)` before".into()));
}

#[test]
fn fields_say_what_the_image_is() {
    for text in [
        r#"image.reference.matches("^registry[.]example/") && "app:latest" in image.tags"#,
        r#"image.platform == "linux/amd64" && image.distro.id == "debian" && image.distro.version == "12""#,
        "image.age_days == 59 && image.size > 200 * 1024 * 1024 && image.waste == 50000000 && image.layers == 7",
        r#"image.packages == 1 && image.user == "app" && !image.healthcheck"#,
        r#"image.labels["team"] == "web" && image.labels.team == "web" && has(image.labels.team)"#,
        r#"image.labels.exists(key, key.startsWith("org.opencontainers."))"#,
        r#"image.ports.all(port, port.endsWith("/tcp")) && image.base.name == "debian:12" && !has(image.base.digest)"#,
        r#"today - image.created > duration("720h") && image.created < timestamp("2026-01-02T00:00:00Z")"#,
        r#"today == timestamp("2026-03-01T12:00:00Z") && today + duration("12h") == timestamp("2026-03-02T00:00:00Z")"#,
    ] {
        assert_eq!(of_flaw(text), Ok(true), "{text}");
    }
}

#[test]
fn expressions_mean_what_cel_says() {
    for (text, expected) in [
        ("1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 / 2 == -3 && -7 % 3 == -1", true),
        ("10 - 3 - 2 == 5 && 2.5 * 2.0 == 5.0 && 0x10 == 16 && 1e3 == 1000 && .5 == 0.5", true),
        ("-9223372036854775808 < 0 && - 1 == -1 && --1 == 1 && !!true && !(1 > 2)", true),
        ("1 < 1.5 && 2 >= 2.0 && 1 == 1.0 && 1 in [1.0] && 1 != 1.5", true),
        (r#""a" + 'b' == "ab" && "a" < "b" && "Z" < "a" && "" == '' && "é" != "e""#, true),
        (
            r#""a\n\t\"\\\x41\u00e9\101" == 'a
	"\\AéA'"#
                .replace('\n', "\\n")
                .leak(),
            true,
        ),
        (r#"r"\d" == "\\d" && """a"b""" == 'a"b' && size("é€") == 2 && "é€".size() == 2"#, true),
        ("true ? false : true", false),
        (r#"(1 > 2 ? "a" : "b") == "b" && (false ? 1 : true ? 2 : 3) == 2"#, true),
        ("[1, 2] + [3] == [1, 2, 3] && [1, 2,][1] == 2 && size([]) == 0 && [[1]] == [[1.0]]", true),
        (r#"{"a": 1, "b": 2}["b"] == 2 && {"a": 1}.a == 1 && "a" in {"a": 1} && !("c" in {"a": 1})"#, true),
        (r#"{"a": 1, "b": [2]} == {"b": [2], "a": 1} && {1: "x"}[1] == "x" && {} == {}"#, true),
        ("[1, 2, 3].all(x, x > 0) && [1, 2, 3].exists(x, x == 2) && [1, 2, 3].exists_one(x, x > 2)", true),
        ("[].all(x, false) && ![].exists(x, true) && ![1, 2].exists_one(x, true) && [1].existsOne(x, true)", true),
        ("[1, 2, 3].map(x, x * 2) == [2, 4, 6] && [1, 2, 3].filter(x, x != 2) == [1, 3]", true),
        ("[1, 2, 3].map(x, x > 1, x * 10) == [20, 30] && [[1], [2]].map(x, x.map(y, y + 1)) == [[2], [3]]", true),
        (r#"{"high": 14, "critical": 7}[finding.severity] < finding.fix_age_days"#, true),
        (r#"int("12") == 12 && int(7.9) == 7 && int(-7.9) == -7 && double(3) == 3.0 && double("1e2") == 100.0"#, true),
        (r#"string(12) == "12" && string(1.5) == "1.5" && string(true) == "true" && bool("false") == false"#, true),
        (
            r#"string(duration("1h30m")) == "5400s" && string(duration("-1500ms")) == "-1.5s" && int(timestamp(5)) == 5"#,
            true,
        ),
        (
            r#"string(timestamp(0)) == "1970-01-01T00:00:00Z" && duration("1m") + duration("30s") == duration("90s")"#,
            true,
        ),
        (r#"duration("90m") > duration("1h") && timestamp(100) - duration("1m40s") == timestamp(0)"#, true),
        (r#"matches("v1.2", "^v[0-9]") && "abc".matches("b") && !"abc".matches("^b")"#, true),
        ("null == null && finding.evidence.ids != null", true),
        // what has no value does not matter where another part decides
        ("true || 1 / 0 == 1", true),
        ("1 / 0 == 1 || true", true),
        ("false && finding.evidence.nothing == 1", false),
        ("finding.evidence.nothing == 1 && false", false),
        ("[0, 1].exists(x, 1 / x == 1)", true),
        ("[0, 2].all(x, 1 / x == 1)", false),
        ("// a comment\ntrue // and another", true),
        ("finding.evidence.bytes == 4096.0 && finding.evidence.status != 4", true),
    ] {
        assert_eq!(of_flaw(text), Ok(expected), "{text}");
    }
}

#[test]
fn mistakes_are_told_where_they_stand() {
    for (text, message, part) in [
        ("", "the condition ends where a value belongs", ""),
        ("finding.fixable &&", "the condition ends where a value belongs", ""),
        ("finding.fixable finding.exploited", "there is `finding` where an operator, or the end belongs", "finding"),
        ("(finding.fixable", "the condition ends where `)` belongs", ""),
        ("finding.fixable)", "there is `)` where an operator, or the end belongs", ")"),
        ("[1, 2", "the condition ends where `,` or `]` belongs", ""),
        ("size(1,)", "there is `)` where a value belongs", ")"),
        ("finding.fixable = true", "`=` is no sign of CEL: `==` compares", "="),
        ("finding.fixable & true", "`&` is no sign of CEL: `&&` is \"and\"", "&"),
        ("finding.fixable # so", "`#` is no sign of CEL: a comment begins with `//`", "#"),
        ("é == 1", "`é` is no sign of CEL", "é"),
        ("\"abc", "this text has no \" at its end", "\""),
        (r#""\q" == "q""#, r#"no such escape; a backslash is `\\`, or `r"…"` takes it as it is"#, "\\"),
        (r#""\ud800" == """#, r#"no such escape; a backslash is `\\`, or `r"…"` takes it as it is"#, "\\"),
        ("b\"x\" == b\"x\"", "conditions have no bytes; leave out the `b`", "b\""),
        ("1u == 1u", "conditions have no unsigned numbers; write `1`", "1"),
        (
            "9223372036854775808 > 0",
            "`9223372036854775808` is more than a number of 64 bits holds",
            "9223372036854775808",
        ),
        ("99999999999999999999 > 0", "`99999999999999999999` is no number of 64 bits", "99999999999999999999"),
        ("1e999 > 0", "`1e999` is no number of 64 bits", "1e999"),
        ("12ab > 0", "`12` runs into a word", "12"),
        ("for == 1", "CEL keeps the word `for` for itself", "for"),
        (
            "findings.fixable",
            "there is no variable `findings`; did you mean `finding`?; there are finding, image, today",
            "findings",
        ),
        ("severity == \"high\"", "there is no variable `severity`; there are finding, image, today", "severity"),
        ("finding.fixible", "`finding` has no field `fixible`; did you mean `fixable`?", "fixible"),
        ("has(finding.cvs)", "`finding` has no field `cvs`; did you mean `cvss`?", "cvs"),
        ("image.distro.name == \"x\"", "`image.distro` has no field `name`; it has id, version", "name"),
        ("image.distro == \"x\"", "`image.distro` alone is no value; say which of its fields: id, version", "distro"),
        ("finding == 1", "`finding` alone is no value; say which of its fields, such as `finding.severity`", "finding"),
        ("finding.rule.id == 1", "a string has no field `id`", "id"),
        (
            "finding.subject.startWith(\"a\")",
            "there is no function `startWith`; did you mean `startsWith`?",
            "startWith",
        ),
        ("now() > today", "there is no function `now`", "now"),
        ("contains(finding.subject, \"a\")", "`contains` is called as `x.contains(y)`", "contains"),
        ("finding.subject.int() == 1", "`int` is called as `int(x)`", "int"),
        ("finding.subject.contains()", "`contains` takes 1 argument here, not 0", "contains"),
        ("finding.subject.contains(1)", "`contains` takes string; this is an int", "1"),
        ("size(finding.layer) == 1", "`size` takes string, list, map; this is an int", "finding.layer"),
        ("finding.severity == 3", "a string and an int are never equal", "finding.severity == 3"),
        (
            "finding.severity > \"high\"",
            "`finding.severity` is a word, whose order is the alphabet's; compare `finding.severity_rank`",
            "finding.severity",
        ),
        (
            "finding.severity == \"hihg\"",
            "`finding.severity` is never `hihg`; did you mean `high`?; it is info, low, medium, high, critical",
            "\"hihg\"",
        ),
        (
            "finding.origin in [\"base\", \"apps\"]",
            "`finding.origin` is never `apps`; did you mean `app`?; it is base, app, unknown",
            "[\"base\", \"apps\"]",
        ),
        ("finding.cvss > \"7\"", "a double and a string have no order", "finding.cvss > \"7\""),
        (
            "finding.layer + 1.5 > 2.0",
            "an int and a double have no `+`; write the number with a point, or convert with `double(…)`",
            "finding.layer + 1.5",
        ),
        ("finding.rule - \"a\" == \"\"", "a string and a string have no `-`", "finding.rule - \"a\""),
        ("1 in [\"a\"]", "an int is never in a list of string", "1 in [\"a\"]"),
        ("\"a\" in finding.rule", "`in` looks in a list or a map; this is a string", "finding.rule"),
        ("finding.layer", "a condition says true or false; this is an int", "finding.layer"),
        ("finding.fixable && finding.layer", "`&&` joins true and false; this is an int", "finding.layer"),
        ("!finding.layer", "`!` turns true and false round; this is an int", "finding.layer"),
        ("-finding.rule == 1", "`-` stands before a number; this is a string", "finding.rule"),
        ("finding.layer ? true : false", "what stands before `?` says true or false; this is an int", "finding.layer"),
        ("finding.rule[0] == \"a\"", "`[…]` stands behind a list or a map; this is a string", "finding.rule"),
        ("finding.ids[\"a\"] == \"a\"", "items of a list are numbered from 0; this is a string", "\"a\""),
        ("finding.ids.all(x)", "`all` takes a variable and a condition: `list.all(x, …)`", "all"),
        ("finding.ids.all(1, true)", "here stands the name of a variable", "1"),
        ("finding.ids.all(finding, true)", "`finding` is taken; use another name", "finding"),
        ("finding.ids.all(x, x)", "what is asked of each item says true or false; this is a string", "x"),
        ("finding.rule.all(x, true)", "only a list or a map can be gone through; this is a string", "finding.rule"),
        ("finding.ids.all(x, [1].all(y, [1].all(z, true)))", "comprehensions are nested more than 2 deep", "z, true"),
        ("has(finding)", "`has` takes a field: `has(finding.cvss)`", "has(finding)"),
        ("{\"a\": 1, \"a\": 2}.a == 1", "this key stands twice in the map", "\"a\""),
        ("{[1]: 1} == {}", "a key is a string, an int or a bool; this is a list", "[1]"),
        (
            "finding.rule.matches(finding.subject)",
            "the pattern of `matches` is a text, written out here",
            "finding.subject",
        ),
        ("finding.rule.matches(\"(\")", "this is no regular expression: unclosed group", "\"(\""),
        (
            "finding.rule.matches(\"(?=a)\")",
            "this is no regular expression: look-around, including look-ahead and look-behind, is not supported",
            "\"(?=a)\"",
        ),
        (
            "timestamp(\"yesterday\") < today",
            "`yesterday` is not a time such as `2026-03-01T12:00:00Z`",
            "timestamp(\"yesterday\")",
        ),
        (
            "duration(\"30d\") > duration(\"1h\")",
            "`30d` is not a duration such as `720h` or `1h30m`; its units are h, m, s and ms",
            "duration(\"30d\")",
        ),
        ("int(\"x\") == 1", "`x` is not a whole number", "int(\"x\")"),
        ("finding.?cvss == 1", "there is `?` where a name belongs", "?"),
        ("Message{a: 1} == 1", "there is `{` where an operator, or the end belongs", "{"),
    ] {
        assert_eq!(problem(text), (message.to_owned(), part.to_owned()), "{text}");
    }
}

#[test]
fn what_has_no_value_is_an_error() {
    for (text, message) in [
        ("finding.evidence.nothing == 1", "there is no key `nothing`"),
        ("finding.evidence[\"no\\u001b\"] == 1", "there is no key `no\\x1b`"),
        ("image.labels.owner == \"web\"", "there is no key `owner`"),
        ("finding.evidence.status.deep == 1", "a string has no field `deep`"),
        ("finding.ids[2] == \"a\"", "there is no item 2 in a list of 2"),
        ("finding.ids[-1] == \"a\"", "there is no item -1 in a list of 2"),
        ("finding.evidence.status", "there is a string where true or false belongs"),
        ("finding.evidence.status > 3", "a string and an int have no order"),
        ("finding.evidence.status + 1 == 2", "there is no `+` for a string and an int"),
        ("finding.evidence.bytes.contains(\"1\")", "`contains` does not take an int"),
        ("1 in finding.evidence.bytes", "`in` looks in a list or a map, not in an int"),
        ("finding.evidence.bytes.exists(x, true)", "an int cannot be gone through"),
        ("finding.evidence.bytes.matches(\"1\")", "`matches` looks at a string"),
        ("1 / (finding.layer - 3) == 1", "there is a division by zero"),
        ("1 % (finding.layer - 3) == 1", "there is a division by zero"),
        ("finding.layer + 9223372036854775807 > 0", "a number is beyond 64 bits"),
        ("finding.layer * 9223372036854775807 > 0", "a number is beyond 64 bits"),
        ("-(finding.layer - 3 - 9223372036854775807 - 1) > 0", "a number is beyond 64 bits"),
        ("(finding.layer - 3 - 9223372036854775807 - 1) / -1 > 0", "a number is beyond 64 bits"),
        ("int(finding.cvss * 1e300) > 0", "7.2e300 is beyond a number of 64 bits"),
        ("timestamp(finding.layer * 1000000000000) > today", "3000000000000 seconds are no time of the years to 9999"),
        ("int(finding.subject) == 1", "`CVE-2021-23337` is not a whole number"),
        ("{finding.rule: 1, finding.rule: 2} == {}", "a key stands twice in a map"),
        ("[0, 1].all(x, 1 / x == 1)", "there is a division by zero"),
    ] {
        assert_eq!(of_flaw(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn nothing_explodes() {
    let hundred = (0..100).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let steps = "it takes too many steps";
    let memory = "it takes too much memory";
    let deep = |open: &str, close: &str| format!("{}true{}", open.repeat(400), close.repeat(400));
    let doubled = |count: usize| {
        let chain = ".map(s, s + s)".repeat(count);
        format!("[finding.message]{chain}.exists(s, size(s) == 1)")
    };
    let cases: &[(String, &str)] = &[
        (format!("[{hundred}].map(x, [{hundred}].map(y, x * y)) == []"), ""),
        (format!("[{hundred}].map(x, [{hundred}]).map(x, [{hundred}]).exists(x, x == [])"), ""),
        (
            format!(
                "([{hundred}] + [{hundred}] + [{hundred}]).map(x, [{hundred}].map(y, [x] + [{hundred}] + [{hundred}])) == []"
            ),
            memory,
        ),
        (doubled(40), memory),
        (format!("[[1]]{}.exists(s, s == [])", ".map(s, s + s)".repeat(40)), memory),
        // lists within lists that share their parts
        (format!("[1]{}.exists(s, s == [])", ".map(s, [s, s])".repeat(20)), ""),
        (format!("[[1]]{}.map(s, s == s).exists(s, s)", ".map(s, [s, s])".repeat(24)), steps),
        (
            format!("[[1]]{}.map(s, s == s).exists(s, s)", ".map(s, [s, s])".repeat(40)),
            "values are nested too deep to be compared",
        ),
        (deep("(", ")"), "does not compile: parts are nested more than 48 deep"),
        (deep("!", ""), "does not compile: parts are nested more than 48 deep"),
        (deep("[", "]"), "does not compile: parts are nested more than 48 deep"),
        (deep("{1:", "}"), "does not compile: parts are nested more than 48 deep"),
        (deep("true ? true : ", ""), "does not compile: a condition has at most 2000 characters"),
        (format!("{}1 > 0", "1 + ".repeat(400)), "does not compile: parts are nested more than 48 deep"),
        (format!("finding{} == 1", ".a".repeat(400)), "does not compile: parts are nested more than 48 deep"),
        (format!("finding.ids{} == 1", "[0]".repeat(400)), "does not compile: parts are nested more than 48 deep"),
        (format!("{}true", "false || ".repeat(200)), ""),
        ("true || ".repeat(1_280) + "true", "does not compile: a condition has at most 2000 characters"),
        (
            "finding.rule.matches(\"(((a{100}){100}){100}){100}\")".into(),
            "does not compile: this pattern is too large; repeat less",
        ),
        (
            "finding.rule.matches(\"(\\\\w{50}){50}\")".into(),
            "does not compile: this pattern is too large; repeat less",
        ),
        (
            format!("finding.rule.matches(\"{}a{}\")", "(".repeat(100), ")".repeat(100)),
            "does not compile: this is no regular expression: exceed the maximum number of nested parentheses/brackets (32)",
        ),
        (
            format!("finding.rule.matches(\"{}\")", "a".repeat(600)),
            "does not compile: a pattern has at most 512 characters",
        ),
        // one that is slow where backtracking is done
        ("(finding.message + finding.message).matches(\"^(a+)+$\")".into(), ""),
        (format!("[{hundred}].all(x, [{hundred}].all(y, finding.message.matches(\"(a|b|ab)*c\") == false))"), steps),
    ];
    let mut finding = flaw();
    finding.message = "a".repeat(4_000);
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let start = Instant::now();
        let error = judge(text, &finding, &facts()).err().unwrap_or_default();
        let shown = text.get(..80).unwrap_or(text);
        if error != *expected {
            wrong.push(format!("{shown}: {error:?}, not {expected:?}"));
        }
        if start.elapsed() > Duration::from_secs(10) {
            wrong.push(format!("{shown} took {:?}", start.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_run_has_a_budget_too() {
    let hundred = (0..100).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let text = format!("[{hundred}].all(x, [{hundred}].all(y, x * y >= 0))");
    let (finding, facts) = (flaw(), facts());
    let condition = Condition::compile(&text).expect("a condition");
    let image = ImageObject::new(&facts, today());
    let object = FindingObject::new(&finding, Origin::App, Ages::default());
    image.steps.set(100_000);
    assert_eq!(condition.holds(&object, &image), Ok(true));
    assert_eq!(image.steps.get() / 10_000, 4, "50,000 steps are taken");
    assert_eq!(condition.holds(&object, &image), Err("it takes too many steps".into()));
    assert_eq!(image.steps.get(), 0);
    let plain = Condition::compile("finding.fixable").expect("a condition");
    assert!(plain.holds(&object, &image).is_err(), "nothing is left for others");
    let image = ImageObject::new(&facts, today());
    assert_eq!(plain.holds(&object, &image), Ok(true));
    assert_eq!(MOST_STEPS_IN_ALL - image.steps.get(), 1);
}

#[test]
fn fields_are_unique_and_documented() {
    let mut names = BTreeMap::new();
    for field in object::FIELDS {
        assert!(names.insert((field.object, field.name), field).is_none(), "{}.{}", field.object, field.name);
        assert!(!field.meaning.ends_with('.'), "{}", field.name);
        let condition = format!("has({0}.{1}) || {0}.{1} == {0}.{1} || true", field.object, field.name);
        let condition = Condition::compile(&condition);
        assert!(condition.is_ok(), "{}: {condition:?}", field.name);
    }
    let page = include_str!("../../../../docs/conditions.md");
    let table = page
        .split_once("<!-- fields: made from src/policy/condition/object.rs -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- end of fields -->"))
        .map(|(table, _)| table);
    if std::env::var_os("CAREEN_UPDATE").is_some() && table != Some(&*fields_in_markdown()) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conditions.md");
        let page = page.replace(table.expect("its place"), &fields_in_markdown());
        std::fs::write(path, page).expect("the page");
        return;
    }
    assert_eq!(table, Some(&*fields_in_markdown()), "the table of docs/conditions.md");
    let mut examples = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("when = '")?.strip_suffix('\'')) {
        let condition = Condition::compile(line);
        assert!(condition.is_ok(), "{line}: {condition:?}");
        examples += 1;
    }
    assert!(examples >= 6, "{examples} examples");
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "[ -~\\n\u{e9}\u{1f600}]{0,60}") {
        if let Err(problem) = Condition::compile(&text) {
            proptest::prop_assert!(text.get(problem.span.clone()).is_some(), "{:?}", problem);
        }
    }

    #[test]
    fn no_words_break_the_parser(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..30)) {
        let text = words.join(" ");
        match Condition::compile(&text) {
            Ok(condition) => {
                let (finding, facts) = (flaw(), facts());
                let object = FindingObject::new(&finding, Origin::App, Ages::default());
                let _ = condition.holds(&object, &ImageObject::new(&facts, today()));
            }
            Err(problem) => proptest::prop_assert!(text.get(problem.span.clone()).is_some(), "{:?}", problem),
        }
    }
}

const WORDS: &[&str] = &[
    "finding",
    "image",
    "today",
    ".",
    "severity",
    "ids",
    "evidence",
    "cvss",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    "in",
    "has(",
    "size(",
    ".all(x,",
    ".map(x,",
    "x",
    "1",
    "2.5",
    "'a'",
    "true",
    "null",
    "0",
    "-9223372036854775808",
    "9223372036854775807",
    "timestamp(",
    "duration(",
];
