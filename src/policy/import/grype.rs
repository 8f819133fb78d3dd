//! `.grype.yaml` (<https://github.com/anchore/grype>, "Specifying matches to ignore"): flaws that are ignored by id,
//! package, place or state of their fix, and the severity that fails.

use crate::error::Result;

use super::draft::{Condition, Draft, Gate, Step, Waived};
use super::package::{self, Named};
use super::pattern::path_glob;
use super::tree::Node;
use super::{File, Kind, has_yaml_key, names};

pub(super) static KIND: Kind = Kind {
    id: "grype",
    what: "flaws that Grype ignores, and what it fails on",
    names: &[".grype.yaml", ".grype.yml", "grype.yaml", "grype.yml"],
    looks: |text| has_yaml_key(text, &["ignore", "fail-on-severity", "only-fixed", "only-notfixed"]),
    read,
};

/// Keys of an entry, and of its package.
const KEYS: &[&str] = &[
    "fix-state",
    "include-aliases",
    "match-type",
    "namespace",
    "package",
    "reason",
    "vex-justification",
    "vex-status",
    "vulnerability",
];
const PACKAGE_KEYS: &[&str] = &["language", "location", "name", "type", "upstream-name", "version"];

fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let top = file.yaml()?;
    if !top.is_table() && !top.items().is_empty() {
        return Err(file.wrong(top.line, "a configuration of Grype is a table"));
    }
    let mut others: Vec<(usize, &str)> = Vec::new();
    for (key, value) in top.entries() {
        let line = value.line;
        let word = value.text().unwrap_or_default();
        match key.as_str() {
            "ignore" => value.items().iter().for_each(|entry| ignored(draft, entry)),
            "fail-on-severity" if word.is_empty() => {}
            "fail-on-severity" => fail_on(draft, line, word),
            "only-fixed" if top.is_set(key) => fixable(draft, line, key, false),
            "only-notfixed" if top.is_set(key) => fixable(draft, line, key, true),
            "only-fixed" | "only-notfixed" => {}
            "ignore-states" | "ignore-wontfix" => {
                let states = value.items().iter().filter_map(Node::text).flat_map(|text| text.split(','));
                for state in states.map(str::trim).filter(|state| !state.is_empty()) {
                    match is_fixable(state) {
                        _ if UNTOLD.contains(&state) => draft.leave(line, &format!("{key}: {state}"), NOT_ASKED),
                        Some(is_fixable) => fixable(draft, line, &format!("{key}: {state}"), is_fixable),
                        None => draft.leave(line, &format!("{key}: {state}"), "it is no state of a fix"),
                    }
                }
            }
            "exclude" => exclude(draft, value),
            "vex-documents" if !value.items().is_empty() => {
                draft.leave(line, key, "`careen scan --vex FILE` takes such documents");
            }
            _ => others.push((line, key)),
        }
    }
    if let Some((line, _)) = others.first() {
        let keys: Vec<&str> = others.iter().map(|(_, key)| *key).collect();
        draft.leave(*line, &keys.join(", "), "it says how Grype works, not what it ignores");
    }
    Ok(())
}

fn fail_on(draft: &mut Draft<'_>, line: usize, word: &str) {
    let what = format!("fail-on-severity: {word}");
    let least = match word.to_ascii_lowercase().as_str() {
        "negligible" => "info",
        "low" => "low",
        "medium" => "medium",
        "high" => "high",
        "critical" => "critical",
        _ => {
            draft.leave(line, &what, "it is no severity");
            return;
        }
    };
    let gate = Gate {
        step: Step::Threshold,
        name: format!("flaws of severity {least} and above"),
        conditions: vec![
            ("rule", Condition::Words(vec!["package/vulnerable".into()])),
            ("severity", Condition::Words(vec![format!(">={least}")])),
        ],
        action: "fail",
        message: None,
    };
    draft.gate(line, &what, gate);
}

/// Ignores flaws of which a fix is known, or of which none is.
fn fixable(draft: &mut Draft<'_>, line: usize, what: &str, is_fixable: bool) {
    draft.gate(line, what, of_fix(is_fixable, Vec::new(), None));
}

