//! What Go's linker writes into each program: version of Go, modules and settings (Go's `debug/buildinfo` and `cmd/link`).
//!
//! Since Go 1.18 the two texts stand behind the header; before, the header points to two string headers.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use memchr::memmem;

use super::program::{Program, ProgramFormat};

/// The mark, which stands at multiples of [`ALIGN`].
const MAGIC: &[u8] = b"\xff Go buildinf:";

/// Where the mark may stand, counted from the start of its segment.
const ALIGN: usize = 16;

/// Bytes of the header: the mark, size of pointers, flags, two pointers.
const HEADER: usize = 32;

/// Flags: the pointers have their highest byte first.
const BIG_ENDIAN: u8 = 1;

/// Flags: no pointers, the texts follow the header.
const INLINE: u8 = 2;

/// Marks looked at, so that a file full of them costs little. A scanner has one among its own constants.
const MARKS: usize = 64;

/// Longest version of Go, in bytes. With all experiments on it stays below 300.
const VERSION: usize = 1_024;

/// Longest list of modules and settings, in bytes; Kubernetes' is 20 KiB.
const TEXT: usize = 2 << 20;

/// Modules kept of one program. The largest seen have 1,500.
const MODULES: usize = 20_000;

/// Settings kept of one program. Go writes some 20.
const SETTINGS: usize = 200;

/// Longest path, version or checksum of a module, in bytes.
const FIELD: usize = 1_024;

/// Bytes around the list of modules that tell a debugger where it is.
const SENTINEL: usize = 16;

/// What is known of how a Go program was built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoBuildInfo {
    /// Version of Go as it names itself: `go1.22.1`, `go1.23.0 X:boringcrypto`, `devel go1.24-1234 ...`.
    pub go_version: String,
    /// Import path of the main package.
    pub path: String,
    /// The module that holds it. Its version is `(devel)` where Go did not know better.
    pub main: Option<GoModule>,
    /// The modules linked in.
    pub dependencies: Vec<GoModule>,
    /// Settings of the build, such as `-ldflags`, `vcs.revision`, `GOOS`.
    pub settings: Vec<(String, String)>,
    /// Whether the list was longer than what is kept, or had lines that are none.
    pub has_gaps: bool,
}

/// A module, as required and as used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoModule {
    /// Path, such as `golang.org/x/net`.
    pub path: String,
    /// Version with its `v`; empty or `(devel)` where there is none.
    pub version: String,
    /// Checksum, `h1:` and base64; empty for modules of a folder.
    pub sum: String,
    /// What was used in its stead; its path is a folder's where its version is empty.
    pub replaced_by: Option<Box<GoModule>>,
}

impl GoModule {
    /// The module whose code is in the program.
    pub fn used(&self) -> &Self {
        self.replaced_by.as_deref().unwrap_or(self)
    }
}

impl GoBuildInfo {
    /// What Go left in `program`; `None` if it is not of Go, or older than Go 1.13.
    pub fn of(program: &Program<'_>) -> Option<Self> {
        let named = program.section(".go.buildinfo").or_else(|| program.section("__go_buildinfo"));
        if let Some(section) = named {
            return Self::in_data(section, program);
        }
        // linkers of others may drop the section's name, and Windows has none for it
        if program.format == ProgramFormat::Elf && program.has_sections() && program.section(".gopclntab").is_none() {
            return None;
        }
        program.writable().find_map(|(_, data)| Self::in_data(data, program))
    }

    /// The first build information in `data` that can be read.
    fn in_data(data: &[u8], program: &Program<'_>) -> Option<Self> {
        let marks = memmem::find_iter(data, MAGIC).take(MARKS);
        let mut aligned = marks.filter(|at| at.is_multiple_of(ALIGN)).filter_map(|at| data.get(at..));
        aligned.find_map(|bytes| {
            let (version, modules) = match bytes.get(MAGIC.len()..HEADER)? {
                [_, flags, ..] if flags & INLINE != 0 => inline(bytes)?,
                [pointer_size, flags, pointers @ ..] => pointed_to(program, *pointer_size, *flags, pointers)?,
                _ => return None,
            };
            Self::of_texts(version, modules)
        })
    }

