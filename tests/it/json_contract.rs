//! The JSON that scans write keeps its published schema.

use serde_json::{Value, json};

use crate::links::recipes;
use crate::support::image::{Packing, Recipe};
use crate::support::run::{TODAY, careen, rendered, scan, scan_bytes};

/// The schema, made strict: readers take fields it does not name, careen does not write them.
fn validator() -> jsonschema::Validator {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats/report.schema.json");
    let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    close(&mut schema);
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") {
                object.insert("additionalProperties".into(), json!(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(array) => array.iter_mut().for_each(close),
        _ => {}
    }
}

#[track_caller]
fn check(validator: &jsonschema::Validator, what: &str, json: &str) {
    let instance: Value = serde_json::from_str(json).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

#[test]
fn reports_of_every_recipe_keep_the_schema() {
    let validator = validator();
    for (name, recipe) in
        [recipes("images"), recipes("hostile"), vec![("demo".into(), Recipe::read("demo/recipe.toml"))]].concat()
    {
        for archive in [recipe.build().docker_archive(), recipe.build().oci_archive(Packing::Zstd)] {
            check(&validator, &name, &rendered(&[scan_bytes(&archive).report()], "json", false));
        }
    }
}

#[test]
fn failures_keep_the_schema() {
    let validator = validator();
    for target in ["Cargo.toml", "./missing.tar", "docker-archive:fixtures/demo/demo.tar"] {
        let run = careen(&["scan", "-f", "json", "--today", TODAY, target]);
        assert!(matches!(run.code, 2 | 4), "{target}: {}", run.code);
        check(&validator, target, &run.stdout);
    }
}

#[test]
fn the_same_scan_gives_the_same_bytes() {
    for format in ["text", "json", "sarif"] {
        let first = rendered(&[scan("fixtures/demo/demo.tar").report()], format, true);
        for _ in 0..5 {
            assert_eq!(rendered(&[scan("fixtures/demo/demo.tar").report()], format, true), first);
        }
    }
}
