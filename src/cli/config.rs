//! The configuration file `careen.toml`: what holds for every scan on this machine or of this project.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::owner::refuse_of_others;
use crate::policy::file::key::{POLICY, Takes};

/// A `careen.toml`. Unknown keys are errors.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    /// `[registry."host"]` tables.
    #[serde(default)]
    pub(super) registry: BTreeMap<String, RegistryConfig>,
    /// `[secrets]`: how secrets are looked for.
    #[serde(default)]
    pub(super) secrets: Secrets,
    /// `[bases]`: chain IDs of base images, and what they are called.
    #[serde(default)]
    bases: BTreeMap<String, String>,
    /// `[limits]`: what `--limit` sets.
    #[serde(default)]
    pub(super) limits: BTreeMap<String, Value>,
    /// `[policy]`: what judges where no `-p` says otherwise; read with the places of its words by `policy`.
    #[serde(default)]
    #[expect(dead_code, reason = "here so that the key is known")]
    policy: Option<toml::Table>,
}

/// How secrets are looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Secrets {
    /// What `--secret-rules` names; these come first.
    #[serde(default)]
    pub(super) rules: Vec<PathBuf>,
}

/// The value of a limit: a number, or a text such as `10MiB`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    /// As it is.
    Number(u64),
    /// With a unit.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// What holds for one registry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RegistryConfig {
    /// Hosts to ask first, in order.
    #[serde(default)]
    pub(super) mirrors: Vec<String>,
    /// Other hosts that may see this registry's credentials, as its token service.
    #[serde(default)]
    pub(super) trusted_realms: Vec<String>,
}

impl Config {
    /// The chain IDs of `[bases]`.
    pub(super) fn chains(&self) -> Result<BTreeMap<Digest, String>> {
        let chain = |(chain, name): (&String, &String)| {
            let wrong = |what| Error::new(ErrorKind::Config, what).at("[bases] of careen.toml");
            let id = chain.parse().map_err(|what: String| {
                wrong(format!("`{}` is no chain ID: {what}", escape(chain)))
                    .help("`careen layers --json` tells the chain ID of each layer of an image")
            })?;
            Ok((id, name.clone()))
        };
        self.bases.iter().map(chain).collect()
    }

    /// Reads `named`, else the nearest `careen.toml` from the current folder up to the root of its repository or the
    /// user's home, else the one in the user's configuration folder, else nothing.
    pub(super) fn read(named: Option<PathBuf>) -> Result<Self> {
        Self::parse(Self::text(named)?)
    }

    /// The name and the text of the file that [`Self::read`] reads. One that is found is named from the current folder, so
    /// that reports say the same in each checkout.
    pub(super) fn text(named: Option<PathBuf>) -> Result<Option<(String, String)>> {
        let user = variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")));
        Self::found(named, &std::env::current_dir().unwrap_or_default(), user.as_deref())
    }

    fn found(named: Option<PathBuf>, folder: &Path, user: Option<&Path>) -> Result<Option<(String, String)>> {
        let found = if let Some(path) = named {
            Some((path.clone(), path))
        } else {
            nearest(folder, variable("HOME").as_deref())?.or_else(|| {
                let path = user.map(|user| user.join("careen/careen.toml")).filter(|path| path.is_file())?;
                Some((path.clone(), path))
            })
        };
        let Some((path, shown)) = found else { return Ok(None) };
        let place = shown.display().to_string();
        let text = text_of(&path).map_err(|error| error.at(&place))?;
        Ok(Some((place, text)))
    }

    fn parse(found: Option<(String, String)>) -> Result<Self> {
        let Some((place, text)) = found else { return Ok(Self::default()) };
        toml::from_str(&text).map_err(|e| {
            let error = format!("the configuration is wrong: {}", e.to_string().trim_end());
            let error = Error::new(ErrorKind::Config, error).at(place);
            match misplaced(&text) {
                Some(help) => error.help(help),
                None => error,
            }
        })
    }

    /// Says of a file what is wrong with it outside of `[policy]`.
    pub(super) fn check(place: &str, text: &str) -> Result<()> {
        Self::parse(Some((place.to_owned(), text.to_owned()))).map(drop)
    }
}

/// Says of a configuration file that is named as a policy what is wrong with it outside of `[policy]`.
pub(super) fn check_named(word: &str) -> Result<()> {
    let path = Path::new(word);
    if path.file_name().is_none_or(|name| name != "careen.toml") || !path.is_file() {
        return Ok(());
    }
    Config::check(word, &text_of(path).map_err(|error| error.at(word))?)
}

/// Where a table of policies belongs that stands at the top of a configuration file.
fn misplaced(text: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(text).ok()?;
    if let Some(word) = table.get("policy").filter(|value| !value.is_table()) {
        let word = word.as_str().map_or_else(|| "careen:strict".to_owned(), escape);
        let named = crate::policy::presets().iter().find(|one| one.id.strip_prefix("careen:") == Some(&word));
        let named = named.map_or(word, |preset| preset.id.to_owned());
        return Some(format!("write the table `[policy]`, and in it what judges: `extends = \"{named}\"`"));
    }
    let is_own = |key: &str| ["registry", "secrets", "bases", "limits", "policy"].contains(&key);
    let key = POLICY.keys.iter().find(|key| !is_own(key.name) && table.contains_key(key.name))?;
    let name = key.name;
    Some(match key.takes {
        Takes::Tables(_) => format!("policies stand under `policy`: write `[[policy.{name}]]`"),
        Takes::Table(_) => format!("policies stand under `policy`: write `[policy.{name}]`"),
        _ => format!("policies stand under `policy`: write `{name}` into the table `[policy]`"),
    })
}