    /// What a piece of a large file holds, of Go 1.18 or later: the mark at a multiple of 16 of the file, both texts behind it.
    ///
    /// `offset` is where the piece begins in the file.
    pub fn in_piece(piece: &[u8], offset: u64) -> Option<Self> {
        let marks = memmem::find_iter(piece, MAGIC).take(MARKS);
        let mut aligned = marks.filter(|at| offset.wrapping_add(*at as u64).is_multiple_of(ALIGN as u64));
        aligned.find_map(|at| {
            let bytes = piece.get(at..)?;
            let flags = bytes.get(MAGIC.len().saturating_add(1))?;
            let (version, modules) = if flags & INLINE == 0 { None } else { inline(bytes) }?;
            Self::of_texts(version, modules)
        })
    }

    /// Whether a piece of a large file holds the mark of Go of before 1.18, which points elsewhere into the program.
    ///
    /// `offset` is where the piece begins in the file; marks within its first `known` bytes do not count.
    pub fn is_pointed_to_in_piece(piece: &[u8], offset: u64, known: usize) -> bool {
        let marks = memmem::find_iter(piece, MAGIC).take(MARKS);
        let mut aligned = marks.filter(|at| offset.wrapping_add(*at as u64).is_multiple_of(ALIGN as u64));
        aligned.any(|at| {
            let end = at.saturating_add(HEADER);
            let header = piece.get(at..end).and_then(|header| header.get(MAGIC.len()..));
            end > known && matches!(header, Some([4 | 8, 0 | BIG_ENDIAN, ..]))
        })
    }

    fn of_texts(version: &[u8], modules: &[u8]) -> Option<Self> {
        let go_version = text(version, VERSION)?;
        if !go_version.starts_with("go") && !go_version.starts_with("devel") && !go_version.contains("go1.") {
            return None;
        }
        let mut info = Self { go_version, ..Self::default() };
        info.take_modules(without_sentinels(modules));
        Some(info)
    }

    /// Reads lines of fields with tabs between them, as `runtime/debug.ParseBuildInfo` does.
    fn take_modules(&mut self, modules: &[u8]) {
        for line in modules.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut fields = line.split(|byte| *byte == b'\t');
            let kind = fields.next().unwrap_or_default();
            let is_known = match kind {
                b"path" => fields.next().and_then(|path| text(path, FIELD)).map(|path| self.path = path).is_some(),
                b"mod" => {
                    self.main = module(fields);
                    self.main.is_some()
                }
                b"dep" if self.dependencies.len() < MODULES => {
                    let dependency = module(fields);
                    let is_some = dependency.is_some();
                    self.dependencies.extend(dependency);
                    is_some
                }
                b"=>" => self.replace_last(module(fields)).is_some(),
                b"build" => self.take_setting(line.get(kind.len().saturating_add(1)..).unwrap_or_default()).is_some(),
                _ => false,
            };
            self.has_gaps |= !is_known;
        }
    }

    fn replace_last(&mut self, by: Option<GoModule>) -> Option<()> {
        self.dependencies.last_mut().or(self.main.as_mut())?.replaced_by = Some(Box::new(by?));
        Some(())
    }

    /// `key=value`, either in Go's quotes where it has blanks or such.
    fn take_setting(&mut self, setting: &[u8]) -> Option<()> {
        let setting = std::str::from_utf8(setting).ok()?;
        let (key, rest) = match setting.strip_prefix('`').or_else(|| setting.strip_prefix('"')) {
            Some(quoted) => quoted.split_once(['`', '"'])?,
            None => setting.split_at_checked(setting.find('=')?)?,
        };
        let value = rest.strip_prefix('=')?;
        if self.settings.len() >= SETTINGS {
            return None;
        }
        self.settings.push((key.to_owned(), unquoted(value)));
        Some(())
    }

    /// The setting of this name.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

/// Two texts behind the header, each after its length.
fn inline(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (version, rest) = sized(bytes.get(HEADER..)?)?;
    let (modules, _) = sized(rest)?;
    Some((version, modules))
}

/// A text after its length, which is a varint of groups of seven bits, the lowest first.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_usize;
    for (shift, (at, byte)) in (0..28).step_by(7).zip(bytes.iter().enumerate()) {
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return if length > TEXT { None } else { bytes.get(at.checked_add(1)?..)?.split_at_checked(length) };
        }
    }
    None
}

