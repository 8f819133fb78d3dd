//! Credentials in the settings of servers.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::lines::{self, EQUALS, INI, LOOSE, WORDS};
use super::setting::{Setting, is_password_key};
use super::{FileFormat, Reader, hit};

/// Users of Traefik and Caddy: `user:$2y$…`, as their settings list them ("`BasicAuth`", Traefik; "`basic_auth`", Caddy).
pub(super) static BASIC_AUTH: FileFormat = FileFormat {
    names: &["caddyfile", "traefik*.yml", "traefik*.yaml", "traefik*.toml", "dynamic*.yml", "dynamic*.toml"],
    holds: &["basicAuth:"],
    read: |reader| {
        for line in lines::each(reader.bytes) {
            let text = reader.at(&line);
            for start in ["$2y$", "$2a$", "$2b$", "$apr1$", "$argon2id$"] {
                let Some(at) = memchr::memmem::find(text, start.as_bytes()) else { continue };
                let rest = text.get(at..).unwrap_or_default();
                let length = rest
                    .iter()
                    .position(|b| !(b.is_ascii_alphanumeric() || b"$./+=,".contains(b)))
                    .unwrap_or(rest.len());
                if length >= 28 {
                    let from = line.start.saturating_add(at);
                    reader.add(&[], from..from.saturating_add(length), hit("password-hash").low());
                }
            }
        }
    },
};

/// `grafana.ini` ("Configure Grafana").
pub(super) static GRAFANA: FileFormat = FileFormat {
    names: &["grafana.ini", "grafana*.ini", "ldap.toml"],
    holds: &["[security]", "admin_user"],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            let is_secret = is_password_key(setting.key())
                || setting.key_is(&["secret_key", "admin_password", "client_secret", "bind_password"]);
            // what a new installation has
            (is_secret && setting.value != b"SW2YcwTIb9zpOOhoPsMm").then(|| hit("grafana-config-secret"))
        });
    },
};

/// `.htpasswd` ("Password Formats", Apache HTTP Server): MD5, bcrypt, crypt, SHA-1.
pub(super) static HTPASSWD: FileFormat = FileFormat {
    names: &[".htpasswd*", "htpasswd*", "*.htpasswd", ".htdigest", "passwd.http", "nginx.passwd"],
    holds: &[],
    read: |reader| {
        for line in lines::each(reader.bytes) {
            let text = reader.at(&line);
            if text.starts_with(b"#") {
                continue;
            }
            let Some(colon) = memchr::memchr(b':', text) else { continue };
            let hash = text.get(colon.saturating_add(1)..).unwrap_or_default();
            let crypt = hash.len() == 13 && hash.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/'));
            let digest = hash.len() > 32
                && hash
                    .rsplit(|b| *b == b':')
                    .next()
                    .is_some_and(|end| end.len() == 32 && end.iter().all(u8::is_ascii_hexdigit));
            let is_hash = hash.starts_with(b"$") && hash.len() >= 24
                || hash.starts_with(b"{SHA")
                || hash.starts_with(b"{SSHA")
                || crypt
                || digest;
            if is_hash {
                let start = line.end.saturating_sub(hash.len());
                let first = hash
                    .iter()
                    .position(|b| *b == b':')
                    .map_or(hash.len(), |end| if digest { hash.len() } else { end });
                reader.add(
                    &[],
                    start..start.saturating_add(first),
                    hit("password-hash").note("a hash, to be guessed offline"),
                );
            }
        }
    },
};

/// `OpenLDAP`, nslcd, libnss-ldap ("ldap.conf", "slapd.conf", "nslcd.conf"): `bindpw`, `rootpw`; `olcRootPW` in LDIF.
pub(super) static LDAP: FileFormat = FileFormat {
    names: &[
        "ldap.conf",
        "nslcd.conf",
        "slapd.conf",
        "libnss-ldap.conf",
        "pam_ldap.conf",
        "ldap.secret",
        ".ldaprc",
        "ldaprc",
        "*.ldif",
        "autofs_ldap_auth.conf",
        "*ldap.conf",
        "ldap*.conf",
    ],
    holds: &["bindpw"],
    read: |reader| {
        if reader.name == b"ldap.secret" {
            let span = reader.trimmed();
            reader.add(&[], span, hit("ldap-bind-password"));
            return;
        }
        reader.lines(LOOSE, |setting| {
            let names = [
                "bindpw",
                "rootpw",
                "rootbindpw",
                "rootpwmodpw",
                "olcRootPW",
                "ldap_bind_password",
                "AuthLDAPBindPassword",
                "olcDbBindPW",
                "credentials",
                "admin_pw",
            ];
            if !setting.key_is(&names) {
                return None;
            }
            let is_hash = setting.value.starts_with(b"{")
                && setting.value.contains(&b'}')
                && !setting.value.starts_with(b"{CLEARTEXT}");
            if is_hash {
                let end = setting.value.iter().position(|b| *b == b'}')?;
                let digits = setting.value.get(end.checked_add(1)?..)?.to_vec();
                let is_template = setting.value.starts_with(b"{{");
                return (!is_template && digits.len() >= 8)
                    .then(|| hit("ldap-bind-password").low().note("a hash").decoded(digits));
            }
            Some(hit("ldap-bind-password"))
        });
    },
};

