//! PAX extended headers (POSIX.1-2001 pax, "pax Extended Header"): records `LENGTH KEY=VALUE\n`.

use super::sparse::PaxMap;
use crate::tree::Capabilities;

/// What the records in front of a member say of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<Number>,
    pub(super) gid: Option<Number>,
    pub(super) mtime: Option<Number>,
    pub(super) capabilities: Option<Box<Capabilities>>,
    /// Whether there are other extended attributes, or access lists.
    pub(super) has_attributes: bool,
    pub(super) sparse: PaxMap,
    /// Keys that occur twice with different values, and change what is read.
    pub(super) contradictions: Vec<&'static str>,
}

/// How records of extended attributes and access lists begin: star's, as GNU tar and Go write them, and libarchive's.
const ATTRIBUTES: &[&[u8]] = &[b"SCHILY.xattr.", b"SCHILY.acl.", b"LIBARCHIVE.xattr."];

/// A number that may be malformed without harm to what follows.
pub(super) type Number = Result<i64, super::header::BadNumber>;

impl Pax {
    /// Reads the records, each by its length: a value may hold newlines. Later ones win.
    ///
    /// An error says what is malformed; readers disagree about such records, so nothing after them can be trusted.
    pub(super) fn parse(mut records: &[u8], max_regions: usize) -> Result<Self, String> {
        let mut pax = Self::default();
        while !records.is_empty() {
            let (record, rest) = split_record(records)?;
            records = rest;
            pax.set(record.key, record.value, max_regions)?;
        }
        pax.sparse.check_pairs()?;
        Ok(pax)
    }

    fn set(&mut self, key: &[u8], value: &[u8], max_regions: usize) -> Result<(), String> {
        match key {
            b"path" => replace(&mut self.path, non_empty_text(key, value)?, "path", &mut self.contradictions),
            b"linkpath" => {
                replace(&mut self.link_path, non_empty_text(key, value)?, "linkpath", &mut self.contradictions);
            }
            b"size" => {
                let size = if value.is_empty() { None } else { Some(parse_size("size", value)?) };
                replace(&mut self.size, size, "size", &mut self.contradictions);
            }
            b"uid" => self.uid = parse_integer(value),
            b"gid" => self.gid = parse_integer(value),
            b"mtime" => self.mtime = parse_time(value),
            b"SCHILY.xattr.security.capability" => {
                self.capabilities = (!value.is_empty()).then(|| Box::new(Capabilities::parse(value)));
            }
            _ => {
                self.has_attributes |= ATTRIBUTES.iter().any(|start| key.starts_with(start));
                if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.set(key, value, max_regions)?;
                }
            }
        }
        Ok(())
    }

    /// Whether it says anything that would move or hide content, if it were applied.
    pub(super) fn changes_content(&self) -> bool {
        self.path.is_some() || self.link_path.is_some() || self.size.is_some() || self.sparse != PaxMap::default()
    }
}

fn replace<T: PartialEq>(slot: &mut Option<T>, value: Option<T>, key: &'static str, twice: &mut Vec<&'static str>) {
    if slot.is_some() && *slot != value && !twice.contains(&key) {
        twice.push(key);
    }
    *slot = value;
}

struct Record<'a> {
    key: &'a [u8],
    value: &'a [u8],
}

/// Key and value.
pub type KeyValue<'a> = (&'a [u8], &'a [u8]);

/// Keys and values of the records of an extended header, in their order.
///
/// An error says what is malformed, as it does where the header belongs to a member that is read.
pub fn records(mut bytes: &[u8]) -> Result<Vec<KeyValue<'_>>, String> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (record, rest) = split_record(bytes)?;
        records.push((record.key, record.value));
        bytes = rest;
    }
    Ok(records)
}

/// Splits off the first record.
fn split_record(records: &[u8]) -> Result<(Record<'_>, &[u8]), String> {
    let bad = || String::from("a PAX record is malformed");
    let space = records.iter().take(20).position(|byte| *byte == b' ').ok_or_else(bad)?;
    let (digits, _) = records.split_at_checked(space).ok_or_else(bad)?;
    let length = parse_decimal(digits).and_then(|length| usize::try_from(length).ok()).ok_or_else(bad)?;
    let (record, rest) =
        records.split_at_checked(length).ok_or("a PAX record is longer than the header that holds it")?;
    let body = record.get(space..).and_then(|body| body.strip_prefix(b" ")?.strip_suffix(b"\n")).ok_or_else(bad)?;
    let equals = body.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
    let (key, value) = body.split_at_checked(equals).ok_or_else(bad)?;
    if key.is_empty() || key.contains(&0) {
        return Err(bad());
    }
    Ok((Record { key, value: value.strip_prefix(b"=").ok_or_else(bad)? }, rest))
}

