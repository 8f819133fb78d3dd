//! Credentials of programs for mail.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::lines::{self, EQUALS, INI, LOOSE};
use super::setting::is_password_key;
use super::{FileFormat, hit};

/// `.fetchmailrc` (fetchmail(1)): `poll h user "u" password "p"`.
pub(super) static FETCHMAIL: FileFormat = FileFormat {
    names: &[".fetchmailrc", "fetchmailrc"],
    holds: &[],
    read: |reader| {
        for line in lines::each(reader.bytes) {
            if reader.at(&line).starts_with(b"#") {
                continue;
            }
            let words = lines::words(reader.bytes, line);
            for pair in words.windows(2) {
                let [keyword, value] = pair else { continue };
                if matches!(reader.at(keyword), b"password" | b"pass") {
                    let text = reader.at(value);
                    let end = value.end.saturating_sub(text.len().saturating_sub(text.trim_ascii_end().len()));
                    reader.add(&[b"password"], value.start..end, hit("fetchmail-password"));
                }
            }
        }
    },
};

/// `.msmtprc` (msmtp(1)) and `ssmtp.conf`.
pub(super) static MSMTP: FileFormat = FileFormat {
    names: &[".msmtprc", "msmtprc", "ssmtp.conf", ".esmtprc", "esmtprc", ".mailrc", "sasl_passwd"],
    holds: &[],
    read: |reader| {
        if reader.name == b"sasl_passwd" {
            // Postfix: `[host]:587 user:password`
            for line in lines::each(reader.bytes) {
                let words = lines::words(reader.bytes, line);
                let [host, pair] = words.as_slice() else { continue };
                let text = reader.at(pair);
                if let Some(colon) = memchr::memchr(b':', text).filter(|_| !reader.at(host).starts_with(b"#")) {
                    reader.add(
                        &[b"password"],
                        pair.start.saturating_add(colon).saturating_add(1)..pair.end,
                        hit("mail-client-password"),
                    );
                }
            }
            return;
        }
        reader.lines(LOOSE, |setting| {
            setting.key_is(&["password", "AuthPass", "smtp-auth-password"]).then(|| hit("mail-client-password"))
        });
    },
};

/// `.muttrc` (muttrc(5)): `set imap_pass = "p"`.
pub(super) static MUTT: FileFormat = FileFormat {
    names: &[".muttrc", "muttrc", "neomuttrc", ".neomuttrc", "*.muttrc"],
    holds: &[],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            setting.key_is(&["imap_pass", "smtp_pass", "pop_pass", "nntp_pass"]).then(|| hit("mail-client-password"))
        });
    },
};

/// `.offlineimaprc`, `.mbsyncrc`, getmail.
pub(super) static OFFLINEIMAP: FileFormat = FileFormat {
    names: &[".offlineimaprc", "offlineimaprc", ".mbsyncrc", "mbsyncrc", "getmailrc", ".isyncrc", ".imapfilter"],
    holds: &[],
    read: |reader| {
        let style = if reader.name.ends_with(b"syncrc") { LOOSE } else { INI };
        reader.lines(style, |setting| {
            (is_password_key(setting.key()) && !setting.key_is(&["passcmd", "remotepasseval"]))
                .then(|| hit("mail-client-password"))
        });
    },
};
