//! Sends what is to be told. Each action has its own turn, so that a receiver that is down holds up no other one.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Row as _, SqliteConnection};

use crate::error::{Again, Error, ErrorKind, Result};

use super::super::clock::Moment;
use super::super::failpoint::Point;
use super::super::metrics::DELIVERIES;
use super::super::pause::PAUSED;
use super::super::queue::backoff;
use super::super::random;
use super::super::state::Server;
use super::super::store::{Store, of_sql};
use super::http::Failed;
use super::plan::Move;
use super::told::Told;
use super::{Action, Doing};

/// How long nothing is looked for, unless something is told of.
const IDLE: Duration = Duration::from_secs(30);

/// How long the store is left alone after it failed.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Tries of what is hardly of any use: a receiver that refuses may be mended meanwhile.
const LASTING_TRIES: u32 = 3;

/// How long something at a registry may take: much is tried again in there.
const AT_REGISTRY: Duration = Duration::from_mins(5);

/// Why one is done that was not sent: what it would set was set for a newer report.
const NEWER: &str = "a newer report was told of";

/// Sends until the server ends, and lets what is under way finish.
pub async fn run(server: Arc<Server>) {
    while let Err(error) = free(&server).await {
        tracing::error!(error = %error, "deliveries cannot be looked up");
        if server.is_ending() {
            return;
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
    let mut turns = tokio::task::JoinSet::new();
    for place in 0..server.actions.all().len() {
        turns.spawn(turn(Arc::clone(&server), place));
    }
    while turns.join_next().await.is_some() {}
}

/// Puts back what was under way when the server was ended, and gives up what no action is left for.
async fn free(server: &Server) -> Result<()> {
    let names: Vec<String> = server.actions.all().iter().map(|action| action.name.clone()).collect();
    let names = serde_json::to_string(&names).unwrap_or_else(|_| "[]".to_owned());
    let now = server.clock.now();
    server
        .store
        .write(move |connection| {
            Box::pin(async move {
                let back = sqlx::query("UPDATE delivery SET state = 'queued' WHERE state = 'leased'");
                back.execute(&mut *connection).await.map_err(cannot)?;
                let gone = sqlx::query(
                    "UPDATE delivery SET state = 'dead', ended = ?, reason = 'there is no action of this name any more' \
                     WHERE state = 'queued' AND action NOT IN (SELECT value FROM json_each(?))",
                );
                gone.bind(now.0).bind(names).execute(&mut *connection).await.map_err(cannot)?;
                Ok(())
            })
        })
        .await
}

async fn turn(server: Arc<Server>, place: usize) {
    let Some(action) = server.actions.all().get(place) else { return };
    while !server.is_ending() {
        // heard from before anything is looked for, so that nothing is missed between the two
        let told = server.deliveries.notified();
        tokio::pin!(told);
        told.as_mut().enable();
        let wait = match lease(&server.store, &action.name, server.clock.now()).await {
            Ok(Next::Leased(leased)) => {
                one(&server, action, leased).await;
                continue;
            }
            Ok(Next::Later(wait)) => wait.min(IDLE),
            Err(error) => {
                tracing::error!(action = action.name, error = %error, "deliveries cannot be looked up");
                STORE_PAUSE
            }
        };
        tokio::select! {
            () = told => {}
            () = tokio::time::sleep(wait) => {}
            () = server.until_end() => {}
        }
    }
}

/// A delivery in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leased {
    id: i64,
    report: String,
    attempts: u32,
    moved: Option<Move>,
}

pub(super) enum Next {
    Leased(Leased),
    Later(Duration),
}

/// Takes the next one that is due. That it is tried is noted before it is, so that one which brings the server down is
/// not tried for ever.
pub(super) async fn lease(store: &Store, action: &str, now: Moment) -> Result<Next> {
    let next = sqlx::query("SELECT min(not_before) FROM delivery WHERE state = 'queued' AND action = ?");
    let next = next.bind(action).fetch_one(store.readers()).await.map_err(cannot)?;
    let next: Option<i64> = next.try_get(0).map_err(cannot)?;
    let Some(next) = next else { return Ok(Next::Later(IDLE)) };
    if next > now.0 {
        return Ok(Next::Later(Duration::from_millis(u64::try_from(next - now.0).unwrap_or(0))));
    }
    let action = action.to_owned();
    let row = store
        .write(move |connection| {
            Box::pin(async move {
                let taken = sqlx::query(
                    "UPDATE delivery SET state = 'leased', attempts = attempts + 1 WHERE id = \
                     (SELECT id FROM delivery WHERE state = 'queued' AND action = ? AND not_before <= ? \
                     ORDER BY not_before, id LIMIT 1) RETURNING id, report, attempts, move, tag, before",
                );
                taken.bind(action).bind(now.0).fetch_optional(connection).await.map_err(cannot)
            })
        })
        .await?;
    let Some(row) = row else { return Ok(Next::Later(IDLE)) };
    let attempts: i64 = row.try_get(2).map_err(cannot)?;
    let (number, tag): (i64, Option<String>) = (row.try_get(3).map_err(cannot)?, row.try_get(4).map_err(cannot)?);
    let before = row.try_get(5).map_err(cannot)?;
    Ok(Next::Leased(Leased {
        moved: tag.map(|tag| Move { id: number, tag, before }),
        id: row.try_get(0).map_err(cannot)?,
        report: row.try_get(1).map_err(cannot)?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
    }))
}

/// How a try ended.
#[derive(Debug)]
enum Ended {
    Done(Option<String>),
    Failed(Failed),
    /// Nobody tried it: its registry wants to be left alone for so long.
    PutOff(Duration),
}

pub(super) async fn one(server: &Arc<Server>, action: &Action, leased: Leased) {
    let ended = match attempt(server, action, &leased).await {
        Ok(ended) => ended,
        Err(error) => Ended::Failed(Failed::of(&error)),
    };
    let now = server.clock.now();
    let was_tried = !matches!(ended, Ended::PutOff(_));
    let (state, not_before, reason) = match ended {
        Ended::PutOff(left) => ("queued", now.plus(left), Some(PAUSED.to_owned())),
        Ended::Done(reason) => ("done", now, reason),
        Ended::Failed(failed) => {
            let most = if failed.is_lasting { action.attempts.min(LASTING_TRIES) } else { action.attempts };
            let wait = backoff(leased.attempts, random::number()).max(failed.retry_after.unwrap_or_default());
            let state = if leased.attempts >= most { "dead" } else { "queued" };
            (state, now.plus(wait), Some(failed.reason))
        }
    };
    let word = match state {
        "queued" if !was_tried => "put off",
        "queued" => "retry",
        state => state,
    };
    server.metrics.count(DELIVERIES, &[("action", &action.name), ("outcome", word)]);
    let (id, attempts) = (leased.id, leased.attempts);
    if let ("done", Some(note)) = (state, &reason) {
        tracing::info!(action = action.name, delivery = id, attempts, note, "there was nothing to tell of a report");
    } else if state == "done" {
        tracing::info!(action = action.name, delivery = id, attempts, "a report was told of");
    } else if was_tried {
        tracing::warn!(action = action.name, delivery = id, attempts, state, reason, "a report was not told of");
    }
    // what was sent is noted, or it would never be tried again nor known as sent
    let attempts = leased.attempts.saturating_sub(u32::from(!was_tried));
    while let Err(error) = end(&server.store, (id, attempts), state, not_before, reason.clone(), now).await {
        tracing::error!(action = action.name, delivery = id, error = %error, "a delivery cannot be ended");
        if server.is_ending() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(STORE_PAUSE) => {}
            () = server.until_end() => {}
        }
    }
}