fn of_fix(is_fixable: bool, more: Vec<(&'static str, Condition)>, message: Option<String>) -> Gate {
    let name = if is_fixable { "flaws with a fix" } else { "flaws without a fix" };
    let mut conditions = vec![("rule", Condition::Words(vec!["package/vulnerable".into()]))];
    conditions.extend(more);
    conditions.push(("fixable", Condition::Truth(is_fixable)));
    Gate { step: Step::Ignore, name: name.into(), conditions, action: "ignore", message }
}

/// States that say why there is no fix: a rule for all flaws without one would be wider.
const UNTOLD: &[&str] = &["unknown", "wont-fix"];
const NOT_ASKED: &str = "careen does not tell why a flaw has no fix, and to ignore all that have none would be wider";

fn is_fixable(state: &str) -> Option<bool> {
    match state {
        "fixed" => Some(true),
        "not-fixed" => Some(false),
        _ => None,
    }
}

fn exclude(draft: &mut Draft<'_>, value: &Node) {
    let mut paths = Vec::new();
    for pattern in value.items() {
        match path_glob(pattern.text().unwrap_or_default()) {
            Ok(path) => {
                // a folder is left out with all below
                paths.push(format!("{}/**", path.trim_end_matches('/')));
                paths.push(path);
            }
            Err(why) => draft.leave(pattern.line, "exclude", why),
        }
    }
    if !paths.is_empty() {
        let gate = Gate {
            step: Step::Ignore,
            name: "paths that Grype leaves out".into(),
            conditions: vec![("family", Condition::Words(vec!["package".into()])), ("path", Condition::Words(paths))],
            action: "ignore",
            message: None,
        };
        draft.gate(value.line, "exclude", gate);
    }
}

fn ignored(draft: &mut Draft<'_>, entry: &Node) {
    let line = entry.line;
    let package = entry.get("package");
    let inner = |key: &str| package.and_then(|package| package.text_of(key));
    let id = entry.text_of("vulnerability");
    let shown = id.or_else(|| inner("name")).or_else(|| entry.text_of("fix-state")).unwrap_or("an entry");
    // an entry holds where all of its keys do: one that is not understood would make it wider
    let keys = entry.entries().iter().filter(|(key, _)| !KEYS.contains(&key.as_str()));
    let inner_keys = package.map(Node::entries).unwrap_or_default();
    if let Some((key, _)) =
        keys.chain(inner_keys.iter().filter(|(key, _)| !PACKAGE_KEYS.contains(&key.as_str()))).next()
    {
        draft.leave(line, shown, format!("it has a key `{}`, which careen does not know", crate::escape::escape(key)));
        return;
    }
    for key in ["vex-status", "vex-justification"] {
        if entry.text_of(key).is_some() {
            draft.leave(line, shown, "it is about what a VEX document says: `careen scan --vex FILE` takes those");
            return;
        }
    }
    if let Some(kind) = entry.text_of("match-type") {
        let why = if kind == "cpe-match" {
            "careen compares no CPEs, so that there is nothing to accept"
        } else {
            "careen does not say how a package was matched"
        };
        draft.leave(line, shown, why);
        return;
    }
    match conditions(draft, entry, shown) {
        Ok(waived) => add(draft, entry, shown, waived),
        Err(why) => draft.leave(line, shown, why),
    }
}

/// What an entry selects, its fix apart.
fn conditions(draft: &mut Draft<'_>, entry: &Node, shown: &str) -> Result<Waived, String> {
    let package = entry.get("package");
    let inner = |key: &str| package.and_then(|package| package.text_of(key));
    let mut waived = Waived { reason: entry.text_of("reason").map(ToOwned::to_owned), ..Waived::default() };
    waived.rules = vec!["package/vulnerable".into()];
    if let Some(id) = entry.text_of("vulnerability") {
        if !names::is_flaw(id) {
            return Err(names::NO_FLAW.to_owned());
        }
        waived.subjects = vec![id.to_owned()];
        waived.rules = names::rules_of_flaw(id);
    }
    if let Some(location) = inner("location") {
        waived.paths = vec![path_glob(location)?];
    }
    let mut types: &[&str] = &[];
    if let Some(language) = inner("language") {
        types = package::of_language(language).ok_or("careen does not know the language")?;
    }
    if let Some(kind) = inner("type") {
        types = package::of_syft_type(kind).ok_or("careen does not know the type of package")?;
    }
    if let Some(namespace) = entry.text_of("namespace") {
        let (of_namespace, is_release) = of_namespace(namespace)?;
        types = of_namespace;
        if is_release {
            draft.differ(entry.line, shown, "the waiver is for all releases of the distribution");
        }
    }
    let named = Named { types, name: inner("name"), is_regex: true, version: inner("version") };
    waived.purls = package::patterns(&named)?;
    if let Some(upstream) = inner("upstream-name") {
        if !waived.purls.is_empty() && (named.name.is_some() || named.version.is_some()) {
            return Err("it names a package and its source package, and a waiver knows one of both".into());
        }
        waived.purls = package::of_upstream(types, upstream)?;
    }
    Ok(waived)
}

/// Types of package URLs by a namespace of Grype's data, and whether it names a release.
fn of_namespace(namespace: &str) -> Result<(&'static [&'static str], bool), String> {
    let parts: Vec<&str> = namespace.split(':').collect();
    match parts.as_slice() {
        [_, "language", language, ..] => package::of_language(language)
            .map(|types| (types, false))
            .ok_or_else(|| "careen does not know the language of the namespace".into()),
        [_, "distro", distro, rest @ ..] => {
            let types: &[&str] = match *distro {
                "almalinux" => &["rpm/almalinux"],
                "alpine" => &["apk/alpine"],
                "amazonlinux" => &["rpm/amzn"],
                "arch" | "archlinux" => &["alpm/arch"],
                "azurelinux" | "mariner" => &["rpm/azurelinux", "rpm/mariner"],
                "chainguard" => &["apk/chainguard"],
                "debian" => &["deb/debian"],
                "fedora" => &["rpm/fedora"],
                "oraclelinux" => &["rpm/ol"],
                "photon" => &["rpm/photon"],
                "redhat" => &["rpm/centos", "rpm/redhat", "rpm/rhel"],
                "rockylinux" => &["rpm/rocky"],
                "sles" => &["rpm/sles"],
                "ubuntu" => &["deb/ubuntu"],
                "wolfi" => &["apk/wolfi"],
                _ => return Err("careen does not know the distribution of the namespace".into()),
            };
            Ok((types, rest.iter().any(|release| !release.is_empty() && *release != "rolling")))
        }
        ["nvd", "cpe", ..] => Err("careen compares no CPEs, so that there is nothing to accept".into()),
        _ => Err("careen does not know the namespace".into()),
    }
}

