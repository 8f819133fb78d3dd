//! The folder of advisory data: one file for each feed and family, named by its content, and a manifest.
//!
//! Files are never changed: an update writes new ones beside the old, and then a new manifest over the old one in
//! one step. So readers need no lock and always see one state; writers wait for each other. Files that no manifest
//! names any more go when they are a day old.

mod build;
mod bundle;
mod manifest;
mod pile;
mod sealed;
mod shard;
mod write;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::error::Result;

pub use build::{Builder, Built};
pub use bundle::{MAGIC as BUNDLE_MAGIC, read_bundle, write_bundle};
pub use manifest::{Entry, FORMAT, Manifest, is_family, open_file, parts};
pub use shard::Shard;
pub use write::{Writer, hash};

/// The name of the manifest.
pub(in crate::advisory) const MANIFEST: &str = "manifest.json";

/// Advisory data as a scan sees them: one state of the folder.
#[derive(Debug)]
pub struct Database {
    folder: PathBuf,
    manifest: Manifest,
    open: RefCell<BTreeMap<String, Rc<Shard>>>,
}

impl Database {
    /// Opens the data in `folder`. A folder that is not there has no data, which is no error.
    pub fn open(folder: &Path) -> Result<Self> {
        let manifest = Manifest::read(&folder.join(MANIFEST))?.unwrap_or_default();
        Ok(Self { folder: folder.to_owned(), manifest, open: RefCell::default() })
    }

    /// No data but those that are part of careen.
    pub fn empty() -> Self {
        Self { folder: PathBuf::new(), manifest: Manifest::default(), open: RefCell::default() }
    }

    /// What there is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The data of one feed for one family, `feed/family`; opened at the first call.
    pub fn shard(&self, name: &str) -> Result<Option<Rc<Shard>>> {
        if let Some(shard) = self.open.borrow().get(name) {
            return Ok(Some(Rc::clone(shard)));
        }
        let Some(entry) = self.manifest.shards.get(name) else { return Ok(None) };
        let path = self.folder.join(&entry.file);
        // a pipe in its place would be waited for
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(shard::damaged(&path.display().to_string(), &"it is no file"));
        }
        let shard = Rc::new(Shard::open(&path, entry.seal, name)?);
        self.open.borrow_mut().insert(name.to_owned(), Rc::clone(&shard));
        Ok(Some(shard))
    }

    /// Reads the data of one feed for one family whole, each value of it, and compares what the manifest says.
    pub fn verify(&self, name: &str) -> Result<()> {
        let Some(entry) = self.manifest.shards.get(name) else { return Ok(()) };
        verify(&self.folder.join(&entry.file), name, entry).map(|_| ())
    }

    /// All data for a family, in the order of the feeds' ids, with these.
    pub fn of_family(&self, family: &str) -> Result<Vec<(String, Rc<Shard>)>> {
        let feeds: Vec<String> = self.manifest.of_family(family).map(|(feed, _)| feed.to_owned()).collect();
        let mut shards = Vec::with_capacity(feeds.len());
        for feed in feeds {
            if let Some(shard) = self.shard(&format!("{feed}/{family}"))? {
                shards.push((feed, shard));
            }
        }
        Ok(shards)
    }
}

