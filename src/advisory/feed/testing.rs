//! What the tests of feeds share.

use std::rc::Rc;
use std::time::Duration;

use super::{Fetched, Sink};
use crate::advisory::store::{Database, Entry, Shard, Writer};

/// A file as it comes from a feed.
pub(super) fn file(path: &str, text: &str) -> Fetched {
    Fetched { path: path.into(), bytes: text.as_bytes().to_vec() }
}

/// An archive of files.
pub(super) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, path, text.as_bytes()).expect("memory can be written");
    }
    archive.into_inner().expect("memory can be written")
}

/// An empty sink.
pub(super) fn fresh(family: &str) -> Sink {
    Sink::new(family)
}

/// Compiles what a sink took, `feed/family`, and opens it again.
pub(super) fn read_back(name: &str, sink: Sink) -> Rc<Shard> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = Writer::open(folder.path(), Duration::ZERO, &mut || {}).expect("opens");
    writer
        .put(name, sink.builder, Entry { source: "https://feed.example".into(), ..Entry::default() })
        .expect("writes");
    writer.commit().expect("commits");
    Database::open(folder.path()).expect("opens").shard(name).expect("opens").expect("is there")
}
