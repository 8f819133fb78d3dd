//! The JSON Schema and the tables of the manual, made from the [keys](super::key).

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::super::fail_on::families;
use super::super::requirement::{base, data, fix, licences, limits, require, waivers};
use super::super::{RULES, presets};
use super::case::key::{EXPECT, FINDING, IMAGE, PACKAGE, TEST};
use super::key::{BESIDE_POLICY, Key, MATCH, POLICY, RULE, Table, Takes, WAIVER};
use super::vocabulary::platforms;
use super::word::FLAWS;
use crate::package::purl_types;
use crate::rule::Rule;

/// All tables, in the order of the manual.
pub fn tables() -> Vec<&'static Table> {
    vec![
        &POLICY,
        &RULE,
        &MATCH,
        &WAIVER,
        &waivers::TABLE,
        &limits::TABLE,
        &base::TABLE,
        &licences::TABLE,
        &require::TABLE,
        &require::LABEL,
        &data::TABLE,
        &fix::TABLE,
        &fix::LABELS,
        &fix::ANNOTATIONS,
        &fix::ENV,
        &fix::HEALTHCHECK,
        &TEST,
        &FINDING,
        &IMAGE,
        &PACKAGE,
        &EXPECT,
    ]
}

/// The keys of a table as Markdown.
pub fn markdown(table: &Table) -> String {
    let mut text = "| key | value |\n|---|---|\n".to_owned();
    for key in table.keys {
        let _ = writeln!(text, "| `{}` | {} |", key.name, key.about.replace('|', "\\|"));
    }
    text
}

/// The JSON Schema (draft 2020-12) of a policy file that may name these rules.
pub fn schema(rules: &[&'static Rule]) -> Value {
    let mut definitions = Map::new();
    let mut add = |name: &str, schema: Value| definitions.insert(name.to_owned(), schema);
    add("text", json!({ "type": "string", "pattern": "\\S", "maxLength": 2000 }));
    add("time", json!({ "type": "string", "pattern": "^\\s*0*(100000|[0-9]{1,5})\\s*[hdw]\\s*$" }));
    add(
        "bytes",
        json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^\\s*([0-9]+(\\.0*)?\\s*[bB]?|([0-9]+\\.?[0-9]*|\\.[0-9]+)\\s*[kKmMgGtT]([iI]?[bB])?)\\s*$" },
        ] }),
    );
    let day = "^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))$";
    add("day", json!({ "type": "string", "pattern": day }));
    for (name, item) in [
        ("patterns", json!({ "type": "string", "minLength": 1, "maxLength": 512 })),
        ("paths", json!({ "type": "string", "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", "maxLength": 512 })),
        (
            "platforms",
            json!({ "anyOf": [
                { "enum": platforms() },
                { "type": "string", "pattern": "^[^{}\\[\\]\\\\]*[*?][^{}\\[\\]\\\\]*$", "maxLength": 512 },
            ] }),
        ),
        ("sources", json!({ "type": "string", "minLength": 1 })),
        ("times", json!({ "type": "string", "pattern": "^(>=|<=|>|<)?\\s*0*(100000|[0-9]{1,5})\\s*[hdw]\\s*$" })),
        // letters count in either case
        ("ecosystems", json!({ "type": "string", "pattern": format!("^({})$", in_any_case(&purl_types())) })),
        (
            "purls",
            json!({ "type": "string", "pattern": "^(pkg:|[^:]*[*?])", "not": { "pattern": "/@" }, "maxLength": 512 }),
        ),
        ("digests", json!({ "type": "string", "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" })),
        ("families", json!({ "enum": families(rules) })),
        ("rules", rule_words(rules)),
    ] {
        add(name, one_or_more(&item));
    }
    definitions.insert("id".into(), json!({ "anyOf": [{ "enum": ids(rules) }, own_secrets()] }));
    for table in tables().into_iter().skip(1) {
        definitions.insert(name_of(table), object(table));
    }
    let Value::Object(mut schema) = object(&POLICY) else { return Value::Null };
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), "A careen policy".into());
    schema.insert(
        "description".into(),
        "What a container image may hold, and what is accepted for a time. See docs/policy.md.".into(),
    );
    // a file of tests names what they try, and holds nothing else
    let tests = json!({ "propertyNames": { "enum": BESIDE_POLICY } });
    schema.insert("dependentSchemas".into(), json!({ "policy": tests }));
    schema.insert("$defs".into(), Value::Object(definitions));
    Value::Object(schema)
}

