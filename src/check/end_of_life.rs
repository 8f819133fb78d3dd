//! Distributions that get no security updates any more.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Check, Context, at};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::inventory::Distro;
use crate::rule::{Place, Rule, Severity};
use crate::time::Date;

/// Support has ended.
pub(super) static EOL_DISTRO: Rule = Rule {
    id: "base/eol-distro",
    title: "The distribution gets no security updates any more",
    severity: Severity::High,
    why: "Flaws found after the end of support are not mended, and often not even recorded for the release, so that \
          a scan which finds nothing says nothing.",
    remediation: "Build on a release that is still supported, or buy the vendor's extended support where there is any.",
    references: &["https://wiki.debian.org/LTS", "https://endoflife.date/tags/linux-distribution"],
    bad: "FROM debian:10",
    good: "FROM debian:13",
    places: &[Place::File],
    ..Rule::NEW
};

/// Support ends soon.
pub(super) static EOL_SOON: Rule = Rule {
    id: "base/eol-soon",
    title: "The distribution soon gets no security updates any more",
    severity: Severity::Low,
    why: "A move to another release takes testing; after the end of support each new flaw stays open until it is done. \
          Told 90 days ahead.",
    remediation: "Plan the move to a release that is supported longer.",
    references: &["https://endoflife.date/tags/linux-distribution"],
    bad: "# three months or less before the end of its support\nFROM fedora:43",
    good: "FROM fedora:44",
    places: &[Place::File],
    ..Rule::NEW
};

/// The end is not known.
pub(super) static EOL_UNKNOWN: Rule = Rule {
    id: "base/eol-unknown",
    title: "It is not known how long the distribution gets security updates",
    severity: Severity::Info,
    why: "Without a date nobody is warned when support ends: the release may be too new or too old for the dates careen \
          carries, or the distribution is not among them.",
    remediation: "Look the date up at the vendor's, and note it where the image is built.",
    references: &["https://endoflife.date/tags/linux-distribution"],
    bad: "FROM example.org/own-distribution:7",
    good: "FROM debian:13",
    places: &[Place::File],
    ..Rule::NEW
};

/// From how many days before the end on the image is warned of.
const SOON_DAYS: i64 = 90;

/// Dates of support, made into the binary.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    toml::from_str(include_str!("../../advisories/own/end-of-life.toml")).expect("the embedded table passes its test")
});

/// The day on which the dates of support were last looked over.
pub fn dates_as_of() -> &'static str {
    &TABLE.as_of
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    as_of: String,
    /// Distributions without releases.
    rolling: Vec<String>,
    release: Vec<Release>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    distro: String,
    version: String,
    /// What `os-release`'s name starts with, where one id and version stand for two distributions.
    named: Option<String>,
    name: String,
    /// Last day of updates for everybody.
    #[serde(deserialize_with = "date")]
    ends: Date,
    /// Last day of updates under a contract.
    extended: Option<String>,
    extended_by: Option<String>,
    source: String,
}

fn date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl Table {
    /// The entry of a distribution: of its whole version, or of the part before the last dot, and so on.
    fn release(&self, distro: &Distro) -> Option<&Release> {
        let is_it = |release: &&Release| {
            release.distro == distro.id
                && release.named.as_ref().is_none_or(|start| distro.name.starts_with(start.as_str()))
        };
        let mut version = distro.version_id.as_str();
        loop {
            let found = self.release.iter().filter(is_it).find(|release| release.version == version);
            match (found, version.rsplit_once('.')) {
                (Some(_), _) | (None, None) => return found,
                (None, Some((shorter, _))) => version = shorter,
            }
        }
    }
}

/// Judges `os-release` by the vendors' published dates.
pub(super) struct EndOfLife;

impl Check for EndOfLife {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&EOL_DISTRO, &EOL_SOON, &EOL_UNKNOWN] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(distro) = &context.image.distro else { return };
        // rolling distributions have no releases that could end
        if TABLE.rolling.contains(&distro.id) {
            return;
        }
        let location = at(&distro.path, distro.layer);
        let subject = format!("{} {}", escape(&distro.id), escape(&distro.version_id));
        let Some(release) = TABLE.release(distro) else {
            findings.push(Finding::new(&EOL_UNKNOWN, subject, location, without_date(distro)));
            return;
        };
        let ends = release.ends;
        let days_over = context.today.days_since(ends);
        let (rule, mut message) = if days_over > 0 {
            (&EOL_DISTRO, format!("{} got its last security updates on {ends}", release.name))
        } else if days_over >= -SOON_DAYS {
            (&EOL_SOON, format!("{} gets its last security updates on {ends}", release.name))
        } else {
            return;
        };
        let still_sold = release
            .extended
            .as_deref()
            .filter(|end| end.parse::<Date>().is_ok_and(|end| context.today.days_since(end) <= 0));
        if let (Some(end), Some(by)) = (still_sold, &release.extended_by) {
            message = format!("{message}; {by} goes on until {end}");
        }
        findings.push(
            Finding::new(rule, subject, location, message)
                .evidence("ended", ends.to_string())
                .evidence("days", days_over)
                .evidence("source", release.source.as_str()),
        );
    }
}

