//! Complete lists of what has unusual permissions, for reports: whatever is usual, whoever brought it. Findings judge them.

use serde_json::{Map, Value, json};

use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::tree::FileKind;

/// Paths listed of each kind; those beyond are counted.
const LISTED: usize = 50_000;

/// What a live file must be to stand in a list: its kind and its mode.
type IsListed = fn(&FileKind, u32) -> bool;

/// The lists: setuid and setgid files, and whatever everybody may write but links, sticky folders and devices too.
const LISTS: &[(&str, IsListed)] = &[
    ("setid", |kind, mode| *kind == FileKind::File && mode & 0o6000 != 0),
    ("world_writable", |kind, mode| !matches!(kind, FileKind::Symlink(_)) && mode & 0o002 != 0),
];

/// The lists with path (as `shown` shows it), mode, kind and layer of each live name, sorted by path. Lists without
/// entries are left out.
pub fn permission_lists(image: &Inventory, shown: impl Fn(&ImagePath) -> String) -> Map<String, Value> {
    let mut lists = Map::new();
    for (name, is_listed) in LISTS {
        let mut listed = Vec::new();
        let mut left_out = 0u64;
        for (path, node) in image.tree.names() {
            let entry = image.tree.entry(node);
            if !is_listed(&entry.kind, entry.mode) {
                continue;
            }
            if listed.len() == LISTED {
                left_out = left_out.saturating_add(1);
                continue;
            }
            listed.push(json!({
                "path": shown(path), "mode": format!("{:04o}", entry.mode), "kind": word(&entry.kind), "layer": node.layer,
            }));
        }
        if !listed.is_empty() {
            lists.insert((*name).to_owned(), json!({ "files": listed, "left_out": left_out }));
        }
    }
    lists
}

fn word(kind: &FileKind) -> &'static str {
    match kind {
        FileKind::File | FileKind::HardLink(_) => "file",
        FileKind::Directory => "folder",
        FileKind::Symlink(_) => "link",
        FileKind::CharacterDevice(..) => "character-device",
        FileKind::BlockDevice(..) => "block-device",
        FileKind::Fifo => "fifo",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, hard_link, layered, mode};
    use super::*;
    use crate::tree::FileEntry;

    #[test]
    fn every_live_name_is_listed() {
        let device = FileEntry { kind: FileKind::CharacterDevice(1, 3), ..mode(file("dev/null", 0), 0o666) };
        let link = FileEntry { kind: FileKind::Symlink(Box::from(&b"x"[..])), ..mode(file("link", 0), 0o777) };
        let image = layered(vec![
            vec![
                mode(file("bin/su", 1), 0o4755),
                hard_link("bin/su2", "bin/su"),
                mode(file("gone", 1), 0o6755),
                mode(folder("srv"), 0o2775),
                device,
                link,
            ],
            vec![file(".wh.gone", 0), mode(folder("tmp"), 0o1777)],
        ])
        .owning(&["bin/su"]);
        let shown = |name: &str| -> Vec<String> {
            let lists = permission_lists(&image, ToString::to_string);
            let files = lists.get(name).and_then(|list| list["files"].as_array().cloned()).unwrap_or_default();
            let text = |file: &Value, key: &str| file[key].as_str().unwrap_or_default().to_owned();
            files.iter().map(|one| [text(one, "path"), text(one, "mode"), text(one, "kind")].join(" ")).collect()
        };
        assert_eq!(shown("setid"), ["/bin/su 4755 file", "/bin/su2 4755 file"]);
        assert_eq!(shown("world_writable"), ["/dev/null 0666 character-device", "/tmp 1777 folder"]);
        assert!(permission_lists(&layered(vec![vec![file("a", 1)]]), ToString::to_string).is_empty());
    }
}