/// Reads a file whole, each value of it, and compares what is known of it; gives what is in it. Facts that are no
/// records are not counted.
pub fn verify(path: &Path, name: &str, entry: &Entry) -> Result<Built> {
    let damaged = |why: &str| shard::damaged(&path.display().to_string(), &why);
    let (sha256, size) = hash(path).map_err(|error| damaged(&error.to_string()))?;
    if size != entry.size {
        return Err(damaged("it has another length than the list says"));
    }
    if sha256 != entry.sha256 {
        return Err(damaged("its SHA-256 is not the one that the list says"));
    }
    let shard = Shard::open(path, entry.seal, name)?;
    let mut built = Built { seal: entry.seal, ..Built::default() };
    shard.for_each_record(&mut |advisory| {
        built.records = built.records.saturating_add(1);
        if advisory.modified > built.newest {
            built.newest = advisory.modified;
        }
        Ok(())
    })?;
    shard.for_each_package(&mut |_, _, _| {
        built.packages = built.packages.saturating_add(1);
        Ok(())
    })?;
    if built.packages != entry.packages {
        return Err(damaged("it has another number of packages than the list says"));
    }
    Ok(built)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::advisory::osv;

    fn builder() -> Builder {
        let mut builder = Builder::new("Debian");
        for number in 0..300 {
            let record = json!({
                "id": format!("DEBIAN-CVE-2026-{number}"), "modified": format!("2026-01-02T03:{:02}:05Z", number % 60),
                "upstream": [format!("CVE-2026-{number}")],
                "affected": [
                    { "package": { "ecosystem": "Debian:12", "name": format!("package-{}", number % 50) },
                      "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "1.2-3" }] }],
                      "versions": ["1.0-1", "7.0-1"] },
                    { "package": { "ecosystem": "Alpine:v3.19", "name": "not-here" } },
                ],
            });
            builder.add(osv::of_value(&record).expect("reads"));
        }
        let withdrawn = json!({ "id": "DEBIAN-CVE-2026-7", "withdrawn": "2026-02-01T00:00:00Z" });
        builder.add(osv::of_value(&withdrawn).expect("reads"));
        builder.add_fact("CVE-2026-1", &42_u32).expect("packs");
        builder
    }

    fn filled() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::open(folder.path(), Duration::ZERO, &mut || {}).expect("opens");
        writer
            .put("osv/Debian", builder(), Entry { source: "https://osv.example".into(), ..Entry::default() })
            .expect("writes");
        writer.commit().expect("commits");
        folder
    }

    #[test]
    fn what_is_compiled_is_found_again() {
        let folder = filled();
        let database = Database::open(folder.path()).expect("opens");
        let entry = &database.manifest().shards["osv/Debian"];
        assert_eq!((entry.records, entry.packages, entry.newest.as_str()), (299, 50, "2026-01-02T03:59:05Z"));
        let shards = database.of_family("Debian").expect("opens");
        let [(feed, shard)] = shards.as_slice() else { panic!("{shards:?}") };
        assert_eq!(feed, "osv");
        assert_eq!(shard.releases().iter().collect::<Vec<_>>(), ["12"]);
        let postings = shard.postings("12", "package-1").expect("reads");
        assert_eq!(postings.len(), 6);
        assert_eq!(postings[0].id, "DEBIAN-CVE-2026-1");
        assert_eq!(postings[0].versions.listed, ["7.0-1"], "what a range covers is not kept twice");
        assert_eq!(shard.postings("12", "package-7").expect("reads").len(), 5, "one is withdrawn");
        assert_eq!(shard.postings("11", "package-1").expect("reads"), []);
        assert_eq!(shard.postings("12", "nothing").expect("reads"), []);
        assert_eq!(shard.named("CVE-2026-1").expect("reads"), ["DEBIAN-CVE-2026-1"]);
        assert_eq!(shard.record("DEBIAN-CVE-2026-7").expect("reads"), None);
        let record = shard.record("DEBIAN-CVE-2026-1").expect("reads").expect("is there");
        assert_eq!((record.upstream.as_slice(), record.affected.len()), (&["CVE-2026-1".to_owned()][..], 0));
        assert_eq!(shard.fact::<u32>("CVE-2026-1").expect("reads"), Some(42));
        let mut packages = 0;
        shard
            .for_each_package(&mut |release, _, _| {
                packages += usize::from(release == "12");
                Ok(())
            })
            .expect("reads");
        assert_eq!(packages, 50);
    }

    #[test]
    fn memory_answers_as_a_file_does() {
        let folder = filled();
        let database = Database::open(folder.path()).expect("opens");
        let file = database.shard("osv/Debian").expect("opens").expect("is there");
        let record = json!({
            "id": "DEBIAN-CVE-2026-1", "modified": "2026-01-02T03:01:05Z", "upstream": ["CVE-2026-1"],
            "affected": [{ "package": { "ecosystem": "Debian:12", "name": "package-1" } }],
        });
        let memory = Shard::of("Debian", vec![osv::of_value(&record).expect("reads")]);
        assert_eq!(memory.releases(), file.releases());
        assert_eq!(
            memory.record("DEBIAN-CVE-2026-1").expect("reads"),
            file.record("DEBIAN-CVE-2026-1").expect("reads")
        );
        assert_eq!(memory.named("CVE-2026-1").expect("reads"), file.named("CVE-2026-1").expect("reads"));
        assert_eq!(memory.postings("12", "package-1").expect("reads").len(), 1);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_never_an_empty_answer() {
        let folder = filled();
        let path =
            folder.path().join(&Database::open(folder.path()).expect("opens").manifest().shards["osv/Debian"].file);
        let sound = fs::read(&path).expect("reads");
        let look = || -> Result<usize> {
            let database = Database::open(folder.path())?;
            let shard = database.shard("osv/Debian")?.expect("is listed");
            let mut found = 0;
            for package in 0..50 {
                found += shard.postings("12", &format!("package-{package}"))?.len();
            }
            Ok(found)
        };
        assert_eq!(look().expect("reads"), 299);
        for at in (0..sound.len()).step_by(sound.len() / 97) {
            let mut spoilt = sound.clone();
            spoilt[at] ^= 0x40;
            fs::write(&path, spoilt).expect("writes");
            match look() {
                Ok(found) => assert_eq!(found, 299, "byte {at}"),
                Err(error) => assert!(error.help.as_ref().is_some_and(|help| help.contains("careen db update"))),
            }
        }
        fs::write(&path, &sound[..sound.len() / 2]).expect("writes");
        assert!(look().is_err());
        fs::remove_file(&path).expect("removes");
        assert!(look().is_err());
    }

    #[test]
    fn a_second_writer_waits_for_the_first_and_readers_for_nobody() {
        let folder = filled();
        let first = Writer::open(folder.path(), Duration::ZERO, &mut || {}).expect("opens");
        let mut was_told = false;
        assert!(Writer::open(folder.path(), Duration::ZERO, &mut || was_told = true).is_err());
        assert!(Database::open(folder.path()).expect("opens").shard("osv/Debian").expect("opens").is_some());
        let path = folder.path().to_owned();
        let second = std::thread::spawn(move || Writer::open(&path, Duration::from_secs(20), &mut || {}).is_ok());
        std::thread::sleep(Duration::from_millis(100));
        drop(first);
        assert!(second.join().expect("ends"));
    }

    #[test]
    fn a_file_of_one_family_does_not_pass_for_that_of_another() {
        let folder = filled();
        let path = folder.path().join(MANIFEST);
        let text = fs::read_to_string(&path).expect("reads").replace("\"osv/Debian\"", "\"osv/npm\"");
        fs::write(&path, text).expect("writes");
        let database = Database::open(folder.path()).expect("opens");
        let error = database.shard("osv/npm").expect_err("is refused");
        assert!(error.message.contains("it is of osv/Debian, and not of osv/npm"), "{error:?}");
        assert!(database.verify("osv/npm").is_err());
    }

    #[test]
    fn a_list_that_cannot_be_read_is_not_written_over() {
        let cases = [
            ("{", false, "starts anew"),
            ("{", true, ""),
            (r#"{"format":0,"shards":{}}"#, false, "starts anew"),
            (r#"{"format":0,"shards":{}}"#, true, ""),
            (r#"{"format":2,"shards":[]}"#, false, "use that careen"),
            (r#"{"format":2,"shards":[]}"#, true, "use that careen"),
        ];
        for (text, anew, help) in cases {
            let folder = filled();
            fs::write(folder.path().join(MANIFEST), text).expect("writes");
            let opened = Writer::open_anew(folder.path(), Duration::ZERO, &mut || {}, anew);
            match opened {
                Ok(mut writer) => assert!(help.is_empty() && writer.manifest().shards.is_empty(), "{text}"),
                Err(error) => {
                    assert!(!help.is_empty() && error.help.is_some_and(|text| text.contains(help)), "{text} {anew}");
                }
            }
            assert_eq!(fs::read_to_string(folder.path().join(MANIFEST)).expect("reads"), text);
        }
    }

    #[test]
    fn a_manifest_of_another_version_or_one_that_leaves_the_folder_is_refused_with_the_way_out() {
        let cases = [
            (r#"{"format":2,"shards":{}}"#, "format 2, of a newer careen"),
            (r#"{"format":0,"shards":{}}"#, "format 0, of an older careen"),
            ("{", "is damaged"),
            (r#"{"format":1,"shards":{"osv/a":{"file":"../../etc/passwd"}}}"#, "cannot be that of osv/a"),
            (r#"{"format":1,"shards":{"osv/a":{"file":"osv/../a.redb"}}}"#, "cannot be that of osv/a"),
            (r#"{"format":1,"shards":{"osv/a":{"file":"kev/a-0.redb"}}}"#, "cannot be that of osv/a"),
            (r#"{"format":1,"shards":{"osv/a":{"file":"osv/.redb"}}}"#, "cannot be that of osv/a"),
            (r#"{"format":1,"shards":{"osv/a":{"file":"osv/a-0.redb"},"osv/b":{"file":"osv/a-0.redb"}}}"#, "of osv/b"),
            (r#"{"format":1,"shards":{"osv/../a":{"file":"a"}}}"#, "`osv/../a`, which careen does not know"),
            (r#"{"format":1,"shards":{"tmp/a":{"file":"tmp/a-0.redb"}}}"#, "`tmp/a`"),
            (r#"{"format":1,"shards":{"lock/a":{"file":"lock/a-0.redb"}}}"#, "`lock/a`"),
            (r#"{"format":1,"shards":{"manifest.json/a":{"file":"manifest.json/a-0.redb"}}}"#, "`manifest.json/a`"),
            (r#"{"format":1,"shards":{"osv":{"file":"osv/a-0.redb"}}}"#, "`osv`"),
            (r#"{"format":1,"shards":{"osv/\u001b[2J":{"file":"osv/a-0.redb"}}}"#, "careen does not know"),
        ];
        let long = format!(r#"{{"format":1,"shards":{{"osv/a":{{"file":"osv/{}.redb"}}}}}}"#, "a".repeat(100));
        assert!(Manifest::parse(long.as_bytes()).is_err(), "too long for an archive");
        for name in ["osv/Azure Linux", "local/npm", "kev/kev", "debian-tracker/Debian"] {
            let (feed, family) = parts(name).expect("is known");
            let long = manifest::file_name(feed, &"a b".repeat(21), "0123456789abcdef");
            for file in [manifest::file_name(feed, family, "0123456789abcdef"), long] {
                let text = json!({ "format": 1, "shards": { name: { "file": file } } }).to_string();
                assert!(Manifest::parse(text.as_bytes()).is_ok(), "{text}");
            }
        }
        for (text, expected) in cases {
            let error = Manifest::parse(text.as_bytes()).expect_err("is refused");
            assert!(error.message.contains(expected) && error.help.is_some(), "{error:?}");
        }
    }
}
