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
                reader.add(setting.path, setting.span.clone(), match decoded {
                    Some(decoded) => hit.note("in base64").decoded(decoded),
                    None => hit,
                });
            }
            Met::Text(_) | Met::End(_) => {}
        });
    },
};

/// `sftp-config.json` of Sublime Text, `.vscode/sftp.json`, `.ftpconfig`.
pub(super) static SFTP: FileFormat = FileFormat {
    names: &["sftp-config.json", "sftp-config-alt*.json", "sftp.json", ".ftpconfig", "ftpsync.settings"],
    holds: &[],
    read: |reader| {
        reader.json(|setting: &Setting<'_>| {
            setting.key_is(&["password", "pass", "passphrase", "ssh_key_passphrase"]).then(|| hit("sftp-config-password"))
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
