//! What one worker is to do, as it is written to its standard input: a JSON object.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::limit::Limits;
use crate::size::ByteSize;
use crate::source::cache::BlobCache;
use crate::source::{Access, Sensitive};
use crate::time::Timestamp;

/// Most bytes of a task, a stored report among them.
pub(super) const LARGEST: u64 = 64 << 20;

/// One scan. Paths are absolute, since workers run in no folder of their own. Shows no credential in [`Debug`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The image: `registry.example/team/app@sha256:…`. A tag would be another image by the time somebody reads of it.
    pub reference: String,
    /// `os/arch[/variant]`, or `all`; nothing for this machine's.
    #[serde(default)]
    pub platform: Option<String>,
    /// How its registry is asked.
    #[serde(default)]
    pub registry: Registry,
    /// Presets by their names, and files. Those in registries and those in Rego are refused.
    #[serde(default)]
    pub policies: Vec<String>,
    /// Files of waivers besides those of the policies.
    #[serde(default)]
    pub waivers: Vec<String>,
    /// VEX documents, or folders of some.
    #[serde(default)]
    pub vex: Vec<PathBuf>,
    /// Folder of advisory data; without one packages are not compared with advisories.
    #[serde(default)]
    pub advisories: Option<PathBuf>,
    /// From how many hours on these data are old; nothing for the usual age.
    #[serde(default)]
    pub stale_hours: Option<i64>,
    /// Limits of reading by their names, as `--limit` takes them.
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
    /// Layers read at once, and threads.
    pub jobs: usize,
    /// The time by which everything is judged.
    pub now: Timestamp,
    /// Where layers are kept from one scan to the next, if they are.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// What the process may use.
    #[serde(default)]
    pub caps: Caps,
    /// Formats of the reports that are wanted, by their ids.
    #[serde(default)]
    pub formats: Vec<String>,
    /// A report to be judged again in place of a scan, which then needs no registry.
    #[serde(default)]
    pub stored: Option<Stored>,
    /// With it passwords get fingerprints that nobody else can make.
    #[serde(default, with = "revealed")]
    pub fingerprint_key: Option<Sensitive>,
}

/// A report of an earlier scan.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// In the format `json`.
    pub document: String,
    /// [`Summary::policy`](super::summary::Summary::policy) of that scan.
    pub policy: Digest,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("document", &self.document.len()).finish_non_exhaustive()
    }
}

/// What the registry source needs: [`Access`] without what is of this machine's users.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// User name.
    #[serde(default)]
    pub username: Option<String>,
    /// Its password.
    #[serde(default, with = "revealed")]
    pub password: Option<Sensitive>,
    /// A bearer token, used as it is.
    #[serde(default, with = "revealed")]
    pub token: Option<Sensitive>,
    /// Allows plain HTTP, and certificates nobody vouches for.
    #[serde(default)]
    pub insecure: bool,
    /// PEM file with further root certificates.
    #[serde(default)]
    pub ca_certificate: Option<PathBuf>,
    /// Further hosts to which credentials may go for a token, by the registry's name.
    #[serde(default)]
    pub trusted_realms: BTreeMap<String, Vec<String>>,
    /// Mirrors by the registry's name, tried before it.
    #[serde(default)]
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Ports besides those of the registry, its mirrors and realms, and of HTTPS, to which a connection may go: where it
    /// redirects to for blobs.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Tries of one request.
    #[serde(default)]
    pub tries: Option<u32>,
}

/// A folder that workers share, the only place where they write. The server bounds it by [`trim`](crate::source::cache::trim).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// It is there.
    pub folder: PathBuf,
    /// Most bytes of a layer that is kept.
    pub largest: u64,
}

/// What the process may use. What takes more is ended by the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caps {
    /// Bytes of memory (`RLIMIT_DATA`).
    pub memory: u64,
    /// Seconds of processor time, all threads together (`RLIMIT_CPU`).
    pub cpu_seconds: u64,
    /// Open files and connections (`RLIMIT_NOFILE`).
    pub files: u64,
}

