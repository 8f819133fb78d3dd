//! `pylock.toml`, the lock file that Python's tools share (`PyPA` "pylock.toml Specification", PEP 751).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Facts, File, Select};
use crate::inventory::Need;
use crate::package::python::PYPI;
use crate::package::text::{PACKAGES_PER_FILE, complain};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::declared::{Declared, Entry, NEEDS};
use super::read::{self, List};
use super::{FOREIGN_UNSEEN, is_own};

/// What Python's tools lock: `pylock.toml` and `pylock.NAME.toml`.
pub(in crate::package) struct Pylock;

static ABOUT: About = About {
    title: "Python's shared lock files",
    ecosystems: &[&PYPI],
    reads: "Names and versions of all packages that a project asks for, those of all groups and platforms, and \
                which of them needs which, where the file says so.",
    not_seen: &["packages from a source tree whose version the file does not tell", FOREIGN_UNSEEN],
    references: &["https://packaging.python.org/en/latest/specifications/pylock-toml/"],
};

impl Collector for Pylock {
    fn id(&self) -> &'static str {
        "pylock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(".toml")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::WholeOrWindows(ByteSize::mib(32))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if !is_named(file.path.file_name()) || file.offset > 0 {
            return;
        }
        if file.is_last {
            super::collect(file, &PYPI, read, facts);
        } else {
            complain(facts, "the lock file is too large to be read");
        }
    }

    fn accepts(&self, path: &ImagePath) -> bool {
        is_named(path.file_name()) && is_own(path)
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// A name of its own has no dot in it.
fn is_named(name: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(b"pylock.").and_then(|rest| rest.strip_suffix(b"toml")) else { return false };
    rest.is_empty() || rest.strip_suffix(b".").is_some_and(|own| !own.is_empty() && !own.contains(&b'.'))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lock {
    lock_version: Option<String>,
    #[serde(default)]
    packages: List<Package, PACKAGES_PER_FILE>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    #[serde(default)]
    dependencies: List<Dependency, NEEDS>,
}

/// As much of the needed package as makes clear which one is meant.
#[derive(Deserialize)]
struct Dependency {
    name: Option<String>,
    version: Option<String>,
}

fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let mut version: Option<String> = None;
    read::toml(bytes, "packages", declared, |lock: Lock, declared| {
        version = version.take().or(lock.lock_version);
        if lock.packages.is_cut {
            declared.cut();
        }
        for package in lock.packages.list {
            let Some(version) = package.version else { continue };
            let needs = package.dependencies.list.into_iter();
            let needs = needs.filter_map(|need| Some(Need { name: need.name?, version: need.version })).collect();
            declared.add(Entry { needs, ..Entry::new(&package.name, &version) });
        }
    })?;
    match version {
        Some(version) if version.starts_with("1.") => Ok(()),
        _ => Err("its `lock-version` is not 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const LOCK: &str = r#"lock-version = "1.0"
created-by = "a tool"
[[packages]]
name = "flask"
version = "2.0"
dependencies = [{ name = "jinja2" }, { name = "click", version = "8" }, { vcs = { url = "x" } }]
[[packages]]
name = "click"
version = "7"
[[packages]]
name = "click"
version = "8"
[[packages]]
name = "jinja2"
version = "3.0.1"
[[packages.wheels]]
name = "jinja2-3.0.1-py3-none-any.whl"
[[packages]]
name = "tree"
directory = { path = "." }
"#;

    #[test]
    fn packages_are_declared_with_what_they_need() {
        let expected = ["pypi/click@7", "pypi/click@8", "pypi/flask@2.0: click@8 jinja2@3.0.1", "pypi/jinja2@3.0.1"];
        assert_eq!(shown("srv/pylock.toml", LOCK), expected);
        assert_eq!(shown("srv/pylock.dev.toml", LOCK), expected);
        for other in ["srv/pylock.a.b.toml", "srv/pylock..toml", "srv/mypylock.toml", "site-packages/a/pylock.toml"] {
            assert_eq!(shown(other, LOCK), [""; 0], "{other}");
        }
    }

    #[test]
    fn broken_files_are_told() {
        for text in [
            "lock-version = \"2.0\"\n",
            "a = 1\n",
            "lock-version = \"1.0\"\n[\n",
            "lock-version = \"1.0\"\n[[packages]]\n",
        ] {
            let shown = shown("pylock.toml", text);
            assert!(shown.len() == 1 && shown[0].starts_with('!'), "{text} {shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