/// Two texts to which the header's pointers lead, each by way of Go's header of a string.
fn pointed_to<'a>(program: &Program<'a>, pointer_size: u8, flags: u8, pointers: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let size = usize::from(pointer_size);
    if size != program.pointer_size || (flags & BIG_ENDIAN != 0) != program.is_big_endian {
        return None;
    }
    let string = |pointer: &[u8]| {
        let header = program.at(program.pointer(pointer)?, size.checked_mul(2)?)?;
        let length = usize::try_from(program.pointer(header.get(size..)?)?).ok().filter(|length| *length <= TEXT)?;
        if length == 0 { Some(&[][..]) } else { program.at(program.pointer(header)?, length) }
    };
    let version = string(pointers)?;
    // programs built without modules have none
    Some((version, string(pointers.get(size..)?).unwrap_or_default()))
}

/// The list between its sentinels; nothing if they are not there.
fn without_sentinels(modules: &[u8]) -> &[u8] {
    let inner = modules.len().checked_sub(SENTINEL).and_then(|end| modules.get(SENTINEL..end)).unwrap_or_default();
    if inner.ends_with(b"\n") { inner } else { &[] }
}

/// Path, version, and checksum.
fn module<'a>(mut fields: impl Iterator<Item = &'a [u8]>) -> Option<GoModule> {
    let mut field = || text(fields.next().unwrap_or_default(), FIELD);
    let (path, version, sum) = (field()?, field()?, field()?);
    (!path.is_empty()).then_some(GoModule { path, version, sum, replaced_by: None })
}

/// Text without control characters, of at most so many bytes.
fn text(bytes: &[u8], most: usize) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= most)?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A value as `strconv.Quote` writes it, or as it stands. Escapes other than of quotes and backslashes are rare and stay.
fn unquoted(value: &str) -> String {
    if let Some(raw) = value.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        return raw.to_owned();
    }
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests may panic")]
mod tests {
    use super::*;
    use crate::format::testing::{Elf, mach_o, pe};

    const LIST: &str = "path\texample.org/a/cmd\nmod\texample.org/a\t(devel)\t\n\
        dep\tgolang.org/x/net\tv0.1.0\th1:abc=\n\
        dep\texample.org/b\tv1.0.0\n=>\texample.org/fork\tv1.0.1\th1:def=\n\
        build\t-ldflags=\"-X 'main.version=v1.2.3' -s\"\nbuild\tGOOS=linux\n";

    fn listed() -> Vec<u8> {
        [&[b'<'; SENTINEL][..], LIST.as_bytes(), &[b'>'; SENTINEL]].concat()
    }

    fn header(pointer_size: u8, flags: u8) -> Vec<u8> {
        [MAGIC, &[pointer_size, flags]].concat()
    }

    fn sized_text(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut length = text.len();
        while length > 0x7f {
            out.push(u8::try_from(length & 0x7f).expect("masked") | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).expect("seven bits"));
        out.extend_from_slice(text);
        out
    }

    fn inline_info(version: &str, modules: &[u8]) -> Vec<u8> {
        let mut out = header(8, INLINE);
        out.resize(HEADER, 0);
        out.extend(sized_text(version.as_bytes()));
        out.extend(sized_text(modules));
        out
    }

    fn of(bytes: &[u8]) -> Option<GoBuildInfo> {
        Program::parse(bytes).expect("it is a program").iter().find_map(GoBuildInfo::of)
    }

    fn check(info: &GoBuildInfo) {
        assert_eq!((info.go_version.as_str(), info.path.as_str()), ("go1.22.1", "example.org/a/cmd"));
        let main = info.main.as_ref().expect("it is there");
        assert_eq!((main.path.as_str(), main.version.as_str(), main.sum.as_str()), ("example.org/a", "(devel)", ""));
        let used: Vec<_> = info
            .dependencies
            .iter()
            .map(|m| (m.path.as_str(), m.used().path.as_str(), m.used().version.as_str()))
            .collect();
        assert_eq!(
            used,
            [("golang.org/x/net", "golang.org/x/net", "v0.1.0"), ("example.org/b", "example.org/fork", "v1.0.1")]
        );
        assert_eq!(info.setting("-ldflags"), Some("-X 'main.version=v1.2.3' -s"));
        assert_eq!((info.setting("GOOS"), info.setting("GOARCH"), info.has_gaps), (Some("linux"), None, false));
    }

