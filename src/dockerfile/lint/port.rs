//! Ports of `EXPOSE`.

use super::facts::quoted;
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// No port.
pub(super) static PORT: Rule = Rule {
    id: "dockerfile/port-range",
    title: "`EXPOSE` names no port there is",
    severity: Severity::High,
    why: "Ports are numbers from 1 to 65535, with `/tcp`, `/udp` or `/sctp` behind them. Docker refuses \
          others, or publishes nothing.",
    remediation: "Write the number the program listens on.",
    references: &["https://docs.docker.com/reference/dockerfile/#expose"],
    also: &["AVD-DS-0008", "DL3011", "DS-0008", "DS008"],
    bad: "FROM debian:13\nEXPOSE 80000\nUSER 65532",
    good: "FROM debian:13\nEXPOSE 8080\nUSER 65532",
    ..Rule::NEW
};

/// The port of SSH.
pub(super) static SSH_PORT: Rule = Rule {
    id: "dockerfile/ssh-port",
    title: "The port of SSH is exposed",
    why: "A login service in a container needs accounts, keys and updates of its own, and is one more way in. \
          Engines bring their own way to look inside.",
    remediation: "Use `docker exec` or `kubectl exec`, and leave the SSH server out.",
    references: &["https://docs.docker.com/reference/dockerfile/#expose"],
    also: &["AVD-DS-0004", "DS-0004", "DS004"],
    bad: "FROM debian:13\nEXPOSE 22\nUSER 65532",
    good: "FROM debian:13\nEXPOSE 8080\nUSER 65532",
    ..Rule::NEW
};

/// A mapping, which `EXPOSE` cannot make.
pub(super) static PORT_MAPPING: Rule = Rule {
    id: "dockerfile/port-mapping",
    title: "`EXPOSE` names an address or a port of the host",
    severity: Severity::Low,
    why: "`EXPOSE` tells the port of the container only; builders drop the address and the port of the host, and are \
          to refuse them.",
    remediation: "Write the container's port, and map it where the container is started: `docker run -p 127.0.0.1:80:8080`.",
    references: &["https://docs.docker.com/reference/build-checks/expose-invalid-format/"],
    also: &["ExposeInvalidFormat"],
    bad: "FROM debian:13\nEXPOSE 127.0.0.1:80:8080\nUSER 65532",
    good: "FROM debian:13\nEXPOSE 8080\nUSER 65532",
    ..Rule::NEW
};

/// Reads ports, ranges and protocols with variables resolved.
pub(super) struct Port;

impl Lint for Port {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PORT, &PORT_MAPPING, &SSH_PORT] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let Kind::Expose(words) = &instruction.kind else { continue };
            for word in words {
                let resolved = context.file.scope(index).resolve(word);
                let Some(text) = resolved.text() else { continue };
                let shown = quoted(text);
                if text.contains(':') && range(text).is_some() {
                    let message = format!("`{shown}` maps a port, which only the start of a container can");
                    findings.push(context.finding(&PORT_MAPPING, word.span, &*shown, message));
                }
                match range(text) {
                    None => {
                        let message = format!("`{shown}` is no port from 1 to 65535");
                        findings.push(context.finding(&PORT, word.span, shown, message));
                    }
                    Some((first, last)) if (first..=last).contains(&22) => {
                        let message = format!("`{shown}` is the port of SSH");
                        findings.push(context.finding(&SSH_PORT, word.span, shown, message));
                    }
                    Some(_) => {}
                }
            }
        }
    }
}

/// The first and the last port of `80`, `80/tcp`, `80-90`, `127.0.0.1:80:80`; nothing at all is port 0 of none.
fn range(text: &str) -> Option<(u32, u32)> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if ports.is_empty() && protocol == "tcp" {
        return Some((0, 0));
    }
    if !["tcp", "udp", "sctp"].iter().any(|known| known.eq_ignore_ascii_case(protocol)) {
        return None;
    }
    let ports = ports.rsplit(':').next()?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let number = |text: &str| text.parse::<u32>().ok().filter(|port| (1..=65_535).contains(port));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &Port,
            &[
                ("FROM a\nEXPOSE 80 443/tcp 53/UDP 8000-8010 $PORT\n", &[]),
                (
                    "FROM a\nEXPOSE 65536 0 a 9-8 1/ftp\n",
                    &[
                        "high dockerfile/port-range 2:8-2:13: `65536` is no port from 1 to 65535",
                        "high dockerfile/port-range 2:14-2:15: `0` is no port from 1 to 65535",
                        "high dockerfile/port-range 2:16-2:17: `a` is no port from 1 to 65535",
                        "high dockerfile/port-range 2:18-2:21: `9-8` is no port from 1 to 65535",
                        "high dockerfile/port-range 2:22-2:27: `1/ftp` is no port from 1 to 65535",
                    ],
                ),
                (
                    "FROM a\nEXPOSE 127.0.0.1:80:8080/tcp\n",
                    &[
                        "low dockerfile/port-mapping 2:8-2:29: `127.0.0.1:80:8080/tcp` maps a port, which only the start of a container can",
                    ],
                ),
                (
                    "FROM a\nARG P=22\nEXPOSE 20-30 $P/tcp\n",
                    &[
                        "medium dockerfile/ssh-port 3:8-3:13: `20-30` is the port of SSH",
                        "medium dockerfile/ssh-port 3:14-3:20: `22/tcp` is the port of SSH",
                    ],
                ),
            ],
        );
    }
}
