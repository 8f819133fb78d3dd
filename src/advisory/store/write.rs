//! Changes the folder of advisory data, so that a crash at any point leaves the old state or the new one.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::digest::{Algorithm, Hasher};
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

use super::super::feed::about::LOCAL;
use super::manifest::{file_name, open_file, parts};
use super::{Builder, Built, Entry, MANIFEST, Manifest};

/// The name of the file that writers lock.
const LOCK: &str = "lock";

/// Where files are written before they are named by their content.
const TEMPORARY: &str = "tmp";

/// How files end that hold the beginning of a download.
const PART: &str = "part";

/// How old files that no manifest names must be before they go: readers of an old manifest may still open them.
const SPARED: Duration = Duration::from_hours(24);

/// The one who may change a folder of advisory data.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    manifest: Manifest,
    /// Locked as long as it is open.
    _lock: File,
}

impl Writer {
    /// Makes the folder if need be, and waits at most `patience` for another writer to finish; `waiting` is told once.
    ///
    /// A damaged manifest, or one of another format, is an error: what it names would be lost.
    pub fn open(folder: &Path, patience: Duration, waiting: &mut dyn FnMut()) -> Result<Self> {
        Self::open_anew(folder, patience, waiting, false)
    }

    /// As [`open`](Self::open); with `anew`, what is written replaces a damaged manifest or one of an older format.
    pub fn open_anew(folder: &Path, patience: Duration, waiting: &mut dyn FnMut(), anew: bool) -> Result<Self> {
        let cannot =
            |error| Error::io("cannot write to the folder of advisory data", error).at(folder.display().to_string());
        fs::create_dir_all(folder.join(TEMPORARY)).map_err(cannot)?;
        if fs::metadata(folder.join(LOCK)).is_ok_and(|lock| !lock.is_file()) {
            return Err(cannot(io::Error::new(io::ErrorKind::InvalidInput, "its `lock` is no file")));
        }
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)).map_err(cannot)?;
        let start = Instant::now();
        let mut was_told = false;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                    if !std::mem::replace(&mut was_told, true) {
                        waiting();
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::new(ErrorKind::Io, "another careen is still changing the advisory data")
                        .at(folder.display().to_string())
                        .help("wait until it has finished; the data there are can be used meanwhile"));
                }
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
        }
        let place = folder.join(MANIFEST);
        let manifest = match Manifest::read(&place) {
            Err(error) if anew && error.kind == ErrorKind::Config && !Manifest::is_newer(&place) => Manifest::default(),
            Err(error) if error.kind == ErrorKind::Config && !Manifest::is_newer(&place) => {
                let message = format!("{}; to go on would lose all the data that it names", error.message);
                let help = "`careen db update --all --force` starts anew; or remove that file and import an export";
                return Err(Error::new(ErrorKind::Config, message).at(place.display().to_string()).help(help));
            }
            other => other?.unwrap_or_default(),
        };
        // left behind by a writer that was killed; the beginning of a download can be of use a day long
        for file in fs::read_dir(folder.join(TEMPORARY)).map_err(cannot)?.flatten() {
            let is_part = file.path().extension().is_some_and(|extension| extension == PART);
            if !is_part || age(&file).is_none_or(|age| age > SPARED) {
                let _ = fs::remove_file(file.path());
            }
        }
        Ok(Self { folder: folder.to_owned(), manifest, _lock: lock })
    }

    /// What there is, and what [`commit`](Self::commit) will make of it.
    pub fn manifest(&mut self) -> &mut Manifest {
        &mut self.manifest
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A name for a file that vanishes unless it is renamed; nobody else uses it.
    pub fn temporary(&self, name: &str) -> PathBuf {
        self.folder.join(TEMPORARY).join(name.replace('/', "-"))
    }

    /// A name for the beginning of a download, which another writer finds within a day.
    pub fn partial(&self, name: &str) -> PathBuf {
        self.temporary(&format!("{name}.{PART}"))
    }

    /// Compiles what `builder` took and puts it under `feed/family`; what `about` says of its source is kept.
    pub fn put(&mut self, name: &str, builder: Builder, about: Entry) -> Result<()> {
        self.put_if(name, builder, about, &|_| Ok(()))
    }

    /// As [`put`](Self::put), unless `check` has something against what was compiled.
    ///
    /// Records that were brought one by one and are all withdrawn leave nothing.
    pub fn put_if(
        &mut self,
        name: &str,
        builder: Builder,
        about: Entry,
        check: &dyn Fn(&Built) -> Result<()>,
    ) -> Result<()> {
        let temporary = self.temporary(name);
        let _ = fs::remove_file(&temporary);
        let built = builder.named(name).write(&temporary)?;
        check(&built)?;
        if built.records == 0 && parts(name).is_some_and(|(feed, _)| feed == LOCAL) {
            let _ = fs::remove_file(&temporary);
            self.manifest.shards.remove(name);
            return Ok(());
        }
        let entry = Entry {
            refused_count: about.refused_count.max(about.refused.len() as u64),
            seal: built.seal,
            records: built.records,
            packages: built.packages,
            newest: if about.newest.is_empty() { built.newest } else { about.newest.clone() },
            ..about
        };
        self.adopt(name, &temporary, entry)
    }

    /// Takes a finished file from this file system under `feed/family`: hashes it and names it by that.
    pub fn adopt(&mut self, name: &str, file: &Path, mut entry: Entry) -> Result<()> {
        let cannot = |error| Error::io("cannot write advisory data", error).at(file.display().to_string());
        let (sha256, size) = hash(file).map_err(cannot)?;
        let Some((feed, family)) = parts(name) else {
            return Err(Error::new(ErrorKind::Config, format!("`{}` names no feed and family", escape(name))));
        };
        entry.file = file_name(feed, family, sha256.get(..16).unwrap_or_default());
        entry.size = size;
        entry.sha256 = sha256;
        let path = self.folder.join(&entry.file);
        fs::create_dir_all(self.folder.join(feed)).map_err(cannot)?;
        fs::rename(file, &path).map_err(cannot)?;
        sync_folder(&self.folder.join(feed)).map_err(cannot)?;
        if let Some(old) = self.manifest.shards.insert(name.to_owned(), entry) {
            // its last day begins now
            let old = File::options().append(true).open(self.folder.join(old.file));
            let _ = old.and_then(|old| old.set_modified(now()));
        }
        Ok(())
    }

    /// Makes the changes the state that readers see, and removes old files.
    pub fn commit(&mut self) -> Result<()> {
        let place = self.folder.join(MANIFEST);
        let cannot = |error| Error::io("cannot write the list of advisory data", error).at(place.display().to_string());
        let temporary = self.temporary(MANIFEST);
        let mut file = File::create(&temporary).map_err(cannot)?;
        file.write_all(&self.manifest.render()).and_then(|()| file.sync_all()).map_err(cannot)?;
        fs::rename(&temporary, &place).map_err(cannot)?;
        sync_folder(&self.folder).map_err(cannot)?;
        self.sweep();
        Ok(())
    }

    /// Removes files that no manifest of the last day names; what cannot be removed stays.
    fn sweep(&self) {
        let Ok(folders) = fs::read_dir(&self.folder) else { return };
        let named: Vec<PathBuf> = self.manifest.shards.values().map(|entry| self.folder.join(&entry.file)).collect();
        for folder in folders.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let Ok(files) = fs::read_dir(folder.path()) else { continue };
            for file in files.flatten() {
                let path = file.path();
                let is_data = path.extension().is_some_and(|extension| extension == "redb");
                if is_data && !named.contains(&path) && age(&file).is_some_and(|age| age > SPARED) {
                    let _ = fs::remove_file(path);
                }
            }
        }
    }
}

/// How long ago a file was changed, where that can be told.
fn age(file: &fs::DirEntry) -> Option<Duration> {
    let modified = file.metadata().and_then(|metadata| metadata.modified()).ok()?;
    now().duration_since(modified).ok()
}

#[expect(clippy::disallowed_methods, reason = "how old a file is, by the same clock that dated it")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// SHA-256 in hexadecimal digits, and size, of a file.
pub fn hash(path: &Path) -> io::Result<(String, u64)> {
    let mut file = open_file(path)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0_u64;
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
        size = size.saturating_add(read as u64);
    }
    Ok((hasher.finish().hex().to_owned(), size))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
