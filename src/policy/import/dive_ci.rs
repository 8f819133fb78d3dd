//! `.dive-ci` (<https://github.com/wagoodman/dive>, "CI Integration"): thresholds on dive's figures of an image.

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::size::ByteSize;

use super::draft::Draft;
use super::tree::{self, Node};
use super::{File, Kind};

pub(super) static KIND: Kind = Kind {
    id: "dive-ci",
    what: "thresholds of dive on wasted space",
    names: &[".dive-ci", ".dive-ci.yaml", ".dive-ci.yml"],
    looks: |text| tree::yaml(text).is_ok_and(|top| rules_of(&top).iter().any(|(name, _)| rule(name).is_some())),
    read,
};

/// Thresholds; `None` where a rule is disabled.
#[derive(Debug, Clone, PartialEq)]
pub struct DiveRules {
    /// Fails below this efficiency.
    pub lowest_efficiency: Option<f64>,
    /// Fails above so many wasted bytes.
    pub highest_wasted: Option<u64>,
    /// Fails above this share of wasted bytes.
    pub highest_user_wasted: Option<f64>,
    /// Rules of the file that are not known, and do nothing.
    pub unknown: Vec<String>,
}

impl Default for DiveRules {
    /// What dive takes where a file says nothing.
    fn default() -> Self {
        Self { lowest_efficiency: Some(0.9), highest_wasted: None, highest_user_wasted: Some(0.1), unknown: Vec::new() }
    }
}

/// The rules there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    LowestEfficiency,
    HighestWasted,
    HighestUserWasted,
}

/// The rule of this name, also as newer versions spell it (`lowest-efficiency-threshold`).
fn rule(name: &str) -> Option<Which> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    match plain.trim_end_matches("threshold") {
        "lowestefficiency" => Some(Which::LowestEfficiency),
        "highestwastedbytes" => Some(Which::HighestWasted),
        "highestuserwastedpercent" => Some(Which::HighestUserWasted),
        _ => None,
    }
}

fn rules_of(top: &Node) -> &[(String, Node)] {
    top.get("rules").map(Node::entries).unwrap_or_default()
}

impl DiveRules {
    /// Reads a `.dive-ci`.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Config, what);
        let top =
            tree::yaml(text).map_err(|(line, what)| wrong(format!("this is no `.dive-ci`: line {line}: {what}")))?;
        let named = top.get("rules");
        if (!top.is_table() && !top.items().is_empty())
            || named.is_some_and(|node| !node.is_table() && !node.items().is_empty())
        {
            return Err(wrong("this is no `.dive-ci`: it has no table `rules`".into()));
        }
        let mut rules = Self::default();
        for (name, value) in rules_of(&top) {
            let text = value.text().unwrap_or_default();
            let is_off = text == "disabled";
            match rule(name) {
                Some(Which::LowestEfficiency) => rules.lowest_efficiency = ratio(name, text, is_off)?,
                Some(Which::HighestUserWasted) => rules.highest_user_wasted = ratio(name, text, is_off)?,
                Some(Which::HighestWasted) => {
                    rules.highest_wasted = if is_off { None } else { Some(bytes(name, text)?) }
                }
                None => rules.unknown.push(escape(name)),
            }
        }
        Ok(rules)
    }
}

fn ratio(name: &str, text: &str, is_off: bool) -> Result<Option<f64>> {
    if is_off {
        return Ok(None);
    }
    text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).map(Some).ok_or_else(|| {
        let what = format!("`{}` is `{}`, which is no number from 0 to 1", escape(name), escape(text));
        Error::new(ErrorKind::Config, what).help("write a share such as 0.95, or `disabled`")
    })
}

/// `20MB` and `20M` are twenty million bytes, `20MiB` is a twentieth more: letter case means nothing.
fn bytes(name: &str, text: &str) -> Result<u64> {
    let is_bare = text.len() > 1 && text.ends_with(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T']);
    let spelled = if is_bare { format!("{text}B") } else { text.to_owned() };
    let size: Result<ByteSize, String> = spelled.parse();
    size.map(ByteSize::bytes).map_err(|_| {
        let what = format!("`{}` is `{}`, which is no size", escape(name), escape(text));
        Error::new(ErrorKind::Config, what).help("write a size such as 20MB, or `disabled`")
    })
}

/// A policy judges findings, and these are figures of dive's own: `careen layers` judges by the file as it is.
fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    DiveRules::parse(file.text).map_err(|error| error.at(file.name))?;
    let top = file.yaml()?;
    for (name, value) in rules_of(&top) {
        let text = value.text().unwrap_or_default();
        match rule(name) {
            None => draft.leave(value.line, name, "it is no rule of dive's own, and does nothing there either"),
            Some(_) if text == "disabled" => {}
            Some(_) => {
                let why = format!(
                    "the figures are dive's own: `careen layers --dive-ci {} IMAGE` judges by them as dive does; \
                     `[limits] waste` in a policy is near to the last, and counts the bytes of all layers",
                    file.name
                );
                draft.leave(value.line, &format!("{name}: {text}"), why);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_files_are_read() {
        let cases = [
            (
                "plugins:\n  - plugin1\n\nrules:\n  # text\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20Mb\n  highestUserWastedPercent: 0.5\n  plugin1/rule1: error\n",
                Some((Some(0.95), Some(20_000_000), Some(0.5), 1)),
            ),
            (
                "ci: true\nrules:\n  lowest-efficiency-threshold: '0.10'\n  highest-wasted-bytes: '20MiB'\n  highest-user-wasted-percent: '0.90'\n",
                Some((Some(0.1), Some(20 << 20), Some(0.9), 0)),
            ),
            (
                "rules:\n  lowestEfficiency: disabled\n  highestWastedBytes: 7k\n",
                Some((None, Some(7_000), Some(0.1), 0)),
            ),
            ("", Some((Some(0.9), None, Some(0.1), 0))),
            ("rules:\n", Some((Some(0.9), None, Some(0.1), 0))),
            ("rules:\n  lowestEfficiency: 95\n", None),
            ("rules:\n  highestWastedBytes: much\n", None),
            ("rules: [\n", None),
            ("rules: all\n", None),
            ("- rules\n", None),
        ];
        for (text, expected) in cases {
            let rules = DiveRules::parse(text).ok();
            let found = rules.map(|rules| {
                let DiveRules { lowest_efficiency, highest_wasted, highest_user_wasted, unknown } = rules;
                (lowest_efficiency, highest_wasted, highest_user_wasted, unknown.len())
            });
            assert_eq!(found, expected, "{text}");
        }
    }
}
