//! Rewritten layers wait in files without a name, which are gone when they are closed, however the program ends.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result};
use crate::escape::escape;

/// Counts the temporary names of this process.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A name beside `path` that is not taken: it begins with a dot.
pub(super) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    folder_of(path).join(format!(".{name}.careen-{}-{count}", std::process::id()))
}

/// The folder a path lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A new file that only its user can read.
pub(super) fn create(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| Error::io("cannot write a temporary file", e).at(escape(path.as_os_str().as_encoded_bytes())))
}

/// A file without a name in `folder`.
pub(super) fn nameless(folder: &Path) -> Result<File> {
    let path = beside(&folder.join("layer"));
    let file = create(&path)?;
    fs::remove_file(&path).map_err(|e| Error::io("cannot write a temporary file", e))?;
    Ok(file)
}
