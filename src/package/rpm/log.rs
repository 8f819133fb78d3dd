//! Databases of `SQLite` with a write-ahead log: which of their packages count.
//!
//! Facts are of one file each, and the log is another file than the database. So of both it is kept which packages
//! stand on which page, and when all files are read the pages are put together: those of the log count before those of
//! the database, as in `SQLite`.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use crate::collect::{Fact, PackageFact, View};
use crate::path::ImagePath;
use crate::tree::Node;

/// Key of the fact that holds a [`Shape`] as text.
pub(super) const SHAPE: &str = "rpm-pages";

/// What the name of a log ends with, after that of its database.
pub(super) const SUFFIX: &str = "-wal";

/// Deepest tree that is followed; `SQLite` itself stops at 20.
const DEPTH: usize = 20;

/// The pages of a table of packages, of the database or of its log.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Shape {
    /// Bytes of a page, and those reserved at its end.
    pub(super) sizes: (usize, usize),
    /// Where the table begins, if this file says so.
    pub(super) root: Option<u32>,
    /// By number.
    pub(super) pages: BTreeMap<u32, Page>,
}

/// One page.
#[derive(Debug, PartialEq)]
pub(super) enum Page {
    /// The pages below it.
    Inner(Vec<u32>),
    /// Its rows.
    Leaf(Vec<Place>),
    /// It belongs to no tree of rows.
    Other,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// Its key.
    pub(super) id: i64,
    /// The first page that its header goes on at; 0 for none.
    pub(super) overflow: u32,
    /// What it holds.
    pub(super) holds: Holds,
}

/// What a row holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Holds {
    /// The package of this place among the facts of the file.
    Package(usize),
    /// Something that is no package.
    Nothing,
    /// It cannot be read.
    Broken,
    /// Its header goes on in the other file.
    Elsewhere,
}

impl Shape {
    /// As text: a line for each page.
    pub(super) fn render(&self) -> String {
        let (size, reserved) = self.sizes;
        let mut text = format!("{size} {reserved} {}\n", self.root.unwrap_or_default());
        for (number, page) in &self.pages {
            let _ = write!(text, "{number}");
            match page {
                Page::Inner(below) => below.iter().for_each(|page| {
                    let _ = write!(text, " {page}");
                }),
                Page::Leaf(rows) => {
                    text.push_str(" =");
                    for Place { id, overflow, holds } in rows {
                        let holds = match holds {
                            Holds::Package(place) => place.to_string(),
                            Holds::Nothing => "-".to_owned(),
                            Holds::Broken => "!".to_owned(),
                            Holds::Elsewhere => "?".to_owned(),
                        };
                        let _ = write!(text, " {id}:{overflow}:{holds}");
                    }
                }
                Page::Other => {}
            }
            text.push('\n');
        }
        text
    }

    /// Reads such a text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut head = lines.next()?.split(' ');
        let mut number = || head.next()?.parse::<usize>().ok();
        let sizes = (number()?, number()?);
        let root = u32::try_from(number()?).ok().filter(|root| *root != 0);
        let mut pages = BTreeMap::new();
        for line in lines {
            let mut words = line.split(' ').peekable();
            let number = words.next()?.parse().ok()?;
            let page = match words.peek() {
                None => Page::Other,
                Some(&"=") => Page::Leaf(words.skip(1).map(place).collect::<Option<_>>()?),
                Some(_) => Page::Inner(words.map(|word| word.parse().ok()).collect::<Option<_>>()?),
            };
            pages.insert(number, page);
        }
        Some(Self { sizes, root, pages })
    }
}

fn place(word: &str) -> Option<Place> {
    let mut parts = word.split(':');
    let (id, overflow) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let holds = match parts.next()? {
        "-" => Holds::Nothing,
        "!" => Holds::Broken,
        "?" => Holds::Elsewhere,
        place => Holds::Package(place.parse().ok()?),
    };
    Some(Place { id, overflow, holds })
}

