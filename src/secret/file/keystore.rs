//! Stores of keys: each is a finding as a file, since what guards it, if anything, is a password.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{FileFormat, Reader, hit};
use crate::rule::Severity;
use crate::secret::check::Opinion;
use crate::secret::der;
use crate::secret::value::OwnedValue;

/// Bytes of a store that stand for its place.
const MAGIC: usize = 4;

/// Notes the store as a whole.
fn add(reader: &mut Reader<'_>, rule: &'static str, what: &str, severity: Option<Severity>, notes: &[&str]) {
    let mut hit = hit(rule);
    let mut notes: Vec<String> = notes.iter().map(|note| (*note).to_owned()).collect();
    notes.push(format!("{} bytes", reader.bytes.len()));
    hit.opinion = Opinion {
        severity,
        masked: Some(what.to_owned()),
        identity: Some(OwnedValue::new(reader.bytes.to_vec())),
        notes,
        ..Opinion::default()
    };
    reader.add(&[], 0..MAGIC.min(reader.bytes.len()), hit);
}

/// Key tables of Kerberos (MIT Kerberos, "Keytab file format"): version 5.1 or 5.2, then entries with their length.
pub(super) static KEYTAB: FileFormat = FileFormat {
    names: &["*.keytab", "*.kt", "keytab", "krb5.keytab*"],
    holds: &[],
    read: |reader| {
        let is_keytab =
            matches!(reader.bytes, [5, 1 | 2, size @ ..] if size.get(..4).is_some_and(|size| size != [0; 4]));
        if is_keytab && reader.bytes.len() >= 20 {
            add(reader, "kerberos-keytab", "Kerberos key table", None, &[]);
        }
    },
};

/// Stores of Java: JKS (`FE ED FE ED`) and JCEKS (`CE CE CE CE`). A store of certificates alone is none.
pub(super) static JAVA: FileFormat = FileFormat {
    names: &["*.jks", "*.jceks", "*.keystore", "*keystore", "*.ks", "cacerts", "*.truststore", "*.ts"],
    holds: &[],
    read: |reader| {
        let kind = match reader.bytes {
            [0xfe, 0xed, 0xfe, 0xed, rest @ ..] => Some(("Java key store (JKS)", rest)),
            [0xce, 0xce, 0xce, 0xce, rest @ ..] => Some(("Java key store (JCEKS)", rest)),
            _ => None,
        };
        let Some((what, [_, _, _, 1 | 2, a, b, c, d, entries @ ..])) = kind else { return };
        let count = u32::from_be_bytes([*a, *b, *c, *d]);
        // each entry begins with its kind: 1 a private key, 2 a certificate, 3 a secret key
        let first = matches!(entries, [0, 0, 0, 1 | 3, ..]);
        if count > 0 && (first || has_key_entry(entries, count)) {
            add(reader, "java-keystore", what, None, &["holds a private or secret key"]);
        }
    },
};

/// Whether an entry behind certificates is a key: walks the entries of a store of Java.
fn has_key_entry(mut entries: &[u8], count: u32) -> bool {
    fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
        let (head, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        Some(head)
    }
    fn number(bytes: &mut &[u8], size: usize) -> Option<usize> {
        let digits = take(bytes, size)?;
        Some(digits.iter().fold(0_usize, |number, digit| (number << 8) | usize::from(*digit)))
    }
    let mut walk = || -> Option<bool> {
        for _ in 0..count.min(10_000) {
            let tag = number(&mut entries, 4)?;
            if tag != 2 {
                return Some(matches!(tag, 1 | 3));
            }
            let alias = number(&mut entries, 2)?;
            take(&mut entries, alias.checked_add(8)?)?;
            let kind = number(&mut entries, 2)?;
            take(&mut entries, kind)?;
            let certificate = number(&mut entries, 4)?;
            take(&mut entries, certificate)?;
        }
        Some(false)
    };
    walk().unwrap_or(false)
}

/// PKCS#12 (RFC 7292, section 4): a sequence of version 3 and a content. Stores of trust have no bag of keys, but what
/// is sealed cannot be told apart.
pub(super) static PKCS12: FileFormat = FileFormat {
    names: &["*.p12", "*.pfx", "*.pkcs12", "*.jks", "*.keystore", "*keystore", "*.ks", "cacerts", "*.truststore"],
    holds: &[],
    read: |reader| {
        let ([0x30, 0x82, _, _, body @ ..]
        | [0x30, 0x83, _, _, _, body @ ..]
        | [0x30, 0x80, body @ ..]
        | [0x30, 0x81, _, body @ ..]) = reader.bytes
        else {
            return;
        };
        // version 3, then the content with its kind: 1.2.840.113549.1.7.1 or 1.2.840.113549.1.7.2
        let has_data = |bytes: &[u8]| {
            memchr::memmem::find(bytes.get(..32).unwrap_or(bytes), &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07])
                .is_some()
        };
        if !body.starts_with(&[2, 1, 3]) || !has_data(body) {
            return;
        }
        // pkcs8ShroudedKeyBag and keyBag: 1.2.840.113549.1.12.10.1.2 and .1
        let bag = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01];
        let bags: Vec<u8> = memchr::memmem::find_iter(body, &bag)
            .filter_map(|at| body.get(at.checked_add(bag.len())?).copied())
            .take(64)
            .collect();
        let is_key = bags.iter().any(|kind| matches!(kind, 1 | 2));
        let is_store =
            reader.name.ends_with(b".p12") || reader.name.ends_with(b".pfx") || reader.name.ends_with(b".pkcs12");
        if is_key || is_store && bags.is_empty() {
            let note = if is_key { "holds a private key" } else { "may hold a private key" };
            add(reader, "pkcs12-keystore", "PKCS#12 key store", None, &[note, "guarded by a password"]);
        }
    },
};

/// Stores of Bouncy Castle: version 1 or 2, a salt of 20 bytes with its length, a count of iterations.
pub(super) static BKS: FileFormat = FileFormat {
    names: &["*.bks", "*.ubr", "*.uber", "*.bcfks"],
    holds: &[],
    read: |reader| {
        let is_store = matches!(reader.bytes, [0, 0, 0, 1 | 2, 0, 0, 0, 20, ..])
            || reader.name.ends_with(b".bcfks") && reader.bytes.starts_with(&[0x30]);
        if is_store && reader.bytes.len() > 64 {
            add(reader, "bks-keystore", "Bouncy Castle key store", None, &["guarded by a password"]);
        }
    },
};

/// Private keys in DER, without armour (RFC 5958, RFC 8017, RFC 5915).
pub(super) static DER: FileFormat = FileFormat {
    names: &["*.der", "*.key", "*.pk8", "*.p8", "*.pkcs8", "*.bin", "*.pem"],
    holds: &[],
    read: |reader| {
        if reader.bytes.len() > 16 << 10 || reader.bytes.first() != Some(&0x30) {
            return;
        }
        if let Some(key) = der::private_key(reader.bytes) {
            let bits = key.bits.map(|bits| format!(", {bits} bits")).unwrap_or_default();
            let (state, severity) = if key.is_encrypted { (", encrypted", Some(Severity::Low)) } else { ("", None) };
            let what = format!("{} private key{bits}{state}", key.algorithm);
            add(reader, "private-key-der", &what, severity, &["key decoded"]);
        }
    },
};