/// `None` for an empty value, which takes the record back.
fn non_empty_text(key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, String> {
    if value.contains(&0) {
        return Err(format!("the PAX record `{}` holds a NUL", String::from_utf8_lossy(key)));
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

/// A number of bytes, at most 2^63 - 1.
pub(super) fn parse_size(key: &str, value: &[u8]) -> Result<u64, String> {
    parse_decimal(value)
        .filter(|size| i64::try_from(*size).is_ok())
        .ok_or_else(|| format!("the PAX record `{key}` is not a number of bytes"))
}

/// Digits only; `None` for anything else, or beyond 2^64.
pub(super) fn parse_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// `None` if the value is empty, which takes the record back.
fn parse_integer(value: &[u8]) -> Option<Number> {
    if value.is_empty() {
        return None;
    }
    let (negative, digits) = value.strip_prefix(b"-").map_or((false, value), |digits| (true, digits));
    let number = parse_decimal(digits).and_then(|number| i64::try_from(number).ok());
    Some(number.map(|number| if negative { number.wrapping_neg() } else { number }).ok_or(super::header::BadNumber))
}

/// Seconds with an optional fraction, rounded down.
fn parse_time(value: &[u8]) -> Option<Number> {
    let dot = value.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match dot.and_then(|dot| value.split_at_checked(dot)) {
        Some((whole, fraction)) => (whole, fraction.strip_prefix(b".").unwrap_or_default()),
        None => (value, &[][..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Some(Err(super::header::BadNumber));
    }
    let below = whole.starts_with(b"-") && fraction.iter().any(|digit| *digit != b'0');
    Some(parse_integer(whole)?.map(|seconds| seconds.saturating_sub(i64::from(below))))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests may panic")]
mod tests {
    use super::*;

    /// A record with the right length in front.
    fn record(key: &str, value: &str) -> String {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length.to_string().len() + rest != length {
            length += 1;
        }
        format!("{length} {key}={value}\n")
    }

    fn parse(records: &str) -> Result<Pax, String> {
        Pax::parse(records.as_bytes(), 16)
    }

    #[test]
    fn records_go_by_their_length() {
        let pax =
            parse(&[record("comment", "a\n12 path=evil\n"), record("path", "a=b\nc"), record("size", "7")].concat());
        let pax = pax.expect("well formed");
        assert_eq!(pax.path.as_deref(), Some(&b"a=b\nc"[..]));
        assert_eq!(pax.size, Some(7));
        assert_eq!(pax.contradictions, [""; 0]);
    }

    #[test]
    fn later_records_win_and_empty_ones_take_back() {
        let twice =
            parse(&[record("path", "a"), record("path", "b"), record("size", "1"), record("size", "1")].concat());
        let twice = twice.expect("well formed");
        assert_eq!((twice.path.as_deref(), twice.contradictions), (Some(&b"b"[..]), vec!["path"]));
        let back = parse(&[record("uid", "5"), record("uid", "")].concat()).expect("well formed");
        assert_eq!(back.uid, None);
    }

    #[test]
    fn times_are_rounded_down() {
        let cases = [
            ("1350244992.023960108", Some(Ok(1_350_244_992))),
            ("-1.5", Some(Ok(-2))),
            ("-1.0", Some(Ok(-1))),
            ("12", Some(Ok(12))),
            ("12.", Some(Ok(12))),
            ("", None),
            ("1.x", Some(Err(super::super::header::BadNumber))),
            ("1e9", Some(Err(super::super::header::BadNumber))),
        ];
        for (text, time) in cases {
            assert_eq!(parse_time(text.as_bytes()), time, "{text}");
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        let bad = [
            "path=x\n",
            "9 path=x\n9",
            "8 path=x\n",
            "11 path=x\n",
            "999 path=x\n",
            "99999999999999999999 path=x\n",
            "-9 path=x\n",
            " 9 path=x\n",
            "4 x\n",
            "5 =x\n",
            "9 path=x ",
            "9 path=x\n\0\0",
            "9 path=\0\n",
            "9 size=a\n",
            "10 size=-1\n",
            "28 size=9223372036854775808\n",
        ];
        for records in bad {
            assert!(parse(records).is_err(), "{records:?}");
        }
        assert!(parse("9 path=x\n").is_ok());
        assert!(parse("28 size=9223372036854775807\n").is_ok());
    }
}
