//! Go modules in programs, from what Go's linker left (`debug/buildinfo`; "Go Modules Reference").

use crate::collect::{Facts, PackageFact};
use crate::format::go_build_info::{GoBuildInfo, GoModule};
use crate::inventory::{Need, Proof};
use crate::rule::Confidence;

use super::super::ecosystem::GOLANG;
use crate::package::purl;
use crate::package::text::{complain, is_version};

/// What Go itself calls a version it does not know.
const UNKNOWN: &str = "(devel)";

/// Hexadecimal digits of a revision in a pseudo-version.
const REVISION: usize = 12;

/// Adds the modules of one program.
pub(super) fn push(info: &GoBuildInfo, facts: &mut Facts) {
    if info.has_gaps {
        complain(facts, "a line of its list of Go modules is not understood".to_owned());
    }
    let standard = go_version(&info.go_version);
    let mut needs = Vec::new();
    if let Some(version) = standard
        && let Some(fact) = purl::fact(&GOLANG, "stdlib", version)
    {
        needs.push(Need { name: fact.name.clone(), version: Some(fact.version.clone()) });
        facts.package(fact);
    }
    // the tool chain is not a module, but its advisories know it as one
    if info.path == "cmd/go"
        && let Some(fact) = standard.and_then(|version| purl::fact(&GOLANG, "toolchain", version))
    {
        facts.package(fact);
    }
    for dependency in &info.dependencies {
        if let Some(fact) = linked(dependency) {
            needs.push(Need { name: fact.name.clone(), version: Some(fact.version.clone()) });
            facts.package(fact);
        }
    }
    if let Some(main) = &info.main
        && let Some(fact) = main_module(main, info)
    {
        facts.package(PackageFact { needs, ..fact });
    }
}

/// A module that was linked in, under the path and version of what was used.
fn linked(module: &GoModule) -> Option<PackageFact> {
    let used = module.used();
    if !used.version.is_empty() {
        return purl::fact(&GOLANG, &used.path, &used.version);
    }
    // replaced by a folder: the code is near that of the module, but nobody knows how near
    let fact = purl::fact(&GOLANG, &module.path, &module.version)?;
    let proof = Proof::Name(format!("replaced by {}", used.path).into());
    Some(PackageFact { confidence: Some(Confidence::Low), proof, ..fact })
}

/// The main module: with the version that Go knows, or else the one its makers told the linker, or else the revision.
fn main_module(module: &GoModule, info: &GoBuildInfo) -> Option<PackageFact> {
    let used = module.used();
    if !used.version.is_empty() && used.version != UNKNOWN {
        return purl::fact(&GOLANG, &used.path, &used.version);
    }
    let guessed = told_to_linker(info.setting("-ldflags").unwrap_or_default(), &used.path)
        .map(|(version, text)| (version, format!("-ldflags {text}")))
        .or_else(|| of_siblings(info))
        .or_else(|| pseudo_version(info).map(|version| (version, "vcs.revision and vcs.time".to_owned())));
    if let Some((version, told)) = guessed {
        let fact = purl::fact(&GOLANG, &used.path, &version)?;
        return Some(PackageFact { confidence: Some(Confidence::Medium), proof: Proof::Name(told.into()), ..fact });
    }
    Some(PackageFact { version: UNKNOWN.to_owned(), ..purl::fact(&GOLANG, &used.path, "")? })
}

/// `1.22.1` of `go1.22.1 X:boringcrypto`, `1.24-4a1b2c3` of `devel go1.24-4a1b2c3 Thu Jan 9`.
fn go_version(text: &str) -> Option<&str> {
    let word = text.split(' ').find_map(|word| word.strip_prefix("go"))?;
    word.starts_with(|first: char| first.is_ascii_digit()).then_some(word)
}

/// The version that `-X package.variable=value` sets, and that text. Such a variable is called `version`, its package
/// is the main one, one of the module, or called `version`.
fn told_to_linker(flags: &str, module: &str) -> Option<(String, String)> {
    let mut found: Vec<(u8, &str, &str)> = Vec::new();
    for text in flags.split([' ', '\'', '"', '\t']) {
        let text = text.strip_prefix("-X=").unwrap_or(text);
        let Some((variable, value)) = text.split_once('=') else { continue };
        let Some((package, name)) = variable.rsplit_once('.') else { continue };
        let rank = match name {
            "version" | "Version" => 0,
            "ver" | "Ver" | "VERSION" => 1,
            "appVersion" | "AppVersion" | "buildVersion" | "BuildVersion" | "gitVersion" | "GitVersion" => 2,
            "releaseVersion" | "ReleaseVersion" | "fullVersion" | "versionNumber" | "currentVersion" => 3,
            _ => continue,
        };
        let is_own = package == "main" || package.starts_with(module);
        let is_plausible = is_own || package.ends_with("/version") || package.ends_with("/cmd");
        if is_plausible && is_semantic(value) {
            found.push((rank + if is_own { 0 } else { 10 }, value, text));
        }
    }
    let (_, value, text) = found.into_iter().min_by_key(|(rank, ..)| *rank)?;
    // Go's versions have a `v`
    let version = if value.starts_with('v') { value.to_owned() } else { format!("v{value}") };
    Some((version, text.to_owned()))
}

