//! Places where a test makes the server fail: what was acknowledged must outlive a failure at each of them.
//!
//! Built with the feature `failpoints`, a server reads `CAREEN_FAILPOINTS`: `insert=error`, `lease=abort@2`,
//! `answer=delay:500`, several with `;` between them. `@2` is the second time that the place is reached; without it
//! each time counts. In any other build nothing is read, and nothing fails.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("`failpoints` is for tests: it does not go into a release");

use crate::error::Result;

/// The places, in the order in which an event meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A webhook's body was read.
    Body,
    /// It was proven who sent it.
    Auth,
    /// What it says is put into the store.
    Insert,
    /// A transaction is committed.
    BeforeCommit,
    /// It was.
    AfterCommit,
    /// The webhook is answered with 202.
    Answer,
    /// A job was leased.
    Lease,
    /// The process of a scan is started.
    Worker,
    /// A report is put into the store.
    Report,
    /// The job of the report was ended in the same transaction.
    Done,
    /// Somebody is told of it.
    BeforeDelivery,
    /// Somebody was.
    AfterDelivery,
}

impl Point {
    /// The word for it.
    #[cfg(feature = "failpoints")]
    fn word(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Auth => "auth",
            Self::Insert => "insert",
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
            Self::Answer => "answer",
            Self::Lease => "lease",
            Self::Worker => "worker",
            Self::Report => "report",
            Self::Done => "done",
            Self::BeforeDelivery => "before-delivery",
            Self::AfterDelivery => "after-delivery",
        }
    }

    /// Does what a test wants here: nothing, waits, is an error, or ends the process at once.
    #[cfg(feature = "failpoints")]
    pub async fn reach(self) -> Result<()> {
        active::reach(self.word()).await
    }

    /// Does nothing.
    #[cfg(not(feature = "failpoints"))]
    #[expect(clippy::unused_async, reason = "the other build waits")]
    pub async fn reach(self) -> Result<()> {
        Ok(())
    }
}

#[cfg(feature = "failpoints")]
mod active {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use crate::error::{Error, ErrorKind, Result};

    /// What happens at one place.
    struct Fault {
        point: String,
        what: What,
        /// Nothing: each time.
        nth: Option<u32>,
        reached: AtomicU32,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum What {
        Abort,
        Error,
        Delay(Duration),
    }

    /// Those of the environment. What cannot be read ends the process: a test that tests nothing is none.
    fn faults() -> &'static [Fault] {
        static FAULTS: OnceLock<Vec<Fault>> = OnceLock::new();
        FAULTS.get_or_init(|| {
            let written = std::env::var("CAREEN_FAILPOINTS").unwrap_or_default();
            let words = written.split(';').filter(|word| !word.is_empty());
            let none = |word: &str| {
                tracing::error!(word, "this is no failpoint");
                std::process::abort()
            };
            words.map(|word| parse(word).unwrap_or_else(|| none(word))).collect()
        })
    }

    fn parse(word: &str) -> Option<Fault> {
        let (point, rest) = word.split_once('=')?;
        let (what, nth) = match rest.split_once('@') {
            Some((what, nth)) => (what, Some(nth.parse().ok()?)),
            None => (rest, None),
        };
        let what = match what.split_once(':') {
            None if what == "abort" => What::Abort,
            None if what == "error" => What::Error,
            Some(("delay", milliseconds)) => What::Delay(Duration::from_millis(milliseconds.parse().ok()?)),
            _ => return None,
        };
        Some(Fault { point: point.to_owned(), what, nth, reached: AtomicU32::new(0) })
    }

    pub(super) async fn reach(point: &'static str) -> Result<()> {
        for fault in faults().iter().filter(|fault| fault.point == point) {
            let reached = fault.reached.fetch_add(1, Ordering::Relaxed) + 1;
            if fault.nth.is_some_and(|nth| nth != reached) {
                continue;
            }
            tracing::error!(point, what = ?fault.what, "a failpoint");
            match fault.what {
                What::Abort => std::process::abort(),
                What::Error => return Err(Error::new(ErrorKind::Io, format!("the test fails `{point}`"))),
                What::Delay(time) => tokio::time::sleep(time).await,
            }
        }
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn faults_are_read_or_refused() {
            let of = |word: &str| parse(word).map(|fault| (fault.point, fault.what, fault.nth));
            assert_eq!(of("lease=abort@2"), Some(("lease".to_owned(), What::Abort, Some(2))));
            assert_eq!(of("a=delay:50"), Some(("a".to_owned(), What::Delay(Duration::from_millis(50)), None)));
            for wrong in ["lease", "lease=", "lease=ab", "lease=delay", "lease=error@x", "lease=delay:x"] {
                assert_eq!(of(wrong), None, "{wrong}");
            }
        }
    }
}
