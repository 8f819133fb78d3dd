//! Licences: as packages declare them, and as the SPDX expression they mean (SPDX 2.3, annex D).

use spdx::{Expression, ParseMode};

/// A licence, as declared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Licence {
    /// The text as it stands in the record.
    pub declared: String,
    /// What it means, in canonical form, where it can be told.
    pub expression: Option<String>,
}

/// Longest text taken for an expression, in bytes.
const LONGEST: usize = 1_024;

impl Licence {
    /// Reads the text of a record.
    pub fn new(declared: impl Into<String>) -> Self {
        let declared = declared.into();
        let expression = expression(&declared);
        Self { declared, expression }
    }
}

/// The expression in canonical spelling: as it stands if it is one, else with the habits of packagers allowed for
/// (`GPLv2+ and MIT`, `Apache 2.0`).
fn expression(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    if Expression::parse(text).is_ok() {
        return Some(text.to_owned());
    }
    let canonical = Expression::canonicalize(text).ok().flatten();
    let text = canonical.as_deref().unwrap_or(text);
    let parsed = Expression::parse_mode(text, ParseMode::LAX).ok()?;
    let spelt: String = parsed.to_string();
    Expression::canonicalize(&spelt).ok().flatten().or(Some(spelt)).filter(|spelt| Expression::parse(spelt).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_become_expressions_where_they_can_be_told() {
        let cases = [
            ("MIT", Some("MIT")),
            ("MIT OR Apache-2.0", Some("MIT OR Apache-2.0")),
            ("GPL-2.0-or-later WITH Classpath-exception-2.0", Some("GPL-2.0-or-later WITH Classpath-exception-2.0")),
            ("MIT/Apache-2.0", Some("MIT OR Apache-2.0")),
            ("Apache 2.0", Some("Apache-2.0")),
            ("GPLv2+ and MIT", Some("GPL-2.0-or-later AND MIT")),
            ("GPL-2.0-only", Some("GPL-2.0-only")),
            ("see LICENSE", None),
            ("", None),
        ];
        for (declared, expected) in cases {
            assert_eq!(Licence::new(declared).expression.as_deref(), expected, "{declared}");
        }
    }
}