/// Whether `[limits]` of a policy has the key, which are no limits on what is read.
pub(super) fn is_limit_of_policies(name: &str) -> bool {
    POLICY.keys.iter().any(|key| match key.takes {
        Takes::Table(table) => key.name == "limits" && table.keys.iter().any(|key| key.name == name),
        _ => false,
    })
}

/// A variable of the environment that is set, and not to nothing.
pub(super) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Bytes of a configuration file.
const LONGEST: u64 = 1 << 20;

/// The text of a regular file within the limit: a pipe may never end.
fn text_of(path: &Path) -> Result<String> {
    let cannot = |e| Error::io("cannot read the configuration", e);
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(Error::new(ErrorKind::Config, "the configuration is no regular file"));
    }
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut text = String::new();
    let count = file.take(LONGEST.saturating_add(1)).read_to_string(&mut text).map_err(cannot)?;
    if u64::try_from(count).is_ok_and(|count| count <= LONGEST) {
        Ok(text)
    } else {
        Err(Error::new(ErrorKind::Config, "the configuration is larger than 1 MiB"))
    }
}

/// The nearest file from the folder upwards, and its name from there.
fn nearest(folder: &Path, home: Option<&Path>) -> Result<Option<(PathBuf, PathBuf)>> {
    let mut name = PathBuf::new();
    for parent in folder.ancestors() {
        let path = parent.join("careen.toml");
        // a link that leads nowhere is not passed over: what it should lead to may be stricter
        if path.symlink_metadata().is_ok() {
            let name = name.join("careen.toml");
            let help = "name it with `--config` if it is meant";
            refuse_of_others("the configuration", help, &path, folder)
                .map_err(|error| error.at(name.display().to_string()))?;
            return Ok(Some((path, name)));
        }
        if parent.join(".git").exists() || home == Some(parent) {
            return Ok(None);
        }
        name.push("..");
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(named: Option<PathBuf>, folder: &Path) -> Result<Config> {
        Config::parse(Config::found(named, folder, None)?)
    }

    #[test]
    fn a_policy_that_is_no_table_is_told_with_a_way_out() {
        for (text, said) in [
            ("policy = \"strict\"", "`extends = \"careen:strict\"`"),
            ("policy = \"./org.toml\"", "`extends = \"./org.toml\"`"),
            ("policy = [\"strict\"]", "write the table `[policy]`"),
        ] {
            let error = Config::parse(Some(("careen.toml".into(), text.into()))).expect_err(text);
            assert!(error.help.as_ref().is_some_and(|help| help.contains(said)), "{text}: {:?}", error.help);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_write_is_refused_unless_it_is_named() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("a");
        std::fs::create_dir(&deep).expect("a folder");
        let path = folder.path().join("careen.toml");
        std::fs::write(&path, "[policy]\nextends = \"careen:report-only\"\n").expect("a file");
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its own");
        for (bits, is_read) in [(0o644, true), (0o664, true), (0o666, false), (0o602, false)] {
            mode(bits);
            let found = Config::found(None, &deep, None);
            assert_eq!(found.is_ok(), is_read, "{bits:o}");
            if let Err(error) = found {
                assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Config, Some("../careen.toml")));
            }
            assert!(Config::found(Some(path.clone()), &deep, None).is_ok(), "{bits:o}");
        }
        assert_eq!(nearest(&deep, Some(&deep)).expect("nothing is wrong"), None, "beyond the home");
    }

    #[test]
    fn the_nearest_file_up_to_the_repository_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let project = folder.path().join("project");
        let deep = project.join("a/b");
        std::fs::create_dir_all(&deep).expect("folders");
        std::fs::create_dir(project.join(".git")).expect("a folder");
        std::fs::write(folder.path().join("careen.toml"), "[registry.outside]\n").expect("a file");
        assert!(read(None, &deep).expect("nothing to read").registry.is_empty(), "beyond the repository");
        std::fs::write(project.join("careen.toml"), "[registry.\"r.example\"]\nmirrors = [\"m.example\"]\n")
            .expect("a file");
        let config = read(None, &deep).expect("a good file");
        assert_eq!(
            config.registry.get("r.example").map(|registry| registry.mirrors.as_slice()),
            Some(&["m.example".to_owned()][..])
        );
        std::fs::write(project.join("careen.toml"), "[registy]\n").expect("a file");
        let error = read(None, &deep).expect_err("a misspelt key");
        assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Config, Some("../../careen.toml")));
        for (text, help) in [
            ("[[waiver]]\nrule = \"image/root-user\"\n", "write `[[policy.waiver]]`"),
            ("[[rule]]\naction = \"fail\"\n", "write `[[policy.rule]]`"),
            ("[waivers]\nallow = false\n", "write `[policy.waivers]`"),
            ("extends = \"careen:strict\"\n", "write `extends` into the table `[policy]`"),
        ] {
            std::fs::write(project.join("careen.toml"), text).expect("a file");
            let error = read(None, &deep).expect_err(text);
            assert!(error.help.as_ref().is_some_and(|told| told.ends_with(help)), "{text}: {:?}", error.help);
        }
        assert!(is_limit_of_policies("layers") && !is_limit_of_policies("entries"));
        let large = folder.path().join("large.toml");
        for (length, is_read) in [(1 << 20, true), ((1 << 20) + 1, false)] {
            std::fs::write(&large, "#".repeat(length)).expect("a file");
            let read = read(Some(large.clone()), &deep);
            assert_eq!(read.err().map(|error| error.kind), (!is_read).then_some(ErrorKind::Config));
        }
        for special in [folder.path(), Path::new("/dev/zero")] {
            let error = read(Some(special.to_owned()), &deep).expect_err("no regular file");
            assert_eq!(error.kind, ErrorKind::Config);
        }
    }
}
