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
