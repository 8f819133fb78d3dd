//! .NET packages: `*.deps.json` of programs (.NET SDK, "Runtime Configuration Files"), and what lock files of `NuGet` declare.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select};
use crate::format::xml::{self, Met};
use crate::inventory::{Ecosystem, Need, State};
use crate::rule::Confidence;
use crate::size::ByteSize;

use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, field};

/// Packages of `NuGet`.
static NUGET: Ecosystem = Ecosystem { id: "nuget", purl_type: "nuget", is_system: false };

/// Dependencies of one package; real ones have below 100.
const NEEDS: usize = 1_000;

/// Reads the list of assemblies that lies beside every published program.
pub(super) struct NuGet;

static ABOUT: About = About {
    title: ".NET packages",
    ecosystems: &[&NUGET],
    reads: "Name, version and dependencies of each package and runtime pack that brought an assembly into a \
                published program, and of the program's own projects, the latter with low confidence.",
    not_seen: &[
        "packages that bring no assembly, such as those of build tools",
        "assemblies without a `.deps.json`, and those merged into one file or compiled ahead of time",
    ],
    references: &["https://github.com/dotnet/sdk/blob/main/documentation/specs/runtime-configuration-file.md"],
};

impl Collector for NuGet {
    fn id(&self) -> &'static str {
        "nuget"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(".deps.json")]
    }

    /// The largest seen, of the SDK, have below 1 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(32))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let mut complaints = Complaints::default();
        match installed(file.bytes, &mut complaints) {
            Ok(packages) => push(packages, &mut complaints, facts),
            Err(what) => complaints.add(what),
        }
        complaints.push(facts);
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// Reads what a project asks for.
pub(super) struct NuGetDeclared;

static ABOUT_DECLARED: About = About {
    title: ".NET packages that projects declare",
    ecosystems: &[&NUGET],
    reads: "Name and version of each package in lock files, in `packages.config` and in central lists of versions.",
    not_seen: &[
        "versions that a project file gives itself",
        "versions that are ranges, or properties set in other files: these are told as notes",
        "packages that `packages.config` marks as needed for development only",
    ],
    references: &[
        "https://learn.microsoft.com/nuget/consume-packages/package-references-in-project-files#locking-dependencies",
        "https://learn.microsoft.com/nuget/reference/packages-config",
        "https://learn.microsoft.com/nuget/consume-packages/central-package-management",
    ],
};

impl Collector for NuGetDeclared {
    fn id(&self) -> &'static str {
        "nuget-declared"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Name(LOCK),
            Select::Name(CONFIG),
            Select::Name("Directory.Packages.props"),
            Select::Name("Packages.props"),
        ]
    }

    /// Lock files of the largest solutions have some 2 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(16))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let mut complaints = Complaints::default();
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        let name = file.path.file_name();
        let read = if name == LOCK.as_bytes() {
            locked(file.bytes, &mut complaints)
        } else if name == CONFIG.as_bytes() {
            configured(file.bytes, &mut complaints)
        } else {
            let (packages, unknown) = central(file.bytes);
            for what in unknown {
                facts.push(Fact::Oddity(what.into()));
            }
            packages
        };
        match read {
            Ok(packages) => {
                let packages = packages.into_iter().map(|fact| PackageFact { state: State::Declared, ..fact });
                push(packages.collect(), &mut complaints, facts);
            }
            Err(what) => complaints.add(what),
        }
        complaints.push(facts);
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT_DECLARED)
    }
}

const LOCK: &str = "packages.lock.json";
const CONFIG: &str = "packages.config";

fn push(packages: Vec<PackageFact>, complaints: &mut Complaints, facts: &mut Facts) {
    if packages.len() > PACKAGES_PER_FILE {
        complaints.add(format!("it lists more than {PACKAGES_PER_FILE} packages; the rest is not read"));
    }
    for package in packages.into_iter().take(PACKAGES_PER_FILE) {
        facts.package(package);
    }
}

