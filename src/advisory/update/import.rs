//! Takes files in that somebody brought: exports, archives of osv.dev, single records, and what other feeds give.
//! What a file is, is told by its content.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::format::decompress::{Compressed, inflate};
use crate::format::zip::{Archive, Budget};
use crate::time::Timestamp;

use super::super::feed::about::LOCAL;
use super::super::feed::{Feed, Fetched, Sink, feed};
use super::super::record::Advisory;
use super::super::store::{BUNDLE_MAGIC, Built, Entry, Writer};
use super::super::{name, osv};
use super::bundle::{self, Export};
use super::{Choice, Done, End, PATIENCE, Watch, defect, guard, old, put_if, records};

/// Largest file taken, and largest sum of a folder's files, in bytes.
const LARGEST: u64 = 2 << 30;

/// Files of a folder, and folders in folders.
const MOST_FILES: usize = 1_000_000;
const DEEPEST: usize = 8;

/// Records of an archive that are looked at to tell what family it is of.
const SAMPLE: usize = 300;

/// What is to be taken in.
#[derive(Debug)]
pub struct ImportOptions<'a> {
    /// The folder of advisory data.
    pub folder: &'a Path,
    /// Files and folders.
    pub paths: &'a [PathBuf],
    /// The family of an archive, where its records do not tell.
    pub family: Option<&'a str>,
    /// Takes data that are far less than what is there.
    pub force: bool,
    /// The time.
    pub now: Timestamp,
}

/// What a path is.
enum Kind {
    Export(Export),
    /// An archive of records.
    Zip(Vec<u8>),
    /// The files of a feed, which has one family.
    Feed(&'static dyn Feed, Vec<Fetched>),
    /// Records, each a file.
    Records(Vec<Fetched>),
}

/// Takes files in. What one path fails of is told of it; an error is for what concerns them all.
pub fn import(options: &ImportOptions<'_>, watch: &dyn Watch) -> Result<Vec<Done>> {
    let mut writer = Writer::open(options.folder, PATIENCE, &mut || watch.waiting())?;
    let mut all = Vec::new();
    for path in options.paths {
        let place = path.display().to_string();
        let done = recognise(path).and_then(|kind| take_in(&mut writer, options, kind, &place, watch));
        match done {
            Ok(done) => all.extend(done),
            Err(error) => {
                let one = Done::new(&place, End::Failed(error.at(place.clone())), None);
                watch.done(&one);
                all.push(one);
            }
        }
    }
    Ok(all)
}

fn recognise(path: &Path) -> Result<Kind> {
    let cannot = |error| Error::io("cannot read what is to be imported", error);
    let metadata = fs::metadata(path).map_err(cannot)?;
    if metadata.is_dir() {
        return of_folder(path);
    }
    // a pipe may never say anything, and a device never end
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::Usage, "this is neither a file nor a folder").help("save it to a file first"));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(cannot)?;
    file.by_ref().take(BUNDLE_MAGIC.len() as u64).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes == BUNDLE_MAGIC {
        return Ok(Kind::Export(Export::File(path.to_owned())));
    }
    file.take(LARGEST).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::new(ErrorKind::Io, "the file is larger than 2 GiB, which no such file is"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    of_file(name, bytes, false)
}

fn of_file(name: String, bytes: Vec<u8>, is_expanded: bool) -> Result<Kind> {
    let unknown = || {
        Error::malformed("careen does not know what this is").help(
            "it takes its own exports, archives and records of osv.dev, the RustSec database, and the lists of KEV and EPSS",
        )
    };
    let of_feed = |id: &str, path: String, bytes| match feed(id) {
        Some(feed) => Ok(Kind::Feed(feed, vec![Fetched { path, bytes }])),
        None => Err(Error::new(ErrorKind::Usage, format!("this careen has no feed `{id}`"))),
    };
    if bytes.starts_with(b"PK") {
        return Ok(Kind::Zip(bytes));
    }
    // what is wrapped again is nothing that anybody publishes
    if bytes.starts_with(b"\x1f\x8b") && !is_expanded {
        // enough to see the begin of a tar or of a table
        let expanded = inflate(Compressed::Gzip, &bytes, 1 << 30)
            .map_err(|error| Error::malformed(format!("the file cannot be expanded: {error}")))?;
        return if is_scores(&expanded) {
            of_feed("epss", name, bytes)
        } else if crate::format::ustar::is_header(&expanded) {
            of_feed("rustsec", name, bytes)
        } else {
            of_file(name, expanded, true)
        };
    }
    if is_scores(&bytes) {
        return of_feed("epss", name, bytes);
    }
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(Value::Object(object))
            if object.contains_key("vulnerabilities") && object.contains_key("catalogVersion") =>
        {
            of_feed("kev", name, bytes)
        }
        Ok(Value::Object(object)) if object.contains_key("id") => {
            Ok(Kind::Records(vec![Fetched { path: name, bytes }]))
        }
        _ => Err(unknown()),
    }
}

