//! Any body is read or refused by each kind of sender; the first byte says by which.
#![no_main]

use careen::server::event::{Delivered, SENDERS, What};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, body)) = bytes.split_first() else { return };
    let sender = SENDERS[usize::from(*kind) % SENDERS.len()];
    let headers = Default::default();
    let Ok(notices) = sender.read(&Delivered { headers: &headers, body }) else { return };
    assert!(!notices.is_empty() && notices.len() <= 10_001);
    for notice in notices {
        assert!(!notice.id.is_empty() && notice.id.len() <= 256);
        if let What::Pushed(place) | What::Deleted(place) = notice.what {
            assert!(place.tag.is_some() || place.digest.is_some());
        }
    }
});
