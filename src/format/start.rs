//! How a file that is to be started begins: the `#!` line of a script (execve(2), "Interpreter scripts"), and the head of
//! an ELF program (elf(5)), with the loader it asks for.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::bytes::{chunk, span};

/// Bytes of a `#!` line that Linux looks at.
const SCRIPT_LINE: usize = 256;

/// Longest path of a loader, in bytes; `PATH_MAX` of Linux.
const LOADER: usize = 4_096;

/// Program headers looked at; real programs have about a dozen.
const SEGMENTS: u16 = 512;

/// What the beginning of a file says of how it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A script, started by an interpreter.
    Script {
        /// The interpreter's path as it stands there, perhaps empty; a carriage return at its end belongs to it.
        interpreter: Box<str>,
        /// The rest of the line, which is one argument.
        argument: Option<Box<str>>,
    },
    /// A program.
    Elf {
        /// The machine it is for, `EM_…`.
        machine: u16,
        /// Whether its numbers are big-endian.
        is_big_endian: bool,
        /// The loader that starts it, where it needs one and the path stands in the bytes given.
        loader: Option<Box<str>>,
    },
}

impl Start {
    /// Reads the first bytes of a file; `None` if it is neither.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if let Some(rest) = bytes.strip_prefix(b"#!") {
            return Some(script(rest));
        }
        elf(bytes)
    }
}

/// What stands behind `#!`, split as Linux does.
fn script(rest: &[u8]) -> Start {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut line = line.get(..SCRIPT_LINE).unwrap_or(line);
    while let [rest @ .., last] = line
        && is_blank(last)
    {
        line = rest;
    }
    let start = line.iter().position(|byte| !is_blank(byte)).unwrap_or(line.len());
    let line = line.get(start..).unwrap_or_default();
    let end = line.iter().position(is_blank).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at_checked(end).unwrap_or((line, &[]));
    let argument = argument.iter().position(|byte| !is_blank(byte)).and_then(|start| argument.get(start..));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into();
    Start::Script { interpreter: text(interpreter), argument: argument.map(text) }
}

fn elf(bytes: &[u8]) -> Option<Start> {
    let head = bytes.strip_prefix(b"\x7fELF")?;
    let (is_64, is_big_endian) = (*head.first()? == 2, *head.get(1)? == 2);
    let half = |at: usize| {
        chunk(bytes, at).map(|raw| if is_big_endian { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    };
    let word = |at: usize| {
        chunk(bytes, at).map(|raw| if is_big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    };
    let long = |at: usize| {
        chunk(bytes, at).map(|raw| if is_big_endian { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
    };
    // an address or offset, as wide as the class says
    let wide = |at: usize| {
        let number = if is_64 { long(at)? } else { u64::from(word(at)?) };
        usize::try_from(number).ok()
    };
    let machine = half(18)?;
    let loader = || {
        let (table, size, count) =
            if is_64 { (wide(32)?, half(54)?, half(56)?) } else { (wide(28)?, half(42)?, half(44)?) };
        (0..count.min(SEGMENTS)).find_map(|index| {
            let at = table.checked_add(usize::from(index).checked_mul(usize::from(size))?)?;
            // PT_INTERP
            if word(at)? != 3 {
                return None;
            }
            let (offset, length) = if is_64 { (8, 32) } else { (4, 16) };
            let path = span(bytes, wide(at.checked_add(offset)?)?, wide(at.checked_add(length)?)?.min(LOADER))?;
            let path = path.split(|byte| *byte == 0).next()?;
            (!path.is_empty()).then(|| String::from_utf8_lossy(path).into())
        })
    };
    Some(Start::Elf { machine, is_big_endian, loader: loader() })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]
mod tests {
    use super::*;

    /// The head of a program with at most one segment, which names its loader.
    fn program(is_64: bool, is_big_endian: bool, machine: u8, loader: Option<&str>) -> Vec<u8> {
        let mut bytes = vec![0; 256];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 1 + u8::from(is_64), 1 + u8::from(is_big_endian)]);
        let mut put = |at: usize, width: usize, number: u8| {
            bytes[if is_big_endian { at + width - 1 } else { at }] = number;
        };
        let wide = if is_64 { 8 } else { 4 };
        put(18, 2, machine);
        let (table, size, count, offset, length) = if is_64 { (32, 54, 56, 8, 32) } else { (28, 42, 44, 4, 16) };
        put(table, wide, 64);
        put(size, 2, 56);
        put(count, 2, u8::from(loader.is_some()));
        put(64, 4, 3);
        put(64 + offset, wide, 200);
        let path = loader.unwrap_or_default();
        put(64 + length, wide, u8::try_from(path.len() + 1).expect("a short path"));
        bytes[200..200 + path.len()].copy_from_slice(path.as_bytes());
        bytes
    }

    #[test]
    fn lines_of_scripts_are_split_as_linux_does() {
        let cases: &[(&[u8], &str, Option<&str>)] = &[
            (b"#!/bin/sh\necho", "/bin/sh", None),
            (b"#! /bin/sh -e \n", "/bin/sh", Some("-e")),
            (b"#!/usr/bin/env python3 -u\n", "/usr/bin/env", Some("python3 -u")),
            (b"#!/bin/sh\r\necho\r\n", "/bin/sh\r", None),
            (b"#!/usr/bin/env\tnode\r\n", "/usr/bin/env", Some("node\r")),
            (b"#!", "", None),
            (b"#!\n", "", None),
            (b"#!bin/sh", "bin/sh", None),
        ];
        for (bytes, interpreter, argument) in cases {
            let expected = Start::Script { interpreter: (*interpreter).into(), argument: argument.map(Into::into) };
            assert_eq!(Start::of(bytes), Some(expected), "{}", bytes.escape_ascii());
        }
        for other in [&b""[..], b"#", b"echo", b"\x7fEL", b"\x7fELF", b"\x7fELF\x02\x01"] {
            assert_eq!(Start::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn heads_of_programs_name_machine_and_loader() {
        for (is_64, is_big_endian) in [(true, false), (true, true), (false, false), (false, true)] {
            for loader in [None, Some("/lib/ld.so")] {
                let bytes = program(is_64, is_big_endian, 62, loader);
                let expected = Start::Elf { machine: 62, is_big_endian, loader: loader.map(Into::into) };
                assert_eq!(Start::of(&bytes), Some(expected), "{is_64} {is_big_endian}");
                for end in 0..bytes.len() {
                    // whatever is cut off, nothing is read beyond
                    let _ = Start::of(bytes.get(..end).unwrap_or_default());
                }
            }
        }
    }

    #[test]
    fn numbers_that_lead_nowhere_name_no_loader() {
        let mut bytes = program(true, false, 62, Some("/lib/ld.so"));
        bytes[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Start::of(&bytes), Some(Start::Elf { machine: 62, is_big_endian: false, loader: None }));
    }
}
