//! Conditions of rules, in a part of CEL, the [Common Expression Language](https://cel.dev).
//!
//! ```text
//! when = 'finding.severity_rank >= 3 && finding.fixable && finding.fix_age_days > 14'
//! ```
//!
//! A condition is parsed, and its names and types are checked, when the policy is read ([`Condition::compile`]). It
//! is evaluated over a [`FindingObject`] and an [`ImageObject`] ([`Condition::holds`]). What it has no value for is an
//! error of the run, never a silent no. Nothing it says has an effect, reads a clock or the environment, or
//! depends on the order of findings.
//!
//! Parser and evaluator are careen's own: each step is paid for from a budget, so that a condition from a foreign
//! policy ends; a typing mistake is told where it stands; and fields are read where they lie. The crate `cel` is the
//! oracle of the tests. Of CEL, `uint`, `bytes`, `type`, messages and the parts of times are left out.
//!
//! To wire it in: compile `when` with the other keys of a `[[rule]]` and add its [`Problem`], shifted by the
//! place of the text, to the file's diagnostics; make one [`ImageObject`] for the run, and for each finding a
//! [`FindingObject`] that all rules share; ask `holds` last, when all other conditions of the rule hold.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod check;
mod evaluate;
mod function;
mod lexer;
mod meter;
mod object;
mod parse;
#[cfg(test)]
mod tests;
mod value;

use std::ops::Range;

use evaluate::{Frame, Node};
use meter::{MOST_STEPS, Meter};

use crate::finding::{Finding, Location};
use crate::inventory::Origin;
use crate::policy::ImageFacts;
use crate::rule::Rule;
use crate::time::Timestamp;

pub use object::{Ages, FindingObject, ImageObject, fields_in_markdown};

/// Longest condition, in characters.
const LONGEST: usize = 2_000;

/// Parts within parts.
const DEEPEST: usize = 48;

/// Comprehensions within comprehensions.
const DEEPEST_LOOPS: usize = 2;

/// A condition, ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Condition {
    node: Node,
    about: About,
}

/// What a condition names.
#[derive(Debug, Clone, Default)]
struct About {
    has_finding: bool,
    has_image: bool,
    has_today: bool,
    /// Rules that it compares with and that are off.
    off: Vec<&'static str>,
}

/// A condition on one line: one blank where anything stands between its words and signs, and these as they are.
pub(super) fn on_one_line(text: &str) -> String {
    let Ok(tokens) = lexer::tokens(text) else { return text.to_owned() };
    let (mut line, mut end) = (String::new(), 0);
    for lexer::Token { span, .. } in tokens {
        line.push_str(if span.start > end { " " } else { "" });
        line.push_str(text.get(span.clone()).unwrap_or_default());
        end = span.end;
    }
    line.trim().to_owned()
}

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One line, without a full stop.
    pub message: String,
    /// Bytes of the condition.
    pub span: Range<usize>,
}

impl Problem {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span }
    }
}

impl Condition {
    /// Parses and checks a condition, whatever rules it names.
    pub fn compile(text: &str) -> Result<Self, Problem> {
        Self::compile_for(text, &[])
    }

    /// Parses and checks a condition; ids and families that it compares with must be those of `rules`, unless that is empty.
    pub fn compile_for(text: &str, rules: &[&'static Rule]) -> Result<Self, Problem> {
        if let Some((at, _)) = text.char_indices().nth(LONGEST) {
            return Err(Problem::new(at..text.len(), format!("a condition has at most {LONGEST} characters")));
        }
        let expression = parse::parse(text)?;
        let (node, about) = check::check(&expression, rules)?;
        Ok(Self { node, about })
    }

    /// Whether it names the image, and nothing of findings.
    pub fn is_about_image_alone(&self) -> bool {
        self.about.has_image && !self.about.has_finding
    }

    /// What it says of whatever is found, or why it never says anything: of one that names nothing that could change that.
    pub fn constant(&self) -> Option<Result<bool, String>> {
        let About { has_finding, has_image, has_today, .. } = self.about;
        if has_finding || has_image || has_today {
            return None;
        }
        let finding = Finding::new(&crate::policy::IMAGE_CONDITION, "", Location::Image, "");
        let (facts, now) = (ImageFacts::default(), Timestamp::from_unix(0));
        Some(
            self.holds(&FindingObject::new(&finding, Origin::Unknown, Ages::default()), &ImageObject::new(&facts, now)),
        )
    }

    /// Rules that it compares with and that are off: their findings are kept only where a `match` names them.
    pub fn off(&self) -> &[&'static str] {
        &self.about.off
    }

    /// Whether it holds for the finding. The error says why there is no answer: a key that is not there, a value of
    /// another type, a limit.
    pub fn holds(&self, finding: &FindingObject<'_>, image: &ImageObject<'_>) -> Result<bool, String> {
        let given = image.steps.get().min(MOST_STEPS);
        let mut frame = Frame { finding, image, locals: Vec::new(), meter: Meter::new(given) };
        let result = self.node.truth(&mut frame);
        let taken = given.saturating_sub(frame.meter.steps());
        image.steps.set(image.steps.get().saturating_sub(taken));
        result.map_err(meter::Failure::into_message)
    }
}
