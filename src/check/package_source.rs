//! Where packages come from, and whether their signatures are asked for: sources.list(5), apt.conf(5), dnf.conf(5),
//! apk-repositories(5), pacman.conf(5), and the settings of pip, npm, `RubyGems` and conda; and build steps that say so.

use super::unverified::is_in_use;
use super::{Check, Context, line_of, step_of};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::inventory::{Inventory, Origin, SettingFile, SettingLine};
use crate::rule::{Confidence, Place, Rule, Severity};

/// Packages are taken whoever signed them.
pub(super) static UNSIGNED_SOURCE: Rule = Rule {
    id: "image/unsigned-source",
    title: "Packages are installed without a look at their signature",
    severity: Severity::Medium,
    why: "Whoever answers for the source, or stands between it and the build, decides what is installed, now and in each \
          image that is built on this one.",
    remediation: "Add the source's key, with `signed-by` in apt's list or `gpgkey` in dnf's, and leave the setting out.",
    references: &[
        "https://manpages.debian.org/bookworm/apt/sources.list.5.en.html",
        "https://dnf.readthedocs.io/en/latest/conf_ref.html",
    ],
    bad: "RUN echo 'deb [trusted=yes] https://packages.example/ stable main' > /etc/apt/sources.list.d/own.list",
    good: "RUN echo 'deb [signed-by=/etc/apt/keyrings/own.asc] https://packages.example/ stable main' > /etc/apt/sources.list.d/own.list",
    places: &[Place::File, Place::History],
    ..Rule::NEW
};

/// Packages come without encryption.
pub(super) static PLAIN_SOURCE: Rule = Rule {
    id: "image/plain-source",
    title: "Packages come from a source without encryption",
    severity: Severity::Low,
    why: "Signatures keep others from changing packages, but not from keeping newer ones back, nor from reading along what \
          is installed. Where keys and metadata come the same way, they keep nobody from anything.",
    remediation: "Write `https://` in the list of sources. Distributions' own archives are not told, as their images come \
                  so; but for Alpine's, whose images come with `https://`.",
    references: &["https://manpages.debian.org/bookworm/apt/apt-transport-https.1.en.html"],
    bad: "RUN echo 'deb http://packages.example/ stable main' > /etc/apt/sources.list.d/own.list",
    good: "RUN echo 'deb https://packages.example/ stable main' > /etc/apt/sources.list.d/own.list",
    ..Rule::NEW
};

/// Domains of the distributions' own archives, which their images name without encryption.
const OWN: &[&str] = &[
    "almalinux.org",
    "alpinelinux.org",
    "archlinux.org",
    "centos.org",
    "debian.net",
    "debian.org",
    "devuan.org",
    "fedoraproject.org",
    "kali.org",
    "opensuse.org",
    "oracle.com",
    "raspberrypi.com",
    "raspberrypi.org",
    "rockylinux.org",
    "suse.com",
    "ubuntu.com",
];

/// Judges the lists of sources and the settings of package managers.
pub(super) struct PackageSource;

impl Check for PackageSource {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PLAIN_SOURCE, &UNSIGNED_SOURCE] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for file in &context.image.settings {
            let path = file.path.as_bytes();
            let mut told = Told { file, findings };
            if path == b"etc/apt/sources.list"
                || path.starts_with(b"etc/apt/sources.list.d/") && path.ends_with(b".list")
            {
                apt_list(&mut told);
            } else if path.starts_with(b"etc/apt/sources.list.d/") {
                apt_stanzas(&mut told);
            } else if path == b"etc/apt/apt.conf" || path.starts_with(b"etc/apt/apt.conf.d/") {
                apt_settings(&mut told);
            } else if path == b"etc/apk/repositories" {
                for line in &file.lines {
                    told.plain(line, line.text.split_whitespace());
                    told.plain_mirror(line);
                }
            } else if path.starts_with(b"etc/yum") || path.starts_with(b"etc/dnf/") || path.starts_with(b"etc/zypp/") {
                dnf(&mut told);
            } else if path == b"etc/pacman.conf" {
                pacman(&mut told);
            } else if is_in_use(&file.path) {
                languages(&mut told);
            }
        }
        findings.extend(steps(context.image));
    }
}

struct Told<'a> {
    file: &'a SettingFile,
    findings: &'a mut Findings,
}