fn is_scores(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#model_version") || bytes.starts_with(b"cve,epss")
}

fn of_folder(path: &Path) -> Result<Kind> {
    if Export::is_in(path) {
        return Ok(Kind::Export(Export::Folder(path.to_owned())));
    }
    if path.join("ecosystems.txt").is_file() {
        return Err(Error::new(ErrorKind::Usage, "the folder is a mirror of feeds").help(format!(
            "take it with `careen db update --all --from {}`",
            crate::escape::escape(path.display().to_string())
        )));
    }
    let is_rustsec =
        path.join("crates").is_dir() && (path.join("support.toml").is_file() || path.join("rust").is_dir());
    let ends = if is_rustsec { ".md" } else { ".json" };
    let mut files = Vec::new();
    read_folder(path, "", ends, 0, &mut 0, &mut files)?;
    if is_rustsec {
        // what stands beside them is no advisory, or not about crates
        files.retain(|file| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            file.path.starts_with("crates/") && name.starts_with("RUSTSEC-")
        });
        let feed = feed("rustsec").ok_or_else(|| Error::new(ErrorKind::Usage, "this careen has no feed `rustsec`"))?;
        return Ok(Kind::Feed(feed, files));
    }
    if files.is_empty() {
        return Err(Error::malformed("the folder holds no records (`*.json`)"));
    }
    Ok(Kind::Records(files))
}

/// Reads the files of a folder whose names end so; `sum` is how many bytes they have.
fn read_folder(
    folder: &Path,
    under: &str,
    ends: &str,
    depth: usize,
    sum: &mut u64,
    files: &mut Vec<Fetched>,
) -> Result<()> {
    let cannot = |error| Error::io("cannot read what is to be imported", error).at(folder.display().to_string());
    let mut entries: Vec<_> = fs::read_dir(folder).map_err(cannot)?.collect::<Result<_, _>>().map_err(cannot)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        // links are not followed
        let Ok(kind) = entry.file_type() else { continue };
        let path = format!("{under}{name}");
        if kind.is_dir() && depth < DEEPEST && !name.starts_with('.') {
            read_folder(&entry.path(), &format!("{path}/"), ends, depth.saturating_add(1), sum, files)?;
        } else if kind.is_file() && name.ends_with(ends) {
            if files.len() >= MOST_FILES {
                return Err(Error::malformed(format!("the folder holds more than {MOST_FILES} records")));
            }
            let mut bytes = Vec::new();
            let file = File::open(entry.path()).map_err(cannot)?;
            // one byte more than may be, so that a larger one is refused and not cut
            file.take((osv::LARGEST as u64).saturating_add(1)).read_to_end(&mut bytes).map_err(cannot)?;
            *sum = sum.saturating_add(bytes.len() as u64);
            if *sum > LARGEST {
                return Err(Error::malformed("the files of the folder have more than 2 GiB")
                    .help("import its folders one by one, or an archive of osv.dev"));
            }
            files.push(Fetched { path, bytes });
        }
    }
    Ok(())
}

fn take_in(
    writer: &mut Writer,
    options: &ImportOptions<'_>,
    kind: Kind,
    place: &str,
    watch: &dyn Watch,
) -> Result<Vec<Done>> {
    match kind {
        Kind::Export(export) => bundle::take_in(writer, &export, &Choice::All, false, options.now, watch),
        Kind::Zip(bytes) => {
            let family = match options.family {
                Some(family) => super::choice::known(family).unwrap_or_else(|| name::split(family).0.to_owned()),
                None => family_of(&bytes)?,
            };
            let osv = feed("osv").ok_or_else(defect)?;
            let file = Fetched { path: place.to_owned(), bytes };
            Ok(vec![take_feed(writer, options, osv, &family, &[file], place, watch)?])
        }
        Kind::Feed(feed, files) => {
            let Some(family) = feed.families().first() else { return Err(defect()) };
            Ok(vec![take_feed(writer, options, feed, family, &files, place, watch)?])
        }
        Kind::Records(files) => take_records(writer, options, &files, place, watch),
    }
}

