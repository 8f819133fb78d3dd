//! What cannot work although each key is of its type, and what works but is likely not meant.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Url;
use toml::Spanned;

use crate::error::Result;
use crate::limit::Limits;
use crate::source::PlatformChoice;
use crate::source::registry::ImageReference;

use super::place::Text;
use super::{Auth, Config, Registry, Source, Sweep};

/// The least memory in which a scan gets anywhere.
const LEAST_MEMORY: u64 = 128 << 20;

/// Scans at once, and threads of one: more than any machine has use for, and fewer than take its memory by themselves.
const MOST_WORKERS: usize = 1_024;

/// A sweep asks for each tag of each repository: a registry should not be asked without end.
const LEAST_SWEEP: Duration = Duration::from_secs(1);

impl Config {
    /// An error of what reading the file alone tells.
    pub(super) fn check(&self, text: Text<'_>, kinds: &[&str], allows_open: bool) -> Result<()> {
        let registries = unique(self.registries.iter().map(|registry| &registry.name), "registry", text)?;
        for (index, registry) in self.registries.iter().enumerate() {
            check_registry(registry, &index.to_string(), text)?;
        }
        let sources = unique(self.sources.iter().map(|source| &source.name), "source", text)?;
        for (index, source) in self.sources.iter().enumerate() {
            text.one_of(source.kind.span(), source.kind.get_ref(), kinds, "kind of sender")?;
            text.one_of(source.registry.span(), source.registry.get_ref(), &registries, "registry")?;
            check_auth(source, &index.to_string(), text, allows_open)?;
        }
        for (index, sweep) in self.sweeps.iter().enumerate() {
            text.one_of(sweep.source.span(), sweep.source.get_ref(), &sources, "source")?;
            check_sweep(sweep, &index.to_string(), text)?;
        }
        self.api.check(text)?;
        if let Some(harbor) = &self.harbor {
            super::check_name(&harbor.source, text)?;
        }
        unique(self.actions.iter().map(|action| &action.name), "action", text)?;
        for action in &self.actions {
            action.check(text)?;
        }
        self.check_policies(text)?;
        self.check_workers(text)?;
        for (key, most) in [("most", self.queue.most), ("most-of-source", self.queue.most_of_source)] {
            if most == 0 {
                return Err(text.wrong(text.value(&["queue", key]), "no webhook would ever be taken"));
            }
        }
        if self.data.as_os_str().is_empty() {
            return Err(text.wrong(text.value(&["data"]), "the store needs a folder"));
        }
        match &self.public_url {
            Some(url) if !is_address(url) => {
                Err(text.wrong(text.value(&["public-url"]), "this is no address such as `https://careen.example`"))
            }
            _ => Ok(()),
        }
    }

    /// A table that judges nothing, since its source is not there or another one takes all that it would.
    fn check_policies(&self, text: Text<'_>) -> Result<()> {
        let names: Vec<&str> = self.names().collect();
        let mut takes_all = None;
        for (index, choice) in self.policies.iter().enumerate() {
            let place = text.value(&["policy", &index.to_string()]);
            if choice.policy.is_empty() {
                return Err(text
                    .wrong(place, "`policy` names none")
                    .help("`policy = [\"careen:strict\"]`, or leave the table out for the default policy"));
            }
            if !names.iter().any(|name| choice.source.0.is_match(name)) {
                let help = format!("there are: {}", names.join(", "));
                return Err(text.wrong(place, "there is no source that this is for").help(help));
            }
            if takes_all.is_some() {
                return Err(text
                    .wrong(place, "this is never used: a table before it takes every image")
                    .help("the first that fits judges; put the one without `source` and `repository` last"));
            }
            let is_for_all = choice.repository.is_any()
                && (choice.source.is_any() || names.iter().all(|name| choice.source.0.is_match(name)));
            takes_all = is_for_all.then_some(index);
        }
        Ok(())
    }

    fn check_workers(&self, text: Text<'_>) -> Result<()> {
        let workers = &self.workers;
        let numbers = [("count", workers.count), ("jobs", workers.jobs), ("attempts", workers.attempts as usize)];
        if let Some((key, _)) = numbers.iter().find(|(_, number)| *number == 0) {
            return Err(text.wrong(text.value(&["workers", key]), "with none of it nothing would ever be scanned"));
        }
        for (key, number, why) in [
            ("count", workers.count, "each scan is a process of its own, and takes `memory`"),
            ("jobs", workers.jobs, "each of them is a thread, and no image has use for more"),
        ] {
            if number > MOST_WORKERS {
                let message = format!("`{key}` is {MOST_WORKERS} at most: {why}");
                return Err(text.wrong(text.value(&["workers", key]), &message));
            }
        }
        if workers.deadline.0.is_zero() {
            return Err(text.wrong(text.value(&["workers", "deadline"]), "a scan takes some time"));
        }
        if workers.memory.bytes() < LEAST_MEMORY {
            return Err(text.wrong(text.value(&["workers", "memory"]), "a scan needs 128 MiB at least"));
        }
        PlatformChoice::named(Some(&workers.platform))
            .map_err(|error| text.wrong(text.value(&["workers", "platform"]), &error.message))?;
        let mut limits = Limits::default();
        for (name, value) in &workers.limits {
            limits.set(name, value).map_err(|error| {
                let wrong = text.wrong(text.value(&["workers", "limits", name]), &error.message);
                match error.help {
                    Some(help) => wrong.help(help),
                    None => wrong,
                }
            })?;
        }
        Ok(())
    }

