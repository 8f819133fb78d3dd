//! Conda packages: one record for each in `conda-meta` of an environment (conda, `PrefixRecord`; CEP 32).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select, View};
use crate::inventory::{Ecosystem, Inventory, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::owned::Resolver;
use super::purl;
use super::text::{PATH, PATHS_PER_FILE, complain, field};

/// Packages of conda, mamba and pixi. Like a system's, they own files, among them distributions of Python.
static CONDA: Ecosystem = Ecosystem { id: "conda", purl_type: "conda", is_system: true };

/// Dependencies of one package; real ones have below 100.
const NEEDS: usize = 1_000;

/// Reads the record of every package of every environment.
pub(super) struct Conda;

static ABOUT: About = About {
    title: "Conda packages",
    ecosystems: &[&CONDA],
    reads: "Name, version, build, channel, platform, licence and dependencies of each package of each environment, \
                and which paths it owns.",
    not_seen: &["packages in the cache `pkgs` that no environment has installed"],
    references: &["https://github.com/conda/ceps/blob/main/cep-0032.md"],
};

impl Collector for Conda {
    fn id(&self) -> &'static str {
        "conda"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::In("conda-meta", ".json")]
    }

    /// A record lists each file twice; the largest packages, of 50,000 files, have some 20 MiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(64))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        // how a later layer takes a package away
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        match parse(file.bytes) {
            Ok((package, are_paths_cut)) => {
                if are_paths_cut {
                    complain(
                        facts,
                        format!("`{}` lists more paths than any real one; the rest is not read", package.name),
                    );
                }
                facts.package(package);
            }
            Err(what) => complain(facts, what),
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let mut resolver = Resolver::new(view.tree);
        for taken in view.take_packages(self, inventory) {
            // paths are relative to the environment
            let environment = taken.path.parent().parent();
            let paths: Vec<ImagePath> = taken.fact.owns.iter().map(|path| environment.join(path.as_bytes())).collect();
            resolver.own(&paths, taken.index, &mut inventory.owned);
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// The fields wanted of a record; a value of another type than wanted is as good as none.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    build: Option<&'a RawValue>,
    #[serde(borrow, default)]
    channel: Option<&'a RawValue>,
    #[serde(borrow, default)]
    subdir: Option<&'a RawValue>,
    #[serde(borrow, default)]
    r#fn: Option<&'a RawValue>,
    #[serde(borrow, default)]
    license: Option<&'a RawValue>,
    #[serde(borrow, default)]
    depends: Option<&'a RawValue>,
    #[serde(borrow, default)]
    files: Option<&'a RawValue>,
}

/// The package, and whether it lists more paths than are taken.
fn parse(bytes: &[u8]) -> Result<(PackageFact, bool), String> {
    let text = String::from_utf8_lossy(bytes);
    let record: Record<'_> =
        serde_json::from_str(&text).map_err(|error| format!("it is no record of a package: {error}"))?;
    let value = |raw: Option<&RawValue>| {
        let text: String = serde_json::from_str(raw?.get()).ok()?;
        field(text.as_bytes())
    };
    let list = |raw: Option<&RawValue>| -> Vec<String> {
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    };
    let (Some(name), Some(version)) = (value(record.name), value(record.version)) else {
        return Err("it gives no name or no version".to_owned());
    };
    let subdir = value(record.subdir);
    let qualifiers = [
        ("build", value(record.build).unwrap_or_default()),
        ("channel", value(record.channel).map(|channel| channel_name(&channel, subdir.as_deref())).unwrap_or_default()),
        ("subdir", subdir.clone().unwrap_or_default()),
        ("type", value(record.r#fn).map(|file| archive_type(&file)).unwrap_or_default().to_owned()),
    ];
    let qualifiers: Vec<(&str, &str)> = qualifiers.iter().map(|(key, value)| (*key, &**value)).collect();
    let purl = purl::with_qualifiers(&CONDA, &name, &version, &qualifiers);
    let Some(purl) = purl else { return Err(format!("`{name}` is no name of a package")) };
    let mut owns = list(record.files);
    let are_paths_cut = owns.len() > PATHS_PER_FILE;
    owns.truncate(PATHS_PER_FILE);
    let owns = owns.iter().filter(|path| path.len() <= PATH).map(|path| ImagePath::new(path.as_bytes())).collect();
    let needs = list(record.depends).iter().take(NEEDS).filter_map(|spec| need(spec)).collect();
    let package = PackageFact {
        ecosystem: Some(&CONDA),
        purl: Some(purl),
        name,
        version,
        architecture: subdir,
        licence: value(record.license),
        needs,
        owns,
        ..PackageFact::default()
    };
    Ok((package, are_paths_cut))
}

/// The name of a channel that is given by its address, which may hold credentials, or by name:
/// `conda-forge` of `https://conda.anaconda.org/conda-forge/linux-64`.
fn channel_name(channel: &str, subdir: Option<&str>) -> String {
    let mut parts: Vec<&str> = channel.split('/').filter(|part| !part.is_empty()).collect();
    if parts.last().copied() == subdir {
        parts.pop();
    }
    match *parts {
        [.., name, "label", label] => format!("{name}/label/{label}"),
        [.., name] => name.to_owned(),
        [] => String::new(),
    }
}

fn archive_type(file: &str) -> &'static str {
    ["conda", "tar.bz2"].into_iter().find(|kind| file.ends_with(kind)).unwrap_or_default()
}

/// The package that a match specification (CEP 29) asks for, such as `python >=3.12,<3.13.0a0` or `libgomp 11.2.0 h1`.
/// Virtual packages, which begin with `__`, are properties of the machine.
fn need(spec: &str) -> Option<Need> {
    let mut words = spec.split_ascii_whitespace();
    let name = words.next()?.rsplit("::").next()?;
    if name.starts_with("__") {
        return None;
    }
    let end = name.find(['=', '<', '>', '!', '~', '[']).unwrap_or(name.len());
    let (name, condition) = name.split_at_checked(end)?;
    let version = words.next().unwrap_or(condition).trim_start_matches("==");
    let is_exact = !version.is_empty() && !version.contains(['*', '<', '>', '=', '|', ',', '!', '~', '[']);
    Some(Need { name: field(name.as_bytes())?, version: is_exact.then(|| version.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble, packages};

    #[test]
    fn records_tell_packages() {
        let cases: &[(&str, Result<&str, ()>)] = &[
            (
                r#"{"name":"libgomp","version":"11.2.0","build":"h1_1","subdir":"linux-64","fn":"libgomp-11.2.0-h1_1.conda",
                    "channel":"https://repo.anaconda.com/pkgs/main/linux-64","license":"MIT","depends":["_libgcc_mutex 0.1 main","__glibc >=2.17","a>=3"]}"#,
                Ok(
                    "pkg:conda/libgomp@11.2.0?build=h1_1&channel=main&subdir=linux-64&type=conda MIT _libgcc_mutex=0.1 a",
                ),
            ),
            (
                r#"{"name":"a","version":"1","channel":"conda-forge/label/dev","fn":"a-1-0.tar.bz2","depends":"no list"}"#,
                Ok("pkg:conda/a@1?channel=conda-forge%2Flabel%2Fdev&type=tar.bz2 "),
            ),
            (
                r#"{"name":"a","version":"1","channel":"https://host/t/secret/own/noarch","subdir":"noarch"}"#,
                Ok("pkg:conda/a@1?channel=own&subdir=noarch "),
            ),
            (r#"{"name":"a","version":"1","license":7}"#, Ok("pkg:conda/a@1 ")),
            (r#"{"name":"a","version":1}"#, Err(())),
            ("{}", Err(())),
            ("Invalid JSON", Err(())),
        ];
        for (text, expected) in cases {
            let read = parse(text.as_bytes()).map(|(fact, _)| {
                let needs = fact.needs.iter().map(|need| match &need.version {
                    Some(version) => format!(" {}={version}", need.name),
                    None => format!(" {}", need.name),
                });
                let needs: String = needs.collect();
                format!("{} {}{needs}", fact.purl.unwrap_or_default(), fact.licence.unwrap_or_default())
            });
            assert_eq!(read.map_err(|_| ()), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn distributions_of_python_belong_to_the_package_that_brought_them() {
        let record = r#"{"name":"six-conda","version":"1.16.0","files":["lib/six.dist-info/METADATA"]}"#;
        let image = Image::new()
            .file("opt/env/conda-meta/six-conda-1.16.0-0.json", record)
            .file("opt/env/conda-meta/history", "==> x <==\n")
            .file("opt/env/lib/six.dist-info/METADATA", "Name: six\nVersion: 1.16.0\n");
        let inventory = assemble(&image);
        assert_eq!(
            packages(&inventory),
            [
                "six-conda 1.16.0 /opt/env/conda-meta/six-conda-1.16.0-0.json",
                "six 1.16.0 /opt/env/lib/six.dist-info/METADATA"
            ]
        );
        assert_eq!(inventory.packages[1].owner, Some(0));
        let gone = assemble(&image.layer().file("opt/env/conda-meta/six-conda-1.16.0-0.json", ""));
        assert_eq!((gone.packages.len(), gone.limitations.len()), (1, 0));
    }

    #[test]
    fn a_broken_record_is_a_gap() {
        let inventory = assemble(
            &Image::new().file("e/conda-meta/a.json", "{").file("e/conda-meta/b.json", r#"{"name":"b","version":"1"}"#),
        );
        assert_eq!(packages(&inventory), ["b 1 /e/conda-meta/b.json"]);
        assert_eq!(inventory.limitations.iter().filter(|told| told.is_gap).count(), 1);
    }
}
