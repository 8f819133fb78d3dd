//! Errata of Amazon Linux 2 and 2023, as their package repositories carry them.
//!
//! Sources: the `updateinfo.xml` and `repomd.xml` of RPM repositories (createrepo), found through `mirror.list`. Only the
//! path of the mirror that the list names is followed, under the feed's own location.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::decompress::{Compressed, inflate};
use crate::format::xml::{Met, attribute, walk};

use super::super::osv::{is_id, shorten};
use super::super::record::{Advisory, Affected, Event, Range, Versions};
use super::super::risk::is_cve;
use super::{Feed, Fetched, Sink, Wanted, broken, capitalised, is_for_debuggers};

/// Releases and their lists of mirrors.
const RELEASES: &[(&str, &str)] =
    &[("2", "2/core/latest/x86_64/mirror.list"), ("2023", "al2023/core/mirrors/latest/x86_64/mirror.list")];

/// Largest list of mirrors and largest `repomd.xml`, in bytes.
const SMALL: u64 = 1 << 20;

/// Largest `updateinfo.xml` as it is fetched, and expanded; they have some 5 and 100 MiB.
const LARGEST: u64 = 256 << 20;
const LARGEST_TEXT: usize = 1 << 30;

/// Most packages taken of one notice; kernels have some 200.
const PACKAGES: usize = 20_000;

/// Most flaws and links taken of one notice.
const REFERENCES: usize = 2_000;

/// Errata of Amazon Linux.
pub(super) struct Amazon;

impl Feed for Amazon {
    fn id(&self) -> &'static str {
        "amazon"
    }

    fn families(&self) -> &'static [&'static str] {
        &["Amazon Linux"]
    }

    fn next(&self, _family: &str, have: &[Fetched]) -> Option<Wanted> {
        for (_, list) in RELEASES {
            match find(have, list) {
                Err(Missing::File(path)) => {
                    let most = if path.contains("updateinfo") { LARGEST } else { SMALL };
                    return Some(Wanted { path, most, optional: false });
                }
                // what is broken is told when it is read
                Ok(_) | Err(Missing::Broken(_)) => {}
            }
        }
        None
    }

    fn read(&self, _family: &str, files: &[Fetched], sink: &mut Sink) -> Result<()> {
        for (release, list) in RELEASES {
            let (file, checksum) = find(files, list).map_err(|missing| match missing {
                Missing::File(path) => Error::malformed("the errata of Amazon Linux are not whole").at(path),
                Missing::Broken(error) => error,
            })?;
            if checksum.is_some_and(|checksum| Digest::sha256(&file.bytes).hex() != checksum) {
                return Err(broken(file, "the errata of Amazon Linux are not those that the repository lists"));
            }
            read(release, file, sink)?;
        }
        Ok(())
    }
}

/// Why a release's errata are not there.
enum Missing {
    /// A file is to be fetched first.
    File(String),
    /// A file that leads to them makes no sense.
    Broken(Error),
}

/// The errata among the files, and the SHA-256 that the repository gives for them.
fn find<'a>(have: &'a [Fetched], list: &str) -> Result<(&'a Fetched, Option<String>), Missing> {
    let fetched = |path: String| have.iter().find(|file| file.path == path).ok_or(Missing::File(path));
    let list = fetched(list.to_owned())?;
    let base =
        base(&list.bytes).ok_or_else(|| Missing::Broken(broken(list, "the list of mirrors names no usable mirror")))?;
    let index = fetched(format!("{base}repodata/repomd.xml"))?;
    let (path, checksum) = updateinfo(&index.bytes)
        .ok_or_else(|| Missing::Broken(broken(index, "the repository's index names no errata")))?;
    Ok((fetched(format!("{base}{path}"))?, checksum))
}

/// The path of the first mirror, with a slash at its end.
fn base(list: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(list).ok()?.lines().map(str::trim).find(|line| !line.is_empty())?;
    let (_, rest) = line.strip_prefix("https://").or_else(|| line.strip_prefix("http://"))?.split_once('/')?;
    let path = rest.trim_end_matches('/');
    is_plain(path).then(|| format!("{path}/"))
}

/// Whether a path stays where it is put.
fn is_plain(path: &str) -> bool {
    path.len() <= 1024
        && path.split('/').all(|part| {
            !matches!(part, "" | "." | "..")
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b'+'))
        })
}

