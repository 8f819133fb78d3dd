//! Ports below 1024 for a process that is not root.

use super::{Check, Context, field};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::inventory::RunUser;
use crate::rule::{Place, Rule, Severity};

/// A port that some kernels keep for root.
pub(super) static PRIVILEGED_PORT: Rule = Rule {
    id: "image/privileged-port",
    title: "A process that is not root is to listen on a port below 1024",
    severity: Severity::Info,
    why: "Docker and recent containerd let every process open such ports; older engines and other runtimes keep them for \
          root and for `CAP_NET_BIND_SERVICE`, and the process ends with `permission denied`.",
    remediation: "Listen on a port above 1023; what the outside sees is decided where the port is published.",
    references: &["https://man7.org/linux/man-pages/man7/ip.7.html"],
    bad: "USER 65532\nEXPOSE 80",
    good: "USER 65532\nEXPOSE 8080",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Judges `ExposedPorts` by the user.
pub(super) struct PrivilegedPort;

impl Check for PrivilegedPort {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&PRIVILEGED_PORT] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let Some(config) = &image.config else { return };
        let Some(uid) = image.run_user().and_then(RunUser::uid).filter(|uid| *uid != 0) else { return };
        let keys = config.config.exposed_ports.keys();
        let low: Vec<String> = keys
            .filter(|key| first_port(key).is_some_and(|port| port < 1024))
            .map(|key| format!("`{}`", escape(key)))
            .collect();
        if low.is_empty() {
            return;
        }
        let message = format!("exposes {} for a process of uid {uid}", super::some_of(&low, 5));
        findings
            .push(Finding::new(&PRIVILEGED_PORT, "ExposedPorts", field("ExposedPorts"), message).evidence("uid", uid));
    }
}

/// The least port of a key such as `80/tcp` or `80-90`.
fn first_port(key: &str) -> Option<u16> {
    let ports = key.split('/').next()?;
    ports.split('-').next()?.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;

    #[test]
    fn only_low_ports_of_other_users_count() {
        let cases = [
            ("7", "80/tcp", 1),
            ("7", "443", 1),
            ("7", "1000-2000/udp", 1),
            ("7", "8080/tcp", 0),
            ("7", "x/tcp", 0),
            ("7", "0/tcp", 0),
            ("0", "80/tcp", 0),
            ("", "80/tcp", 0),
        ];
        for (user, port, count) in cases {
            let image = image(&format!(r#"{{"config":{{"User":"{user}","ExposedPorts":{{"{port}":{{}}}}}}}}"#));
            assert_eq!(shown(&PrivilegedPort, &image).len(), count, "{user} {port}");
        }
    }
}
