//! Waivers: findings accepted for a reason and until a day, and reminders about those that no longer serve.

use super::selector::Selector;
use super::{AppliedWaiver, Hours};
use crate::finding::{Finding, Location};
use crate::rule::{Rule, Severity};
use crate::time::Date;

/// A `[[waiver]]` of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiver {
    /// Which findings it accepts.
    pub selector: Selector,
    /// Why.
    pub reason: Option<String>,
    /// Last day on which it holds, UTC; `None` where it holds for ever, which a policy must allow.
    pub expires: Option<Date>,
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

/// A waiver that will soon be past its day.
pub(super) static WAIVER_EXPIRES_SOON: Rule = Rule {
    id: "policy/waiver-expires-soon",
    title: "A waiver soon expires",
    severity: Severity::Info,
    why: "After its last day the finding counts again and the pipeline may fail; there is still time to mend it.",
    remediation: "Mend what the waiver accepts and delete it; or look at the finding again and give the waiver a new \
                  `expires`. `[waivers] remind` says how early this is told.",
    references: &[],
    bad: "[waivers]\nremind = \"52w\"\n[[waiver]]\nrule = \"image/root-user\"\nreason = \"the base image is being replaced\"\n\
          expires = \"2026-12-31\"",
    good: "[[waiver]]\nrule = \"image/root-user\"\nreason = \"the base image is being replaced\"\n\
           expires = \"2099-01-31\"",
    ..Rule::NEW
};

/// A waiver that policies do not allow.
pub(super) static WAIVER_FORBIDDEN: Rule = Rule {
    id: "policy/waiver-forbidden",
    title: "A waiver that the policy does not allow accepts nothing",
    severity: Severity::Medium,
    why: "`[waivers]` of the policy says that waivers accept nothing (`allow = false`), or how long they may last \
          (`longest`).",
    remediation: "Mend what the waiver was to accept, or give it a nearer `expires`.",
    references: &[],
    bad: "[waivers]\nlongest = \"30d\"\n[[waiver]]\nrule = \"image/root-user\"\nreason = \"legacy\"\nexpires = \"2099-01-31\"",
    good: "[waivers]\nlongest = \"30d\"",
    ..Rule::NEW
};

/// A waiver for more than one thing can be known of.
pub(super) static WAIVER_TOO_BROAD: Rule = Rule {
    id: "policy/waiver-too-broad",
    title: "A waiver accepts whatever comes",
    severity: Severity::Low,
    why: "It names rules by a pattern, or all flaws of packages, and no path, package, subject or fingerprint that would \
          leave much out: what is found tomorrow is accepted too, by a reason that was given for something else.",
    remediation: "Name what is accepted: `path`, `purl`, `subject` or `fingerprint`. To leave out a whole kind of \
                  finding, write a `[[rule]]` with `action = \"ignore\"`.",
    references: &[],
    bad: "[[waiver]]\nrule = \"secret/*\"\nreason = \"test data\"\nexpires = \"2099-01-31\"",
    good: "[[waiver]]\nrule = \"secret/*\"\npath = \"/app/test/**\"\nreason = \"test data\"\nexpires = \"2099-01-31\"",
    ..Rule::NEW
};

/// The rules of this module.
pub(super) static RULES: &[&Rule] =
    &[&WAIVER_EXPIRED, &WAIVER_EXPIRES_SOON, &WAIVER_FORBIDDEN, &WAIVER_TOO_BROAD, &WAIVER_UNUSED];

