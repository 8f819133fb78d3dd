//! Licences: as packages declare them, and as the SPDX expression they mean (SPDX 2.3, annex D).

use std::collections::HashMap;
use std::sync::LazyLock;

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

    /// Takes over what a document says of both; an expression that is none is left out.
    pub fn stated(declared: impl Into<String>, said: &str) -> Self {
        Self { declared: declared.into(), expression: expression(said) }
    }

    /// Reads the short names in a copyright file of Debian; all of these licences hold.
    pub fn of_debian(names: &[&str]) -> Self {
        let terms: Option<Vec<String>> = names.iter().map(|name| of_debian(name)).collect();
        let joined = terms.map(|mut terms| {
            let is_one = terms.len() == 1;
            terms
                .iter_mut()
                .filter(|term| !is_one && term.contains(" OR "))
                .for_each(|term| *term = format!("({term})"));
            terms.join(" AND ")
        });
        let expression = joined.filter(|joined| joined.len() <= LONGEST && Expression::parse(joined).is_ok());
        Self { declared: names.join(", "), expression }
    }
}

/// Brackets in brackets of a declared text that are looked into.
const DEEPEST: usize = 32;

/// A part of a text that as a whole is no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// An expression.
    Known(String),
    /// One licence, with an exception that no list has.
    Excepted(String, String),
    /// All of these hold.
    All(Vec<Part>),
    /// One of these holds, as one likes.
    Any(Vec<Part>),
    /// Nobody can tell.
    Unknown,
}

/// One of the terms of a text that as a whole is no expression; all of them hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// As it is written, or the expression that it is.
    pub text: String,
    part: Part,
}

impl Term {
    /// Whether it may be met with licences of which `allows` says so, as of [`can_be_met`]: what is not known of it may.
    pub fn may_be_met(&self, allows: &impl Fn(&str, &str, Kinds) -> bool) -> bool {
        self.part.may_be_met(allows)
    }
}

impl Part {
    fn may_be_met(&self, allows: &impl Fn(&str, &str, Kinds) -> bool) -> bool {
        match self {
            Self::Known(expression) => can_be_met(expression, allows).unwrap_or(true),
            Self::Excepted(licence, exception) => {
                can_be_met(licence, |whole, alone, kinds| allows(&format!("{whole} WITH {exception}"), alone, kinds))
                    .unwrap_or(true)
            }
            Self::All(parts) => parts.iter().all(|part| part.may_be_met(allows)),
            Self::Any(parts) => parts.iter().any(|part| part.may_be_met(allows)),
            Self::Unknown => true,
        }
    }

    fn read(text: &str, depth: usize) -> Self {
        let text = text.trim();
        if let Some(expression) = expression(text).or_else(|| of_debian(text)) {
            return Self::Known(expression);
        }
        if depth >= DEEPEST {
            return Self::Unknown;
        }
        let deeper =
            |texts: Vec<&str>| texts.into_iter().map(|text| Self::read(text, depth.saturating_add(1))).collect();
        let split = |word| Some(split(text, word)).filter(|parts| parts.len() > 1);
        if let Some(parts) = split("or") {
            return Self::Any(deeper(parts));
        }
        if let Some(parts) = split("and") {
            return Self::All(deeper(parts));
        }
        if let Some(parts) = split("with") {
            let licence = parts.first().and_then(|licence| expression(licence).or_else(|| of_debian(licence)));
            let exceptions = parts.iter().skip(1).map(|exception| exception.trim());
            let exception = exceptions.collect::<Vec<_>>().join(" WITH ");
            return licence.map_or(Self::Unknown, |licence| Self::Excepted(licence, exception));
        }
        match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
            Some(inner) => Self::read(inner, depth.saturating_add(1)),
            None => Self::Unknown,
        }
    }
}