impl Told<'_> {
    fn push(&mut self, rule: &'static Rule, line: &SettingLine, subject: &str, what: &str) {
        let path = &self.file.path;
        let place = line_of(path, self.file.node.layer, line.number);
        self.findings.push(Finding::new(rule, format!("{path} {subject}"), place, format!("`{path}` {what}")));
    }

    fn unsigned(&mut self, line: &SettingLine, setting: &str) {
        let setting = escape(setting);
        self.push(&UNSIGNED_SOURCE, line, &setting, &format!("says `{setting}`"));
    }

    /// Tells of Alpine's own archive without encryption.
    fn plain_mirror(&mut self, line: &SettingLine) {
        let Some(host) = mirror_of_alpine(&line.text).map(escape) else { return };
        let what = format!("takes packages, which are signed, from `{host}` without encryption");
        self.push(&PLAIN_SOURCE, line, &host, &what);
    }

    /// Tells of the addresses among the words that are without encryption, but for those of distributions.
    fn plain<'a>(&mut self, line: &SettingLine, words: impl Iterator<Item = &'a str>) {
        let mut hosts: Vec<&str> = words.filter_map(plain_host).filter(|host| !is_own(host)).collect();
        hosts.dedup();
        for host in hosts {
            let host = escape(host);
            self.push(&PLAIN_SOURCE, line, &host, &format!("takes packages from `{host}` without encryption"));
        }
    }
}

/// A mirror of Alpine's packages, which are signed: by whom it is kept, and that it is named without encryption.
fn mirror_of_alpine(text: &str) -> Option<&str> {
    text.split_whitespace().find_map(plain_host).filter(|host| is_own(host))
}

/// The host of `http://user:word@host:80/…`, `mirror+http://…` and `ftp://…`.
fn plain_host(word: &str) -> Option<&str> {
    let rest = ["http://", "mirror+http://", "ftp://"].iter().find_map(|scheme| {
        word.get(..scheme.len())
            .filter(|start| start.eq_ignore_ascii_case(scheme))
            .and_then(|_| word.get(scheme.len()..))
    })?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = host.split(':').next().unwrap_or(host);
    // a proxy or cache on the machine itself
    (!host.is_empty() && host != "localhost" && host != "127.0.0.1").then_some(host)
}

fn is_own(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    OWN.iter().any(|own| host.strip_suffix(own).is_some_and(|sub| sub.is_empty() || sub.ends_with('.')))
}

/// `deb [trusted=yes] http://host/ suite main`
fn apt_list(told: &mut Told<'_>) {
    let file = told.file;
    for line in &file.lines {
        let text = &*line.text;
        if !matches!(text.split_whitespace().next(), Some("deb" | "deb-src")) {
            continue;
        }
        if let Some((options, _)) = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
            for option in options.split_whitespace() {
                if let Some((key, value)) = option.split_once('=')
                    && is_bypass(key)
                    && is_yes(value)
                {
                    told.unsigned(line, option);
                }
            }
        }
        told.plain(line, text.split_whitespace());
    }
}

/// `Trusted: yes`, `URIs: http://host/`. Stanzas that are switched off say nothing.
fn apt_stanzas(told: &mut Told<'_>) {
    let file = told.file;
    let is_off = |line: &SettingLine| {
        line.text.split_once(':').is_some_and(|(key, value)| key.eq_ignore_ascii_case("enabled") && is_no(value.trim()))
    };
    for stanza in file.lines.chunk_by(|_, next| !next.is_after_blank) {
        if stanza.iter().any(is_off) {
            continue;
        }
        let mut is_address = false;
        for line in stanza {
            if line.is_indented {
                if is_address {
                    told.plain(line, line.text.split_whitespace());
                }
                continue;
            }
            let Some((key, value)) = line.text.split_once(':') else { continue };
            is_address = key.trim().eq_ignore_ascii_case("uris");
            if is_bypass(key) && is_yes(value.trim()) {
                told.unsigned(line, &line.text);
            }
            if is_address {
                told.plain(line, value.split_whitespace());
            }
        }
    }
}

fn is_bypass(key: &str) -> bool {
    ["trusted", "allow-insecure"].iter().any(|bypass| key.trim().eq_ignore_ascii_case(bypass))
}

