//! Every documented key with a value that is taken and one that is refused, by the reader and by the JSON Schema.

use super::super::file::key::{Key, Table, Takes};
use super::super::file::schema::{schema, tables};
use super::*;

/// A policy with `value` under the key of a table.
fn policy(table: &Table, key: &Key, value: &str) -> String {
    let (name, field) = (key.name, format!("{} = {value}\n", key.name));
    let unless = |others: &[(&str, &str)]| -> String {
        others.iter().filter(|(other, _)| *other != name).map(|(other, value)| format!("{other} = {value}\n")).collect()
    };
    match table.name {
        "" => field,
        "[[rule]]" => format!("[[rule]]\n{}{field}", unless(&[("match", "{}"), ("action", "\"fail\"")])),
        "match" => format!("[[rule]]\naction = \"warn\"\n[rule.match]\n{field}"),
        "[[waiver]]" => {
            let others = [("rule", "\"image/root-user\""), ("reason", "\"legacy\""), ("expires", "2099-01-31")];
            format!("[[waiver]]\n{}{field}", unless(&others))
        }
        "[[test]]" => {
            let others = [("name", "\"none\""), ("findings", "[]"), ("expect", "{ outcome = \"passed\" }")];
            let others: Vec<_> =
                others.into_iter().filter(|(other, _)| !(name == "report" && *other == "findings")).collect();
            format!("[[test]]\n{}{field}", unless(&others))
        }
        "[[test.findings]]" => {
            let others = unless(&[("rule", "\"package/vulnerable\""), ("path", "\"/app/x\"")]);
            format!(
                "[[test]]\nname = \"none\"\nexpect = {{ outcome = \"passed\" }}\n[[test.findings]]\n{others}{field}"
            )
        }
        "[test.image]" => {
            format!("[[test]]\nname = \"none\"\nexpect = {{ outcome = \"passed\" }}\n[test.image]\n{field}")
        }
        "[[test.image.packages]]" => {
            let others = unless(&[("purl", "\"pkg:npm/left@1.0.0\"")]);
            format!(
                "[[test]]\nname = \"none\"\nexpect = {{ outcome = \"passed\" }}\n[test.image]\n[[test.image.packages]]\n{others}{field}"
            )
        }
        "[test.expect]" => format!("[[test]]\nname = \"none\"\nfindings = []\n[test.expect]\n{field}"),
        "[fix.healthcheck]" => format!("[fix.healthcheck]\n{}{field}", unless(&[("test", "\"true\"")])),
        "labels" => format!("[require.labels.\"a\"]\n{field}"),
        "[limits]" if name == "waste-floor" => format!("[limits]\nwaste = \"5%\"\n{field}"),
        of_its_own => format!("{of_its_own}\n{field}"),
    }
}

/// Makes days texts, which they are not to the crate.
fn days(value: &mut serde_json::Value) {
    let day = value.get("$__toml_private_datetime").cloned();
    match (day, value) {
        (Some(day), value) => *value = day,
        (None, serde_json::Value::Object(map)) => map.values_mut().for_each(days),
        (None, serde_json::Value::Array(list)) => list.iter_mut().for_each(days),
        (None, _) => {}
    }
}

