//! Bills of materials in a file, in place of an image.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};
use crate::escape::escape;
use crate::format::sbom;
use crate::image::Target;
use crate::size::ByteSize;

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
        if request.location == "-" {
            return open_stream(request, &mut io::stdin().lock());
        }
        let mut file = open(Path::new(request.location)).map_err(|e| e.at(escape(request.location)))?;
        open_stream(request, &mut file)
    }
}

/// Reads a bill of materials to its end, or to the most that is read of one.
pub(super) fn open_stream(request: &Request<'_>, stream: &mut dyn Read) -> Result<Opened> {
    let place = || if request.location == "-" { "standard input".to_owned() } else { escape(request.location) };
    let mut bytes = Vec::new();
    let most = sbom::LARGEST.saturating_add(1);
    stream.take(most).read_to_end(&mut bytes).map_err(|e| failed(e).at(place()))?;
    if bytes.len() as u64 > sbom::LARGEST {
        let size = ByteSize(sbom::LARGEST);
        return Err(sbom::too_much(format!("the bill of materials is larger than {size}")).at(place()));
    }
    let bill = sbom::read(&bytes).map_err(|e| e.at(place()))?;
    let target = Target { reference: request.location.to_owned(), source: ID, ..Target::default() };
    Ok(Opened::Bill(target, Box::new(bill)))
}

/// The beginning of a regular file.
fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn open(path: &Path) -> Result<File> {
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::malformed("it is no regular file"));
    }
    File::open(path).map_err(failed)
}

fn failed(error: io::Error) -> Error {
    Error::io("cannot read the bill of materials", error)
}