/// Password files of Mosquitto (`mosquitto_passwd(1)`), and bridges in `mosquitto.conf`.
pub(super) static MOSQUITTO: FileFormat = FileFormat {
    names: &[
        "mosquitto.conf",
        "passwordfile",
        "mosquitto*passwd",
        "mosquitto_passwd*",
        "passwd",
        "pwfile",
        "mosquitto*.conf",
    ],
    holds: &[":$7$"],
    read: |reader| {
        for line in lines::each(reader.bytes) {
            let text = reader.at(&line);
            let Some(colon) = memchr::memchr(b':', text) else { continue };
            let hash = text.get(colon.saturating_add(1)..).unwrap_or_default();
            if (hash.starts_with(b"$6$") || hash.starts_with(b"$7$")) && hash.len() > 40 {
                let start = line.end.saturating_sub(hash.len());
                reader.add(&[], start..line.end, hit("password-hash").note("a hash, to be guessed offline"));
            }
        }
        reader.lines(WORDS, |setting| {
            setting.key_is(&["remote_password", "bridge_psk", "password"]).then(|| hit("mosquitto-password"))
        });
    },
};

/// `rabbitmq.conf` ("Configuration", `RabbitMQ`).
pub(super) static RABBITMQ: FileFormat = FileFormat {
    names: &["rabbitmq.conf", "rabbitmq*.conf", ".erlang.cookie"],
    holds: &[],
    read: |reader| {
        if reader.name == b".erlang.cookie" {
            let span = reader.trimmed();
            if reader.at(&span).len() >= 12 {
                reader.add(&[], span, hit("erlang-cookie"));
            }
            return;
        }
        reader.lines(EQUALS, |setting| {
            let key = setting.key();
            (key.starts_with(b"default_pass") || is_password_key(key)).then(|| hit("rabbitmq-password"))
        });
    },
};

/// `definitions.json` ("Schema Definition Export and Import", `RabbitMQ`).
pub(super) static RABBITMQ_DEFINITIONS: FileFormat = FileFormat {
    names: &["definitions.json", "rabbit*.json"],
    holds: &["\"rabbit_version\""],
    read: |reader| {
        reader.json(|setting| match setting.key() {
            b"password_hash" if setting.is_under("users") => {
                (setting.value.len() >= 24).then(|| hit("rabbitmq-password").low().note("a hash"))
            }
            b"password" if setting.is_under("users") => Some(hit("rabbitmq-password")),
            _ => None,
        });
    },
};

/// `redis.conf` ("Redis configuration"): `requirepass`, `masterauth`, users.
pub(super) static REDIS: FileFormat = FileFormat {
    names: &["redis*.conf", "sentinel*.conf", "valkey*.conf", "users.acl", "keydb*.conf"],
    holds: &["requirepass "],
    read: |reader| {
        let bytes = reader.bytes;
        for line in lines::each(bytes) {
            let words = lines::words(bytes, line);
            let at = |index: usize| words.get(index).map_or(&b""[..], |span| reader.at(span));
            let keyword = at(0).to_ascii_lowercase();
            match keyword.as_slice() {
                b"requirepass" | b"masterauth" | b"tls-key-file-pass" | b"primaryauth" => {
                    if let Some(value) = words.get(1).cloned() {
                        reader.add(&[&keyword], value, hit("redis-password"));
                    }
                }
                b"sentinel" if matches!(at(1), b"auth-pass" | b"sentinel-pass") => {
                    if let Some(value) = words.last().filter(|_| words.len() > 2).cloned() {
                        reader.add(&[b"auth-pass"], value, hit("redis-password"));
                    }
                }
                // `user app on >password ~* +@all`; `#` begins a SHA-256 instead
                b"user" => {
                    for word in words.iter().skip(2) {
                        let text = reader.at(word);
                        if let Some(password) = text.strip_prefix(b">") {
                            reader.add(
                                &[b"user"],
                                word.end.saturating_sub(password.len())..word.end,
                                hit("redis-password"),
                            );
                        } else if text.len() == 65 && text.starts_with(b"#") {
                            reader.add(
                                &[b"user"],
                                word.start.saturating_add(1)..word.end,
                                hit("redis-password").low().note("a hash"),
                            );
                        }
                    }
                }
                _ => {}
            }
        }
    },
};

/// `/etc/shadow` (shadow(5)): a hash, where neither `*` nor `!` stands.
pub(super) static SHADOW: FileFormat = FileFormat {
    names: &["shadow", "shadow-", "gshadow", "gshadow-", "shadow.*", "*.shadow", "master.passwd", "smbpasswd"],
    holds: &["root:$"],
    read: |reader: &mut Reader<'_>| {
        for line in lines::each(reader.bytes) {
            let text = reader.at(&line);
            let Some(colon) = memchr::memchr(b':', text) else { continue };
            let start = colon.saturating_add(1);
            let rest = text.get(start..).unwrap_or_default();
            let Some(length) = memchr::memchr(b':', rest) else { continue };
            let mut field = rest.get(..length).unwrap_or_default();
            // a hash behind `!` is locked, but can be guessed all the same
            let is_locked = field.starts_with(b"!");
            field = field.strip_prefix(b"!").unwrap_or(field);
            field = field.strip_prefix(b"!").unwrap_or(field);
            let is_des =
                field.len() == 13 && field.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/'));
            if !(field.starts_with(b"$") && field.len() >= 20 || is_des) {
                continue;
            }
            let end = line.start.saturating_add(start).saturating_add(length);
            let found = hit("password-hash").note("a hash, to be guessed offline");
            let found = if is_locked { found.note("the account is locked") } else { found };
            reader.add(&[], end.saturating_sub(field.len())..end, found);
        }
    },
};

/// `sssd.conf` (sssd-ldap(5)).
pub(super) static SSSD: FileFormat = FileFormat {
    names: &["sssd.conf", "sssd*.conf"],
    holds: &["[sssd]"],
    read: |reader| {
        reader.lines(INI, |setting: &Setting<'_>| {
            if setting.key_is(&["ldap_default_authtok"]) { Some(hit("ldap-bind-password")) } else { None }
        });
    },
};
