//! The command an image starts: whether there is one, whether it can be run, and whether a shell stands before it.

use super::launch::Launch;
use super::{Check, Context, field};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::rule::{Confidence, Place, Rule, Severity};

/// Nothing is started.
pub(super) static NO_COMMAND: Rule = Rule {
    id: "image/no-command",
    title: "The image has no start command",
    severity: Severity::Info,
    why: "Without `ENTRYPOINT` and `CMD` a container starts only when whoever runs it knows what to start. For an image \
          that others build on that may be meant.",
    remediation: "State what the image is for: `ENTRYPOINT [\"/usr/local/bin/server\"]`.",
    references: &["https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact"],
    bad: "FROM scratch\nCOPY server /server",
    good: "FROM scratch\nCOPY server /server\nENTRYPOINT [\"/server\"]",
    places: &[Place::Config],
    ..Rule::NEW
};

/// What is to be started is not there, or no program.
pub(super) static BROKEN_COMMAND: Rule = Rule {
    id: "image/broken-command",
    title: "The image's start command cannot be run",
    severity: Severity::Medium,
    why: "A container of the image ends before it began, with `no such file or directory` or `permission denied`, unless \
          something is mounted in its place. Whoever may mount or write there decides what runs.",
    remediation: "Copy the program to where the command says, make it executable with `COPY --chmod=755`, and name it \
                  with its whole path; the JSON form expands no variables. A script needs its interpreter in the image and \
                  lines that end with a line feed alone; a program is to be built for the image's architecture, and with \
                  the C library of its base or none.",
    references: &[
        "https://docs.docker.com/reference/dockerfile/#entrypoint",
        "https://man7.org/linux/man-pages/man2/execve.2.html",
    ],
    bad: "COPY --chmod=644 start.sh /start.sh\nENTRYPOINT [\"/start.sh\"]",
    good: "COPY --chmod=755 start.sh /start.sh\nENTRYPOINT [\"/start.sh\"]",
    places: &[Place::Config],
    ..Rule::NEW
};

