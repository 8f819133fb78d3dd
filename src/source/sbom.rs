//! Bills of materials in a file, in place of an image.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::escape::escape;
use crate::format::sbom;
use crate::image::Target;

use super::{Opened, Request, Source};

/// Opens bills of materials.
pub struct Sbom;

/// The id of the source.
pub const ID: &str = "sbom";

impl Source for Sbom {
    fn id(&self) -> &'static str {
        ID
    }

    fn sniffs(&self, location: &Path) -> bool {
        read(location, sbom::HEAD as u64).is_ok_and(|head| sbom::sniffs(&head))
    }

    fn open(&self, request: &Request<'_>) -> Result<Opened> {
        let place = || escape(request.location);
        let bytes = read(Path::new(request.location), sbom::LARGEST.saturating_add(1)).map_err(|e| e.at(place()))?;
        if bytes.len() as u64 > sbom::LARGEST {
            let mib = sbom::LARGEST >> 20;
            return Err(Error::limit(format!("the bill of materials is larger than {mib} MiB")).at(place()));
        }
        let bill = sbom::read(&bytes).map_err(|e| e.at(place()))?;
        let target = Target { reference: request.location.to_owned(), source: ID, ..Target::default() };
        Ok(Opened::Bill(target, Box::new(bill)))
    }
}

/// The beginning of a regular file.
fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let failed = |e| Error::io("cannot read the bill of materials", e);
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::malformed("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}