fn add(draft: &mut Draft<'_>, entry: &Node, shown: &str, waived: Waived) {
    let line = entry.line;
    let Some(state) = entry.text_of("fix-state") else {
        if waived.subjects.is_empty() && waived.purls.is_empty() && waived.paths.is_empty() {
            draft.leave(line, shown, "it has no condition, so that Grype passes over it too");
        } else {
            draft.waive(line, shown, waived);
        }
        return;
    };
    // of a flaw that is named, no others are ignored
    let is_of_one = UNTOLD.contains(&state) && !waived.subjects.is_empty();
    if UNTOLD.contains(&state) && !is_of_one {
        draft.leave(line, shown, NOT_ASKED);
        return;
    }
    let Some(is_fixable) = is_fixable(state).or(is_of_one.then_some(false)) else {
        draft.leave(line, shown, "its `fix-state` is none of `fixed`, `not-fixed`, `unknown`, `wont-fix`");
        return;
    };
    let lists = [("subject", waived.subjects), ("path", waived.paths), ("purl", waived.purls)];
    let more = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let more = more.map(|(key, list)| (key, Condition::Words(list))).collect();
    draft.gate(line, shown, of_fix(is_fixable, more, waived.reason));
    if state != "fixed" {
        draft.differ(
            line,
            shown,
            "careen tells flaws with a fix from those without, and does not ask why there is none",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_types_of_package_urls() {
        for row in [
            "almalinux=rpm/almalinux",
            "alpine=apk/alpine",
            "amazonlinux=rpm/amzn",
            "arch=alpm/arch",
            "archlinux=alpm/arch",
            "azurelinux=rpm/azurelinux,rpm/mariner",
            "mariner=rpm/azurelinux,rpm/mariner",
            "chainguard=apk/chainguard",
            "debian=deb/debian",
            "fedora=rpm/fedora",
            "oraclelinux=rpm/ol",
            "photon=rpm/photon",
            "redhat=rpm/centos,rpm/redhat,rpm/rhel",
            "rockylinux=rpm/rocky",
            "sles=rpm/sles",
            "ubuntu=deb/ubuntu",
            "wolfi=apk/wolfi",
        ] {
            let (distro, types) = row.split_once('=').expect("a row");
            for (release, is_release) in [(":12", true), (":", false), ("", false), (":rolling", false)] {
                let namespace = format!("{distro}:distro:{distro}{release}");
                let found = of_namespace(&namespace).map(|(types, is_release)| (types.join(","), is_release));
                assert_eq!(found, Ok((types.to_owned(), is_release)), "{namespace}");
            }
        }
        assert_eq!(of_namespace("github:language:python"), Ok((&["pypi"][..], false)));
        for (namespace, said) in [
            ("github:language:odd", "the language"),
            ("x:distro:odd:1", "the distribution"),
            ("nvd:cpe", "no CPEs"),
            ("odd", "the namespace"),
        ] {
            let why = of_namespace(namespace).expect_err(namespace);
            assert!(why.contains(said), "{namespace}: {why}");
        }
    }
}