/// The packages that count of a database and its log, by their places among the facts of each.
#[derive(Debug, Default, PartialEq)]
struct Merged {
    of_main: HashSet<usize>,
    of_log: HashSet<usize>,
    /// Rows and pages that cannot be read.
    lost: usize,
    /// The two cannot be put together: the database counts as it is, nothing of the log does.
    is_apart: bool,
}

fn merge(main: &Shape, log: &Shape) -> Merged {
    let mut merged = Merged::default();
    // where a header goes on in the database, the database has the row too
    let rows = || {
        let leaves = main.pages.values().filter_map(|page| if let Page::Leaf(rows) = page { Some(rows) } else { None });
        leaves.flatten()
    };
    let of_main: HashMap<(i64, u32), Holds> = rows().map(|place| ((place.id, place.overflow), place.holds)).collect();
    let mut seen = HashSet::new();
    let mut open: Vec<(usize, u32)> = log.root.or(main.root).map(|root| (0, root)).into_iter().collect();
    let has_begin = |root: u32| {
        let page = log.pages.get(&root).or_else(|| main.pages.get(&root));
        page.is_some_and(|page| *page != Page::Other)
    };
    if main.sizes != log.sizes || !open.iter().all(|(_, root)| has_begin(*root)) || open.is_empty() {
        let packages = rows().filter_map(|place| if let Holds::Package(at) = place.holds { Some(at) } else { None });
        return Merged { of_main: packages.collect(), is_apart: true, ..merged };
    }
    while let Some((depth, number)) = open.pop() {
        let in_log = log.pages.get(&number);
        let page = in_log.or_else(|| main.pages.get(&number));
        if depth >= DEPTH || !seen.insert(number) {
            merged.lost = merged.lost.saturating_add(1);
            continue;
        }
        match page {
            Some(Page::Inner(below)) => open.extend(below.iter().map(|page| (depth.saturating_add(1), *page))),
            Some(Page::Leaf(rows)) => {
                for place in rows {
                    let is_elsewhere = place.holds == Holds::Elsewhere;
                    let known = of_main.get(&(place.id, place.overflow)).copied();
                    let holds = if is_elsewhere { known.unwrap_or(Holds::Broken) } else { place.holds };
                    match holds {
                        Holds::Package(package) if in_log.is_some() && !is_elsewhere => merged.of_log.insert(package),
                        Holds::Package(package) => merged.of_main.insert(package),
                        Holds::Nothing => true,
                        Holds::Broken | Holds::Elsewhere => {
                            merged.lost = merged.lost.saturating_add(1);
                            true
                        }
                    };
                }
            }
            Some(Page::Other) | None => merged.lost = merged.lost.saturating_add(1),
        }
    }
    merged
}