/// The place of the errata in a repository, and their SHA-256.
fn updateinfo(index: &[u8]) -> Option<(String, Option<String>)> {
    let (mut is_errata, mut is_sha256) = (false, false);
    let (mut place, mut checksum) = (None, None);
    let walked = walk(index, |met| match met {
        Met::Start([_, data], start) if data == "data" => {
            is_errata = attribute(start, "type").as_deref() == Some("updateinfo");
        }
        Met::Start([_, _, location], start) if is_errata && location == "location" => place = attribute(start, "href"),
        Met::Start([_, _, sum], start) if is_errata && sum == "checksum" => {
            is_sha256 = attribute(start, "type").as_deref() == Some("sha256");
        }
        Met::End([_, _, sum], text) if is_errata && is_sha256 && sum == "checksum" => checksum = Some(text.to_owned()),
        _ => {}
    });
    walked.ok()?;
    place.filter(|place| is_plain(place) && place.contains("updateinfo")).map(|place| (place, checksum))
}

fn read(release: &str, file: &Fetched, sink: &mut Sink) -> Result<()> {
    let unreadable =
        |what: String| broken(file, format!("the errata of Amazon Linux {release} cannot be read: {what}"));
    let form = match file.bytes.as_slice() {
        [0x1f, 0x8b, ..] => Some(Compressed::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compressed::Zstd),
        [b'B', b'Z', b'h', ..] => Some(Compressed::Bzip2),
        _ => None,
    };
    let text = match form {
        Some(form) => {
            Cow::Owned(inflate(form, &file.bytes, LARGEST_TEXT).map_err(|error| unreadable(error.to_string()))?)
        }
        None => Cow::Borrowed(file.bytes.as_slice()),
    };
    let mut notice = Notice::default();
    let mut count = 0_usize;
    let walked = walk(&text, |met| match met {
        Met::Start([_, update], start) if update == "update" => {
            notice =
                Notice { is_security: attribute(start, "type").as_deref() == Some("security"), ..Notice::default() };
        }
        Met::Start(path, start) => notice.start(path, |name| attribute(start, name)),
        Met::End([_, update], _) if update == "update" => {
            let notice = std::mem::take(&mut notice);
            if notice.is_security {
                count = count.saturating_add(1);
                let id = notice.id.clone();
                match notice.finish(release) {
                    Ok(advisory) => sink.add(advisory),
                    Err(why) => sink.refuse(&id, why),
                }
            }
        }
        Met::End([_, _, field], text) => notice.field(field, text),
        Met::End(..) => {}
    });
    walked.map_err(unreadable)?;
    if count == 0 { Err(unreadable("they hold no notice".into())) } else { Ok(()) }
}

/// A notice that is being read.
#[derive(Default)]
struct Notice {
    is_security: bool,
    id: String,
    title: String,
    severity: Option<String>,
    issued: Option<String>,
    updated: Option<String>,
    flaws: Vec<String>,
    links: Vec<String>,
    /// Names and versions that mend; they are the same for all architectures, of which a repository may list its own only.
    packages: BTreeSet<(String, String)>,
    is_too_large: bool,
}

impl Notice {
    fn start(&mut self, path: &[String], attribute: impl Fn(&str) -> Option<String>) {
        match path {
            [_, _, field] if field == "issued" => self.issued = attribute("date"),
            [_, _, field] if field == "updated" => self.updated = attribute("date"),
            [_, _, _, field] if field == "reference" => {
                if self.flaws.len() >= REFERENCES || self.links.len() >= REFERENCES {
                    self.is_too_large = true;
                    return;
                }
                self.flaws.extend(attribute("id").filter(|id| is_cve(id)));
                self.links.extend(attribute("href").filter(|url| url.starts_with("https://") && url.len() < 1024));
            }
            [_, _, _, _, field] if field == "package" => {
                if self.packages.len() >= PACKAGES {
                    self.is_too_large = true;
                    return;
                }
                let (Some(name), Some(version), Some(release)) =
                    (attribute("name"), attribute("version"), attribute("release"))
                else {
                    return;
                };
                let epoch = attribute("epoch").unwrap_or_else(|| "0".into());
                if !is_for_debuggers(&name) {
                    self.packages.insert((name, format!("{epoch}:{version}-{release}")));
                }
            }
            _ => {}
        }
    }

