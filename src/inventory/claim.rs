//! Which content package managers say they put at which path: tells what a package shipped from what was changed since.

use crate::digest::ContentDigests;
use crate::path::ImagePath;

/// Paths and digests as one list of a package's files states them. Eight bytes for each file, and its folder once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileClaims {
    /// Folders as listed, possibly relative, and how many of `hashes` are of files there.
    folders: Vec<(Box<[u8]>, u32)>,
    /// Of file name and digest.
    hashes: Vec<u64>,
}

/// Who states a path's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claimant {
    /// A package of the distribution: everyone can have the file from its archive.
    Distribution,
    /// A package of a language that was installed from an index, public or not.
    Index,
    /// One for the system's manager that somebody else built.
    Package,
}

/// What all packages state, by path and content.
#[derive(Debug, Default)]
pub struct Claims {
    packages: Vec<(Claimant, String)>,
    /// Hash of resolved path and digest, and an index in `packages`.
    entries: Vec<(u64, u32)>,
    is_sorted: bool,
}

impl FileClaims {
    /// Adds that the file at `path`, which may be relative, has this digest.
    pub fn add(&mut self, path: &[u8], digest: &[u8]) {
        let (folder, name) = match path.iter().rposition(|b| *b == b'/') {
            Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default()),
            None => (&[][..], path),
        };
        self.hashes.push(hash_of_file(name, digest));
        match self.folders.last_mut() {
            Some((last, count)) if **last == *folder => *count = count.saturating_add(1),
            _ => self.folders.push((folder.into(), 1)),
        }
    }

    /// How many files are listed.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

impl Claims {
    /// Adds the list of the package of this name. Its paths are below `base`; `resolve` gives a folder's real path.
    pub fn add(
        &mut self,
        claimant: Claimant,
        package: &str,
        list: &FileClaims,
        base: &ImagePath,
        mut resolve: impl FnMut(&ImagePath) -> ImagePath,
    ) {
        let Ok(index) = u32::try_from(self.packages.len()) else { return };
        self.packages.push((claimant, package.to_owned()));
        let mut hashes = list.hashes.iter();
        for (folder, count) in &list.folders {
            let folder = resolve(&base.join(folder));
            let of_folder = hashes.by_ref().take(*count as usize);
            self.entries.extend(of_folder.map(|hash| (hash_in_folder(*hash, &folder), index)));
        }
        self.is_sorted = false;
    }

    /// Makes look-ups possible; to be called when all lists are added.
    pub fn sort(&mut self) {
        self.entries.sort_unstable();
        self.entries.dedup();
        self.is_sorted = true;
    }

    /// Whether a list of what the files of this package hold is known.
    pub fn has_list_of(&self, package: &str) -> bool {
        self.packages.iter().any(|(claimant, name)| *claimant != Claimant::Index && name == package)
    }

    /// The package that states this content for the file `name` in `folder`, a real path; the distribution's before others.
    pub fn package(&self, folder: &ImagePath, name: &[u8], content: &ContentDigests) -> Option<(Claimant, &str)> {
        debug_assert!(self.is_sorted || self.entries.is_empty(), "sorted after the last list");
        let of_digest = |digest: &[u8]| {
            let hash = hash_in_folder(hash_of_file(name, digest), folder);
            let start = self.entries.partition_point(|(known, _)| *known < hash);
            self.entries.get(start..).unwrap_or_default().iter().take_while(move |(known, _)| *known == hash)
        };
        let digests = [&content.md5[..], &content.sha1, &content.sha256];
        let packages =
            digests.into_iter().flat_map(of_digest).filter_map(|(_, index)| self.packages.get(*index as usize));
        packages.min().map(|(claimant, package)| (*claimant, package.as_str()))
    }
}

/// FNV-1a, 64 bits, so that hashes are alike in every release: the digests are what makes them differ.
fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn hash_of_file(name: &[u8], digest: &[u8]) -> u64 {
    fnv(fnv(0xcbf2_9ce4_8422_2325, digest), name)
}

fn hash_in_folder(hash: u64, folder: &ImagePath) -> u64 {
    fnv(fnv(hash, b"/"), folder.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_content_must_both_be_stated() {
        let content = ContentDigests::of(b"content");
        let mut list = FileClaims::default();
        list.add(b"lib/a/x", &content.md5);
        list.add(b"lib/a/y", &ContentDigests::of(b"else").md5);
        list.add(b"../bin/z", &content.sha256);
        let mut claims = Claims::default();
        let real = |path: &ImagePath| path.strip_folder(b"usr/sbin").map_or_else(|| path.clone(), |_| "usr/bin".into());
        claims.add(Claimant::Package, "copy", &list, &"usr/site".into(), real);
        claims.add(Claimant::Distribution, "own", &list, &ImagePath::root(), real);
        claims.add(Claimant::Package, "late", &list, &ImagePath::root(), real);
        claims.sort();
        let cases = [
            ("lib/a", "x", Some((Claimant::Distribution, "own"))),
            ("usr/site/lib/a", "x", Some((Claimant::Package, "copy"))),
            ("usr/bin", "z", Some((Claimant::Package, "copy"))),
            ("lib/a", "y", None),
            ("lib/b", "x", None),
            ("lib", "x", None),
        ];
        for (folder, name, expected) in cases {
            assert_eq!(claims.package(&folder.into(), name.as_bytes(), &content), expected, "{folder}/{name}");
        }
        assert_eq!(claims.package(&"lib/a".into(), b"x", &ContentDigests::of(b"edited")), None);
        assert!(claims.has_list_of("own") && !claims.has_list_of("other"));
    }
}