#[test]
fn every_key_takes_its_good_value_and_refuses_its_bad_one() {
    let validator = jsonschema::validator_for(&schema(&crate::scan::rules())).expect("a schema");
    let as_json = |text: &str| -> serde_json::Value {
        let mut value: serde_json::Value = toml::from_str(text).expect(text);
        days(&mut value);
        value
    };
    let mut count = 0;
    for table in tables() {
        assert!(table.keys.is_sorted_by(|a, b| a.name < b.name), "{}", table.name);
        for key in table.keys {
            let what = format!("{} {}", table.name, key.name);
            let good = policy(table, key, key.good);
            if let Err(error) = Policy::parse("policy.toml", &good, KNOWN, false) {
                panic!("{what}: {}", error.detail.unwrap_or(error.message));
            }
            let errors: Vec<String> = validator
                .iter_errors(&as_json(&good))
                .map(|error| format!("{} {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{what}: {errors:?}\n{good}");
            let wrong_type = if matches!(key.takes, Takes::Table(_) | Takes::Tables(_) | Takes::Named(_) | Takes::Texts)
            {
                "1"
            } else {
                "{}"
            };
            let bad = [key.bad, wrong_type].into_iter().filter(|bad| !bad.is_empty());
            for bad in bad.filter(|bad| !(key.name == "match" || key.name == "unless") || *bad != "{}") {
                let bad = policy(table, key, bad);
                let error = Policy::parse("policy.toml", &bad, KNOWN, false).expect_err(&bad);
                assert_eq!(error.kind, ErrorKind::Config);
                assert!(error.place.is_some_and(|place| place.starts_with("policy.toml:")), "{what}");
            }
            count += 1;
        }
    }
    assert!(count > 80, "{count} keys");
    // what the schema must refuse as the reader does
    for wrong in [
        "[[rule]]\nmatch = { family = 'secrets' }\naction = 'fail'",
        "[[rule]]\nmatch = { rule = 'image/rot-user' }\naction = 'fail'",
        "[[rule]]\nmatch = { rule = ['image/*', 'rot-user'] }\naction = 'fail'",
        "[[rule]]\nmatch = { ecosystem = 'debian' }\naction = 'fail'",
        "[[rule]]\nmatch = { cvss = 11 }\naction = 'fail'",
        "[[rule]]\nmatch = { cvss = '>=11' }\naction = 'fail'",
        "[[rule]]\nmatch = { epss = 1.1 }\naction = 'fail'",
        "[limits]\nwaste-floor = '20 MB'",
        "[limits]\nwaste = '105%'",
        "[limits]\nwaste = '5'",
        "[limits]\nsize = 1.5",
        "extends = 'oci:registry.example/org/policy:1'",
        "extends = './gate.rego'",
        "[[rule]]\nmatch = { fingerprint = '0123abcd' }\naction = 'fail'",
        "[[rule]]\nmatch = { kev = true, exploited = true }\naction = 'fail'",
        "rules = []",
        "[[test]]\nname = 't'\nfindings = []\nimage = { platform = '' }\nexpect = { outcome = 'passed' }",
        "policy = './other.toml'\n[[rule]]\nmatch = {}\naction = 'fail'",
        "edition = '2025'",
        "[[rule]]\naction = 'fail'",
        "[[rule]]\nmatch = {}\naction = 'deny'",
        "[limits]\nlayers = '+3'",
        "[limits]\nwaste = '1e1%'",
        "[limits]\nsize = '1.5'",
        "[[rule]]\nmatch = { cvss = '>=1e0' }\naction = 'fail'",
        "[[rule]]\nmatch = { cvss = '>=+7' }\naction = 'fail'",
        "[[rule]]\nmatch = { cvss = '>10' }\naction = 'fail'",
        "[[rule]]\nmatch = { cvss = '<0.0' }\naction = 'fail'",
        "[[rule]]\nmatch = { epss = '>1' }\naction = 'fail'",
        "[[rule]]\nmatch = { epss = '>=.' }\naction = 'fail'",
        "[[rule]]\nmatch = { age = '=30d' }\naction = 'fail'",
        "[[rule]]\nmatch = { severity = '>critical' }\naction = 'fail'",
        "[[rule]]\nmatch = { severity = '<info' }\naction = 'fail'",
        "[[rule]]\nmatch = { confidence = '>high' }\naction = 'fail'",
        "[[rule]]\nmatch = { purl = 'lodash' }\naction = 'fail'",
        "[[rule]]\nmatch = { purl = 'pkg:npm/@babel/core' }\naction = 'fail'",
        "[[rule]]\nmatch = { rule = 'GHSA-RXWQ-X6H5-X525' }\naction = 'fail'",
        "[[rule]]\nmatch = { rule = 'CVE-24-1' }\naction = 'fail'",
        "[[rule]]\nmatch = {}\nunless = {}\naction = 'fail'",
        "[licences]\nignore = 'npm/x'",
        "[base]\nallow-digests = 'sha256:0123'",
        "extends = 'strict'",
        "extends = 'http://x'",
        "extends = 'OCI:x'",
        "extends = ' '",
        "[fix.healthcheck]\ntest = ''",
        "[fix.healthcheck]\ntest = ['CMD', '']",
        "[[test]]\nname = 't'\nexpect = { outcome = 'passed' }",
        "[[test]]\nname = 't'\nfindings = []\nexpect = {}",
        "[[rule]]\nmatch = {}\naction = 'warn'\ngrace = '1d'",
        "[[rule]]\nmatch = { path = \"/app/\\t\" }\naction = 'fail'",
        "[[rule]]\nmatch = { path = \"/a\\u0085b\" }\naction = 'fail'",
        "[[rule]]\nmatch = { platform = 'linux/armhf' }\naction = 'fail'",
        "[[rule]]\nmatch = { platform = ['linux/amd64', 'linux'] }\naction = 'fail'",
        "[[waiver]]\nrule = 'image/root-user'\nreason = 'x'\nexpires = '2027-00-10'",
        "[[waiver]]\nrule = 'image/root-user'\nreason = 'x'\nexpires = '2027-04-31'",
        "[[waiver]]\nrule = 'image/root-user'\nreason = 'x'\nexpires = '2027-02-30'",
        "[fix]\nuser = '1000:x'",
        "[fix]\nuser = '+1000'",
        "[fix]\nuser = '2147483648'",
        "[fix]\nuser = '0:2147483648'",
        "[[rule]]\nmatch = {}\naction = 'fail'\ngrace = '+1d'",
        "[[rule]]\nmatch = {}\naction = 'fail'\ngrace = '100001d'",
        "[[rule]]\nmatch = { age = '>=100001d' }\naction = 'fail'",
        "[[rule]]\nmatch = { age = '>=+1d' }\naction = 'fail'",
        "[[rule]]\nmatch = { platform = 'linux/{arm64,amd64}' }\naction = 'fail'",
        "[[rule]]\nmatch = { platform = 'linux/[a]md64' }\naction = 'fail'",
        "[[rule]]\nmatch = { platform = 'linux\\amd64' }\naction = 'fail'",
        "[fix.healthcheck]\ntest = 'x'\nstart-period = '0s'",
        "[fix.healthcheck]\ntest = 'x'\ntimeout = '1h30m'",
        "[fix.healthcheck]\ntest = 'x'\ntimeout = '+5s'",
    ] {
        assert!(!validator.is_valid(&as_json(wrong)), "{wrong}");
        assert!(Policy::parse("policy.toml", wrong, KNOWN, false).is_err(), "{wrong}");
    }
    // and what both take
    for right in [
        "[[rule]]\nmatch = { severity = 'High' }\naction = 'fail'",
        "[[rule]]\nmatch = { severity = '>=HIGH', confidence = 'Low' }\naction = 'fail'",
        "[[rule]]\nmatch = { rule = 'dl3002' }\naction = 'fail'",
        "[limits]\npackages = '3'\nlayers = '2'",
        "[limits]\nsize = '.5 MB'\nstored-size = '1.MB'\nwaste = ' .5 %'\nwaste-floor = '1.0'",
        "[[rule]]\nmatch = { severity = 'high ', age = '>=30d ', ecosystem = ['NPM', 'deb'] }\naction = 'fail'",
        "[[rule]]\nmatch = { cvss = ['>=.5', '>=07', '>=5.', '<=10.0', '<10'], epss = ['>=.5', '>0.9', '<1'] }\naction = 'fail'",
        "[[rule]]\nmatch = { severity = ['>info', '<critical', '>=critical', '=low'] }\naction = 'fail'",
        "[[rule]]\nmatch = { purl = ['pkg:npm/lodash', '*lodash*', 'p*'] }\naction = 'fail'",
        "[[rule]]\nmatch = { rule = ['CVE-2024-3094', 'GHSA-rxwq-x6h5-x525', 'CVE-2024-*', 'DSA-1'] }\naction = 'fail'",
        "extends = ['careen:strict', './strict', '../a.toml', 'a/b:c.toml']",
        "[fix.healthcheck]\ntest = ['CMD', 'a']",
        "[[test]]\nname = 't'\nimage = { user = '' }\nexpect = { outcome = 'passed' }",
        "[[rule]]\nmatch = { path = ['/é', '/a b'], platform = ['linux/arm/v7', '*/arm64*'] }\naction = 'fail'\ngrace = '1d'",
        "[[waiver]]\nrule = 'image/root-user'\nreason = 'x'\nexpires = '2028-02-29'",
        "[fix]\nuser = '0010001:0'",
        "[fix]\nuser = '2147483647:02147483646'",
        "[[rule]]\nmatch = { age = ['>=100000d', '<0099999h'], platform = 'linux/a?d64*' }\naction = 'fail'\ngrace = '0100000d'",
        "[fix.healthcheck]\ntest = 'x'\ntimeout = ' 090 s '\ninterval = '500ms'",
        "[limits]\nwaste = '100%'\nsize = '1.5 MB'",
        "[[test]]\nname = 't'\nfindings = []\nimage = { user = '' }\nexpect = { outcome = 'passed' }",
    ] {
        assert!(validator.is_valid(&as_json(right)), "{right}");
        assert!(Policy::parse("policy.toml", right, KNOWN, false).is_ok(), "{right}");
    }
    for preset in presets() {
        assert!(validator.is_valid(&as_json(preset.text)), "{}", preset.id);
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/examples");
    let mut shipped = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_some_and(|end| end == "toml") {
            let text = std::fs::read_to_string(&path).expect("it is text");
            let errors: Vec<String> =
                validator.iter_errors(&as_json(&text)).map(|one| format!("{} {one}", one.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
            shipped += 1;
        }
    }
    assert!(shipped > 5, "{shipped}");
}
