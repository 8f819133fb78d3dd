//! Tables of what layers waste.

use std::collections::BTreeMap;

use super::*;
use crate::inventory::{Contents, LayerSummary};
use crate::limit::Limits;
use crate::tree::FileEntry;

/// An image of layers of words: `a=5` a file of five bytes, `a=5x` one of other bytes, `a>b` a hard link, `.wh.a` a marker.
fn image(layers: &[&[&str]]) -> Inventory {
    let mut marks: BTreeMap<(usize, usize), u128> = BTreeMap::new();
    let mut entries = Vec::new();
    for (layer, words) in layers.iter().enumerate() {
        let mut members = Vec::new();
        for (member, word) in words.iter().enumerate() {
            let entry = match (word.split_once('='), word.split_once('>')) {
                (Some((path, size)), _) => {
                    let digits = size.trim_end_matches(char::is_alphabetic);
                    let content = size.get(digits.len()..).and_then(|rest| rest.bytes().next()).unwrap_or(0);
                    marks.insert((layer, member), u128::from(content));
                    FileEntry::file(path, digits.parse().expect("a size"))
                }
                (_, Some((path, target))) => {
                    FileEntry { kind: FileKind::HardLink(target.into()), ..FileEntry::file(path, 0) }
                }
                _ => FileEntry::file(word, 0),
            };
            members.push(entry);
        }
        entries.push(members.into());
    }
    let (tree, _) = Tree::union(entries, &Limits::default());
    let mut contents = Contents::of(&tree);
    for ((layer, member), mark) in marks {
        let index = |place: usize| u32::try_from(place).expect("a small number");
        contents.set(Node { layer: index(layer), member: index(member) }, mark);
    }
    // stored in half of what they are
    let layers = layers.iter().map(|_| LayerSummary { size: 1000, stored: 500, ..LayerSummary::default() });
    Inventory { layers: layers.collect(), tree, contents, ..Inventory::default() }
}

fn waste(layers: &[&[&str]]) -> Waste {
    let image = image(layers);
    Waste::of(&image, &image.tree.changes())
}

#[test]
fn each_hidden_byte_has_one_cause() {
    use Cause::{Copied, Deleted, Repeated, Replaced, Unplaced};
    type Case = (&'static str, &'static [&'static [&'static str]], &'static [(Cause, u64)], u64);
    let cases: &[Case] = &[
        ("nothing hidden", &[&["a=5"], &["b=6"]], &[], 11),
        ("deleted", &[&["a=5", "b=7"], &[".wh.a"]], &[(Deleted, 5)], 7),
        ("deleted with its folder", &[&["d/a=5", "d/b=6"], &[".wh.d"]], &[(Deleted, 11)], 0),
        ("copied", &[&["a=5"], &["a=5"]], &[(Copied, 5)], 5),
        ("replaced by other bytes", &[&["a=5x"], &["a=5y"]], &[(Replaced, 5)], 5),
        ("replaced by another size", &[&["a=5"], &["a=6"]], &[(Replaced, 5)], 6),
        ("replaced by nothing", &[&["a=5"], &["a=0"]], &[(Replaced, 5)], 0),
        (
            "an opaque folder made anew",
            &[&["d/a=5", "d/b=6"], &["d/.wh..wh..opq", "d/a=5"]],
            &[(Deleted, 6), (Copied, 5)],
            5,
        ),
        ("copied, then deleted", &[&["a=5"], &["a=5"], &[".wh.a"]], &[(Deleted, 5), (Copied, 5)], 0),
        ("twice in a layer", &[&["a=5", "a=7"]], &[(Repeated, 5)], 7),
        ("a hard link outlives its first name", &[&["a=5", "b>a"], &[".wh.a"]], &[], 5),
        ("both names gone", &[&["a=5", "b>a"], &[".wh.a"], &[".wh.b"]], &[(Deleted, 5)], 0),
        ("one name replaced, the other deleted", &[&["a=5", "b>a"], &["a=5", ".wh.b"]], &[(Copied, 5)], 5),
        ("a marker with content", &[&["a=5"], &[".wh.a=9"]], &[(Deleted, 5), (Unplaced, 9)], 0),
        ("a file where a folder was", &[&["d/a=5"], &["d=3"]], &[(Deleted, 5)], 3),
    ];
    for (what, words, expected, visible) in cases {
        let waste = waste(words);
        let reasons: Vec<(Cause, u64)> = waste.hidden.iter().map(|(cause, heap)| (*cause, heap.bytes)).collect();
        assert_eq!((reasons.as_slice(), waste.visible.bytes), (*expected, *visible), "{what}");
        assert_eq!(waste.shipped.bytes, waste.visible.bytes + waste.reclaimable().bytes, "{what}");
        let of_layers: u64 = waste.layers.iter().map(|layer| layer.hidden_in_all().bytes).sum();
        let of_owners: u64 = waste.owners.iter().map(|owner| owner.hidden.bytes).sum();
        let hides: u64 = waste.layers.iter().map(|layer| layer.hides.bytes).sum();
        assert_eq!([of_layers, of_owners, hides], [waste.reclaimable().bytes; 3], "{what}");
    }
}

