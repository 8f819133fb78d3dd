//! The signal that stops a container.

use super::{Check, Context, field};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::rule::{Place, Rule, Severity};

/// It gives the process no chance to end in order.
pub(super) static STOP_SIGNAL: Rule = Rule {
    id: "image/stop-signal",
    title: "The image is stopped by a signal that no process can answer",
    severity: Severity::Low,
    is_opt_in: true,
    why: "`SIGKILL` and `SIGSTOP` cannot be caught: open requests are cut off and nothing is written back. A name that no \
          signal has makes engines refuse to start or to stop the container.",
    remediation: "Leave `STOPSIGNAL` out, which means `SIGTERM`, or name the one that the program answers.",
    references: &["https://docs.docker.com/reference/dockerfile/#stopsignal"],
    bad: "STOPSIGNAL SIGKILL",
    good: "STOPSIGNAL SIGQUIT",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Names of Linux's signals, without `SIG` (signal(7)).
const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "UNUSED", "URG",
    "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// Judges `StopSignal`.
pub(super) struct StopSignal;

impl Check for StopSignal {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&STOP_SIGNAL] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(signal) = context.image.config.as_ref().and_then(|config| config.config.stop_signal.as_deref()) else {
            return;
        };
        let upper = signal.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let number = signal.parse::<u8>().ok();
        let shown = escape(signal);
        let is_real_time = ["RTMIN", "RTMAX"].iter().any(|start| name.starts_with(start));
        let message = if matches!(name, "KILL" | "STOP") || matches!(number, Some(9 | 19)) {
            format!("`STOPSIGNAL {shown}` cannot be caught")
        } else if signal.is_empty()
            || SIGNALS.contains(&name)
            || is_real_time
            || number.is_some_and(|n| (1..=64).contains(&n))
        {
            return;
        } else {
            format!("`STOPSIGNAL {shown}` is no signal of Linux")
        };
        findings.push(Finding::new(&STOP_SIGNAL, "StopSignal", field("StopSignal"), message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;

    #[test]
    fn signals_are_known_by_name_and_number() {
        for quiet in ["", "SIGTERM", "quit", "15", "SIGRTMIN+3", "RTMAX", "64"] {
            let image = image(&format!(r#"{{"config":{{"StopSignal":"{quiet}"}}}}"#));
            assert_eq!(shown(&StopSignal, &image), [""; 0], "{quiet}");
        }
        for loud in ["SIGKILL", "kill", "9", "19", "SIGSTOP", "SIGNOPE", "0", "65", "-1"] {
            let image = image(&format!(r#"{{"config":{{"StopSignal":"{loud}"}}}}"#));
            assert_eq!(shown(&StopSignal, &image).len(), 1, "{loud}");
        }
        assert_eq!(shown(&StopSignal, &image("{}")), [""; 0]);
    }
}
