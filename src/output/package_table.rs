//! The packages of a report as a table for people: type, name, version, layer and path.

use unicode_width::UnicodeWidthStr as _;

use super::clean;
use super::columns::{cut_end, cut_middle};
use crate::inventory::{Package, State};
use crate::report::Report;

/// Most columns of a type, a name, a version and a layer; a path has what they leave.
const MOST: [usize; 4] = [16, 32, 24, 20];
/// Fewest columns of a path.
const LEAST_PATH: usize = 12;
/// Columns between two.
const GAP: usize = 2;
/// What the columns are called.
const NAMES: [&str; 5] = ["type", "name", "version", "layer", "path"];

/// Packages of one state: what the state is called, and the lines of their table, which fit the width.
pub(super) struct Table {
    pub(super) title: &'static str,
    pub(super) count: usize,
    pub(super) lines: Vec<String>,
}

/// The tables of what is installed, only declared, and removed by a later layer; none of what there is nothing of.
pub(super) fn tables(report: &Report, width: usize) -> Vec<Table> {
    let of = |state: State| report.packages.iter().filter(move |package| package.state == state).collect();
    let groups: [(&'static str, Vec<&Package>); 3] = [
        ("installed", of(State::Installed)),
        ("only declared", of(State::Declared)),
        ("removed by a later layer", report.removed.iter().collect()),
    ];
    let filled = groups.into_iter().filter(|(_, packages)| !packages.is_empty());
    filled
        .map(|(title, packages)| {
            let rows: Vec<[String; 5]> = packages.iter().map(|package| row(package)).collect();
            Table { title, count: rows.len(), lines: lines(&rows, width) }
        })
        .collect()
}

fn row(package: &Package) -> [String; 5] {
    // a bill of materials may not say where a package is
    let place = package.locations.first().filter(|place| !place.path.is_root());
    let layer = place.map(|place| match package.removed_in_layer {
        Some(by) => format!("{}, gone in {by}", place.added_by),
        None => place.added_by.to_string(),
    });
    let more = package.locations.len().saturating_sub(1);
    let path = place.map(|place| {
        let inside = place.inside.as_ref().map(|inside| format!("!/{}", clean(inside))).unwrap_or_default();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{inside}{more}", clean(&place.path.to_string()))
    });
    let type_of = package.ecosystem.id.to_owned();
    [type_of, clean(&package.name), clean(&package.version), layer.unwrap_or_default(), path.unwrap_or_default()]
}

/// Rows under the names of their columns; what is too wide is cut, of a path in the middle.
fn lines(rows: &[[String; 5]], width: usize) -> Vec<String> {
    let names = NAMES.map(str::to_owned);
    let mut widths = [0; 4];
    for row in [&names].into_iter().chain(rows) {
        for ((width, most), text) in widths.iter_mut().zip(MOST).zip(row) {
            *width = (*width).max(text.width().min(most));
        }
    }
    // where it is narrow, name and version give way first
    while widths.iter().sum::<usize>() + GAP * 5 + LEAST_PATH > width {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > 4) else { break };
        *widest -= 1;
    }
    let left = width.saturating_sub(widths.iter().sum::<usize>() + GAP * 5);
    let line = |row: &[String; 5]| {
        let [texts @ .., path] = row;
        let mut line = " ".repeat(GAP);
        for (text, width) in texts.iter().zip(widths) {
            let text = cut_end(text, width);
            line.push_str(&text);
            line.push_str(&" ".repeat(GAP + width.saturating_sub(text.width())));
        }
        line.push_str(&cut_middle(path, left));
        line.trim_end().to_owned()
    };
    [&names].into_iter().chain(rows).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn packages_stand_in_columns() {
        let mut report = sample::report();
        report.packages[1].state = State::Declared;
        let mut gone = report.packages[1].clone();
        (gone.name, gone.removed_in_layer) = ("left-pad".into(), Some(3));
        gone.locations[0].inside = Some("lib/b.jar".into());
        let other = gone.locations[0].clone();
        gone.locations.push(other);
        report.removed.push(gone);
        let tables = tables(&report, 80);
        let text: Vec<String> = tables
            .iter()
            .map(|table| format!("{}: {}\n{}", table.title, table.count, table.lines.join("\n")))
            .collect();
        insta::assert_snapshot!(text.join("\n"), @r"
        installed: 1
          type  name     version   layer  path
          deb   openssl  3.0.11-1  0      /var/lib/dpkg/status
        only declared: 1
          type  name  version  layer  path
          pypi  six   1.16.0   0      /usr/lib/python3/dist-packages/six.egg-info
        removed by a later layer: 1
          type  name      version  layer         path
          pypi  left-pad  1.16.0   0, gone in 3  /usr/lib/pyt…info!/lib/b.jar and 1 more
        ");
    }

    #[test]
    fn what_is_not_known_is_left_empty() {
        let mut report = sample::report();
        report.packages[0].locations[0].path = crate::path::ImagePath::root();
        let tables = tables(&report, 100);
        assert!(tables[0].lines[1].ends_with("3.0.11-1"), "{:?}", tables[0].lines);
        assert!(super::tables(&sample::empty(), 80).is_empty());
    }
}
