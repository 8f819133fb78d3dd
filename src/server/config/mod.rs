//! `serve.toml`: what the server listens on, whom it believes, what it scans by, and whom it tells.

pub mod action;
mod api;
mod check;
mod place;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;
use crate::policy::Glob;
use crate::size::ByteSize;
use crate::source::Sensitive;

use super::auth::{GOOGLE_ISSUERS, GOOGLE_KEYS};
use place::{Text, is_variable};

pub use api::{Api, Harbor, HarborAuth, Network};

/// Bytes of a configuration file, and of a file that holds a secret.
const LONGEST: u64 = 1 << 20;

/// A duration as `30s`, `15m`, `12h`, `7d`, `2w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(format!("`{text}` is no time such as `30s`, `15m`, `12h`, `7d`"));
        let unit = text.chars().next_back().and_then(|unit| match unit {
            's' => Some(1),
            'm' => Some(60),
            'h' => Some(3_600),
            'd' => Some(86_400),
            'w' => Some(604_800),
            _ => None,
        });
        let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u32>().ok());
        match (number, unit) {
            (Some(number), Some(unit)) => Ok(Self(Duration::from_secs(u64::from(number) * unit))),
            _ => Err(wrong()),
        }
    }
}

/// A glob over names; anything where none is given.
#[derive(Debug, Clone)]
pub struct Pattern(pub Glob);

impl Pattern {
    /// Whether it is one that was not given, or says as much.
    fn is_any(&self) -> bool {
        self.0.as_str() == "**"
    }
}

impl Default for Pattern {
    fn default() -> Self {
        Self(Glob::path("**").expect("it is a pattern"))
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = |what| serde::de::Error::custom(format!("`{text}` is no pattern: {what}"));
        Glob::path(&text).map(Self).map_err(wrong)
    }
}

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Where to listen.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// Under which address others reach the pages, for links in what is sent.
    pub public_url: Option<String>,
    /// The folder of the store.
    pub data: PathBuf,
    /// The folder of advisory data; without it packages are not judged.
    pub advisories: Option<PathBuf>,
    /// TLS, unless something in front does it.
    pub tls: Option<Tls>,
    /// How scans run.
    #[serde(default)]
    pub workers: Workers,
    /// How much may wait.
    #[serde(default)]
    pub queue: Queue,
    /// How long what is kept.
    #[serde(default)]
    pub retention: Retention,
    /// Who may ask besides the holders of tokens.
    #[serde(default)]
    pub api: Api,
    /// Harbor, where it has images scanned here.
    pub harbor: Option<Harbor>,
    /// Registries that may be asked.
    #[serde(default, rename = "registry")]
    pub registries: Vec<Registry>,
    /// Senders of webhooks.
    #[serde(default, rename = "source")]
    pub sources: Vec<Source>,
    /// What judges, by source and repository; the first that fits.
    #[serde(default, rename = "policy")]
    pub policies: Vec<PolicyChoice>,
    /// Repositories that are looked through for what no webhook told.
    #[serde(default, rename = "sweep")]
    pub sweeps: Vec<Sweep>,
    /// Whom the server tells.
    #[serde(default, rename = "action")]
    pub actions: Vec<action::Action>,
    /// The least grave lines that are logged: `error`, `warn`, `info`, `debug` or `trace`.
    #[serde(default)]
    pub log: super::log::Level,
}

fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8_420))
}

/// A certificate and its key, in PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tls {
    /// The chain, the server's own first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// How scans run.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workers {
    /// Scans at once.
    pub count: usize,
    /// Threads of one scan.
    pub jobs: usize,
    /// How long a scan may take.
    pub deadline: Span,
    /// Memory of one scan.
    #[serde(deserialize_with = "size")]
    pub memory: ByteSize,
    /// Platforms of an index that are scanned: `all`, or one such as `linux/amd64`.
    pub platform: String,
    /// Limits on what is read, as `--limit` sets them.
    pub limits: std::collections::BTreeMap<String, String>,
    /// How often a job is tried that fails for a reason that may pass: a hundred times take most of a day.
    pub attempts: u32,
    /// Bytes of layers that are kept from one scan to the next; 0 for none.
    #[serde(deserialize_with = "size")]
    pub cache: ByteSize,
    /// Further ports that a scan may connect to: those of stores that a registry redirects to, besides HTTPS.
    pub ports: Vec<u16>,
}

