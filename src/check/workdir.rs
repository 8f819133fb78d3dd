//! The folder a container starts in.

use super::{Check, Context, field};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::inventory::RunUser;
use crate::path::ImagePath;
use crate::rule::{Place, Rule, Severity};
use crate::tree::FileKind;

/// The folder is not in the image.
pub(super) static MISSING_WORKDIR: Rule = Rule {
    id: "image/missing-workdir",
    title: "The folder the process starts in is not in the image",
    severity: Severity::Info,
    why: "Engines make the folder when they start the container, as root's: a process of another user cannot write \
          there. Where a file has the name, the container does not start.",
    remediation: "Make the folder in the Dockerfile, with the owner it needs: `COPY --chown=65532 . /srv/app`.",
    references: &["https://docs.docker.com/reference/dockerfile/#workdir"],
    also: &["DL3000", "DS-0009"],
    bad: "USER 65532\nRUN rmdir /srv/app\nWORKDIR srv/app",
    good: "COPY --chown=65532 app /srv/app\nUSER 65532\nWORKDIR /srv/app",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Looks `WorkingDir` up.
pub(super) struct Workdir;

impl Check for Workdir {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&MISSING_WORKDIR] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let Some(config) = image.config.as_ref().filter(|config| config.os != "windows") else { return };
        let folder = config.config.working_dir.as_str();
        let path = ImagePath::from(folder);
        let mut mounts = config.config.volumes.keys().map(|volume| ImagePath::from(volume.as_str()));
        if path.is_root() || image.layers.is_empty() || mounts.any(|volume| path.is_under(volume.as_bytes())) {
            return;
        }
        let shown = escape(folder);
        let uid = image.run_user().and_then(RunUser::uid).filter(|uid| *uid != 0);
        let (severity, message) = match image.tree.resolve(&path) {
            Some((_, node)) if image.tree.entry(node).kind == FileKind::Directory => return,
            Some(_) => (Severity::Medium, format!("`{shown}`, in which the process is to start, is no folder")),
            None if image.tree.resolve_folder(&path).is_some() => return,
            None => match uid {
                Some(uid) => (
                    Severity::Low,
                    format!(
                        "`{shown}` is not in the image: engines make it as root's, and uid {uid} cannot write there"
                    ),
                ),
                None => (Severity::Info, format!("`{shown}` is not in the image; engines make it when they start")),
            },
        };
        let mut finding = Finding::new(&MISSING_WORKDIR, "WorkingDir", field("WorkingDir"), message);
        finding.severity = severity;
        findings.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, image, layered, shown};
    use super::*;

    #[test]
    fn folders_are_looked_up() {
        let cases = [
            (r#"{"WorkingDir":""}"#, ""),
            (r#"{"WorkingDir":"/"}"#, ""),
            (r#"{"WorkingDir":"/srv"}"#, ""),
            (r#"{"WorkingDir":"/srv/implied"}"#, ""),
            (r#"{"WorkingDir":"/data/x","Volumes":{"/data":{}}}"#, ""),
            (r#"{"WorkingDir":"/none"}"#, "info `/none` is not in the image; engines make it when they start"),
            (
                r#"{"WorkingDir":"/none","User":"7"}"#,
                "low `/none` is not in the image: engines make it as root's, and uid 7 cannot write there",
            ),
            (r#"{"WorkingDir":"/file"}"#, "medium `/file`, in which the process is to start, is no folder"),
        ];
        for (config, expected) in cases {
            let mut image = image(&format!("{{\"config\":{config}}}"));
            let files = layered(vec![vec![folder("srv"), file("srv/implied/x", 1), file("file", 1)]]);
            (image.tree, image.layers) = (files.tree, files.layers);
            let found = shown(&Workdir, &image).concat().replace("image/missing-workdir WorkingDir: ", "");
            assert_eq!(found, expected, "{config}");
        }
    }
}
