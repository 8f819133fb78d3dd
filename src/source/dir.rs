//! An unpacked root file system, read as an image of one layer.
//!
//! The layer's tar is made while it is read, members sorted by name; nothing is written. Links are
//! never followed, so nothing outside the folder is read.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::escape::escape;
use crate::format::ustar::{BLOCK, padding};
use crate::image::{Blob, Image, Layer, Target};
use crate::limitation::Limitation;
use crate::size::ByteSize;

use super::{Choice, Opened, Request, Source};

/// Limitations kept of one folder; those beyond are told by one more.
const LIMITATIONS: usize = 1_000;
/// Files with several names that are remembered, to write the further names as links.
const HARD_LINKS: usize = 1_000_000;
/// Largest number that eleven octal digits hold.
const OCTAL_11: u64 = 0o777_7777_7777;
/// Largest number that seven octal digits hold.
const OCTAL_7: u64 = 0o777_7777;

/// Opens unpacked root file systems.
pub struct Dir;

impl Source for Dir {
    fn id(&self) -> &'static str {
        "dir"
    }

    fn sniffs(&self, location: &Path) -> bool {
        let has = |name: &str| location.join(name).symlink_metadata().is_ok();
        location.is_dir()
            && !location.join(super::layout::INDEX).is_file()
            && (has("etc/os-release") || has("usr/lib/os-release") || (has("etc") && (has("bin") || has("usr"))))
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        let path = PathBuf::from(request.location);
        let place = escape(request.location);
        let metadata = fs::metadata(&path).map_err(|e| Error::io("cannot open the folder", e).at(place.clone()))?;
        if !metadata.is_dir() {
            return Err(Error::malformed("this is not a folder").at(place).help("leave `dir:` out to scan a file"));
        }
        if request.choice != Choice::Only {
            return Err(Error::new(crate::error::ErrorKind::Usage, "a folder holds one image only").at(place));
        }
        let blob = Arc::new(Tree {
            root: path,
            device: metadata.dev(),
            most: request.limits.expanded,
            limitations: Mutex::default(),
        });
        let layer = Layer {
            index: 0,
            media_type: None,
            digest: None,
            size: None,
            diff_id: None,
            history: None,
            is_foreign: false,
            blob,
        };
        let target = Target { reference: request.location.to_owned(), source: self.id(), ..Target::default() };
        let image =
            Image { target, config: None, annotations: BTreeMap::new(), layers: vec![layer], limitations: Vec::new() };
        Ok(Opened::Images(vec![image]))
    }
}

/// A folder as a layer.
#[derive(Debug)]
struct Tree {
    root: PathBuf,
    device: u64,
    /// Bytes of all files together that are read.
    most: ByteSize,
    limitations: Mutex<BTreeSet<Limitation>>,
}

impl Blob for Tree {
    fn open(&self) -> Result<Box<dyn Read + Send + '_>> {
        let mut walk = Walk {
            tree: self,
            folders: Vec::new(),
            path: PathBuf::new(),
            links: BTreeMap::new(),
            pending: io::Cursor::new(Vec::new()),
            file: None,
            left: self.most.bytes(),
            is_done: false,
        };
        walk.enter(Path::new(""))
            .map_err(|e| Error::io("cannot read the folder", e).at(escape(self.root.as_os_str().as_bytes())))?;
        Ok(Box::new(walk))
    }

    fn size(&self) -> Option<u64> {
        None
    }

    fn limitations(&self) -> Vec<Limitation> {
        self.limitations.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Tree {
    fn add(&self, limitation: Limitation) {
        let mut all = self.limitations.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < LIMITATIONS {
            all.insert(limitation);
        } else {
            all.insert(Limitation::gap(
                "folder-unreadable",
                "/",
                format!("more than {LIMITATIONS} files could not be read"),
            ));
        }
    }

    fn gap(&self, path: &Path, what: &str, cause: &io::Error) {
        let help = match cause.kind() {
            io::ErrorKind::PermissionDenied => "scan as a user who may read it",
            _ => "",
        };
        self.add(Limitation::gap("file-unreadable", shown(path), format!("{what}: {cause}")).help(help));
    }
}

/// Walks the folder and writes it as a tar, a piece at a time.
struct Walk<'a> {
    tree: &'a Tree,
    /// For each open folder its path and what is still to come, last first.
    folders: Vec<(PathBuf, Vec<OsString>)>,
    /// The member being written.
    path: PathBuf,
    /// First names of files that have several, by device and inode.
    links: BTreeMap<(u64, u64), PathBuf>,
    /// Headers and padding to hand out.
    pending: io::Cursor<Vec<u8>>,
    file: Option<Open>,
    /// Bytes of files that may still be read.
    left: u64,
    is_done: bool,
}