impl Default for Workers {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            count: cores.div_ceil(2),
            jobs: 2,
            deadline: Span(Duration::from_mins(10)),
            memory: ByteSize::gib(1),
            platform: "all".to_owned(),
            limits: std::collections::BTreeMap::new(),
            attempts: 100,
            cache: ByteSize::gib(2),
            ports: Vec::new(),
        }
    }
}

/// How much may wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Queue {
    /// Jobs of all sources; beyond, senders are told to come back.
    pub most: u64,
    /// Jobs of one source.
    pub most_of_source: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self { most: 200_000, most_of_source: 100_000 }
    }
}

/// How long what is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Retention {
    /// Reports of an image but for the newest.
    pub reports: Span,
    /// Reports of one image.
    pub reports_of_image: u32,
    /// Events, by which replays are known.
    pub events: Span,
    /// Dead letters of one source; the oldest make room for others.
    pub dead_letters: u32,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Span(Duration::from_hours(24 * days));
        Self { reports: days(90), reports_of_image: 20, events: days(7), dead_letters: 10_000 }
    }
}

/// A registry that may be asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Registry {
    /// The name by which the rest of the file speaks of it.
    pub name: Spanned<String>,
    /// The host, and a port, as in references.
    pub host: String,
    /// Other names by which its webhooks speak of it, such as the one inside of a cluster; they are never asked.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Who asks.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretPlace>,
    /// A bearer token in place of both.
    pub token: Option<SecretPlace>,
    /// Plain HTTP, and certificates nobody vouches for.
    #[serde(default)]
    pub insecure: bool,
    /// Further root certificates, in PEM.
    pub ca_certificate: Option<PathBuf>,
    /// Further hosts that may see the credentials, as its token service.
    #[serde(default)]
    pub trusted_realms: Vec<String>,
}

/// A sender of webhooks, at `/hooks/NAME`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Source {
    /// The name in the path.
    pub name: Spanned<String>,
    /// The kind of sender.
    pub kind: Spanned<String>,
    /// The registry it speaks of.
    pub registry: Spanned<String>,
    /// How it proves who it is.
    pub auth: Auth,
}

/// How a sender proves who it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "by", deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Auth {
    /// A header field that is the secret, word for word.
    Header {
        /// Its name.
        #[serde(default = "authorization")]
        name: String,
        /// The secret.
        secret: SecretPlace,
    },
    /// A signature of the body, in the form of the kind of sender.
    Signature {
        /// The key.
        secret: SecretPlace,
    },
    /// A secret at the end of the path, where a sender can send nothing else.
    Path {
        /// The secret.
        secret: SecretPlace,
    },
    /// Name and password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        secret: SecretPlace,
    },
    /// A signed identity token.
    Oidc {
        /// For whom it must be.
        audience: String,
        /// Whose it must be.
        email: String,
        /// Who made it.
        #[serde(default = "google")]
        issuers: Vec<String>,
        /// Where the issuer's keys are.
        #[serde(default = "google_keys")]
        keys: String,
    },
    /// Nothing: only where the server is told so on its command line.
    None,
}

fn authorization() -> String {
    "Authorization".to_owned()
}

fn google() -> Vec<String> {
    GOOGLE_ISSUERS.iter().map(|issuer| (*issuer).to_owned()).collect()
}

fn google_keys() -> String {
    GOOGLE_KEYS.to_owned()
}

/// Where a secret is: a file whose lines are secrets that are good at once, or a variable of the environment.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct SecretPlace {
    file: Option<PathBuf>,
    env: Option<String>,
}

/// What is told of a secret that stands in the file itself, without it.
const WRITTEN_OUT: &str = "a secret never stands in this file, but where it is kept";
const PLACES: &str = "`{ file = \"…\" }` names a file that holds it, `{ env = \"…\" }` a variable of the environment";

