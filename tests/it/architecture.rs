//! The order of modules and the place of each foreign crate, read off the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules by rank, the highest first: a module uses those on lower lines only. As in docs/ARCHITECTURE.md.
const RANKS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["server"],
    &["fix"],
    &["lint", "output", "rejudge", "scan"],
    &["diff", "layers"],
    &["report"],
    &["policy"],
    &["rebuild"],
    &["check", "dockerfile", "advisory", "package", "secret", "pass"],
    &["collect", "finding"],
    &["inventory", "source"],
    &["tree"],
    &["image", "rule", "version", "format"],
    &["limitation", "limit", "path", "digest", "time"],
    &["diagnostic", "owner"],
    &["allocator", "error", "escape", "nearest", "reference", "secret_name", "size"],
];

/// Foreign crates and the files or folders that may name them; an empty list means anywhere.
const CRATES: &[(&str, &[&str])] = &[
    ("aho_corasick", &["secret"]),
    ("annotate_snippets", &["diagnostic.rs", "output"]),
    ("anstyle", &["output", "cli"]),
    ("axum", &["server"]),
    ("axum_server", &["server/http.rs", "server/patience.rs"]),
    ("bzip2", &["pass/decode.rs"]),
    ("clap", &["cli"]),
    ("cvss", &["advisory"]),
    ("debversion", &["version"]),
    ("docker_credential", &["source/registry"]),
    ("flate2", &["pass/decode.rs", "format/decompress.rs", "rebuild/encode.rs"]),
    ("futures_core", &["server/api/reports.rs"]),
    ("hyper_util", &["server/http.rs"]),
    ("indicatif", &["cli/term.rs"]),
    ("jiff", &["time.rs"]),
    ("landlock", &["server/worker"]),
    ("lzma_rust2", &["pass/decode.rs", "format/decompress.rs"]),
    ("md5", &["digest.rs"]),
    ("memchr", &[]),
    ("minijinja", &["server/page"]),
    ("object", &["format"]),
    ("packageurl", &["package/purl.rs"]),
    ("pep440_rs", &["version"]),
    ("postcard", &["advisory/store"]),
    ("quick_xml", &["format/xml.rs"]),
    ("rayon", &["fix", "pass", "rebuild", "scan"]),
    ("redb", &["advisory/store"]),
    ("regex", &["secret", "check", "dockerfile", "policy"]),
    ("regex_syntax", &["policy/import/pattern.rs", "secret"]),
    ("regorus", &["policy/rego"]),
    ("reqwest", &["source/registry", "server"]),
    ("ring", &["server"]),
    ("rpm_version", &["version"]),
    ("rustix", &["server"]),
    ("rustls", &["source/registry", "server"]),
    ("rustsec", &["advisory/feed/rustsec.rs"]),
    ("semver", &["version"]),
    ("serde", &[]),
    ("serde_json", &[]),
    ("serde_saphyr", &["package", "policy/import/tree.rs"]),
    ("serde_sarif", &["output/sarif.rs", "output/sarif_flaw.rs"]),
    ("sha1", &["digest.rs"]),
    ("sha2", &["digest.rs"]),
    ("spdx", &["inventory/licence.rs"]),
    ("sqlx", &["server"]),
    ("subtle", &["server"]),
    ("terminal_size", &["cli/term.rs"]),
    ("tokio", &["source/registry", "server"]),
    ("toml", &["advisory", "policy", "secret", "check", "package", "cli/config.rs", "server/config"]),
    ("tower", &["server"]),
    ("tower_http", &["server"]),
    ("tracing", &["server"]),
    ("tracing_subscriber", &["server/log.rs"]),
    ("twox_hash", &["advisory/store"]),
    ("unicode_width", &["output"]),
    ("zstd", &["pass/decode.rs", "format/decompress.rs", "advisory/store", "rebuild/encode.rs", "server/store"]),
];

#[test]
fn modules_use_lower_ranks_only() {
    let rank = |module: &str| RANKS.iter().position(|line| line.contains(&module));
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let module = module_of(&path);
        let Some(own) = rank(&module) else {
            assert_eq!(module, "lib", "{} has no rank", path.display());
            continue;
        };
        for used in crate_uses(&code) {
            let Some(other) = rank(&used) else { panic!("`crate::{used}` in {} has no rank", path.display()) };
            if used != module && other <= own {
                wrong.push(format!("{}: `{module}` uses `{used}`, which is not below it", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn foreign_crates_are_named_in_one_place() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let relative = path.strip_prefix(source_folder()).unwrap().to_string_lossy().into_owned();
        for (name, places) in CRATES {
            let allowed = places.is_empty()
                || places.iter().any(|place| {
                    let file_as_folder = place.strip_suffix(".rs").unwrap_or(place);
                    relative == *place
                        || relative.starts_with(&format!("{file_as_folder}/"))
                        || relative == format!("{place}.rs")
                });
            if !allowed && names_crate(&code, name) {
                wrong.push(format!("{relative} names `{name}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_dependency_has_its_place_and_its_reason() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let mut in_dependencies = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line == "[dependencies]" || line == "[dev-dependencies]";
            continue;
        }
        let Some((name, rest)) = line.split_once(" = ").filter(|_| in_dependencies && !line.starts_with('#')) else {
            continue;
        };
        assert!(rest.contains(" # "), "`{name}` in Cargo.toml has no reason beside it");
    }
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    let declared: BTreeSet<String> = dependencies
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_")))
        .collect();
    let placed: BTreeSet<String> = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(declared, placed, "dependencies of Cargo.toml, and the table of this test");
}

/// Every source file with its code, tests and comments taken out.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![source_folder()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !is_test(path.strip_prefix(source_folder()).unwrap())
            {
                let code = fs::read_to_string(&path).unwrap();
                let code = code.split("#[cfg(test)]\nmod ").next().unwrap();
                let code: String = code
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .map(|line| format!("{line}\n"))
                    .collect();
                files.push((path, code));
            }
        }
    }
    files.sort();
    assert!(files.len() > 20, "the sources were found");
    files
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing")
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(source_folder()).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

/// Modules named as `crate::module`, also in groups: `crate::{a, b::c}`.
fn crate_uses(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let groups = match rest.strip_prefix('{') {
            Some(group) => top_level(group),
            None => vec![rest],
        };
        for path in groups {
            let name: String = path.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                used.insert(name);
            }
        }
    }
    used
}

/// The parts of a `use` group up to its closing brace, inner groups kept whole.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    })
}