fn take_feed(
    writer: &mut Writer,
    options: &ImportOptions<'_>,
    feed: &'static dyn Feed,
    family: &str,
    files: &[Fetched],
    place: &str,
    watch: &dyn Watch,
) -> Result<Done> {
    let mut sink = Sink::new(family);
    feed.read(family, files, &mut sink)?;
    if sink.builder.is_empty() {
        return Err(Error::malformed("it holds no data"));
    }
    let name = format!("{}/{family}", feed.id());
    let before = writer.manifest().shards.get(&name).cloned().filter(|_| !options.force);
    if !options.force {
        let all = sink.builder.len().saturating_add(sink.refused_count);
        guard::refusals(sink.refused_count, all)?;
    }
    finish(writer, options, &name, sink, place, watch, &|built| match &before {
        Some(before) => guard::loss(before, built.records, built.packages),
        None => Ok(()),
    })
}

fn finish(
    writer: &mut Writer,
    options: &ImportOptions<'_>,
    name: &str,
    mut sink: Sink,
    place: &str,
    watch: &dyn Watch,
    check: &dyn Fn(&Built) -> Result<()>,
) -> Result<Done> {
    let about = Entry {
        source: place.to_owned(),
        newest: sink.as_of.take().unwrap_or_default(),
        fetched: Some(options.now),
        // nobody asked the source of a file whether there is something newer
        checked: None,
        complete: Some(options.now),
        refused: sink.refused.iter().map(|(id, _)| id.clone()).collect(),
        ..Entry::default()
    };
    put_if(writer, name, sink.builder, about, check)?;
    let mut done = Done::new(name, End::Whole, writer.manifest().shards.get(name).cloned());
    (done.refused, done.refused_count) = (sink.refused, sink.refused_count);
    watch.done(&done);
    Ok(done)
}

/// Adds records to those that were brought before, for each family that they affect.
fn take_records(
    writer: &mut Writer,
    options: &ImportOptions<'_>,
    files: &[Fetched],
    place: &str,
    watch: &dyn Watch,
) -> Result<Vec<Done>> {
    let mut advisories: Vec<Advisory> = Vec::new();
    let mut families: BTreeSet<String> = BTreeSet::new();
    let mut refused = Vec::new();
    for file in files {
        match osv::parse(&file.bytes) {
            Ok(advisory) => {
                let own = advisory.affected.iter().map(|affected| name::split(&affected.ecosystem).0.to_owned());
                families.extend(own.filter(|family| options.family.is_none_or(|wanted| wanted == family)));
                advisories.push(advisory);
            }
            Err(why) => refused.push((file.path.clone(), why)),
        }
    }
    if let (1, Some((_, why))) = (files.len(), refused.first()) {
        return Err(Error::malformed(format!("the record is refused: {why}")));
    }
    families.retain(|family| super::choice::is_family(family));
    if families.is_empty() {
        return Err(Error::malformed("no record of it affects a package of an ecosystem"));
    }
    let mut done = Vec::new();
    for family in families {
        let name = format!("{LOCAL}/{family}");
        let mut sink = Sink::new(&family);
        if let Some(old) = old(options.folder, &name) {
            records(&old.shard, &family)?.into_values().for_each(|advisory| sink.add(advisory));
        }
        let of_family = |advisory: &&Advisory| {
            // a withdrawn one takes away what was there
            advisory.withdrawn.is_some()
                || advisory.affected.iter().any(|affected| name::split(&affected.ecosystem).0 == family)
        };
        advisories.iter().filter(of_family).for_each(|advisory| sink.add(advisory.clone()));
        for (path, why) in &refused {
            sink.refuse(path, why.clone());
        }
        // what is added to, nothing is lost of
        done.push(finish(writer, options, &name, sink, place, watch, &|_| Ok(()))?);
    }
    Ok(done)
}

