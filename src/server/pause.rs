//! Registries that want to be left alone: `Retry-After` (RFC 9110, section 10.2.3) of one answer counts for all that is asked
//! of its registry.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a registry asks for counts, within reason.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Why something waits whose registry wants to be left alone.
pub(super) const PAUSED: &str = "the registry asked for a pause";

/// Until when which registry is not asked, by the name it has in the configuration.
#[derive(Debug, Default)]
pub(super) struct Pauses(Mutex<BTreeMap<String, Instant>>);

impl Pauses {
    /// Notes that a registry asked for a pause; the longest counts.
    pub(super) fn ask(&self, registry: &str, pause: Duration, now: Instant) {
        let Some(until) = now.checked_add(pause.min(LONGEST_PAUSE)) else { return };
        let mut pauses = self.all();
        let known = pauses.entry(registry.to_owned()).or_insert(until);
        *known = until.max(*known);
    }

    /// What is left of its pause.
    pub(super) fn left(&self, registry: &str, now: Instant) -> Option<Duration> {
        let until = *self.all().get(registry)?;
        Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_counts_and_ends() {
        let (pauses, now) = (Pauses::default(), Instant::now());
        let minute = Duration::from_mins(1);
        assert_eq!(pauses.left("main", now), None);
        pauses.ask("main", minute, now);
        pauses.ask("main", Duration::from_secs(5), now);
        assert_eq!(pauses.left("main", now), Some(minute));
        assert_eq!(pauses.left("other", now), None);
        assert_eq!(pauses.left("main", now + minute), None);
        pauses.ask("main", Duration::MAX, now);
        assert_eq!(pauses.left("main", now), Some(LONGEST_PAUSE));
    }
}
