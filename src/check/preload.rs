//! Libraries that the loader puts into every program.

use super::search_path::{is_open_to_all, may_be_made};
use super::{Check, Context, field, line_of};
use crate::escape::escape;
use crate::finding::{Finding, Findings, Location};
use crate::image::ImageConfig;
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rule::{Place, Rule, Severity};

/// A library is loaded into every program.
pub(super) static PRELOAD: Rule = Rule {
    id: "image/preload",
    title: "A library is loaded into every program",
    severity: Severity::Medium,
    why: "What `LD_PRELOAD`, `LD_AUDIT` or `/etc/ld.so.preload` names runs in each process of the container. That is how \
          an allocator is put in the place of another, and how programs are made to lie: whoever may change the file, or \
          make it where it is missing, is in all of them.",
    remediation: "Name the library with its whole path in the environment of the one program that needs it, and keep it \
                  in a folder that only root may write.",
    references: &["https://man7.org/linux/man-pages/man8/ld.so.8.html"],
    bad: "ENV LD_PRELOAD=/tmp/libhook.so",
    good: "CMD [\"env\", \"LD_PRELOAD=/usr/lib/libjemalloc.so.2\", \"server\"]",
    places: &[Place::Config, Place::File],
    ..Rule::NEW
};

/// Judges the variables and the file.
pub(super) struct Preload;

impl Check for Preload {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PRELOAD] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        for (name, value) in image.config.iter().flat_map(ImageConfig::environment) {
            if matches!(name, "LD_PRELOAD" | "LD_AUDIT") {
                for library in value.split([':', ' ']).filter(|library| !library.is_empty()) {
                    judge(image, name, field(&format!("Env.{name}")), library, Severity::Info, findings);
                }
            }
        }
        for file in image.settings.iter().filter(|file| file.path.as_bytes() == b"etc/ld.so.preload") {
            for line in &file.lines {
                for library in line.text.split([':', ' ', '\t']).filter(|library| !library.is_empty()) {
                    let place = line_of(&file.path, file.node.layer, line.number);
                    // this file counts for programs with other rights than their caller's, too
                    judge(image, "/etc/ld.so.preload", place, library, Severity::Low, findings);
                }
            }
        }
    }
}

fn judge(image: &Inventory, name: &str, place: Location, library: &str, least: Severity, findings: &mut Findings) {
    let shown = escape(library);
    let path = ImagePath::from(library);
    let (severity, message) = if library.contains('$') || !library.contains('/') {
        // found in the folders of libraries, which another check judges
        (least, format!("`{name}` puts `{shown}` into every program"))
    } else if !library.starts_with('/') {
        (Severity::Medium, format!("`{name}` puts `{shown}` into every program, from the folder that it is in"))
    } else if is_open_to_all(image, &path) {
        (Severity::High, format!("`{name}` puts `{shown}` into every program, and every user may change it"))
    } else if may_be_made(image, &path) {
        (
            Severity::High,
            format!("`{name}` puts `{shown}` into every program, and every user may make it, as it is missing"),
        )
    } else if image.tree.resolve(&path).is_none() {
        (least.max(Severity::Low), format!("`{name}` puts `{shown}` into every program, but it is not in the image"))
    } else {
        (least, format!("`{name}` puts `{shown}` into every program"))
    };
    let mut finding = Finding::new(&PRELOAD, format!("{name} {shown}"), place, message);
    finding.severity = severity;
    findings.push(finding);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, image, layered, mode, shown};
    use super::*;
    use crate::inventory::{SettingFile, SettingLine};
    use crate::tree::Node;

    #[test]
    fn libraries_are_judged_by_who_may_change_them() {
        let cases = [
            ("LD_PRELOAD=libjemalloc.so.2", "info `LD_PRELOAD` puts `libjemalloc.so.2` into every program"),
            ("LD_PRELOAD=/usr/lib/$LIB/x.so", "info `LD_PRELOAD` puts `/usr/lib/$LIB/x.so` into every program"),
            ("LD_PRELOAD=/usr/lib/x.so", "info `LD_PRELOAD` puts `/usr/lib/x.so` into every program"),
            ("LD_PRELOAD=/none.so", "low `LD_PRELOAD` puts `/none.so` into every program, but it is not in the image"),
            (
                "LD_PRELOAD=./x.so",
                "medium `LD_PRELOAD` puts `./x.so` into every program, from the folder that it is in",
            ),
            (
                "LD_AUDIT=/open/x.so",
                "high `LD_AUDIT` puts `/open/x.so` into every program, and every user may change it",
            ),
            (
                "LD_PRELOAD=/tmp/x.so",
                "high `LD_PRELOAD` puts `/tmp/x.so` into every program, and every user may make it, as it is missing",
            ),
            ("LD_PRELOAD=", ""),
            ("MY_LD_PRELOAD=/x", ""),
        ];
        for (env, expected) in cases {
            let mut image = image(&format!(r#"{{"config":{{"Env":["{env}"]}}}}"#));
            image.tree = layered(vec![vec![
                file("usr/lib/x.so", 1),
                mode(folder("open"), 0o777),
                mode(folder("tmp"), 0o1777),
                file("open/x.so", 1),
            ]])
            .tree;
            let found = shown(&Preload, &image).concat();
            let found = found.replace("image/preload Env.LD_PRELOAD: ", "").replace("image/preload Env.LD_AUDIT: ", "");
            assert_eq!(found, expected, "{env}");
        }
    }

    #[test]
    fn the_file_is_read_too() {
        let mut image = layered(vec![vec![file("usr/lib/x.so", 1)]]);
        let lines = vec![SettingLine { number: 3, text: "/usr/lib/x.so".into(), ..SettingLine::default() }];
        let node = Node { layer: 0, member: 0 };
        image.settings = vec![SettingFile { path: "etc/ld.so.preload".into(), node, lines }];
        let told =
            "low image/preload /etc/ld.so.preload@0: `/etc/ld.so.preload` puts `/usr/lib/x.so` into every program";
        assert_eq!(shown(&Preload, &image), [told]);
    }
}
