//! Exports of careen's: the manifest and the files it names, in a folder, in one file, or in an artifact.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::{Error, ErrorKind, Result};
use crate::source::Access;
use crate::source::registry::artifact::Artifact;
use crate::source::registry::download::shown;
use crate::time::Timestamp;

use super::super::feed::about;
use super::super::name;
use super::super::store::{
    self, Built, Database, Entry, MANIFEST, Manifest, Writer, open_file, read_bundle, write_bundle,
};
use super::{Choice, Done, End, guard};

/// Largest manifest, in bytes.
const LARGEST_MANIFEST: u64 = 16 << 20;

/// Largest file of data, in bytes.
const LARGEST: u64 = 16 << 30;

/// Media types of an export as an artifact.
const ARTIFACT_TYPE: &str = "application/vnd.careen.advisories.v1";
const FILE_TYPE: &str = "application/vnd.careen.advisories.file.v1";

/// An export.
pub(super) enum Export {
    Folder(PathBuf),
    File(PathBuf),
    Artifact(Artifact),
}

impl Export {
    /// The artifact of this reference.
    pub(super) fn of_reference(reference: &str, access: &Access) -> Result<Self> {
        Artifact::open(reference, access).map(Self::Artifact)
    }

    /// Whether a folder holds one.
    pub(super) fn is_in(folder: &Path) -> bool {
        let Ok(file) = open_file(&folder.join(MANIFEST)) else { return false };
        let mut head = Vec::new();
        // a careen of another version wrote one too, which is then refused by name
        file.take(4096).read_to_end(&mut head).is_ok()
            && head.windows(8).any(|part| part == b"\"shards\"")
            && head.windows(8).any(|part| part == b"\"format\"")
    }

    /// Shows the files that are `wanted`, each with a reader of its content.
    fn each(
        &self,
        wanted: &dyn Fn(&str) -> bool,
        take: &mut dyn FnMut(&str, u64, &mut dyn Read) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Folder(folder) => {
                let mut names = vec![MANIFEST.to_owned()];
                if !wanted(MANIFEST) {
                    let bytes = read_manifest(folder)?;
                    names = parse(&bytes)?.shards.into_values().map(|entry| entry.file).collect();
                }
                for name in names.iter().filter(|name| wanted(name)) {
                    let path = folder.join(name);
                    let cannot = |error| Error::io("cannot read the export", error).at(path.display().to_string());
                    let file = open_file(&path).map_err(cannot)?;
                    let size = file.metadata().map_err(cannot)?.len();
                    take(name, size, &mut BufReader::new(file))?;
                }
                Ok(())
            }
            Self::File(path) => {
                let cannot = |error| Error::io("cannot read the export", error).at(path.display().to_string());
                let file = open_file(path).map_err(cannot)?;
                each_of(file, wanted, take).map_err(|error| error.at(path.display().to_string()))
            }
            Self::Artifact(artifact) => match artifact.files() {
                // the whole export was pushed as it is
                [only] if only.name != MANIFEST => each_of(artifact.read(only)?, wanted, take),
                files => {
                    for file in files.iter().filter(|file| wanted(&file.name)) {
                        take(&file.name, file.size, &mut artifact.read(file)?)?;
                    }
                    Ok(())
                }
            },
        }
    }

    fn manifest(&self) -> Result<Manifest> {
        /// Ends the reading; nobody sees it.
        fn enough() -> Error {
            Error::new(ErrorKind::Internal, "enough was read")
        }
        let mut found = None;
        let read = self.each(&|name| name == MANIFEST, &mut |_, size, content| {
            if size > LARGEST_MANIFEST {
                return Err(Error::malformed("the list of files in the export is too large"));
            }
            let mut bytes = Vec::new();
            let read = content.take(size).read_to_end(&mut bytes);
            read.map_err(|error| Error::io("cannot read the export", error))?;
            found = Some(bytes);
            Err(enough())
        });
        match (found, read) {
            (Some(bytes), _) => parse(&bytes),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(Error::malformed("this is no export of careen's: it holds no `manifest.json`")),
        }
    }
}

