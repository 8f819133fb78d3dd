//! How the program ends.

use std::process::ExitCode;

use crate::error::{Error, ErrorKind};
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
    /// 5: a fixed image was not proven to be right, and nothing was written.
    Unproven,
}

impl Exit {
    /// The end that an error makes.
    pub fn of(error: &Error) -> Self {
        match error.kind {
            ErrorKind::Unproven => Self::Unproven,
            kind if kind.is_refusal() => Self::Refused,
            _ => Self::CannotRun,
        }
    }

    /// The end that the outcomes of all images make, each with whether it has gaps: a failed one wins
    /// over an incomplete one, and gaps count even where failures do not.
    pub fn of_outcomes(outcomes: impl IntoIterator<Item = (Outcome, bool)>, rules: ExitRules) -> Self {
        let mut exit = Self::Passed;
        for (outcome, has_gaps) in outcomes {
            if outcome == Outcome::Failed && !rules.no_fail {
                return Self::Failed(rules.code);
            }
            if has_gaps && !rules.allow_partial {
                exit = Self::Incomplete;
            }
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
            Exit::Unproven => 5,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_verdict_wins_and_flags_soften_one_code_each() {
        type Case = (&'static [(Outcome, bool)], ExitRules, Exit);
        const PASSED: (Outcome, bool) = (Outcome::Passed, false);
        const INCOMPLETE: (Outcome, bool) = (Outcome::Incomplete, true);
        const FAILED: (Outcome, bool) = (Outcome::Failed, false);
        const FAILED_WITH_GAPS: (Outcome, bool) = (Outcome::Failed, true);
        let rules = ExitRules { code: 1, no_fail: false, allow_partial: false };
        let cases: &[Case] = &[
            (&[PASSED], rules, Exit::Passed),
            (&[PASSED, INCOMPLETE, PASSED], rules, Exit::Incomplete),
            (&[INCOMPLETE, FAILED], rules, Exit::Failed(1)),
            (&[FAILED], ExitRules { code: 42, ..rules }, Exit::Failed(42)),
            (&[FAILED], ExitRules { no_fail: true, ..rules }, Exit::Passed),
            (&[FAILED, INCOMPLETE], ExitRules { no_fail: true, ..rules }, Exit::Incomplete),
            (&[FAILED_WITH_GAPS], rules, Exit::Failed(1)),
            (&[FAILED_WITH_GAPS], ExitRules { no_fail: true, ..rules }, Exit::Incomplete),
            (&[FAILED_WITH_GAPS], ExitRules { no_fail: true, allow_partial: true, ..rules }, Exit::Passed),
            (&[INCOMPLETE], ExitRules { allow_partial: true, ..rules }, Exit::Passed),
            (&[INCOMPLETE, FAILED], ExitRules { allow_partial: true, ..rules }, Exit::Failed(1)),
        ];
        for (outcomes, rules, exit) in cases {
            assert_eq!(Exit::of_outcomes(outcomes.iter().copied(), *rules), *exit, "{outcomes:?} {rules:?}");
        }
    }
}
