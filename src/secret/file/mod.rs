//! Credential files: read by their format, so that each secret in them is known by its key.
//!
//! A format says which files it wants, by name or by what they hold, and reads them leniently: what is broken is
//! passed over, and the patterns of the engine look at every file all the same.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod cloud;
mod cluster;
mod code;
mod container;
mod database;
mod desktop;
mod framework;
mod history;
mod infrastructure;
mod java;
mod json;
mod keystore;
mod lines;
mod mail;
mod network;
mod registry;
mod server;
mod setting;
mod system;
mod tool;
mod versioning;
mod xml;
mod yaml;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::escape::escape;
use crate::format::base64;
use crate::path::ImagePath;
use crate::rule::{Confidence, Severity};

use super::check::Opinion;
use super::engine::{self, Found};
use super::kind::{self, Kind};
use super::placeholder;
use super::rule;
use super::value::OwnedValue;
use lines::Style;
use setting::Setting;

/// Secrets taken of one file. A file of more is an attack or a dump, of which these suffice.
const MOST: usize = 10_000;

/// Longest key that is told, in bytes.
const LONGEST_KEY: usize = 120;

/// Bytes at the beginning of a file in which its [`FileFormat::holds`] must stand.
const HEAD: usize = 4 << 10;

/// A kind of files that hold credentials.
pub(super) struct FileFormat {
    /// Names of files in lower case: whole (`.netrc`), or with one `*` (`*.tfvars`, `.env*`).
    names: &'static [&'static str],
    /// What tells such a file whatever its name: all of these texts stand in its first 4 KiB.
    holds: &'static [&'static str],
    /// Finds the secrets.
    read: fn(&mut Reader<'_>),
}

/// The formats, by topic.
static FILES: &[&FileFormat] = &[
    &cloud::AWS,
    &cloud::AWS_CACHE,
    &cloud::AZURE,
    &cloud::BOTO,
    &cloud::GCLOUD,
    &cloud::GCLOUD_DATABASE,
    &cloud::RCLONE,
    &cloud::S3CFG,
    &cluster::KUBECONFIG,
    &cluster::MANIFEST,
    &cluster::COMPOSE,
    &cluster::HELM_VALUES,
    &container::DOCKER,
    &database::MYSQL,
    &database::MYSQL_LOGIN,
    &database::PGPASS,
    &database::DBEAVER,
    &database::PGADMIN,
    &desktop::FILEZILLA,
    &desktop::FIREFOX,
    &desktop::IDE,
    &desktop::SFTP,
    &desktop::WINSCP,
    &framework::DJANGO,
    &framework::DRUPAL,
    &framework::JOOMLA,
    &framework::LARAVEL,
    &framework::MAGENTO,
    &framework::PHP_SETTINGS,
    &framework::PHPMYADMIN,
    &framework::RAILS_DATABASE,
    &framework::RAILS_KEY,
    &framework::RAILS_SECRETS,
    &framework::WORDPRESS,
    &history::DATABASE,
    &history::SCRIPT,
    &history::PROFILE,
    &history::SHELL,
    &infrastructure::ANSIBLE,
    &infrastructure::CLOUD_FORMATION,
    &infrastructure::CLOUD_INIT,
    &infrastructure::JENKINS,
    &infrastructure::JENKINS_KEY,
    &infrastructure::KICKSTART,
    &infrastructure::PRESEED,
    &infrastructure::PULUMI,
    &infrastructure::TERRAFORM_CLI,
    &infrastructure::TERRAFORM_STATE,
    &infrastructure::TERRAFORM_VARIABLES,
    &infrastructure::TERRAFORM_VARIABLES_JSON,
    &infrastructure::VAULT_API,
    &infrastructure::VAULT_INIT,
    &infrastructure::VAULT_KEYS,
    &infrastructure::VAULT_TOKEN,
    &java::DOTNET_SETTINGS,
    &java::DOTNET_WEB,
    &java::GRADLE,
    &java::MAVEN,
    &java::SPRING,
    &java::SPRING_YAML,
    &keystore::KEYTAB,
    &keystore::JAVA,
    &keystore::PKCS12,
    &keystore::BKS,
    &keystore::DER,
    &mail::FETCHMAIL,
    &mail::MSMTP,
    &mail::MUTT,
    &mail::OFFLINEIMAP,
    &network::CIFS,
    &network::CURL,
    &network::NETRC,
    &network::NETWORK_MANAGER,
    &network::OPENVPN,
    &network::WGET,
    &network::WIREGUARD,
    &network::WPA,
    &registry::BUNDLE,
    &registry::CARGO,
    &registry::COMPOSER,
    &registry::GEM,
    &registry::NPM,
    &registry::NUGET,
    &registry::PIP,
    &registry::POETRY,
    &registry::PYPI,
    &registry::YARN,
    &server::BASIC_AUTH,
    &server::GRAFANA,
    &server::HTPASSWD,
    &server::LDAP,
    &server::MOSQUITTO,
    &server::RABBITMQ,
    &server::RABBITMQ_DEFINITIONS,
    &server::REDIS,
    &server::SHADOW,
    &server::SSSD,
    &system::ALONE,
    &system::DAVFS,
    &system::HADOOP,
    &system::MACROS,
    &system::MAIL_USERS,
    &system::MOUNTS,
    &system::PGBOUNCER,
    &system::REALMS,
    &system::SERVERS,
    &system::SNMP,
    &system::TUNNELS,
    &system::UNATTEND,
    &tool::HEX,
    &tool::TOOL_JSON,
    &tool::TOOL_WORDS,
    &versioning::GIT_CONFIG,
    &versioning::GIT_CREDENTIALS,
    &versioning::GITHUB,
    &versioning::GITLAB,
    &versioning::MERCURIAL,
    &versioning::SUBVERSION,
];