/// `APT::Get::AllowUnauthenticated "true";`, also in a block with braces.
fn apt_settings(told: &mut Told<'_>) {
    let file = told.file;
    for line in &file.lines {
        for statement in line.text.split([';', '{', '}']) {
            let mut words = statement.split_whitespace();
            let (Some(key), Some(value)) = (words.next(), words.next()) else { continue };
            let name = key.rsplit("::").next().unwrap_or(key).to_ascii_lowercase();
            let value = value.trim_matches('"');
            let is_open = match name.as_str() {
                "allowunauthenticated" | "allowinsecurerepositories" | "allowweakrepositories" => is_yes(value),
                "verify-peer" | "verify-host" => is_no(value),
                _ => false,
            };
            if is_open {
                told.unsigned(line, statement.trim());
            }
        }
    }
}

/// `gpgcheck=0`, `sslverify=0`, `baseurl=http://host/`, of sections that are not switched off.
fn dnf(told: &mut Told<'_>) {
    let file = told.file;
    for section in file.lines.chunk_by(|_, next| !next.text.starts_with('[')) {
        let is_off = |line: &SettingLine| {
            line.text.split_once('=').is_some_and(|(key, value)| key.trim() == "enabled" && is_no(value.trim()))
        };
        if section.iter().any(is_off) {
            continue;
        }
        let mut is_address = false;
        for line in section {
            if is_address && line.is_indented {
                told.plain(line, line.text.split([' ', ',', '\t']));
                continue;
            }
            let Some((key, value)) = line.text.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim());
            // where all lines are indented, none goes on with another
            is_address = !line.is_indented && matches!(key, "baseurl" | "mirrorlist" | "metalink");
            match key {
                "gpgcheck" | "pkg_gpgcheck" | "sslverify" if is_no(value) => {
                    told.unsigned(line, &format!("{key}={value}"));
                }
                "baseurl" | "mirrorlist" | "metalink" => told.plain(line, value.split([' ', ',', '\t'])),
                _ => {}
            }
        }
    }
}

/// `SigLevel = Never`, `Server = http://host/`.
fn pacman(told: &mut Told<'_>) {
    let file = told.file;
    for line in &file.lines {
        let Some((key, value)) = line.text.split_once('=') else { continue };
        match key.trim() {
            "SigLevel" | "RemoteFileSigLevel" => {
                let mut words = value.split_whitespace();
                if let Some(word) =
                    words.find(|word| matches!(*word, "Never" | "PackageNever" | "TrustAll" | "PackageTrustAll"))
                {
                    told.unsigned(line, &format!("{} = {word}", key.trim()));
                }
            }
            "Server" => told.plain(line, value.split_whitespace()),
            _ => {}
        }
    }
}

/// `index-url = http://host/`, `registry=http://host/`, and lists of sources and channels.
fn languages(told: &mut Told<'_>) {
    let file = told.file;
    let keys: &[&str] = match file.path.file_name() {
        b"pip.conf" => &["index-url", "extra-index-url", "find-links", "index"],
        b".npmrc" | b"npmrc" | b".yarnrc" => &["registry"],
        b".yarnrc.yml" => &["npmregistryserver"],
        b".gemrc" | b"gemrc" => &["sources"],
        b".condarc" | b"condarc" => &["channels", "default_channels", "channel_alias"],
        _ => return,
    };
    let mut is_address = false;
    for line in &file.lines {
        let words = || line.text.split([' ', '\t', ',', '=', '"', '\'', '[', ']']);
        // YAML's lists need not be indented
        if is_address && (line.is_indented || line.text.starts_with('-')) {
            told.plain(line, words());
            continue;
        }
        let text = line.text.trim_start_matches([':', '"']);
        let end = text.find(['=', ' ', '\t', '"']).unwrap_or(text.len());
        let key = text.get(..end).unwrap_or(text).trim_end_matches(':').to_ascii_lowercase();
        // npm's registries of scopes are written `@scope:registry`
        let key = key.rsplit(':').next().unwrap_or(&key);
        is_address = keys.contains(&key);
        if is_address {
            told.plain(line, words());
        }
    }
}

/// Options of package managers that let unsigned packages in, by the words a command begins with.
const BYPASSES: &[(&[&str], &[&str])] = &[
    (&["apk"], &["--allow-untrusted"]),
    (&["apt", "apt-get"], &["--allow-unauthenticated", "--allow-insecure-repositories", "--force-yes"]),
    (&["dnf", "microdnf", "tdnf", "yum"], &["--nogpgcheck", "--no-gpgchecks"]),
    (&["zypper"], &["--no-gpg-checks", "--allow-unsigned-rpm"]),
];

