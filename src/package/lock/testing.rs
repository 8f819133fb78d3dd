//! What a lock file declares, at a glance.

use super::declared::Declared;
use crate::inventory::Inventory;
use crate::package::testing::{Image, assemble};

/// The inventory of an image that holds nothing but this file.
pub(super) fn inventory_of(path: &str, content: impl AsRef<[u8]>) -> Inventory {
    assemble(&Image::new().file(path, content))
}

/// `purl` or `purl: what it needs`, one line for each package; then `! what was not understood`.
pub(super) fn shown(path: &str, content: impl AsRef<[u8]>) -> Vec<String> {
    let inventory = inventory_of(path, content);
    let packages = inventory.packages.iter().map(|package| {
        assert_eq!(package.state, crate::inventory::State::Declared, "{}", package.purl);
        let needs: Vec<&str> =
            package.dependencies.iter().map(|index| inventory.packages[*index as usize].purl.as_str()).collect();
        let needs = needs.iter().map(|purl| purl.rsplit('/').next().expect("a purl has a slash"));
        let needs = needs.collect::<Vec<_>>().join(" ");
        let purl = package.purl.strip_prefix("pkg:").expect("a purl");
        if needs.is_empty() { purl.to_owned() } else { format!("{purl}: {needs}") }
    });
    let told = inventory.limitations.iter().map(|told| {
        let mark = if told.is_gap { '!' } else { '?' };
        format!("{mark} {}", told.what)
    });
    packages.chain(told).collect()
}

/// Feeds beginnings of a file, and the file with one byte replaced, to its reader: nothing may panic.
pub(super) fn torment(read: fn(&[u8], &mut Declared) -> Result<(), String>, content: &[u8]) {
    for end in (0..content.len()).step_by(3) {
        let mut declared = Declared::default();
        let _ = read(&content[..end], &mut declared);
    }
    for (at, byte) in (0..content.len()).zip([b'"', b'\n', b' ', b'{', 0xff].into_iter().cycle()).step_by(2) {
        let mut spoilt = content.to_vec();
        spoilt[at] = byte;
        let mut declared = Declared::default();
        let _ = read(&spoilt, &mut declared);
        assert!(declared.packages().len() < 1_000);
    }
}
