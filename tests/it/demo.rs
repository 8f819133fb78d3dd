//! The demonstration image that the README scans.

use std::path::Path;

use crate::links::differences;
use crate::support::image::{Packing, Recipe};
use crate::support::run::{TODAY, judging, scan};

const ARCHIVE: &str = "fixtures/demo/demo.tar";

#[test]
fn the_archive_is_what_its_recipe_builds() {
    // compressed, so that its made-up token is in no file of the repository as it is
    let built = Recipe::read("demo/recipe.toml").build().oci_archive(Packing::Gzip);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(ARCHIVE);
    if std::fs::read(&path).is_ok_and(|found| found == built) {
        return;
    }
    assert!(std::env::var_os("CAREEN_UPDATE").is_some(), "run the tests with CAREEN_UPDATE=1 to rewrite {ARCHIVE}");
    std::fs::write(path, built).unwrap();
}

#[test]
fn it_is_bad_in_every_way_it_was_made_to_be() {
    let expect = Recipe::read("demo/recipe.toml").expect;
    let wrong = differences(&scan(ARCHIVE).report(), &expect);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn its_report_reads_well() {
    let run = judging(&["scan", "--today", TODAY, ARCHIVE]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    // the name of an ecosystem, which is also that of a host
    insta::assert_snapshot!("demo", run.stdout.replace(concat!("crates", ".io"), "the Rust registry"));
    let longest = run.stdout.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(80), "a line has {longest:?} columns");
}
