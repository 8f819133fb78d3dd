//! What is counted, in the text format of Prometheus (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of durations, in seconds.
const BOUNDS: &[f64] = &[0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];

/// A counter or a histogram of one name. Labels have values of ours alone, never of a request: each value is a series.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, after `careen_`.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
}

/// Webhooks by source and outcome.
pub const HOOKS: Metric = Metric { name: "hooks_total", help: "Webhooks, by source and what became of them." };
/// Jobs that ended, by kind and outcome.
pub const JOBS: Metric = Metric { name: "jobs_total", help: "Jobs that ended, by kind and how." };
/// Deliveries that ended, by adapter and outcome.
pub const DELIVERIES: Metric = Metric { name: "deliveries_total", help: "Deliveries that ended, by action and how." };
/// How long scans took.
pub const SCANS: Metric = Metric { name: "scan_seconds", help: "How long scans took." };

/// Dead letters that made room for others, by source.
pub const DROPPED: Metric =
    Metric { name: "dead_letters_dropped_total", help: "Dead letters that went to make room for others, by source." };

const ALL: &[Metric] = &[DROPPED, DELIVERIES, HOOKS, JOBS];

/// What was counted since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    counters: Mutex<BTreeMap<Series, u64>>,
    scans: Mutex<Histogram>,
}

/// A metric's name and its labels.
type Series = (&'static str, Vec<(&'static str, String)>);

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Metrics {
    /// Counts one.
    pub fn count(&self, metric: Metric, labels: &[(&'static str, &str)]) {
        self.add(metric, labels, 1);
    }

    /// Counts so many.
    pub fn add(&self, metric: Metric, labels: &[(&'static str, &str)], count: u64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        *counters.entry((metric.name, labels)).or_default() += count;
    }

    /// Notes how long a scan took.
    pub fn scanned(&self, time: Duration) {
        let mut scans = self.scans.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = time.as_secs_f64();
        for (count, bound) in scans.counts.iter_mut().zip(BOUNDS) {
            *count += u64::from(seconds <= *bound);
        }
        scans.count += 1;
        scans.sum += seconds;
    }

    /// All of it, with what was looked up of the store as further gauges: name, help, value.
    pub fn render(&self, gauges: &[(&str, &str, i64)]) -> String {
        let mut text = String::new();
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for metric in ALL {
            let _ =
                writeln!(text, "# HELP careen_{} {}\n# TYPE careen_{} counter", metric.name, metric.help, metric.name);
            for ((_, labels), value) in counters.iter().filter(|((name, _), _)| *name == metric.name) {
                let labels: Vec<String> =
                    labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
                let _ = writeln!(text, "careen_{}{{{}}} {value}", metric.name, labels.join(","));
            }
        }
        {
            let scans = self.scans.lock().unwrap_or_else(PoisonError::into_inner);
            let name = SCANS.name;
            let _ = writeln!(text, "# HELP careen_{name} {}\n# TYPE careen_{name} histogram", SCANS.help);
            for (count, bound) in scans.counts.iter().zip(BOUNDS) {
                let _ = writeln!(text, "careen_{name}_bucket{{le=\"{bound}\"}} {count}");
            }
            let (count, sum) = (scans.count, scans.sum);
            let _ = writeln!(
                text,
                "careen_{name}_bucket{{le=\"+Inf\"}} {count}\ncareen_{name}_sum {sum}\ncareen_{name}_count {count}"
            );
        }
        for (name, help, value) in gauges {
            let _ = writeln!(text, "# HELP careen_{name} {help}\n# TYPE careen_{name} gauge\ncareen_{name} {value}");
        }
        text
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_written() {
        let metrics = Metrics::default();
        metrics.count(HOOKS, &[("source", "shop"), ("outcome", "taken")]);
        metrics.count(HOOKS, &[("source", "shop"), ("outcome", "taken")]);
        metrics.count(HOOKS, &[("source", "a\"b\n"), ("outcome", "refused")]);
        metrics.scanned(Duration::from_millis(200));
        let text = metrics.render(&[("jobs_waiting", "Jobs that wait.", 3)]);
        for line in [
            "careen_hooks_total{source=\"shop\",outcome=\"taken\"} 2",
            "careen_hooks_total{source=\"a\\\"b\\n\",outcome=\"refused\"} 1",
            "careen_scan_seconds_bucket{le=\"0.1\"} 0",
            "careen_scan_seconds_bucket{le=\"0.5\"} 1",
            "careen_scan_seconds_bucket{le=\"+Inf\"} 1",
            "careen_jobs_waiting 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
