//! The rules of a `.dive-ci` file, judged on the [figures](super::dive) that dive computes
//! (<https://github.com/wagoodman/dive>, "CI Integration").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::size::ByteSize;

use super::dive::Figures;

/// Largest file, in bytes.
pub const LARGEST: u64 = 64 << 10;

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

/// What a rule says of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiveResult {
    /// Its name in the file.
    pub rule: &'static str,
    /// Whether the image keeps it; `None` where it is disabled.
    pub passed: Option<bool>,
    /// The figure and the threshold.
    pub what: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    rules: BTreeMap<String, Value>,
}

impl DiveRules {
    /// Reads a `.dive-ci`, also with the names of newer versions (`lowest-efficiency-threshold`).
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Config, what);
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_events: 2_000,
                max_nodes: 1_000,
                max_depth: 8,
                max_documents: 1,
                max_anchors: 4,
                max_aliases: 4,
            },
            with_snippet: false,
        };
        let mut documents: Vec<File> = serde_saphyr::from_multiple_with_options(text, options)
            .map_err(|error| wrong(format!("this is no `.dive-ci`: {}", escape(error.to_string()))))?;
        let file = documents.pop().unwrap_or(File { rules: BTreeMap::new() });
        let mut rules = Self::default();
        for (name, value) in &file.rules {
            let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
            let text = match value {
                Value::String(text) => text.trim().to_owned(),
                other => other.to_string(),
            };
            let is_off = text == "disabled";
            match plain.trim_end_matches("threshold") {
                "lowestefficiency" if is_off => rules.lowest_efficiency = None,
                "lowestefficiency" => rules.lowest_efficiency = Some(ratio(name, &text)?),
                "highestwastedbytes" if is_off => rules.highest_wasted = None,
                "highestwastedbytes" => rules.highest_wasted = Some(bytes(name, &text)?),
                "highestuserwastedpercent" if is_off => rules.highest_user_wasted = None,
                "highestuserwastedpercent" => rules.highest_user_wasted = Some(ratio(name, &text)?),
                _ => rules.unknown.push(escape(name)),
            }
        }
        Ok(rules)
    }

    /// Judges an image, the rules in the order in which dive names them.
    pub fn judge(&self, figures: &Figures) -> Vec<DiveResult> {
        let result = |rule, passed: Option<bool>, what: String| DiveResult { rule, passed, what };
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let off = || "disabled".to_owned();
        let wasted = figures.user_wasted.unwrap_or(0.0);
        vec![
            result(
                "highestUserWastedPercent",
                self.highest_user_wasted.map(|most| wasted <= most),
                self.highest_user_wasted
                    .map_or_else(off, |most| format!("{} wasted, at most {} allowed", percent(wasted), percent(most))),
            ),
            result(
                "highestWastedBytes",
                self.highest_wasted.map(|most| figures.wasted <= most),
                self.highest_wasted
                    .map_or_else(off, |most| format!("{} bytes wasted, at most {most} allowed", figures.wasted)),
            ),
            result(
                "lowestEfficiency",
                self.lowest_efficiency.map(|least| figures.efficiency >= least),
                self.lowest_efficiency.map_or_else(off, |least| {
                    format!("efficiency {}, at least {} asked for", percent(figures.efficiency), percent(least))
                }),
            ),
        ]
    }
}

fn ratio(name: &str, text: &str) -> Result<f64> {
    text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(|| {
        let what = format!("`{}` is `{}`, which is no number from 0 to 1", escape(name), escape(text));
        Error::new(ErrorKind::Config, what).help("write a share such as 0.95, or `disabled`")
    })
}

/// `20MB` and `20M` are twenty million bytes, `20MiB` is a fifth of a hundred more: letter case means nothing.
fn bytes(name: &str, text: &str) -> Result<u64> {
    let is_bare = text.len() > 1 && text.ends_with(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T']);
    let spelled = if is_bare { format!("{text}B") } else { text.to_owned() };
    let size: Result<ByteSize, String> = spelled.parse();
    size.map(ByteSize::bytes).map_err(|_| {
        let what = format!("`{}` is `{}`, which is no size", escape(name), escape(text));
        Error::new(ErrorKind::Config, what).help("write a size such as 20MB, or `disabled`")
    })
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
            ("rules:\n  lowestEfficiency: 95\n", None),
            ("rules:\n  highestWastedBytes: much\n", None),
            ("rules: [\n", None),
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

    #[test]
    fn an_image_is_judged_by_each_rule() {
        let figures = Figures { efficiency: 0.9844, wasted: 32_025, user_wasted: Some(0.4835), ..Figures::default() };
        let results = |text| {
            let rules: DiveRules = DiveRules::parse(text).expect("a good file");
            rules.judge(&figures).iter().map(|result| result.passed).collect::<Vec<_>>()
        };
        assert_eq!(results(""), [Some(false), None, Some(true)]);
        assert_eq!(
            results("rules: {lowestEfficiency: 0.99, highestWastedBytes: 32025B, highestUserWastedPercent: 0.5}"),
            [Some(true), Some(true), Some(false)]
        );
    }
}