fn without_date(distro: &Distro) -> String {
    let id = if distro.id.is_empty() { "linux" } else { &distro.id };
    let named = [distro.name.as_str(), id].into_iter().find(|name| !name.is_empty()).unwrap_or_default();
    let known = TABLE.release.iter().any(|release| release.distro == distro.id);
    let named = escape(named);
    if distro.version_id.is_empty() && known {
        format!("`{named}` states no version, as testing and rolling releases do: no end-of-life date is known for it")
    } else if distro.version_id.is_empty() || distro.name.contains(&distro.version_id) {
        format!("no end-of-life date is known for `{named}`")
    } else {
        format!("no end-of-life date is known for `{named} {}`", escape(&distro.version_id))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_sound() {
        let mut seen = BTreeSet::new();
        for release in &TABLE.release {
            let id = (&release.distro, &release.version, &release.named);
            assert!(seen.insert(id), "{id:?} twice");
            assert!(release.source.starts_with("https://") && !release.name.is_empty(), "{id:?}");
            assert_eq!(release.extended.is_some(), release.extended_by.is_some(), "{id:?}");
            if let Some(extended) = &release.extended {
                let extended: Date = extended.parse().expect("a date");
                assert!(extended.days_since(release.ends) > 0, "{id:?}: extended support is longer");
            }
        }
        assert!(dates_as_of().parse::<Date>().is_ok());
    }

    #[test]
    fn releases_are_judged_by_the_day() {
        let cases = [
            (
                "debian",
                "11",
                "high base/eol-distro /etc/os-release@0: Debian 11 (bullseye) got its last security updates on 2026-08-31; Freexian's Extended LTS goes on until 2031-06-30",
            ),
            ("debian", "12", ""),
            (
                "debian",
                "",
                "info base/eol-unknown /etc/os-release@0: `debian` states no version, as testing and rolling releases do: no end-of-life date is known for it",
            ),
            (
                "alpine",
                "3.18.4",
                "high base/eol-distro /etc/os-release@0: Alpine Linux 3.18 got its last security updates on 2025-05-09",
            ),
            ("alpine", "3.22.1", ""),
            ("rhel", "9.4", ""),
            (
                "centos",
                "7",
                "high base/eol-distro /etc/os-release@0: CentOS 7 got its last security updates on 2024-06-30",
            ),
            (
                "fedora",
                "43",
                "low base/eol-soon /etc/os-release@0: Fedora Linux 43 gets its last security updates on 2026-12-09",
            ),
            (
                "amzn",
                "2",
                "high base/eol-distro /etc/os-release@0: Amazon Linux 2 got its last security updates on 2026-06-30",
            ),
            ("wolfi", "20230201", ""),
            ("arch", "", ""),
            (
                "something",
                "1",
                "info base/eol-unknown /etc/os-release@0: no end-of-life date is known for `something 1`",
            ),
            ("debian", "99", "info base/eol-unknown /etc/os-release@0: no end-of-life date is known for `debian 99`"),
        ];
        for (id, version, expected) in cases {
            let expected: Vec<_> = Some(expected).into_iter().filter(|text| !text.is_empty()).collect();
            assert_eq!(shown(&EndOfLife, &image("{}").on(id, version)), expected, "{id} {version}");
        }
    }

    #[test]
    fn centos_linux_is_told_from_centos_stream() {
        for (version, name, ends) in [
            ("8", "CentOS Linux 8", "CentOS Linux 8 got its last security updates on 2021-12-31"),
            ("8", "CentOS Linux 8 (Core)", "CentOS Linux 8 got its last security updates on 2021-12-31"),
            ("8", "CentOS Stream 8", "CentOS Stream 8 got its last security updates on 2024-05-31"),
            ("8", "", "CentOS Stream 8 got its last security updates on 2024-05-31"),
            ("7", "CentOS Linux 7 (Core)", "CentOS 7 got its last security updates on 2024-06-30"),
        ] {
            let mut image = image("{}").on("centos", version);
            image.distro.as_mut().expect("it was just set").name = name.into();
            let expected = format!("high base/eol-distro /etc/os-release@0: {ends}");
            assert_eq!(shown(&EndOfLife, &image), [expected], "{name}");
        }
    }

    #[test]
    fn the_last_day_still_counts_as_supported() {
        let image = image("{}").on("debian", "11");
        for (today, rule) in [("2026-08-31", "base/eol-soon"), ("2026-09-01", "base/eol-distro")] {
            let mut findings = Findings::new();
            let today = today.parse().expect("a date");
            EndOfLife.run(&Context { image: &image, today }, &mut findings);
            assert_eq!(findings.iter().map(|f| f.rule.id).collect::<Vec<_>>(), [rule]);
        }
    }
}
