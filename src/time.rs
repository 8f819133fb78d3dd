//! Points in time. Only `cli` and `server` read the clock; everything else gets it as an argument.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// A day of the calendar, without a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(jiff::civil::Date);

impl Timestamp {
    /// Seconds since 1970; out-of-range values are clamped to the years -9999 to 9999.
    pub fn from_unix(seconds: i64) -> Self {
        let least = jiff::Timestamp::MIN.as_second();
        let most = jiff::Timestamp::MAX.as_second();
        Self(jiff::Timestamp::from_second(seconds.clamp(least, most)).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Seconds since 1970.
    pub fn to_unix(self) -> i64 {
        self.0.as_second()
    }

    /// Milliseconds since 1970.
    pub fn to_unix_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The day in UTC.
    pub fn date(self) -> Date {
        Date(jiff::tz::TimeZone::UTC.to_datetime(self.0).date())
    }
}

impl FromStr for Timestamp {
    type Err = String;

    /// Reads RFC 3339, as in an image's `created`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("`{text}` is not a time such as `2026-03-01T12:00:00Z`"))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Date {
    /// Days from `earlier` to this day; negative when `earlier` is later.
    pub fn days_since(self, earlier: Self) -> i64 {
        self.0.duration_since(earlier.0).as_hours() / 24
    }

    /// Midnight at its beginning, UTC.
    pub fn start(self) -> Timestamp {
        let start = self.0.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp());
        Timestamp(start.unwrap_or_default())
    }

    /// The day so many days later, or earlier; at most the last and the first day there are (years 9999 and -9999).
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let span = jiff::SignedDuration::from_hours(days.clamp(-8_000_000, 8_000_000) * 24);
        Self(self.0.saturating_add(span))
    }
}

impl FromStr for Date {
    type Err = String;

    /// Reads `2026-03-01`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("`{text}` is not a date such as `2026-03-01`"))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_between_dates() {
        let day = |text: &str| text.parse::<Date>().expect("a date");
        assert_eq!(day("2026-03-01").days_since(day("2026-02-01")), 28);
        assert_eq!(day("2026-02-01").days_since(day("2026-03-01")), -28);
        assert_eq!(day("2026-02-01").plus_days(28), day("2026-03-01"));
        assert_eq!(day("2024-03-01").plus_days(-1), day("2024-02-29"));
        assert_eq!(day("2026-02-01").plus_days(i64::MAX), day("9999-12-31"));
        assert_eq!(Timestamp::from_unix(86_399).date(), day("1970-01-01"));
        assert_eq!(Timestamp::from_unix(i64::MAX).to_string().get(..4), Some("9999"));
    }
}
