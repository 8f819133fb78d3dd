//! Paths inside an image: bytes, cleaned once, never a path of this machine.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::escape::Escaped;

/// A clean path from the root of an image: components joined by `/`, none empty, `.` or `..`.
///
/// Held without the leading `/`; the root is empty. Any bytes but `/` and NUL may occur. Shown with
/// the leading `/` and everything unprintable escaped. Clones share their bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(Arc<[u8]>);

impl ImagePath {
    /// Cleans `raw`: `./a`, `/a`, `a//b/.` and `a/x/../b` are one path each; `..` stops at the root.
    ///
    /// Cleaning is by text, as layers are applied; links are followed in [`crate::tree`]. Bytes
    /// from the first NUL on are dropped, as the kernel would.
    pub fn new(raw: &[u8]) -> Self {
        let raw = raw.split(|b| *b == 0).next().unwrap_or_default();
        // nearly all paths are clean but for how they begin
        let relative = raw.strip_prefix(b"/").or_else(|| raw.strip_prefix(b"./")).unwrap_or(raw);
        if is_clean(relative) {
            return Self(relative.into());
        }
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in raw.split(|b| *b == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop();
                }
                name => parts.push(name),
            }
        }
        Self(parts.join(&b'/').into())
    }

    /// The root.
    pub fn root() -> Self {
        Self(Arc::new([]))
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes, without a leading `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// This path and below it `relative`, cleaned; `..` stops at the image's root.
    #[must_use]
    pub fn join(&self, relative: &[u8]) -> Self {
        if self.is_root() {
            return Self::new(relative);
        }
        Self::new(&[&self.0, relative].join(&b'/'))
    }

    /// The folder that holds this path; the root holds itself.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.parent_bytes().into())
    }

    /// The folders above, the nearest first; the root is not among them.
    pub fn folders(&self) -> impl Iterator<Item = Self> {
        let above = std::iter::successors(Some(self.parent()), |folder| Some(folder.parent()));
        above.take_while(|folder| !folder.is_root())
    }

    /// The bytes of the folder that holds this path.
    pub fn parent_bytes(&self) -> &[u8] {
        self.0.iter().rposition(|b| *b == b'/').map_or(&[], |slash| &self.0[..slash])
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &[u8] {
        self.0.iter().rposition(|b| *b == b'/').map_or(&self.0, |slash| &self.0[slash + 1..])
    }

    /// The components, from the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|b| *b == b'/').filter(|part| !part.is_empty())
    }

    /// Whether this path is `folder` or lies below it.
    pub fn is_under(&self, folder: &[u8]) -> bool {
        folder.is_empty()
            || self.0.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
    }

    /// The part below `folder`, without a leading `/`.
    pub fn strip_folder(&self, folder: &[u8]) -> Option<&[u8]> {
        if folder.is_empty() {
            return Some(&self.0);
        }
        self.0.strip_prefix(folder)?.strip_prefix(b"/")
    }
}

fn is_clean(raw: &[u8]) -> bool {
    raw.split(|b| *b == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

impl Borrow<[u8]> for ImagePath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for ImagePath {
    fn from(raw: &str) -> Self {
        Self::new(raw.as_bytes())
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", Escaped(&self.0))
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ImagePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_text() {
        let cases: &[(&[u8], &str)] = &[
            (b"a/b", "/a/b"),
            (b"./a", "/a"),
            (b"/a", "/a"),
            (b"a//b/.", "/a/b"),
            (b"a/x/../b", "/a/b"),
            (b"../../etc/passwd", "/etc/passwd"),
            (b"", "/"),
            (b"./", "/"),
            (b"a\0b", "/a"),
            (b"caf\xc3\xa9/\xff", "/café/\\xff"),
            (b"a\nb\x1b[31m", "/a\\nb\\x1b[31m"),
        ];
        for (raw, shown) in cases {
            assert_eq!(ImagePath::new(raw).to_string(), *shown);
        }
    }

    #[test]
    fn parts_of_a_path() {
        let path = ImagePath::from("/usr/lib/x");
        assert_eq!(path.file_name(), b"x");
        assert_eq!(path.parent(), ImagePath::from("usr/lib"));
        assert_eq!(ImagePath::root().parent(), ImagePath::root());
        assert!(path.is_under(b"usr/lib") && path.is_under(b"") && !path.is_under(b"usr/li"));
        assert_eq!(path.strip_folder(b"usr"), Some(&b"lib/x"[..]));
        assert_eq!(path.join(b"../y"), ImagePath::from("usr/lib/y"));
    }
}
