//! Shows bytes to the collectors of packages, as the file of a name.

use careen::collect::{Facts, File, HEAD, Selectors};
use careen::package::COLLECTORS;
use careen::path::ImagePath;
use careen::tree::{FileEntry, Node};

/// Facts learned of a file at `path`, which is selected by name or head as in a scan.
pub fn collect(path: &str, bytes: &[u8]) -> usize {
    let selectors = Selectors::new(COLLECTORS.iter().map(|collector| collector.select()));
    let name: ImagePath = path.into();
    let head = || bytes.get(..HEAD).unwrap_or(bytes).to_vec();
    let mask = selectors.by_name(&name) | selectors.by_head(head);
    let entry = FileEntry::file(path, bytes.len() as u64);
    let node = Node { layer: 0, member: 0 };
    let file = File {
        node,
        path: &name,
        entry: &entry,
        bytes,
        offset: 0,
        lines_before: 0,
        overlap: 0,
        is_last: true,
        whole: Some(bytes),
    };
    let mut facts = Facts::default();
    for (index, collector) in COLLECTORS.iter().enumerate().filter(|(index, _)| mask & (1 << index) != 0) {
        facts.begin(node, index);
        collector.collect(&file, &mut facts);
    }
    facts.facts().len()
}
