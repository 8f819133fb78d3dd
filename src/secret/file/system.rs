//! Credentials of what a system runs and mounts: daemons, virtual networks, shares, brokers.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::lines::{self, EQUALS, WORDS};
use super::setting::{is_password_key, is_secret_key, looks_set};
use super::{FileFormat, Hit, Reader, hit};
use crate::secret::entropy;

/// Meets the words of each line that is no comment.
fn each_line(reader: &mut Reader<'_>, meet: impl Fn(&mut Reader<'_>, &[Range<usize>])) {
    let bytes = reader.bytes;
    for line in lines::each(bytes).filter(|line| line.len() <= LINE) {
        if !matches!(bytes.get(line.start), Some(b'#' | b';')) {
            let words = lines::words(bytes, line);
            meet(reader, &words);
        }
    }
}

/// Longest line looked at, in bytes.
const LINE: usize = 4 << 10;

/// The part of `span` behind the first `skip` bytes.
fn behind(span: &Range<usize>, skip: usize) -> Range<usize> {
    span.start.saturating_add(skip).min(span.end)..span.end
}

/// `fstab` and maps of autofs (mount.cifs(8), autofs(5)): options `password=` and `pass=`.
pub(super) static MOUNTS: FileFormat = FileFormat {
    names: &["fstab", "auto.*", "auto_*"],
    holds: &[],
    read: |reader| {
        each_line(reader, |reader, words| {
            for word in words {
                let mut at = word.start;
                for option in reader.at(word).split(|b| *b == b',') {
                    let end = at.saturating_add(option.len());
                    if let Some(value) = option.strip_prefix(b"password=").or_else(|| option.strip_prefix(b"pass=")) {
                        reader.add(&[b"password"], end.saturating_sub(value.len())..end, hit("mount-password"));
                    }
                    at = end.saturating_add(1);
                }
            }
        });
    },
};

/// `/etc/davfs2/secrets` (davfs2(5)): address or folder, user, password.
pub(super) static DAVFS: FileFormat = FileFormat {
    names: &["secrets"],
    holds: &[],
    read: |reader| {
        each_line(reader, |reader, words| {
            let [place, _, password] = words else { return };
            if matches!(reader.at(place).first(), Some(b'/' | b'h')) && reader.is_in("davfs2")
                || reader.at(place).starts_with(b"http")
            {
                reader.add(&[b"password"], password.clone(), hit("mount-password"));
            }
        });
    },
};

/// Secrets of dialled and of virtual networks: `chap-secrets` (pppd(8)), `ipsec.secrets` (ipsec.secrets(5)), vpnc.
pub(super) static TUNNELS: FileFormat = FileFormat {
    names: &["chap-secrets", "pap-secrets", "ipsec*.secrets", "vpnc*.conf", "default.conf"],
    holds: &[],
    read: |reader| {
        let rule = "tunnel-secret";
        let is_dialled = reader.name.ends_with(b"ap-secrets");
        each_line(reader, |reader, words| {
            if is_dialled {
                if let [_, _, secret, ..] = words {
                    reader.add(&[b"secret"], secret.clone(), hit(rule));
                }
                return;
            }
            for pair in words.windows(3) {
                let [first, second, third] = pair else { continue };
                let (sign, kind) = (reader.at(first), reader.at(second));
                let is_ipsec = sign.ends_with(b":") && matches!(kind, b"PSK" | b"XAUTH" | b"EAP" | b"NTLM");
                let is_vpnc = matches!((sign, kind), (b"IPSec", b"secret") | (b"Xauth", b"password"));
                if is_ipsec || is_vpnc {
                    reader.add(&[kind], third.clone(), hit(rule));
                }
            }
        });
    },
};