/// Whether `text` is a version of Semantic Versioning, with or without a `v`.
fn is_semantic(text: &str) -> bool {
    let numbers = text.strip_prefix('v').unwrap_or(text).split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.len() < 10 && part.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 100
        && is_version(text, ".-+_~")
        && numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
}

/// The modules of etcd are released together, in one repository: those beside the main one have its version.
fn of_siblings(info: &GoBuildInfo) -> Option<(String, String)> {
    const TOGETHER: &str = "go.etcd.io/etcd/";
    let main = info.main.as_ref().filter(|main| main.path.starts_with(TOGETHER))?;
    let sibling = info.dependencies.iter().find(|dependency| {
        dependency.path.starts_with(TOGETHER)
            && dependency.path.rsplit('/').next() == main.path.rsplit('/').next()
            && dependency.replaced_by.is_some()
            && is_semantic(&dependency.version)
    })?;
    Some((sibling.version.clone(), format!("{} {}", sibling.path, sibling.version)))
}

/// `v0.0.0-20240426060020-9640d75c1384`, as Go calls a revision without a tag.
fn pseudo_version(info: &GoBuildInfo) -> Option<String> {
    let revision = info.setting("vcs.revision")?.get(..REVISION)?;
    let digits: String = info.setting("vcs.time")?.chars().filter(char::is_ascii_digit).collect();
    let is_hex = revision.bytes().all(|b| b.is_ascii_hexdigit());
    (is_hex && digits.len() == 14).then(|| format!("v0.0.0-{digits}-{revision}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_go_are_taken_out_of_what_it_says() {
        let cases = [
            ("go1.22.1", Some("1.22.1")),
            ("go1.23.0 X:boringcrypto", Some("1.23.0")),
            ("go1.20.12 (Red Hat 1.20.12-1.el9)", Some("1.20.12")),
            ("go1.22rc1", Some("1.22rc1")),
            ("devel go1.24-4a1b2c3 Thu Jan 9", Some("1.24-4a1b2c3")),
            ("devel +4a1b2c3", None),
        ];
        for (text, expected) in cases {
            assert_eq!(go_version(text), expected, "{text}");
        }
    }

    #[test]
    fn the_main_module_has_the_best_version_that_was_said() {
        let main =
            |version: &str| GoModule { path: "example.org/a".into(), version: version.into(), ..GoModule::default() };
        let setting = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let vcs = vec![setting("vcs.revision", "9640d75c13845419f5"), setting("vcs.time", "2024-04-26T06:00:20Z")];
        let flags = |flags: &str| vec![setting("-ldflags", flags)];
        let cases = [
            ("v1.2.3", vcs.clone(), "v1.2.3", None),
            ("(devel)", vcs, "v0.0.0-20240426060020-9640d75c1384", Some("vcs.revision and vcs.time")),
            ("", vec![], "(devel)", None),
            ("(devel)", flags("-w -X main.version=v1.0.0"), "v1.0.0", Some("-ldflags main.version=v1.0.0")),
            ("(devel)", flags("-X 'main.version=1.0.0-rc.1+x' -s"), "v1.0.0-rc.1+x", None),
            ("(devel)", flags("-X=example.org/a/pkg/info.Version=1.0.0"), "v1.0.0", None),
            (
                "(devel)",
                flags("-X k8s.io/x/version.gitVersion=v9.9.9 -X example.org/a/x.version=1.0.0"),
                "v1.0.0",
                None,
            ),
            ("(devel)", flags("-X other.org/b.version=1.0.0"), "(devel)", None),
            ("(devel)", flags("-X main.version=abc -X main.date=2024.1.1"), "(devel)", None),
        ];
        for (version, settings, expected, told) in cases {
            let info = GoBuildInfo { settings, ..GoBuildInfo::default() };
            let fact = main_module(&main(version), &info).expect("it is a module");
            assert_eq!(fact.version, expected);
            let purl = if expected == UNKNOWN {
                "pkg:golang/example.org/a"
            } else {
                &format!("pkg:golang/example.org/a@{}", expected.replace('+', "%2B"))
            };
            assert_eq!(fact.purl.as_deref(), Some(purl));
            if let Some(told) = told {
                assert_eq!((fact.proof, fact.confidence), (Proof::Name(told.into()), Some(Confidence::Medium)));
            }
        }
    }

    #[test]
    fn what_was_used_is_what_is_listed() {
        let module =
            |path: &str, version: &str| GoModule { path: path.into(), version: version.into(), ..GoModule::default() };
        let replaced = |by| GoModule { replaced_by: Some(Box::new(by)), ..module("example.org/b", "v1.0.0") };
        let cases = [
            (module("example.org/b", "v1.0.0"), "pkg:golang/example.org/b@v1.0.0", None),
            (replaced(module("example.org/fork", "v1.0.1")), "pkg:golang/example.org/fork@v1.0.1", None),
            (replaced(module("./b", "")), "pkg:golang/example.org/b@v1.0.0", Some(Confidence::Low)),
        ];
        for (module, purl, confidence) in cases {
            let fact = linked(&module).expect("it is a module");
            assert_eq!((fact.purl.as_deref(), fact.confidence), (Some(purl), confidence));
        }
    }
}
