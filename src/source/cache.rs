//! Blobs of registries, kept in a folder from one scan to the next.
//!
//! Several processes share the folder without locks: a blob is written under a name of its own and gets its final one
//! only when it has the digest it was asked for by. Nothing in the folder is believed: what is there is hashed before it is
//! used, and goes if it is not what it is named after; the pass hashes what it then reads as it does any layer. What a process leaves behind that dies goes by [`trim`].

use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::digest::{Digest, Hasher, HashingReader};
use crate::error::{Error, Result};
use crate::size::ByteSize;
use crate::time::Timestamp;

/// How files begin that are not whole yet.
const PARTIAL: &str = "new-";

/// Age at which such a file has nobody who writes it.
const ABANDONED: Duration = Duration::from_hours(6);

/// A folder of blobs.
#[derive(Debug, Clone)]
pub struct BlobCache {
    folder: PathBuf,
    /// Largest blob that is kept.
    largest: ByteSize,
    now: SystemTime,
}

impl BlobCache {
    /// Blobs in `folder`, which is there; those of more than `largest` are not kept. What is used gets `now` as its time.
    pub fn new(folder: PathBuf, largest: ByteSize, now: Timestamp) -> Self {
        Self { folder, largest, now: system_time(now) }
    }

    /// The blob of this registry, if it is there.
    pub(super) fn get(&self, host: &str, digest: &Digest, size: u64) -> Option<Box<dyn Read + Send>> {
        let path = self.place(host, digest);
        // whoever may write to the folder may have put anything there: a link is not followed, a pipe not waited for
        let metadata = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        if metadata.len() != size {
            let _ = fs::remove_file(&path);
            return None;
        }
        let mut file = File::open(&path).ok()?;
        if !has_digest(&mut file, digest).ok()? {
            let _ = fs::remove_file(&path);
            return None;
        }
        // which goes first is decided by this; a wrong guess costs a download
        let _ = file.set_modified(self.now);
        Some(Box::new(file))
    }

    /// Keeps what is read to its end, if it is what it should be. What cannot be kept is read all the same.
    pub(super) fn keep(
        &self,
        host: &str,
        digest: &Digest,
        size: u64,
        blob: Box<dyn Read + Send>,
    ) -> Box<dyn Read + Send> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if size > self.largest.bytes() {
            return blob;
        }
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let partial = self.folder.join(format!("{PARTIAL}{}-{nth}", std::process::id()));
        // one of a process that died, which had the same number
        let _ = fs::remove_file(&partial);
        let Ok(file) = File::create_new(&partial) else { return blob };
        let copy = Copy {
            file,
            partial,
            place: self.place(host, digest),
            hasher: Hasher::new(digest.algorithm()),
            digest: digest.clone(),
            left: size,
        };
        Box::new(Copied { blob, copy: Some(copy) })
    }

    /// Where a blob is kept. A registry's blobs are for its own images alone: another's must not name them.
    fn place(&self, host: &str, digest: &Digest) -> PathBuf {
        let host = Digest::sha256(host.as_bytes());
        let host = host.hex().get(..16).unwrap_or_default();
        self.folder.join(format!("{host}-{}-{}", digest.algorithm().as_str(), digest.hex()))
    }
}

/// Whether a file has this digest; it is read from its beginning again after that.
fn has_digest(file: &mut File, digest: &Digest) -> io::Result<bool> {
    let (found, _) = HashingReader::new(&mut *file, digest.algorithm()).finish_all()?;
    file.rewind()?;
    Ok(found == *digest)
}

/// A blob that is copied while it is read.
struct Copied {
    blob: Box<dyn Read + Send>,
    copy: Option<Copy>,
}

impl Read for Copied {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.blob.read(buffer).inspect_err(|_| self.copy = None)?;
        if let Some(mut copy) = self.copy.take() {
            let is_end = count == 0 && !buffer.is_empty();
            // a full disk is no reason not to scan
            if is_end {
                let _ = copy.finish();
            } else if copy.add(buffer.get(..count).unwrap_or_default()).is_ok() {
                self.copy = Some(copy);
            }
        }
        Ok(count)
    }
}

/// A copy that is not whole; its file goes with it.
struct Copy {
    file: File,
    partial: PathBuf,
    place: PathBuf,
    hasher: Hasher,
    digest: Digest,
    /// Bytes that are missing.
    left: u64,
}

impl Copy {
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| io::Error::other("more than it should be"))?;
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }

    fn finish(&mut self) -> io::Result<()> {
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new(self.digest.algorithm()));
        if self.left == 0 && hasher.finish() == self.digest {
            fs::rename(&self.partial, &self.place)?;
        }
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // it is not there any more when it was whole
        let _ = fs::remove_file(&self.partial);
    }
}

/// What a folder holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Bytes that are left.
    pub kept: u64,
    /// Files that went.
    pub removed: u64,
}