impl TryFrom<toml::Value> for SecretPlace {
    type Error = String;

    /// No error tells of a value: it may be the secret.
    fn try_from(value: toml::Value) -> Result<Self, String> {
        let toml::Value::Table(table) = value else { return Err(WRITTEN_OUT.to_owned()) };
        let mut place = Self { file: None, env: None };
        for (key, value) in table {
            let toml::Value::String(text) = value else { return Err(format!("`{}` takes a text", escape(&key))) };
            match key.as_str() {
                "file" => place.file = Some(text.into()),
                "env" => place.env = Some(text),
                _ => return Err(format!("unknown field `{}`, expected `file` or `env`", escape(&key))),
            }
        }
        Ok(place)
    }
}

/// A message of serde's without the text that it quotes, where it quotes one of the wrong type: `auth = "…"` may be a secret.
fn without_value(message: &str) -> Option<String> {
    for what in ["invalid type", "invalid value"] {
        if let Some(rest) = message.strip_prefix(&format!("{what}: string \""))
            && let Some((_, expected)) = rest.rsplit_once("\", expected ")
        {
            return Some(format!("{what}: a text, expected {expected}"));
        }
    }
    // a slip is shown, and nothing else
    let (word, expected) = message.strip_prefix("unknown variant `")?.rsplit_once("`, expected ")?;
    let is_word = word.len() <= 12 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let is_slip = is_word || nearest(word, expected.split('`').skip(1).step_by(2)).is_some();
    (!is_slip).then(|| format!("unknown word, expected {expected}"))
}

/// What judges images of a source and repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PolicyChoice {
    /// Sources.
    #[serde(default)]
    pub source: Pattern,
    /// Repositories.
    #[serde(default)]
    pub repository: Pattern,
    /// Presets and files, as `-p` takes them.
    pub policy: Vec<String>,
    /// Files of waivers.
    #[serde(default)]
    pub waivers: Vec<String>,
}

/// Repositories that are looked through.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sweep {
    /// The source on whose behalf: its registry, its policy.
    pub source: Spanned<String>,
    /// The repositories.
    pub repositories: Vec<String>,
    /// How often.
    #[serde(default = "hourly")]
    pub every: Span,
    /// Tags of a repository that are looked at.
    #[serde(default = "most_tags")]
    pub most_tags: usize,
}

fn size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn any() -> String {
    "**".to_owned()
}

fn hourly() -> Span {
    Span(Duration::from_hours(1))
}

fn most_tags() -> usize {
    1_000
}

impl Config {
    /// Reads the file, and says of what is wrong where it stands. `kinds` are those of senders; an open hook is an error
    /// unless `allows_open`.
    pub fn read(path: &Path, kinds: &[&str], allows_open: bool) -> Result<Self> {
        let place = path.display().to_string();
        let text = text_of(path).map_err(|error| error.at(&place))?;
        Self::parse(&place, &text, kinds, allows_open)
    }

    /// As [`Config::read`], of a text.
    pub fn parse(place: &str, text: &str, kinds: &[&str], allows_open: bool) -> Result<Self> {
        let text = Text { place, text };
        let config: Self = toml::from_str(text.text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            if error.message() == WRITTEN_OUT {
                return text.wrong(text.written_out().unwrap_or(span), WRITTEN_OUT).help(PLACES);
            }
            match without_value(error.message()) {
                Some(message) => text.wrong_value(span, &message),
                None => text.wrong(span, error.message()),
            }
        })?;
        config.check(text, kinds, allows_open)?;
        Ok(config)
    }

    /// The names of all sources, Harbor's among them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let of_harbor = self.harbor.iter().map(|harbor| harbor.source.get_ref().as_str());
        self.sources.iter().map(|source| source.name.get_ref().as_str()).chain(of_harbor)
    }

    /// The registry of that name.
    pub fn registry(&self, name: &str) -> Option<&Registry> {
        self.registries.iter().find(|registry| registry.name.get_ref() == name)
    }

    /// The source of that name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name.get_ref() == name)
    }
}

