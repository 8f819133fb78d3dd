//! How the program ends.

use std::process::ExitCode;

use crate::error::Error;
use crate::policy::Outcome;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: the verdict is passed, or the command did what it was asked.
    Passed,
    /// 1, or what `--exit-code` says: the policy is broken.
    Failed(u8),
    /// 2: it could not run: usage, configuration, not found, network, the local system.
    CannotRun,
    /// 3: nothing that was read breaks the policy, but something was not read.
    Incomplete,
    /// 4: the input was refused: it is not what it claims to be, or beyond a limit.
    Refused,
}

impl Exit {
    /// The end that an error makes.
    pub fn of(error: &Error) -> Self {
        if error.kind.is_refusal() { Self::Refused } else { Self::CannotRun }
    }

    /// The end that the outcomes of all images make: a failed one wins over an incomplete one.
    pub fn of_outcomes(outcomes: impl IntoIterator<Item = Outcome>, rules: ExitRules) -> Self {
        let mut exit = Self::Passed;
        for outcome in outcomes {
            exit = match outcome {
                Outcome::Failed if !rules.no_fail => return Self::Failed(rules.code),
                Outcome::Incomplete if !rules.allow_partial => Self::Incomplete,
                _ => exit,
            };
        }
        exit
    }
}

/// What flags say about the exit code.
#[derive(Debug, Clone, Copy)]
pub struct ExitRules {
    /// In place of 1.
    pub code: u8,
    /// A broken policy is no failure.
    pub no_fail: bool,
    /// What was not read is no failure.
    pub allow_partial: bool,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Passed => 0,
            Exit::Failed(code) => code,
            Exit::CannotRun => 2,
            Exit::Incomplete => 3,
            Exit::Refused => 4,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_verdict_wins_and_flags_soften_one_code_each() {
        use Outcome::{Failed, Incomplete, Passed};
        let rules = ExitRules { code: 1, no_fail: false, allow_partial: false };
        let cases: &[(&[Outcome], ExitRules, Exit)] = &[
            (&[Passed], rules, Exit::Passed),
            (&[Passed, Incomplete, Passed], rules, Exit::Incomplete),
            (&[Incomplete, Failed], rules, Exit::Failed(1)),
            (&[Failed], ExitRules { code: 42, ..rules }, Exit::Failed(42)),
            (&[Failed], ExitRules { no_fail: true, ..rules }, Exit::Passed),
            (&[Failed, Incomplete], ExitRules { no_fail: true, ..rules }, Exit::Incomplete),
            (&[Incomplete], ExitRules { allow_partial: true, ..rules }, Exit::Passed),
            (&[Incomplete, Failed], ExitRules { allow_partial: true, ..rules }, Exit::Failed(1)),
        ];
        for (outcomes, rules, exit) in cases {
            assert_eq!(Exit::of_outcomes(outcomes.iter().copied(), *rules), *exit, "{outcomes:?} {rules:?}");
        }
    }
}
