//! Reads the body of a webhook, in memory of which there is so much for all together.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, HttpBody as _};
use axum::http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::Result;

use super::super::filing::KEPT;
use super::Answer;

/// Bytes of a body up to which room for it grows little by little.
const SMALL: usize = 1 << 20;

/// Bytes of a body that is too large which are read and dropped, so that its sender hears the answer.
const DROPPED: usize = 16 << 20;

/// A body.
#[derive(Debug)]
pub(super) enum Whole<'a> {
    /// All of it, and the room that it takes.
    Read(Vec<u8>, SemaphorePermit<'a>),
    /// It is larger than it may be; so it begins.
    TooLarge(Vec<u8>, SemaphorePermit<'a>),
}

/// Reads a body of at most `most` bytes. It takes them from `room`, until what comes with it is dropped; where there is
/// none left the sender is to come back, so that nobody waits for others who wait for him.
pub(super) async fn whole<'a>(body: &mut Body, most: usize, room: &'a Semaphore) -> Result<Whole<'a>, Answer> {
    let busy = |_| Answer::later("busy");
    let mut held = room.try_acquire_many(0).map_err(busy)?;
    let (mut bytes, mut taken) = (Vec::new(), 0);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        let frame = frame.map_err(|_| Answer::new(StatusCode::BAD_REQUEST, "broken-off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > most.saturating_sub(bytes.len()) {
            let rest = most.saturating_sub(bytes.len()).min(data.len());
            bytes.extend_from_slice(data.get(..rest.min(KEPT)).unwrap_or_default());
            bytes.truncate(KEPT);
            return Ok(Whole::TooLarge(bytes, held));
        }
        let needed = bytes.len() + data.len();
        let capacity = capacity_for(needed, bytes.capacity(), most);
        let more = taken_by(needed, capacity).saturating_sub(taken);
        held.merge(room.try_acquire_many(u32::try_from(more).unwrap_or(u32::MAX)).map_err(busy)?);
        taken += more;
        bytes.reserve_exact(capacity - bytes.len());
        bytes.extend_from_slice(&data);
    }
    Ok(Whole::Read(bytes, held))
}

/// Reads what is left of a body, and drops it; up to a bound.
pub(super) async fn drop_rest(mut body: Body) {
    let mut dropped = 0;
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        dropped += frame.into_data().map_or(0, |data| data.len());
        if dropped > DROPPED {
            return;
        }
    }
}

/// Bytes to set aside for a body of which there are `needed` now, `there` were set aside, and `most` may come. One that is
/// not small gets all of them at once, and is not moved any more: what is not written to takes no memory, and a block of
/// that size goes back to the system as soon as it is dropped ([`crate::allocator::LARGE_GO_BACK`]).
fn capacity_for(needed: usize, there: usize, most: usize) -> usize {
    match needed {
        _ if needed <= there => there,
        ..=SMALL => needed.max(2 * there).min(SMALL),
        _ => needed.max(most),
    }
}

/// Bytes that a body takes of which there are `needed`, in `capacity`.
fn taken_by(needed: usize, capacity: usize) -> usize {
    if capacity <= SMALL { capacity } else { needed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_take_no_more_memory_together_than_they_may() {
        let room = Semaphore::new(10);
        let read = async |text: &'static str| whole(&mut Body::from(text), 8, &room).await;
        let Ok(Whole::Read(first, held)) = read("12345678").await else { panic!("there is room") };
        assert_eq!((first.len(), room.available_permits()), (8, 2));
        assert_eq!(read("123").await.expect_err("full").status, StatusCode::SERVICE_UNAVAILABLE);
        let Ok(Whole::TooLarge(start, _)) = read("123456789").await else { panic!("it is too large") };
        assert_eq!(start, b"12345678", "so it begins");
        assert!(matches!(read("12").await, Ok(Whole::Read(..))));
        drop(held);
        assert_eq!(room.available_permits(), 10, "all of it was given back");
        // what comes in pieces is counted by what it takes, and moved a few times only
        let (mut capacity, mut moves) = (0, 0);
        for needed in (1..=1_600).map(|pieces| pieces * (16 << 10)) {
            let before = capacity;
            capacity = capacity_for(needed, before, 25 << 20);
            moves += usize::from(capacity != before);
            let taken = taken_by(needed, capacity);
            assert!(capacity >= needed && (needed..=2 * needed).contains(&taken), "{needed} in {capacity}: {taken}");
            assert!(needed <= SMALL || taken == needed, "{needed} in {capacity}: {taken}");
        }
        assert_eq!(moves, 8);
    }
}
