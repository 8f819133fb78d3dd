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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingLine {
    /// Its number, from 1.
    pub number: u64,
    /// The line without blanks around it.
    pub text: Box<str>,
}