async fn attempt(server: &Arc<Server>, action: &Action, leased: &Leased) -> Result<Ended> {
    let mut reader = server.store.readers().acquire().await.map_err(cannot)?;
    let told = Told::read(&mut reader, &server.actions, action, &leased.report, leased.moved.as_ref()).await?;
    drop(reader);
    let Some(told) = told else { return Ok(Ended::Done(Some("the report is gone".to_owned()))) };
    if let Some(target) = action.adapter.target(action, &told)
        && is_overtaken(&server.store, leased.id, target).await?
    {
        return Ok(Ended::Done(Some(NEWER.to_owned())));
    }
    match action.adapter.prepare(action, &told)? {
        Doing::Nothing(why) => Ok(Ended::Done(Some(why))),
        Doing::Request(outgoing) => {
            Point::BeforeDelivery.reach().await?;
            let sent = action.client.send(&outgoing, action.timeout, action.secrets()).await;
            Point::AfterDelivery.reach().await?;
            Ok(sent.map_or_else(Ended::Failed, |()| Ended::Done(None)))
        }
        Doing::AtRegistry(work) => {
            let registry = server.actions.registries.iter().find(|(_, registry)| registry.host == told.host);
            if let Some((name, _)) = registry
                && let Some(left) = server.pauses.left(name, std::time::Instant::now())
            {
                return Ok(Ended::PutOff(left));
            }
            let access = registry.map(|(_, registry)| registry.access.clone()).unwrap_or_default();
            let working = tokio::task::spawn_blocking(move || work(&access));
            let slow = || Error::new(ErrorKind::Network, "the registry takes too long");
            let done = tokio::time::timeout(AT_REGISTRY, working).await.map_err(|_| slow())?;
            let done =
                done.map_err(|_| Error::new(ErrorKind::Internal, "what was to be done at the registry ended early"))?;
            if let (Err(error), Some((name, _))) = (&done, registry) {
                let wait = error.again.and_then(Again::wait).unwrap_or_default();
                server.pauses.ask(name, wait, std::time::Instant::now());
            }
            done?;
            Ok(Ended::Done(None))
        }
    }
}

