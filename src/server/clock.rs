//! The server's clock: never goes back, and does not jump while the server runs.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::{Date, Timestamp};

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// So much later.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
    }

    /// So much earlier.
    #[must_use]
    pub fn minus(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
    }

    /// To the second.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_unix(self.0.div_euclid(1_000))
    }

    /// The day, UTC.
    pub fn date(self) -> Date {
        self.timestamp().date()
    }
}

/// What time it is. The system's clock is read once, and what has passed since is counted: a clock that somebody
/// sets neither ends a lease nor holds a job back. Where the two drift apart by a day or more, dates follow the
/// system's clock at the next start.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    base: Moment,
}

impl Clock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "this is where the server reads the clock")]
    pub fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), base: Moment(0).plus(since) }
    }

    /// The time.
    pub fn now(&self) -> Moment {
        self.base.plus(self.start.elapsed())
    }

    /// What the system's clock says now, which may have been set since the start: for what others say when it is good, tokens
    /// and logins.
    pub fn system() -> Moment {
        Self::start().base
    }

    /// A clock that was so far behind when it was started.
    #[cfg(test)]
    pub(super) fn behind(time: Duration) -> Self {
        let clock = Self::start();
        Self { base: clock.base.minus(time), ..clock }
    }
}
