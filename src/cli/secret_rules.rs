//! Files of rules of secrets that a user names.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::secret;

/// Reads the files and searches by their rules from now on; what was left out of them is said on standard error.
pub(super) fn install<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    let files: Vec<(String, String)> = paths
        .into_iter()
        .map(|path| {
            let name = escape(path.display().to_string());
            text_of(path).map(|text| (name.clone(), text)).map_err(|error| error.at(&name))
        })
        .collect::<Result<_>>()?;
    if files.is_empty() {
        return Ok(());
    }
    for notice in secret::use_rules(&files)? {
        let _ = writeln!(std::io::stderr().lock(), "note: {}", escape(&notice));
    }
    Ok(())
}

/// The text of a regular file within the limit: a pipe may never end.
fn text_of(path: &Path) -> Result<String> {
    let cannot = |error| Error::io("cannot read the rules of secrets", error);
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(Error::new(ErrorKind::Config, "the rules of secrets are in no regular file"));
    }
    let limit = u64::try_from(secret::LONGEST_RULES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    std::fs::File::open(path).map_err(cannot)?.take(limit).read_to_string(&mut text).map_err(cannot)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_text_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("own.toml");
        assert_eq!(text_of(&path).expect_err("not there").kind, ErrorKind::NotFound);
        assert_eq!(text_of(folder.path()).expect_err("a folder").kind, ErrorKind::Config);
        assert!(text_of(Path::new("/dev/zero")).is_err());
        std::fs::write(&path, "[disable]").expect("a file");
        assert_eq!(text_of(&path).expect("a text"), "[disable]");
        std::fs::write(&path, [0xff]).expect("a file");
        assert!(text_of(&path).is_err(), "no text");
    }
}