/// The terms of a text that as a whole is no expression; all of them hold. A list of Debian's short names is one of which all
/// hold.
pub fn terms(declared: &str, is_debian: bool) -> Vec<Term> {
    let plain = is_debian.then(|| declared.replace(", or ", " or ").replace(", and ", ", "));
    let listed: Vec<&str> = plain.as_ref().map_or_else(|| vec![declared], |plain| plain.split(", ").collect());
    let mut terms = Vec::new();
    for text in listed {
        let is_alternative = split(text, "or").len() > 1;
        for text in if is_alternative { vec![text] } else { split(text, "and") } {
            let part = Part::read(text, 0);
            let text = if let Part::Known(expression) = &part { expression } else { text.trim() };
            terms.push(Term { text: text.to_owned(), part });
        }
    }
    terms
}

/// What stands between each such word outside of brackets; words have no case. A bracket that is never closed encloses the rest.
fn split<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0_usize);
    let is_end = |c: char| c.is_ascii_whitespace() || c == '(' || c == ')';
    let mut at = 0_usize;
    for piece in text.split_inclusive(is_end) {
        let bare = piece.trim_end_matches(is_end);
        if depth == 0 && bare.eq_ignore_ascii_case(word) {
            parts.push(text.get(start..at).unwrap_or_default());
            start = at.saturating_add(bare.len());
        }
        match piece.as_bytes().last() {
            Some(b'(') => depth = depth.saturating_add(1),
            Some(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = at.saturating_add(piece.len());
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Whether an SPDX expression can be met with terms of which `allows` says so, given each as it is written, such as
/// `GPL-2.0-or-later WITH Classpath-exception-2.0`, its licence alone, and of which kinds that is; `None` for no expression.
pub fn can_be_met(expression: &str, allows: impl Fn(&str, &str, Kinds) -> bool) -> Option<bool> {
    let parsed = Expression::parse(&respelt(expression)).ok()?;
    Some(parsed.evaluate(|term| {
        let id = term.license.id();
        let kinds = Kinds {
            copyleft: id.is_some_and(|id| id.is_copyleft() || COPYLEFT.contains(&id.name)),
            osi_approved: id.is_some_and(spdx::LicenseId::is_osi_approved),
            fsf_libre: id.is_some_and(spdx::LicenseId::is_fsf_free_libre),
        };
        allows(&term.to_string(), &term.license.to_string(), kinds)
    }))
}

/// Licences that what is built on their work, or on its files, must keep, besides those of which the crate says so.
const COPYLEFT: &[&str] = &[
    "APSL-1.0",
    "APSL-1.1",
    "APSL-1.2",
    "APSL-2.0",
    "CERN-OHL-S-2.0",
    "CERN-OHL-W-2.0",
    "CPAL-1.0",
    "EPL-1.0",
    "EPL-2.0",
    "ErlPL-1.1",
    "IPL-1.0",
    "LiLiQ-R-1.1",
    "LiLiQ-Rplus-1.1",
    "Nokia",
    "ODbL-1.0",
    "OSET-PL-2.1",
    "Parity-7.0.0",
    "QPL-1.0",
    "RPL-1.1",
    "RPL-1.5",
    "RPSL-1.0",
    "SPL-1.0",
    "SSPL-1.0",
    "Sleepycat",
];

/// The identifiers of the SPDX licence list by which expressions name licences: GNU's say whether later versions are meant.
pub fn identifiers() -> impl Iterator<Item = &'static str> + Clone {
    spdx::identifiers::LICENSES.iter().map(|licence| licence.name).filter(|name| !is_left_open(name))
}

/// Whether it is an identifier of GNU's of old, which leaves open whether later versions are meant.
fn is_left_open(name: &str) -> bool {
    let is_gnu = ["AGPL-", "GFDL-", "GPL-", "LGPL-"].iter().any(|start| name.starts_with(start));
    let is_one = name.starts_with("AGPL-1.0") || name.ends_with("-only") || name.ends_with("-or-later");
    is_gnu && !is_one
}

/// Whether the text is an identifier of a licence, perhaps with an exception, in letters of either case
/// (SPDX 2.3, annex D); one that no list has says so by its beginning.
pub fn is_identifier(text: &str) -> bool {
    let (licence, exception) = match text.split_once(" WITH ") {
        Some((licence, exception)) => (licence, Some(exception)),
        None => (text, None),
    };
    let begins_with = |text: &str, start: &str| {
        text.len() > start.len() && text.get(..start.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(start))
    };
    let is_own = ["LicenseRef-", "DocumentRef-"].iter().any(|start| begins_with(licence, start));
    // of one that is not GNU's the sign says that later versions will do
    let licence = licence.strip_suffix('+').unwrap_or(licence);
    let is_listed = || identifiers().any(|known| known.eq_ignore_ascii_case(licence));
    let is_exception = |text: &str| {
        let mut listed = spdx::identifiers::EXCEPTIONS.iter().map(|exception| exception.name);
        begins_with(text, "AdditionRef-") || listed.any(|known| known.eq_ignore_ascii_case(text))
    };
    (is_own || is_listed()) && exception.is_none_or(is_exception)
}

/// What the SPDX licence list says of a licence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds {
    /// Whether derived works must keep it.
    pub copyleft: bool,
    /// Whether the OSI approved it.
    pub osi_approved: bool,
    /// Whether the FSF calls it free.
    pub fsf_libre: bool,
}

/// Names that records give to licences, in lower case and without what says nothing, and their SPDX identifiers.
/// Names that leave the version or the variant open (`BSD`, `Apache`) are not here.
const NAMES: &[(&str, &str)] = &[
    ("apache 2", "Apache-2.0"),
    ("apache 2.0", "Apache-2.0"),
    ("apache software 2.0", "Apache-2.0"),
    ("apache-2", "Apache-2.0"),
    ("asl 2", "Apache-2.0"),
    ("asl 2.0", "Apache-2.0"),
    ("apache.org/licenses/license-2.0", "Apache-2.0"),
    ("apache.org/licenses/license-2.0.html", "Apache-2.0"),
    ("apache.org/licenses/license-2.0.txt", "Apache-2.0"),
    ("bsd 2-clause", "BSD-2-Clause"),
    ("bsd 3-clause", "BSD-3-Clause"),
    ("3-clause bsd", "BSD-3-Clause"),
    ("new bsd", "BSD-3-Clause"),
    ("modified bsd", "BSD-3-Clause"),
    ("simplified bsd", "BSD-2-Clause"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("boost software 1.0", "BSL-1.0"),
    ("bsl-1.0", "BSL-1.0"),
    ("eclipse public 1.0", "EPL-1.0"),
    ("eclipse public 2.0", "EPL-2.0"),
    ("expat", "MIT"),
    ("mit", "MIT"),
    ("opensource.org/licenses/mit", "MIT"),
    ("gnu affero general public v3", "AGPL-3.0-only"),
    // the crate takes it for the third
    ("gnu gpl v2", "GPL-2.0-only"),
    ("gnu gpl v3", "GPL-3.0-only"),
    ("gnu gplv2", "GPL-2.0-only"),
    ("gnu gplv3", "GPL-3.0-only"),
    // identifiers of old with the exception in their name
    ("gpl-2.0-with-autoconf-exception", "GPL-2.0-only WITH Autoconf-exception-2.0"),
    ("gpl-2.0-with-bison-exception", "GPL-2.0-only WITH Bison-exception-2.2"),
    ("gpl-2.0-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("gpl-2.0-with-font-exception", "GPL-2.0-only WITH Font-exception-2.0"),
    ("gpl-2.0-with-gcc-exception", "GPL-2.0-only WITH GCC-exception-2.0"),
    ("gpl-3.0-with-autoconf-exception", "GPL-3.0-only WITH Autoconf-exception-3.0"),
    ("gpl-3.0-with-gcc-exception", "GPL-3.0-only WITH GCC-exception-3.1"),
    ("isc", "ISC"),
    ("mozilla public 2.0", "MPL-2.0"),
    ("mpl 2.0", "MPL-2.0"),
    ("psf", "PSF-2.0"),
    ("python software foundation", "PSF-2.0"),
    ("zlib", "Zlib"),
    ("zpl 2.1", "ZPL-2.1"),
    ("unlicense", "Unlicense"),
];

/// The identifier that a name stands for.
fn identifier(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let bare = lower.trim_start_matches("https://").trim_start_matches("http://").trim_start_matches("www.");
    let words = bare.split([' ', ',']).map(|word| word.trim_end_matches('/'));
    let words = words.filter(|word| !matches!(*word, "" | "-" | "the" | "license" | "licence" | "version" | "v"));
    let bare = words.collect::<Vec<_>>().join(" ");
    NAMES.iter().find(|(known, _)| *known == bare).map(|(_, identifier)| *identifier)
}

/// Identifiers of licences and exceptions, by their small letters.
static IDENTIFIERS: LazyLock<HashMap<String, &str>> = LazyLock::new(|| {
    let licences = spdx::identifiers::LICENSES.iter().map(|licence| licence.name);
    let exceptions = spdx::identifiers::EXCEPTIONS.iter().map(|exception| exception.name);
    licences.chain(exceptions).map(|name| (name.to_ascii_lowercase(), name)).collect()
});

/// The text with its identifiers spelt as SPDX's lists spell them: an expression may have them in any letters (SPDX 2.3,
/// annex D).
fn respelt(text: &str) -> String {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let mut spelt = String::with_capacity(text.len());
    for part in text.split_inclusive(|c| !is_of_word(c)) {
        let word = part.trim_end_matches(|c| !is_of_word(c));
        spelt.push_str(IDENTIFIERS.get(&word.to_ascii_lowercase()).copied().unwrap_or(word));
        spelt.push_str(part.get(word.len()..).unwrap_or_default());
    }
    spelt
}

/// The expression that a short name of Debian stands for: `GPL-2+`, `Expat`, `GPL-2+ or Artistic-2.0`.
fn of_debian(name: &str) -> Option<String> {
    let mut parts = Vec::new();
    for word in name.replace(", and ", " and ").replace(", or ", " or ").split_ascii_whitespace() {
        parts.push(match word.to_ascii_lowercase().as_str() {
            "or" | "and" => word.to_ascii_uppercase(),
            _ => short_name(word)?,
        });
    }
    let joined = parts.join(" ");
    Expression::parse(&joined).is_ok().then_some(joined)
}

fn short_name(word: &str) -> Option<String> {
    if let Some(identifier) = identifier(word) {
        return Some(identifier.to_owned());
    }
    let (base, is_later) = word.strip_suffix('+').map_or((word, false), |base| (base, true));
    let (family, version) = base.rsplit_once('-')?;
    let family = family.to_ascii_uppercase();
    if !matches!(family.as_str(), "GPL" | "LGPL" | "AGPL" | "GFDL") {
        let spelt = respelt(word);
        return Expression::parse(&spelt).is_ok().then_some(spelt);
    }
    let version = if version.contains('.') { version.to_owned() } else { format!("{version}.0") };
    let name = format!("{family}-{version}-{}", if is_later { "or-later" } else { "only" });
    Expression::parse(&name).is_ok().then_some(name)
}

/// The expression in canonical spelling: as it stands if it is one, else with the habits of packagers allowed for
/// (`GPLv2+ and MIT`, `Apache 2.0`).
fn expression(text: &str) -> Option<String> {
    let text = text.trim();
    // the crate takes the word for one, which says that nothing is said
    if text.is_empty() || text.len() > LONGEST || text == "NOASSERTION" {
        return None;
    }
    let spelt = respelt(text);
    let text = spelt.as_str();
    if Expression::parse(text).is_ok() {
        return Some(text.to_owned());
    }
    if let Some(identifier) = identifier(text) {
        return Some(identifier.to_owned());
    }
    // `ISC License (ISCL)`, `GNU General Public License v3 or later (GPLv3+)`
    if let Some((name, short)) = text.strip_suffix(')').and_then(|text| text.rsplit_once(" ("))
        && name.to_ascii_lowercase().contains("license")
    {
        return identifier(name).map(str::to_owned).or_else(|| told_loosely(short));
    }
    told_loosely(text)
}

/// Short names that Fedora and those who followed it gave to licences before they took over SPDX's, besides those of
/// the GPL's family ("Licensing:Main", the column "Short Name"). `BSD`, `MPL` and `Public Domain` say no one text.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("Boost", "BSL-1.0"),
    ("CC0", "CC0-1.0"),
    ("MPLv1.0", "MPL-1.0"),
    ("MPLv1.1", "MPL-1.1"),
    ("MPLv2.0", "MPL-2.0"),
    ("OFL", "OFL-1.1"),
    ("zlib", "Zlib"),
];

/// The expression that short names of Fedora make: `(LGPLv2+ or MIT) and ASL 2.0`.
fn of_fedora(text: &str) -> Option<String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace("ASL 2.0", "Apache-2.0").replace("Artistic 2.0", "Artistic-2.0");
    let words = spaced.split_ascii_whitespace().map(|word| {
        if let Some((_, identifier)) = SHORT_NAMES.iter().find(|(short, _)| *short == word) {
            return (*identifier).to_owned();
        }
        match word {
            "and" | "AND" | "or" | "OR" => word.to_ascii_uppercase(),
            "GPL+" => "GPL-1.0-or-later".to_owned(),
            "LGPL+" => "LGPL-2.0-or-later".to_owned(),
            _ => of_family(word).unwrap_or_else(|| word.to_owned()),
        }
    });
    let spelt = words.collect::<Vec<_>>().join(" ").replace("( ", "(").replace(" )", ")");
    Expression::parse(&spelt).is_ok().then_some(spelt)
}

/// `LGPL-2.0-or-later` of `LGPLv2+`.
fn of_family(word: &str) -> Option<String> {
    let (family, version) = word.split_once('v').filter(|(family, _)| matches!(*family, "GPL" | "LGPL" | "AGPL"))?;
    let (version, last) = version.strip_suffix('+').map_or((version, "only"), |version| (version, "or-later"));
    let minor = if version.contains('.') { "" } else { ".0" };
    Some(format!("{family}-{version}{minor}-{last}"))
}

/// Names that leave the version or the variant open, for which the crate takes one of several.
const OPEN: &[&str] = &["AGPL", "Apache", "ASL", "BSD", "EPL", "GFDL", "GPL", "LGPL", "MPL", "CC-BY", "CDDL"];

/// The expression, with the habits of packagers allowed for.
fn told_loosely(text: &str) -> Option<String> {
    if let Some(expression) = of_fedora(text) {
        return Some(expression);
    }
    let mut words = text.split(|c: char| c.is_whitespace() || "()/,".contains(c));
    if words.any(|word| OPEN.iter().any(|open| open.eq_ignore_ascii_case(word))) {
        return None;
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
            ("LGPLv2+", Some("LGPL-2.0-or-later")),
            (
                "(LGPLv2.1+ or GPLv3) and ASL 2.0 and zlib",
                Some("(LGPL-2.1-or-later OR GPL-3.0-only) AND Apache-2.0 AND Zlib"),
            ),
            ("GPL+ or Artistic 2.0", Some("GPL-1.0-or-later OR Artistic-2.0")),
            ("GPLv2+ and BSD", None),
            ("GPLv9", None),
            ("BSD", None),
            ("LGPL/MIT", None),
            ("GPL-2.0-only", Some("GPL-2.0-only")),
            ("MIT License", Some("MIT")),
            ("The Apache License, Version 2.0", Some("Apache-2.0")),
            ("Apache License 2.0", Some("Apache-2.0")),
            ("https://www.apache.org/licenses/LICENSE-2.0.txt", Some("Apache-2.0")),
            ("BSD License", None),
            ("ISC License (ISCL)", Some("ISC")),
            ("Mozilla Public License 2.0 (MPL 2.0)", Some("MPL-2.0")),
            ("GNU General Public License v3 or later (GPLv3+)", Some("GPL-3.0-or-later")),
            ("GNU Lesser General Public License v2 or later (LGPLv2+)", Some("LGPL-2.0-or-later")),
            ("GNU Affero General Public License v3", Some("AGPL-3.0-only")),
            ("Other/Proprietary License", None),
            ("MIT License, BSD License", None),
            ("see LICENSE", None),
            ("agpl-3.0-only", Some("AGPL-3.0-only")),
            ("agpl-3.0", Some("AGPL-3.0-only")),
            ("AGPL-3.0-ONLY", Some("AGPL-3.0-only")),
            ("Gpl-3.0-or-later", Some("GPL-3.0-or-later")),
            ("gpl-2.0+", Some("GPL-2.0-or-later")),
            ("sspl-1.0", Some("SSPL-1.0")),
            ("mit-0", Some("MIT-0")),
            ("apache-2.0 or (isc and busl-1.1)", Some("Apache-2.0 or (ISC and BUSL-1.1)")),
            ("gpl-2.0-only WITH classpath-Exception-2.0", Some("GPL-2.0-only WITH Classpath-exception-2.0")),
            ("LicenseRef-mit", Some("LicenseRef-mit")),
            ("GNU GPL v3", Some("GPL-3.0-only")),
            ("GNU GPL v2", Some("GPL-2.0-only")),
            ("GNU GPLv3", Some("GPL-3.0-only")),
            ("GPL-2.0-with-classpath-exception", Some("GPL-2.0-only WITH Classpath-exception-2.0")),
            ("", None),
        ];
        for (declared, expected) in cases {
            assert_eq!(Licence::new(declared).expression.as_deref(), expected, "{declared}");
        }
    }

    #[test]
    fn names_stand_for_expressions() {
        for (name, expression) in NAMES {
            assert!(Expression::parse(expression).is_ok(), "{expression}");
            assert_eq!(identifier(name), Some(*expression), "each name is found");
        }
    }

    #[test]
    fn short_names_of_debian_become_expressions() {
        let cases = [
            (&["GPL-3+"][..], Some("GPL-3.0-or-later")),
            (&["gpl-3+", "mpl-2.0"], Some("GPL-3.0-or-later AND MPL-2.0")),
            (&["GPL-2+ or Artistic-2.0", "Expat"], Some("(GPL-2.0-or-later OR Artistic-2.0) AND MIT")),
            (&["GPL-3+", "pcre"], None),
        ];
        for (names, expected) in cases {
            assert_eq!(Licence::of_debian(names).expression.as_deref(), expected, "{names:?}");
        }
    }

    #[test]
    fn the_terms_of_a_text_that_is_no_expression() {
        let cases = [
            ("GPL-3+, pcre", true, &["GPL-3.0-or-later", "pcre"][..]),
            ("GPL-2+ or Artistic-2.0, and odd", true, &["GPL-2.0-or-later OR Artistic-2.0", "odd"]),
            ("GPL-2+, or odd, Expat and LGPL-2.1", true, &["GPL-2+ or odd", "MIT", "LGPL-2.1-only"]),
            // elsewhere a comma says too little
            ("GPL-3.0-only, odd", false, &["GPL-3.0-only, odd"]),
            (
                "(MIT OR odd)and (ISC or gpl-2.0-only) aNd GPLv3+",
                false,
                &["(MIT OR odd)", "(ISC or GPL-2.0-only)", "GPL-3.0-or-later"],
            ),
            ("MIT AND GPL-3.0-only OR odd", false, &["MIT AND GPL-3.0-only OR odd"]),
            ("GNU General Public License v3 or later (GPLv3+)", false, &["GPL-3.0-or-later"]),
            ("see LICENSE", false, &["see LICENSE"]),
            ("", false, &[""]),
        ];
        for (declared, is_debian, expected) in cases {
            let told: Vec<String> = terms(declared, is_debian).into_iter().map(|term| term.text).collect();
            assert_eq!(told, *expected, "{declared}");
        }
    }

    #[test]
    fn what_is_known_of_a_text_can_rule_it_out() {
        let long = format!("(AGPL-3.0-only AND ({}))", vec!["MIT"; 300].join(" OR "));
        let deep = |depth: usize| format!("{}AGPL-3.0-only AND odd{}", "(".repeat(depth), ")".repeat(depth));
        let (seen, unseen) = (deep(DEEPEST - 2), deep(10_000));
        // whether it can do without the AGPL
        let cases = [
            ("AGPL-3.0-only AND odd", false, false),
            ("odd AND agpl-3.0-ONLY", false, false),
            ("(AGPL-3.0-only AND odd)", false, false),
            ("MIT AND (AGPL-3.0-only AND odd)", false, false),
            ("AGPL-3.0-only OR (AGPL-1.0-only AND odd)", false, false),
            ("MIT OR (AGPL-1.0-only AND odd)", false, true),
            ("AGPL-3.0-only AND AGPL-3.0-only OR odd", false, true),
            ("AGPL-3.0-only OR odd", false, true),
            ("(AGPL-3.0-only OR odd) AND AGPL-3.0-only", false, false),
            ("AGPL-3.0-only WITH odd-exception", false, false),
            ("agpl-3.0-only with an odd exception", false, false),
            ("AGPLv3 WITH odd OR MIT", false, true),
            ("AGPL-3+ with Odd exception, Expat", true, false),
            ("AGPL-3.0-only AND (odd", false, false),
            ("odd (see AGPL-3.0-only)", false, true),
            ("odd", false, true),
            (&long, false, false),
            (&seen, false, false),
            (&unseen, false, true),
        ];
        for (declared, is_debian, expected) in cases {
            let without = |_: &str, alone: &str, _: Kinds| !alone.starts_with("AGPL-");
            let told = terms(declared, is_debian).iter().all(|term| term.may_be_met(&without));
            assert_eq!(told, expected, "{}", &declared[..declared.len().min(80)]);
        }
        let with_it = |whole: &str, _: &str, _: Kinds| whole == "AGPL-3.0-only WITH odd-exception";
        assert!(terms("AGPL-3.0-only WITH odd-exception", false).iter().all(|term| term.may_be_met(&with_it)));
    }

    #[test]
    fn identifiers_are_known_as_packages_write_them() {
        let cases = [
            ("MIT", true),
            ("mit", true),
            ("Apache-2.0+", true),
            ("LicenseRef-Acme", true),
            ("licenseref-acme", true),
            ("LicenseRef-", false),
            ("GPL-2.0-only WITH classpath-exception-2.0", true),
            ("GPL-2.0-only WITH additionref-x", true),
            ("GPL-2.0", false),
            ("GPL-2.0+", false),
            ("odd", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_identifier(text), expected, "{text}");
        }
    }

    #[test]
    fn what_must_be_kept_is_known_of_licences_besides_those_of_the_crate() {
        let is_copyleft = |text: &str| can_be_met(text, |_, _, kinds| kinds.copyleft);
        for name in COPYLEFT {
            assert_eq!(is_copyleft(name), Some(true), "{name}");
            assert!(spdx::license_id(name).is_some_and(|id| !id.is_copyleft()), "{name}");
        }
        assert_eq!(["GPL-3.0-only", "MIT"].map(is_copyleft), [Some(true), Some(false)]);
    }
}