/// `snmpd.conf` and `snmp.conf` (snmpd.conf(5)): phrases of users, communities that are no common ones.
pub(super) static SNMP: FileFormat = FileFormat {
    names: &["snmp*.conf"],
    holds: &[],
    read: |reader| {
        each_line(reader, |reader, words| {
            let Some(keyword) = words.first().map(|word| reader.at(word)) else { return };
            if keyword.eq_ignore_ascii_case(b"createUser") {
                for pair in words.windows(2).skip(1) {
                    let [kind, phrase] = pair else { continue };
                    let kind = reader.at(kind);
                    let is_kind = kind.starts_with(b"SHA") || kind.starts_with(b"AES");
                    if is_kind || matches!(kind, b"MD5" | b"DES") {
                        reader.add(&[keyword, kind], phrase.clone(), hit("daemon-password"));
                    }
                }
            } else if let [_, value, ..] = words {
                let is_phrase = keyword.to_ascii_lowercase().ends_with(b"passphrase");
                let is_community =
                    matches!(keyword, b"rocommunity" | b"rwcommunity" | b"rocommunity6" | b"rwcommunity6");
                if is_phrase || is_community && looks_set(reader.at(value), true) {
                    reader.add(&[keyword], value.clone(), hit("daemon-password"));
                }
            }
        });
    },
};

/// Users of mail servers: `passwd.client` of Exim (host, user and password by colons), passwd files of Dovecot.
pub(super) static MAIL_USERS: FileFormat = FileFormat {
    names: &["passwd.client", "users", "dovecot*passwd", "passwd.dovecot"],
    holds: &["{PLAIN}"],
    read: |reader| {
        let bytes = reader.bytes;
        let is_exim = reader.name == b"passwd.client";
        for line in lines::each(bytes).filter(|line| line.len() <= LINE) {
            let text = reader.at(&line);
            if text.starts_with(b"#") {
                continue;
            }
            let plain = [&b"{PLAIN}"[..], b"{CLEARTEXT}", b"{PLAIN-TRUNC}"]
                .iter()
                .find_map(|kind| Some(memchr::memmem::find(text, kind)?.saturating_add(kind.len())));
            if is_exim {
                if let Some(password) = text.splitn(3, |b| *b == b':').nth(2) {
                    let start = line.end.saturating_sub(password.len());
                    reader.add(&[b"password"], start..line.end, hit("daemon-password"));
                }
            } else if let Some(skip) = plain {
                let rest = text.get(skip..).unwrap_or_default();
                let length = memchr::memchr2(b':', b' ', rest).unwrap_or(rest.len());
                let start = line.start.saturating_add(skip);
                reader.add(&[b"password"], start..start.saturating_add(length), hit("daemon-password"));
            }
        }
    },
};

/// `HAProxy` ("userlist", "stats auth"), Squid ("`cache_peer`"), `ProFTPD` ("`SQLConnectInfo`"), Fluentd ("`shared_key`").
pub(super) static SERVERS: FileFormat = FileFormat {
    names: &["haproxy*.cfg", "stats.cfg", "squid*.conf", "proftpd*.conf", "sql.conf", "fluent*.conf", "td-agent*.conf"],
    holds: &[],
    read: |reader| {
        let rule = "daemon-password";
        each_line(reader, |reader, words| {
            for (index, word) in words.iter().enumerate() {
                let Some(next) = words.get(index.saturating_add(1)) else { return };
                match reader.at(word) {
                    b"insecure-password" | b"shared_key" => {
                        reader.add(&[reader.at(word)], next.clone(), hit(rule));
                    }
                    b"auth" if index > 0 => {
                        if let Some(colon) = memchr::memchr(b':', reader.at(next)) {
                            reader.add(&[b"auth"], behind(next, colon.saturating_add(1)), hit(rule));
                        }
                    }
                    b"SQLConnectInfo" => {
                        if let Some(password) = words.get(index.saturating_add(3)) {
                            reader.add(&[b"SQLConnectInfo"], password.clone(), hit(rule));
                        }
                    }
                    b"cache_peer" => {
                        for option in words.iter().skip(index) {
                            let text = reader.at(option);
                            if let (true, Some(colon)) = (text.starts_with(b"login="), memchr::memchr(b':', text)) {
                                reader.add(&[b"login"], behind(option, colon.saturating_add(1)), hit(rule));
                            }
                        }
                    }
                    _ => {}
                }
            }
        });
    },
};