/// Facts of packages that do not count, since a log replaced or removed them, or since they are of a log and do not
/// count there. For each log of which something could not be read, `tell` is called with its name and how much;
/// with nothing if it and its database cannot be put together.
pub(super) fn overruled<'a>(
    view: &View<'a>,
    mut tell: impl FnMut(&'a ImagePath, Option<usize>),
) -> HashSet<*const PackageFact> {
    let shape = |node: Node| {
        view.facts_of(node).find_map(|fact| match fact {
            Fact::Text { key: SHAPE, text } => Shape::parse(text),
            _ => None,
        })
    };
    let mut overruled = HashSet::new();
    let mut leave_out = |node: Node, counted: &HashSet<usize>| {
        let packages = view.facts_of(node).filter_map(|fact| match fact {
            Fact::Package(package) => Some(std::ptr::from_ref(&**package)),
            _ => None,
        });
        overruled
            .extend(packages.enumerate().filter(|(place, _)| !counted.contains(place)).map(|(_, package)| package));
    };
    for (path, node) in view.selected {
        let Some(database) = path.as_bytes().strip_suffix(SUFFIX.as_bytes()) else { continue };
        let Some(log) = shape(*node) else { continue };
        let main = view.selected.iter().find(|(path, _)| path.as_bytes() == database).map(|(_, main)| *main);
        let Some((main, shape)) = main.and_then(|main| Some((main, shape(main)?))) else {
            // a log without its database says nothing; of one that cannot be read it is told
            leave_out(*node, &HashSet::new());
            continue;
        };
        let merged = merge(&shape, &log);
        leave_out(*node, &merged.of_log);
        leave_out(main, &merged.of_main);
        if merged.is_apart || merged.lost > 0 {
            tell(path, Some(merged.lost).filter(|_| !merged.is_apart));
        }
    }
    overruled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(rows: &[(i64, u32, Holds)]) -> Page {
        Page::Leaf(
            rows.iter().map(|(id, overflow, holds)| Place { id: *id, overflow: *overflow, holds: *holds }).collect(),
        )
    }

    fn shape(root: u32, pages: Vec<(u32, Page)>) -> Shape {
        let root = Some(root).filter(|root| *root != 0);
        Shape { sizes: (512, 0), root, pages: pages.into_iter().collect() }
    }

    use Holds::{Broken, Elsewhere, Nothing, Package};

    #[test]
    fn shapes_are_kept_as_text() {
        let rows = [(1, 0, Package(0)), (-2, 9, Nothing), (3, 0, Broken), (4, 8, Elsewhere)];
        for shape in [
            shape(2, vec![(2, Page::Inner(vec![3, 4])), (3, leaf(&rows)), (4, leaf(&[])), (9, Page::Other)]),
            shape(0, vec![]),
        ] {
            assert_eq!(Shape::parse(&shape.render()), Some(shape));
        }
        for broken in ["", "512", "512 0 2\nx", "512 0 2\n3 = 1:2", "512 0 2\n3 = 1:2:x"] {
            assert_eq!(Shape::parse(broken), None, "{broken}");
        }
    }

    /// Pages of the log; what counts of the database and of the log; how much is lost.
    type Case = (Vec<(u32, Page)>, &'static [usize], &'static [usize], usize);

    #[test]
    fn pages_of_the_log_count_before_those_of_the_database() {
        let main = || {
            let first = leaf(&[(1, 0, Package(0)), (2, 9, Package(1))]);
            shape(2, vec![(2, Page::Inner(vec![3, 4])), (3, first), (4, leaf(&[(5, 0, Package(2))]))])
        };
        let cases: Vec<Case> = vec![
            (vec![], &[0, 1, 2], &[], 0),
            // a row replaced, one removed, one added
            (vec![(3, leaf(&[(1, 0, Package(0)), (7, 0, Package(1))]))], &[2], &[0, 1], 0),
            // the leaf is written anew, the header of a row is not
            (vec![(3, leaf(&[(2, 9, Elsewhere), (7, 0, Nothing)]))], &[1, 2], &[], 0),
            (vec![(3, leaf(&[(2, 8, Elsewhere), (7, 0, Broken)]))], &[2], &[], 2),
            // a page left the tree, another came in its place
            (vec![(2, Page::Inner(vec![4, 6])), (6, leaf(&[(8, 0, Package(0))]))], &[2], &[0], 0),
            (vec![(2, Page::Inner(vec![4, 6]))], &[2], &[], 1),
            (vec![(4, Page::Other)], &[0, 1], &[], 1),
            (vec![(4, Page::Inner(vec![2, 3]))], &[0, 1], &[], 2),
        ];
        for (pages, of_main, of_log, lost) in cases {
            let merged = merge(&main(), &shape(0, pages));
            let (of_main, of_log) = (of_main.iter().copied().collect(), of_log.iter().copied().collect());
            assert_eq!(merged, Merged { of_main, of_log, lost, is_apart: false });
        }
        // of another size of pages, and with nothing where the table begins
        let begins = |page| shape(0, vec![(2, page)]);
        let others = [Shape { sizes: (1_024, 0), ..begins(leaf(&[(8, 0, Package(0))])) }, begins(Page::Other)];
        for other in others {
            let whole = Merged { of_main: [0, 1, 2].into(), is_apart: true, ..Merged::default() };
            assert_eq!(merge(&main(), &other), whole, "{other:?}");
        }
    }
}