/// A file in the middle of being read.
struct Open {
    file: File,
    /// Bytes that the header promised and that are still to come.
    left: u64,
    size: u64,
    is_short: bool,
}

impl Read for Walk<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.pending.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if let Some(open) = &mut self.file {
                if open.left > 0 {
                    return Ok(read_file(open, buffer, self.tree, &self.path));
                }
                let fill = usize::try_from(padding(open.size)).unwrap_or(0);
                self.file = None;
                self.pending = io::Cursor::new(vec![0; fill]);
                continue;
            }
            if self.is_done {
                return Ok(0);
            }
            self.next_member();
        }
    }
}

/// Reads the next bytes of a file; one that became shorter is filled with zeros, since its size is said already.
fn read_file(open: &mut Open, buffer: &mut [u8], tree: &Tree, path: &Path) -> usize {
    let most = usize::try_from(open.left).unwrap_or(usize::MAX).min(buffer.len());
    let Some(buffer) = buffer.get_mut(..most) else { return 0 };
    let mut count = 0;
    while !open.is_short && count == 0 {
        match open.file.read(buffer) {
            Ok(0) => {
                let what = format!("the file became shorter while it was read, by {} bytes", open.left);
                tree.add(
                    Limitation::gap("file-changed", shown(path), what).help("scan again when nothing writes to it"),
                );
                open.is_short = true;
            }
            Ok(read) => count = read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                tree.gap(path, "the file cannot be read to its end", &e);
                open.is_short = true;
            }
        }
    }
    if open.is_short {
        buffer.fill(0);
        count = buffer.len();
    }
    open.left = open.left.saturating_sub(count as u64);
    count
}

