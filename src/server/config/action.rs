//! `[[action]]`: whom the server tells of which reports.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::error::Result;
use crate::policy::Glob;

use super::super::deliver::{ADAPTERS, Adapter, adapter_of, check_url};
use super::place::Text;
use super::{SecretPlace, Span, any, check_name};

/// What must have come about for somebody to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// Something breaks the policy.
    Failed,
    /// Nothing does, and everything was read.
    Passed,
    /// Nothing does, but something was not read.
    Incomplete,
    /// The outcome is another one than that of the report before, or is the first and not a passed one.
    Changed,
    /// The policy warns of something, or fails, that it did not in the report before.
    NewFindings,
}

impl On {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Passed => "passed",
            Self::Incomplete => "incomplete",
            Self::Changed => "changed",
            Self::NewFindings => "new-findings",
        }
    }
}

/// Somebody who is told. Which of the keys a kind takes is said by its adapter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Action {
    /// The name, in lists of deliveries.
    pub name: Spanned<String>,
    /// The kind of receiver.
    pub kind: Spanned<String>,
    /// Of what.
    pub on: Spanned<Vec<On>>,
    /// Sources, by glob.
    #[serde(default = "any")]
    pub source: String,
    /// Repositories of images, by glob.
    #[serde(default = "any")]
    pub repository: String,
    /// The receiver's address.
    pub url: Option<Spanned<String>>,
    /// A key that signs, or an address that is a secret itself.
    pub secret: Option<SecretPlace>,
    /// What proves to the receiver who tells.
    pub token: Option<SecretPlace>,
    /// Whether the receiver may be on a local network, and plain HTTP may be spoken.
    #[serde(default)]
    pub allow_private: bool,
    /// Further root certificates, in PEM.
    pub ca_certificate: Option<PathBuf>,
    /// How often a delivery is tried.
    #[serde(default = "attempts")]
    pub attempts: u32,
    /// How long one try may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// Repositories of code that may be told of, by glob: an image's labels can name any.
    pub repositories: Option<Vec<String>>,
    /// The name under which a commit's status stands.
    pub context: Option<String>,
    /// Whether a check run tells of a commit, in place of its status.
    pub checks: Option<bool>,
    /// The file in the repository of code on which a check run's findings stand.
    pub dockerfile: Option<String>,
    /// Formats of reports that are pushed.
    pub formats: Option<Vec<String>>,
    /// The tag that a failed image gets.
    pub tag: Option<String>,
}

fn attempts() -> u32 {
    30
}

fn timeout() -> Span {
    Span(std::time::Duration::from_secs(10))
}

impl Action {
    /// The keys of a kind that are there.
    fn keys(&self) -> Vec<&'static str> {
        let keys = [
            ("url", self.url.is_some()),
            ("secret", self.secret.is_some()),
            ("token", self.token.is_some()),
            ("repositories", self.repositories.is_some()),
            ("context", self.context.is_some()),
            ("checks", self.checks.is_some()),
            ("dockerfile", self.dockerfile.is_some()),
            ("formats", self.formats.is_some()),
            ("tag", self.tag.is_some()),
        ];
        keys.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect()
    }

    pub(super) fn check(&self, text: Text<'_>) -> Result<()> {
        let name = &self.name;
        check_name(name, text)?;
        let wrong = |message: &str| text.wrong(name.span(), message);
        let kinds: Vec<&str> = ADAPTERS.iter().map(|adapter| adapter.kind()).collect();
        text.one_of(self.kind.span(), self.kind.get_ref(), &kinds, "kind of action")?;
        let adapter: &dyn Adapter =
            adapter_of(self.kind.get_ref()).ok_or_else(|| wrong("there is no such kind of action"))?;
        let keys = self.keys();
        for key in adapter.needs() {
            if !keys.contains(key) {
                return Err(text.wrong(self.kind.span(), &format!("`{}` needs `{key}`", adapter.kind())));
            }
        }
        for key in keys {
            if !adapter.needs().contains(&key) && !adapter.may_have().contains(&key) {
                return Err(text.wrong(self.kind.span(), &format!("`{}` has no `{key}`", adapter.kind())));
            }
        }
        if self.on.get_ref().is_empty() {
            return Err(text
                .wrong(self.on.span(), "this tells nobody of anything")
                .help("`on = [\"failed\", \"changed\"]`"));
        }
        if self.attempts == 0 || self.timeout.0.is_zero() {
            return Err(wrong("nothing is ever sent with `attempts = 0` or no time"));
        }
        let globs = [&self.source, &self.repository].into_iter().chain(self.repositories.iter().flatten());
        for glob in globs {
            Glob::path(glob).map_err(|what| wrong(&format!("`{glob}` is no pattern: {what}")))?;
        }
        if let Some(url) = &self.url {
            let checked = check_url(url.get_ref(), self.allow_private);
            checked.map_err(|what| text.wrong(url.span(), &what))?;
        }
        adapter.check(self).map_err(|what| wrong(&what))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use crate::error::ErrorKind;

    const GOOD: &str = r#"
data = "/var/lib/careen"

[[action]]
name = "chat"
kind = "webhook"
on = ["failed", "new-findings"]
repository = "shop/**"
url = "https://chat.example/hook"
secret = { env = "CHAT" }
"#;

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        Config::parse("serve.toml", GOOD, &[], false).expect("a good file");
        let cases: &[(&str, &str, &str, &str)] = &[
            ("webhook", "webhok", "serve.toml:6", "no kind of action `webhok`"),
            ("\"chat\"", "\"a b\"", "serve.toml:5", "a name has"),
            ("new-findings", "new", "serve.toml:7", "unknown variant"),
            ("[\"failed\", \"new-findings\"]", "[]", "serve.toml:7", "tells nobody"),
            ("secret = ", "secrets = ", "serve.toml:10", "unknown field"),
            ("secret = { env = \"CHAT\" }", "", "serve.toml:6", "`webhook` needs `secret`"),
            ("secret = ", "tag = \"bad\"\nsecret = ", "serve.toml:6", "`webhook` has no `tag`"),
            ("https://chat.example/hook", "http://chat.example/hook", "serve.toml:9", "`https://`"),
            ("https://chat.example/hook", "https://me:pw@chat.example/", "serve.toml:9", "no user"),
            ("https://chat.example/hook", "https://169.254.169.254/", "serve.toml:9", "never contacted"),
            ("https://chat.example/hook", "https://0x7f.1/", "serve.toml:9", "allow-private"),
            ("https://chat.example/hook", "file:///etc/passwd", "serve.toml:9", "`https://`"),
            ("shop/**", "shop/{", "serve.toml:5", "no pattern"),
            ("secret = ", "attempts = 0\nsecret = ", "serve.toml:5", "attempts"),
        ];
        for (from, to, place, message) in cases {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let error = Config::parse("serve.toml", &text, &[], false).expect_err(to);
            assert_eq!((error.kind, error.place.as_deref()), (ErrorKind::Config, Some(*place)), "{to}: {error}");
            assert!(error.message.contains(message), "{to}: {error}");
        }
        let inward = GOOD.replace("https://chat.example/hook", "http://10.0.0.7:8065/hook");
        let inward = inward.replace("secret = ", "allow-private = true\nsecret = ");
        Config::parse("serve.toml", &inward, &[], false).expect("told to");
        let twice = format!("{GOOD}{}", GOOD.replace("data = \"/var/lib/careen\"", ""));
        let error = Config::parse("serve.toml", &twice, &[], false).expect_err("two of a name");
        assert!(error.message.contains("another action of this name"));
    }
}
