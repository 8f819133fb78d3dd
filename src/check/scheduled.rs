//! Jobs and services that somebody added to the system.

use std::collections::BTreeSet;

use super::{Check, Context, at, is_packaged};
use crate::finding::{Finding, Findings};
use crate::inventory::{Inventory, Origin, SettingFile, SettingLine};
use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};
use crate::tree::Node;

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

/// Tables of jobs, of which lines matter, wherever a link leads.
const TABLES: &[&str] =
    &["etc/cron.d", "etc/crontabs", "var/spool/cron", "var/spool/cron/crontabs", "var/spool/cron/tabs"];

/// Where scripts lie that the system's own table starts.
const SCRIPTS: &[&str] = &[
    "etc/cron.daily",
    "etc/cron.hourly",
    "etc/cron.monthly",
    "etc/cron.weekly",
    "etc/periodic/15min",
    "etc/periodic/daily",
    "etc/periodic/hourly",
    "etc/periodic/monthly",
    "etc/periodic/weekly",
];

/// Where systemd looks for units: those of whoever runs the machine, and those of packages.
const OWN_UNITS: &[&str] = &[
    "etc/systemd/system",
    "etc/systemd/user",
    "root/.config/systemd/user",
    "usr/local/lib/systemd/system",
    "usr/local/lib/systemd/user",
];
const UNITS: &[&str] = &["usr/lib/systemd/system", "lib/systemd/system", "usr/lib/systemd/user", "lib/systemd/user"];

/// Endings of units that start something.
const STARTING: &[&[u8]] = &[b".service", b".socket", b".timer", b".path"];

/// Names of jobs that packages of distributions bring. Asked only where nothing is known of ownership.
const KNOWN: &[&str] = &[
    "0anacron",
    "0hourly",
    "0yum-daily.cron",
    "anacron",
    "apache2",
    "apt-compat",
    "apt-show-versions",
    "aptitude",
    "bsdmainutils",
    "certbot",
    "cracklib-runtime",
    "dpkg",
    "e2scrub_all",
    "exim4-base",
    "fstrim",
    "google-chrome",
    "locate",
    "logrotate",
    "man-db",
    "man-db.cron",
    "mdadm",
    "mlocate",
    "passwd",
    "php",
    "plocate",
    "popularity-contest",
    "raid-check",
    "samba",
    "sysstat",
    "update-notifier-common",
    "zfsutils-linux",
];

/// Findings listed of one rule.
const LISTED: usize = 20;

/// Judges what is live and of no package of the system. Where nothing is known of packages, what distributions bring is
/// told by its name, and the rest with less confidence.
pub(super) struct Scheduled;

impl Check for Scheduled {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&CRON_JOB, &SYSTEMD_UNIT] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let confidence = if image.owned.is_empty() { Confidence::Low } else { Confidence::High };
        let mut tell = |rule, listed: &mut usize, path: &ImagePath, layer: u32, message: String| {
            *listed = listed.saturating_add(1);
            if *listed <= LISTED {
                let finding = Finding::new(rule, path.to_string(), at(path, layer), message);
                findings.push(Finding { confidence, ..finding });
            }
        };
        let mut listed = 0;
        let scripts = files_of(image, SCRIPTS, |name| !name.starts_with(b".")).map(|inside| (inside.path, inside.node));
        let jobs = tables(image).into_iter().chain(scripts);
        // one file may be in a folder under two names
        let mut seen = BTreeSet::new();
        for (path, node) in jobs.filter(|(_, node)| seen.insert(*node)) {
            let message = format!("`{path}` is a job of cron's that no package brought");
            tell(&CRON_JOB, &mut listed, &path, node.layer, message);
        }
        let is_unit = |name: &[u8]| STARTING.iter().any(|ending| name.ends_with(ending));
        // without packages all units of the system would be, but for those of the user's own layers
        let is_app =
            |node: Node| image.layers.get(node.layer as usize).is_some_and(|layer| layer.origin == Origin::App);
        let is_known = !image.owned.is_empty();
        let of_packages = files_of(image, UNITS, is_unit).filter(|inside| is_known || is_app(inside.node));
        let mut listed = 0;
        let mut seen = BTreeSet::new();
        // a link to a unit is one that was switched on
        let units = files_of(image, OWN_UNITS, is_unit).chain(of_packages).filter(|inside| !inside.is_link);
        for Inside { path, node, .. } in units.filter(|inside| seen.insert(inside.node)) {
            let message = format!("`{path}` is a unit of systemd's that no package brought");
            tell(&SYSTEMD_UNIT, &mut listed, &path, node.layer, message);
        }
    }
}

