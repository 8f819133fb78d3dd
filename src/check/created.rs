//! When the image says it was made.

use super::{Check, Context, field};
use crate::finding::{Finding, Findings};
use crate::rule::{Place, Rule, Severity};

/// The date cannot be true.
pub(super) static CREATED: Rule = Rule {
    id: "image/created",
    title: "The image's date cannot be when it was made",
    severity: Severity::Info,
    why: "Builders that make the same image of the same sources write a fixed date, which says nothing of its age; lists \
          of images then show `56 years ago`, and clean-ups by age delete it first. A date to come is a wrong clock. \
          Told of dates before 1990 and of those to come.",
    remediation: "Set `SOURCE_DATE_EPOCH` to the date of the last commit: the image stays the same from build to build, \
                  and its date says something.",
    references: &["https://reproducible-builds.org/docs/source-date-epoch/"],
    bad: "SOURCE_DATE_EPOCH=0 docker buildx build .",
    good: "SOURCE_DATE_EPOCH=$(git log -1 --pretty=%ct) docker buildx build .",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Seconds from 1970 to 1990: no container image is older.
const OLDEST: i64 = 631_152_000;

/// Judges `created`.
pub(super) struct Created;

impl Check for Created {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&CREATED] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(created) = context.image.created else { return };
        let day = created.date();
        let message = if created.to_unix() < OLDEST {
            format!("is dated {day}, as reproducible builds are")
        } else if day.days_since(context.today) > 1 {
            format!("is dated {day}, which is yet to come")
        } else {
            return;
        };
        findings.push(Finding::new(&CREATED, "created", field("created"), message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;

    #[test]
    fn dates_that_cannot_be_true_are_told() {
        let cases = [
            ("1970-01-01T00:00:00Z", "info image/created created: is dated 1970-01-01, as reproducible builds are"),
            ("0001-01-01T00:00:00Z", "info image/created created: is dated 0001-01-01, as reproducible builds are"),
            ("2026-11-20T10:00:00Z", ""),
            ("2026-11-22T10:00:00Z", ""), // another time zone
            ("2026-12-24T10:00:00Z", "info image/created created: is dated 2026-12-24, which is yet to come"),
        ];
        for (created, expected) in cases {
            let mut image = image("{}");
            image.created = created.parse().ok();
            assert_eq!(shown(&Created, &image).concat(), expected, "{created}");
        }
    }
}
