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

/// Most symbolic links that are followed from one name, as Linux has it.
const MOST_LINKS: u32 = 40;

/// What is to be written under a name: where it is a symbolic link, what that leads to, whether it is there or not.
pub fn goal(path: &Path) -> PathBuf {
    let mut goal = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&goal) else { return goal };
        goal = folder_of(&goal).join(target);
    }
    // the system says what is wrong with it
    path.to_owned()
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("far")).unwrap();
        fs::write(at("far/file"), "x").unwrap();
        symlink("far/file", at("link")).unwrap();
        symlink(at("link"), at("twice")).unwrap();
        symlink("far/none", at("dangling")).unwrap();
        symlink("round", at("round")).unwrap();
        for (name, expected) in [
            ("far/file", "far/file"),
            ("link", "far/file"),
            ("twice", "far/file"),
            ("dangling", "far/none"),
            ("none", "none"),
            ("round", "round"),
        ] {
            assert_eq!(goal(&at(name)), at(expected), "{name}");
        }
    }
}
