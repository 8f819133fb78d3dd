//! Which advisories a command judges packages by.

use std::path::PathBuf;

use clap::Args;

use crate::advisory::catalogue::Catalogue;
use crate::advisory::finding::STALE_HOURS;
use crate::advisory::vex;
use crate::error::{Error, ErrorKind, Result};

/// The word for VEX documents that are attached to the image.
const ATTACHED: &str = "attached";

/// Which advisories packages are judged by.
#[derive(Debug, Default, Args)]
pub(super) struct AdvisoryArguments {
    #[command(flatten)]
    place: DatabaseArgument,
    /// From what age on advisories are called old: 12h, 5d, 2w; a week if nothing is said
    #[arg(long, value_name = "AGE", env = "CAREEN_MAX_DB_AGE", value_parser = age)]
    max_db_age: Option<Age>,
    /// Do not compare packages with advisories
    #[arg(long, env = "CAREEN_NO_ADVISORIES", value_parser = clap::builder::FalseyValueParser::new())]
    no_advisories: bool,
    /// VEX document, or folder of some; `attached` for those attached to the image; repeatable
    #[arg(long, value_name = "FILE | DIR | attached")]
    vex: Vec<String>,
}

/// Where advisory data are.
#[derive(Debug, Default, Args)]
pub(super) struct DatabaseArgument {
    /// Folder of advisory data
    #[arg(long = "db", value_name = "PATH", env = "CAREEN_DB")]
    db: Option<PathBuf>,
}

/// An age, in hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Age(pub(super) i64);

impl AdvisoryArguments {
    /// The data, unless packages shall not be judged.
    pub(super) fn catalogue(&self) -> Result<Option<Catalogue>> {
        if self.no_advisories { Ok(None) } else { self.place.catalogue().map(Some) }
    }

    /// The VEX documents that were named, with what of them was not understood.
    pub(super) fn vex(&self) -> Result<vex::Loaded> {
        let paths: Vec<PathBuf> = self.vex.iter().filter(|path| *path != ATTACHED).map(PathBuf::from).collect();
        // what is wrong with such a document says nothing of the image
        vex::load(&paths).map_err(|error| match error.kind {
            ErrorKind::Malformed | ErrorKind::Limit => Error { kind: ErrorKind::Config, ..error },
            _ => error,
        })
    }

    /// Whether those count that are attached to the image.
    pub(super) fn wants_attached(&self) -> bool {
        self.vex.iter().any(|path| path == ATTACHED)
    }

    /// From how many hours on data are old.
    pub(super) fn stale_hours(&self) -> i64 {
        self.max_db_age.map_or(STALE_HOURS, |Age(hours)| hours)
    }
}

impl DatabaseArgument {
    /// The folder: the one named, else the user's cache.
    pub(super) fn folder(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.db {
            return Ok(folder.clone());
        }
        let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // a relative path there is invalid (XDG base directory specification)
        let cache = of("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        let cache = cache.or_else(|| of("HOME").map(|home| home.join(".cache")));
        cache.map(|cache| cache.join("careen").join("db")).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "there is no folder for advisory data: neither HOME nor XDG_CACHE_HOME is set")
                .help("name one with `--db PATH`")
        })
    }

    /// The data there.
    pub(super) fn catalogue(&self) -> Result<Catalogue> {
        match self.folder() {
            Ok(folder) if self.db.is_some() && !folder.is_dir() => {
                Err(Error::new(ErrorKind::NotFound, "there is no such folder of advisory data")
                    .at(folder.display().to_string())
                    .help("`careen db update --db PATH` makes it"))
            }
            Ok(folder) => Catalogue::open(&folder),
            // without a home there can be no data but those that are part of careen
            Err(_) => Ok(Catalogue::embedded()),
        }
    }
}

/// Reads `12h`, `5d`, `2w`; a bare number counts days.
pub(super) fn age(text: &str) -> Result<Age, String> {
    let (number, hours) = match text.as_bytes().last() {
        Some(b'h') => (text.strip_suffix('h').unwrap_or_default(), 1),
        Some(b'd') => (text.strip_suffix('d').unwrap_or_default(), 24),
        Some(b'w') => (text.strip_suffix('w').unwrap_or_default(), 24 * 7),
        _ => (text, 24),
    };
    let number: u32 = number.parse().map_err(|_| "use a number and h, d or w, such as `5d`".to_owned())?;
    Ok(Age(i64::from(number) * hours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read() {
        let cases = [("12h", Some(12)), ("5d", Some(120)), ("2w", Some(336)), ("3", Some(72)), ("", None), ("d", None)];
        for (text, expected) in cases {
            assert_eq!(age(text).ok().map(|Age(hours)| hours), expected, "{text}");
        }
        assert!(age("-1d").is_err() && age("5dd").is_err() && age("5 d").is_err());
    }
}
