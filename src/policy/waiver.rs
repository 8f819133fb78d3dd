//! Waivers: findings accepted for a reason and until a day, and reminders about those that no longer serve.

use super::AppliedWaiver;
use super::selector::Selector;
use crate::finding::{Finding, Location};
use crate::rule::{Rule, Severity};
use crate::time::Date;

/// A `[[waiver]]` of a policy.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// Which findings it accepts.
    pub selector: Selector,
    /// Why.
    pub reason: String,
    /// Last day on which it holds, UTC.
    pub expires: Date,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it is being worked on.
    pub ticket: Option<String>,
    /// Where it is written: file and line.
    pub place: String,
}

/// A waiver past its day.
pub static WAIVER_EXPIRED: Rule = Rule {
    id: "policy/waiver-expired",
    title: "A waiver has expired",
    severity: Severity::Medium,
    why: "A waiver accepts a finding until a day. After it the finding counts again, so a pipeline that passed \
          yesterday may fail today, and this says why.",
    remediation: "Mend what the waiver accepted and delete it; or look at the finding again and give the waiver a \
                  new `expires`.",
    references: &[],
    bad: "[[waiver]]\nrule = \"image/root-user\"\nreason = \"the base image is being replaced\"\n\
          expires = \"2020-01-31\"",
    good: "[[waiver]]\nrule = \"image/root-user\"\nreason = \"the base image is being replaced\"\n\
           expires = \"2099-01-31\"",
    ..Rule::NEW
};

/// A waiver for something that is not there.
pub static WAIVER_UNUSED: Rule = Rule {
    id: "policy/waiver-unused",
    title: "A waiver accepts nothing",
    severity: Severity::Info,
    why: "A waiver that nobody needs any more would accept the same finding in silence, should it come back.",
    remediation: "Delete the waiver. Keep it when the policy serves several images and another one needs it.",
    references: &[],
    bad: "[[waiver]]\nrule = \"secret/private-key\"\npath = \"/app/a-file-long-gone.pem\"\n\
          reason = \"a test key\"\nexpires = \"2099-01-31\"",
    good: "# deleted with the file",
    ..Rule::NEW
};

/// The rules of this module, sorted by id.
pub static RULES: &[&Rule] = &[&WAIVER_EXPIRED, &WAIVER_UNUSED];

impl Waiver {
    /// Whether its last day has passed.
    pub fn is_expired(&self, today: Date) -> bool {
        today > self.expires
    }

    pub(super) fn applied(&self) -> AppliedWaiver {
        AppliedWaiver {
            reason: self.reason.clone(),
            expires: Some(self.expires),
            owner: self.owner.clone(),
            ticket: self.ticket.clone(),
            place: self.place.clone(),
            is_comment: false,
            status: None,
            justification: None,
        }
    }

    /// The reminder about a waiver past its day, which would accept `matching` findings.
    pub(super) fn expired_finding(&self, matching: usize) -> Finding {
        let rest = match matching {
            0 => "and nothing is left for it to accept".to_owned(),
            1 => "so 1 finding counts again".to_owned(),
            n => format!("so {n} findings count again"),
        };
        self.finding(&WAIVER_EXPIRED, format!("the waiver in `{}` expired on {}, {rest}", self.place, self.expires))
    }

    /// The reminder about a waiver that accepts nothing.
    pub(super) fn unused_finding(&self) -> Finding {
        self.finding(&WAIVER_UNUSED, format!("the waiver in `{}` accepts nothing in this image", self.place))
    }

    fn finding(&self, rule: &'static Rule, message: String) -> Finding {
        Finding::new(rule, self.subject(), Location::Image, message)
            .evidence("place", self.place.clone())
            .evidence("reason", self.reason.clone())
            .evidence("expires", self.expires.to_string())
    }

    /// What tells it from other waivers, whatever line it is on.
    fn subject(&self) -> String {
        let Selector { rules, paths, subjects, purls, .. } = &self.selector;
        let mut parts: Vec<String> = [rules, paths, subjects, purls]
            .into_iter()
            .flatten()
            .map(|glob| crate::escape::escape(glob.as_str()))
            .collect();
        parts.extend(self.selector.fingerprints.iter().cloned());
        parts.join(" ")
    }
}
