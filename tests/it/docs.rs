//! One file, one line: each file is registered, each registration is in order, each generated page is current.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use careen::advisory::feed::about::{self, Coverage};
use careen::advisory::name;
use careen::rule::Rule;
use careen::version::Scheme;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Folder, what its files hold, the file with the slice that lists them, the slice, and how the folder is called there.
const REGISTERED: &[(&str, &str, &str, &str, &str)] = &[
    ("src/advisory/feed", "impl Feed for", "src/advisory/feed/mod.rs", "FEEDS", ""),
    ("src/check", "impl Check for", "src/check/mod.rs", "CHECKS", ""),
    ("src/fix", ": Fixer = ", "src/fix/mod.rs", "FIXERS", ""),
    ("src/output", "impl Format for", "src/output/mod.rs", "FORMATS", ""),
    ("src/package", "impl Collector for", "src/package/mod.rs", "COLLECTORS", ""),
    ("src/package/lock", ": LockFile = ", "src/package/mod.rs", "COLLECTORS", "lock::"),
    ("src/package/lock", "impl Collector for", "src/package/mod.rs", "COLLECTORS", "lock::"),
    ("src/server/event", "impl Sender for", "src/server/event/mod.rs", "SENDERS", ""),
    ("src/source", "impl Source for", "src/source/mod.rs", "SOURCES", ""),
];

#[test]
fn each_file_of_a_folder_is_registered() {
    for (folder, implementation, lists, slice, prefix) in REGISTERED {
        let all = fs::read_to_string(root().join(lists)).unwrap();
        let (_, list) =
            all.split_once(&format!("pub static {slice}")).unwrap_or_else(|| panic!("{lists} has no {slice}"));
        let list = list.split("];").next().unwrap();
        let mut found = 0;
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let file = if path.is_dir() { path.join("mod.rs") } else { path.clone() };
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let code = fs::read_to_string(&file).unwrap_or_default();
            let code = code.split("#[cfg(test)]\nmod ").next().unwrap();
            // a stand-in for a file that a feature leaves out has the place of that file
            let is_stand_in = all.contains(&format!("#[path = \"{stem}.rs\"]"));
            if stem != "mod" && !is_stand_in && code.contains(implementation) {
                assert!(list.contains(&format!("&{prefix}{stem}::")), "{folder}/{stem} is not in {slice}");
                found += 1;
            }
        }
        assert!(found > 0, "{folder} has files that {implementation}");
    }
}

#[test]
fn rule_files_and_presets_are_embedded() {
    for (folder, extension, list) in
        [("src/secret/rules", "toml", "src/secret/rule_files.rs"), ("policies", "toml", "src/policy/preset.rs")]
    {
        let list = fs::read_to_string(root().join(list)).unwrap();
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|found| found == extension) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                assert!(list.contains(&name), "{folder}/{name} is not embedded");
            }
        }
    }
}

#[test]
fn registrations_are_unique_and_sorted() {
    let sorted = |what: &str, ids: Vec<&str>| {
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids, unique.into_iter().collect::<Vec<_>>(), "{what}");
    };
    sorted("checks by their main rule", careen::check::CHECKS.iter().map(|check| check.rules()[0].id).collect());
    sorted("fixers", careen::fix::FIXERS.iter().map(|fixer| fixer.id).collect());
    sorted("formats", careen::output::FORMATS.iter().map(|format| format.id()).collect());
    sorted("sources", careen::source::SOURCES.iter().map(|source| source.id()).collect());
    sorted("rules", careen::scan::rules().iter().map(|rule| rule.id).collect());
    let collectors: Vec<&str> = careen::scan::collectors().iter().map(|collector| collector.id()).collect();
    assert_eq!(collectors.iter().collect::<BTreeSet<_>>().len(), collectors.len(), "{collectors:?}");
    assert!(collectors.len() <= 128, "a mask has 128 bits");
}