/// Build steps that installed packages without a look at their signature.
fn steps(image: &Inventory) -> Findings {
    let mut findings = Findings::new();
    let Some(config) = &image.config else { return findings };
    let makers = config.history_of_layers(image.layers.len());
    for (index, entry) in (0u32..).zip(&config.history) {
        let step = entry.instruction();
        let Some(command) = step.strip_prefix("RUN ") else { continue };
        let Some((manager, option)) = bypass(command) else { continue };
        let layer = (0u32..).zip(&makers).find(|(_, maker)| **maker == Some(index)).map(|(layer, _)| layer);
        let location = Location::History { index, layer, key: "created_by".into() };
        let message = format!("step {index} runs `{manager}` with `{option}`");
        let mut finding = Finding::new(&UNSIGNED_SOURCE, format!("{manager} {option}"), location, message);
        finding.matter = layer.map(|layer| step_of(image, layer)).unwrap_or_default();
        let origin = layer.and_then(|layer| image.layers.get(layer as usize)).map(|layer| layer.origin);
        finding.severity = if origin == Some(Origin::Base) { Severity::Info } else { Severity::Low };
        finding.confidence = Confidence::Medium; // the history is what the builder says
        findings.push(finding);
    }
    findings
}

/// The manager and the option of the first command that has one.
fn bypass(command: &str) -> Option<(&'static str, &'static str)> {
    command.split([';', '&', '|', '\n']).find_map(|part| {
        let mut words = part.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
        let (manager, options) = words.find_map(|word| {
            let (managers, options) = BYPASSES.iter().find(|(managers, _)| managers.contains(&word))?;
            Some((managers.iter().find(|manager| **manager == word)?, options))
        })?;
        words.find_map(|word| options.iter().find(|option| **option == word)).map(|option| (*manager, *option))
    })
}