impl Walk<'_> {
    /// Begins a folder.
    fn enter(&mut self, path: &Path) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.tree.root.join(path))? {
            names.push(entry?.file_name());
        }
        names.sort_unstable_by(|one, other| other.cmp(one));
        self.folders.push((path.to_owned(), names));
        Ok(())
    }

    /// Prepares the next member, or the end.
    fn next_member(&mut self) {
        let Some((folder, names)) = self.folders.last_mut() else {
            self.is_done = true;
            self.pending = io::Cursor::new(vec![0; BLOCK.saturating_mul(2)]);
            return;
        };
        let Some(name) = names.pop() else {
            self.folders.pop();
            return;
        };
        self.path = folder.join(name);
        let path = self.path.clone();
        match fs::symlink_metadata(self.tree.root.join(&path)) {
            Ok(metadata) => self.member(&path, &metadata),
            Err(e) => self.tree.gap(&path, "the file cannot be looked at", &e),
        }
    }

    fn member(&mut self, path: &Path, metadata: &Metadata) {
        let kind = metadata.file_type();
        if kind.is_dir() {
            self.write_header(path, metadata, b'5', 0, &[]);
            if is_kernel_mount(path) && metadata.dev() != self.tree.device {
                let what = "a file system of the running kernel is mounted here; it is no part of an image";
                self.tree.add(Limitation::note("mount-skipped", shown(path), what));
            } else if let Err(e) = self.enter(path) {
                self.tree.gap(path, "the folder cannot be listed", &e);
            }
        } else if kind.is_symlink() {
            match fs::read_link(self.tree.root.join(path)) {
                Ok(target) => self.write_header(path, metadata, b'2', 0, target.as_os_str().as_bytes()),
                Err(e) => self.tree.gap(path, "the link cannot be read", &e),
            }
        } else if kind.is_file() {
            self.regular(path, metadata);
        } else if kind.is_socket() {
            self.tree.add(Limitation::note("socket-skipped", shown(path), "a socket cannot be part of an image"));
        } else {
            let flag = if kind.is_char_device() {
                b'3'
            } else if kind.is_block_device() {
                b'4'
            } else {
                b'6'
            };
            self.write_header(path, metadata, flag, 0, &[]);
        }
    }

    fn regular(&mut self, path: &Path, metadata: &Metadata) {
        let inode = (metadata.dev(), metadata.ino());
        if metadata.nlink() > 1 {
            if let Some(first) = self.links.get(&inode).cloned() {
                return self.write_header(path, metadata, b'1', 0, first.as_os_str().as_bytes());
            }
            if self.links.len() < HARD_LINKS {
                self.links.insert(inode, path.to_owned());
            }
        }
        let opened = File::open(self.tree.root.join(path)).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((now, file)) if (now.dev(), now.ino()) == inode && now.is_file() => {
                let Some(left) = self.left.checked_sub(now.size()) else {
                    // a sparse file may claim more bytes than could be read in years
                    let size = ByteSize(now.size());
                    let what =
                        format!("the file has {size}, and the image would be larger than {} with it", self.tree.most);
                    let help = "raise the limit if you trust the image: `--limit expanded=SIZE`";
                    self.tree.add(Limitation::gap("image-too-large", shown(path), what).help(help));
                    return self.write_header(path, &now, b'0', 0, &[]);
                };
                self.left = left;
                self.write_header(path, &now, b'0', now.size(), &[]);
                self.file = Some(Open { file, left: now.size(), size: now.size(), is_short: false });
            }
            Ok(_) => {
                let what = "the file was replaced while it was read";
                self.tree.add(
                    Limitation::gap("file-changed", shown(path), what).help("scan again when nothing writes to it"),
                );
            }
            Err(e) => self.tree.gap(path, "the file cannot be opened", &e),
        }
    }

    /// Puts out a header, and before it the extension record for what does not fit in.
    fn write_header(&mut self, path: &Path, metadata: &Metadata, flag: u8, size: u64, link: &[u8]) {
        let mut name = path.as_os_str().as_bytes().to_vec();
        if flag == b'5' {
            name.push(b'/');
        }
        let mut records = Vec::new();
        if name.len() > 100 {
            record(&mut records, "path", &name);
        }
        if link.len() > 100 {
            record(&mut records, "linkpath", link);
        }
        let numbers = [
            ("uid", u64::from(metadata.uid()), OCTAL_7),
            ("gid", u64::from(metadata.gid()), OCTAL_7),
            ("size", size, OCTAL_11),
        ];
        for (key, value, most) in numbers {
            if value > most {
                record(&mut records, key, value.to_string().as_bytes());
            }
        }
        let mut out = Vec::new();
        if !records.is_empty() {
            let length = records.len() as u64;
            out.extend(header(&Fields { name: b"pax", flag: b'x', size: length, ..Fields::default() }));
            out.append(&mut records);
            out.resize(out.len().next_multiple_of(BLOCK), 0);
        }
        let device = if matches!(flag, b'3' | b'4') { metadata.rdev() } else { 0 };
        out.extend(header(&Fields {
            name: &name,
            mode: u64::from(metadata.mode() & 0o7777),
            uid: u64::from(metadata.uid()),
            gid: u64::from(metadata.gid()),
            size,
            mtime: u64::try_from(metadata.mtime()).unwrap_or(0),
            flag,
            link,
            device: device_numbers(device),
        }));
        self.pending = io::Cursor::new(out);
    }
}

