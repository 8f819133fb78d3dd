//! Every recipe of `fixtures/images`: what links, whiteouts and replaced folders make of packages.

use std::path::PathBuf;

use careen::report::Report;

use crate::support::image::{DockerStyle, Expect, Packing, Recipe, docker_archive};
use crate::support::run::{limitations, packages, rules, scan_bytes};

#[test]
fn recipes_give_what_they_expect() {
    let mut wrong = Vec::new();
    let recipes = recipes("images");
    assert!(recipes.len() >= 12, "the recipes were found");
    for (name, recipe) in recipes {
        let image = recipe.build();
        let forms = [
            ("docker-archive", docker_archive(&[("demo/image:latest", &image)], DockerStyle::Old, Packing::Plain)),
            ("oci-archive", image.oci_archive(Packing::Gzip)),
        ];
        for (form, archive) in forms {
            let scanned = scan_bytes(&archive);
            let shown = scanned.to_string();
            let differences = differences(&scanned.report(), &recipe.expect);
            wrong.extend(
                differences
                    .into_iter()
                    .map(|what| format!("{name} as {form} ({}): {what}; it is {shown}", recipe.about)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The recipes of a folder of `fixtures`, by name, sorted.
pub(crate) fn recipes(folder: &str) -> Vec<(String, Recipe)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut names: Vec<String> =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.retain(|name| PathBuf::from(name).extension().is_some_and(|extension| extension == "toml"));
    names.into_iter().map(|name| (name.clone(), Recipe::read(format!("{folder}/{name}")))).collect()
}

/// In what a report is not as expected.
pub(crate) fn differences(report: &Report, expect: &Expect) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(expected) = &expect.packages
        && packages(report) != *expected
    {
        wrong.push(format!("the packages are {:?}, not {expected:?}", packages(report)));
    }
    let found = rules(report);
    for rule in expect.findings.iter().filter(|rule| !found.contains(&rule.as_str())) {
        wrong.push(format!("`{rule}` does not report, only {found:?}"));
    }
    for rule in expect.silent.iter().filter(|rule| found.contains(&rule.as_str())) {
        wrong.push(format!("`{rule}` reports"));
    }
    if limitations(report) != expect.limitations {
        wrong.push(format!("the limitations are {:?}, not {:?}", limitations(report), expect.limitations));
    }
    let outcome = format!("{:?}", report.verdict.outcome).to_lowercase();
    if expect.outcome.as_ref().is_some_and(|expected| *expected != outcome) {
        wrong.push(format!("the outcome is `{outcome}`"));
    }
    wrong
}