/// Notes what a delivery sets; whether that was set for a newer report already. Of deliveries that are there at once the
/// newer one has the larger number, whatever the clock says.
async fn is_overtaken(store: &Store, id: i64, target: String) -> Result<bool> {
    store
        .write(move |connection| {
            Box::pin(async move {
                let noted = sqlx::query("UPDATE delivery SET target = ? WHERE id = ?").bind(target).bind(id);
                noted.execute(&mut *connection).await.map_err(cannot)?;
                let newer = sqlx::query(
                    "SELECT EXISTS (SELECT 1 FROM delivery d JOIN delivery n ON n.action = d.action \
                     AND n.target = d.target AND n.id > d.id WHERE d.id = ? AND n.state = 'done' AND n.reason IS NULL)",
                );
                let row = newer.bind(id).fetch_one(connection).await.map_err(cannot)?;
                Ok(row.try_get::<i64, _>(0).map_err(cannot)? != 0)
            })
        })
        .await
}

impl Failed {
    fn of(error: &Error) -> Self {
        let is_lasting = !matches!(error.kind, ErrorKind::Network | ErrorKind::Io);
        let mut reason = error.to_string();
        if let Some(help) = &error.help {
            reason = format!("{reason} ({help})");
        }
        Self { reason, is_lasting, retry_after: None }
    }
}

async fn end(
    store: &Store,
    (id, attempts): (i64, u32),
    state: &'static str,
    not_before: Moment,
    reason: Option<String>,
    now: Moment,
) -> Result<()> {
    let ended = (state != "queued").then_some(now.0);
    store
        .write(move |connection| {
            Box::pin(async move {
                let end = sqlx::query(
                    "UPDATE delivery SET state = ?, not_before = ?, reason = ?, ended = ?, attempts = ? \
                     WHERE id = ? AND state = 'leased'",
                );
                let is_told = state == "done" && reason.is_none();
                let end = end.bind(state).bind(not_before.0).bind(reason).bind(ended).bind(attempts).bind(id);
                end.execute(&mut *connection).await.map_err(cannot)?;
                if is_told {
                    // also of those that are dead: put back in a month they would find no trace of this one
                    let older = sqlx::query(
                        "UPDATE delivery SET state = 'done', ended = ?1, reason = ?2 WHERE id < ?3 \
                         AND (action, target) = (SELECT action, target FROM delivery WHERE id = ?3) \
                         AND target IS NOT NULL AND state IN ('queued', 'dead')",
                    );
                    older.bind(ended).bind(NEWER).bind(id).execute(connection).await.map_err(cannot)?;
                }
                Ok(())
            })
        })
        .await
}

/// Lets one that was given up wait again, from its first try; false if there is none such.
pub async fn retry(connection: &mut SqliteConnection, id: i64, now: Moment) -> Result<bool> {
    let raised = sqlx::query(
        "UPDATE delivery SET state = 'queued', attempts = 0, not_before = ?, ended = NULL, reason = NULL \
         WHERE id = ? AND state = 'dead'",
    );
    Ok(raised.bind(now.0).bind(id).execute(connection).await.map_err(cannot)?.rows_affected() == 1)
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot change the deliveries", error)
}