/// What a header says; numbers too large for their field are in an extension record as well.
#[derive(Default)]
struct Fields<'a> {
    name: &'a [u8],
    mode: u64,
    uid: u64,
    gid: u64,
    size: u64,
    mtime: u64,
    flag: u8,
    link: &'a [u8],
    device: (u64, u64),
}

fn header(fields: &Fields<'_>) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, 100, fields.name);
    octal(&mut block, 100, 8, fields.mode);
    octal(&mut block, 108, 8, fields.uid.min(OCTAL_7));
    octal(&mut block, 116, 8, fields.gid.min(OCTAL_7));
    octal(&mut block, 124, 12, fields.size.min(OCTAL_11));
    octal(&mut block, 136, 12, fields.mtime.min(OCTAL_11));
    put(&mut block, 148, 8, b"        ");
    put(&mut block, 156, 1, &[fields.flag]);
    put(&mut block, 157, 100, fields.link);
    put(&mut block, 257, 8, b"ustar\x0000");
    octal(&mut block, 329, 8, fields.device.0.min(OCTAL_7));
    octal(&mut block, 337, 8, fields.device.1.min(OCTAL_7));
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    octal(&mut block, 148, 8, sum);
    block
}

fn put(block: &mut [u8; BLOCK], start: usize, length: usize, bytes: &[u8]) {
    let field = block.iter_mut().skip(start).take(length);
    field.zip(bytes).for_each(|(place, byte)| *place = *byte);
}

/// Octal digits, padded with zeros, and a NUL.
fn octal(block: &mut [u8; BLOCK], start: usize, length: usize, value: u64) {
    let digits = length.saturating_sub(1);
    put(block, start, length, format!("{value:0digits$o}\0").as_bytes());
}

/// One record of a PAX header; its length counts its own digits.
fn record(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len().saturating_add(value.len()).saturating_add(3);
    let mut length = rest;
    loop {
        let next = rest.saturating_add(length.to_string().len());
        if next == length {
            break;
        }
        length = next;
    }
    out.extend(format!("{length} {key}=").as_bytes());
    out.extend(value);
    out.push(b'\n');
}

/// Major and minor number, as Linux packs them.
fn device_numbers(device: u64) -> (u64, u64) {
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    (major, minor)
}

/// Folders where a running system has its kernel's file systems.
fn is_kernel_mount(path: &Path) -> bool {
    matches!(path.as_os_str().as_bytes(), b"proc" | b"sys" | b"dev")
}