fn each_of(
    bundle: impl Read,
    wanted: &dyn Fn(&str) -> bool,
    take: &mut dyn FnMut(&str, u64, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    read_bundle(bundle, &mut |name, size, content| if wanted(name) { take(name, size, content) } else { Ok(()) })
}

/// The list in an export.
fn parse(bytes: &[u8]) -> Result<Manifest> {
    Manifest::parse(bytes).map_err(|error| {
        Error::new(error.kind, format!("the export cannot be used: {}", error.message))
            .help("make it again with this version of careen, or fetch it again")
    })
}

fn read_manifest(folder: &Path) -> Result<Vec<u8>> {
    let path = folder.join(MANIFEST);
    let cannot = |error| Error::io("cannot read the export", error).at(path.display().to_string());
    let mut bytes = Vec::new();
    let file = open_file(&path).map_err(cannot)?;
    file.take(LARGEST_MANIFEST).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// Takes the chosen data of an export in, each file after it was checked whole.
///
/// With `only_newer`, what is here stays where the export has older data.
pub(super) fn take_in(
    writer: &mut Writer,
    export: &Export,
    choice: &Choice,
    only_newer: bool,
    now: Timestamp,
    watch: &dyn super::Watch,
) -> Result<Vec<Done>> {
    let mut theirs = export.manifest()?;
    theirs.shards.values_mut().for_each(|entry| believable(entry, now));
    let mut wanted: BTreeMap<String, (String, Entry)> = BTreeMap::new();
    let mut done: Vec<Done> = Vec::new();
    let mut chosen = 0_usize;
    for (name, entry) in theirs.shards {
        let family = name.split_once('/').map_or(name.as_str(), |(_, family)| family);
        let is_chosen = match choice {
            Choice::All => true,
            Choice::Present => writer.manifest().shards.is_empty() || writer.manifest().shards.contains_key(&name),
            Choice::Families(families) => {
                families.iter().any(|wanted| name::split(wanted).0.eq_ignore_ascii_case(family))
                    || matches!(family, "kev" | "epss")
            }
        };
        if !is_chosen {
            continue;
        }
        chosen = chosen.saturating_add(1);
        let ours = writer.manifest().shards.get(&name).cloned();
        let is_here = ours.as_ref().is_some_and(|ours| {
            (ours.sha256 == entry.sha256 || only_newer && ours.confirmed() > entry.confirmed())
                && fs::metadata(writer.folder().join(&ours.file)).is_ok_and(|file| file.len() == ours.size)
        });
        if is_here {
            done.push(Done::new(&name, End::Unchanged, ours));
        } else {
            wanted.insert(entry.file.clone(), (name, entry));
        }
    }
    if chosen == 0 {
        return Err(Error::new(ErrorKind::NotFound, "the export holds none of what is asked for"));
    }
    watch.begin(wanted.len());
    let missing: BTreeSet<String> = wanted.keys().cloned().collect();
    let mut missing = missing;
    let read = export.each(&|name| wanted.contains_key(name), &mut |file, size, content| {
        let Some((name, entry)) = wanted.get(file) else { return Ok(()) };
        if !missing.remove(file) {
            return Ok(());
        }
        let before = writer.manifest().shards.get(name).cloned();
        let taken = take_file(writer, name, entry, only_newer, now, (size, content), watch);
        let one = match taken {
            Ok(()) => Done::new(name, End::Whole, writer.manifest().shards.get(name).cloned()),
            Err(error) => Done::new(name, End::Failed(error), before),
        };
        watch.done(&one);
        done.push(one);
        Ok(())
    });
    // what was whole before the export broke off is kept
    let why = read.err().map_or_else(|| "the export does not hold it".to_owned(), |error| error.to_string());
    for file in missing {
        let Some((name, _)) = wanted.get(&file) else { continue };
        let error = Error::malformed(format!("cannot take {name} in: {why}")).help("make or fetch the export again");
        let one = Done::new(name, End::Failed(error), writer.manifest().shards.get(name).cloned());
        watch.done(&one);
        done.push(one);
    }
    done.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(done)
}

/// Takes out of an entry what nobody may say: times to come, and credentials.
fn believable(entry: &mut Entry, now: Timestamp) {
    /// Ids of refused records that are kept.
    const MOST_REFUSED: usize = 100;
    /// Most bytes of a name of a place, or of what a server called a state.
    const LONGEST: usize = 2_000;
    for at in [&mut entry.fetched, &mut entry.checked, &mut entry.complete] {
        *at = at.map(|at| at.min(now));
    }
    entry.source = source_of(entry);
    entry.refused.truncate(MOST_REFUSED);
    if entry.source.len() > LONGEST {
        entry.source.clear();
    }
    for text in [&mut entry.etag, &mut entry.last_modified, &mut entry.listed_etag] {
        *text = text.take().filter(|text| text.len() <= LONGEST);
    }
}

/// The source of data as it may be passed on; an address is without credentials.
fn source_of(entry: &Entry) -> String {
    if entry.source.contains("://") || entry.source.contains('@') { shown(&entry.source) } else { entry.source.clone() }
}

/// As of when the data of an entry are: what it says, unless that lies in the future or the file knows better.
fn newest_of(entry: &Entry, built: &Built, now: Timestamp) -> String {
    let is_to_come = |text: &str| {
        let day = || format!("{text}T00:00:00Z").parse::<Timestamp>().ok();
        text.parse::<Timestamp>().ok().or_else(day).is_none_or(|at| at > now)
    };
    if entry.newest.is_empty() || !is_to_come(&entry.newest) {
        return entry.newest.clone();
    }
    if built.newest.is_empty() || is_to_come(&built.newest) { now.to_string() } else { built.newest.clone() }
}

fn take_file(
    writer: &mut Writer,
    name: &str,
    entry: &Entry,
    is_guarded: bool,
    now: Timestamp,
    (size, content): (u64, &mut dyn Read),
    watch: &dyn super::Watch,
) -> Result<()> {
    let wrong =
        |what: &str| Error::malformed(format!("cannot take {name} in: {what}")).help("make or fetch the export again");
    if size != entry.size || size > LARGEST {
        return Err(wrong("its file has another size than the export's list says"));
    }
    let temporary = writer.temporary(name);
    let copied = (|| {
        let cannot = |error| Error::io(format!("cannot take {name} in"), error);
        let _ = fs::remove_file(&temporary);
        let mut out = BufWriter::new(File::create_new(&temporary).map_err(cannot)?);
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut buffer = vec![0; 1 << 20];
        let mut content = content.take(size);
        loop {
            let count = content.read(&mut buffer).map_err(cannot)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            out.write_all(bytes).map_err(cannot)?;
            watch.arriving(count as u64);
        }
        out.into_inner().map_err(|error| cannot(error.into_error()))?.sync_all().map_err(cannot)?;
        if hasher.finish().hex() != entry.sha256 {
            return Err(wrong("its file is damaged: it has another SHA-256 than the export's list says"));
        }
        let built = store::verify(&temporary, name, entry).map_err(|error| wrong(&error.to_string()))?;
        // what is no list of records says itself how many it has
        let records = if built.packages > 0 { built.records } else { built.records.max(entry.records) };
        if let Some(before) = writer.manifest().shards.get(name).filter(|_| is_guarded) {
            guard::loss(before, records, built.packages)?;
        }
        let newest = newest_of(entry, &built, now);
        writer.adopt(name, &temporary, Entry { records, newest, ..entry.clone() })?;
        writer.commit()
    })();
    if copied.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    copied
}

/// Where an export goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Into one file.
    File(PathBuf),
    /// Into a folder, which can be used as it is.
    Folder(PathBuf),
    /// Into a folder in the layout of OCI images, for tools that push it to a registry.
    Layout(PathBuf),
}

/// What was exported, and what not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// `feed/family`, with its terms and whom to name.
    pub held: Vec<(String, String, String)>,
    /// What must not be passed on, with its terms.
    pub left_out: Vec<(String, String)>,
    /// Bytes of the data.
    pub bytes: u64,
}