/// A shell stands before the command.
pub(super) static SHELL_FORM: Rule = Rule {
    id: "image/shell-form",
    title: "A shell starts the image's command",
    severity: Severity::Info,
    why: "The shell is the first process of the container and may keep the signal to stop from the program, which then \
          is killed after the grace period instead of ending in order. It also makes a shell a part of the image.",
    remediation: "Use the JSON form, `CMD [\"server\", \"--port\", \"8080\"]`, or let the shell be replaced: \
                  `CMD exec server`.",
    references: &["https://docs.docker.com/reference/dockerfile/#shell-and-exec-form"],
    also: &["DL3025"],
    bad: "CMD server --port 8080",
    good: "CMD [\"server\", \"--port\", \"8080\"]",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Judges `Entrypoint` and `Cmd` against the files of the image.
pub(super) struct Command;

impl Check for Command {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&BROKEN_COMMAND, &NO_COMMAND, &SHELL_FORM] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let Some(config) = image.config.as_ref().filter(|config| config.os != "windows") else { return };
        if image.layers.is_empty() {
            return;
        }
        let config = &config.config;
        let (key, command) =
            if config.entrypoint.is_empty() { ("Cmd", &config.cmd) } else { ("Entrypoint", &config.entrypoint) };
        if command.is_empty() {
            let message = "neither `ENTRYPOINT` nor `CMD` says what to start";
            findings.push(Finding::new(&NO_COMMAND, "command", field("Entrypoint"), message));
            return;
        }
        // arguments to the entrypoint may be the command that it starts
        let whole = [config.entrypoint.as_slice(), &config.cmd].concat();
        if let Some(flaw) = Launch::of(image).and_then(|launch| launch.flaw(&whole)) {
            let mut finding =
                Finding::new(&BROKEN_COMMAND, key, field(key), flaw.message).evidence("program", escape(flaw.program));
            finding.confidence = flaw.confidence;
            // what was not read may be what is missing
            if image.limitations.iter().any(|limitation| limitation.is_gap) {
                finding.confidence = Confidence::Low;
            }
            findings.push(finding);
        }
        if let [shell, option, text, ..] = command.as_slice()
            && matches!(shell.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"))
            && option == "-c"
            && !text.trim_start().starts_with("exec ")
        {
            let message = format!("`{}` starts the command, which is given as one text", escape(shell));
            findings.push(Finding::new(&SHELL_FORM, key, field(key), message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, folder, image, layered, mode, shown};
    use super::*;
    use crate::tree::{FileEntry, FileKind};

    fn link(path: &str, target: &str) -> FileEntry {
        FileEntry { kind: FileKind::Symlink(target.as_bytes().into()), ..file(path, 0) }
    }

    fn judge(config: &str) -> Vec<String> {
        let mut image = image(&format!("{{\"config\":{config}}}"));
        let files = layered(vec![vec![
            mode(file("bin/sh", 1), 0o755),
            mode(file("srv/start", 1), 0o755),
            mode(file("srv/own", 1), 0o700),
            file("srv/plain", 1),
            folder("srv/folder"),
            mode(file("srv/empty", 0), 0o755),
            mode(file("opt/app/bin/run", 1), 0o755),
            mode(file("opt/app/tool", 1), 0o755),
            link("work", "/opt/app/bin"),
            link("srv/current", "../opt/app/bin"),
        ]]);
        (image.tree, image.layers) = (files.tree, files.layers);
        shown(&Command, &image)
    }

    #[test]
    fn commands_are_looked_for_as_engines_do() {
        let broken = |why: &str| vec![format!("medium image/broken-command Entrypoint: {why}")];
        let cases = [
            (r#"{"Entrypoint":["/srv/start"]}"#, vec![]),
            (r#"{"Entrypoint":["sh"]}"#, vec![]),
            (r#"{"Entrypoint":["./start"],"WorkingDir":"/srv"}"#, vec![]),
            (r#"{"Entrypoint":["start"],"Env":["PATH=/bin:/srv"]}"#, vec![]),
            (r#"{"Entrypoint":["../tool"],"WorkingDir":"/work"}"#, vec![]),
            (r#"{"Entrypoint":["./../tool"],"WorkingDir":"/srv/current/"}"#, vec![]),
            (r#"{"Entrypoint":["current/../tool"],"WorkingDir":"/srv"}"#, vec![]),
            (r#"{"Entrypoint":["/work/../tool"]}"#, vec![]),
            (r#"{"Entrypoint":["tool"],"Env":["PATH=/work/.."]}"#, vec![]),
            (r#"{"Entrypoint":["../srv/start"],"WorkingDir":"/work"}"#, broken("`../srv/start` is not in the image")),
            (r#"{"Entrypoint":["../x"],"WorkingDir":"/work","Volumes":{"/opt/app":{}}}"#, vec![]),
            (r#"{"Entrypoint":["/work/x"],"Volumes":{"/work":{}}}"#, vec![]),
            (r#"{"Entrypoint":["/srv/empty"]}"#, broken("`/srv/empty` is empty")),
            (r#"{"Entrypoint":["/data/x"],"Volumes":{"/data":{}}}"#, vec![]),
            (r#"{"Entrypoint":["/srv/plain"]}"#, broken("`/srv/plain` is there, but not executable")),
            (r#"{"Entrypoint":["/srv/own"]}"#, vec![]),
            (r#"{"Entrypoint":["/srv/own"],"User":"7"}"#, broken("`/srv/own` is there, but not executable for uid 7")),
            (r#"{"Entrypoint":["/srv/folder"]}"#, broken("`/srv/folder` is no file")),
            (r#"{"Entrypoint":["/srv/none"]}"#, broken("`/srv/none` is not in the image")),
            (r#"{"Entrypoint":["none"]}"#, broken("`none` is in no folder of `PATH`")),
            (r#"{"Entrypoint":[""]}"#, broken("the command begins with an empty word")),
            (
                r#"{"Entrypoint":["$HOME/start"]}"#,
                broken("`$HOME/start` is looked for as it is written: the JSON form expands no variables"),
            ),
            ("{}", vec!["info image/no-command Entrypoint: neither `ENTRYPOINT` nor `CMD` says what to start".into()]),
        ];
        for (config, expected) in cases {
            assert_eq!(judge(config), expected, "{config}");
        }
    }

    #[test]
    fn shells_that_stay_are_told() {
        let told = ["info image/shell-form Cmd: `/bin/sh` starts the command, which is given as one text"];
        assert_eq!(judge(r#"{"Cmd":["/bin/sh","-c","server -x"]}"#), told);
        for quiet in [r#"["/bin/sh","-c","exec server"]"#, r#"["sh"]"#, r#"["sh","-x","start"]"#] {
            assert_eq!(judge(&format!("{{\"Cmd\":{quiet}}}")), [""; 0], "{quiet}");
        }
    }
}