#[test]
fn rules_are_documented() {
    for rule in careen::scan::rules() {
        let (family, name) = rule.id.split_once('/').unwrap_or_else(|| panic!("{} has no family", rule.id));
        let is_kebab = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        assert!(is_kebab(family) && is_kebab(name), "{}", rule.id);
        assert!(!rule.title.is_empty() && !rule.title.ends_with('.'), "title of {}", rule.id);
        assert!(!rule.why.is_empty() && !rule.remediation.is_empty(), "texts of {}", rule.id);
        assert!(!rule.bad.is_empty() && !rule.good.is_empty(), "examples of {}", rule.id);
    }
}

#[test]
fn generated_pages_are_current() {
    let mut pages: Vec<(PathBuf, String)> = Vec::new();
    let rules = careen::scan::rules();
    for rule in &rules {
        pages.push((root().join(format!("docs/rules/{}.md", rule.id)), careen::rule::page(rule)));
    }
    pages.push((root().join("docs/rules/README.md"), index(&rules)));
    let mut ecosystems = String::from("# What careen lists\n\n| packages | collector |\n|---|---|\n");
    for collector in careen::scan::collectors() {
        let (Some(page), Some(about)) = (careen::package::page(collector), collector.about()) else { continue };
        assert!(!about.not_seen.is_empty(), "{} sees everything?", collector.id());
        let name = format!("{}.md", collector.id());
        ecosystems += &format!("| [{}]({name}) | `{}` |\n", about.title, collector.id());
        pages.push((root().join("docs/ecosystems").join(name), page));
    }
    pages.push((root().join("docs/ecosystems/README.md"), ecosystems));
    let mut fixers = String::from("# Fixers\n\n| fixer | kind | mends |\n|---|---|---|\n");
    for fixer in careen::fix::FIXERS {
        let group = if fixer.group.is_empty() { "asked for by a flag".into() } else { format!("`{}`", fixer.group) };
        fixers += &format!("| [{id}]({id}.md) | {group} | {title} |\n", id = fixer.id, title = fixer.title);
        pages.push((root().join(format!("docs/fixers/{}.md", fixer.id)), careen::fix::page(fixer)));
    }
    pages.push((root().join("docs/fixers/README.md"), fixers));
    pages.push(advisories());
    pages.push(policies());
    let schema =
        serde_json::to_string_pretty(&careen::policy::file::schema::schema(&careen::scan::rules())).unwrap() + "\n";
    pages.push((root().join("docs/formats/policy.schema.json"), schema));
    let update = std::env::var_os("CAREEN_UPDATE").is_some();
    let mut stale = Vec::new();
    for (path, text) in &pages {
        if fs::read_to_string(path).is_ok_and(|found| found == *text) {
            continue;
        }
        if update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        } else {
            stale.push(path.display().to_string());
        }
    }
    let known: BTreeSet<&Path> = pages.iter().map(|(path, _)| path.as_path()).collect();
    for family in
        fs::read_dir(root().join("docs/rules")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for page in fs::read_dir(family).unwrap().map(|entry| entry.unwrap().path()) {
            if !known.contains(page.as_path()) {
                if update {
                    fs::remove_file(&page).unwrap();
                } else {
                    stale.push(format!("{} has no rule", page.display()));
                }
            }
        }
    }
    assert!(stale.is_empty(), "run the tests with CAREEN_UPDATE=1 to rewrite these pages:\n{}", stale.join("\n"));
}

/// The page on policies with the tables of keys, each between two marks, made anew.
fn policies() -> (PathBuf, String) {
    let path = root().join("docs/policy.md");
    let mut text = fs::read_to_string(&path).unwrap();
    for table in careen::policy::file::schema::tables() {
        let name = if table.name.is_empty() { "the file" } else { table.name };
        let (start, end) =
            (format!("<!-- keys of {name}: made from src/policy -->\n"), format!("<!-- end of {name} -->\n"));
        let (before, rest) = text.split_once(&start).unwrap_or_else(|| panic!("docs/policy.md has no {name}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/policy.md has no end of {name}"));
        text = format!("{before}{start}{}{end}{after}", careen::policy::file::schema::markdown(table));
    }
    (path, text)
}

