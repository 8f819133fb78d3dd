//! Archives: OCI layouts in a tar, and those of `docker save` in both forms. Members come in a fixed order, without
//! times, owners or folders, as POSIX 1003.1 ustar.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, Write};
use std::path::PathBuf;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

use super::super::bundle::INDEX;
use super::super::spool;
use super::{Form, LAYOUT, Part, Pending, Product, in_layout, manifest_json};

/// Largest size in the eleven octal digits of ustar.
const MOST_OCTAL: u64 = 0o777_7777_7777;

/// Where an archive goes.
pub(super) enum Goal {
    /// To this file.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

/// An archive under its temporary name.
struct PendingArchive {
    word: &'static str,
    temporary: PathBuf,
    file: File,
    goal: Goal,
    is_done: bool,
}

/// Writes an archive; `word` is the source that reads it.
pub(super) fn write(product: &Product, form: Form, word: &'static str, goal: Goal) -> Result<Box<dyn Pending>> {
    // a link stays, and leads to the image
    let goal = match goal {
        Goal::File(path) => Goal::File(spool::goal(&path)),
        Goal::Stdout => Goal::Stdout,
    };
    let beside = match &goal {
        Goal::File(path) => path.clone(),
        Goal::Stdout => std::env::temp_dir().join("image"),
    };
    let temporary = spool::beside(&beside);
    let file = spool::create(&temporary)?;
    let pending = PendingArchive { word, temporary, file, goal, is_done: false };
    let failed = |e| Error::io("cannot write the output", e);
    let mut tar = Tar(BufWriter::with_capacity(1 << 18, &pending.file));
    if form == Form::OldArchive {
        old(product, &mut tar)?;
    } else {
        layout(product, form, &mut tar)?;
    }
    // two blocks of zeros end an archive
    tar.0.write_all(&[0; 1024]).and_then(|()| tar.0.flush()).map_err(failed)?;
    drop(tar);
    pending.file.sync_all().map_err(failed)?;
    Ok(Box::new(pending))
}

fn layout<W: Write>(product: &Product, form: Form, tar: &mut Tar<W>) -> Result<()> {
    tar.bytes("oci-layout", LAYOUT)?;
    tar.bytes(INDEX, &product.index)?;
    if form == Form::Hybrid {
        let manifest = manifest_json(&product.images, &in_layout, &|layer| in_layout(&layer.digest));
        tar.bytes("manifest.json", &manifest)?;
    }
    for (digest, part) in &product.parts {
        tar.part(&in_layout(digest), digest, part)?;
    }
    Ok(())
}

fn old<W: Write>(product: &Product, tar: &mut Tar<W>) -> Result<()> {
    let config = |digest: &Digest| format!("{}.json", digest.hex());
    let missing = || Error::new(ErrorKind::Internal, "a part of the output is missing");
    let manifest = manifest_json(&product.images, &config, &|layer| format!("{}/layer.tar", layer.diff_id.hex()));
    tar.bytes("manifest.json", &manifest)?;
    let mut written = BTreeSet::new();
    for image in &product.images {
        let part = product.parts.get(&image.config).ok_or_else(missing)?;
        if written.insert(config(&image.config)) {
            tar.part(&config(&image.config), &image.config, part)?;
        }
    }
    for layer in product.images.iter().flat_map(|image| &image.layers) {
        let name = format!("{}/layer.tar", layer.diff_id.hex());
        let part = product.parts.get(&layer.digest).ok_or_else(missing)?;
        if written.insert(name.clone()) {
            tar.part(&name, &layer.digest, part)?;
        }
    }
    Ok(())
}

impl Pending for PendingArchive {
    fn target(&self) -> String {
        format!("{}:{}", self.word, self.temporary.display())
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        match &self.goal {
            Goal::File(path) => {
                let place = || escape(path.as_os_str().as_encoded_bytes());
                set_mode(&self.file).map_err(|e| Error::io("cannot write the output", e).at(place()))?;
                fs::rename(&self.temporary, path)
                    .map_err(|e| Error::io("cannot give the output its name", e).at(place()))?;
                self.is_done = true;
                sync_folder(path);
                Ok(())
            }
            Goal::Stdout => {
                let failed = |e| Error::io("cannot write to standard output", e);
                self.file.rewind().map_err(failed)?;
                let mut out = io::stdout().lock();
                io::copy(&mut self.file, &mut out).and_then(|_| out.flush()).map_err(failed)
            }
        }
    }
}

impl Drop for PendingArchive {
    fn drop(&mut self) {
        if !self.is_done {
            // best effort: there is nobody left to tell
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes a file as readable as others: the temporary one was not.
fn set_mode(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

/// Lets the new name survive a crash; where the system cannot, the name is there all the same.
pub(super) fn sync_folder(path: &std::path::Path) {
    let _ = File::open(spool::folder_of(path)).and_then(|folder| folder.sync_all());
}

/// Writes members.
struct Tar<W: Write>(W);

impl<W: Write> Tar<W> {
    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.member(name, bytes.len() as u64, |out| {
            out.write_all(bytes).map_err(|e| Error::io("cannot write the output", e))
        })
    }

    fn part(&mut self, name: &str, digest: &Digest, part: &Part) -> Result<()> {
        self.member(name, part.size, |out| part.copy(digest, out))
    }

    fn member(&mut self, name: &str, size: u64, body: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        let failed = |e| Error::io("cannot write the output", e);
        let mut records = String::new();
        if name.len() > 100 {
            records.push_str(&record("path", name));
        }
        if size > MOST_OCTAL {
            records.push_str(&record("size", &size.to_string()));
        }
        if !records.is_empty() {
            let length = records.len() as u64;
            self.0.write_all(&header("PaxHeaders/member", length, b'x')).map_err(failed)?;
            self.0.write_all(records.as_bytes()).map_err(failed)?;
            self.pad(length).map_err(failed)?;
        }
        self.0.write_all(&header(name, size, b'0')).map_err(failed)?;
        body(&mut self.0)?;
        self.pad(size).map_err(failed)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = usize::try_from(size % 512).unwrap_or(0);
        if over == 0 { Ok(()) } else { self.0.write_all([0; 512].get(over..).unwrap_or_default()) }
    }
}

/// A record of an extended header: its own length counts.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    if length.to_string().len() != rest.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

fn header(name: &str, size: u64, kind: u8) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |offset: usize, bytes: &[u8]| {
        let room = block.iter_mut().skip(offset);
        room.zip(bytes).for_each(|(to, from)| *to = *from);
    };
    put(0, name.as_bytes().get(..100).unwrap_or(name.as_bytes()));
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{:011o}\0", if size > MOST_OCTAL { 0 } else { size }).as_bytes());
    put(136, b"00000000000\0        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let text = format!("{sum:06o}\0 ");
    block.iter_mut().skip(148).zip(text.as_bytes()).for_each(|(to, from)| *to = *from);
    block
}