/// What the format of a file found in a part of it.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// They may overlap. Spans count from the part's beginning.
    pub(super) found: Vec<Found>,
    /// Whether there are more than are taken.
    pub(super) is_cut: bool,
}

/// The secrets that the format of the file at `path` knows in `length` bytes of it from `offset` on; `whole` is all of it.
pub(super) fn fields(path: &ImagePath, whole: &[u8], offset: u64, length: usize) -> Fields {
    let Ok(offset) = usize::try_from(offset) else { return Fields::default() };
    let mut found = search(path, whole);
    let is_cut = found.len() >= MOST;
    let end = offset.saturating_add(length);
    found.retain(|found| found.span.start >= offset && found.span.end <= end);
    for found in &mut found {
        found.span = found.span.start.saturating_sub(offset)..found.span.end.saturating_sub(offset);
    }
    Fields { found, is_cut }
}

/// Whether a format wants the file at `path` for its name, so that it should be told when the file is too large to be
/// read by it.
pub(super) fn wants(path: &ImagePath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    INDEX.names.contains_key(name.as_slice()) || INDEX.by_wildcard(&name).next().is_some()
}

/// The secrets that stand in the file at `path`, if a format knows it. They may overlap.
pub(super) fn search(path: &ImagePath, bytes: &[u8]) -> Vec<Found> {
    let name = path.file_name().to_ascii_lowercase();
    let mut reader = Reader { bytes, path, name, is_named: true, found: Vec::new() };
    let (named, told) = INDEX.wanted(&reader.name, bytes, kind::of(path));
    for index in &named {
        if let Some(format) = FILES.get(*index) {
            (format.read)(&mut reader);
        }
    }
    reader.is_named = false;
    for index in told.iter().filter(|index| !named.contains(index)) {
        if let Some(format) = FILES.get(*index) {
            (format.read)(&mut reader);
        }
    }
    reader.found
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::build);