/// Objects whose values are read one by one, so that a broken one costs itself.
type Raw<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Deserialize)]
struct Deps<'a> {
    #[serde(rename = "runtimeTarget", default)]
    runtime_target: Option<RuntimeTarget>,
    #[serde(borrow, default)]
    targets: Raw<'a>,
    #[serde(borrow, default)]
    libraries: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RuntimeTarget {
    /// As .NET Core 1.0 wrote it.
    Name(String),
    Object {
        name: String,
    },
}

#[derive(Deserialize)]
struct Library {
    r#type: String,
}

/// What a library brings for one platform: assemblies of several kinds.
#[derive(Default, Deserialize)]
struct Target<'a> {
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    #[serde(borrow, default)]
    runtime: Raw<'a>,
    #[serde(rename = "runtimeTargets", borrow, default)]
    runtime_targets: Raw<'a>,
    #[serde(borrow, default)]
    native: Raw<'a>,
    #[serde(borrow, default)]
    resources: Raw<'a>,
}

impl Target<'_> {
    fn has_assemblies(&self) -> bool {
        let lists = [&self.runtime, &self.runtime_targets, &self.native, &self.resources];
        // `_._` says that a platform needs no file
        lists.iter().any(|list| list.keys().any(|file| file != "_._" && !file.ends_with("/_._")))
    }
}

/// The packages whose assemblies are there.
fn installed(bytes: &[u8], complaints: &mut Complaints) -> Result<Vec<PackageFact>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let text = String::from_utf8_lossy(bytes);
    let deps: Deps<'_> =
        serde_json::from_str(&text).map_err(|error| format!("it is no list of assemblies: {error}"))?;
    let target = deps.runtime_target.map(|target| match target {
        RuntimeTarget::Name(name) | RuntimeTarget::Object { name } => name,
    });
    let target = target.and_then(|name| deps.targets.get(&name)).map(|raw| {
        serde_json::from_str::<Raw<'_>>(raw.get()).unwrap_or_else(|error| {
            complaints.add(format!("its target is not understood: {error}"));
            Raw::new()
        })
    });
    let mut packages = Vec::new();
    for (key, raw) in &deps.libraries {
        let Ok(library) = serde_json::from_str::<Library>(raw.get()) else {
            complaints.add(format!("the library `{}` has no type", shown(key)));
            continue;
        };
        let is_own = match library.r#type.as_str() {
            "package" | "runtimepack" => false,
            "project" => true,
            // an assembly that belongs to no package
            _ => continue,
        };
        let part = target.as_ref().and_then(|target| target.get(key));
        let part = match part.map(|raw| serde_json::from_str::<Target<'_>>(raw.get())) {
            Some(Ok(part)) if part.has_assemblies() => part,
            Some(Ok(_)) => continue,
            Some(Err(error)) => {
                complaints.add(format!("what `{}` brings is not understood: {error}", shown(key)));
                continue;
            }
            // nothing tells whether it has any
            None => Target::default(),
        };
        let fact = key.rsplit_once('/').and_then(|(name, version)| {
            package(name.strip_prefix("runtimepack.").unwrap_or(name), version, part.dependencies)
        });
        match fact {
            // a public package of the project's name is another one
            Some(fact) if is_own => packages.push(PackageFact { confidence: Some(Confidence::Low), ..fact }),
            Some(fact) => packages.push(fact),
            None => complaints.add(format!("`{}` is no name and version", shown(key))),
        }
    }
    Ok(packages)
}

fn package(name: &str, version: &str, needs: BTreeMap<String, String>) -> Option<PackageFact> {
    let (name, version) = (field(name.as_bytes())?, field(version.as_bytes())?);
    let needs = needs.into_iter().take(NEEDS);
    let needs = needs.map(|(name, version)| {
        let name = name.strip_prefix("runtimepack.").map(str::to_owned).unwrap_or(name);
        Need { name, version: exact(&version).map(str::to_owned) }
    });
    Some(PackageFact { needs: needs.collect(), ..purl::fact(&NUGET, &name, &version)? })
}

#[derive(Deserialize)]
struct Lock<'a> {
    #[serde(borrow)]
    dependencies: BTreeMap<String, Raw<'a>>,
}

#[derive(Deserialize)]
struct Locked {
    r#type: String,
    resolved: Option<String>,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
}

