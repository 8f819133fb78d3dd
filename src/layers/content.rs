//! Marks the content of every file, so that files which hold the same can be told.

use crate::collect::{Collector, Delivery, Fact, Facts, File, Select, View};
use crate::digest::sha256_bytes;
use crate::inventory::{Contents, Inventory, twins};
use crate::tree::{Node, Tree};

/// Marks every regular file. It costs a hash of all bytes, so that only who needs it takes it along.
pub static CONTENT: Content = Content { is_all: true };

/// Marks only what may be a copy, when all layers are known.
pub static TWINS: Content = Content { is_all: false };

/// See [`CONTENT`] and [`TWINS`].
pub struct Content {
    is_all: bool,
}

impl Collector for Content {
    fn id(&self) -> &'static str {
        if self.is_all { "content" } else { "twins" }
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        if self.is_all { &[Select::Everything] } else { &[] }
    }

    fn wishes_late(&self, tree: &Tree) -> Vec<Node> {
        if self.is_all { Vec::new() } else { twins::candidates(tree) }
    }

    fn delivery(&self) -> Delivery {
        Delivery::Windows
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let fresh = file.bytes.get(file.overlap..).unwrap_or_default();
        // the pass leaves out windows of zeros of some files, so all of them are
        if fresh.iter().any(|byte| *byte != 0) {
            let offset = file.offset.saturating_add(file.overlap as u64);
            facts.push(Fact::Content { offset, mark: half(sha256_bytes(fresh)) });
        }
    }

    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let mut contents = if self.is_all { Contents::of(view.tree) } else { Contents::default() };
        let own = view.facts.iter().filter(|fact| fact.collector == view.collector);
        let mut windows: Vec<(Node, u64, [u8; 16])> = own
            .filter_map(|fact| match *fact.fact {
                Fact::Content { offset, mark } => Some((fact.node, offset, mark)),
                _ => None,
            })
            .collect();
        // tasks end in any order
        windows.sort_unstable();
        for of_file in windows.chunk_by(|(a, ..), (b, ..)| a == b) {
            let Some((node, ..)) = of_file.first() else { continue };
            let mark = match of_file {
                [(_, 0, mark)] => *mark,
                several => {
                    let mut text = Vec::with_capacity(several.len().saturating_mul(24));
                    for (_, offset, mark) in several {
                        text.extend(offset.to_be_bytes());
                        text.extend(mark);
                    }
                    half(sha256_bytes(&text))
                }
            };
            contents.set(*node, u128::from_be_bytes(mark));
        }
        inventory.contents = contents;
    }
}

fn half(digest: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(digest.split_at(16).0);
    half
}
