//! What all parts of the server share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::error::{Error, Result};

use super::clock::Clock;
use super::config::{Config, Source};
use super::deliver::Actions;
use super::harbor::Harbor;
use super::hook::Hook;
use super::metrics::Metrics;
use super::pause::Pauses;
use super::queue::sqlite::SqliteQueue;
use super::queue::{Bounds, Shares};
use super::store::Store;
use super::work::QUICK_SLOTS;

/// Bytes of all bodies of webhooks at once: five of the largest that are taken.
const BODIES: usize = 128 << 20;

/// Bytes of all reports that are being given out or looked at.
const ANSWERS: usize = 256 << 20;

/// What all parts of the server share.
#[derive(Debug)]
pub struct Server {
    /// What it was told.
    pub config: Config,
    /// Where everything is kept.
    pub store: Store,
    /// What is to be done.
    pub queue: SqliteQueue,
    /// What time it is.
    pub clock: Clock,
    /// Whom it listens to, by the name in the path.
    pub hooks: BTreeMap<String, Hook>,
    /// Harbor, where it has images scanned here.
    pub harbor: Option<Harbor>,
    /// Whom it tells, and how.
    pub actions: Arc<Actions>,
    /// Registries that want to be left alone for a while.
    pub(super) pauses: Pauses,
    /// What is counted.
    pub metrics: Metrics,
    /// Bytes that bodies of webhooks may take, all together.
    pub bodies: Semaphore,
    /// Bytes that reports may take which are being given out or looked at, all together.
    answers: Arc<Semaphore>,
    /// Told when something new waits in the queue.
    pub work: Notify,
    /// Told when something new waits to be delivered.
    pub deliveries: Notify,
    is_ending: watch::Sender<bool>,
}

impl Server {
    /// Puts the parts together; opens the secrets that the configuration names.
    pub fn new(config: Config, store: Store, clock: Clock) -> Result<Arc<Self>> {
        let bounds = Bounds { all: config.queue.most, source: config.queue.most_of_source };
        let of = |source: &Source| (source.name.get_ref().clone(), source.registry.get_ref().clone());
        let registries = config.sources.iter().map(of).collect();
        let shares = Shares::of(registries, config.registries.len(), QUICK_SLOTS, config.workers.count);
        let hooks = Hook::all(&config)?;
        let harbor = config.harbor.as_ref().map(|harbor| Harbor::open(harbor, &config.data)).transpose()?;
        let actions = Arc::new(Actions::open(&config)?);
        Ok(Arc::new(Self {
            queue: SqliteQueue::new(store.clone(), bounds).shared(shares),
            store,
            clock,
            hooks,
            harbor,
            actions,
            pauses: Pauses::default(),
            metrics: Metrics::default(),
            bodies: Semaphore::new(BODIES),
            answers: Arc::new(Semaphore::new(ANSWERS)),
            work: Notify::new(),
            deliveries: Notify::new(),
            is_ending: watch::Sender::new(false),
            config,
        }))
    }

    /// Room in memory for so many bytes of a report, until it is dropped. Fails where others have it: who asks may come back.
    pub fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes.min(ANSWERS)).unwrap_or(u32::MAX);
        let full = |_| Error::limit("too many reports are being given out");
        Arc::clone(&self.answers).try_acquire_many_owned(permits).map_err(full)
    }

    /// The same, where others may give it back within a time.
    pub async fn room_soon(&self, bytes: usize, time: Duration) -> Result<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes.min(ANSWERS)).unwrap_or(u32::MAX);
        let waiting = tokio::time::timeout(time, Arc::clone(&self.answers).acquire_many_owned(permits)).await;
        let full = || Error::limit("too many reports are being looked at");
        waiting.ok().and_then(std::result::Result::ok).ok_or_else(full)
    }

    /// Begins to end: nothing new is taken, what runs may finish.
    pub fn end(&self) {
        self.is_ending.send_replace(true);
    }

    /// Whether it is to end.
    pub fn is_ending(&self) -> bool {
        *self.is_ending.borrow()
    }

    /// Waits until it is to end.
    pub async fn until_end(&self) {
        // the sender is a part of this very thing, so it is not gone
        let _ = self.is_ending.subscribe().wait_for(|is_ending| *is_ending).await;
    }
}
