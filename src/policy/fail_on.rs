//! `--fail-on`: one more rule, given on the command line.

use super::PolicyRule;
use super::pattern::Bound;
use super::selector::Selector;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::nearest::nearest;
use crate::rule::{Rule, Severity};

/// `SEVERITY[,FAMILY…]`: findings that bad or worse, of these families or of all, break the policy.
///
/// It adds to what the policies say: what they ignore stays ignored. Reminders about waivers
/// (family `policy`) and findings of severity info count only when named.
#[derive(Debug, Clone)]
pub struct FailOn {
    /// `--fail-on` and its value.
    pub name: String,
    rule: PolicyRule,
}

impl FailOn {
    /// Reads the value of `--fail-on`, such as `high` or `critical,secret`.
    pub fn parse(text: &str, known: &[&'static Rule]) -> Result<Self> {
        let usage = |message: String, help: String| Err(Error::new(ErrorKind::Usage, message).help(help));
        let mut words = text.split(',').map(str::trim);
        let first = words.next().unwrap_or_default();
        let Ok(severity) = first.parse::<Severity>() else {
            return usage(
                format!("`{}` in `--fail-on` is no severity", escape(first)),
                format!("use one of {}", Severity::ALL.map(Severity::as_str).join(", ")),
            );
        };
        let mut selector = Selector { severities: vec![Bound::at_least(severity)], ..Selector::default() };
        let families = families(known);
        for family in words {
            if !families.contains(&family) {
                let hint = match nearest(family, families.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("use one of {}", families.join(", ")),
                };
                return usage(format!("`{}` in `--fail-on` is no family of rules", escape(family)), hint);
            }
            selector.families.push(family.to_owned());
        }
        if selector.families.is_empty() {
            selector.families =
                families.iter().filter(|name| **name != "policy").map(|name| (*name).to_owned()).collect();
        }
        let name = format!("--fail-on {}", escape(text));
        let rule = PolicyRule::failing(name.clone(), selector);
        Ok(Self { name, rule })
    }

    pub(super) fn rule(&self) -> &PolicyRule {
        &self.rule
    }
}

/// The families of these rules and of our own, sorted.
pub(super) fn families(known: &[&'static Rule]) -> Vec<&'static str> {
    let mut families: Vec<_> = known.iter().chain(super::RULES.iter()).map(|rule| rule.family()).collect();
    families.sort_unstable();
    families.dedup();
    families
}
