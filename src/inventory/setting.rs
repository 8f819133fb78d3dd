//! Lines of the system's small settings, such as `sudoers` and the lists of package sources.

use crate::path::ImagePath;
use crate::tree::Node;

/// A settings file, under a live name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingFile {
    /// The name.
    pub path: ImagePath,
    /// Its content.
    pub node: Node,
    /// Its lines without blank ones and comments, in order.
    pub lines: Vec<SettingLine>,
}

/// One line of settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingLine {
    /// Its number, from 1.
    pub number: u64,
    /// The line without blanks around it.
    pub text: Box<str>,
    /// Whether it begins with a blank, which in some files goes on with the line before.
    pub is_indented: bool,
    /// Whether blank lines stand between it and the one before, which in some files part stanzas.
    pub is_after_blank: bool,
}

/// What a line of sudoers(5) includes, `@include /etc/sudoers.local`, `#includedir "sudoers.d"`: the path, and whether it
/// is a folder's.
pub fn included_by_sudoers(line: &str) -> Option<(ImagePath, bool)> {
    let (word, path) = line.strip_prefix(['@', '#'])?.split_once([' ', '\t'])?;
    let is_folder = match word {
        "include" => false,
        "includedir" => true,
        _ => return None,
    };
    let path = path.trim().replace(['"', '\\'], "");
    let path = if path.starts_with('/') { path } else { format!("/etc/{path}") };
    Some((ImagePath::from(path.as_str()), is_folder))
}