/// `userlist.txt` of `PgBouncer` ("Authentication file format"): name and password in quotes.
pub(super) static PGBOUNCER: FileFormat = FileFormat {
    names: &["userlist.txt", "pgbouncer*.txt"],
    holds: &[],
    read: |reader| {
        each_line(reader, |reader, words| {
            let [_, password] = words else { return };
            let text = reader.at(password);
            let is_hash = text.starts_with(b"SCRAM-SHA-256$") || text.len() == 35 && text.starts_with(b"md5");
            let found = hit("daemon-password");
            let is_quoted = reader.bytes.get(password.end) == Some(&b'"');
            if is_quoted {
                reader.add(&[b"password"], password.clone(), if is_hash { found.low().note("a hash") } else { found });
            }
        });
    },
};

/// Users of Jetty, `ActiveMQ` and their kin ("`HashLoginService`", Jetty): `name: password[, role …]`.
pub(super) static REALMS: FileFormat = FileFormat {
    names: &["*realm.properties", "users.properties", "jmxremote.password", "artemis-users.properties"],
    holds: &[],
    read: |reader| {
        let style = if reader.name.ends_with(b".password") { WORDS } else { lines::INI };
        reader.lines(style, |setting| {
            let found = hit("daemon-password");
            let is_hash = ["MD5:", "CRYPT:", "ENC("].iter().any(|start| setting.value.starts_with(start.as_bytes()));
            match setting.value {
                value if is_hash || value.len() < 5 => None,
                value if value.starts_with(b"OBF:") => Some(found.note("masked in a way that anyone can undo")),
                value => looks_set(value.split(|b| *b == b',').next().unwrap_or_default(), true).then_some(found),
            }
        });
    },
};

/// `local.ini` of `CouchDB` ("Server Administrators"), `resource.cfg` of Nagios ("User macros"), keyrings of Ceph.
pub(super) static MACROS: FileFormat = FileFormat {
    names: &["local.ini", "resource.cfg", "*.keyring"],
    holds: &[],
    read: |reader| {
        let (is_nagios, is_ceph) = (reader.name == b"resource.cfg", reader.name.ends_with(b".keyring"));
        reader.lines(EQUALS, |setting| {
            let value = setting.value;
            let is_wanted = if is_nagios {
                setting.key().starts_with(b"$USER") && looks_set(value, true) && !value.contains(&b'/')
            } else if is_ceph {
                setting.key_is(&["key"]) && value.starts_with(b"AQ") && value.ends_with(b"=") && value.len() == 40
            } else {
                setting.section_begins("admins") && !value.starts_with(b"-")
            };
            is_wanted.then(|| hit("daemon-password"))
        });
    },
};

