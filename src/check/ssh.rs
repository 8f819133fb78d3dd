//! Ways in by SSH: an exposed port, an installed server.

use super::{Check, Context, at, field};
use crate::finding::{Finding, Findings};
use crate::path::ImagePath;
use crate::rule::{Confidence, Place, Rule, Severity};

/// Port 22 is exposed.
pub(super) static SSH_PORT: Rule = Rule {
    id: "image/ssh-port",
    title: "The image exposes the SSH port",
    severity: Severity::Low,
    why: "A container is entered with `docker exec` or `kubectl exec`, under the platform's own access control and log. \
          A port for SSH is a second way in, with passwords, keys and updates of its own.",
    remediation: "Remove `EXPOSE 22`; let a server that must speak SSH, such as a Git server, listen on another port.",
    references: &["https://docs.docker.com/reference/dockerfile/#expose"],
    also: &["AVD-DS-0004", "DS-0004", "DS004"],
    bad: "EXPOSE 22 8080",
    good: "EXPOSE 8080",
    places: &[Place::Config],
    ..Rule::NEW
};

/// An SSH server is installed.
pub(super) static SSHD: Rule = Rule {
    id: "image/sshd",
    title: "An SSH server is installed",
    severity: Severity::Low,
    why: "A login service beside the application is more to attack and to update. Installing its package often bakes \
          host keys into the image, so that every container of it has the same ones.",
    remediation: "Remove the server's package, and its keys in `/etc/ssh`; enter containers with `docker exec` or \
                  `kubectl exec`.",
    references: &["https://docs.docker.com/reference/cli/docker/container/exec/"],
    bad: "RUN apt-get update && apt-get install -y openssh-server\nCMD [\"/usr/sbin/sshd\", \"-D\"]",
    good: "CMD [\"server\"]",
    ..Rule::NEW
};

/// Where SSH servers are installed.
const SERVERS: &[&str] = &[
    "usr/sbin/sshd",
    "usr/bin/sshd",
    "usr/local/sbin/sshd",
    "usr/local/bin/sshd",
    "usr/sbin/dropbear",
    "usr/bin/dropbear",
    "usr/local/sbin/dropbear",
];

/// Judges the exposed ports, the start command and a few paths.
pub(super) struct Ssh;

impl Check for Ssh {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SSH_PORT, &SSHD] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let config = image.config.as_ref().map(|config| &config.config);
        if let Some(key) = config.and_then(|config| config.exposed_ports.keys().find(|key| is_ssh_port(key))) {
            let location = field("ExposedPorts");
            let message = format!("exposes port `{}`", crate::escape::escape(key));
            findings.push(Finding::new(&SSH_PORT, "22", location, message));
        }
        let server = SERVERS.iter().find_map(|path| {
            let (path, node) = image.tree.resolve(&ImagePath::from(*path))?;
            image.tree.entry(node).is_file().then_some((path, node))
        });
        let Some((path, node)) = server else { return };
        let is_started = config.is_some_and(|config| {
            config.entrypoint.iter().chain(&config.cmd).any(|argument| names_server(argument, path.file_name()))
        });
        let location = at(&path, node.layer);
        let mut finding = if is_started {
            Finding::new(&SSHD, path.to_string(), location, format!("`{path}` is installed, and the image starts it"))
        } else {
            Finding::new(&SSHD, path.to_string(), location, format!("`{path}` is installed"))
        };
        if is_started {
            finding.severity = Severity::Medium;
        } else {
            finding.confidence = Confidence::Medium; // nobody may ever start it
        }
        findings.push(finding.evidence("started", is_started));
    }
}

/// Whether a key of `ExposedPorts` such as `22/tcp`, `22` or `20-25/tcp` holds TCP port 22.
fn is_ssh_port(key: &str) -> bool {
    let (ports, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let range = first.parse::<u16>().ok().zip(last.parse::<u16>().ok());
    protocol.eq_ignore_ascii_case("tcp") && range.is_some_and(|(first, last)| (first..=last).contains(&22))
}

/// Whether a word of a command, or of a shell's `-c` text, is the server.
fn names_server(argument: &str, server: &[u8]) -> bool {
    argument
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '"' | '\''))
        .any(|word| word.rsplit('/').next().is_some_and(|name| name.as_bytes() == server))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, image, layered, shown};
    use super::*;

    #[test]
    fn port_22_is_found_however_it_is_written() {
        for (ports, found) in [("22/tcp", 1), ("22", 1), ("20-25/tcp", 1), ("22/udp", 0), ("2222/tcp", 0), ("x", 0)] {
            let image = image(&format!(r#"{{"config":{{"ExposedPorts":{{"{ports}":{{}}}}}}}}"#));
            assert_eq!(shown(&Ssh, &image).len(), found, "{ports}");
        }
    }

    #[test]
    fn a_server_that_is_started_is_worse_than_one_that_lies_there() {
        let with = |cmd: &str| {
            let mut inventory = layered(vec![vec![file("usr/sbin/sshd", 900_000)]]);
            inventory.config = image(&format!(r#"{{"config":{{"Cmd":{cmd}}}}}"#)).config;
            shown(&Ssh, &inventory)
        };
        assert_eq!(with(r#"["bash"]"#), ["low image/sshd /usr/sbin/sshd@0: `/usr/sbin/sshd` is installed"]);
        for cmd in [r#"["/usr/sbin/sshd","-D"]"#, r#"["/bin/sh","-c","prepare && /usr/sbin/sshd -D"]"#] {
            assert_eq!(
                with(cmd),
                ["medium image/sshd /usr/sbin/sshd@0: `/usr/sbin/sshd` is installed, and the image starts it"]
            );
        }
        let without = layered(vec![vec![file("usr/sbin/nginx", 1)]]);
        assert_eq!(shown(&Ssh, &without), [""; 0]);
    }
}
