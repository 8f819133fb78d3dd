//! Programs and libraries: sections, segments and notes of ELF (System V ABI, "Object Files"), PE (Microsoft "PE Format")
//! and Mach-O (Apple `loader.h`), for those who look for what compilers and packagers left in them.
//!
//! Contents are lent from the file's bytes, not copied.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;
use std::fmt;

use object::endian::Endianness;
use object::read::elf::{FileHeader, ProgramHeader as _, SectionHeader as _};
use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use object::{FileKind, Object as _, ObjectSection as _, ObjectSegment as _, elf};

/// Sections and segments kept of one program; a library has some 30. Object files may have many thousands,
/// but those are no programs.
const PARTS: usize = 4_096;

/// Architectures read of one fat Mach-O file. Apple's own hold two or three.
const ARCHITECTURES: usize = 8;

/// Notes looked at in one section.
const NOTES: usize = 256;

/// Bytes of the names of all sections of one program; those of a library have below 1 KiB. Many names may be the same bytes.
const NAMES: usize = 1 << 20;

/// Longest name kept, in bytes. Those that matter have below 20.
const NAME: usize = 256;

/// Bytes at the start of a file in which a packer leaves its mark.
const PACKER_HEAD: usize = 1_024;

/// How a program is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramFormat {
    /// Linux and most other systems.
    Elf,
    /// Windows.
    Pe,
    /// macOS.
    MachO,
}

/// Why a file could not be read as a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoProgram(&'static str);

impl fmt::Display for NoProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One program for one architecture.
#[derive(Debug, Clone)]
pub struct Program<'a> {
    /// How it is laid out.
    pub format: ProgramFormat,
    /// Whether numbers in it have their highest byte first.
    pub is_big_endian: bool,
    /// Bytes of an address: 4 or 8.
    pub pointer_size: usize,
    /// Why sections or segments are missing from the lists, where the file is damaged or has too many.
    pub flaw: Option<&'static str>,
    bytes: &'a [u8],
    sections: Vec<Section<'a>>,
    segments: Vec<Segment<'a>>,
}

/// A named part of a program.
#[derive(Debug, Clone)]
struct Section<'a> {
    name: Cow<'a, [u8]>,
    data: &'a [u8],
}

/// A part of a program as it is loaded.
#[derive(Debug, Clone, Copy)]
struct Segment<'a> {
    address: u64,
    data: &'a [u8],
    is_writable: bool,
    is_note: bool,
}

/// A note of an ELF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note<'a> {
    /// Who defined it, such as `GNU` or `FDO`, without the NUL at its end.
    pub owner: &'a [u8],
    /// What it is, in the owner's numbering.
    pub kind: u32,
    /// What it says.
    pub content: &'a [u8],
}

impl<'a> Program<'a> {
    /// Whether `bytes` begin as some program does.
    pub fn has_magic(bytes: &[u8]) -> bool {
        matches!(
            bytes,
            [0x7f, b'E', b'L', b'F', ..]
                | [b'M', b'Z', ..]
                | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
                | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
                | [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, 1..=8, ..]
        )
    }

    /// Reads the program at `bytes`. A fat Mach-O file holds one for each architecture, all others just one.
    ///
    /// Damage that spares the header leaves a [`flaw`](Self::flaw).
    pub fn parse(bytes: &'a [u8]) -> Result<Vec<Self>, NoProgram> {
        let kind = FileKind::parse(bytes).map_err(|_| NoProgram("it is no program"))?;
        match kind {
            FileKind::Elf32 => Self::of_elf::<elf::FileHeader32<Endianness>>(bytes, 4).map(|program| vec![program]),
            FileKind::Elf64 => Self::of_elf::<elf::FileHeader64<Endianness>>(bytes, 8).map(|program| vec![program]),
            FileKind::Pe32 | FileKind::Pe64 => Self::of_object(bytes, ProgramFormat::Pe).map(|program| vec![program]),
            FileKind::MachO32 | FileKind::MachO64 => {
                Self::of_object(bytes, ProgramFormat::MachO).map(|program| vec![program])
            }
            FileKind::MachOFat32 => {
                let fat = MachOFatFile32::parse(bytes).map_err(|_| NoProgram("its list of architectures is cut"))?;
                Self::of_architectures(bytes, fat.arches())
            }
            FileKind::MachOFat64 => {
                let fat = MachOFatFile64::parse(bytes).map_err(|_| NoProgram("its list of architectures is cut"))?;
                Self::of_architectures(bytes, fat.arches())
            }
            _ => Err(NoProgram("it is no program")),
        }
    }