/// Writes data out: those that may be passed on, or all.
pub fn export(database: &Database, families: &[String], with_restricted: bool, target: &Target) -> Result<Exported> {
    let mut exported = Exported::default();
    let mut manifest = Manifest::default();
    for (shard, entry) in &database.manifest().shards {
        let (feed, family) = shard.split_once('/').unwrap_or((shard, ""));
        let is_chosen = families.is_empty()
            || matches!(family, "kev" | "epss")
            || families.iter().any(|wanted| name::split(wanted).0.eq_ignore_ascii_case(family));
        if !is_chosen {
            continue;
        }
        let about = about::family(feed, family);
        if !about.exported && !with_restricted {
            exported.left_out.push((shard.clone(), about.licence.clone()));
            continue;
        }
        database.verify(shard)?;
        exported.held.push((shard.clone(), about.licence.clone(), about.attribution.clone()));
        exported.bytes = exported.bytes.saturating_add(entry.size);
        // where it was fetched from is the business of whoever fetched it
        let source = if entry.source.starts_with("http") { source_of(entry) } else { String::new() };
        manifest.shards.insert(shard.clone(), Entry { source, ..entry.clone() });
    }
    if manifest.shards.is_empty() {
        let error = Error::new(ErrorKind::NotFound, "there is nothing to export");
        return Err(if exported.left_out.is_empty() {
            error.help("fetch data with `careen db update` first")
        } else {
            error.help("their terms forbid to pass them on; `--include-restricted` exports them for your own use")
        });
    }
    let folder = database.folder();
    match target {
        Target::File(path) => write_file(path, &mut |out| write_bundle(folder, &manifest, out))?,
        Target::Folder(to) => {
            for entry in manifest.shards.values() {
                copy(&folder.join(&entry.file), &to.join(&entry.file))?;
            }
            put(&to.join(MANIFEST), &manifest.render())?;
        }
        Target::Layout(to) => write_layout(folder, &manifest, to)?,
    }
    Ok(exported)
}

