//! Advisory data as one file: a tar archive (POSIX.1 ustar) of the manifest and the files it names, as one zstd frame.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::{self, Read, Write};
use std::path::Path;

use zstd::stream::raw::DParameter;

use crate::error::{Error, ErrorKind, Result};
use crate::format::ustar::{BLOCK, MemberKind, Members, Streaming, padding};
use crate::limit::Limits;

use super::{MANIFEST, Manifest, open_file};

/// Level of zstd: the files are compressed already, so more brings nothing.
const LEVEL: i32 = 3;

/// Largest window taken, as a power of two: what this level never exceeds.
const WINDOW_LOG: u32 = 27;

/// The first bytes of a zstd frame.
pub const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

/// Writes the data that `manifest` names, which are in `folder`.
pub fn write_bundle(folder: &Path, manifest: &Manifest, out: impl Write) -> Result<()> {
    let cannot = |error| Error::io("cannot write the export", error);
    let mut out = zstd::Encoder::new(out, LEVEL).map_err(cannot)?;
    out.include_checksum(true).map_err(cannot)?;
    let listed = manifest.render();
    member(&mut out, MANIFEST, listed.len() as u64, &mut listed.as_slice()).map_err(cannot)?;
    for entry in manifest.shards.values() {
        let path = folder.join(&entry.file);
        let place = || path.display().to_string();
        let mut file = open_file(&path).map_err(|error| Error::io("cannot read advisory data", error).at(place()))?;
        member(&mut out, &entry.file, entry.size, &mut file).map_err(|error| cannot(error).at(place()))?;
    }
    out.write_all(&[0; 2 * BLOCK]).and_then(|()| out.finish()?.flush()).map_err(cannot)
}

fn member(out: &mut impl Write, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
    let mut header = [0; BLOCK];
    let (folder, base) = name.rsplit_once('/').unwrap_or(("", name));
    let mut put = |at: usize, bytes: &[u8], most: usize| {
        let place = header.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len()));
        place.filter(|_| bytes.len() <= most).map(|place| place.copy_from_slice(bytes))
    };
    let done = [
        put(0, base.as_bytes(), 100),
        put(100, b"0000644\x000000000\x000000000\0", 24),
        put(124, format!("{size:011o}\0").as_bytes(), 12),
        put(136, b"00000000000\0        0", 21),
        put(257, b"ustar\x0000", 8),
        put(345, folder.as_bytes(), 155),
    ];
    if done.contains(&None) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a file is too large, or its name too long"));
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(place) = header.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    out.write_all(&header)?;
    let copied = io::copy(&mut content.take(size), out)?;
    if copied != size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file is shorter than its list says"));
    }
    io::copy(&mut io::repeat(0).take(padding(size)), out)?;
    Ok(())
}

/// Shows each file of a bundle, in its order, with a reader of its content; what is not read is passed over.
pub fn read_bundle(bundle: impl Read, each: &mut dyn FnMut(&str, u64, &mut dyn Read) -> Result<()>) -> Result<()> {
    /// Files in a bundle.
    const MOST: usize = 10_000;
    let mut bundle = zstd::Decoder::new(bundle).map_err(|error| Error::io("cannot read the export", error))?;
    bundle
        .set_parameter(DParameter::WindowLogMax(WINDOW_LOG))
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot set up zstd: {error}")))?;
    let limits = Limits::default();
    let mut members = Members::new(Streaming(bundle), &limits);
    let mut count = 0_usize;
    while let Some(found) = members.next_member()? {
        count = count.saturating_add(1);
        if count > MOST {
            return Err(Error::malformed(format!("the export has more than {MOST} files")));
        }
        if found.kind == MemberKind::Folder {
            continue;
        }
        if found.kind != MemberKind::File {
            return Err(Error::malformed("the export holds something that is no file"));
        }
        let name = String::from_utf8_lossy(&found.name);
        each(name.strip_prefix("./").unwrap_or(&name), found.size, &mut members.body())?;
    }
    members.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::store::Entry;

    #[test]
    fn what_is_bundled_comes_out_again_and_damage_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut manifest = Manifest::default();
        for (feed, family, size) in [("osv", "Azure Linux", 0), ("debian-tracker", "Debian", 513)] {
            let file = format!("{feed}/{family}-0123456789abcdef.redb");
            std::fs::create_dir_all(folder.path().join(feed)).expect("makes");
            std::fs::write(folder.path().join(&file), vec![7; size]).expect("writes");
            let entry = Entry { file, size: size as u64, ..Entry::default() };
            manifest.shards.insert(format!("{feed}/{family}"), entry);
        }
        let mut bundle = Vec::new();
        write_bundle(folder.path(), &manifest, &mut bundle).expect("writes");
        let names = |bundle: &[u8]| {
            let mut seen = Vec::new();
            read_bundle(bundle, &mut |name, size, content| {
                let mut bytes = Vec::new();
                content.take(size).read_to_end(&mut bytes).map_err(|error| Error::io("reads", error))?;
                seen.push(format!("{name} {}", bytes.len()));
                Ok(())
            })
            .map(|()| seen)
        };
        let expected = [
            format!("manifest.json {}", manifest.render().len()),
            "debian-tracker/Debian-0123456789abcdef.redb 513".into(),
            "osv/Azure Linux-0123456789abcdef.redb 0".into(),
        ];
        assert_eq!(names(&bundle).expect("reads"), expected);
        for at in (5..bundle.len()).step_by(7) {
            let mut spoilt = bundle.clone();
            spoilt[at] ^= 0x10;
            // not every bit of a frame's head means something
            assert!(names(&spoilt).is_err() || names(&spoilt).expect("reads") == expected, "byte {at}");
            assert!(names(&bundle[..at]).is_err(), "cut at {at}");
        }
        manifest.shards.values_mut().for_each(|entry| entry.size += 1);
        assert!(write_bundle(folder.path(), &manifest, &mut Vec::new()).is_err(), "it has changed meanwhile");
    }
}