impl Waiver {
    /// Whether its last day has passed.
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|expires| today > expires)
    }

    /// How long it still holds: to the end of its last day.
    pub(super) fn hours_left(&self, today: Date) -> Option<Hours> {
        Some(Hours(self.expires?.days_since(today).saturating_add(1).saturating_mul(24)))
    }

    pub(super) fn applied(&self) -> AppliedWaiver {
        AppliedWaiver {
            reason: self.reason.clone().unwrap_or_default(),
            expires: self.expires,
            owner: self.owner.clone(),
            ticket: self.ticket.clone(),
            place: self.place.clone(),
            is_comment: false,
            status: None,
            justification: None,
        }
    }

    /// The reminder about a waiver past its day, which would accept `matching` findings, `open` of which nothing else does.
    pub(super) fn expired_finding(&self, matching: usize, open: usize) -> Finding {
        let rest = match (matching, open) {
            (0, _) => "and nothing is left for it to accept".to_owned(),
            (1, 0) => "and the finding that it was for is accepted or ignored without it".to_owned(),
            (n, 0) => format!("and the {n} findings that it was for are accepted or ignored without it"),
            (_, 1) => "so 1 finding counts again".to_owned(),
            (_, n) => format!("so {n} findings count again"),
        };
        let day = self.expires.map(|day| format!(" on {day}")).unwrap_or_default();
        self.finding(&WAIVER_EXPIRED, format!("the waiver in `{}` expired{day}, {rest}", self.place))
    }

    /// The reminder about a waiver that soon is past its day.
    pub(super) fn expiring_finding(&self, matching: usize) -> Finding {
        let day = self.expires.map(|day| day.to_string()).unwrap_or_default();
        let message = format!("the waiver in `{}` accepts {} until {day}", self.place, findings(matching));
        self.finding(&WAIVER_EXPIRES_SOON, message)
    }

    /// The reminder about a waiver for whatever comes.
    pub(super) fn too_broad_finding(&self, matching: usize) -> Finding {
        let what = "names nothing closer than a pattern of rules, or flaws of any package";
        let message = format!("the waiver in `{}` {what}; here it accepts {}", self.place, findings(matching));
        self.finding(&WAIVER_TOO_BROAD, message)
    }

    /// The reminder about a waiver where none is allowed.
    pub(super) fn forbidden_finding(&self, matching: usize) -> Finding {
        let message =
            format!("the waiver in `{}` is for {}, and the policy allows no waivers", self.place, findings(matching));
        self.finding(&WAIVER_FORBIDDEN, message)
    }

    /// The reminder about a waiver that lasts longer than the policy allows.
    pub(super) fn too_long_finding(&self, longest: Hours) -> Finding {
        let until = self.expires.map_or("for ever".to_owned(), |day| format!("until {day}"));
        let message =
            format!("the waiver in `{}` is to hold {until}; the policy allows {longest} from today", self.place);
        self.finding(&WAIVER_FORBIDDEN, message)
    }

    /// The reminder about a waiver that accepts nothing, though it may be for findings that are ignored or off.
    pub(super) fn unused_finding(&self, matching: usize) -> Finding {
        let why = match matching {
            0 => "accepts nothing in this image".to_owned(),
            count => format!("accepts nothing: what it is for ({}) is ignored or off without it", findings(count)),
        };
        self.finding(&WAIVER_UNUSED, format!("the waiver in `{}` {why}", self.place))
    }

    fn finding(&self, rule: &'static Rule, message: String) -> Finding {
        Finding::new(rule, self.subject(), Location::Image, message)
            .evidence("place", self.place.clone())
            .evidence("reason", self.reason.clone())
            .evidence("expires", self.expires.map(|day| day.to_string()))
    }

    /// What tells it from other waivers, whatever line it is on.
    fn subject(&self) -> String {
        let Selector { rules, paths, subjects, purls, ecosystems, images, platforms, .. } = &self.selector;
        let Selector { origins, visibilities, fingerprints, .. } = &self.selector;
        let globs = [paths, subjects, purls, images, platforms].into_iter().flatten();
        let mut parts: Vec<String> = rules
            .iter()
            .map(super::Named::glob)
            .chain(globs)
            .map(|glob| crate::escape::escape(glob.as_str()))
            .collect();
        parts.extend(ecosystems.iter().chain(fingerprints).cloned());
        parts.extend(origins.iter().map(|origin| origin.as_str().to_owned()));
        parts.extend(visibilities.iter().map(|visibility| visibility.as_str().to_owned()));
        parts.join(" ")
    }
}

fn findings(count: usize) -> String {
    match count {
        0 => "nothing".into(),
        1 => "1 finding".into(),
        count => format!("{count} findings"),
    }
}