fn shown(path: &Path) -> String {
    format!("/{}", escape(path.as_os_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Access, PlatformChoice};

    fn blob_of(folder: &Path) -> Arc<dyn Blob> {
        blob_within(folder, &crate::limit::Limits::default())
    }

    fn blob_within(folder: &Path, limits: &crate::limit::Limits) -> Arc<dyn Blob> {
        let request = Request {
            location: folder.to_str().expect("UTF-8"),
            choice: Choice::Only,
            platform: PlatformChoice::Host,
            limits,
            access: &Access::default(),
            unwrap: None,
        };
        let Ok(Opened::Images(mut images)) = Dir.open(&request) else { unreachable!("a folder is images") };
        images.remove(0).layers.remove(0).blob
    }

    #[test]
    fn a_folder_becomes_a_tar_that_others_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let deep = format!("{}/{}", "d".repeat(90), "e".repeat(90));
        fs::create_dir_all(at("etc")).expect("writable");
        fs::create_dir_all(at(&deep)).expect("writable");
        fs::write(at("etc/os-release"), "ID=x\n").expect("writable");
        fs::write(at(&format!("{deep}/file")), vec![7; 3000]).expect("writable");
        fs::write(at("empty"), "").expect("writable");
        fs::hard_link(at("etc/os-release"), at("zz-hard")).expect("writable");
        std::os::unix::fs::symlink("/nowhere", at("link")).expect("writable");
        std::os::unix::fs::symlink(format!("/{}", "t".repeat(150)), at("long-link")).expect("writable");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a new socket");
        let blob = blob_of(folder.path());
        let read = || {
            let mut bytes = Vec::new();
            // small pieces cross every boundary
            let mut reader = blob.open().expect("a folder can be opened");
            let mut piece = [0; 100];
            loop {
                match reader.read(&mut piece).expect("readable") {
                    0 => break,
                    count => bytes.extend(piece.iter().take(count)),
                }
            }
            bytes
        };
        let bytes = read();
        assert_eq!(bytes, read());
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut seen = Vec::new();
        for entry in archive.entries().expect("a tar") {
            let mut entry = entry.expect("a member");
            let mut body = Vec::new();
            entry.read_to_end(&mut body).expect("a body");
            let path =
                String::from_utf8_lossy(&entry.path_bytes()).replace(&deep, "DEEP").replace(&"d".repeat(90), "D");
            let link = entry.link_name_bytes().map(|l| String::from_utf8_lossy(&l).into_owned()).unwrap_or_default();
            assert_eq!(entry.header().uid().ok(), fs::symlink_metadata(at("empty")).ok().map(|m| u64::from(m.uid())));
            seen.push(format!("{path} {:?} {} {}", entry.header().entry_type(), body.len(), link.len()));
        }
        let expected = [
            "D/ Directory 0 0",
            "DEEP/ Directory 0 0",
            "DEEP/file Regular 3000 0",
            "empty Regular 0 0",
            "etc/ Directory 0 0",
            "etc/os-release Regular 5 0",
            "link Symlink 0 8",
            "long-link Symlink 0 151",
            "zz-hard Link 0 14",
        ];
        assert_eq!(seen, expected);
        let limitations: Vec<(&str, String)> = blob.limitations().into_iter().map(|l| (l.code, l.place)).collect();
        assert_eq!(limitations, [("socket-skipped", "/socket".into())]);
    }

    #[test]
    fn numbers_beyond_their_fields_are_extended() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = File::create(folder.path().join("huge")).expect("writable");
        // sparse: no bytes on the disk
        file.set_len(9 << 30).expect("sparse files work");
        let blob = blob_of(folder.path());
        let mut head = vec![0; 2048];
        blob.open().expect("a folder can be opened").read_exact(&mut head).expect("readable");
        assert!(String::from_utf8_lossy(&head).contains("19 size=9663676416\n"));
    }

    #[test]
    fn files_beyond_the_limit_are_told_not_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, size) in [("a", 4000), ("b", 1 << 40), ("c", 97), ("d", 1)] {
            // sparse: no bytes on the disk
            File::create(folder.path().join(name)).and_then(|file| file.set_len(size)).expect("sparse files work");
        }
        for (most, expected) in [(4096, &["/b", "/c"][..]), (4097, &["/b", "/d"]), (4098, &["/b"])] {
            let limits = crate::limit::Limits { expanded: ByteSize(most), ..crate::limit::Limits::default() };
            let blob = blob_within(folder.path(), &limits);
            let length =
                io::copy(&mut blob.open().expect("a folder can be opened"), &mut io::sink()).expect("readable");
            assert!(length < 16_384);
            let mut told: Vec<_> = blob.limitations().into_iter().map(|told| told.place).collect();
            told.sort();
            assert_eq!(told, expected, "{most}");
        }
    }

    #[test]
    fn records_count_their_own_digits() {
        let mut out = Vec::new();
        record(&mut out, "path", &[b'x'; 90]);
        assert_eq!(out.len(), 99);
        assert!(out.starts_with(b"99 path=x"));
        out.clear();
        record(&mut out, "path", &[b'x'; 91]);
        assert_eq!(out.len(), 101);
        assert!(out.starts_with(b"101 path=x"));
    }
}
