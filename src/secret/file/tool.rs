//! Credentials of tools of the command line, each in a file of its own.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::lines::{self, WORDS};
use super::setting::{Setting, looks_set};
use super::{FileFormat, hit};

/// `kaggle.json` (Kaggle API), `.vsce` (Visual Studio Code), `.civo.json`: JSON with a key under a name of the tool's own.
pub(super) static TOOL_JSON: FileFormat = FileFormat {
    names: &["kaggle.json", ".vsce", "vsce", ".civo.json", "civo.json"],
    holds: &[],
    read: |reader| {
        let name: Vec<u8> = reader.name.iter().copied().filter(u8::is_ascii_lowercase).collect();
        reader.json(|setting: &Setting<'_>| {
            let is_key = match name.as_slice() {
                b"kagglejson" => setting.key_is(&["key"]),
                b"vsce" => setting.key_is(&["pat"]),
                _ => setting.is_under("apikeys"),
            };
            (is_key && looks_set(setting.value, false)).then(|| hit("tool-credentials"))
        });
    },
};

/// `.pause` of CPAN's uploader, `.lftprc` (lftp(1)): `open -u USER,PASSWORD HOST`.
pub(super) static TOOL_WORDS: FileFormat = FileFormat {
    names: &[".pause", ".lftprc", "lftprc", "lftp.conf", "*.lftp"],
    holds: &[],
    read: |reader| {
        if reader.name == b".pause" {
            reader.lines(WORDS, |setting| setting.key_is(&["password"]).then(|| hit("tool-credentials")));
            return;
        }
        let bytes = reader.bytes;
        for line in lines::each(bytes).filter(|line| line.len() <= 4 << 10) {
            for pair in lines::words(bytes, line).windows(2) {
                let [option, user] = pair else { continue };
                if reader.at(option) == b"-u"
                    && let Some(comma) = memchr::memchr(b',', reader.at(user))
                {
                    let start = user.start.saturating_add(comma).saturating_add(1);
                    reader.add(&[b"-u"], start..user.end, hit("tool-credentials"));
                }
            }
        }
    },
};

/// `hex.config` of Hex ("Configuration", Hex): `{key,<<"…">>}`.
pub(super) static HEX: FileFormat = FileFormat {
    names: &["hex.config", "hexpm.config"],
    holds: &[],
    read: |reader| {
        let bytes = reader.bytes;
        for start in [&b"key,<<\""[..], b"api_key,<<\"", b"write_key,<<\"", b"repo_key,<<\""] {
            for at in memchr::memmem::find_iter(bytes, start).take(64) {
                let before = at.checked_sub(1).and_then(|index| bytes.get(index));
                let from = at.saturating_add(start.len());
                let rest = bytes.get(from..).unwrap_or_default();
                if let (Some(b'{'), Some(length)) = (before, memchr::memchr(b'"', rest)) {
                    reader.add(&[b"key"], from..from.saturating_add(length), hit("tool-credentials"));
                }
            }
        }
    },
};