fn is_yes(value: &str) -> bool {
    ["1", "yes", "true", "on", "with", "enable"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

fn is_no(value: &str) -> bool {
    ["0", "no", "false", "off"].iter().any(|no| value.eq_ignore_ascii_case(no))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{settings, shown};
    use super::*;
    use crate::inventory::Inventory;

    fn judged(path: &str, text: &str) -> Vec<String> {
        let settings = vec![settings(path, text)];
        let found = shown(&PackageSource, &Inventory { settings, ..Inventory::default() });
        found
            .into_iter()
            .map(|found| found.split(": ").last().unwrap_or_default().replace(&format!("`/{path}` "), ""))
            .collect()
    }

    #[test]
    fn steps_that_let_unsigned_packages_in_are_told() {
        let cases = [
            ("apk add --no-cache --allow-untrusted ./x.apk", "`apk` with `--allow-untrusted`"),
            (
                "apt-get update && apt-get install -y --allow-unauthenticated x",
                "`apt-get` with `--allow-unauthenticated`",
            ),
            ("/usr/bin/dnf -y --nogpgcheck install x", "`dnf` with `--nogpgcheck`"),
            ("apk add x && echo --allow-untrusted", ""),
            ("echo --allow-untrusted; apk add x", ""),
        ];
        for (command, expected) in cases {
            let history = format!(r#"{{"history":[{{"created_by":"RUN /bin/sh -c {command}"}}]}}"#);
            let found = shown(&PackageSource, &super::super::testing::image(&history)).concat();
            let expected = if expected.is_empty() {
                String::new()
            } else {
                format!("low image/unsigned-source history 0 created_by: step 0 runs {expected}")
            };
            assert_eq!(found, expected, "{command}");
        }
    }

    #[test]
    fn sources_are_read_as_their_managers_do() {
        let plain = "takes packages from `x.example` without encryption";
        let cases: &[(&str, &str, &[&str])] = &[
            ("etc/apt/sources.list", "deb http://deb.debian.org/debian bookworm main", &[]),
            ("etc/apt/sources.list", "deb https://x.example/ a main", &[]),
            ("etc/apt/sources.list", "deb http://x.example/ a main", &[plain]),
            ("etc/apt/sources.list", "deb http://me:word@x.example:80/ a main", &[plain]),
            (
                "etc/apt/sources.list",
                "deb http://notdebian.org/ a main",
                &["takes packages from `notdebian.org` without encryption"],
            ),
            ("etc/apt/sources.list", "deb [arch=amd64 trusted=yes] https://x.example/ a main", &["says `trusted=yes`"]),
            ("etc/apt/sources.list", "deb [trusted=no] https://x.example/ a main", &[]),
            ("etc/apt/sources.list.d/x.sources", "Types: deb\nURIs: http://x.example/\nTrusted: yes", &[plain, "yes`"]),
            ("etc/apt/sources.list.d/x.sources", "Types: deb\nEnabled: no\nTrusted: yes", &[]),
            (
                "etc/apt/sources.list.d/x.sources",
                "Types: deb\nEnabled: no\nTrusted: yes\n\nTypes: deb\nURIs: http://x.example/\n\nEnabled: no\nTrusted: yes",
                &[plain],
            ),
            (
                "etc/apt/sources.list.d/x.sources",
                "URIs: https://y.example/\n http://x.example/\nSuites: a\n http://z.example/\nTrusted: yes",
                &[plain, "yes`"],
            ),
            ("etc/apt/sources.list.d/x.sources", "URIs:\n\thttp://x.example/", &[plain]),
            ("etc/apt/sources.list", "deb mirror+http://x.example/list a main", &[plain]),
            ("etc/apt/sources.list", "deb mirror+https://x.example/list a main", &[]),
            (
                "etc/yum.repos.d/x.repo",
                "[a]\nbaseurl=https://y.example/\n  http://x.example/?a=b\ngpgcheck=0\nname=a\n http://z.example/",
                &[plain, "says `gpgcheck=0`"],
            ),
            ("etc/yum.repos.d/x.repo", " [a]\n baseurl=http://x.example/\n gpgcheck=0", &[plain, "says `gpgcheck=0`"]),
            ("etc/apt/apt.conf.d/99x", "APT::Get::AllowUnauthenticated \"true\";", &["AllowUnauthenticated \"true\"`"]),
            (
                "etc/apt/apt.conf",
                "APT { Get { AllowUnauthenticated \"true\"; }; };",
                &["says `AllowUnauthenticated \"true\"`"],
            ),
            ("etc/apt/apt.conf", "Acquire::AllowInsecureRepositories \"false\";", &[]),
            (
                "etc/yum.repos.d/x.repo",
                "[a]\nbaseurl=http://x.example/\ngpgcheck=0\n[b]\nenabled=0\ngpgcheck=0",
                &[plain, "says `gpgcheck=0`"],
            ),
            (
                "etc/yum.repos.d/x.repo",
                "[a]\nbaseurl = http://mirror.centos.org/x\ngpgcheck=1\nsslverify = False",
                &["says `sslverify=False`"],
            ),
            (
                "etc/apk/repositories",
                "http://dl-cdn.alpinelinux.org/a\n@own http://x.example/a\nhttps://dl-cdn.alpinelinux.org/b",
                &["takes packages, which are signed, from `dl-cdn.alpinelinux.org` without encryption", plain],
            ),
            ("etc/sudoers", "gpgcheck=0", &[]),
            ("etc/pacman.conf", "[options]\nSigLevel = Required DatabaseOptional\nLocalFileSigLevel = Optional", &[]),
            (
                "etc/pacman.conf",
                "[own]\nSigLevel = Optional TrustAll\nServer = http://x.example/$arch",
                &["says `SigLevel = TrustAll`", plain],
            ),
            ("etc/pip.conf", "[global]\nindex-url = http://me:word@x.example/simple", &[plain]),
            ("etc/pip.conf", "[global]\nextra-index-url =\n  https://y.example/\n  http://x.example/", &[plain]),
            ("etc/pip.conf", "[global]\nproxy = http://x.example/", &[]),
            ("root/.npmrc", "registry=http://x.example/\n", &[plain]),
            ("root/.npmrc", "@own:registry=http://x.example/", &[plain]),
            ("root/.npmrc", "registry=https://x.example/\nproxy=http://x.example/", &[]),
            ("a/node_modules/b/.npmrc", "registry=http://x.example/", &[]),
            ("root/.gemrc", ":sources:\n- http://x.example/\n- https://y.example/\n:verbose: true", &[plain]),
            ("root/.condarc", "channels:\n  - defaults\n  - http://x.example/a", &[plain]),
            ("root/.yarnrc", "registry \"http://x.example/\"", &[plain]),
            ("app/.yarnrc.yml", "npmRegistryServer: \"http://x.example/\"", &[plain]),
        ];
        for (path, text, expected) in cases {
            let found = judged(path, text);
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            let fits =
                found.len() == expected.len() && found.iter().zip(*expected).all(|(found, end)| found.ends_with(end));
            assert!(fits, "{path}: {text}: {found:?}");
        }
    }
}