/// Tables of cron's with jobs of their own; of those that a system comes with, only if they start more than its folders.
fn tables(image: &Inventory) -> Vec<(ImagePath, Node)> {
    let is_table = |path: &ImagePath| {
        path.as_bytes() == b"etc/crontab" || TABLES.iter().any(|folder| path.parent_bytes() == folder.as_bytes())
    };
    let is_own = |file: &&SettingFile| {
        let path = &file.path;
        if !is_table(path) || path.file_name().starts_with(b".") || !file.lines.iter().any(is_job) {
            return false;
        }
        // the system's own tables are there to be edited, so that it says nothing whose they are
        let is_of_system = path.as_bytes() == b"etc/crontab" || path.parent_bytes() == b"etc/crontabs";
        is_of_system || !is_brought(image, path, file.node)
    };
    image.settings.iter().filter(is_own).map(|file| (file.path.clone(), file.node)).collect()
}

/// `17 * * * * root /srv/clean`, `@daily /srv/clean`; not what starts the folders of scripts.
fn is_job(line: &SettingLine) -> bool {
    let text = line.text.trim_start_matches('-');
    let is_time = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '*' | '@'));
    is_time && text.contains([' ', '\t']) && !text.contains("run-parts") && !text.contains("run-crons")
}

/// A file of a folder.
struct Inside {
    /// Its name there.
    path: ImagePath,
    /// What that leads to.
    node: Node,
    /// Whether the name is a link.
    is_link: bool,
}

/// The files of some folders that no package brought, links to folders and files followed.
fn files_of<'a>(
    image: &'a Inventory,
    folders: &'a [&str],
    is_one: impl Fn(&[u8]) -> bool + 'a,
) -> impl Iterator<Item = Inside> + 'a {
    let children = folders.iter().flat_map(move |folder| {
        let folder = ImagePath::from(*folder);
        let inside = image.tree.children(&image.tree.real_folder(&folder)).into_iter();
        inside.map(move |(real, own)| {
            let node = image.tree.resolve(&real).map_or(own, |(_, node)| node);
            Inside { path: folder.join(real.file_name()), node, is_link: node != own }
        })
    });
    children.filter(move |Inside { path, node, .. }| {
        let entry = image.tree.entry(*node);
        entry.is_file() && entry.size > 0 && is_one(path.file_name()) && !is_brought(image, path, *node)
    })
}

