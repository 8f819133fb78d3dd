//! `careen worker`: one scan for a server, which starts it and speaks to it by pipes. No person calls it.

use std::io;

use crate::server::worker::child;

use super::exit::Exit;

/// Does the task on standard input.
pub(super) fn run() -> Exit {
    match child::serve(&mut io::stdin().lock(), &mut io::stdout()) {
        Ok(()) => Exit::Passed,
        Err(_) => Exit::CannotRun,
    }
}