/// Files that are a secret and nothing else: what orchestrators and `envdir` mount, passwords of Ansible Vault and VNC,
/// the key file of `MongoDB`, user and password of `OpenVPN` on two lines.
pub(super) static ALONE: FileFormat = FileFormat {
    names: &[
        "*password",
        "*password.txt",
        "*_token",
        "*_token.txt",
        "*_secret",
        "*_secret.txt",
        "*secret_key",
        "*api_key",
        "*api_key.txt",
        ".vault_pass*",
        "vault_pass*",
        ".vault-pass*",
        "keyfile",
        "mongo*keyfile",
        "auth.txt",
        "login.conf",
        "passwd",
    ],
    holds: &[],
    read: |reader| {
        let rule = "secret-file";
        let span = reader.trimmed();
        let whole = reader.bytes.trim_ascii();
        if reader.name == b"passwd" {
            // eight bytes, encrypted by a key that is in each program that reads them
            if reader.is_in(".vnc") && matches!(reader.bytes.len(), 8 | 16) {
                let note = "encrypted by a known key: anyone can read it";
                reader.add(&[b"vnc"], 0..8, hit(rule).note(note).decoded(reader.bytes.to_vec()));
            }
            return;
        }
        if whole.len() > 2_048 || whole.is_empty() {
            return;
        }
        let filled: Vec<Range<usize>> = lines::each(reader.bytes).filter(|line| !line.is_empty()).take(32).collect();
        if matches!(reader.name.as_slice(), b"auth.txt" | b"login.conf") {
            if let [user, password] = filled.as_slice()
                && !reader.at(user).iter().any(|b| matches!(b, b' ' | b'=' | b':'))
                && !reader.at(password).contains(&b' ')
                && looks_set(reader.at(password), true)
            {
                reader.add(&[], password.clone(), hit(rule));
            }
        } else if reader.name.ends_with(b"keyfile") {
            let is_sign = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\n' | b'\r');
            if whole.len() >= 64 && whole.iter().all(is_sign) && entropy::shannon(whole) >= 4.5 {
                reader.add(&[], span, hit(rule));
            }
        } else if let [line] = filled.as_slice() {
            let value = reader.at(line);
            let is_password = memchr::memmem::find(&reader.name, b"pass").is_some();
            let is_other = value.iter().any(|b| matches!(b, b' ' | b'=' | b':' | b'{' | b'/' | b'<'));
            if value.len() >= 8 && !is_other && looks_set(value, is_password) {
                reader.add(&[], line.clone(), hit(rule));
            }
        }
    },
};

/// Settings of Hadoop and what is built on it (`core-site.xml`, `hive-site.xml`): `<name>` and `<value>` of properties.
pub(super) static HADOOP: FileFormat = FileFormat {
    names: &["*-site.xml"],
    holds: &["<configuration>", "<property>"],
    read: |reader| {
        let bytes = reader.bytes;
        let mut name: &[u8] = b"";
        let mut found: Vec<(&[u8], Range<usize>)> = Vec::new();
        super::xml::read(bytes, &mut |met| {
            let super::xml::Met::Text(setting) = met else { return };
            if setting.key_is(&["name"]) {
                name = bytes.get(setting.span.clone()).unwrap_or_default();
            } else if setting.key_is(&["value"]) {
                let is_wanted = is_secret_key(name) && looks_set(setting.value, is_password_key(name));
                if is_wanted && found.len() < super::MOST {
                    found.push((name, setting.span));
                }
            }
        });
        for (name, span) in found {
            reader.add(&[name], span, hit("hadoop-property-secret").medium());
        }
    },
};

/// Answers to the installer of Windows ("Unattended Windows Setup"): `<Password><Value>…</Value>`, plain or in base64.
pub(super) static UNATTEND: FileFormat = FileFormat {
    names: &["unattend*.xml", "autounattend*.xml", "sysprep*.xml"],
    holds: &["urn:schemas-microsoft-com:unattend"],
    read: |reader| {
        let bytes = reader.bytes;
        let mut found: Vec<Range<usize>> = Vec::new();
        super::xml::read(bytes, &mut |met| {
            let super::xml::Met::Text(setting) = met else { return };
            let is_password = is_password_key(setting.above(1)) && setting.key_is(&["Value"])
                || setting.key_is(&["Password"]) && setting.is_under("Credentials");
            if is_password && !setting.value.starts_with(b"*") && found.len() < super::MOST {
                found.push(setting.span);
            }
        });
        for span in found {
            let text = reader.at(&span);
            // UTF-16 with the name of the element behind it
            let wide = crate::format::base64::decode(text).filter(|wide| wide.len() >= 16 && wide.get(1) == Some(&0));
            let found: Hit = hit("windows-answer-file-password");
            reader.add(
                &[b"Password"],
                span,
                match wide {
                    Some(wide) => {
                        let plain: Vec<u8> = wide.iter().copied().step_by(2).collect();
                        let names = [&b"AdministratorPassword"[..], b"Password"];
                        let plain = names.iter().find_map(|name| plain.strip_suffix(*name)).unwrap_or(&plain).to_vec();
                        found.note("in base64").decoded(plain)
                    }
                    None => found,
                },
            );
        }
    },
};
