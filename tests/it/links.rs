//! Every recipe of `fixtures/images`: what links, whiteouts and replaced folders make of packages.

use std::path::PathBuf;

use careen::report::Report;

use crate::support::image::{Built, DockerStyle, Expect, Packing, Recipe, docker_archive, gzip};
use crate::support::raw::{Header, RawTar};
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

/// One member of a stream may be two layers, and links may lead to what each of them holds.
#[test]
fn a_streamed_member_that_is_two_layers_is_looked_at_again_for_both() {
    let twice = RawTar::default().file("store/0a", r#"{"name":"a","version":"1"}"#).end();
    let link = |name: &str| {
        let header = Header::new(format!("{name}/node_modules/a/package.json"), b'1', 0).link("store/0a");
        RawTar::default().member(header, "").end()
    };
    let layers = [twice.clone(), link("one"), twice, link("two")];
    let archive = Built::of(&layers).docker_archive();
    for (form, archive) in [("a file", archive.clone()), ("a compressed file", gzip(&archive))] {
        let report = scan_bytes(&archive).report();
        let [package] = report.packages.as_slice() else { panic!("{form}: {:?}", report.packages) };
        let places: Vec<(String, u32)> =
            package.locations.iter().map(|at| (at.path.to_string(), at.node.layer)).collect();
        let expected = [("/one/node_modules/a/package.json", 0), ("/two/node_modules/a/package.json", 2)];
        assert_eq!(places, expected.map(|(path, layer)| (path.to_owned(), layer)), "{form}");
        assert_eq!(limitations(&report), [""; 0], "{form}");
    }
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
