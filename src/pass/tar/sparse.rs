//! Sparse files: old GNU headers, and the PAX forms 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").

use super::header::{Block, field, parse_number};
use super::pax::{parse_decimal, parse_size};

/// Where stored bytes lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// The sparse keys of an extended header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PaxMap {
    major: Vec<u8>,
    minor: Vec<u8>,
    /// The file's real name, its own being made up for readers that do not know the format.
    pub(super) name: Option<Vec<u8>>,
    /// `size` or, in 1.0, `realsize`.
    pub(super) real_size: Option<u64>,
    /// Offsets and lengths in turn, as many as the limit lets in.
    numbers: Vec<u64>,
    /// How many there were of them.
    seen: u64,
    has_map: bool,
    blocks: Option<u64>,
}

/// What form the sparse keys speak of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PaxForm {
    /// No sparse file.
    None,
    /// 0.0 or 0.1: the map is in the header.
    InHeader,
    /// 1.0: the map is in front of the content.
    InContent,
    /// A version that does not exist.
    Unknown,
}

impl PaxMap {
    /// Takes the value of `GNU.sparse.KEY`.
    pub(super) fn set(&mut self, key: &[u8], value: &[u8], max_regions: usize) -> Result<(), String> {
        let number = || parse_decimal(value).ok_or("a number of a sparse map is malformed");
        match key {
            b"major" => self.major = value.to_vec(),
            b"minor" => self.minor = value.to_vec(),
            b"name" if value.contains(&0) => return Err("the PAX record `GNU.sparse.name` holds a NUL".into()),
            b"name" => self.name = (!value.is_empty()).then(|| value.to_vec()),
            b"size" | b"realsize" => self.real_size = Some(parse_size("GNU.sparse.size", value)?),
            b"numblocks" => self.blocks = Some(number()?),
            b"offset" | b"numbytes" => {
                let is_second = !self.seen.is_multiple_of(2);
                if is_second != (key == b"numbytes") {
                    return Err("offsets and lengths of a sparse map do not alternate".into());
                }
                self.has_map = true;
                self.push(number()?, max_regions);
            }
            b"map" => {
                self.numbers.clear();
                self.seen = 0;
                self.has_map = true;
                for text in value.split(|byte| *byte == b',').filter(|_| !value.is_empty()) {
                    self.push(parse_decimal(text).ok_or("a number of a sparse map is malformed")?, max_regions);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, number: u64, max_regions: usize) {
        self.seen = self.seen.saturating_add(1);
        if self.numbers.len() / 2 < max_regions {
            self.numbers.push(number);
        }
    }

    /// Checks that the numbers came in pairs.
    pub(super) fn check_pairs(&self) -> Result<(), String> {
        if self.seen.is_multiple_of(2) { Ok(()) } else { Err("a sparse map has an odd number of numbers".into()) }
    }

    pub(super) fn form(&self) -> PaxForm {
        match (self.major.as_slice(), self.minor.as_slice()) {
            (b"0", b"0" | b"1") => PaxForm::InHeader,
            (b"1", b"0") => PaxForm::InContent,
            (b"", b"") if self.has_map => PaxForm::InHeader,
            (b"", b"") => PaxForm::None,
            _ => PaxForm::Unknown,
        }
    }

    /// The regions that the header itself lists.
    pub(super) fn regions(&self, max_regions: usize) -> Result<Vec<Region>, String> {
        if self.seen > self.numbers.len() as u64 {
            return Err(too_many(max_regions));
        }
        let regions: Vec<Region> = self
            .numbers
            .chunks_exact(2)
            .filter_map(|pair| pair.first_chunk::<2>())
            .map(|&[offset, length]| Region { offset, length })
            .collect();
        if self.blocks != Some(regions.len() as u64) {
            return Err("a sparse map has not as many regions as it says".into());
        }
        Ok(regions)
    }
}

/// The regions of a block of old GNU headers, from `at` on, and whether another block follows.
pub(super) fn parse_old_regions(
    block: &Block,
    at: usize,
    count: usize,
    extended_at: usize,
) -> (Result<Vec<Region>, String>, bool) {
    let is_extended = field(block, extended_at, 1) != b"\0";
    let mut regions = Vec::new();
    for entry in field(block, at, count.saturating_mul(24)).chunks_exact(24) {
        // unused entries are NUL; the first of them ends the block's list
        if entry.first() == Some(&0) {
            break;
        }
        let number = |field: Option<&[u8]>| u64::try_from(parse_number(field.unwrap_or_default()).ok()?).ok();
        let (Some(offset), Some(length)) = (number(entry.get(..12)), number(entry.get(12..))) else {
            return (Err("a number of a sparse map is malformed".into()), is_extended);
        };
        regions.push(Region { offset, length });
    }
    (Ok(regions), is_extended)
}

/// Reads the map of form 1.0: decimal numbers, each with its newline, the first one counting the pairs.
#[derive(Debug, Default)]
pub(super) struct ContentMap {
    line: Vec<u8>,
    count: Option<u64>,
    numbers: Vec<u64>,
}

impl ContentMap {
    /// Takes the next block; the map when it is complete, whose last block is padding from there on.
    pub(super) fn take(&mut self, block: &[u8], max_regions: usize) -> Result<Option<Vec<Region>>, String> {
        for byte in block {
            if *byte != b'\n' {
                if self.line.len() >= 20 {
                    return Err("a number of a sparse map is malformed".into());
                }
                self.line.push(*byte);
                continue;
            }
            let number = parse_decimal(&self.line).ok_or("a number of a sparse map is malformed")?;
            self.line.clear();
            match self.count {
                None if number > max_regions as u64 => return Err(too_many(max_regions)),
                None => self.count = Some(number),
                Some(_) => self.numbers.push(number),
            }
            if self.count.is_some_and(|count| self.numbers.len() as u64 >= count.saturating_mul(2)) {
                let pairs = self.numbers.chunks_exact(2).filter_map(|pair| pair.first_chunk::<2>());
                return Ok(Some(pairs.map(|&[offset, length]| Region { offset, length }).collect()));
            }
        }
        Ok(None)
    }
}

/// Checks that the regions are in order, apart, within the file, and that the stored bytes are theirs.
pub(super) fn check_regions(regions: &[Region], real_size: u64, stored: u64) -> Result<(), String> {
    let mut end = 0_u64;
    let mut sum = 0_u64;
    for region in regions {
        if region.offset < end {
            return Err("the regions of a sparse file overlap or are out of order".into());
        }
        end = region.offset.saturating_add(region.length);
        if end > real_size {
            return Err("a region of a sparse file lies beyond its end".into());
        }
        sum = sum.saturating_add(region.length);
    }
    if sum != stored {
        return Err("a sparse file has not as many bytes stored as its map says".into());
    }
    Ok(())
}

pub(super) fn too_many(max_regions: usize) -> String {
    format!("a sparse file has more than {max_regions} regions")
}
