//! Which records speak of the same flaw: one group for each, whatever ids it goes by.
//!
//! Aliases are the same flaw; what a distribution's record passes on (`upstream`) is that flaw, too. An erratum mends
//! several: it joins the group of each, and none of them becomes another. Records that are merely `related` stay apart.

use std::collections::{BTreeMap, BTreeSet};

use super::osv::is_erratum;
use super::record::Advisory;

/// Records that speak of one flaw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What it is called: its CVE id, else that of GitHub's database, else its record's.
    pub name: String,
    /// All ids it goes by, sorted; errata that mend it are not among them.
    pub ids: BTreeSet<String>,
    /// Which of the records given speak of it.
    pub members: Vec<usize>,
    /// Errata among them, sorted.
    pub fixed_by: Vec<String>,
}

/// Groups records, sorted by name.
pub fn group(records: &[&Advisory]) -> Vec<Group> {
    let mut union = Union::default();
    for record in records.iter().filter(|record| !is_of_several(record)) {
        let own = union.node(&record.id);
        for id in record.aliases.iter().chain(&record.upstream) {
            let other = union.node(id);
            union.join(own, other);
            if let Some(cve) = plain_cve(id) {
                let cve = union.node(cve);
                union.join(own, cve);
            }
        }
        if let Some(cve) = plain_cve(&record.id) {
            let cve = union.node(cve);
            union.join(own, cve);
        }
    }
    // by the root of the flaw: its records, and the errata
    let mut groups: BTreeMap<usize, (Vec<usize>, BTreeSet<String>)> = BTreeMap::new();
    for (place, record) in records.iter().enumerate() {
        if !is_of_several(record) {
            let node = union.node(&record.id);
            let root = union.root(node);
            groups.entry(root).or_default().0.push(place);
            continue;
        }
        let flaws = flaws_of(record);
        let flaws: BTreeSet<&str> = if flaws.is_empty() { BTreeSet::from([record.id.as_str()]) } else { flaws };
        for flaw in flaws {
            let node = union.node(flaw);
            let root = union.root(node);
            let (members, fixed_by) = groups.entry(root).or_default();
            members.push(place);
            if flaw != record.id {
                fixed_by.insert(record.id.clone());
            }
        }
    }
    let mut ids: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (id, node) in union.nodes.clone() {
        ids.entry(union.root(node)).or_default().insert(id);
    }
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|(root, (mut members, fixed_by))| {
            // a record of the flaw itself says more of it than an erratum
            members.sort_by_key(|place| records.get(*place).is_some_and(|record| is_of_several(record)));
            let ids = ids.remove(&root).unwrap_or_default();
            Group { name: name_of(&ids), ids, members, fixed_by: fixed_by.into_iter().collect() }
        })
        .collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups
}

/// Whether a record is about several flaws, each of which stands in a record of its own.
fn is_of_several(record: &Advisory) -> bool {
    is_erratum(&record.id) || record.upstream.iter().filter(|id| as_cve(id).is_some()).nth(1).is_some()
}

/// The CVE ids of what an erratum mends; of its `related`, since the errata of some distributions have them there.
fn flaws_of(record: &Advisory) -> BTreeSet<&str> {
    let ids = record.upstream.iter().chain(&record.aliases).chain(&record.related);
    ids.filter_map(|id| as_cve(id)).collect()
}

/// The CVE id in `CVE-…`, `UBUNTU-CVE-…`, `DEBIAN-CVE-…`, `ALPINE-CVE-…`.
fn as_cve(id: &str) -> Option<&str> {
    id.starts_with("CVE-").then_some(id).or_else(|| plain_cve(id))
}

/// The CVE id in an id that is made of one.
fn plain_cve(id: &str) -> Option<&str> {
    let cve = ["UBUNTU-", "DEBIAN-", "ALPINE-"].iter().find_map(|start| id.strip_prefix(start))?;
    cve.starts_with("CVE-").then_some(cve)
}

fn name_of(ids: &BTreeSet<String>) -> String {
    let cve = ids.iter().filter(|id| id.starts_with("CVE-")).min_by_key(|id| {
        let mut parts = id.split('-').skip(1).map(|part| part.parse::<u64>().unwrap_or(u64::MAX));
        (parts.next(), parts.next())
    });
    let name = cve.or_else(|| ids.iter().find(|id| id.starts_with("GHSA-"))).or_else(|| ids.first());
    name.cloned().unwrap_or_default()
}