/// A name stands in paths and logs.
fn check_name(name: &Spanned<String>, text: Text<'_>) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let word = name.get_ref();
    if word.is_empty() || word.len() > 64 || !word.bytes().all(is_plain) {
        return Err(text.wrong(name.span(), "a name has up to 64 of `a`–`z`, `0`–`9` and `-`"));
    }
    Ok(())
}

impl SecretPlace {
    /// The secrets there, all good at once, so that one can take the place of another; never none.
    pub fn read(&self) -> Result<Vec<Sensitive>> {
        let (text, place) = match (&self.file, &self.env) {
            (Some(file), None) => (text_of(file)?, file.display().to_string()),
            (None, Some(name)) => {
                let shown = if is_variable(name) { name } else { "the variable that `env` names" };
                (std::env::var(name).unwrap_or_default(), shown.to_owned())
            }
            _ => return Err(Error::new(ErrorKind::Config, "a secret is in a `file` or in `env`, a variable")),
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets: Vec<Sensitive> = lines.map(|line| Sensitive(line.to_owned())).collect();
        if secrets.is_empty() {
            return Err(Error::new(ErrorKind::Config, "there is no secret in it").at(place));
        }
        Ok(secrets)
    }

    /// The only secret there.
    pub fn read_one(&self) -> Result<Sensitive> {
        let mut secrets = self.read()?;
        Ok(secrets.swap_remove(0))
    }
}

fn text_of(path: &Path) -> Result<String> {
    use std::io::Read as _;
    let place = path.display().to_string();
    // a secret that was put in the place of a file has no folder
    let place = if place.contains('/') { place } else { "what `file` names, without a folder".to_owned() };
    let cannot = |e| Error::io("cannot read the file", e).at(place.clone());
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(Error::new(ErrorKind::Config, "this is no regular file").at(place));
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    let read = file.take(LONGEST + 1).read_to_string(&mut text).map_err(cannot)?;
    if read as u64 > LONGEST {
        return Err(Error::new(ErrorKind::Config, "the file is larger than 1 MiB").at(path.display().to_string()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[&str] = &["distribution", "harbor"];

    const GOOD: &str = r#"
data = "/var/lib/careen"

[[registry]]
name = "main"
host = "registry.example:5000"

[[source]]
name = "shop"
kind = "distribution"
registry = "main"
auth = { by = "header", secret = { env = "HOOK" } }
"#;

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let config = Config::parse("serve.toml", GOOD, KINDS, false).expect("a good file");
        assert_eq!(config.workers.attempts, 100);
        assert!(config.source("shop").is_some() && config.registry("main").is_some());
        let cases: &[(&str, &str, &str)] = &[
            ("kind = \"distribution\"", "kind = \"distributio\"", "serve.toml:10"),
            ("registry = \"main\"", "registry = \"mian\"", "serve.toml:11"),
            ("name = \"shop\"", "name = \"a/b\"", "serve.toml:9"),
            ("data = ", "dta = ", "serve.toml:2"),
            ("auth = { by = \"header\", secret = { env = \"HOOK\" } }", "auth = { by = \"none\" }", "serve.toml:9"),
            ("auth = {", "#", "serve.toml:8"),
            ("host = ", "username = \"me\"\nhost = ", "serve.toml:5"),
        ];
        for (from, to, place) in cases {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let error = Config::parse("serve.toml", &text, KINDS, false).expect_err(to);
            assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Config, Some(*place)), "{to}: {error}");
            let shown = error.detail.as_deref().unwrap_or_default();
            assert!(shown.starts_with("error: ") && shown.contains(error.message.trim()), "it says what: {shown}");
        }
        let wrong: &[(&str, &str, &str, &str)] = &[
            (
                "registry.example:5000",
                "https://registry.example",
                "serve.toml:6",
                "`host`: `https://registry.example` is no host",
            ),
            ("registry.example:5000", "", "serve.toml:6", "is no host"),
            ("host =", "aliases = [\"a/b\"]\nhost =", "serve.toml:6", "`aliases`: `a/b`"),
            (
                "host =",
                "token = { env = \"A\" }\nusername = \"a\"\npassword = { env = \"A\" }\nhost =",
                "serve.toml:5",
                "in the place of",
            ),
            ("\n[[registry", "public-url = \"javascript:alert(1)\"\n[[registry", "serve.toml:3", "no address"),
            ("\n[[registry", "[workers]\nplatform = \"solaris\"\n[[registry", "serve.toml:4", "solaris"),
            ("\n[[registry", "[workers]\nmemory = \"1KiB\"\n[[registry", "serve.toml:4", "128 MiB"),
            ("\n[[registry", "[workers]\ndeadline = \"0s\"\n[[registry", "serve.toml:4", "some time"),
            ("\n[[registry", "[workers.limits]\nlayer = \"1\"\n[[registry", "serve.toml:4", "no limit `layer`"),
            ("\n[[registry", "[queue]\nmost = 0\n[[registry", "serve.toml:4", "no webhook"),
            // an elder key of the same name in another table
            (
                "\n[[registry",
                "[workers.limits]\nlayers = \"1\"\n[queue]\nmost = 1\nmost-of-source = 0\n[[registry",
                "serve.toml:7",
                "no webhook",
            ),
            ("\n[[registry", "[api]\ntrusted-proxies = [\"10.0.0.1\"]\n[[registry", "serve.toml:4", "with nothing"),
        ];
        for (from, to, place, message) in wrong {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let error = Config::parse("serve.toml", &text, KINDS, false).expect_err(to);
            assert_eq!(error.place.as_deref(), Some(*place), "{to}: {error}");
            assert!(error.message.contains(message), "{to}: {error}");
            let shown = error.detail.unwrap_or_default();
            assert!(shown.contains(message) && shown.contains("serve.toml:"), "the terminal shows it: {shown}");
        }
        let sweep = "[[sweep]]\nsource = \"shop\"\nrepositories = [\"a\"]\n[[sweep]]\nsource = \"shop\"\n";
        // what stands on the line that is shown
        let tables: &[(&str, &str, &str)] = &[
            ("[workers]\ncount = 1025", "`count` is 1024 at most", "count = "),
            ("[workers]\njobs = 100000000", "`jobs` is 1024 at most", "jobs = "),
            ("[[policy]]\npolicy = []", "names none", "[[policy]]"),
            ("[[policy]]\nsource = \"nobody\"\npolicy = [\"strict\"]", "no source", "[[policy]]"),
            ("[[policy]]\npolicy = [\"strict\"]\n[[policy]]\npolicy = [\"minimal\"]", "never used", "[[policy]]"),
            ("{sweep}repositories = [\"a\"]\nevery = \"0s\"", "a second at least", "every = "),
            ("{sweep}repositories = []", "looks at nothing", "repositories = "),
            ("{sweep}repositories = [\"a\"]\nmost-tags = 0", "looks at nothing", "most-tags = "),
            ("{sweep}repositories = [\"shop/*\"]", "`shop/*` is no repository", "repositories = "),
            (
                "[[source]]\nname = \"gar\"\nkind = \"harbor\"\nregistry = \"main\"\n[source.auth]\nby = \"oidc\"\n\
                 audience = \"a\"\nemail = \"a@a.example\"\nkeys = \"http://keys.example\"",
                "`keys` is no address",
                "keys = ",
            ),
        ];
        for (table, message, line) in tables {
            let text = format!("{GOOD}\n{}\n", table.replace("{sweep}", sweep));
            let error = Config::parse("serve.toml", &text, KINDS, false).expect_err(table);
            assert!(error.message.contains(message), "{table}: {error}");
            let place = error.place.as_deref().and_then(|place| place.rsplit_once(':')?.1.parse::<usize>().ok());
            let shown = place.and_then(|place| text.lines().nth(place - 1)).unwrap_or_default();
            assert!(shown.starts_with(line), "{table}: `{shown}`");
        }
        for key in ["source", "repository"] {
            let text = format!("{GOOD}\n[[policy]]\npolicy = [\"strict\"]\n{key} = \"shop/{{a\"\n");
            let error = Config::parse("serve.toml", &text, KINDS, false).expect_err(key);
            assert_eq!(error.place.as_deref(), Some("serve.toml:16"), "{error}");
            assert!(error.message.starts_with("`shop/{a` is no pattern"), "{error}");
        }
        let error =
            Config::parse("f", &GOOD.replace("\"distribution\"", "\"habor\""), KINDS, false).expect_err("a slip");
        assert!(error.help.is_some_and(|help| help.contains("harbor")));
        let open = GOOD.replace("{ by = \"header\", secret = { env = \"HOOK\" } }", "{ by = \"none\" }");
        assert!(Config::parse("f", &open, KINDS, true).is_ok(), "told to be open");
    }

    #[test]
    fn no_error_shows_a_secret() {
        let secret = ["hunter2", "hunter2", "hunter2"].concat();
        let place = "{ env = \"HOOK\" }";
        let with = |line: &str| format!("{GOOD}{}\n", line.replace('S', &format!("\"{secret}\"")));
        let action = "[[action]]\nname = \"a\"\nkind = \"webhook\"\non = [\"failed\"]\n";
        let registry = |line: &str| {
            GOOD.replace("[[source]]", &format!("{line}\n[[source]]").replace('S', &format!("\"{secret}\"")))
        };
        // the text, what is told, and what the caret is under
        let written: &[(String, &str)] = &[
            (GOOD.replace(place, &format!("\"{secret}\"")), "secret"),
            (registry("username = \"me\"\npassword = S"), "password"),
            (registry("token = S"), "token"),
            (registry("token = [S]"), "token"),
            (with(&format!("{action}url = \"https://x.example\"\nsecret = S")), "secret"),
            (with("[harbor]\nauth = { by = \"bearer\", secret = S }"), "secret"),
        ];
        for (text, key) in written {
            let error = Config::parse("serve.toml", text, KINDS, false).expect_err(key);
            assert!(error.message == WRITTEN_OUT && error.help.as_deref() == Some(PLACES), "{error:?}");
            let shown = error.detail.as_deref().unwrap_or_default();
            assert!(!format!("{error:?}").contains("hunter2"), "{shown}");
            let lines: Vec<&str> = shown.lines().collect();
            let caret = lines.iter().position(|line| line.contains('^')).expect("a caret");
            let (from, until) = (lines[caret].find('^').expect("one"), lines[caret].rfind('^').expect("one") + 1);
            assert_eq!(lines[caret - 1].get(from..until), Some(*key), "{shown}");
        }
        for text in [
            registry("pasword = S"),
            registry("username = \"me\"\npassword = { valeu = S }"),
            registry("password = { file = [S] }"),
            registry("insecure = S"),
            registry("password = S S"),
            registry("password = \"\"\"\nS"),
            GOOD.replace("{ by = \"header\", secret = { env = \"HOOK\" } }", &format!("\"{secret}\"")),
            GOOD.replace("secret = { env = \"HOOK\" }", &format!("secert = \"{secret}\"")),
            with(&format!("{action}url = \"https://me:{secret}@x.example\"\nsecret = {place}")),
            with(&format!("{action}urll = S\nsecret = {place}")),
            with(&format!("{action}url = \"https://x.example\"\nkey = S")),
            with(&format!("{action}url = \"https://x.example\"\nsecret = {place}\nusername = S")),
            registry("key = S"),
            GOOD.replace("secret = { env = \"HOOK\" }", &format!("key = \"{secret}\"")),
            GOOD.replace(
                "by = \"header\", secret = { env = \"HOOK\" }",
                &format!("by = \"signature\", key = \"{secret}\""),
            ),
            GOOD.replace("by = \"header\"", &format!("by = \"{secret}\"")),
            GOOD.replace("kind = \"distribution\"", &format!("kind = \"distribut\" # was {secret}")),
            GOOD.replace("kind = \"distribution\"", &format!("# \"it's {secret}\"\nkind = \"distribut\"")),
            GOOD.replace("kind = \"distribution\"", &format!("kind = \"#\" # {secret}")),
            GOOD.replace("[[source]]", &format!("[[source]] # {secret}\nx ==")),
            registry(&format!("insecure = true # {secret}\ninsecure = true # {secret}")),
            registry(&format!("aliases = [\n  \"a b\", # {secret}\n]")),
            registry(&format!("aliases = [\"me:{secret}@x.example\"]")),
            registry(&format!("trusted-realms = [\"https://me:{secret}@x.example/token\"]")),
            registry(&format!("username = \"me:{secret}\"\npassword = {place}\npassword = {place}")),
            GOOD.replace("{ env = \"HOOK\" }", &format!("{{ file = \"{secret}\" }}, x = 1")),
            GOOD.replace("kind = \"distribution\"", &format!("kind = \"distribution\"\nkey = \"{secret}\"\nx ==")),
        ] {
            let error = Config::parse("serve.toml", &text, KINDS, false).expect_err(&text);
            assert!(!format!("{error:?}").contains("hunter2"), "{text}\n{error:?}");
        }
        let pasted = SecretPlace { file: None, env: Some(secret.clone()) };
        assert!(!format!("{:?}", pasted.read().expect_err("there is none")).contains("hunter2"));
        let pasted = SecretPlace { file: Some(secret.clone().into()), env: None };
        assert!(!format!("{:?}", pasted.read().expect_err("there is none")).contains("hunter2"));
        // what is no secret is shown as it stands
        let error = Config::parse("serve.toml", &GOOD.replace("\"distribution\"", "\"habor\""), KINDS, false);
        assert!(error.expect_err("a slip").detail.is_some_and(|shown| shown.contains("kind = \"habor\"")));
    }

    #[test]
    fn what_is_likely_not_meant_is_told() {
        let remarks = |text: &str| Config::parse("f", text, KINDS, false).expect(text).remarks();
        let whole = format!("advisories = \"/var/lib/careen/advisories\"{GOOD}");
        assert_eq!(remarks(&whole), Vec::<String>::new());
        let open = remarks(&format!("listen = \"0.0.0.0:80\"{GOOD}"));
        assert!(open.len() == 2 && open[0].contains("[tls]") && open[1].contains("`advisories`"), "{open:?}");
        let second = "[[source]]\nname = \"b\"\nkind = \"harbor\"\nregistry = \"main\"\n";
        let twice = format!("{whole}\n{second}auth = {{ by = \"header\", secret = {{ env = \"HOOK\" }} }}\n");
        assert_eq!(remarks(&twice), Vec::<String>::new(), "each source has images of its own");
    }

    #[test]
    fn what_the_manual_shows_is_right() {
        let kinds: Vec<&str> = crate::server::event::SENDERS.iter().map(|sender| sender.kind()).collect();
        let mut shown = Vec::new();
        for (place, manual) in [
            ("server.md", include_str!("../../../docs/server.md")),
            ("webhooks.md", include_str!("../../../docs/webhooks.md")),
            ("compose.yaml", include_str!("../../../docs/deploy/compose.yaml")),
        ] {
            let manual = manual.replace("    content: |\n", "```toml\n").replace("\nsecrets:\n  hook", "```\n");
            for block in manual.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
                let data = if block.contains("data =") { "" } else { "data = \"/var/lib/careen\"\n" };
                let config = Config::parse(place, &format!("{data}{block}"), &kinds, false).expect(block);
                shown.extend(config.sources.into_iter().map(|source| source.kind.into_inner()));
            }
        }
        for kind in kinds {
            assert!(shown.iter().any(|shown| shown == kind), "{kind} is not shown");
        }
    }

    #[test]
    fn times_are_read() {
        let of = |text: &str| toml::from_str::<Retention>(&format!("events = \"{text}\"")).ok().map(|r| r.events.0);
        assert_eq!(of("30s"), Some(Duration::from_secs(30)));
        assert_eq!(of("2w"), Some(Duration::from_hours(336)));
        for wrong in ["", "5", "h", "-1d", "5dd", "5 d", "ä"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