/// Removes what was not used for the longest time until at most `most` is left, and what no process writes any more.
/// For the one process that starts the others, from time to time.
pub fn trim(folder: &Path, most: ByteSize, now: Timestamp) -> Result<Trimmed> {
    let cannot = |error| Error::io("cannot look through the kept layers", error).at(folder.display().to_string());
    let now = system_time(now);
    let mut files = Vec::new();
    let mut trimmed = Trimmed::default();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        // gone since: another process found it damaged, or made it whole
        let Ok(metadata) = entry.metadata() else { continue };
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let is_partial = entry.file_name().as_encoded_bytes().starts_with(PARTIAL.as_bytes());
        let age = now.duration_since(modified).unwrap_or_default();
        let is_junk = !metadata.is_file() || is_partial && age > ABANDONED;
        if is_junk {
            trimmed.removed = trimmed.removed.saturating_add(u64::from(fs::remove_file(entry.path()).is_ok()));
            continue;
        }
        trimmed.kept = trimmed.kept.saturating_add(metadata.len());
        if !is_partial {
            files.push((modified, entry.path(), metadata.len()));
        }
    }
    files.sort();
    for (_, path, size) in files {
        if trimmed.kept <= most.bytes() {
            break;
        }
        // a reader that has it open reads on
        if fs::remove_file(path).is_ok() {
            trimmed.kept = trimmed.kept.saturating_sub(size);
            trimmed.removed = trimmed.removed.saturating_add(1);
        }
    }
    Ok(trimmed)
}

fn system_time(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.to_unix()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "r.example";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_772_000_000 + seconds)
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).expect("a folder").count()
    }

    fn read(mut from: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map(|_| bytes)
    }

    fn blob(bytes: &[u8]) -> Box<dyn Read + Send> {
        Box::new(io::Cursor::new(bytes.to_vec()))
    }

    #[test]
    fn only_what_is_whole_and_right_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = BlobCache::new(folder.path().into(), ByteSize(100), at(0));
        let digest = Digest::sha256(b"right");
        let cases: &[(&[u8], u64, bool)] = &[
            (b"wrong", 5, false),
            (b"righ", 5, false),
            (b"right!", 5, false),
            (b"right", 6, false),
            (b"right", 5, true),
        ];
        for (bytes, size, is_kept) in cases {
            assert!(cache.get(HOST, &digest, *size).is_none());
            assert_eq!(read(cache.keep(HOST, &digest, *size, blob(bytes))).expect("all is read"), *bytes);
            assert_eq!(names(folder.path()), usize::from(*is_kept), "{bytes:?}");
        }
        assert_eq!(read(cache.get(HOST, &digest, 5).expect("kept")).expect("read"), b"right");
        assert!(cache.get("other.example", &digest, 5).is_none(), "another registry has its own");
        // dropped before its end, broken, too large
        let mut begun = cache.keep(HOST, &Digest::sha256(b"begun"), 5, blob(b"begun"));
        assert_eq!(begun.read(&mut [0; 3]).expect("read"), 3);
        assert_eq!(names(folder.path()), 2);
        drop(begun);
        let broken = io::Cursor::new(b"br").chain(Broken);
        assert!(read(cache.keep(HOST, &Digest::sha256(b"broken"), 6, Box::new(broken))).is_err());
        let large = vec![0; 101];
        assert_eq!(read(cache.keep(HOST, &Digest::sha256(&large), 101, blob(&large))).expect("read").len(), 101);
        assert_eq!(names(folder.path()), 1);
        // a folder that cannot be written to
        let nowhere = BlobCache::new("/nowhere".into(), ByteSize(100), at(0));
        assert_eq!(read(nowhere.keep(HOST, &digest, 5, blob(b"right"))).expect("read"), b"right");
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }

    #[test]
    fn what_is_damaged_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = BlobCache::new(folder.path().into(), ByteSize(100), at(0));
        let digest = Digest::sha256(b"right");
        let place = cache.place(HOST, &digest);
        for damaged in ["wrong", "cut", ""] {
            fs::write(&place, damaged).expect("a file");
            assert!(cache.get(HOST, &digest, 5).is_none() && !place.exists(), "{damaged}");
        }
        // a link to what this process may read and the one that put it there may not
        fs::write(folder.path().join("x"), "right").expect("a file");
        std::os::unix::fs::symlink(folder.path().join("x"), &place).expect("a link");
        assert!(cache.get(HOST, &digest, 5).is_none());
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let digests: Vec<Digest> = [b"0", b"1", b"2", b"3"].iter().map(|bytes| Digest::sha256(*bytes)).collect();
        let cache = |seconds| BlobCache::new(folder.path().into(), ByteSize(100), at(seconds));
        for (index, digest) in digests.iter().enumerate() {
            read(cache(0).keep(HOST, digest, 1, blob(index.to_string().as_bytes()))).expect("read");
        }
        for (seconds, index) in [(10, 3), (20, 1), (30, 0), (40, 2)] {
            assert!(cache(seconds).get(HOST, &digests[index], 1).is_some());
        }
        let write = |name: &str, seconds| {
            let file = File::create(folder.path().join(name)).expect("a file");
            file.set_modified(system_time(at(seconds))).expect("its time");
        };
        write("new-1-0", -100_000);
        write("new-2-0", 0);
        fs::create_dir(folder.path().join("folder")).expect("a folder");
        std::os::unix::fs::symlink("/nowhere", folder.path().join("link")).expect("a link");
        // a folder cannot be removed as a file is, and nothing of ours makes one
        let trimmed = trim(folder.path(), ByteSize(1 << 30), at(50)).expect("trimmed");
        assert_eq!(trimmed.removed, 2, "the abandoned one and the link");
        fs::remove_dir(folder.path().join("folder")).expect("empty");
        let trimmed = trim(folder.path(), ByteSize(2), at(50)).expect("trimmed");
        assert_eq!(trimmed, Trimmed { kept: 2, removed: 2 });
        let left: Vec<bool> = digests.iter().map(|digest| cache(60).get(HOST, digest, 1).is_some()).collect();
        assert_eq!(left, [true, false, true, false]);
        assert!(trim(&folder.path().join("nowhere"), ByteSize(0), at(0)).is_err());
    }
}