/// The one family that all records of an archive affect.
fn family_of(bytes: &[u8]) -> Result<String> {
    let ask = |why: String| Error::malformed(why).help("say which it is: `--ecosystem NAME`");
    let mut budget = Budget { entries: 3_000_000, ..Budget::for_file(bytes.len()) };
    let archive = Archive::open(bytes, &mut budget)
        .map_err(|error| Error::malformed(format!("the archive cannot be read: {error}")))?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut looked = 0_usize;
    let step = (archive.entries().len() / SAMPLE).max(1);
    for entry in archive.entries().iter().step_by(step).filter(|entry| entry.name.ends_with(b".json")) {
        let Ok(bytes) = archive.read(entry, osv::LARGEST, &mut budget) else { continue };
        let Ok(advisory) = osv::parse(&bytes) else { continue };
        let families: BTreeSet<String> =
            advisory.affected.iter().map(|affected| name::split(&affected.ecosystem).0.to_owned()).collect();
        looked = looked.saturating_add(usize::from(!families.is_empty()));
        for family in families {
            let count = counts.entry(family).or_default();
            *count = count.saturating_add(1);
        }
    }
    let mut all: Vec<String> =
        counts.iter().filter(|(_, count)| **count == looked).map(|(name, _)| name.clone()).collect();
    match (all.pop(), all.is_empty()) {
        (Some(family), true) if super::choice::is_family(&family) => Ok(family),
        (Some(_), _) => Err(ask("the records of the archive affect several ecosystems alike".into())),
        (None, _) if looked == 0 => Err(Error::malformed("the archive holds no records of advisories")),
        (None, _) => Err(ask("the records of the archive are of no one ecosystem".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::store::Database;
    use super::*;
    use crate::format::testing::deflate;

    #[test]
    fn what_is_wrapped_is_unwrapped_once() {
        let record = br#"{"id":"OWN-1","affected":[{"package":{"ecosystem":"npm","name":"a"}}]}"#.to_vec();
        let once = deflate(Compressed::Gzip, &record);
        let twice = deflate(Compressed::Gzip, &once);
        let scores = deflate(Compressed::Gzip, b"cve,epss,percentile\n");
        let cases = [(record, "records"), (once, "records"), (twice, "careen does not know"), (scores, "epss")];
        for (bytes, expected) in cases {
            let kind = match of_file("a".into(), bytes, false) {
                Ok(Kind::Records(_)) => "records".to_owned(),
                Ok(Kind::Feed(feed, _)) => feed.id().to_owned(),
                Ok(_) => "another".to_owned(),
                Err(error) => error.message,
            };
            assert!(kind.starts_with(expected), "{kind}");
        }
    }

    #[test]
    fn what_is_neither_file_nor_folder_is_refused_at_once() {
        // opening a pipe would wait for whoever writes into it
        let refused = recognise(Path::new("/dev/null")).err().expect("is refused");
        assert_eq!((refused.kind, refused.help.is_some()), (ErrorKind::Usage, true));
    }

    #[test]
    fn data_that_are_far_less_than_before_are_taken_by_force_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let scores = |count: usize| {
            let rows: String = (0..count).map(|n| format!("CVE-2026-{},0.5,0.5\n", 1000 + n)).collect();
            let path = folder.path().join(format!("{count}.csv"));
            fs::write(&path, format!("cve,epss,percentile\n{rows}")).expect("writes");
            path
        };
        let data = folder.path().join("data");
        let take = |count: usize, force: bool| {
            let (paths, now) = ([scores(count)], "2026-08-21T00:00:00Z".parse().expect("a time"));
            let options = ImportOptions { folder: &data, paths: &paths, family: None, force, now };
            let done = import(&options, &()).expect("imports").remove(0);
            let records = Database::open(&data).expect("opens").manifest().shards["epss/epss"].records;
            (matches!(done.end, End::Whole), records)
        };
        let cases =
            [(100, false, (true, 100)), (50, false, (false, 100)), (50, true, (true, 50)), (45, false, (true, 45))];
        for (count, force, expected) in cases {
            assert_eq!(take(count, force), expected, "{count} {force}");
        }
    }

    #[test]
    fn a_file_of_a_folder_that_is_too_large_is_refused_and_not_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let record = r#"{"id":"OWN-1","affected":[{"package":{"ecosystem":"npm","name":"a"}}]}"#;
        fs::write(folder.path().join("a.json"), record).expect("writes");
        // cut behind the most there may be, it would be a record
        let large = format!("{record}{}", " ".repeat(osv::LARGEST));
        fs::write(folder.path().join("b.json"), large).expect("writes");
        let Ok(Kind::Records(files)) = of_folder(folder.path()) else { panic!("it is a folder of records") };
        let read: Vec<bool> = files.iter().map(|file| osv::parse(&file.bytes).is_ok()).collect();
        assert_eq!(read, [true, false]);
    }
}
