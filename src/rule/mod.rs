//! Rules: what careen looks for, each a value that carries its own documentation.

mod page;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use page::page;

/// One kind of finding, and all that is to be said about it.
///
/// The terminal, `careen explain`, the pages under `docs/rules`, SARIF's rule objects and the
/// names a policy accepts are all made from this value.
#[derive(Debug)]
pub struct Rule {
    /// `family/kebab-name`, reading well after "allow"; never reused.
    pub id: &'static str,
    /// A short sentence that says what is wrong.
    pub title: &'static str,
    /// How bad it is, unless the finding knows better.
    pub severity: Severity,
    /// How sure a finding is, unless it knows better.
    pub confidence: Confidence,
    /// Whether a finding says that something could not be judged: alone it makes a scan incomplete, not failed.
    pub is_gap: bool,
    /// Whether its findings are kept only where a policy names the rule by its whole id, or by one it has in another
    /// tool: a matter of taste, or a list that few ask for.
    pub is_opt_in: bool,
    /// Where its findings lie; empty where its family says it, see [`Self::lies_in`].
    pub places: &'static [Place],
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub remediation: &'static str,
    /// Where to read on.
    pub references: &'static [&'static str],
    /// Ids of the same rule in other tools; accepted in waivers.
    pub also: &'static [&'static str],
    /// The first version of careen that has the rule.
    pub since: &'static str,
    /// A fragment (Dockerfile, shell, file) that breaks the rule.
    pub bad: &'static str,
    /// The same fragment put right.
    pub good: &'static str,
}

impl Rule {
    /// Defaults for `..Rule::NEW`: medium severity, high confidence, no text.
    pub const NEW: Self = Self {
        id: "",
        title: "",
        severity: Severity::Medium,
        confidence: Confidence::High,
        is_gap: false,
        is_opt_in: false,
        places: &[],
        why: "",
        remediation: "",
        references: &[],
        also: &[],
        since: "0.1.0",
        bad: "",
        good: "",
    };

    /// Whether another tool knows it by this id, whatever its letters' case.
    pub fn is_also(&self, id: &str) -> bool {
        self.also.iter().any(|also| also.eq_ignore_ascii_case(id))
    }

    /// Whether this is its id, or one it has in another tool.
    pub fn is_called(&self, id: &str) -> bool {
        self.id == id || self.is_also(id)
    }

    /// Where its findings lie.
    pub fn lies_in(&self) -> &'static [Place] {
        match (self.places, self.family()) {
            ([], "base" | "data" | "policy") => &[Place::Image],
            ([], "dockerfile") => &[Place::Dockerfile],
            // one for which no file speaks lies in the image
            ([], "package") => &[Place::Image, Place::Package],
            ([], "secret") => &[Place::Config, Place::Dockerfile, Place::File, Place::History],
            ([], _) => &[Place::File],
            (places, _) => places,
        }
    }

    /// The part of the id before the slash, such as `secret` or `image`.
    pub fn family(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(family, _)| family)
    }
}

/// What a finding of a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A field of the image's configuration.
    Config,
    /// A part of a Dockerfile.
    Dockerfile,
    /// A file of a layer.
    File,
    /// A build step.
    History,
    /// The image as a whole.
    Image,
    /// A package.
    Package,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; never gated.
    Info,
    /// Small.
    Low,
    /// Should be mended.
    Medium,
    /// Must be mended soon.
    High,
    /// Must be mended now.
    Critical,
}

/// How sure careen is that a finding is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// A guess worth a look.
    Low,
    /// Probably true.
    Medium,
    /// True, or so close that a gate may stand on it.
    High,
}

impl Severity {
    /// From the least to the gravest.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Confidence {
    /// From the least to the surest.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

macro_rules! word {
    ($type:ident, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.into_iter().find(|value| value.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("`{text}` is no {}; use one of {}", $what, words.join(", "))
                })
            }
        }
    };
}

word!(Severity, "severity");
word!(Confidence, "confidence");

/// Rules are the same when their ids are.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}
