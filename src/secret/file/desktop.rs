//! Credentials of programs that copy files.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::lines::EQUALS;
use super::setting::Setting;
use super::xml::{self, Met};
use super::{FileFormat, hit};
use crate::format::base64;

/// `sitemanager.xml`, `recentservers.xml` and `filezilla.xml` of `FileZilla`: `<Pass encoding="base64">`.
pub(super) static FILEZILLA: FileFormat = FileFormat {
    names: &["sitemanager.xml", "recentservers.xml", "filezilla.xml"],
    holds: &["<FileZilla"],
    read: |reader| {
        let bytes = reader.bytes;
        let (mut is_encoded, mut is_sealed) = (false, false);
        xml::read(bytes, &mut |met| match met {
            Met::Start(_, attributes) => {
                let encoding = xml::attribute(attributes, "encoding").and_then(|span| bytes.get(span));
                is_encoded = encoding == Some(b"base64");
                is_sealed = encoding == Some(b"crypt");
            }
            Met::Text(setting) if setting.key_is(&["Pass"]) && !is_sealed => {
                let decoded = base64::decode(setting.value).filter(|_| is_encoded);
                let hit = hit("filezilla-password");
                reader.add(
                    setting.path,
                    setting.span.clone(),
                    match decoded {
                        Some(decoded) => hit.note("in base64").decoded(decoded),
                        None => hit,
                    },
                );
            }
            Met::Text(_) => {}
        });
    },
};

/// `sftp-config.json` of Sublime Text, `.vscode/sftp.json`, `.ftpconfig`.
pub(super) static SFTP: FileFormat = FileFormat {
    names: &[
        "sftp-config.json",
        "sftp-config-alt*.json",
        "sftp.json",
        ".ftpconfig",
        "ftpsync.settings",
        ".remote-sync.json",
        "deployment-config.json",
        ".ftppass",
    ],
    holds: &[],
    read: |reader| {
        reader.json(|setting: &Setting<'_>| {
            setting
                .key_is(&["password", "pass", "passphrase", "ssh_key_passphrase"])
                .then(|| hit("sftp-config-password"))
        });
    },
};

/// `WinSCP.ini`: passwords are masked by the name of host and user, so anyone can read them.
pub(super) static WINSCP: FileFormat = FileFormat {
    names: &["winscp.ini"],
    holds: &["[Sessions\\"],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            let is_hex = setting.value.len() >= 8 && setting.value.iter().all(u8::is_ascii_hexdigit);
            (setting.key_is(&["Password"]) && is_hex)
                .then(|| hit("winscp-password").note("masked by a known key: anyone can read it"))
        });
    },
};

/// `logins.json` of Firefox and Thunderbird: what it holds is opened by `key4.db` beside it, most often without a password.
pub(super) static FIREFOX: FileFormat = FileFormat {
    names: &["logins.json", "logins-backup.json", "signons.json"],
    holds: &[],
    read: |reader| {
        reader.json(|setting| {
            let found = || hit("browser-login").note("sealed by `key4.db`, which most often no password guards");
            let is_sealed = setting.value.len() >= 24;
            if setting.key_is(&["encryptedUsername"]) && is_sealed {
                return Some(found().low().note("the user's name"));
            }
            (setting.key_is(&["encryptedPassword"]) && is_sealed).then(found)
        });
    },
};

/// Connections of the IDEs of `JetBrains` (`WebServers.xml`), of `DBeaver` and of Robo 3T. Where their passwords are not
/// plain, they are masked by a known key.
pub(super) static IDE: FileFormat = FileFormat {
    names: &[
        "webservers.xml",
        "datasources*.xml",
        "*data-sources.xml",
        "data-sources*.xml",
        "sshconfigs.xml",
        "robomongo.json",
        "robo3t.json",
        "robo3t-*.json",
    ],
    holds: &["<fileTransfer ", "password="],
    read: |reader| {
        let bytes = reader.bytes;
        let rule = "ide-connection-password";
        if reader.name.ends_with(b".json") {
            reader.json(|setting| {
                setting
                    .key_is(&["userPassword", "sshUserPassword", "sshPassphrase", "pemPassPhrase"])
                    .then(|| hit(rule))
            });
            return;
        }
        xml::read(bytes, &mut |met| {
            let Met::Start(path, attributes) = met else { return };
            for name in ["password", "passphrase", "proxyPassword"] {
                if let Some(span) = xml::attribute(attributes, name) {
                    reader.add(&[path.last().copied().unwrap_or_default(), name.as_bytes()], span, hit(rule));
                }
            }
        });
    },
};
