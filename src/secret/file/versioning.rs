//! Credentials of version control and of the services around it.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::lines::{self, EQUALS};
use super::registry::userinfo;
use super::setting::is_password_key;
use super::{FileFormat, hit, pair_hit};
use crate::format::base64;

/// `.git/config` and `.gitconfig` (git-config(1)): credentials in addresses and in `http.extraHeader`.
pub(super) static GIT_CONFIG: FileFormat = FileFormat {
    names: &["config", ".gitconfig", "gitconfig", ".gitmodules", "fetch_head"],
    holds: &[],
    read: |reader| {
        let bytes = reader.bytes;
        let is_git = reader.name != b"config" || ["[core]", "[remote ", "[url "].iter().any(|text| reader.holds(text));
        if !is_git {
            return;
        }
        for line in lines::each(bytes) {
            let text = reader.at(&line);
            if memchr::memchr(b'@', text).is_some() && memchr::memmem::find(text, b"://").is_some() {
                userinfo(reader, &[b"url"], &line, "git-config-credentials");
            }
        }
        lines::read(bytes, EQUALS, &mut |setting| {
            if !setting.key_is(&["extraheader"]) {
                return;
            }
            let words = lines::words(bytes, setting.span.clone());
            let Some(last) = words.last().filter(|_| words.len() > 1) else { return };
            let text = reader.at(last);
            let rule = "git-config-credentials";
            let found = match pair_hit(rule, text) {
                Some(pair) => pair.note("in base64"),
                None if base64::decode(text).is_some_and(|text| text.contains(&b':')) => return,
                None => hit(rule),
            };
            reader.add(setting.path, last.clone(), found);
        });
    },
};

/// `.git-credentials` (git-credential-store(1)): one address a line.
pub(super) static GIT_CREDENTIALS: FileFormat = FileFormat {
    names: &[".git-credentials", "git-credentials", "*.git-credentials"],
    holds: &[],
    read: |reader| {
        let all = 0..reader.bytes.len();
        for line in lines::each(reader.at(&all)) {
            userinfo(reader, &[], &line, "git-stored-credentials");
        }
    },
};

/// `hosts.yml` of `gh`, and `hub`'s file: `oauth_token` under the host ("gh auth login", GitHub CLI).
pub(super) static GITHUB: FileFormat = FileFormat {
    names: &["hosts.yml", "hub", "hosts.yaml"],
    holds: &["oauth_token:"],
    read: |reader| {
        let is_named = reader.is_named;
        reader.yaml(move |setting| {
            let value = setting.value;
            let is_token =
                is_named || value.starts_with(b"gh") || value.len() == 40 && value.iter().all(u8::is_ascii_hexdigit);
            (setting.key_is(&["oauth_token"]) && is_token && value.len() >= 20).then(|| hit("github-cli-token"))
        });
    },
};

/// `config.yml` of `glab`: `token` under `hosts` ("Configuration", GitLab CLI); `config.toml` of a runner.
pub(super) static GITLAB: FileFormat = FileFormat {
    names: &["config.yml", "config.yaml", "config.toml"],
    holds: &[],
    read: |reader| {
        if reader.name.ends_with(b".toml") {
            if reader.holds("[[runners]]") {
                reader.lines(EQUALS, |setting| setting.key_is(&["token"]).then(|| hit("gitlab-runner-config-token")));
            }
            return;
        }
        if reader.holds("api_protocol") || reader.holds("git_protocol") {
            reader.yaml(|setting| {
                (setting.key_is(&["token"]) && setting.is_under("hosts")).then(|| hit("gitlab-cli-token"))
            });
        }
    },
};

/// `.hgrc` (hgrc(5)): `[auth]`, addresses in `[paths]`.
pub(super) static MERCURIAL: FileFormat = FileFormat {
    names: &[".hgrc", "hgrc", "mercurial.ini"],
    holds: &[],
    read: |reader| {
        let bytes = reader.bytes;
        lines::read(bytes, EQUALS, &mut |setting| {
            if setting.section_begins("auth") && setting.key_ends(&[".password"]) || setting.key_is(&["smtp.password"])
            {
                reader.add(setting.path, setting.span.clone(), hit("mercurial-password"));
            } else if setting.section_begins("paths") {
                userinfo(reader, setting.path, &setting.span, "mercurial-password");
            }
        });
    },
};

/// `~/.subversion/auth/svn.simple/*` ("Client Credentials", Subversion): `K 8`, `password`, `V n`, the password.
pub(super) static SUBVERSION: FileFormat = FileFormat {
    names: &["svnserve.conf", "passwd"],
    holds: &["svn:realmstring", "passtype"],
    read: |reader| {
        let bytes = reader.bytes;
        if reader.holds("svn:realmstring") {
            let lines: Vec<_> = lines::each(bytes).take(200).collect();
            for four in lines.windows(3) {
                let [key, length, value] = four else { continue };
                if reader.at(key) == b"password" && reader.at(length).starts_with(b"V ") {
                    reader.add(&[b"password"], value.clone(), hit("subversion-password"));
                }
            }
        } else if reader.holds("[users]") {
            reader.lines(EQUALS, |setting| {
                (setting.section_begins("users") || is_password_key(setting.key())).then(|| hit("subversion-password"))
            });
        }
    },
};
