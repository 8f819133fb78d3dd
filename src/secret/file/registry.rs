//! Credentials for registries of packages.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::lines::{EQUALS, INI};
use super::setting::{Setting, looks_set};
use super::xml::{self, Met};
use super::{FileFormat, Reader, hit, pair_hit};
use crate::format::base64;

/// `.bundle/config` ("bundle config", Bundler): `BUNDLE_GEMS__ACME__IO: "user:password"`.
pub(super) static BUNDLE: FileFormat = FileFormat {
    names: &["config", ".bundle", "bundle.config"],
    holds: &["BUNDLE_"],
    read: |reader| {
        let bytes = reader.bytes;
        super::yaml::read(bytes, &mut |setting| {
            let key = setting.key();
            if !key.starts_with(b"BUNDLE_") {
                return;
            }
            let is_host = memchr::memmem::find(key, b"__").is_some();
            if let Some(colon) = memchr::memchr(b':', setting.value).filter(|_| is_host) {
                let start = setting.span.start.saturating_add(colon).saturating_add(1);
                let is_address =
                    setting.value.get(colon.saturating_add(1)..).is_some_and(|rest| rest.starts_with(b"//"));
                if !is_address {
                    reader.add(setting.path, start..setting.span.end, hit("bundler-credentials"));
                }
            } else if is_host
                && setting.value.len() >= 16
                && !setting.value.contains(&b'/')
                && !setting.value.contains(&b' ')
            {
                let has_digit = setting.value.iter().any(u8::is_ascii_digit);
                if has_digit {
                    reader.add(setting.path, setting.span.clone(), hit("bundler-credentials"));
                }
            }
        });
    },
};

/// `~/.cargo/credentials.toml` ("Configuration", Cargo).
pub(super) static CARGO: FileFormat = FileFormat {
    names: &["credentials.toml", "credentials", "config.toml"],
    holds: &[],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            let is_token = setting.key_is(&["token", "secret-key"])
                && (setting.section_begins("registry") || setting.section_begins("registries"));
            is_token.then(|| hit("cargo-credentials-token"))
        });
    },
};

/// `auth.json` of Composer ("Authentication for privately hosted packages and repositories", Composer).
pub(super) static COMPOSER: FileFormat = FileFormat {
    names: &["auth.json", "composer.json", "config.json"],
    holds: &["\"http-basic\""],
    read: |reader| {
        reader.json(|setting| {
            let rule = "composer-auth";
            match setting.key() {
                b"password" if setting.is_under("http-basic") || setting.is_under("http-digest") => Some(hit(rule)),
                b"token" | b"consumer-secret"
                    if setting.is_under("gitlab-token") || setting.is_under("bitbucket-oauth") =>
                {
                    Some(hit(rule))
                }
                _ => {
                    let of_host = ["github-oauth", "gitlab-oauth", "gitlab-token", "bearer"];
                    of_host.iter().any(|name| setting.above(1) == name.as_bytes()).then(|| hit(rule))
                }
            }
        });
    },
};

/// `~/.gem/credentials` ("gem push", `RubyGems`).
pub(super) static GEM: FileFormat = FileFormat {
    names: &["credentials", "gem_credentials", ".gemrc", "gemrc"],
    holds: &["rubygems_api_key:"],
    read: |reader| {
        reader.yaml(|setting| {
            let key = setting.key();
            // `:rubygems_api_key: …`, and keys by the names `gem push --key` takes
            let is_key = key.ends_with(b"api_key") || key.starts_with(b"http") || key.starts_with(b":");
            let is_random = looks_set(setting.value, false) && setting.value.len() >= 16;
            (is_key && is_random && setting.path.len() == 1).then(|| hit("gem-credentials-key"))
        });
    },
};

/// `.npmrc` (".npmrc", npm).
pub(super) static NPM: FileFormat = FileFormat {
    names: &[".npmrc", "npmrc", "*.npmrc", "npmrc*", ".pnpmrc"],
    holds: &[],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            let name = setting.key().rsplit(|b| *b == b':').next().unwrap_or_default();
            match name {
                b"_authToken" | b"_authtoken" => (setting.value.len() >= 20).then(|| hit("npmrc-auth-token")),
                b"_auth" => pair_hit("npmrc-auth", setting.value),
                b"_password" => {
                    let decoded = base64::decode(setting.value).filter(|text| text.iter().all(u8::is_ascii_graphic));
                    let hit = hit("npmrc-password");
                    Some(match decoded {
                        Some(decoded) if !decoded.is_empty() => hit.note("in base64").decoded(decoded),
                        _ => hit,
                    })
                }
                _ => None,
            }
        });
    },
};