/// The page on advisories with its tables, which stand between two marks each, made anew.
fn advisories() -> (PathBuf, String) {
    let path = root().join("docs/advisories.md");
    let mut text = fs::read_to_string(&path).unwrap();
    for (mark, table) in
        [("distributions", families(true)), ("languages", families(false)), ("facts", facts()), ("feeds", feeds())]
    {
        let (start, end) =
            (format!("<!-- {mark}: made from advisories/feeds.toml -->\n"), format!("<!-- end of {mark} -->\n"));
        let (before, rest) = text.split_once(&start).unwrap_or_else(|| panic!("docs/advisories.md has no {mark}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/advisories.md has no end of {mark}"));
        text = format!("{before}{start}{table}{end}{after}");
    }
    (path, text)
}

/// What each feed tells of each family of distributions or of languages, sorted by family.
fn families(of_distributions: bool) -> String {
    let mut rows = Vec::new();
    for about in about::all() {
        for family in about::families(&about.id) {
            if family.coverage == Coverage::Facts && about.id != "debian-tracker" {
                continue;
            }
            let scheme = name::scheme(&family.name);
            let is_distribution = matches!(scheme, Some(Scheme::Dpkg | Scheme::Rpm | Scheme::Apk) | None);
            if is_distribution == of_distributions {
                let name = if family.name == name::CRATES { "Rust's crates" } else { &family.name };
                let (feed, coverage) = (&about.id, family.coverage.as_str());
                let exported = if family.exported { "yes" } else { "no" };
                let row = format!(
                    "| {name} | `{feed}` | {coverage} | {} | {} | {exported} |\n",
                    family.missing, family.licence
                );
                rows.push((name.to_lowercase(), row));
            }
        }
    }
    rows.sort();
    let rows: String = rows.into_iter().map(|(_, row)| row).collect();
    format!("| family | feed | coverage | what is missing | licence | exported |\n|---|---|---|---|---|---|\n{rows}")
}

/// Feeds that tell of flaws, not of packages.
fn facts() -> String {
    let mut text = String::from("| feed | what | what is missing | licence | exported |\n|---|---|---|---|---|\n");
    for about in about::all() {
        let families = about::families(&about.id);
        if let Some(family) = families.iter().find(|family| family.coverage == Coverage::Facts) {
            let exported = if about.exported { "yes" } else { "no" };
            let (id, title, licence) = (&about.id, &about.title, &about.licence);
            text += &format!("| `{id}` | {title} | {} | {licence} | {exported} |\n", family.missing);
        }
    }
    text
}

/// Where feeds are, at the source and in a mirror.
fn feeds() -> String {
    let mut text =
        String::from("| feed | source | folder of a mirror | refresh | to be named |\n|---|---|---|---|---|\n");
    for about in about::all().filter(|about| !about.locations.is_empty()) {
        let locations: Vec<String> = about.locations.iter().map(|url| format!("<{url}>")).collect();
        let folder = if about.folder.is_empty() { "/" } else { &about.folder };
        let (id, hours, attribution) = (&about.id, about.refresh_hours, &about.attribution);
        text += &format!("| `{id}` | {} | `{folder}` | {hours} h | {attribution} |\n", locations.join(", "));
    }
    text
}

fn index(rules: &[&'static Rule]) -> String {
    let mut text = String::from(
        "# Rules\n\nMade from the rules themselves; `careen explain RULE` shows the same pages.\n\n| rule | severity | what |\n|---|---|---|\n",
    );
    for rule in rules {
        text += &format!(
            "| [{id}]({id}.md) | {severity} | {title} |\n",
            id = rule.id,
            severity = rule.severity,
            title = rule.title
        );
    }
    text
}