    /// The content of the first section of this name, such as `.comment` or `__go_buildinfo`.
    pub fn section(&self, name: &str) -> Option<&'a [u8]> {
        self.sections.iter().find(|section| *section.name == *name.as_bytes()).map(|section| section.data)
    }

    /// Whether the table of sections is there: linkers write one, some packers and `sstrip` drop it.
    pub fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    /// Whether there is no table of symbols, in which functions have names.
    pub fn is_stripped(&self) -> bool {
        self.section(".symtab").is_none()
    }

    /// Whether the code was compressed by UPX, which hides all that compilers left.
    pub fn is_packed(&self) -> bool {
        let head = self.bytes.get(..PACKER_HEAD).unwrap_or(self.bytes);
        !(self.has_sections() && self.format == ProgramFormat::Elf) && memchr::memmem::find(head, b"UPX!").is_some()
    }

    /// Data that the program may write to, with its address: each segment, in their order. Segments that overlap end
    /// it once they come to more than the file.
    pub fn writable(&self) -> impl Iterator<Item = (u64, &'a [u8])> {
        let mut left = self.bytes.len();
        let segments = self.segments.iter().filter(|segment| segment.is_writable);
        segments.map_while(move |segment| {
            left = left.checked_sub(segment.data.len())?;
            Some((segment.address, segment.data))
        })
    }

    /// The `length` bytes that are loaded at `address`, if the file has them all.
    pub fn at(&self, address: u64, length: usize) -> Option<&'a [u8]> {
        self.segments.iter().find_map(|segment| {
            let start = usize::try_from(address.checked_sub(segment.address)?).ok()?;
            segment.data.get(start..start.checked_add(length)?)
        })
    }

    /// The number of `pointer_size` bytes at the start of `bytes`.
    pub fn pointer(&self, bytes: &[u8]) -> Option<u64> {
        match (self.pointer_size, self.is_big_endian) {
            (4, false) => bytes.first_chunk().map(|word| u64::from(u32::from_le_bytes(*word))),
            (4, true) => bytes.first_chunk().map(|word| u64::from(u32::from_be_bytes(*word))),
            (_, false) => bytes.first_chunk().map(|word| u64::from_le_bytes(*word)),
            (_, true) => bytes.first_chunk().map(|word| u64::from_be_bytes(*word)),
        }
    }

    /// The notes of the section of this name, or of all note segments where the table of sections is missing.
    pub fn notes(&self, section: &str) -> Vec<Note<'a>> {
        let mut notes = Vec::new();
        if self.has_sections() {
            self.read_notes(self.section(section).unwrap_or_default(), &mut notes);
        } else {
            for segment in self.segments.iter().filter(|segment| segment.is_note) {
                self.read_notes(segment.data, &mut notes);
            }
        }
        notes
    }

    fn of_elf<H: FileHeader<Endian = Endianness>>(bytes: &'a [u8], pointer_size: usize) -> Result<Self, NoProgram> {
        let header = H::parse(bytes).map_err(|_| NoProgram("its ELF header is cut"))?;
        let endian = header.endian().map_err(|_| NoProgram("its ELF header is damaged"))?;
        let mut program = Self {
            format: ProgramFormat::Elf,
            is_big_endian: endian == Endianness::Big,
            pointer_size,
            flaw: None,
            bytes,
            sections: Vec::new(),
            segments: Vec::new(),
        };
        match header.program_headers(endian, bytes) {
            Ok(segments) => {
                for segment in segments.iter().take(PARTS) {
                    let kind = segment.p_type(endian);
                    if kind != elf::PT_LOAD && kind != elf::PT_NOTE {
                        continue;
                    }
                    let Ok(data) = segment.data(endian, bytes) else {
                        program.flaw = Some("a segment of it lies beyond its end");
                        continue;
                    };
                    let is_note = kind == elf::PT_NOTE;
                    let is_writable = !is_note && segment.p_flags(endian).contains(elf::PF_W);
                    let address = segment.p_vaddr(endian).into();
                    program.segments.push(Segment { address, data, is_writable, is_note });
                }
                // notes lie within loaded segments, which come first to find an address
                program.segments.sort_by_key(|segment| segment.is_note);
            }
            Err(_) => program.flaw = Some("its table of segments lies beyond its end"),
        }
        match header.sections(endian, bytes) {
            Ok(sections) => {
                if sections.len() > PARTS {
                    program.flaw = Some("it has more sections than any program");
                }
                let mut names = NAMES;
                for section in sections.iter().skip(1).take(PARTS) {
                    let Ok(name) = sections.section_name(endian, section) else {
                        program.flaw = Some("the name of a section lies beyond its end");
                        continue;
                    };
                    let Some(rest) = names.checked_sub(name.len()) else {
                        program.flaw = Some("the names of its sections are longer than those of any program");
                        break;
                    };
                    names = rest;
                    match section.data(endian, bytes) {
                        Ok(data) => program.sections.push(Section { name: name.into(), data }),
                        Err(_) => program.flaw = Some("a section of it lies beyond its end"),
                    }
                }
            }
            Err(_) => program.flaw = Some("its table of sections lies beyond its end"),
        }
        Ok(program)
    }

    fn of_object(bytes: &'a [u8], format: ProgramFormat) -> Result<Self, NoProgram> {
        let file = object::File::parse(bytes).map_err(|_| NoProgram("its headers are damaged or cut"))?;
        let mut program = Self {
            format,
            is_big_endian: !file.is_little_endian(),
            pointer_size: if file.is_64() { 8 } else { 4 },
            flaw: None,
            bytes,
            sections: Vec::new(),
            segments: Vec::new(),
        };
        let mut names = NAMES;
        for section in file.sections().take(PARTS) {
            let name = section.name_bytes();
            let Some(rest) = names.checked_sub(name.map_or(0, <[u8]>::len)) else {
                program.flaw = Some("the names of its sections are longer than those of any program");
                break;
            };
            names = rest;
            match (name, section.data()) {
                (Ok(name), Ok(data)) => {
                    let name = Cow::Owned(name.get(..NAME).unwrap_or(name).to_vec());
                    program.sections.push(Section { name, data });
                }
                _ => program.flaw = Some("a section of it lies beyond its end"),
            }
        }
        for segment in file.segments().take(PARTS) {
            let Ok(data) = segment.data() else {
                program.flaw = Some("a segment of it lies beyond its end");
                continue;
            };
            let is_writable = segment.permissions().writable();
            program.segments.push(Segment { address: segment.address(), data, is_writable, is_note: false });
        }
        Ok(program)
    }

    fn of_architectures(bytes: &'a [u8], architectures: &[impl FatArch]) -> Result<Vec<Self>, NoProgram> {
        let mut programs = Vec::new();
        for architecture in architectures.iter().take(ARCHITECTURES) {
            let Ok(slice) = architecture.data(bytes) else { continue };
            if matches!(FileKind::parse(slice), Ok(FileKind::MachO32 | FileKind::MachO64)) {
                programs.extend(Self::of_object(slice, ProgramFormat::MachO).ok());
            }
        }
        if programs.is_empty() { Err(NoProgram("none of its architectures can be read")) } else { Ok(programs) }
    }

    /// Notes as the ABI lays them out: three words, and two texts padded to words.
    fn read_notes(&self, mut bytes: &'a [u8], notes: &mut Vec<Note<'a>>) {
        while notes.len() < NOTES {
            let Some(note) = self.read_note(&mut bytes) else { return };
            notes.push(note);
        }
    }

    fn read_note(&self, bytes: &mut &'a [u8]) -> Option<Note<'a>> {
        let mut word = || {
            let (word, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(if self.is_big_endian { u32::from_be_bytes(*word) } else { u32::from_le_bytes(*word) })
        };
        let (owner, content, kind) = (word()?, word()?, word()?);
        let mut text = |length: u32| {
            let length = usize::try_from(length).ok()?;
            let text = bytes.get(..length)?;
            // the padding behind the last one may be missing
            *bytes = bytes.get(length.checked_next_multiple_of(4)?..).unwrap_or_default();
            Some(text)
        };
        let owner = text(owner)?;
        Some(Note { owner: owner.strip_suffix(b"\0").unwrap_or(owner), kind, content: text(content)? })
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]
mod tests {
    use super::*;
    use crate::format::testing::{Elf, mach_o, pe};

    const LAYOUTS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

    fn only(bytes: &[u8]) -> Program<'_> {
        let mut programs = Program::parse(bytes).expect("it is a program");
        assert_eq!(programs.len(), 1);
        programs.remove(0)
    }

    #[test]
    fn sections_and_addresses_are_found_in_every_layout() {
        for (is_64, is_big) in LAYOUTS {
            let elf = Elf::with_layout(is_64, is_big).section(".comment", "GCC").data(".data", 0x8000, b"0123456789");
            // a buffer gives no alignment
            for shift in 0..8 {
                let bytes = [&vec![0; shift][..], &elf.build()].concat();
                let program = only(&bytes[shift..]);
                assert_eq!((program.format, program.is_big_endian), (ProgramFormat::Elf, is_big));
                assert_eq!((program.pointer_size, program.flaw), (if is_64 { 8 } else { 4 }, None));
                assert_eq!(program.section(".comment"), Some(&b"GCC"[..]));
                assert_eq!(program.section(".none"), None);
                assert_eq!(
                    [program.at(0x8003, 4), program.at(0x8003, 8), program.at(0x7fff, 1)],
                    [Some(&b"3456"[..]), None, None]
                );
                assert_eq!(program.writable().collect::<Vec<_>>(), [(0x8000, &b"0123456789"[..])]);
                let number = elf.number(0x0102_0304, program.pointer_size);
                assert_eq!(program.pointer(&number), Some(0x0102_0304));
                assert!(program.is_stripped());
            }
        }
    }

    #[test]
    fn programs_of_other_systems_are_read_the_same_way() {
        let windows = pe(b".data", b"0123456789");
        let program = only(&windows);
        assert_eq!((program.format, program.section(".data")), (ProgramFormat::Pe, Some(&b"0123456789"[..])));
        assert_eq!(program.at(0x1_4000_1003, 3), Some(&b"345"[..]));
        assert_eq!(program.writable().count(), 1);

        let mac = mach_o(b"__go_buildinfo", b"0123456789");
        let program = only(&mac);
        assert_eq!(
            (program.format, program.section("__go_buildinfo")),
            (ProgramFormat::MachO, Some(&b"0123456789"[..]))
        );
        assert_eq!(program.at(0x1_0000_4003, 3), Some(&b"345"[..]));

        let mut fat = b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec();
        let length = u32::try_from(mac.len()).unwrap();
        for offset in [64, 64 + length] {
            for number in [0x0100_000c_u32, 0, offset, length, 0] {
                fat.extend(number.to_be_bytes());
            }
        }
        fat.resize(64, 0);
        fat.extend(mac.repeat(2));
        assert!(Program::has_magic(&fat));
        assert_eq!(Program::parse(&fat).map(|programs| programs.len()), Ok(2));
    }

    #[test]
    fn notes_are_read_with_their_padding() {
        for (is_64, is_big) in LAYOUTS {
            let elf = Elf::with_layout(is_64, is_big);
            let mut notes = Vec::new();
            for (owner, kind, content) in [(&b"GNU\0"[..], 3, &b"12345"[..]), (b"FDO\0", 0xcafe_1a7e, b"{}")] {
                for number in [owner.len() as u64, content.len() as u64, kind] {
                    notes.extend(elf.number(number, 4));
                }
                notes.extend(owner);
                notes.extend(content);
                notes.resize(notes.len().next_multiple_of(4), 0);
            }
            notes.truncate(notes.len() - 2);
            let bytes = elf.section(".note.package", notes).build();
            let shown: Vec<_> =
                only(&bytes).notes(".note.package").iter().map(|note| (note.owner, note.kind, note.content)).collect();
            assert_eq!(shown, [(&b"GNU"[..], 3, &b"12345"[..]), (b"FDO", 0xcafe_1a7e, b"{}")]);
        }
    }

    #[test]
    fn damage_is_told_and_nothing_panics() {
        let elf = Elf::new().section(".comment", "GCC").data(".data", 0x8000, b"0123456789");
        let bytes = elf.build();
        let cut = only(&bytes[..bytes.len() - 1]);
        assert_eq!((cut.flaw, cut.at(0x8000, 1)), (Some("its table of sections lies beyond its end"), Some(&b"0"[..])));
        let bare = elf.without_sections().build();
        assert_eq!((only(&bare).flaw, only(&bare).has_sections()), (None, false));
        assert!(Program::parse(b"#!/bin/sh").is_err());
        assert!(Program::parse(&bytes[..20]).is_err());
        for bytes in [bytes, pe(b".data", b"0123456789"), mach_o(b"__data", b"0123456789")] {
            for at in 0..bytes.len() {
                for value in [0, 0xff, bytes[at] ^ 0x40] {
                    let mut wrong = bytes.clone();
                    wrong[at] = value;
                    for program in Program::parse(&wrong).unwrap_or_default() {
                        program.notes(".comment");
                        program.at(u64::MAX, 1);
                    }
                }
                drop(Program::parse(&bytes[..at]));
            }
        }
    }

    #[test]
    fn packed_programs_are_told() {
        let packed = Elf::new().data("x", 0x8000, b"UPX!").without_sections().build();
        assert!(only(&packed).is_packed());
        let upx_itself = Elf::new().data("x", 0x8000, b"UPX!").build();
        assert!(!only(&upx_itself).is_packed());
    }

    #[test]
    fn names_and_segments_that_overlap_are_not_read_without_end() {
        let name: &'static str = Box::leak("n".repeat(10_000).into_boxed_str());
        let long = (0..200).fold(Elf::new(), |elf, _| elf.section(name, "")).build();
        let program = only(&long);
        assert!(program.flaw.is_some_and(|flaw| flaw.contains("names")), "{:?}", program.flaw);
        assert!(program.sections.len() <= NAMES / name.len());

        let bytes = [7; 100];
        let segment = |_| Segment { address: 0, data: &bytes, is_writable: true, is_note: false };
        let program =
            Program { bytes: &bytes, segments: (0..9).map(segment).collect(), sections: Vec::new(), ..program };
        assert_eq!(program.writable().count(), 1);
    }
}
