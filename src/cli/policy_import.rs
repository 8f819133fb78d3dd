//! `careen policy import`.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::policy::import::{self, Imported, KINDS, LARGEST, NoteKind, Options};
use crate::time::Date;

use super::scan::write_to;
use super::term;

/// Notes of one sort that are shown; the policy lists them too.
const MOST_SHOWN: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// Ignore files and configurations of other tools; what they are, their names or contents tell
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the policy there rather than to standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[arg(long, value_name = "KIND", help = "What kind of file all are", long_help = kinds())]
    kind: Option<String>,
    /// Last day of entries that name none, in place of 90 days from today
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Date>,
    /// Reason of entries that give none
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Import as of this day rather than today
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
}

/// Writes one policy of all files, and says on standard error what is not in it.
pub(super) fn run(arguments: &ImportArguments) -> Result<()> {
    let kind = arguments.kind.as_deref().map(import::kind).transpose()?;
    let mut files = Vec::new();
    for path in &arguments.files {
        let is_output = |output: &Path| same_file(path, output);
        if arguments.output.as_deref().is_some_and(is_output) {
            return Err(Error::new(ErrorKind::Usage, "the policy would be written over a file that is imported")
                .at(escape(path.to_string_lossy().as_bytes())));
        }
        files.push((path.to_string_lossy().into_owned(), text_of(path)?));
    }
    if let Some(path) = arguments.output.as_deref().filter(|path| path.is_file()) {
        return Err(Error::new(ErrorKind::Usage, "the file of `-o` is there already")
            .at(escape(path.to_string_lossy().as_bytes()))
            .help("name another file: careen writes over no policy"));
    }
    let options = Options {
        today: arguments.today.unwrap_or_else(term::today),
        until: arguments.until,
        reason: arguments.reason.as_deref(),
        kind,
    };
    let imported = import::import(&files, &options, &crate::scan::rules())?;
    write_to(arguments.output.as_deref(), &mut |out| out.write_all(imported.text.as_bytes()))?;
    // a file may quote a secret in an id or a path
    let said = crate::secret::mask_text(&said(&imported));
    // nobody is left to tell when stderr is closed
    let _ = std::io::stderr().lock().write_all(said.as_bytes());
    Ok(())
}

fn said(imported: &Imported) -> String {
    let entries = if imported.entries == 1 { "entry" } else { "entries" };
    let mut text = format!("{} {entries} of a policy made\n", imported.entries);
    let sorts = [(NoteKind::Left, "not carried over"), (NoteKind::Differs, "not quite the same")];
    for (kind, title) in sorts {
        let notes: Vec<_> = imported.notes.iter().filter(|note| note.kind == kind).collect();
        if notes.is_empty() {
            continue;
        }
        text += &format!("{title}: {}\n", notes.len());
        for note in notes.iter().take(MOST_SHOWN) {
            text += &format!("  {}: `{}`: {}\n", note.place, note.what, note.why);
        }
        if let Some(more) = notes.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
            text += &format!("  and {more} more\n");
        }
    }
    text
}

fn kinds() -> String {
    let width = KINDS.iter().map(|kind| kind.id.len()).max().unwrap_or_default();
    let lines = KINDS.iter().map(|kind| format!("\n  {:width$}  {} ({})", kind.id, kind.what, kind.names.join(", ")));
    format!("What kind of file all are, where neither name nor content tells:{}", lines.collect::<String>())
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// The text of a regular file within the limit: a pipe may never end.
fn text_of(path: &Path) -> Result<String> {
    let place = escape(path.to_string_lossy().as_bytes());
    let cannot = |error| Error::io("cannot read the file", error).at(&*place);
    let wrong = |what: String| Error::new(ErrorKind::Config, what).at(&*place);
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(wrong("it is no regular file".into()));
    }
    let mut bytes = Vec::new();
    let most = LARGEST.bytes().saturating_add(1);
    std::fs::File::open(path).map_err(cannot)?.take(most).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST.bytes() {
        return Err(wrong(format!("it is larger than {LARGEST}")));
    }
    String::from_utf8(bytes)
        .map_err(|error| wrong(format!("it is not UTF-8, from byte {} on", error.utf8_error().valid_up_to())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_text_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".trivyignore");
        assert_eq!(text_of(&path).expect_err("not there").kind, ErrorKind::NotFound);
        assert_eq!(text_of(folder.path()).expect_err("a folder").kind, ErrorKind::Config);
        assert_eq!(text_of(Path::new("/dev/zero")).expect_err("a device").kind, ErrorKind::Config);
        std::fs::write(&path, [b'a', 0xff]).expect("a file");
        assert_eq!(text_of(&path).expect_err("no text").kind, ErrorKind::Config);
        std::fs::write(&path, "a".repeat((1 << 20) + 1)).expect("a file");
        assert_eq!(text_of(&path).expect_err("too large").kind, ErrorKind::Config);
        std::fs::write(&path, "CVE-2024-1").expect("a file");
        assert_eq!(text_of(&path).expect("a text"), "CVE-2024-1");
        assert!(same_file(&path, &folder.path().join("./.trivyignore")));
    }
}
