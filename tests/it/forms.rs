//! One image in every form gives the same packages and findings, to the byte.

use std::path::Path;

use crate::support::image::{Built, DockerStyle, Packing, Recipe, docker_archive, gzip, pack};
use crate::support::run::{
    TODAY, careen, careen_reading, facts, file_of, limitations, packages, scan, scan_bytes, scan_file,
};

const RECIPE: &str = "images/l-all-forms.toml";

/// Every way of writing an image into one file.
fn archives(image: &Built) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    for packing in Packing::ALL {
        for style in [DockerStyle::Old, DockerStyle::Linked, DockerStyle::Hybrid] {
            forms.push((
                format!("docker-archive {style:?} {packing:?}"),
                docker_archive(&[("shop/api:1.4", image)], style, *packing),
            ));
        }
        forms.push((format!("oci-archive {packing:?}"), image.oci_archive(*packing)));
    }
    forms
}

/// Packages and findings that each form must have.
fn expected(image: &Built) -> String {
    let report = scan_bytes(&image.docker_archive()).report();
    assert_eq!(limitations(&report), Vec::<&str>::new());
    assert!(!report.packages.is_empty() && !report.findings.is_empty());
    facts(report)
}

#[track_caller]
fn assert_same(form: &str, found: &str, expected: &str) {
    assert!(found == expected, "{form} differs: {}", similar(expected, found));
}

/// The first line in which two texts differ.
fn similar(expected: &str, found: &str) -> String {
    let pair = expected.lines().zip(found.lines()).find(|(one, other)| one != other);
    pair.map_or_else(|| "one is longer".to_owned(), |(one, other)| format!("`{}` is `{}`", one.trim(), other.trim()))
}

#[test]
fn files_of_every_form_and_compression() {
    let image = Recipe::read(RECIPE).build();
    let expected = expected(&image);
    for (form, archive) in archives(&image) {
        let scanned = scan_bytes(&archive);
        assert!(scanned.is_complete(), "{form}: {scanned}");
        assert_same(&form, &facts(scanned.report()), &expected);
    }
}

#[test]
fn folders() {
    let image = Recipe::read(RECIPE).build();
    let expected = expected(&image);
    for packing in Packing::ALL {
        let folder = tempfile::tempdir().unwrap();
        image.oci(*packing).write_to(folder.path());
        assert_same(&format!("oci-dir {packing:?}"), &facts(scan_file(folder.path()).report()), &expected);
    }
}

#[test]
fn archives_compressed_as_a_whole() {
    let image = Recipe::read(RECIPE).build();
    let expected = expected(&image);
    for archive in [image.docker_archive(), image.oci_archive(Packing::Plain), image.oci_archive(Packing::Gzip)] {
        for packing in Packing::ALL {
            let scanned = scan_bytes(&pack(&archive, *packing));
            assert!(scanned.is_complete(), "{packing:?}: {scanned}");
            assert_same(&format!("wrapped {packing:?}"), &facts(scanned.report()), &expected);
        }
    }
}

#[test]
fn standard_input() {
    let image = Recipe::read(RECIPE).build();
    let expected = expected(&image);
    let mut forms = archives(&image);
    forms.push(("in gzip".into(), gzip(&image.docker_archive())));
    forms.push(("in zstd".into(), pack(&image.oci_archive(Packing::Plain), Packing::ZstdFrames)));
    for (form, archive) in forms {
        let run = careen_reading(&archive, &["-f", "json", "-"]);
        assert_eq!(run.code, 1, "{form}: {}{}", run.stdout, run.stderr);
        let mut report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let facts = format!("{:#}\n{:#}", report["packages"].take(), report["findings"].take());
        assert_same(&format!("{form} from standard input"), &facts, &expected);
    }
}

#[test]
fn one_of_two_images() {
    let image = Recipe::read(RECIPE).build();
    let other = Recipe::read("images/b-hard-links-to-a-store.toml").build();
    let expected = expected(&image);
    for style in [DockerStyle::Old, DockerStyle::Linked, DockerStyle::Hybrid] {
        let file =
            file_of(&docker_archive(&[("shop/api:1.4", &image), ("shop/api:1.5", &other)], style, Packing::Plain));
        let path = file.path().to_str().unwrap();
        assert_same(&format!("{style:?}"), &facts(scan(&format!("{path}:shop/api:1.4")).report()), &expected);
        assert_eq!(packages(&scan(&format!("{path}:1.5")).report()), ["left-pad 1.3.0", "requests 2.31.0"]);
        let run = careen(&["scan", "--today", TODAY, path]);
        assert_eq!(run.code, 2, "{}", run.stderr);
        for tag in ["shop/api:1.4", "shop/api:1.5"] {
            assert!(run.stderr.contains(tag), "`{tag}` is not listed: {}", run.stderr);
        }
        assert_eq!(careen(&["scan", "--today", TODAY, &format!("{path}:1.6")]).code, 2);
    }
}

#[test]
fn an_unpacked_root() {
    let recipe = Recipe::read(RECIPE);
    let folder = tempfile::tempdir().unwrap();
    for layer in recipe.layers() {
        unpack(&layer, folder.path());
    }
    let report = scan(&format!("dir:{}", folder.path().display())).report();
    assert_eq!(packages(&report), recipe.expect.packages.unwrap());
    let image = scan_bytes(&Recipe::read(RECIPE).build().docker_archive()).report();
    let purls = |report: &careen::report::Report| {
        report.packages.iter().map(|package| package.purl.clone()).collect::<Vec<_>>()
    };
    assert_eq!(purls(&report), purls(&image));
}

/// Unpacks one layer over a folder, markers of the layer format obeyed. Only for layers of recipes.
fn unpack(layer: &[u8], root: &Path) {
    let mut archive = tar::Archive::new(layer);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let name = path.file_name().unwrap().to_str().unwrap();
        match name.strip_prefix(".wh.") {
            Some(hidden) => {
                let hidden = root.join(path.with_file_name(hidden));
                if hidden.is_dir() { std::fs::remove_dir_all(hidden) } else { std::fs::remove_file(hidden) }.unwrap();
            }
            None => assert!(entry.unpack_in(root).unwrap()),
        }
    }
}

#[test]
fn what_only_a_second_reading_shows_is_told() {
    let image = Recipe::read("images/b-hard-links-to-a-store.toml").build();
    let archive = image.docker_archive();
    assert_eq!(packages(&scan_bytes(&gzip(&archive)).report()), ["left-pad 1.3.0", "requests 2.31.0"]);
    let run = careen_reading(&archive, &["-f", "json", "-"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let limitations = report["limitations"].as_array().unwrap();
    for path in ["app/node_modules/left-pad/package.json", "requests-2.31.0.dist-info/METADATA"] {
        let told = limitations.iter().any(|limitation| {
            limitation["code"] == "second-look-impossible" && limitation["place"].as_str().unwrap().contains(path)
        });
        assert!(told, "{path} in {limitations:?}");
    }
}
