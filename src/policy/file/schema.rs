//! The JSON Schema and the tables of the manual, made from the [keys](super::key).

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::super::presets;
use super::super::requirement::{base, data, fix, licences, limits, require, waivers};
use super::case::{EXPECT, FINDING, IMAGE, PACKAGE, TEST};
use super::key::{Key, MATCH, POLICY, RULE, Table, Takes, WAIVER};

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

/// The JSON Schema (draft 2020-12) of a policy file.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let mut add = |name: &str, schema: Value| definitions.insert(name.to_owned(), schema);
    add("text", json!({ "type": "string", "pattern": "\\S", "maxLength": 2000 }));
    add("time", json!({ "type": "string", "pattern": "^\\s*[0-9]{1,6}\\s*[hdw]\\s*$" }));
    add(
        "bytes",
        json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*([kKmMgGtT]?([iI]?[bB])?)\\s*$" },
        ] }),
    );
    add("day", json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }));
    for (name, item) in [
        ("patterns", json!({ "type": "string", "minLength": 1, "maxLength": 512 })),
        ("sources", json!({ "type": "string", "minLength": 1 })),
        ("times", json!({ "type": "string", "pattern": "^(>=|<=|>|<)?\\s*[0-9]{1,6}\\s*[hdw]$" })),
        (
            "numbers",
            json!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": "^(>=|<=|>|<)\\s*[0-9]+(\\.[0-9]+)?$" }] }),
        ),
    ] {
        add(name, one_or_more(&item));
    }
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
    schema.insert("$defs".into(), Value::Object(definitions));
    Value::Object(schema)
}

fn name_of(table: &Table) -> String {
    table.name.trim_matches(['[', ']']).to_owned()
}

fn object(table: &Table) -> Value {
    let properties: Map<String, Value> = table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
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
    if let Some(object) = object.as_object_mut().filter(|_| !required.is_empty()) {
        object.insert("required".into(), json!(required));
    }
    object
}

fn property(key: &Key) -> Value {
    let mut schema = match key.takes {
        Takes::Text => json!({ "$ref": "#/$defs/text" }),
        Takes::Boolean => json!({ "type": "boolean" }),
        Takes::Day => json!({ "$ref": "#/$defs/day" }),
        Takes::Time => json!({ "$ref": "#/$defs/time" }),
        Takes::Bytes => json!({ "$ref": "#/$defs/bytes" }),
        Takes::Count => json!({ "type": "integer", "minimum": 0 }),
        Takes::Percent => json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?\\s*%$" }),
        Takes::Word(words) => json!({ "enum": words }),
        Takes::Words(words) => one_or_more(&json!({ "enum": words })),
        Takes::Bounds(words) => {
            one_or_more(&json!({ "type": "string", "pattern": format!("^(>=|<=|>|<|=)?\\s*({})$", words.join("|")) }))
        }
        Takes::TimeBounds => json!({ "$ref": "#/$defs/times" }),
        Takes::NumberBounds => json!({ "$ref": "#/$defs/numbers" }),
        Takes::Patterns => json!({ "$ref": "#/$defs/patterns" }),
        Takes::Source => json!({ "type": "string", "minLength": 1 }),
        Takes::Sources if matches!(key.name, "extends" | "policy") => extends(),
        Takes::Sources => json!({ "$ref": "#/$defs/sources" }),
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
fn extends() -> Value {
    let ids: Vec<&str> = presets().iter().map(|preset| preset.id).collect();
    one_or_more(
        &json!({ "anyOf": [{ "enum": ids }, { "type": "string", "minLength": 1, "not": { "pattern": "^careen:" } }] }),
    )
}

fn one_or_more(item: &Value) -> Value {
    json!({ "anyOf": [item, { "type": "array", "items": item, "minItems": 1, "maxItems": 1000 }] })
}