/// An OCI layout (image-spec 1.1, image-layout.md) of one artifact, named `latest`.
fn write_layout(folder: &Path, manifest: &Manifest, to: &Path) -> Result<()> {
    const EMPTY: &[u8] = b"{}";
    const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let blob = |digest: &str| to.join("blobs/sha256").join(digest);
    let put_blob = |bytes: &[u8]| -> Result<Digest> {
        let digest = Digest::sha256(bytes);
        put(&blob(digest.hex()), bytes)?;
        Ok(digest)
    };
    let layer = |name: &str, digest: &str, size: u64| {
        json!({ "mediaType": FILE_TYPE, "digest": digest, "size": size,
                "annotations": { "org.opencontainers.image.title": name } })
    };
    let list = manifest.render();
    let mut layers = vec![layer(MANIFEST, &put_blob(&list)?.to_string(), list.len() as u64)];
    for entry in manifest.shards.values() {
        copy(&folder.join(&entry.file), &blob(&entry.sha256))?;
        layers.push(layer(&entry.file, &format!("sha256:{}", entry.sha256), entry.size));
    }
    let config = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": put_blob(EMPTY)?.to_string(),
                         "size": EMPTY.len() });
    let document = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": ARTIFACT_TYPE,
                           "config": config, "layers": layers });
    let document = document.to_string().into_bytes();
    let digest = put_blob(&document)?;
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{ "mediaType": OCI_MANIFEST, "artifactType": ARTIFACT_TYPE, "digest": digest.to_string(),
                        "size": document.len(), "annotations": { "org.opencontainers.image.ref.name": "latest" } }] });
    put(&to.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    put(&to.join("index.json"), index.to_string().as_bytes())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    write_file(path, &mut |out| out.write_all(bytes).map_err(|error| Error::io("cannot write the export", error)))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let cannot = |error| Error::io("cannot read advisory data", error).at(from.display().to_string());
    let mut file = open_file(from).map_err(cannot)?;
    write_file(to, &mut |out| {
        std::io::copy(&mut file, out).map(|_| ()).map_err(|error| Error::io("cannot write the export", error))
    })
}

/// Writes a file whole or not at all.
fn write_file(path: &Path, write: &mut dyn FnMut(&mut File) -> Result<()>) -> Result<()> {
    let cannot = |error| Error::io("cannot write the export", error).at(path.display().to_string());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.partial-{}", std::process::id()));
    let written = File::create(&partial).map_err(cannot).and_then(|mut file| {
        write(&mut file)?;
        file.sync_all().map_err(cannot)?;
        fs::rename(&partial, path).map_err(cannot)
    });
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written.map_err(|error| error.at(path.display().to_string()))
}
