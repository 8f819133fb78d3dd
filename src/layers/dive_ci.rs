//! Judges an image by the rules of a [`.dive-ci`](DiveRules), on the [figures](super::dive) that dive computes.

use serde::Serialize;

pub use crate::policy::import::DiveRules;

use super::dive::Figures;

/// Largest file, in bytes.
pub const LARGEST: u64 = 64 << 10;

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

impl DiveRules {
    /// Judges an image, the rules in the order in which dive names them.
    pub fn judge(&self, figures: &Figures) -> Vec<DiveResult> {
        let result = |rule, passed: Option<bool>, what: String| DiveResult { rule, passed, what };
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let off = || "disabled".to_owned();
        // dive divides all the same, and what is wasted of nothing is above each threshold
        let of_nothing = if figures.wasted > 0 { f64::INFINITY } else { 0.0 };
        let wasted = figures.user_wasted.unwrap_or(of_nothing);
        let user_wasted = || match figures.user_wasted {
            None if figures.wasted > 0 => format!("{} bytes of no bytes", figures.wasted),
            _ => percent(wasted),
        };
        vec![
            result(
                "highestUserWastedPercent",
                self.highest_user_wasted.map(|most| wasted <= most),
                self.highest_user_wasted
                    .map_or_else(off, |most| format!("{} wasted, at most {} allowed", user_wasted(), percent(most))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wasted_of_no_bytes_is_too_much() {
        let judged = |wasted| {
            let rules = DiveRules::parse("rules: {highestUserWastedPercent: 0.99}").expect("a good file");
            let figures = Figures { efficiency: 1.0, wasted, ..Figures::default() };
            let first = rules.judge(&figures).into_iter().next().expect("a result");
            (first.passed, first.what)
        };
        assert_eq!(judged(0), (Some(true), "0.00 % wasted, at most 99.00 % allowed".into()));
        assert_eq!(judged(10), (Some(false), "10 bytes of no bytes wasted, at most 99.00 % allowed".into()));
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
