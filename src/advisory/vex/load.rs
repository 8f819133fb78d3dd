//! VEX documents in files and folders.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use crate::error::{Error, Result};
use crate::escape::escape;
use crate::limitation::Limitation;
use crate::source::attached::Attachments;

use super::{Document, LARGEST, read, read_attached, too_much, unknown};

/// Folders within folders.
const DEPTH: usize = 8;
/// Files of all folders.
const FILES: usize = 10_000;
/// Bytes of all documents.
const BYTES: u64 = 256 << 20;

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The documents, in the order of the paths, those of a folder by name.
    pub documents: Vec<Document>,
    /// Files of folders that are no documents, and what of documents was not understood.
    pub limitations: Vec<Limitation>,
}

/// Reads files, and of folders all files that end in `.json`, the folders in them too.
///
/// A file that was named must be a document. In a folder, one that is none is told in a note.
pub fn load(paths: &[PathBuf]) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    let mut left = BYTES;
    for path in paths {
        let metadata = fs::metadata(path).map_err(|e| Error::io("cannot open the VEX document", e).at(place(path)))?;
        if metadata.is_dir() {
            for file in files_of(path, &mut loaded.limitations)? {
                let bytes = read_file(&file, &mut left)?;
                match read_lines(&bytes, &place(&file)) {
                    Ok(documents) => documents.into_iter().for_each(|document| loaded.add(document)),
                    Err(error) => {
                        let note = Limitation::note("vex-not-read", place(&file), error.to_string());
                        loaded.limitations.push(note.help("take the file out of the folder, or mend it"));
                    }
                }
            }
        } else {
            let bytes = read_file(path, &mut left)?;
            read_lines(&bytes, &place(path))?.into_iter().for_each(|document| loaded.add(document));
        }
    }
    Ok(loaded)
}

/// Reads what was found attached to an image. What is no VEX (a bill of materials, provenance) is passed over; a
/// document that is broken is told in a note.
pub fn of_attached(attachments: &Attachments) -> Loaded {
    let mut loaded = Loaded { limitations: attachments.limitations.clone(), ..Loaded::default() };
    for attached in &attachments.documents {
        let place = format!("attached to {}: {}", attached.subject.short(), attached.digest);
        match read_attached(&attached.bytes, &place) {
            // a list of packages that says nothing of flaws is no VEX
            Ok(Some(document)) if document.statements.is_empty() && document.complaints.count() == 0 => {}
            Ok(Some(document)) => loaded.add(document),
            Ok(None) => {}
            Err(error) => loaded.limitations.push(Limitation::note("vex-not-read", place, error.to_string())),
        }
    }
    loaded
}

impl Loaded {
    /// Adds a document, and what of it was not understood.
    pub fn add(&mut self, document: Document) {
        self.limitations.extend(document.limitations());
        if document.statements.is_empty() {
            let what = "nothing in it says in which state a flaw is";
            self.limitations.push(Limitation::note("vex-empty", document.place.clone(), what));
        }
        self.documents.push(document);
    }
}

/// Reads a file of one document, or of one on each line, as `cosign download attestation` writes them: of these, the
/// ones that are no VEX are passed over if there is one that is.
fn read_lines(bytes: &[u8], place: &str) -> Result<Vec<Document>> {
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let is_whole = |line: &[u8]| serde_json::from_slice::<IgnoredAny>(line).is_ok();
    if !lines.next().is_some_and(is_whole) || lines.next().is_none() {
        return Ok(vec![read(bytes, place)?]);
    }
    let mut documents = Vec::new();
    for (number, line) in (1_usize..).zip(bytes.split(|byte| *byte == b'\n')) {
        if !line.trim_ascii().is_empty() {
            documents.extend(read_attached(line, &format!("{place}:{number}"))?);
        }
        if documents.len() > FILES {
            return Err(too_much(format!("there are more than {FILES} VEX documents")).at(place));
        }
    }
    if documents.is_empty() {
        return Err(unknown().at(place));
    }
    Ok(documents)
}

fn place(path: &Path) -> String {
    escape(path.as_os_str().as_encoded_bytes())
}

fn read_file(path: &Path, left: &mut u64) -> Result<Vec<u8>> {
    let failed = |e| Error::io("cannot read the VEX document", e).at(place(path));
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(failed)?;
    *left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
        too_much(format!("the VEX documents are larger than {} together", crate::size::ByteSize(BYTES))).at(place(path))
    })?;
    Ok(bytes)
}

/// The documents of a folder and of those in it, sorted. Links to folders are not followed.
fn files_of(folder: &Path, limitations: &mut Vec<Limitation>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut waiting = vec![(folder.to_owned(), 0_usize)];
    while let Some((folder, depth)) = waiting.pop() {
        let failed = |e| Error::io("cannot read the folder of VEX documents", e).at(place(&folder));
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                if depth < DEPTH {
                    waiting.push((path, depth.saturating_add(1)));
                } else {
                    let what = "the folder is too deep to be looked into";
                    limitations.push(Limitation::note("vex-not-read", place(&path), what));
                }
            } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) && path.is_file()
            {
                if files.len() >= FILES {
                    return Err(too_much(format!("there are more than {FILES} VEX documents")).at(place(&folder)));
                }
                files.push(path);
            }
        }
    }
    if files.is_empty() {
        return Err(
            Error::malformed("the folder has no VEX documents: no file in it ends in `.json`").at(place(folder))
        );
    }
    files.sort();
    Ok(files)
}