#[test]
fn a_layer_tells_what_it_hides_and_what_its_waste_is_stored_in() {
    let waste = waste(&[&["a=10", "b=20"], &["a=10", ".wh.b", "c=1", "c=2"]]);
    let hides: Vec<u64> = waste.layers.iter().map(|layer| layer.hides.bytes).collect();
    assert_eq!(hides, [0, 31]);
    assert_eq!(waste.hidden.get(&Cause::Deleted).map(|heap| heap.compressed), Some(10));
    assert_eq!(waste.reclaimable().compressed, 15);
}

#[test]
fn estimates_add_up_however_they_are_divided() {
    // 1 of 2 bytes is stored: halves of odd sizes
    let mut image = image(&[
        &["a=3", "b=5", "c=7", "usr/share/doc/a=9", "usr/share/doc/b=11", "root/.cache/pip/x=13"],
        &[".wh.a", "b=5", "c=1"],
    ]);
    image.owned.insert("b".into(), 0);
    image.owned.insert("usr/share/doc/a".into(), 0);
    let waste = Waste::of(&image, &image.tree.changes());
    let hidden: u64 = waste.owners.iter().map(|owner| owner.hidden.compressed).sum();
    let removable: u64 = waste.owners.iter().map(|owner| owner.removable.compressed).sum();
    assert!(waste.hidden.len() > 1 && waste.removable.len() > 1 && waste.owners.len() > 1, "{waste:?}");
    assert_eq!((hidden, removable), (waste.reclaimable().compressed, waste.removable_in_all().compressed));
    assert_eq!(waste.visible.compressed + hidden, waste.shipped.compressed);
}

#[test]
fn files_are_listed_by_paths_with_or_without_a_slash() {
    let image = image(&[&["d/a=1", "d/a=2", "e/a=1"]]);
    let changes = image.tree.changes();
    let waste = Waste::of(&image, &changes);
    for (pattern, is_waste, count) in [("d/a", false, 1), ("/d/a", false, 1), ("d/a", true, 1), ("**/a", false, 2)] {
        let path = crate::policy::Glob::path(pattern).ok();
        let wish = Wish { files: true, path, waste: is_waste, ..Wish::default() };
        assert_eq!(files::rows(&image, &changes, &waste, &wish).len(), count, "{pattern}");
    }
}

#[test]
fn what_a_container_can_do_without_is_of_one_kind() {
    let layers: &[&[&str]] = &[&[
        "root/.cache/pip/x=100",
        "root/.cache/pip/y=100",
        "srv/.git/HEAD=10",
        "usr/share/doc/a/README=7",
        "usr/share/doc/a/copyright=9a",
        "app/one=50b",
        "app/two=50b",
        "app/three=50c",
        "app/alias>app/one",
        "var/cache/apt/archives/x.deb=3d",
    ]];
    let mut image = image(layers);
    let shown = |image: &Inventory| {
        let waste = Waste::of(image, &image.tree.changes());
        let kinds: Vec<(Kind, u64)> = waste.removable.iter().map(|(kind, heap)| (*kind, heap.bytes)).collect();
        kinds
    };
    let rest = [(Kind::Leftover, 10), (Kind::Documentation, 7), (Kind::Duplicate, 50)];
    assert_eq!(shown(&image), [&[(Kind::PackageCache, 203)][..], &rest].concat());
    image.owned.insert("var/cache/apt/archives/x.deb".into(), 0);
    assert_eq!(shown(&image), [&[(Kind::PackageCache, 200)][..], &rest].concat());
    // nobody looked at contents
    image.contents = Contents::default();
    assert_eq!(shown(&image).last(), Some(&(Kind::Documentation, 7)));
}
