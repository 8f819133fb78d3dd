//! Work that blocks, beside the runtime.

use std::io;
use std::thread::Builder;

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
