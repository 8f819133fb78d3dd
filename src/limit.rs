//! The caps on what an image may be: its documents, its layers, its files.
//!
//! What bounds a single parser (the lines of one database, the depth of JSON, which is 128 in
//! `serde_json`) stands beside that parser.

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;
use crate::size::ByteSize;

/// The caps of one scan. [`Limits::default`] is what the command line uses.
///
/// Beyond a cap careen refuses the input or leaves a limitation; it never reads on in silence.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest manifest or index. The distribution registry refuses more than 4 MiB too.
    pub manifest: ByteSize,
    /// Largest image configuration.
    pub config: ByteSize,
    /// All documents read for one image or kept of one stream.
    pub documents: ByteSize,
    /// How deep indexes may nest.
    pub index_depth: u32,
    /// Descriptors of one index, and documents visited for one image.
    pub descriptors: usize,
    /// Layers of one image.
    pub layers: usize,
    /// Tar members of one image, all layers together.
    pub entries: u64,
    /// Facts (packages, secrets; four owned paths or dependencies count as one) of one image, all collectors together.
    pub facts: usize,
    /// Longest path, in bytes; the `PATH_MAX` of Linux.
    pub path: usize,
    /// Largest PAX or GNU long-name record; Go's `archive/tar` has the same cap.
    pub extension_record: ByteSize,
    /// Regions of one sparse file.
    pub sparse_regions: usize,
    /// Links followed for one path, as in Linux.
    pub link_hops: u32,
    /// Largest window a zstd frame may ask for, as a power of two (27 is 128 MiB, zstd's own).
    pub zstd_window_log: u32,
    /// Expanded bytes of one image, all layers together.
    pub expanded: ByteSize,
    /// How many times its stored bytes a layer may expand to, once it is larger than
    /// [`ratio_from`](Self::ratio_from). Deflate reaches 1,032, LZMA about 7,000; zstd and bzip2
    /// reach more than 30,000, but only with gigabytes of one repeated byte.
    pub ratio: u64,
    /// Expanded bytes of one layer up to which any ratio is taken.
    pub ratio_from: ByteSize,
    /// Bytes of files held in memory at once, over all readers.
    pub budget: ByteSize,
    /// Findings of one file; those beyond are counted, not listed.
    pub findings_per_file: usize,
    /// Findings of one rule that the policy treats alike; those beyond count for the verdict, but are not listed.
    pub findings_per_rule: usize,
    /// Limitations of one code; those beyond are counted, not listed.
    pub limitations_per_code: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: ByteSize::mib(4),
            config: ByteSize::mib(8),
            documents: ByteSize::mib(64),
            index_depth: 4,
            descriptors: 10_000,
            layers: 4_096,
            entries: 5_000_000,
            facts: 2_000_000,
            path: 4_096,
            extension_record: ByteSize::mib(1),
            sparse_regions: 64 * 1024,
            link_hops: 40,
            zstd_window_log: 27,
            expanded: ByteSize::gib(100),
            ratio: 10_000,
            ratio_from: ByteSize::gib(1),
            budget: ByteSize::mib(128),
            findings_per_file: 1_000,
            findings_per_rule: 1_000,
            limitations_per_code: 1_000,
        }
    }
}

/// A limit that can be set by name.
pub struct Limit {
    /// Kebab-case name.
    pub name: &'static str,
    /// What it bounds, in a few words.
    pub about: &'static str,
    /// The least and the largest value it takes.
    range: (u64, u64),
    field: for<'a> fn(&'a mut Limits) -> Field<'a>,
}