    fn field(&mut self, field: &str, text: &str) {
        match field {
            "id" => text.clone_into(&mut self.id),
            "title" => text.clone_into(&mut self.title),
            "severity" => self.severity = Some(capitalised(text)),
            _ => {}
        }
    }

    fn finish(self, release: &str) -> Result<Advisory, String> {
        if !is_id(&self.id) {
            return Err("it has no id, or one with odd characters".into());
        }
        if self.is_too_large {
            return Err(format!("it has more than {PACKAGES} packages or {REFERENCES} references"));
        }
        let ecosystem = format!("Amazon Linux:{release}");
        let affected = self.packages.into_iter().map(|(name, fixed)| {
            let events = vec![Event::Introduced("0".into()), Event::Fixed(fixed)];
            let versions = Versions { ranges: vec![Range { is_semantic: false, events }], ..Versions::default() };
            Affected { ecosystem: ecosystem.clone(), name, versions }
        });
        let affected: Vec<Affected> = affected.collect();
        if affected.is_empty() {
            return Err("it names no package".into());
        }
        let issued = self.issued.as_deref().map(minute);
        Ok(Advisory {
            id: self.id,
            modified: self.updated.as_deref().map(minute).or_else(|| issued.clone()).unwrap_or_default(),
            published: issued,
            upstream: self.flaws,
            summary: shorten(&self.title),
            label: self.severity,
            links: self.links.into_iter().take(10).collect(),
            affected,
            ..Advisory::default()
        })
    }
}

