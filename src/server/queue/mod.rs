//! What is to be done, durably: jobs are put in, leased, and end as done or dead, whatever happens to who leased them.

pub mod sqlite;

#[cfg(test)]
mod conformance;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::digest::Digest;
use crate::error::Result;

use super::clock::Moment;

/// What a job asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ask the registry which manifest a tag is.
    Pin,
    /// Scan an image.
    Scan,
    /// Judge what is known of an image by newer advisory data.
    Rematch,
}

impl Kind {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Scan => "scan",
            Self::Rematch => "rematch",
        }
    }

    /// Where it waits.
    pub fn lane(self) -> Lane {
        match self {
            Self::Pin => Lane::Quick,
            Self::Scan | Self::Rematch => Lane::Slow,
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pin, Self::Scan, Self::Rematch].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Where a job waits: scans take minutes, and a tag may move in seconds, so that neither waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// One question to a registry.
    Quick = 0,
    /// A process of its own.
    Slow = 1,
}

/// How soon; a higher one goes first among those of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What was seen before, and is looked at again.
    Low = 0,
    /// A sweep found it.
    Normal = 1,
    /// Somebody pushed it, or asks for it.
    High = 2,
    /// A tag that may move while nobody looks.
    Urgent = 3,
}

/// A job to be put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// The same for what need not be done twice: a job of a key that waits, runs or is done is not put in again.
    pub key: String,
    /// What it asks for.
    pub kind: Kind,
    /// On whose behalf: sources take turns.
    pub source: String,
    /// Name of the configured registry.
    pub registry: String,
    /// The repository.
    pub repository: String,
    /// The tag, where it came with one.
    pub tag: Option<String>,
    /// The manifest; only a job to pin a tag has none.
    pub digest: Option<Digest>,
    /// How soon.
    pub priority: Priority,
}

impl NewJob {
    /// The tag that the registry is asked for.
    pub fn asked_tag(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }
}

/// What became of a job that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// It waits, under this number.
    New(JobId),
    /// One of its key is there: it waits, runs, or is done.
    Known(JobId),
    /// Too many wait, of this source or in all.
    Full,
}

/// The number of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job that somebody has in hand. The lease's number changes with every lease, so that who lost it can end nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The job.
    pub id: JobId,
    /// The number of this lease.
    pub lease: i64,
    /// How often it was leased, this time included.
    pub attempts: u32,
    /// When it was put in.
    pub created: Moment,
    /// Why it was put back the last time.
    pub reason: Option<String>,
    /// What to do.
    pub job: NewJob,
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Of all sources.
    pub all: u64,
    /// Of one source.
    pub source: u64,
}

/// How slots are shared by registries, so that one which answers slowly does not have them all.
#[derive(Debug, Clone, Default)]
pub struct Shares {
    /// The registry of each source; one that is not in it may have jobs of several.
    pub registries: BTreeMap<String, String>,
    /// Jobs of one registry that may be leased at once, by lanes; nothing for as many as there are.
    pub most: [Option<u64>; 2],
}

impl Shares {
    /// Leaves a slot of each lane to the other registries, where there are others and more slots than one.
    pub fn of(registries: BTreeMap<String, String>, count: usize, quick: usize, slow: usize) -> Self {
        let share = |slots: usize| (count > 1 && slots > 1).then(|| slots.saturating_sub(1) as u64);
        Self { registries, most: [share(quick), share(slow)] }
    }
}

/// A durable queue. Each method returns when what it did is on the disk.
#[expect(async_fn_in_trait, reason = "used by the server alone, whose futures are all sent")]
pub trait Queue {
    /// Puts jobs in, all or none but those that are [`Entered::Full`].
    async fn enqueue(&self, jobs: Vec<NewJob>, now: Moment) -> Result<Vec<Entered>>;

    /// Takes up to `count` jobs of a lane for `time`: of the source that had least of the slots' time, the most urgent, the
    /// oldest. Each attempt counts as a minute of age less, up to fifteen: what had no turn yet goes before what fails, and
    /// what fails has its turn all the same. Jobs of a registry that has its share of the lane are left.
    async fn lease(&self, lane: Lane, count: usize, time: Duration, now: Moment) -> Result<Vec<Leased>>;

    /// Holds a lease for `time` more; false if it was lost.
    async fn heartbeat(&self, leased: &Leased, time: Duration, now: Moment) -> Result<bool>;

    /// Counts the time that a job took as its source's, beyond the second that each one counts as.
    async fn charge(&self, leased: &Leased, took: Duration) -> Result<()>;

    /// Ends a job as done; false if the lease was lost.
    async fn ack(&self, leased: &Leased, now: Moment) -> Result<bool>;

    /// Puts a job back, to be leased again after `after`; false if the lease was lost.
    async fn retry(&self, leased: &Leased, after: Duration, reason: &str, now: Moment) -> Result<bool>;

    /// Puts a job back that nobody tried, to be leased again after `after`: it counts as no attempt, and a reason that it has
    /// stays; false if the lease was lost.
    async fn put_off(&self, leased: &Leased, after: Duration, reason: &str, now: Moment) -> Result<bool>;

    /// Ends a job as dead, to be seen and put in again by hand; false if the lease was lost.
    async fn bury(&self, leased: &Leased, reason: &str, now: Moment) -> Result<bool>;

    /// Puts jobs back whose lease has ended, and says how many: those of a worker that is gone.
    async fn expire(&self, now: Moment) -> Result<u64>;
}

/// How long to wait before a job is tried again: doubles from a second to a quarter of an hour, and a random part of it
/// is left out, so that what failed together does not come back together.
pub fn backoff(attempts: u32, random: u32) -> Duration {
    const MOST: u64 = 15 * 60 * 1_000;
    let whole = 1_000_u64.checked_shl(attempts.saturating_sub(1).min(20)).unwrap_or(MOST).min(MOST);
    let spared = whole / 2 * u64::from(random) / u64::from(u32::MAX);
    Duration::from_millis(whole.saturating_sub(spared))
}