impl Default for Caps {
    /// 1 GiB, 20 minutes, 512 files: several times what images of 5 GiB take.
    fn default() -> Self {
        Self { memory: 1 << 30, cpu_seconds: 20 * 60, files: 512 }
    }
}

impl Task {
    /// A scan of `reference` at this time, by the default policy, with one job and no report.
    pub fn new(reference: impl Into<String>, now: Timestamp) -> Self {
        Self {
            reference: reference.into(),
            platform: None,
            registry: Registry::default(),
            policies: Vec::new(),
            waivers: Vec::new(),
            vex: Vec::new(),
            advisories: None,
            stale_hours: None,
            limits: BTreeMap::new(),
            jobs: 1,
            now,
            cache: None,
            caps: Caps::default(),
            formats: Vec::new(),
            stored: None,
            fingerprint_key: None,
        }
    }

    /// Reads what the server wrote. What is wrong with it is told without quoting it, since it holds credentials.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::new(ErrorKind::Usage, format!("the task is wrong at line {line}, column {column}"))
        })
    }

    /// The default limits, and those that the task sets.
    pub(super) fn limits(&self) -> Result<Limits> {
        let mut limits = Limits::default();
        for (name, value) in &self.limits {
            limits.set(name, value)?;
        }
        Ok(limits)
    }

    /// How the registry is asked: nothing of the users of this machine, so no program of theirs is run either.
    pub(in crate::server) fn access(&self) -> Access {
        let registry = self.registry.clone();
        Access {
            username: registry.username,
            password: registry.password,
            registry_token: registry.token,
            insecure: registry.insecure,
            ca_certificate: registry.ca_certificate,
            trusted_realms: registry.trusted_realms,
            mirrors: registry.mirrors,
            tries: registry.tries,
            cache: self
                .cache
                .as_ref()
                .map(|cache| BlobCache::new(cache.folder.clone(), ByteSize(cache.largest), self.now)),
            ..Access::default()
        }
    }
}

/// Writes credentials as they are: for the pipe to the worker alone.
mod revealed {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::source::Sensitive;

    #[expect(clippy::ref_option, reason = "the shape that serde asks for")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Sensitive>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(|value| &value.0).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Sensitive>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Sensitive))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_comes_over_whole_and_shows_no_credential() {
        let mut task = Task::new("r.example/a@sha256:00", Timestamp::from_unix(1_772_323_200));
        task.registry.username = Some("robot".into());
        task.registry.password = Some(Sensitive("pass-word-1".into()));
        task.registry.token = Some(Sensitive("token-word-2".into()));
        task.fingerprint_key = Some(Sensitive("key-word-3".into()));
        task.limits.insert("layers".into(), "7".into());
        let shown = format!("{task:?}");
        let written = serde_json::to_vec(&task).expect("JSON");
        let read = Task::parse(&written).expect("a task");
        let secrets = [&read.registry.password, &read.registry.token, &read.fingerprint_key];
        let secrets = secrets.map(|secret| secret.as_ref().map(|secret| secret.0.as_str()).expect("it came over"));
        for (secret, expected) in secrets.into_iter().zip(["pass-word-1", "token-word-2", "key-word-3"]) {
            assert_eq!(secret, expected);
            assert!(!shown.contains(secret), "{shown}");
        }
        assert_eq!((read.limits().expect("limits").layers, read.now, read.caps), (7, task.now, Caps::default()));
        assert_eq!(format!("{read:?}"), shown);
    }

    #[test]
    fn what_is_wrong_with_a_task_is_told_without_its_words() {
        let good = serde_json::to_string(&Task::new("hunter2", Timestamp::from_unix(0))).expect("JSON");
        for wrong in [
            "hunter2".to_owned(),
            good.replace("\"jobs\":1", "\"jobs\":\"hunter2\""),
            good.replace("\"jobs\":1", "\"hunter2\":1"),
            good[..good.len() - 1].to_owned(),
            String::new(),
        ] {
            let error = Task::parse(wrong.as_bytes()).expect_err(&wrong);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
