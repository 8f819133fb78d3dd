//! Credentials of databases' tools.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::lines::{self, INI};
use super::{FileFormat, hit};

/// `.my.cnf` ("Using Option Files", `MySQL`).
pub(super) static MYSQL: FileFormat = FileFormat {
    names: &["my.cnf", ".my.cnf", "*.cnf", "my.ini", ".my.ini"],
    holds: &[],
    read: |reader| {
        reader.lines(INI, |setting| {
            setting
                .key_is(&["password", "wsrep_sst_auth", "master-password"])
                .then(|| hit("mysql-option-file-password"))
        });
    },
};

/// `.mylogin.cnf` of `mysql_config_editor`: encrypted by the key that stands in its bytes 4 to 24, so anyone can read it.
pub(super) static MYSQL_LOGIN: FileFormat = FileFormat {
    names: &[".mylogin.cnf", "mylogin.cnf"],
    holds: &[],
    read: |reader| {
        // four zero bytes, twenty of key, then blocks of AES with their lengths
        if reader.bytes.len() >= 44 && reader.bytes.starts_with(&[0; 4]) {
            reader.add(&[b"login path"], 4..24, hit("mysql-login-path").decoded(reader.bytes.to_vec()));
        }
    },
};

/// `.pgpass` ("The Password File", PostgreSQL): host, port, database, user and password, `\` before a colon.
pub(super) static PGPASS: FileFormat = FileFormat {
    names: &[".pgpass", "pgpass", "pgpass.conf", "*.pgpass"],
    holds: &[],
    read: |reader| {
        let bytes = reader.bytes;
        for line in lines::each(bytes) {
            let text = reader.at(&line);
            if text.starts_with(b"#") {
                continue;
            }
            let (mut colons, mut is_escaped, mut start) = (0_u8, false, None);
            for (index, byte) in text.iter().enumerate() {
                if *byte == b':' && !is_escaped {
                    colons = colons.saturating_add(1);
                    if colons == 4 {
                        start = Some(line.start.saturating_add(index).saturating_add(1));
                        break;
                    }
                }
                is_escaped = *byte == b'\\' && !is_escaped;
            }
            if let Some(start) = start {
                reader.add(&[b"password"], start..line.end, hit("pgpass-password"));
            }
        }
    },
};

/// `credentials-config.json` of `DBeaver`: encrypted by a key that is in its source, so anyone can read it.
pub(super) static DBEAVER: FileFormat = FileFormat {
    names: &["credentials-config.json", ".credentials-config.json"],
    holds: &[],
    read: |reader| {
        let bytes = reader.bytes;
        if bytes.trim_ascii().starts_with(b"{") {
            reader.json(|setting| setting.key_is(&["password"]).then(|| hit("dbeaver-credentials")));
        } else if bytes.len() >= 32 && bytes.len().is_multiple_of(16) {
            let hit = hit("dbeaver-credentials").note("encrypted by a known key: anyone can read it");
            reader.add(&[b"credentials"], 0..16, hit.decoded(bytes.to_vec()));
        }
    },
};

/// `servers.json` and `config_local.py` of pgAdmin ("Import/Export Servers", pgAdmin 4).
pub(super) static PGADMIN: FileFormat = FileFormat {
    names: &["config_local.py", "config_system.py", "servers.json", "pgadmin4.conf"],
    holds: &[],
    read: |reader| {
        let rule = "pgadmin-password";
        if reader.name.ends_with(b".json") {
            if reader.holds("\"Servers\"") {
                reader.json(|setting| setting.key_is(&["Password", "TunnelPassword"]).then(|| hit(rule)));
            }
            return;
        }
        reader.code(|setting| {
            setting.key_is(&["MAIL_PASSWORD", "LDAP_BIND_PASSWORD", "OAUTH2_CLIENT_SECRET"]).then(|| hit(rule))
        });
    },
};
