//! OCI layouts in a folder (image-spec image-layout.md).

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::escape::escape;

use super::super::bundle::INDEX;
use super::super::spool;
use super::archive::sync_folder;
use super::{LAYOUT, Pending, Product, in_layout};

/// A folder under its temporary name.
struct PendingFolder {
    temporary: PathBuf,
    path: PathBuf,
    is_done: bool,
}

/// Writes a layout.
pub(super) fn write(product: &Product, path: &Path) -> Result<Box<dyn Pending>> {
    let path = &spool::goal(path);
    let temporary = spool::beside(path);
    let failed = |e| Error::io("cannot write the output", e).at(escape(path.as_os_str().as_encoded_bytes()));
    fs::create_dir(&temporary).map_err(failed)?;
    let pending = PendingFolder { temporary, path: path.to_owned(), is_done: false };
    let mut folders = vec![pending.temporary.clone(), pending.temporary.join("blobs")];
    for digest in product.parts.keys() {
        let folder = pending.temporary.join("blobs").join(digest.algorithm().as_str());
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    for folder in folders.iter().skip(1) {
        fs::create_dir(folder).map_err(failed)?;
    }
    let file = |name: &str| File::create_new(pending.temporary.join(name)).map_err(failed);
    for (digest, part) in &product.parts {
        let mut out = BufWriter::with_capacity(1 << 18, file(&in_layout(digest))?);
        part.copy(digest, &mut out)?;
        let out = out.into_inner().map_err(|e| failed(e.into_error()))?;
        out.sync_all().map_err(failed)?;
    }
    for (name, bytes) in [("oci-layout", LAYOUT), (INDEX, product.index.as_slice())] {
        let mut out = file(name)?;
        out.write_all(bytes).and_then(|()| out.sync_all()).map_err(failed)?;
    }
    for folder in folders.iter().rev() {
        // where a folder cannot be synced, its files are
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(Box::new(pending))
}

impl Pending for PendingFolder {
    fn target(&self) -> String {
        format!("oci-dir:{}", self.temporary.display())
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        // takes the place of an empty folder, and of no other
        fs::rename(&self.temporary, &self.path).map_err(|e| {
            Error::io("cannot give the output its name", e).at(escape(self.path.as_os_str().as_encoded_bytes()))
        })?;
        self.is_done = true;
        sync_folder(&self.path);
        Ok(())
    }
}

impl Drop for PendingFolder {
    fn drop(&mut self) {
        if !self.is_done {
            // best effort: there is nobody left to tell
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}
