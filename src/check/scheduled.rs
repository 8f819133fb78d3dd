//! Jobs and services that somebody added to the system.

use super::{Check, Context, at, is_packaged};
use crate::finding::{Finding, Findings};
use crate::path::ImagePath;
use crate::rule::{Rule, Severity};

/// A job of cron's was added.
pub(super) static CRON_JOB: Rule = Rule {
    id: "image/cron-job",
    title: "A job was added to cron's",
    severity: Severity::Info,
    why: "A container that runs cron has more than one purpose: jobs run unseen, as root mostly, and their output is lost. \
          Where no cron runs, the job never does.",
    remediation: "Run the job as a container of its own, by the platform's schedule, such as a `CronJob` of Kubernetes.",
    references: &["https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/"],
    bad: "COPY cleanup /etc/cron.d/cleanup",
    good: "ENTRYPOINT [\"/usr/local/bin/cleanup\"]",
    ..Rule::NEW
};

/// A unit of systemd's was added.
pub(super) static SYSTEMD_UNIT: Rule = Rule {
    id: "image/systemd-unit",
    title: "A unit was added to systemd's",
    severity: Severity::Info,
    why: "Containers have no systemd as a rule, so the unit does nothing; where one does run, its services run beside the \
          application, as root unless the unit says otherwise.",
    remediation: "Start the one process with `ENTRYPOINT`, and leave the unit to installations on a machine.",
    references: &["https://docs.docker.com/engine/containers/multi-service_container/"],
    bad: "COPY api.service /etc/systemd/system/",
    good: "ENTRYPOINT [\"/usr/local/bin/api\"]",
    ..Rule::NEW
};

/// Where cron looks for jobs.
const CRON: &[&str] = &[
    "etc/cron.d",
    "etc/cron.daily",
    "etc/cron.hourly",
    "etc/cron.monthly",
    "etc/cron.weekly",
    "etc/crontabs",
    "etc/periodic/15min",
    "etc/periodic/daily",
    "etc/periodic/hourly",
    "etc/periodic/monthly",
    "etc/periodic/weekly",
    "var/spool/cron",
    "var/spool/cron/crontabs",
];

/// Where systemd looks for units.
const UNITS: &[&str] =
    &["etc/systemd/system", "lib/systemd/system", "usr/lib/systemd/system", "usr/local/lib/systemd/system"];

/// Endings of units that start something.
const STARTING: &[&[u8]] = &[b".service", b".socket", b".timer", b".path"];

/// Findings listed of one rule.
const LISTED: usize = 20;

/// Whether a file of this name starts something.
type IsOne = fn(&[u8]) -> bool;

/// Judges what is live and of no package of the system, where it is known what packages own.
pub(super) struct Scheduled;

impl Check for Scheduled {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&CRON_JOB, &SYSTEMD_UNIT] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        if image.owned.is_empty() {
            return;
        }
        let is_job: IsOne = |name| !name.starts_with(b".");
        let is_unit: IsOne = |name| STARTING.iter().any(|ending| name.ends_with(ending));
        let kinds: [(_, _, IsOne, _); 2] = [
            (&CRON_JOB, CRON, is_job, "is a job of cron's that no package brought"),
            (&SYSTEMD_UNIT, UNITS, is_unit, "is a unit of systemd's that no package brought"),
        ];
        for (rule, folders, is_one, what) in kinds {
            let mut listed = 0usize;
            for (path, node) in folders.iter().flat_map(|folder| image.tree.children(&ImagePath::from(*folder))) {
                let entry = image.tree.entry(node);
                // a link to a unit is one that was switched on
                if !entry.is_file() || entry.size == 0 || !is_one(path.file_name()) || is_packaged(image, &path, node) {
                    continue;
                }
                listed += 1;
                if listed <= LISTED {
                    findings.push(Finding::new(
                        rule,
                        path.to_string(),
                        at(&path, node.layer),
                        format!("`{path}` {what}"),
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, shown};
    use super::*;
    use crate::tree::{FileEntry, FileKind};

    #[test]
    fn what_packages_brought_is_quiet() {
        let link =
            FileEntry { kind: FileKind::Symlink(Box::from(&b"/lib/x"[..])), ..file("etc/systemd/system/x.service", 0) };
        let files = || {
            layered(vec![vec![
                file("etc/cron.d/e2scrub_all", 9),
                file("etc/cron.d/.placeholder", 9),
                file("etc/cron.d/own", 9),
                file("var/spool/cron/crontabs/root", 9),
                file("etc/systemd/system/api.service", 9),
                file("etc/systemd/system/notes.txt", 9),
                link.clone(),
            ]])
        };
        assert_eq!(shown(&Scheduled, &files()), [""; 0], "nothing is known of packages");
        let places: Vec<String> = super::super::testing::run(&Scheduled, &files().owning(&["etc/cron.d/e2scrub_all"]))
            .into_iter()
            .map(|finding| format!("{} {}", finding.rule.id, finding.subject))
            .collect();
        assert_eq!(
            places,
            [
                "image/cron-job /etc/cron.d/own",
                "image/cron-job /var/spool/cron/crontabs/root",
                "image/systemd-unit /etc/systemd/system/api.service",
            ]
        );
    }
}
