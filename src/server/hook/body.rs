//! Reads the body of a webhook, in memory of which there is so much for all together.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, HttpBody as _};
use axum::http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::Result;

use super::Answer;

/// Bytes of a body up to which room for it grows little by little.
const SMALL: usize = 1 << 20;

/// Bytes that are set aside for a body larger than that, once and for all: what is not written to takes no memory, and
/// what is larger than 32 MiB the C library takes from the system and gives back at once, where it keeps what is smaller.
const LARGE: usize = 33 << 20;

/// Reads a body of at most `most` bytes. It takes them from `room`, until what comes with it is dropped; where there is
/// none left the sender is to come back, so that nobody waits for others who wait for him.
pub(super) async fn whole(
    mut body: Body,
    most: usize,
    room: &Semaphore,
) -> Result<(Vec<u8>, SemaphorePermit<'_>), Answer> {
    let busy = |_| Answer::later("busy");
    let mut held = room.try_acquire_many(0).map_err(busy)?;
    let (mut bytes, mut taken) = (Vec::new(), 0);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| Answer::new(StatusCode::BAD_REQUEST, "broken-off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > most.saturating_sub(bytes.len()) {
            return Err(Answer::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
        }
        let needed = bytes.len() + data.len();
        let capacity = capacity_for(needed, bytes.capacity());
        let more = taken_by(needed, capacity).saturating_sub(taken);
        held.merge(room.try_acquire_many(u32::try_from(more).unwrap_or(u32::MAX)).map_err(busy)?);
        taken += more;
        bytes.reserve_exact(capacity - bytes.len());
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, held))
}

/// Bytes to set aside for a body of which there are `needed` now, and `there` were set aside.
fn capacity_for(needed: usize, there: usize) -> usize {
    match needed {
        _ if needed <= there => there,
        ..=SMALL => needed.max(2 * there).min(SMALL),
        _ => needed.max(LARGE),
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
        let read = |text: &'static str| whole(Body::from(text), 8, &room);
        let (first, held) = read("12345678").await.expect("there is room");
        assert_eq!((first.len(), room.available_permits()), (8, 2));
        assert_eq!(read("123").await.expect_err("full").status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(read("123456789").await.expect_err("too large").status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(read("12").await.is_ok());
        drop(held);
        assert_eq!(room.available_permits(), 10, "all of it was given back");
        // what comes in pieces is counted by what it takes, and moved a few times only
        let (mut capacity, mut moves) = (0, 0);
        for needed in (1..=1_600).map(|pieces| pieces * (16 << 10)) {
            let before = capacity;
            capacity = capacity_for(needed, before);
            moves += usize::from(capacity != before);
            let taken = taken_by(needed, capacity);
            assert!(capacity >= needed && (needed..=2 * needed).contains(&taken), "{needed} in {capacity}: {taken}");
            assert!(needed <= SMALL || taken == needed, "{needed} in {capacity}: {taken}");
        }
        assert_eq!(moves, 8);
    }
}