/// `2018-01-04 23:50` and `2026-08-31 09:00:00` as RFC 3339; what has another form is left as it is.
fn minute(text: &str) -> String {
    let Some((day, time)) = text.split_once(' ') else { return text.to_owned() };
    match time.len() {
        5 => format!("{day}T{time}:00Z"),
        8 => format!("{day}T{time}Z"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::feed::testing::{file, fresh, read_back};
    use crate::format::testing::deflate;

    const ERRATA: &str = include_str!("../../../fixtures/advisories/amazon/updateinfo.xml");
    const LISTS: [&str; 2] = [RELEASES[0].1, RELEASES[1].1];

    fn index(sum: &str) -> String {
        format!(
            "<repomd xmlns='http://linux.duke.edu/metadata/repo'><data type='primary'><location href='repodata/p.xml'/></data>\
             <data type='updateinfo'><checksum type='sha256'>{sum}</checksum><location href='repodata/updateinfo.xml.gz'/></data></repomd>"
        )
    }

    /// What a fetcher gets that has these files.
    fn fetch(errata: &[u8], sum: &str) -> Vec<Fetched> {
        let mut have: Vec<Fetched> = Vec::new();
        while let Some(wanted) = Amazon.next("Amazon Linux", &have) {
            assert!(have.len() < 9 && !have.iter().any(|file| file.path == wanted.path), "{wanted:?}");
            let bytes = match wanted.path.rsplit('/').next().expect("a name") {
                "mirror.list" if wanted.path.starts_with("al2023") => {
                    b"https://mirror.example/al2023/core/guids/abc123/x86_64/\n".to_vec()
                }
                "mirror.list" => b"https://mirror.example/2/core/2.0/x86_64/def456\n".to_vec(),
                "repomd.xml" => index(sum).into_bytes(),
                _ => errata.to_vec(),
            };
            have.push(Fetched { path: wanted.path, bytes });
        }
        have
    }

    #[test]
    fn the_mirror_leads_to_the_errata() {
        let packed = deflate(Compressed::Gzip, ERRATA.as_bytes());
        let files = fetch(&packed, Digest::sha256(&packed).hex());
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(
            paths[..3],
            [
                LISTS[0],
                "2/core/2.0/x86_64/def456/repodata/repomd.xml",
                "2/core/2.0/x86_64/def456/repodata/updateinfo.xml.gz"
            ]
        );
        assert_eq!(paths[5], "al2023/core/guids/abc123/x86_64/repodata/updateinfo.xml.gz");
        let mut sink = fresh("Amazon Linux");
        Amazon.read("Amazon Linux", &files, &mut sink).expect("reads");
        // both releases have the same file here
        assert_eq!(sink.refused.len(), 4, "{:?}", sink.refused);
        assert_eq!(sink.refused[0], ("ALAS2023-2026-003".into(), "it names no package".into()));
        let shard = read_back("amazon/Amazon Linux", sink);
        let postings = shard.postings("2023", "some-daemon").expect("reads");
        let [posting] = postings.as_slice() else { panic!("{postings:?}") };
        assert_eq!(posting.id, "ALAS2023-2026-001");
        let events = [Event::Introduced("0".into()), Event::Fixed("0:8.2204.0-3.amzn2023.0.2".into())];
        assert_eq!(posting.versions.ranges[0].events, events);
        assert_eq!(shard.postings("2023", "some-daemon-doc").expect("reads").len(), 1);
        assert_eq!(shard.postings("2023", "some-daemon-debuginfo").expect("reads"), []);
        let record = shard.record("ALAS2023-2026-001").expect("reads").expect("is there");
        assert_eq!((record.label.as_deref(), record.modified.as_str()), (Some("Important"), "2026-02-22T23:22:00Z"));
        assert_eq!(record.upstream, ["CVE-2026-0001", "CVE-2026-0002"]);
        assert_eq!(shard.record("ALAS2023-2026-002").expect("reads"), None, "it is no security notice");
    }

    #[test]
    fn what_is_changed_cut_or_empty_is_refused() {
        let packed = deflate(Compressed::Gzip, ERRATA.as_bytes());
        let sum = Digest::sha256(&packed).hex().to_owned();
        let bomb = deflate(Compressed::Gzip, &vec![b' '; 40 << 20]);
        let cases: [(&[u8], String); 5] = [
            (&packed, "0".repeat(64)),
            (&packed[..packed.len() / 2], Digest::sha256(&packed[..packed.len() / 2]).hex().to_owned()),
            (b"<updates></updates>", Digest::sha256(b"<updates></updates>").hex().to_owned()),
            (b"", Digest::sha256(b"").hex().to_owned()),
            (&bomb, Digest::sha256(&bomb).hex().to_owned()),
        ];
        for (errata, sum) in cases {
            assert!(Amazon.read("Amazon Linux", &fetch(errata, &sum), &mut fresh("Amazon Linux")).is_err());
        }
        let whole = fetch(&packed, &sum);
        for length in 0..whole.len() {
            let error = Amazon.read("Amazon Linux", &whole[..length], &mut fresh("Amazon Linux"));
            assert!(error.is_err(), "{length} files");
        }
    }

    #[test]
    fn no_list_leads_elsewhere() {
        for list in [
            "",
            "ftp://a.example/b",
            "https://a.example/../../b",
            "https://a.example/b?c",
            "https://a.example//b",
            "\u{fffd}",
        ] {
            assert_eq!(base(list.as_bytes()), None, "{list}");
            let have = [file(LISTS[0], list), file(LISTS[1], list)];
            assert_eq!(Amazon.next("Amazon Linux", &have), None);
            assert!(Amazon.read("Amazon Linux", &have, &mut fresh("Amazon Linux")).is_err());
        }
        let escape = index("").replace("repodata/updateinfo", "../../updateinfo");
        assert_eq!(updateinfo(escape.as_bytes()), None);
        assert_eq!(updateinfo(&index("").as_bytes()[..60]), None);
    }

    #[test]
    fn hostile_documents_cost_little() {
        let bomb = "<!DOCTYPE a [<!ENTITY a 'xxxxxxxxxx'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>";
        let notice = format!("{bomb}<updates><update type='security'><id>&b;</id></update></updates>");
        let mut sink = fresh("Amazon Linux");
        read("2", &file("updateinfo.xml", &notice), &mut sink).expect("reads");
        assert_eq!(sink.refused_count, 1);
        let deep = "<a>".repeat(100_000);
        assert!(read("2", &file("updateinfo.xml", &deep), &mut sink).is_err());
        let package = "<package name='a' version='1' release='REL'/>";
        let packages: String = (0..=PACKAGES).map(|at| package.replace("REL", &at.to_string())).collect();
        let many = format!(
            "<updates><update type='security'><id>ALAS-1</id><pkglist><collection>{packages}</collection></pkglist></update></updates>"
        );
        read("2", &file("updateinfo.xml", &many), &mut sink).expect("reads");
        assert!(sink.refused[1].1.contains("more than"), "{:?}", sink.refused);
    }

    #[test]
    fn times_of_both_forms_become_those_of_the_others() {
        let cases = [
            ("2018-01-04 23:50", "2018-01-04T23:50:00Z"),
            ("2026-08-31 09:00:00", "2026-08-31T09:00:00Z"),
            ("2026-08-31", "2026-08-31"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(minute(text), expected);
        }
    }
}