enum Field<'a> {
    Size(&'a mut ByteSize),
    Long(&'a mut u64),
    Count(&'a mut usize),
    Short(&'a mut u32),
}

const ANY: (u64, u64) = (0, u64::MAX);

/// Every limit, sorted by name.
pub static LIMITS: &[Limit] = &[
    limit("budget", "bytes of files held in memory at once", (1 << 20, 1 << 40), |l| Field::Size(&mut l.budget)),
    limit("config", "largest image configuration", ANY, |l| Field::Size(&mut l.config)),
    limit("descriptors", "entries of one index, documents of one image", ANY, |l| Field::Count(&mut l.descriptors)),
    limit("documents", "bytes of all documents of an image", ANY, |l| Field::Size(&mut l.documents)),
    limit("entries", "files of one image, all layers together", ANY, |l| Field::Long(&mut l.entries)),
    limit("expanded", "expanded bytes of one image", ANY, |l| Field::Size(&mut l.expanded)),
    limit("extension-record", "largest PAX or GNU long-name record", ANY, |l| Field::Size(&mut l.extension_record)),
    limit("facts", "packages, secrets and owned paths of one image", ANY, |l| Field::Count(&mut l.facts)),
    limit("findings-per-file", "secrets listed of one file", ANY, |l| Field::Count(&mut l.findings_per_file)),
    limit("findings-per-rule", "findings listed of one rule", ANY, |l| Field::Count(&mut l.findings_per_rule)),
    limit("index-depth", "how deep indexes may nest", (0, 64), |l| Field::Short(&mut l.index_depth)),
    limit("layers", "layers of one image", ANY, |l| Field::Count(&mut l.layers)),
    limit("limitations-per-code", "limitations listed of one code", ANY, |l| Field::Count(&mut l.limitations_per_code)),
    limit("link-hops", "links followed for one path", (0, 1_000), |l| Field::Short(&mut l.link_hops)),
    limit("manifest", "largest manifest or index", ANY, |l| Field::Size(&mut l.manifest)),
    limit("path", "longest path, in bytes", (1, 1 << 20), |l| Field::Count(&mut l.path)),
    limit("ratio", "times its size a large layer may expand to", ANY, |l| Field::Long(&mut l.ratio)),
    limit("ratio-from", "expanded bytes from which the ratio counts", ANY, |l| Field::Size(&mut l.ratio_from)),
    limit("sparse-regions", "regions of one sparse file", ANY, |l| Field::Count(&mut l.sparse_regions)),
    limit("zstd-window-log", "largest zstd window, as a power of two", (10, 31), |l| {
        Field::Short(&mut l.zstd_window_log)
    }),
];

const fn limit(
    name: &'static str,
    about: &'static str,
    range: (u64, u64),
    field: for<'a> fn(&'a mut Limits) -> Field<'a>,
) -> Limit {
    Limit { name, about, range, field }
}

impl Limit {
    /// The value it has in `limits`, as it can be written.
    pub fn value(&self, limits: &Limits) -> String {
        match (self.field)(&mut limits.clone()) {
            Field::Size(size) => size.to_string(),
            Field::Long(count) => count.to_string(),
            Field::Count(count) => count.to_string(),
            Field::Short(count) => count.to_string(),
        }
    }
}

impl Limits {
    /// Sets the limit of this name: a number, of bytes also as `10MiB`.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let wrong = |message: String| Error::new(ErrorKind::Usage, message);
        let Some(limit) = LIMITS.iter().find(|limit| limit.name == name) else {
            let names = || LIMITS.iter().map(|limit| limit.name);
            let help = match nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the limits are {}", names().collect::<Vec<_>>().join(", ")),
            };
            return Err(wrong(format!("there is no limit `{}`", escape(name))).help(help));
        };
        let field = (limit.field)(self);
        let number = match &field {
            Field::Size(_) => value.parse::<ByteSize>().map(ByteSize::bytes).map_err(|what| escape(&what)),
            _ => value.parse::<u64>().map_err(|_| format!("`{}` is no whole number", escape(value))),
        };
        let number = number.map_err(|what| wrong(format!("the limit `{name}` cannot be set: {what}")))?;
        let (least, most) = limit.range;
        if !(least..=most).contains(&number) {
            return Err(wrong(format!("the limit `{name}` is a number from {least} to {most}, not {number}")));
        }
        match field {
            Field::Size(size) => *size = ByteSize(number),
            Field::Long(count) => *count = number,
            Field::Count(count) => *count = usize::try_from(number).unwrap_or(usize::MAX),
            Field::Short(count) => *count = u32::try_from(number).unwrap_or(u32::MAX),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_sorted_and_each_sets_a_field_of_its_own() {
        assert!(LIMITS.is_sorted_by(|one, other| one.name < other.name));
        let default = format!("{:?}", Limits::default());
        let mut seen = std::collections::BTreeSet::new();
        for limit in LIMITS {
            let mut limits = Limits::default();
            limits.set(limit.name, &limit.value(&limits)).expect("its own value can be written");
            assert_eq!(format!("{limits:?}"), default, "{}", limit.name);
            limits.set(limit.name, &limit.range.0.to_string()).expect("the least value");
            assert_ne!(format!("{limits:?}"), default, "{}", limit.name);
            assert!(seen.insert(format!("{limits:?}")), "{}", limit.name);
        }
        let fields = default.matches(": ").count();
        assert_eq!(LIMITS.len(), fields, "each field can be set");
    }

    #[test]
    fn wrong_names_and_values_are_refused() {
        let cases = [
            ("expanded", "200GiB", None),
            ("link-hops", "1000", None),
            ("link-hops", "1001", Some("is a number from 0 to 1000, not 1001")),
            ("zstd-window-log", "9", Some("is a number from 10 to 31, not 9")),
            ("layers", "many", Some("`many` is no whole number")),
            ("layers", "1MiB", Some("`1MiB` is no whole number")),
            ("expanded", "1 parsec", Some("unknown unit")),
            ("expandet", "1", Some("there is no limit `expandet`")),
        ];
        for (name, value, expected) in cases {
            let error = Limits::default().set(name, value).err();
            assert_eq!(error.is_some(), expected.is_some(), "{name}={value}");
            let Some((error, expected)) = error.zip(expected) else { continue };
            assert!(error.message.contains(expected), "{error}");
            assert_eq!(error.kind, ErrorKind::Usage);
        }
        let error = Limits::default().set("expandet", "1").expect_err("no such limit");
        assert_eq!(error.help.as_deref(), Some("did you mean `expanded`?"));
    }
}
