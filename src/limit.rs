//! The caps on what an image may be: its documents, its layers, its files.
//!
//! What bounds a single parser (the lines of one database, the depth of JSON, which is 128 in
//! `serde_json`) stands beside that parser.

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
    /// Facts (packages, secrets, owned paths) of one image, all collectors together.
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
