//! Work that blocks, beside the runtime.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, scope};

use tokio::sync::oneshot::channel;

/// Bytes of such a thread's stack: modules that look up names want some room.
const STACK: usize = 512 << 10;

/// Does it on a thread of its own. Where none can be started that is an error: the runtime would let it wait for one of
/// its threads to end, which none ever does.
pub(super) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, answer) = channel();
    let run = move || {
        // who asked may be gone
        let _ = sender.send(work());
    };
    let cannot = |e: io::Error| io::Error::new(e.kind(), format!("cannot start a thread: {e}"));
    Builder::new().name("registry".into()).stack_size(STACK).spawn(run).map_err(cannot)?;
    answer.await.map_err(|_| io::Error::other("a thread ended early"))
}

/// Whether so many threads can be started at once. A runtime that cannot start its second one panics, and waits for the
/// first one to end while it does, which never happens.
pub(super) fn can_start(count: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    let lock = || gate.lock().unwrap_or_else(PoisonError::into_inner);
    scope(|scope| {
        let _held = lock();
        // as large as those of the runtime
        (0..count).try_for_each(|_| Builder::new().spawn_scoped(scope, || drop(lock())).map(drop))
    })
}
