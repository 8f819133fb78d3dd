//! `bun.lockb`, the lock file of Bun before 1.2, in formats 2 and 3 (Bun `src/install/lockfile/bun.lockb.zig`,
//! `Package.zig`, `Buffers.zig`): packages by column, then buffers that the columns point into. Numbers are
//! little-endian.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::format::bytes::{chunk, span};
use crate::inventory::Need;
use crate::package::text::PACKAGES_PER_FILE;

use super::declared::{Declared, Entry, NEEDS};

/// How the file begins.
pub(super) const HEADER: &[u8] = b"#!/usr/bin/env bun\nbun-lockfile-format-v0\n";

/// Where the packages are told: their count, the alignment, the count of columns, the beginning and the end.
const TABLE: usize = HEADER.len() + 4 + 32 + 8;

/// Buffers behind the packages: trees, hoisted dependencies, what each dependency resolves to, dependencies, lists of
/// texts, texts.
const BUFFERS: usize = 6;
const RESOLVED: usize = 2;
const TEXTS: usize = 5;

/// Longest text taken, in bytes: longer ones are no names.
const TEXT: usize = 512;

/// Bytes of all needs of one file: packages may point into the same list. Those of 3,000 packages have 1 MiB.
const NEED_BYTES: usize = 16 << 20;

/// Bytes it takes to keep one.
const NEED: usize = 64;

/// What a package is resolved to, if it comes from a registry (`Resolution.Tag`).
const NPM: u8 = 2;

/// The parts of a file that are read.
struct File<'a> {
    bytes: &'a [u8],
    /// Packages.
    count: usize,
    /// Offset of the first column.
    names: usize,
    /// Bytes of a resolution, and of each number in its version.
    resolution: usize,
    number: usize,
    buffers: Vec<&'a [u8]>,
}