/// `NuGet.Config` ("nuget.config reference", `NuGet`): plain, or sealed by the machine that wrote it.
pub(super) static NUGET: FileFormat = FileFormat {
    names: &["nuget.config", "nuget.*.config"],
    holds: &["<packageSourceCredentials>"],
    read: |reader| {
        let bytes = reader.bytes;
        xml::read(bytes, &mut |met| {
            let Met::Start(path, attributes) = met else { return };
            let (Some(key), Some(value)) = (xml::attribute(attributes, "key"), xml::attribute(attributes, "value"))
            else {
                return;
            };
            let name = bytes.get(key).unwrap_or_default();
            let is_under = |element: &str| path.iter().any(|name| name.eq_ignore_ascii_case(element.as_bytes()));
            if is_under("apikeys") {
                let sealed = hit("nuget-config-password").low().note("sealed by the machine that wrote it");
                reader.add(&[b"apikeys"], value, sealed);
            } else if is_under("packageSourceCredentials") || is_under("config") {
                if name.eq_ignore_ascii_case(b"ClearTextPassword") {
                    reader.add(&[name], value, hit("nuget-config-password"));
                } else if name.eq_ignore_ascii_case(b"Password") || name.eq_ignore_ascii_case(b"http_proxy.password") {
                    let sealed = hit("nuget-config-password").low().note("sealed by the machine that wrote it");
                    reader.add(&[name], value, sealed);
                }
            }
        });
    },
};

/// The password of a URL in a value: `https://user:password@host`, or a token alone before the host.
pub(super) fn userinfo(reader: &mut Reader<'_>, path: &[&[u8]], span: &Range<usize>, rule: &'static str) {
    let text = reader.at(span);
    for scheme in memchr::memmem::find_iter(text, b"://").take(16) {
        let start = scheme.saturating_add(3);
        let rest = text.get(start..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'"' | b'\'' | b'?' | b','))
            .unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        let Some(at) = memchr::memrchr(b'@', authority) else { continue };
        let user = authority.get(..at).unwrap_or_default();
        let colon = memchr::memchr(b':', user);
        let password = colon.map_or(0, |colon| colon.saturating_add(1));
        // `git@host` and `user@host` tell no secret; a token alone is long
        if colon.is_none() && user.len() < 20 {
            continue;
        }
        let (password, end) = match colon {
            // `token:x-oauth-basic@host`
            Some(colon) if matches!(user.get(password..), Some(b"" | b"x-oauth-basic" | b"x")) && colon >= 20 => {
                (0, colon)
            }
            _ => (password, user.len()),
        };
        let from = span.start.saturating_add(start);
        reader.add(path, from.saturating_add(password)..from.saturating_add(end), hit(rule));
    }
}

/// `pip.conf` ("Configuration", pip), `uv.toml` and `requirements.txt`: addresses of indexes with credentials.
pub(super) static PIP: FileFormat = FileFormat {
    names: &[
        "pip.conf",
        "pip.ini",
        ".pip.conf",
        "uv.toml",
        "pydistutils.cfg",
        ".pydistutils.cfg",
        "pipfile",
        "requirements*.txt",
        ".condarc",
        "condarc",
    ],
    holds: &["[global]", "index-url"],
    read: |reader| {
        for line in super::lines::each(reader.bytes) {
            let text = reader.at(&line);
            if !text.starts_with(b"#") && memchr::memchr(b'@', text).is_some() {
                userinfo(reader, &[b"index-url"], &line, "pip-index-credentials");
            }
        }
    },
};

/// `auth.toml` of Poetry ("Repositories", Poetry).
pub(super) static POETRY: FileFormat = FileFormat {
    names: &["auth.toml"],
    holds: &[],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            let is_basic = setting.section_begins("http-basic") && setting.key_is(&["password"]);
            (is_basic || setting.section_begins("pypi-token")).then(|| hit("poetry-credentials"))
        });
    },
};

/// `.pypirc` ("The .pypirc file", Python Packaging User Guide).
pub(super) static PYPI: FileFormat = FileFormat {
    names: &[".pypirc", "pypirc"],
    holds: &["[distutils]", "index-servers"],
    read: |reader| {
        reader.lines(INI, |setting: &Setting<'_>| setting.key_is(&["password"]).then(|| hit("pypirc-password")));
    },
};

/// `.yarnrc.yml` ("Configuration options", Yarn).
pub(super) static YARN: FileFormat = FileFormat {
    names: &[".yarnrc.yml", ".yarnrc.yaml", ".yarnrc"],
    holds: &[],
    read: |reader| {
        reader.yaml(|setting| {
            if setting.key_is(&["npmAuthToken"]) {
                Some(hit("yarnrc-auth-token"))
            } else if setting.key_is(&["npmAuthIdent"]) {
                let decoded = base64::decode(setting.value).filter(|pair| pair.contains(&b':'));
                let hit = hit("yarnrc-auth-token");
                let is_plain = setting.value.contains(&b':');
                match decoded {
                    Some(pair) if !is_plain => Some(hit.note("in base64").decoded(pair)),
                    _ => is_plain.then_some(hit),
                }
            } else {
                None
            }
        });
    },
};
