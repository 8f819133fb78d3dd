//! Who may write a file that says what is let through.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Refuses a file that was found, not named, where somebody else may write it: it belongs to neither root, nor the user, nor
/// the owner of `folder`, who can put there what they like anyhow; or all may write to it. `what` it is, and `help` how to
/// name it.
///
/// # Errors
///
/// [`ErrorKind::Config`] where others may write it; where it cannot be looked at, what the system says.
#[cfg(unix)]
pub fn refuse_of_others(what: &str, help: &str, path: &Path, folder: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    const ALL_MAY_WRITE: u32 = 0o002;
    let cannot = |e| Error::io(format!("cannot read {what}"), e);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let file = std::fs::metadata(path).map_err(cannot)?;
    // a link is as good as what it leads to, and whoever makes it chooses that
    let link = std::fs::symlink_metadata(path).map_err(cannot)?;
    let home = || std::env::var_os("HOME").filter(|home| !home.is_empty());
    let user = std::fs::metadata("/proc/self").ok().or_else(|| std::fs::metadata(home()?).ok());
    let owner = std::fs::metadata(folder).ok().map(|folder| folder.uid());
    let owners = [Some(0), user.map(|user| user.uid()), owner];
    let why = if [&file, &link].iter().any(|one| !owners.contains(&Some(one.uid()))) {
        "belongs to another user"
    } else if file.mode() & ALL_MAY_WRITE != 0 {
        "may be written by every user"
    } else {
        return Ok(());
    };
    let message = format!("{what} {why}, who would say what is let through");
    Err(Error::new(ErrorKind::Config, message).help(help))
}

/// Files have no owners here.
#[cfg(not(unix))]
#[expect(clippy::missing_errors_doc, clippy::unnecessary_wraps, reason = "as it is where files have owners")]
pub fn refuse_of_others(_: &str, _: &str, _: &Path, _: &Path) -> Result<()> {
    Ok(())
}