/// Reads a file that begins with [`HEADER`].
pub(super) fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    let format = chunk(bytes, HEADER.len()).map(u32::from_le_bytes).ok_or("it is cut short")?;
    let (resolution, number) = match format {
        2 => (64, 4),
        3 => (72, 8),
        _ => return Err(format!("it is a binary lock file of Bun in format {format}, and 2 and 3 are known")),
    };
    let file =
        File::open(bytes, resolution, number).ok_or("it is a binary lock file of Bun, and cut short or damaged")?;
    if file.count > PACKAGES_PER_FILE {
        declared.cut();
    }
    let packages: Vec<Option<(String, String)>> =
        (0..file.count.min(PACKAGES_PER_FILE)).map(|index| file.package(index, declared)).collect();
    let (mut left, mut is_cut) = (NEED_BYTES, false);
    for (index, package) in packages.iter().enumerate() {
        let Some((name, version)) = package else { continue };
        let mut needs = Vec::new();
        for (name, version) in file.needs(index).filter_map(|needed| packages.get(needed)?.as_ref()) {
            let size = name.len().saturating_add(version.len()).saturating_add(NEED);
            match left.checked_sub(size) {
                Some(rest) if needs.len() < NEEDS => {
                    left = rest;
                    needs.push(Need { name: name.clone(), version: Some(version.clone()) });
                }
                _ => is_cut = true,
            }
        }
        declared.add(Entry { needs, ..Entry::new(name, version) });
    }
    if is_cut {
        declared.note("it says more of what packages need than any real file; some dependencies are not known".into());
    }
    Ok(())
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8], resolution: usize, number: usize) -> Option<Self> {
        let field = |at: usize| usize::try_from(u64::from_le_bytes(chunk(bytes, TABLE.checked_add(at)?)?)).ok();
        let (count, names, end) = (field(0)?, field(24)?, field(32)?);
        // name and its hash, resolution, and two slices
        let columns = resolution.checked_add(8 * 4)?.checked_mul(count)?;
        span(bytes, names, columns).filter(|_| names.checked_add(columns).is_some_and(|needed| needed <= end))?;
        let mut buffers = Vec::with_capacity(BUFFERS);
        let mut at = end;
        for _ in 0..BUFFERS {
            let place = |at: usize| usize::try_from(u64::from_le_bytes(chunk(bytes, at)?)).ok();
            let (start, end) = (place(at)?, place(at.checked_add(8)?)?);
            buffers.push(bytes.get(start..end)?);
            // the next one's place stands where this one ends; what leads back would be read twice
            at = (end > at).then_some(end)?;
        }
        Some(Self { bytes, count, names, resolution, number, buffers })
    }

    /// Name and version of a package that comes from a registry; of others no version is told.
    fn package(&self, index: usize, declared: &mut Declared) -> Option<(String, String)> {
        let row = self.row(16, self.resolution, index)?;
        let (tag, version) = (row.first()?, row.get(16..)?);
        if *tag != NPM {
            return None;
        }
        let name = self.row(0, 8, index).and_then(|name| self.text(name)).filter(|name| !name.is_empty());
        let version = self.version(version);
        let package = name.zip(version);
        if package.is_none() {
            declared.complain(format!("package {index} has no usable name or version"));
        }
        package
    }

    /// The field of a package in the column behind columns of so many bytes for each package.
    fn row(&self, before: usize, size: usize, index: usize) -> Option<&'a [u8]> {
        let column = self.names.checked_add(before.checked_mul(self.count)?)?;
        span(self.bytes, column.checked_add(size.checked_mul(index)?)?, size)
    }

    /// Three numbers, then what is before a release and what is of a build, each with a hash behind it.
    fn version(&self, bytes: &[u8]) -> Option<String> {
        let number = |at: usize| match self.number {
            4 => chunk(bytes, at.checked_mul(4)?).map(u32::from_le_bytes).map(u64::from),
            _ => chunk(bytes, at.checked_mul(8)?).map(u64::from_le_bytes),
        };
        // aligned to eight bytes
        let tags = if self.number == 4 { 16 } else { 24 };
        let tag = |at: usize| self.text(span(bytes, at, 8)?);
        let (before, build) = (tag(tags)?, tag(tags.checked_add(16)?)?);
        let mut version = format!("{}.{}.{}", number(0)?, number(1)?, number(2)?);
        for (mark, tag) in [('-', before), ('+', build)] {
            if !tag.is_empty() {
                version.push(mark);
                version.push_str(&tag);
            }
        }
        Some(version)
    }

    /// A text of up to eight bytes stands there itself; a longer one is an offset and a length, marked by the last bit.
    fn text(&self, bytes: &[u8]) -> Option<String> {
        let inline: [u8; 8] = chunk(bytes, 0)?;
        let number = u64::from_le_bytes(inline);
        let text = if number >> 63 == 0 {
            inline.split(|byte| *byte == 0).next().unwrap_or_default()
        } else {
            let (offset, length) = (number & 0xffff_ffff, (number >> 32) & 0x7fff_ffff);
            let length = usize::try_from(length).ok().filter(|length| *length <= TEXT)?;
            span(self.buffers.get(TEXTS)?, usize::try_from(offset).ok()?, length)?
        };
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    /// Indices of the packages that a package needs.
    fn needs(&self, index: usize) -> impl Iterator<Item = usize> {
        let slice = || {
            let row = self.row(self.resolution.checked_add(24)?, 8, index)?;
            let (offset, length) = (u32::from_le_bytes(chunk(row, 0)?), u32::from_le_bytes(chunk(row, 4)?));
            let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
            let length = length.min(NEEDS.saturating_add(1));
            span(self.buffers.get(RESOLVED)?, offset.checked_mul(4)?, length.checked_mul(4)?)
        };
        let needed = slice().unwrap_or_default().chunks_exact(4).filter_map(|bytes| chunk(bytes, 0));
        needed.filter_map(|bytes| usize::try_from(u32::from_le_bytes(bytes)).ok())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests may panic")]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    /// Name, tag of the resolution, numbers and prerelease of its version, and what it needs.
    type Package<'a> = (&'a str, u8, [u64; 3], &'a str, &'a [u32]);

    /// A file of these packages.
    fn lock(format: u32, packages: &[Package<'_>]) -> Vec<u8> {
        let short = |number: usize| u32::try_from(number).expect("a small number").to_le_bytes();
        let mut texts: Vec<u8> = Vec::new();
        let mut text = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            if bytes.len() > 8 {
                bytes = [texts.len(), bytes.len() | 1 << 31].map(short).concat();
                texts.extend(text.bytes());
            }
            bytes.resize(8, 0);
            bytes
        };
        let mut columns: [Vec<u8>; 5] = Default::default();
        let mut resolved: Vec<u8> = Vec::new();
        for (name, tag, numbers, before, needs) in packages {
            columns[0].extend(text(name));
            columns[1].extend([0; 8]);
            let mut resolution = vec![*tag];
            resolution.resize(8, 0);
            resolution.extend(text("https://index.example/a.tgz"));
            for number in numbers {
                let bytes = number.to_le_bytes();
                resolution.extend(if format == 2 { &bytes[..4] } else { &bytes[..] });
            }
            resolution.resize(resolution.len().next_multiple_of(8), 0);
            resolution.extend(text(before));
            resolution.resize(if format == 2 { 64 } else { 72 }, 0);
            columns[2].extend(resolution);
            let slice = [resolved.len() / 4, needs.len()].map(short).concat();
            columns[3].extend(&slice);
            columns[4].extend(&slice);
            resolved.extend(needs.iter().flat_map(|need| need.to_le_bytes()));
        }
        let mut bytes = HEADER.to_vec();
        bytes.extend(format.to_le_bytes());
        bytes.resize(TABLE, 0);
        let columns = columns.concat();
        let start = 128;
        for number in [packages.len(), 8, 8, start, start + columns.len()] {
            bytes.extend((number as u64).to_le_bytes());
        }
        bytes.resize(start, 0);
        bytes.extend(columns);
        for content in [&[][..], &[], &resolved, &[], &[], &texts] {
            let start = bytes.len() + 24;
            bytes.extend([start, start + content.len()].iter().flat_map(|n| (*n as u64).to_le_bytes()));
            bytes.extend(b"\n<list> ");
            bytes.extend(content);
        }
        bytes.extend([0; 8]);
        bytes
    }

    const PACKAGES: &[Package<'_>] = &[
        ("app", 1, [0; 3], "", &[1, 2, 4]),
        ("@types/node", 2, [18, 19, 0], "", &[2]),
        ("left-pad", 2, [1, 3, 0], "canary-8039e6d0b", &[]),
        ("w", 72, [0; 3], "", &[2]),
        ("ms", 2, [2, 0, 0], "rc.1", &[3, 9, 1]),
    ];

    #[test]
    fn packages_of_both_formats_are_declared_with_what_they_need() {
        let expected = [
            "npm/%40types/node@18.19.0: left-pad@1.3.0-canary-8039e6d0b",
            "npm/left-pad@1.3.0-canary-8039e6d0b",
            "npm/ms@2.0.0-rc.1: node@18.19.0",
        ];
        for format in [2, 3] {
            assert_eq!(shown("srv/bun.lockb", lock(format, PACKAGES)), expected, "{format}");
        }
    }

    #[test]
    fn broken_files_are_told() {
        let good = lock(2, PACKAGES);
        let mut far = good.clone();
        far[TABLE..TABLE + 8].fill(0xff);
        let long = "n".repeat(TEXT + 1);
        let cases = [
            (good[..good.len() - 40].to_vec(), "cut short or damaged"),
            (HEADER.to_vec(), "cut short"),
            (far, "cut short or damaged"),
            (lock(4, &[]), "in format 4"),
            (lock(2, &[(&long, 2, [1, 0, 0], "", &[])]), "package 0 has no usable name"),
        ];
        for (bytes, expected) in cases {
            let shown = shown("bun.lockb", bytes);
            assert!(shown.len() == 1 && shown[0].starts_with('!') && shown[0].contains(expected), "{shown:?}");
        }
        torment(read, &good);
    }

    #[test]
    fn lists_that_all_packages_point_into_cost_little() {
        let needs: Vec<u32> = vec![0; NEEDS + 1];
        let mut packages: Vec<Package<'_>> = vec![("a", 2, [1, 0, 0], "", &needs)];
        packages.extend((0..3_000).map(|patch| ("b", 2, [1, 0, patch], "", &[][..])));
        let mut bytes = lock(2, &packages);
        // the slice of the first for all of them
        let column = 128 + (16 + 64 + 8) * packages.len();
        let slice: [u8; 8] = bytes[column..column + 8].try_into().expect("eight bytes");
        for index in 0..packages.len() {
            bytes[column + index * 8..column + index * 8 + 8].copy_from_slice(&slice);
        }
        let mut declared = Declared::default();
        read(&bytes, &mut declared).expect("it is in order");
        let kept: usize = declared.packages().iter().map(|package| package.needs.len()).sum();
        assert!(kept <= NEED_BYTES / NEED && declared.packages().len() == packages.len(), "{kept}");
    }
}