/// Which formats want a file: two looks into a map and a few short comparisons for each file.
#[derive(Default)]
struct Index {
    names: HashMap<&'static [u8], Vec<usize>>,
    extensions: HashMap<&'static [u8], Vec<usize>>,
    /// Beginning and end of the name.
    wildcards: Vec<(&'static [u8], &'static [u8], usize)>,
    /// The first text, looked for fast, and the others.
    contents: Vec<(Finder<'static>, &'static [&'static str], usize)>,
    /// Formats that are programs.
    in_code: Vec<usize>,
}

/// Formats that are programs, and are known in any.
static IN_CODE: &[&FileFormat] = &[
    &framework::DJANGO,
    &framework::DRUPAL,
    &framework::JOOMLA,
    &framework::MAGENTO,
    &framework::PHPMYADMIN,
    &framework::WORDPRESS,
];

impl Index {
    fn build() -> Self {
        let mut index = Self::default();
        for (number, format) in FILES.iter().enumerate() {
            for name in format.names {
                match name.split_once('*') {
                    None => index.names.entry(name.as_bytes()).or_default().push(number),
                    Some(("", end)) if end.starts_with('.') && end.matches('.').count() == 1 => {
                        index.extensions.entry(end.as_bytes()).or_default().push(number);
                    }
                    Some((start, end)) => index.wildcards.push((start.as_bytes(), end.as_bytes(), number)),
                }
            }
            if IN_CODE.iter().any(|known| std::ptr::eq(*known, *format)) {
                index.in_code.push(number);
            }
            if let [first, others @ ..] = format.holds {
                index.contents.push((Finder::new(first.as_bytes()), others, number));
            }
        }
        index
    }

    /// Which formats want a file for its name, and which for what it holds.
    fn wanted(&self, name: &[u8], bytes: &[u8], kind: Kind) -> (Vec<usize>, Vec<usize>) {
        let mut wanted: Vec<usize> = self.names.get(name).cloned().unwrap_or_default();
        if let Some(dot) = memchr::memrchr(b'.', name) {
            wanted.extend(name.get(dot..).and_then(|end| self.extensions.get(end)).into_iter().flatten());
        }
        wanted.extend(self.by_wildcard(name));
        wanted.sort_unstable();
        wanted.dedup();
        let head = bytes.get(..HEAD).unwrap_or(bytes);
        // manuals and programs speak of such files
        if kind == Kind::Other || engine::is_binary(head) {
            return (wanted, Vec::new());
        }
        let holds = |text: &&str| memchr::memmem::find(head, text.as_bytes()).is_some();
        let may_be = |index: usize| kind != Kind::Source || self.in_code.contains(&index);
        let told = self
            .contents
            .iter()
            .filter(|(first, others, index)| may_be(*index) && first.find(head).is_some() && others.iter().all(holds));
        (wanted, told.map(|(_, _, index)| *index).collect())
    }

    fn by_wildcard<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let fits = |start: &[u8], end: &[u8]| {
            name.len() >= start.len().saturating_add(end.len()) && name.starts_with(start) && name.ends_with(end)
        };
        self.wildcards.iter().filter(move |(start, end, _)| fits(start, end)).map(|(_, _, index)| *index)
    }
}

/// A file that is read, and what was found in it.
struct Reader<'a> {
    bytes: &'a [u8],
    path: &'a ImagePath,
    /// Name of the file in lower case.
    name: Vec<u8>,
    /// Whether it has the name of such files; others may be examples, or programs that read them.
    is_named: bool,
    found: Vec<Found>,
}

/// A setting that is a secret: by which rule, and what is known of it.
#[derive(Default)]
struct Hit {
    rule: &'static str,
    /// The secret itself, where the file holds it encoded.
    decoded: Option<OwnedValue>,
    opinion: Opinion,
}

/// A secret by that rule.
fn hit(rule: &'static str) -> Hit {
    Hit { rule, ..Hit::default() }
}

impl Hit {
    fn low(mut self) -> Self {
        self.opinion.severity = Some(Severity::Low);
        self
    }

    fn medium(mut self) -> Self {
        self.opinion.confidence = Some(Confidence::Medium);
        self
    }

    fn note(mut self, note: &str) -> Self {
        self.opinion.notes.push(note.to_owned());
        self
    }

    /// The secret as it is when decoded: it is judged, and tells this secret from others.
    fn decoded(mut self, bytes: Vec<u8>) -> Self {
        self.decoded = Some(OwnedValue::new(bytes));
        self
    }
}

/// Whether a value is a piece of a program: a call, an index, the name of a member, a word that ends a line of arguments.
fn is_code(value: &[u8]) -> bool {
    let holds = |text: &[u8]| memchr::memmem::find(value, text).is_some();
    let is_member = value.contains(&b'.')
        && value.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'.' | b'_'))
        && !value.ends_with(b".");
    is_member
        || holds(b"(") && (holds(b")") || value.ends_with(b"("))
        || holds(b"[\"")
        || holds(b"['")
        || value.ends_with(b"(")
        || value.ends_with(b"),")
        || value.ends_with(b",")
}

impl<'a> Reader<'a> {
    /// Notes the secret at `span`, unless its value is none.
    fn add(&mut self, key: &[&[u8]], span: Range<usize>, hit: Hit) {
        if self.found.len() >= MOST || span.is_empty() {
            return;
        }
        let (Some(rule), Some(value)) = (rule::by_id(hit.rule), self.bytes.get(span.clone())) else { return };
        if !self.is_named && is_code(value) {
            return;
        }
        let mut opinion = hit.opinion;
        let name = shown_key(key);
        let says_value = std::str::from_utf8(value).is_ok_and(|value| name.contains(value));
        if !name.is_empty() && !says_value {
            opinion.notes.insert(0, format!("key `{name}`"));
        }
        opinion.identity = opinion.identity.or(hit.decoded);
        let takes_weak = self.takes_weak();
        self.found.extend(engine::judge_field(rule, self.bytes, span, opinion, takes_weak));
    }

