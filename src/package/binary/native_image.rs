//! Programs that `GraalVM` compiled of Java: the bill of materials that `native-image --enable-sbom` puts into them
//! (`GraalVM` "Embed an SBOM"): `CycloneDX` in gzip, at the symbol `sbom`, as many bytes as the number at `sbom_length`.

use crate::collect::{Fact, Facts};
use crate::format::decompress::{Compressed, inflate};
use crate::format::program::Program;
use crate::package::sbom;
use crate::package::text::complain;

/// Largest document, in bytes; a program of 500 jars has some 400 KiB.
const DOCUMENT: usize = 16 << 20;

/// Symbols looked at; programs have as many as they take from and give to libraries, the largest some 100,000.
const SYMBOLS: usize = 1_000_000;

/// Adds the packages that the program was compiled of.
pub(super) fn push(program: &Program<'_>, facts: &mut Facts) {
    let Some((start, length)) = places(program) else { return };
    let length = program.at(length, program.pointer_size).and_then(|bytes| program.pointer(bytes));
    let length = length.and_then(|length| usize::try_from(length).ok());
    let Some(packed) = length.and_then(|length| program.at(start, length)) else {
        return complain(facts, "the bill of materials in it is not where it says".to_owned());
    };
    let document = match inflate(Compressed::Gzip, packed, DOCUMENT) {
        Ok(bytes) => sbom::read(&bytes),
        Err(error) => Err(error.to_string()),
    };
    match document {
        Ok(Some(document)) => {
            for package in document.packages {
                facts.package(package);
            }
            if let Some(what) = document.lost {
                complain(facts, format!("of the bill of materials in it, components are not understood: {what}"));
            }
            if let Some(what) = document.odd {
                facts.push(Fact::Oddity(what.into()));
            }
        }
        Ok(None) => complain(facts, "the bill of materials in it is of no known kind".to_owned()),
        Err(what) => complain(facts, format!("the bill of materials in it cannot be read: {what}")),
    }
}

/// The addresses of the document and of its length, from the table of dynamic symbols (System V ABI, "Symbol Table").
fn places(program: &Program<'_>) -> Option<(u64, u64)> {
    let names = program.section(".dynstr")?;
    // most programs have no such name, and need not be searched
    memchr::memmem::find(names, b"\0sbom_length\0")?;
    let (size, value_at) = if program.pointer_size == 8 { (24, 8) } else { (16, 4) };
    let (mut start, mut length) = (None, None);
    for symbol in program.section(".dynsym")?.chunks_exact(size).take(SYMBOLS) {
        let name: [u8; 4] = *symbol.first_chunk()?;
        let name = if program.is_big_endian { u32::from_be_bytes(name) } else { u32::from_le_bytes(name) };
        let name = names.get(usize::try_from(name).ok()?..).unwrap_or_default();
        let wanted = if name.starts_with(b"sbom\0") {
            &mut start
        } else if name.starts_with(b"sbom_length\0") {
            &mut length
        } else {
            continue;
        };
        *wanted = program.pointer(symbol.get(value_at..)?);
    }
    start.zip(length)
}

#[cfg(test)]
mod tests {
    use crate::format::decompress::Compressed;
    use crate::format::testing::{Elf, deflate};
    use crate::package::testing::{Image, assemble};

    const DOCUMENT: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
        {"name":"netty-common","purl":"pkg:maven/io.netty/netty-common@4.1.100.Final"}]}"#;

    /// A program whose symbols say `length` bytes of the document.
    fn program(is_64: bool, is_big: bool, packed: &[u8], length: usize) -> Vec<u8> {
        let elf = Elf::with_layout(is_64, is_big);
        let (wide, names) = (if is_64 { 8 } else { 4 }, "\0sbom\0sbom_length\0");
        let mut symbols = vec![0; if is_64 { 24 } else { 16 }];
        for (name, address) in [(1, 0x8000), (6, 0x7000)] {
            symbols.extend(elf.number(name, 4));
            if is_64 {
                symbols.extend([0; 4]);
            }
            symbols.extend(elf.number(address, wide));
            symbols.resize(symbols.len() + 8, 0);
        }
        let length = elf.number(length as u64, wide);
        elf.section(".dynstr", names)
            .section(".dynsym", symbols)
            .data(".length", 0x7000, length)
            .data(".sbom", 0x8000, packed)
            .build()
    }

    #[test]
    fn the_document_in_a_native_image_names_what_it_was_compiled_of() {
        let packed = deflate(Compressed::Gzip, DOCUMENT.as_bytes());
        for (is_64, is_big) in [(true, false), (true, true), (false, false)] {
            let inventory = assemble(&Image::new().file("app/server", program(is_64, is_big, &packed, packed.len())));
            let [package] = &inventory.packages[..] else { panic!("{:?}", inventory.limitations) };
            assert_eq!(package.purl, "pkg:maven/io.netty/netty-common@4.1.100.Final");
            assert_eq!(package.state, crate::inventory::State::Installed);
        }
        let partly = DOCUMENT.replace(']', r#",{"purl":"pkg:weather/a@1"}]"#);
        let partly = deflate(Compressed::Gzip, partly.as_bytes());
        let told = |program: Vec<u8>| {
            let inventory = assemble(&Image::new().file("app/server", program));
            (inventory.packages.len(), inventory.limitations.iter().filter(|told| told.is_gap).count())
        };
        assert_eq!(told(program(true, false, &packed, packed.len() - 9)), (0, 1));
        assert_eq!(told(program(true, false, &packed, usize::MAX)), (0, 1));
        assert_eq!(told(program(true, false, b"no gzip", 7)), (0, 1));
        assert_eq!(told(program(true, false, &partly, partly.len())), (1, 1));
        let text = deflate(Compressed::Gzip, b"text");
        assert_eq!(told(program(true, false, &text, text.len())), (0, 1));
    }
}