    #[test]
    fn texts_behind_the_header_are_read_in_every_format() {
        let info = inline_info("go1.22.1", &listed());
        // a mark that is not aligned, and one with nothing behind it, are passed over
        let hidden = [&b"12345678"[..], MAGIC, &[0; 10], MAGIC, &[0; 18 + 16], &info].concat();
        check(&of(&Elf::new().data(".go.buildinfo", 0x8000, info.clone()).build()).expect("it is there"));
        check(&of(&Elf::new().data(".data", 0x8000, hidden.clone()).without_sections().build()).expect("it is there"));
        check(
            &of(&Elf::with_layout(false, true).data(".go.buildinfo", 0x8000, hidden.clone()).build()).expect("there"),
        );
        check(&of(&pe(b".data", &hidden)).expect("it is there"));
        check(&of(&mach_o(b"__go_buildinfo", &info)).expect("it is there"));
        assert_eq!(of(&Elf::new().data(".data", 0x8000, hidden).build()), None, "it is not of Go's linker");
    }

    #[test]
    fn texts_that_pointers_lead_to_are_read_in_every_layout() {
        for (is_64, is_big) in [(false, false), (false, true), (true, false), (true, true)] {
            let size = if is_64 { 8_u8 } else { 4 };
            let elf = Elf::with_layout(is_64, is_big);
            let number = |number: u64| elf.number(number, size.into());
            let mut data = header(size, u8::from(is_big));
            data.extend(number(0x8040));
            data.extend(number(0x8060));
            data.resize(0x40, 0);
            data.extend([number(0x8080), number(8)].concat());
            data.resize(0x60, 0);
            data.extend([number(0x8090), number(listed().len() as u64)].concat());
            data.resize(0x80, 0);
            data.extend(b"go1.22.1");
            data.resize(0x90, 0);
            data.extend(listed());
            check(&of(&elf.clone().data(".go.buildinfo", 0x8000, data.clone()).build()).expect("it is there"));
            let far = [&data[..16], &number(u64::MAX >> 1)[..], &data[16 + usize::from(size)..]].concat();
            assert_eq!(of(&elf.data(".go.buildinfo", 0x8000, far).build()), None);
        }
    }

    #[test]
    fn lists_that_are_no_lists_are_left_out() {
        let cases: &[(&str, &[u8], Option<bool>)] = &[
            ("go1.18", b"", Some(false)),
            ("devel +abc", &listed(), Some(false)),
            ("go1.18", b"path\tno/sentinels\n", Some(false)),
            ("rust", b"", None),
            ("", b"", None),
            ("go1.18\x1b[2J", b"", None),
            ("go1.18", b"0123456789012345dep\t\tv1\n0123456789012345", Some(true)),
            ("go1.18", b"0123456789012345=>\ta\tv1\n0123456789012345", Some(true)),
            ("go1.18", b"0123456789012345later\ta\n0123456789012345", Some(true)),
        ];
        for (version, modules, expected) in cases {
            let found = of(&Elf::new().data(".go.buildinfo", 0x8000, inline_info(version, modules)).build());
            assert_eq!(found.map(|info| info.has_gaps), *expected, "{version}");
        }
    }

    #[test]
    fn pieces_of_large_files_are_searched_at_the_alignment_of_the_file() {
        let piece = [&[0; 24][..], &inline_info("go1.22.1", &listed())].concat();
        check(&GoBuildInfo::in_piece(&piece, 8).expect("it is there"));
        assert_eq!(GoBuildInfo::in_piece(&piece, 0), None);
        assert_eq!(GoBuildInfo::in_piece(&piece[..100], 8), None);
    }

    #[test]
    fn pieces_with_pointers_are_told_from_others() {
        let piece = |size: u8, flags: u8| [&[0; 24][..], MAGIC, &[size, flags], &[0; 16]].concat();
        let cases = [
            (piece(8, 0), 8, 0, true),
            (piece(4, BIG_ENDIAN), 8, 0, true),
            (piece(8, 0), 0, 0, false),
            (piece(8, 0), 8, 56, false),
            (piece(8, 0), 8, 55, true),
            (piece(8, INLINE), 8, 0, false),
            (piece(b'i', b'n'), 8, 0, false),
            (piece(8, 0)[..55].to_vec(), 8, 0, false),
        ];
        for (index, (piece, offset, known, expected)) in cases.into_iter().enumerate() {
            assert_eq!(GoBuildInfo::is_pointed_to_in_piece(&piece, offset, known), expected, "{index}");
        }
    }

    #[test]
    fn no_bytes_panic() {
        let bytes = inline_info("go1.22.1", &listed());
        for at in 0..bytes.len() {
            for value in [0, 9, 0xff] {
                let mut wrong = bytes.clone();
                wrong[at] = value;
                GoBuildInfo::in_piece(&wrong, 0);
            }
            GoBuildInfo::in_piece(&bytes[..at], 0);
        }
    }
}