/// Sets of ids that are one.
#[derive(Debug, Default)]
struct Union {
    nodes: BTreeMap<String, usize>,
    parents: Vec<usize>,
}

impl Union {
    fn node(&mut self, id: &str) -> usize {
        if let Some(node) = self.nodes.get(id) {
            return *node;
        }
        let node = self.parents.len();
        self.parents.push(node);
        self.nodes.insert(id.to_owned(), node);
        node
    }

    fn root(&mut self, mut node: usize) -> usize {
        while let Some(parent) = self.parents.get(node).copied().filter(|parent| *parent != node) {
            let above = self.parents.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parents.get_mut(node) {
                *slot = above;
            }
            node = parent;
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(parent) = self.parents.get_mut(a.max(b)) {
            *parent = a.min(b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, aliases: &[&str], upstream: &[&str], related: &[&str]) -> Advisory {
        let list = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Advisory {
            id: id.into(),
            aliases: list(aliases),
            upstream: list(upstream),
            related: list(related),
            ..Advisory::default()
        }
    }

    fn shown(records: &[Advisory]) -> Vec<String> {
        let groups = group(&records.iter().collect::<Vec<_>>());
        let show = |group: &Group| {
            let ids: Vec<&str> = group.ids.iter().map(String::as_str).collect();
            format!("{} [{}] {:?} by {}", group.name, ids.join(" "), group.members, group.fixed_by.join(" "))
        };
        groups.iter().map(show).collect()
    }

    #[test]
    fn records_of_one_flaw_are_one_group() {
        let cases: &[(&[Advisory], &[&str])] = &[
            (
                &[record("GHSA-a", &["CVE-2026-1"], &[], &[]), record("PYSEC-2026-1", &["CVE-2026-1"], &[], &[])],
                &["CVE-2026-1 [CVE-2026-1 GHSA-a PYSEC-2026-1] [0, 1] by "],
            ),
            // related is not the same
            (
                &[record("GHSA-a", &[], &[], &["GHSA-b"]), record("GHSA-b", &[], &[], &["GHSA-a"])],
                &["GHSA-a [GHSA-a] [0] by ", "GHSA-b [GHSA-b] [1] by "],
            ),
            // an advisory that mends two flaws is in both groups, and they stay two
            (
                &[
                    record("DSA-1-1", &[], &["CVE-2026-1", "CVE-2026-2"], &[]),
                    record("DEBIAN-CVE-2026-2", &[], &["CVE-2026-2"], &[]),
                ],
                &[
                    "CVE-2026-1 [CVE-2026-1] [0] by DSA-1-1",
                    "CVE-2026-2 [CVE-2026-2 DEBIAN-CVE-2026-2] [1, 0] by DSA-1-1",
                ],
            ),
            // two hops
            (
                &[
                    record("USN-1-1", &[], &["UBUNTU-CVE-2026-1"], &[]),
                    record("UBUNTU-CVE-2026-1", &[], &["CVE-2026-1"], &[]),
                ],
                &["CVE-2026-1 [CVE-2026-1 UBUNTU-CVE-2026-1] [1, 0] by USN-1-1"],
            ),
            (
                &[record("ALSA-2026:1", &[], &[], &["CVE-2026-2", "CVE-2026-1"])],
                &["CVE-2026-1 [CVE-2026-1] [0] by ALSA-2026:1", "CVE-2026-2 [CVE-2026-2] [0] by ALSA-2026:1"],
            ),
            (&[record("ALSA-2026:1", &[], &[], &[])], &["ALSA-2026:1 [ALSA-2026:1] [0] by "]),
            // the lowest number, not the first in the alphabet
            (
                &[record("GHSA-a", &["CVE-2026-10", "CVE-2026-9"], &[], &[])],
                &["CVE-2026-9 [CVE-2026-10 CVE-2026-9 GHSA-a] [0] by "],
            ),
            (&[record("AZL-1", &[], &["CVE-2026-1"], &[])], &["CVE-2026-1 [AZL-1 CVE-2026-1] [0] by "]),
        ];
        for (records, expected) in cases {
            assert_eq!(shown(records), *expected);
        }
    }
}