/// Whether a package of the system brought the file, or would where nothing is known of packages.
fn is_brought(image: &Inventory, path: &ImagePath, node: Node) -> bool {
    if image.owned.is_empty() {
        return KNOWN.iter().any(|known| path.file_name() == known.as_bytes());
    }
    is_packaged(image, path, node)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, run, settings};
    use super::*;
    use crate::tree::{FileEntry, FileKind};

    fn link(path: &str, target: &str) -> FileEntry {
        FileEntry { kind: FileKind::Symlink(Box::from(target.as_bytes())), ..file(path, 0) }
    }

    fn sample() -> Inventory {
        let tables = [
            ("etc/crontab", "SHELL=/bin/sh\n17 * * * * root cd / && run-parts --report /etc/cron.hourly"),
            ("etc/cron.d/e2scrub_all", "30 3 * * 0 root /x"),
            ("etc/cron.d/.placeholder", "* * * * * root /x"),
            ("etc/cron.d/own", "* * * * * root /x"),
            ("etc/cron.d/empty", "# nothing"),
            ("var/spool/cron/crontabs/root", "@daily /x"),
        ];
        let mut members: Vec<FileEntry> = tables.iter().map(|(path, _)| file(path, 9)).collect();
        members.extend([
            file("etc/cron.daily/dpkg", 9),
            link("etc/cron.daily/linked", "/opt/clean"),
            link("etc/cron.weekly", "/opt/weekly"),
            file("opt/weekly/own", 9),
            file("opt/clean", 9),
            file("etc/systemd/system/api.service", 9),
            file("etc/systemd/system/notes.txt", 9),
            link("etc/systemd/system/x.service", "/lib/systemd/system/dbus.service"),
            file("lib/systemd/system/dbus.service", 9),
        ]);
        let mut image = layered(vec![members]);
        image.settings = (0u32..)
            .zip(tables)
            .map(|(member, (path, text))| SettingFile { node: Node { layer: 0, member }, ..settings(path, text) })
            .collect();
        image
    }

    #[test]
    fn folders_behind_links_are_looked_at_once() {
        let members = vec![link("lib", "usr/lib"), file("usr/lib/systemd/system/api.service", 9), file("usr/bin/x", 9)];
        let image = layered(vec![members]).owning(&["usr/bin/x"]);
        assert_eq!(told(&image), ["image/systemd-unit /usr/lib/systemd/system/api.service high"]);
    }

    #[test]
    fn units_of_all_folders_are_looked_at() {
        let units = ["etc/systemd/user/a.service", "root/.config/systemd/user/b.timer", "usr/lib/systemd/user/c.path"];
        let bottom = vec![file("usr/lib/systemd/system/dbus.service", 9)];
        let image = || layered(vec![bottom.clone(), units.map(|path| file(path, 9)).to_vec()]);
        let names = units.map(|path| format!("image/systemd-unit /{path} high"));
        assert_eq!(told(&image().owning(&["usr/lib/systemd/system/dbus.service"])), names);
        // without packages only what lies in layers of the user's own can be told from the system's
        let mut own = image();
        let low = units.map(|path| format!("image/systemd-unit /{path} low"));
        assert_eq!(told(&own), low[..2]);
        own.layers[1].origin = Origin::App;
        assert_eq!(told(&own), low);
    }

    fn told(image: &Inventory) -> Vec<String> {
        let findings = run(&Scheduled, image);
        findings
            .into_iter()
            .map(|finding| format!("{} {} {}", finding.rule.id, finding.subject, finding.confidence))
            .collect()
    }

    #[test]
    fn what_packages_brought_is_quiet() {
        let owned =
            sample().owning(&["etc/cron.d/e2scrub_all", "etc/cron.daily/dpkg", "lib/systemd/system/dbus.service"]);
        let names = [
            "image/cron-job /etc/cron.d/own",
            "image/cron-job /var/spool/cron/crontabs/root",
            "image/cron-job /etc/cron.daily/linked",
            "image/cron-job /etc/cron.weekly/own",
            "image/systemd-unit /etc/systemd/system/api.service",
        ];
        assert_eq!(told(&owned), names.map(|name| format!("{name} high")));
        assert_eq!(told(&sample()), names.map(|name| format!("{name} low")), "nothing is known of packages");
    }

    #[test]
    fn lines_of_the_systems_own_tables_are_told_apart() {
        let cases = [
            ("0 2 * * * run-parts /etc/periodic/daily", 0),
            ("-*/15 * * * * root test -x /usr/lib/cron/run-crons && /usr/lib/cron/run-crons", 0),
            ("PATH=/bin", 0),
            ("*/15 * * * * run-parts /etc/periodic/15min\n* * * * * /srv/own", 1),
            ("@reboot /srv/own", 1),
        ];
        for (text, count) in cases {
            let mut image = layered(vec![vec![file("etc/crontabs/root", 9)]]).owning(&["etc/crontabs/root"]);
            image.settings = vec![settings("etc/crontabs/root", text)];
            assert_eq!(told(&image).len(), count, "{text}");
        }
    }
}