/// The packages of a `packages.lock.json`, of all frameworks together.
fn locked(bytes: &[u8], complaints: &mut Complaints) -> Result<Vec<PackageFact>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let lock: Lock<'_> = serde_json::from_str(&text).map_err(|error| format!("it is no lock file: {error}"))?;
    let mut packages: BTreeMap<(String, String), PackageFact> = BTreeMap::new();
    for (name, raw) in lock.dependencies.into_values().flatten() {
        let locked: Locked = match serde_json::from_str(raw.get()) {
            Ok(locked) => locked,
            Err(error) => {
                complaints.add(format!("`{}` is not understood: {error}", shown(&name)));
                continue;
            }
        };
        if locked.r#type.eq_ignore_ascii_case("project") {
            continue;
        }
        let Some(fact) = locked.resolved.and_then(|version| package(&name, &version, locked.dependencies)) else {
            complaints.add(format!("`{}` has no version", shown(&name)));
            continue;
        };
        packages.entry((fact.name.clone(), fact.version.clone())).or_insert(fact);
    }
    Ok(packages.into_values().collect())
}

/// The packages of a `packages.config`, but for those needed for development only.
fn configured(bytes: &[u8], complaints: &mut Complaints) -> Result<Vec<PackageFact>, String> {
    let mut packages = Vec::new();
    xml::walk(bytes, |met| {
        if let Met::Start([.., parent, own], start) = met
            && parent == "packages"
            && own == "package"
            && xml::attribute(start, "developmentDependency").is_none_or(|value| value != "true")
        {
            let read = xml::attribute(start, "id").zip(xml::attribute(start, "version"));
            match read.and_then(|(name, version)| package(&name, &version, BTreeMap::new())) {
                Some(package) => packages.push(package),
                None => complaints.add("a package has no usable name or version".to_owned()),
            }
        }
    })
    .map_err(|error| format!("it is no list of packages: {error}"))?;
    Ok(packages)
}

/// Elements of `MSBuild` that give a package a version.
const REFERENCES: &[&str] = &["PackageVersion", "PackageReference", "GlobalPackageReference"];

/// A reference while it is read.
#[derive(Default)]
struct Reference {
    name: Option<String>,
    version: Option<String>,
}

/// The packages of a central list of versions, and what of it gives no exact one.
fn central(bytes: &[u8]) -> (Result<Vec<PackageFact>, String>, Vec<String>) {
    let mut root = None;
    let mut properties: HashMap<String, String> = HashMap::new();
    let mut references = Vec::new();
    let mut current = Reference::default();
    let walked = xml::walk(bytes, |met| match met {
        Met::Start([own], _) => root = Some(own.clone()),
        Met::Start([_, group, own], start) if group == "ItemGroup" && REFERENCES.contains(&own.as_str()) => {
            let attribute = |name| xml::attribute(start, name);
            current =
                Reference { name: attribute("Include").or_else(|| attribute("Update")), version: attribute("Version") };
        }
        // the version may also be an element of its own
        Met::End([_, group, _, own], text) if group == "ItemGroup" && own == "Version" => {
            current.version.get_or_insert_with(|| text.to_owned());
        }
        Met::End([_, group, own], text) if group == "PropertyGroup" => {
            properties.insert(own.to_ascii_lowercase(), text.to_owned());
        }
        Met::End([_, group, own], _) if group == "ItemGroup" && REFERENCES.contains(&own.as_str()) => {
            if let Reference { name: Some(name), version: Some(version) } = std::mem::take(&mut current) {
                references.push((name, version));
            }
        }
        _ => {}
    });
    if let Err(error) = walked {
        return (Err(format!("it is no project file: {error}")), Vec::new());
    }
    if root.as_deref() != Some("Project") {
        return (Err("it is no project file: its root is no `Project`".to_owned()), Vec::new());
    }
    let (mut packages, mut unknown) = (Vec::new(), Complaints::default());
    for (name, version) in references.into_iter().take(PACKAGES_PER_FILE) {
        let known = resolve(&name, &properties).zip(resolve(&version, &properties));
        let exact = known.and_then(|(name, version)| package(name, exact(version)?, BTreeMap::new()));
        match exact {
            Some(fact) => packages.push(fact),
            None => unknown.add(format!("`{}` has no exact version: `{}`", shown(&name), shown(&version))),
        }
    }
    (Ok(packages), unknown.into_texts())
}