    /// Whether a weak word is a password here: not in what shows how such a file is written, nor in scripts.
    fn takes_weak(&self) -> bool {
        let ending = self.name.rsplit(|b| *b == b'.').next().unwrap_or_default();
        let others: [&[u8]; 12] = [
            b"example",
            b"sample",
            b"dist",
            b"template",
            b"tmpl",
            b"tpl",
            b"j2",
            b"erb",
            b"sh",
            b"bash",
            b"zsh",
            b"sql",
        ];
        self.is_named && !others.contains(&ending)
    }

    /// Reads lines of key and value.
    fn lines(&mut self, style: Style, judge: impl Fn(&Setting<'_>) -> Option<Hit>) {
        let bytes = self.bytes;
        lines::read(bytes, style, &mut |setting| self.take(setting, &judge));
    }

    fn json(&mut self, judge: impl Fn(&Setting<'_>) -> Option<Hit>) {
        let bytes = self.bytes;
        json::read(bytes, &mut |setting| self.take(setting, &judge));
    }

    fn yaml(&mut self, judge: impl Fn(&Setting<'_>) -> Option<Hit>) {
        let bytes = self.bytes;
        yaml::read(bytes, &mut |setting| self.take(setting, &judge));
    }

    fn code(&mut self, judge: impl Fn(&Setting<'_>) -> Option<Hit>) {
        let bytes = self.bytes;
        code::read(bytes, &mut |setting| self.take(setting, &judge));
    }

    fn take(&mut self, setting: &Setting<'_>, judge: &impl Fn(&Setting<'_>) -> Option<Hit>) {
        if let Some(hit) = judge(setting) {
            self.add(setting.path, setting.span.clone(), hit);
        }
    }

    /// Whether the file holds the text.
    fn holds(&self, text: &str) -> bool {
        memchr::memmem::find(self.bytes, text.as_bytes()).is_some()
    }

    /// Whether a folder of that name is above the file.
    fn is_in(&self, folder: &str) -> bool {
        self.path.components().any(|name| name == folder.as_bytes())
    }

    /// The place of the whole text, blanks around it left out.
    fn trimmed(&self) -> Range<usize> {
        lines::value(self.bytes, 0..self.bytes.len())
    }

    fn at(&self, span: &Range<usize>) -> &'a [u8] {
        self.bytes.get(span.clone()).unwrap_or_default()
    }
}

/// User and password that were joined by a colon and put into base64, as HTTP has it (RFC 7617).
fn pair(text: &[u8]) -> Option<Vec<u8>> {
    let pair = base64::decode(text)?;
    let password = pair.get(memchr::memchr(b':', &pair)?.checked_add(1)?..)?;
    let password = password.trim_ascii_end();
    let password = password.strip_suffix(b"\0").unwrap_or(password);
    let is_text = pair.iter().all(|b| *b == 0 || !b.is_ascii_control());
    let is_made_up = placeholder::is_placeholder(password) && !placeholder::is_weak_word(password);
    (is_text && password.len() >= 4 && !is_made_up).then_some(pair)
}

/// The secret that such a pair is, by that rule.
fn pair_hit(rule: &'static str, text: &[u8]) -> Option<Hit> {
    let pair = pair(text)?;
    let password =
        memchr::memchr(b':', &pair).and_then(|colon| pair.get(colon.saturating_add(1)..)).unwrap_or_default();
    let mut hit = hit(rule);
    if placeholder::is_placeholder(password.trim_ascii_end()) {
        hit.opinion = hit.opinion.weak();
    }
    Some(hit.decoded(pair))
}

/// Keys as they are told: joined, escaped, cut; a key may hold a token of its own.
fn shown_key(path: &[&[u8]]) -> String {
    let path: Vec<&[u8]> = path.iter().copied().filter(|key| *key != setting::ITEM && !key.is_empty()).collect();
    let mut joined = path.join(&b"."[..]);
    if joined.len() > LONGEST_KEY {
        joined = path.last().map_or_else(Vec::new, |last| last.get(..LONGEST_KEY).unwrap_or(last).to_vec());
    }
    escape(super::mask_text(&String::from_utf8_lossy(&joined)))
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
