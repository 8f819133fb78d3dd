//! What the server logs: one JSON object a line, one line an event. Nothing in a line steers a terminal or another
//! program that reads it: control characters, signs of direction and separators of lines are escaped as JSON allows.
//! Secrets never come here: those of the configuration show themselves as `***`, and errors name no addresses.

use std::io::{self, Write};

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::error::{Error, ErrorKind, Result};

/// The least grave lines that are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// What needs somebody.
    Error,
    /// What went wrong and is tried again, or was refused.
    Warn,
    /// What was done.
    #[default]
    Info,
    /// More of it.
    Debug,
    /// All of it.
    Trace,
}

impl Level {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];
        all.into_iter().find(|level| level.as_str() == word)
    }

    /// What is logged of careen, and of what it stands on: of that, warnings alone, since careen cannot promise for
    /// more that no secret is in it.
    fn filter(self) -> EnvFilter {
        let least = if self == Self::Error { "error" } else { "warn" };
        EnvFilter::new(format!("{least},careen={}", self.as_str()))
    }
}

/// Logs to standard error from now on. `wished` is the level that the environment wishes, before that of the file.
pub fn start(level: Level, wished: Option<&str>) -> Result<()> {
    let level = match wished {
        None => level,
        Some(word) => Level::parse(word).ok_or_else(|| {
            Error::new(ErrorKind::Config, "there is no such level of the log")
                .help("there are: error, warn, info, debug, trace")
        })?,
    };
    let set = tracing::subscriber::set_global_default(subscriber(level, io::stderr));
    set.map_err(|_| Error::new(ErrorKind::Internal, "the log is set up already"))
}

/// What turns events into lines.
fn subscriber<W>(level: Level, to: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(level.filter())
        .with_writer(Plain(to))
        .finish()
}

/// Makes writers of lines that hold nothing but plain signs.
struct Plain<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Plain<W> {
    type Writer = PlainWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        PlainWriter(self.0.make_writer())
    }
}

/// Escapes what is no plain sign in lines of JSON. Each write is of whole lines.
struct PlainWriter<W>(W);

impl<W: Write> Write for PlainWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(plain(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// JSON with every sign that is not plain as `\u…`; such signs stand in its texts alone.
fn plain(line: &str) -> String {
    let is_plain = |c: char| matches!(c, ' '..='~' | '\n') || (c.is_alphanumeric() && !c.is_control());
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        if is_plain(c) {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
pub(super) mod testing {
    use std::sync::{Arc, LazyLock, Mutex};

    use super::*;

    /// Lines that were logged.
    #[derive(Debug, Clone, Default)]
    pub(in crate::server) struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        pub(in crate::server) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text")
        }

        /// Whatever this thread logs while the guard is held.
        pub(in crate::server) fn hear(&self, level: Level) -> tracing::subscriber::DefaultGuard {
            // where there is one subscriber alone, what another thread without one logs first is taken for what nobody
            // hears, here as well: so there are always two
            static SECOND: LazyLock<tracing::Dispatch> =
                LazyLock::new(|| tracing::Dispatch::new(subscriber(Level::Trace, io::sink)));
            LazyLock::force(&SECOND);
            let lines = self.clone();
            tracing::subscriber::set_default(subscriber(level, move || lines.clone()))
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Lines;
    use super::*;

    #[test]
    fn an_event_is_a_line_and_steers_nothing() {
        let lines = Lines::default();
        let hostile = "a\nb\r\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2028}\u{feff}\u{e0041}\"}{ä";
        {
            let _heard = lines.hear(Level::Info);
            tracing::info!(repository = hostile, "one {hostile}");
            tracing::warn!(error = %Error::new(ErrorKind::Io, hostile), "two");
            tracing::debug!("not this");
        }
        let text = lines.text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.chars().all(|c| matches!(c, ' '..='~' | '\n' | 'ä')), "{text:?}");
        for line in text.lines() {
            let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert!(event["timestamp"].is_string() && event["level"].is_string());
        }
        let first: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        assert_eq!(first["repository"], hostile, "nothing is lost");
    }

    #[test]
    fn what_another_thread_logs_first_is_heard_here_too() {
        let lines = Lines::default();
        let _heard = lines.hear(Level::Info);
        let log = || tracing::info!("from one place");
        std::thread::spawn(log).join().expect("no panic");
        log();
        assert_eq!(lines.text().lines().count(), 1, "that of this thread: {}", lines.text());
    }

    #[test]
    fn levels_are_words() {
        assert_eq!(Level::parse("debug"), Some(Level::Debug));
        assert_eq!(Level::parse("careen=trace"), None, "no filter of somebody's own");
        assert!(start(Level::Info, Some("loud")).is_err());
    }
}