/// The value of a text that is one property, such as `$(EntityFrameworkVersion)`; other texts stay as they are.
fn resolve<'a>(text: &'a str, properties: &'a HashMap<String, String>) -> Option<&'a str> {
    match text.strip_prefix("$(").and_then(|text| text.strip_suffix(')')) {
        Some(name) => {
            properties.get(&name.to_ascii_lowercase()).map(String::as_str).filter(|value| !value.contains("$("))
        }
        None if text.contains("$(") => None,
        None => Some(text),
    }
}

/// The version that `[1.0]` and `1.0` name; ranges and floating versions name none.
fn exact(version: &str) -> Option<&str> {
    let version = version.trim();
    let version = version.strip_prefix('[').and_then(|version| version.strip_suffix(']')).unwrap_or(version);
    let is_exact = !version.is_empty() && !version.contains(['[', ']', '(', ')', ',', '*', ' ']);
    is_exact.then_some(version)
}

/// A name for a message.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble};

    const DEPS: &str = r#"{
        "runtimeTarget": {"name": ".NETCoreApp,Version=v8.0/linux-x64", "signature": ""},
        "targets": {".NETCoreApp,Version=v8.0": {}, ".NETCoreApp,Version=v8.0/linux-x64": {
            "App/1.0.0": {"dependencies": {"Newtonsoft.Json": "13.0.1", "Empty": "1.0.0"}, "runtime": {"App.dll": {}}},
            "Newtonsoft.Json/13.0.1": {"runtime": {"lib/netstandard2.0/Newtonsoft.Json.dll": {"fileVersion": "1"}}},
            "Empty/1.0.0": {"runtime": {"lib/netstandard1.0/_._": {}}},
            "Meta/1.0.0": {"dependencies": {"Newtonsoft.Json": "13.0.1"}},
            "Humanizer.de/2.0": {"resources": {"lib/de/Humanizer.resources.dll": {"locale": "de"}}},
            "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.0": {"native": {"libhostfxr.so": {}}},
            "Dll.Reference/2.0.0": {"runtime": {"Dll.dll": {}}}}},
        "libraries": {
            "App/1.0.0": {"type": "project"}, "Newtonsoft.Json/13.0.1": {"type": "package"},
            "Empty/1.0.0": {"type": "package"}, "Meta/1.0.0": {"type": "package"},
            "Humanizer.de/2.0": {"type": "package"}, "Immutable/1.3": {"type": "package"}, "Broken/1": 7, "NoVersion": {"type": "package"},
            "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.0": {"type": "runtimepack"},
            "Dll.Reference/2.0.0": {"type": "reference"}}}"#;

    fn list(packages: &[PackageFact]) -> Vec<String> {
        packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
    }

    #[test]
    fn assemblies_tell_packages() {
        let inventory = assemble(&Image::new().file("app/App.deps.json", DEPS));
        let shown: Vec<String> = inventory
            .packages
            .iter()
            .map(|p| format!("{} {} {:?} {:?}", p.purl, p.dependencies.len(), p.confidence, p.state))
            .collect();
        assert_eq!(
            shown,
            [
                "pkg:nuget/App@1.0.0 1 Low Installed",
                "pkg:nuget/Humanizer.de@2.0 0 High Installed",
                // the target does not say what it brings
                "pkg:nuget/Immutable@1.3 0 High Installed",
                "pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@8.0.0 0 High Installed",
                "pkg:nuget/Newtonsoft.Json@13.0.1 0 High Installed",
            ]
        );
        // the one that is no object, and the one without a version
        assert_eq!(inventory.limitations.iter().filter(|told| told.is_gap).count(), 2);
    }

    #[test]
    fn without_the_target_all_packages_are_taken() {
        let mut complaints = Complaints::default();
        let read =
            |text: &str, complaints: &mut Complaints| installed(text.as_bytes(), complaints).map(|read| list(&read));
        let other = DEPS.replace("\"name\": \".NETCoreApp,Version=v8.0/linux-x64\"", "\"name\": \"other\"");
        assert_eq!(read(&other, &mut complaints).map(|read| read.len()), Ok(7));
        assert_eq!(read("{}", &mut complaints), Ok(Vec::new()));
        assert_eq!(read(" ", &mut complaints), Ok(Vec::new()));
        assert!(read("7", &mut complaints).is_err() && read("{", &mut complaints).is_err());
    }

    #[test]
    fn lock_files_declare() {
        let lock = r#"{"version": 1, "dependencies": {
            ".NETCoreApp,Version=v5.0": {
                "A": {"type": "Direct", "requested": "[1.0, )", "resolved": "1.0.3", "dependencies": {"B": "[2.0.0, )"}},
                "own": {"type": "Project", "dependencies": {"A": "1.0.3"}},
                "Broken": 1, "NoVersion": {"type": "Transitive"}},
            "net48": {"A": {"type": "Direct", "resolved": "1.0.3"}, "B": {"type": "Transitive", "resolved": "2.0.0"}}}}"#;
        let inventory = assemble(&Image::new().file("src/packages.lock.json", lock));
        let shown: Vec<String> =
            inventory.packages.iter().map(|p| format!("{} {:?} {:?}", p.purl, p.state, p.dependencies)).collect();
        assert_eq!(shown, ["pkg:nuget/A@1.0.3 Declared [1]", "pkg:nuget/B@2.0.0 Declared []"]);
        assert_eq!(inventory.limitations.len(), 2);
    }

    #[test]
    fn package_lists_declare() {
        let cases = [
            (
                "\u{feff}<?xml version=\"1.0\"?>\n<packages><package id='A' version='1.0.0' targetFramework='net45' />\
                 <package id='B' version='2' developmentDependency='true'/><package id='C'/></packages>",
                Ok(&["A 1.0.0"][..]),
            ),
            ("<packages><package id='A' version='1.0.0'/>", Err(())),
        ];
        for (text, expected) in cases {
            let read = configured(text.as_bytes(), &mut Complaints::default()).map(|read| list(&read)).map_err(|_| ());
            assert_eq!(read, expected.map(|list| list.iter().map(|line| (*line).to_owned()).collect()), "{text}");
        }
    }

    #[test]
    fn central_lists_declare_exact_versions() {
        let text = "<Project xmlns='http://schemas.microsoft.com/developer/msbuild/2003'>
            <PropertyGroup><EfVersion> 8.0.1 </EfVersion></PropertyGroup>
            <ItemGroup Label='x'><PackageVersion Include='A ' Version=' 1.0' /><PackageReference Update='B' Version='[2.0]' />
            <PackageVersion Include='C'><Version>3.0</Version></PackageVersion>
            <GlobalPackageReference Include='D' Version='$(efversion)' /></ItemGroup>
            <ItemGroup><PackageVersion Include='E' Version='$(Other)' /><PackageVersion Include='F' Version='[1,2)' />
            <PackageVersion Include='G' Version='4.*' /><PackageVersion Include='' Version='1' /><Other Include='H' Version='1'/>
            </ItemGroup><PackageVersion Include='I' Version='1' /></Project>";
        let (read, unknown) = central(text.as_bytes());
        assert_eq!(
            read.map(|read| list(&read)),
            Ok(["A 1.0", "B 2.0", "C 3.0", "D 8.0.1"].map(str::to_owned).to_vec())
        );
        assert_eq!(unknown.len(), 3);
        for text in ["<ItemGroup><PackageReference Update='B' Version='2'/></ItemGroup>", "<Project>", "text"] {
            assert!(central(text.as_bytes()).0.is_err(), "{text}");
        }
    }

    #[test]
    fn packages_without_a_usable_name_are_told() {
        let text = "<!DOCTYPE a [<!ENTITY e 'x'>]><packages><package id='&e;' version='1'/><package id='a'/>\
            <package id='b' version='2'/></packages>";
        let mut complaints = Complaints::default();
        let read = configured(text.as_bytes(), &mut complaints).expect("it is XML");
        assert_eq!((read.len(), complaints.into_texts().len()), (1, 2));
    }
}