/// Ids of all rules, sorted.
fn ids(rules: &[&'static Rule]) -> Vec<&'static str> {
    let mut ids: Vec<&str> = rules.iter().chain(RULES.iter()).map(|rule| rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Rules of secrets of the user's own, which no list here knows.
fn own_secrets() -> Value {
    json!({ "type": "string", "pattern": "^secret/[A-Za-z0-9._-]+$" })
}

/// What stands under `rule`: an id, a glob, an id in another tool, or that of a flaw.
fn rule_words(rules: &[&'static Rule]) -> Value {
    let mut old: Vec<&str> = rules.iter().chain(RULES.iter()).flat_map(|rule| rule.also.iter().copied()).collect();
    old.sort_unstable();
    old.dedup();
    let mut small: Vec<String> = old.iter().map(|id| id.to_ascii_lowercase()).collect();
    small.retain(|id| old.binary_search(&id.as_str()).is_err());
    small.sort_unstable();
    small.dedup();
    // the forms of these are told below
    let others: Vec<&str> =
        FLAWS.iter().copied().filter(|start| !["CVE-", "GHSA-", "RUSTSEC-"].contains(start)).collect();
    json!({ "anyOf": [
        { "enum": ids(rules) },
        { "enum": old },
        { "enum": small },
        { "type": "string", "pattern": "[*?]", "maxLength": 512 },
        { "type": "string", "pattern": "^CVE-[0-9]{4}-[0-9]+$", "maxLength": 512 },
        { "type": "string", "pattern": "^GHSA(-[0-9a-z]{4}){3}$" },
        { "type": "string", "pattern": "^RUSTSEC-[0-9]{4}-[0-9]{4}$" },
        { "type": "string", "pattern": format!("^({})[^/]*$", others.join("|")), "maxLength": 512 },
        own_secrets(),
    ] })
}

/// A number up to `most`, or text with a sign and such a number.
fn numbers(most: f64) -> Value {
    // what is below the most, and the most
    let (below, top) = if most > 1.0 {
        ("0*[0-9](\\.[0-9]*)?|\\.[0-9]+", "0*10(\\.0*)?")
    } else {
        ("0+(\\.[0-9]*)?|\\.[0-9]+", "0*1(\\.0*)?")
    };
    let none = "0+(\\.0*)?|\\.0+";
    one_or_more(&json!({ "anyOf": [
        { "type": "number", "minimum": 0, "maximum": most },
        { "type": "string", "pattern": format!("^((>=|<=|<)\\s*({below}|{top})|>\\s*({below}))\\s*$"), "not": { "pattern": format!("^<\\s*({none})\\s*$") } },
    ] }))
}

fn name_of(table: &Table) -> String {
    table.name.trim_matches(['[', ']']).to_owned()
}

fn object(table: &Table) -> Value {
    let properties: Map<String, Value> =
        table.keys.iter().map(|key| (key.name.to_owned(), property(table, key))).collect();
    let required: &[&str] = match table.name {
        "[[rule]]" => &["match", "action"],
        "[[waiver]]" | "[[test.findings]]" => &["rule"],
        "[[test]]" => &["name", "expect"],
        "[[test.image.packages]]" => &["purl"],
        "[fix.healthcheck]" => &["test"],
        _ => &[],
    };
    let mut object = json!({
        "description": table.about,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if let Some(object) = object.as_object_mut() {
        if !required.is_empty() {
            object.insert("required".into(), json!(required));
        }
        // only what fails can wait
        if table.name == RULE.name {
            let fails = json!({ "properties": { "action": { "const": "fail" } } });
            object.insert("dependentSchemas".into(), json!({ "grace": fails }));
        }
        if table.name == MATCH.name {
            object.insert("not".into(), json!({ "required": ["exploited", "kev"] }));
        }
        if table.name == TEST.name {
            object
                .insert("anyOf".into(), json!(["findings", "image", "report"].map(|key| json!({ "required": [key] }))));
        }
        if table.name == limits::TABLE.name {
            object.insert("dependentRequired".into(), json!({ limits::FLOOR: [limits::WASTE] }));
        }
    }
    object
}

fn property(table: &Table, key: &Key) -> Value {
    let is_selector = table.name == MATCH.name || table.name == WAIVER.name;
    let mut schema = match key.takes {
        Takes::Sources if is_selector && key.name == "ecosystem" => json!({ "$ref": "#/$defs/ecosystems" }),
        Takes::Sources if is_selector && key.name == "family" => json!({ "$ref": "#/$defs/families" }),
        Takes::Sources if is_selector && key.name == "rule" => json!({ "$ref": "#/$defs/rules" }),
        Takes::Sources if is_selector && key.name == "fingerprint" => {
            one_or_more(&json!({ "type": "string", "pattern": "^[0-9a-fA-F]{32}$" }))
        }
        // an image may say none
        Takes::Source if table.name == "[test.image]" && key.name == "user" => json!({ "type": "string" }),
        Takes::Source if key.name == "rule" => json!({ "$ref": "#/$defs/id" }),
        Takes::Text => json!({ "$ref": "#/$defs/text" }),
        Takes::Boolean => json!({ "type": "boolean" }),
        Takes::Day => json!({ "$ref": "#/$defs/day" }),
        Takes::Time => json!({ "$ref": "#/$defs/time" }),
        Takes::Bytes => json!({ "$ref": "#/$defs/bytes" }),
        Takes::Count => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+$" }] })
        }
        Takes::Percent => {
            json!({ "type": "string", "pattern": "^\\s*(0*(100(\\.0*)?|[0-9]{1,2}(\\.[0-9]*)?)|\\.[0-9]+)\\s*%$" })
        }
        Takes::Word(words) => json!({ "enum": words }),
        Takes::Words(words) => one_or_more(&json!({ "enum": words })),
        Takes::Bounds(words) => {
            // nothing is beyond the first and the last
            let (all, above) = (in_any_case(words), in_any_case(words.get(1..).unwrap_or_default()));
            let below = in_any_case(words.split_last().map_or(words, |(_, below)| below));
            let pattern = format!("^((>=|<=|=)?\\s*({all})|>\\s*({below})|<\\s*({above}))\\s*$");
            one_or_more(&json!({ "type": "string", "pattern": pattern }))
        }
        Takes::TimeBounds => json!({ "$ref": "#/$defs/times" }),
        Takes::NumberBounds(most) => numbers(most),
        Takes::Sources if key.name == "allow-digests" => json!({ "$ref": "#/$defs/digests" }),
        Takes::Patterns if is_selector && key.name == "path" => json!({ "$ref": "#/$defs/paths" }),
        Takes::Patterns if is_selector && key.name == "platform" => json!({ "$ref": "#/$defs/platforms" }),
        Takes::Patterns if is_selector && key.name == "purl" => json!({ "$ref": "#/$defs/purls" }),
        Takes::Patterns if table.name == licences::TABLE.name && key.name == "ignore" => {
            json!({ "$ref": "#/$defs/purls" })
        }
        Takes::Patterns => json!({ "$ref": "#/$defs/patterns" }),
        Takes::Source => json!({ "type": "string", "minLength": 1 }),
        Takes::Sources if matches!(key.name, "extends" | "policy") => extends(key.name == "policy"),
        Takes::Sources if table.name == fix::HEALTHCHECK.name => json!({ "anyOf": [
            { "type": "string", "pattern": "\\S" },
            { "type": "array", "minItems": 2, "prefixItems": [{ "enum": ["CMD", "CMD-SHELL"] }, { "type": "string", "pattern": "\\S" }], "items": { "type": "string" } },
        ] }),
        Takes::Sources => json!({ "$ref": "#/$defs/sources" }),
        Takes::Form(pattern) => json!({ "type": "string", "pattern": pattern }),
        Takes::Table(table) => json!({ "$ref": format!("#/$defs/{}", name_of(table)) }),
        Takes::Tables(table) => json!({ "type": "array", "items": { "$ref": format!("#/$defs/{}", name_of(table)) } }),
        Takes::Number(most) => json!({ "type": "number", "minimum": 0, "maximum": most }),
        Takes::Texts => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Takes::Named(table) => {
            let words = table.keys.iter().find_map(|key| match key.takes {
                Takes::Word(words) => Some(words),
                _ => None,
            });
            json!({ "type": "object", "additionalProperties": {
                "anyOf": [{ "enum": words }, { "$ref": format!("#/$defs/{}", name_of(table)) }],
            } })
        }
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), key.about.into());
        if key.name == "unless" || key.name == "expect" {
            schema.insert("minProperties".into(), 1.into());
        }
        if key.name == "name" {
            schema.insert("not".into(), json!({ "pattern": "^careen:" }));
        }
        // `[]` is a statement here
        if key.name == "require"
            && let Some(Value::Array(forms)) = schema.get_mut("anyOf")
        {
            forms.iter_mut().filter_map(Value::as_object_mut).for_each(|form| drop(form.remove("minItems")));
        }
        if matches!(key.takes, Takes::Boolean) && key.bad == "false" {
            schema.insert("const".into(), true.into());
        }
    }
    schema
}

/// A preset, or a file or reference that is none.
fn extends(takes_rego: bool) -> Value {
    let ids: Vec<&str> = presets().iter().map(|preset| preset.id).collect();
    let short: Vec<&str> = ids.iter().filter_map(|id| id.strip_prefix("careen:")).collect();
    // a scheme of two letters or more, a preset's short name, blanks
    let rego = if takes_rego { "" } else { "|\\.[rR][eE][gG][oO]$" };
    let other = format!("^[^:/.]{{2,}}:|^({})$|^\\s*$", short.join("|")) + rego;
    one_or_more(&json!({ "anyOf": [
            { "enum": ids },
            { "type": "string", "pattern": "^oci:[^@]+@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" },
            { "type": "string", "minLength": 1, "not": { "pattern": other } },
        ] }))
}

/// Words of which letters count in either case.
fn in_any_case(words: &[&str]) -> String {
    let either = |c: char| match c.to_ascii_uppercase() {
        large if large == c => c.to_string(),
        large => format!("[{large}{c}]"),
    };
    words.iter().map(|word| word.chars().map(either).collect::<String>()).collect::<Vec<_>>().join("|")
}

fn one_or_more(item: &Value) -> Value {
    json!({ "anyOf": [item, { "type": "array", "items": item, "minItems": 1, "maxItems": 1000 }] })
}