    /// What works, and is likely not meant; one line each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.tls.is_none() && !self.listen.ip().is_loopback() {
            remarks.push(format!(
                "`listen = \"{}\"` without `[tls]`: who comes from another machine sends secrets in the clear, and cannot \
                 log in to the pages, unless something in front does TLS",
                self.listen
            ));
        }
        if self.names().next().is_none() {
            remarks.push("there is no `[[source]]`: nobody tells the server of images".to_owned());
        }
        if self.advisories.is_none() {
            remarks.push("there is no `advisories`: packages are listed, and not judged".to_owned());
        }
        if self.api.trusted_proxies.iter().any(super::Network::is_everything) {
            remarks.push("`trusted-proxies` trusts every address: anybody may claim to be anybody".to_owned());
        }
        remarks
    }
}

/// The names, each of them once.
fn unique<'a>(names: impl Iterator<Item = &'a Spanned<String>>, what: &str, text: Text<'_>) -> Result<Vec<&'a str>> {
    let mut seen = BTreeSet::new();
    for name in names {
        super::check_name(name, text)?;
        if !seen.insert(name.get_ref().as_str()) {
            return Err(text.wrong(name.span(), &format!("there is another {what} of this name")));
        }
    }
    Ok(seen.into_iter().collect())
}

fn check_registry(registry: &Registry, index: &str, text: Text<'_>) -> Result<()> {
    let wrong = |message: &str| text.wrong(registry.name.span(), message);
    if registry.username.is_some() != registry.password.is_some() {
        return Err(wrong("`username` and `password` go together"));
    }
    if registry.token.is_some() && registry.password.is_some() {
        return Err(wrong("`token` stands in the place of `username` and `password`"));
    }
    let hosts = std::iter::once(("host", 0, &registry.host))
        .chain(registry.aliases.iter().enumerate().map(|(place, host)| ("aliases", place, host)))
        .chain(registry.trusted_realms.iter().enumerate().map(|(place, host)| ("trusted-realms", place, host)));
    for (key, place, host) in hosts {
        if ImageReference::of_parts(host, "a/b", Some("1"), None).is_err() {
            let help = "as in references: `registry.example` or `registry.example:5000`, without `https://` and path";
            let place = text.value(&["registry", index, key, &place.to_string()]);
            // what stands before an `@` may be a password
            let shown = if host.contains('@') { String::new() } else { format!(": `{host}`") };
            return Err(text.wrong(place, &format!("`{key}`{shown} is no host")).help(help));
        }
    }
    Ok(())
}

fn check_auth(source: &Source, index: &str, text: Text<'_>, allows_open: bool) -> Result<()> {
    match &source.auth {
        Auth::None if !allows_open => Err(text.wrong(source.name.span(), "anybody could send to this source").help(
            "give it `auth = { by = \"header\", secret = { file = \"…\" } }`, or start with `--insecure-no-auth`",
        )),
        Auth::Oidc { keys, .. } if Url::parse(keys).map_or(true, |url| url.scheme() != "https") => {
            let place = text.value(&["source", index, "auth", "keys"]);
            Err(text.wrong(place, "`keys` is no address that begins with `https://`"))
        }
        _ => Ok(()),
    }
}

fn check_sweep(sweep: &Sweep, index: &str, text: Text<'_>) -> Result<()> {
    let wrong = |key: &str, message: &str| text.wrong(text.value(&["sweep", index, key]), message);
    if sweep.every.0 < LEAST_SWEEP {
        return Err(wrong("every", "`every` is a second at least: each tag is asked for each time"));
    }
    let nothing = "this sweep looks at nothing";
    if sweep.repositories.is_empty() {
        return Err(wrong("repositories", nothing));
    }
    if sweep.most_tags == 0 {
        return Err(wrong("most-tags", nothing));
    }
    for (place, repository) in sweep.repositories.iter().enumerate() {
        if ImageReference::of_parts("localhost", repository, Some("1"), None).is_err() {
            let help = "repositories are named one by one, in full: `shop/api`";
            let place = text.value(&["sweep", index, "repositories", &place.to_string()]);
            return Err(text.wrong(place, &format!("`{repository}` is no repository")).help(help));
        }
    }
    Ok(())
}

/// Whether a browser can be led there.
fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
}
