//! What a terminal is, and is shown: colour, width, progress, errors.

use std::io::{self, IsTerminal, Write as _};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::{Error, Result};
use crate::escape::escape;
use crate::output::Style;
use crate::pass::Progress;
use crate::scan::Watch;
use crate::size::ByteSize;
use crate::time::{Date, Timestamp};

use super::exit::Exit;

/// The time.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The day, in UTC.
pub(super) fn today() -> Date {
    now().date()
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether to colour what goes to `stream` (see the conventions of `NO_COLOR` and `CLICOLOR_FORCE`).
pub(super) fn wants_colour(stream: &impl IsTerminal, colour: Colour) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if is_set("NO_COLOR") => false,
        Colour::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        Colour::Auto => stream.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Columns of the terminal that standard output is, at most 120; 80 elsewhere.
pub(super) fn width() -> usize {
    match terminal_size::terminal_size_of(io::stdout()) {
        Some((terminal_size::Width(columns), _)) => usize::from(columns).clamp(40, 120),
        None => 80,
    }
}

/// A style for documents that programs read.
pub(super) fn plain() -> impl Fn(bool) -> Style {
    |_| Style::PLAIN
}

/// Shows an error; the exit code that stands for it.
pub(super) fn failed(error: &Error) -> Exit {
    print_error(error);
    Exit::of(error)
}

/// The end of a command that says by itself how it ended.
pub(super) fn ended(done: Result<Exit>) -> Exit {
    done.unwrap_or_else(|error| failed(&error))
}

/// Shows an error as three lines at most: what, where, what to do.
pub(super) fn print_error(error: &Error) {
    let colour = wants_colour(&io::stderr(), Colour::Auto);
    let word = if colour { "\x1b[1;31merror\x1b[0m" } else { "error" };
    let mut text = match error.detail.as_deref() {
        Some(detail) => format!("{}\n", detail.trim_end()),
        None => format!("{word}: {error}\n"),
    };
    if let Some(place) = &error.place {
        text += &format!("  in: {}\n", escape(place));
    }
    if let Some(help) = &error.help {
        text += &format!("  help: {help}\n");
    }
    // an error may quote an image, a policy or the command line
    let text = crate::secret::mask_text(&text);
    // nobody is left to tell when stderr is closed
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Shows something that the user should know, and that stops nothing.
pub(super) fn warn(what: &str) {
    let colour = wants_colour(&io::stderr(), Colour::Auto);
    let word = if colour { "\x1b[1;33mwarning\x1b[0m" } else { "warning" };
    let text = crate::secret::mask_text(&format!("{word}: {}\n", escape(what)));
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Has a panic say where it was and not what it was about: its message may quote what was read.
pub(super) fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
        let text = format!("careen: a part of careen failed{place}; what it was reading is told as not read\n");
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }));
}

/// Shows how many bytes have come, and lines above that.
pub(super) struct Meter {
    bar: ProgressBar,
    is_quiet: bool,
}

impl Meter {
    /// Shows bytes if stderr is a terminal, and lines unless it shall be quiet.
    pub(super) fn new(is_quiet: bool) -> Self {
        let target = if !is_quiet && io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bytes} {bytes_per_sec}") {
            bar.set_style(style);
        }
        Self { bar, is_quiet }
    }

    /// So many bytes more have come.
    pub(super) fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// What is going on.
    pub(super) fn tell(&self, what: String) {
        self.bar.set_message(what);
    }

    /// Writes lines that stay, unless it is quiet.
    pub(super) fn line(&self, text: &str) {
        if !self.is_quiet {
            // nobody is left to tell when stderr is closed
            self.bar.suspend(|| drop(writeln!(io::stderr().lock(), "{}", text.trim_end())));
        }
    }

    /// Shows an error, which is never left out.
    pub(super) fn error(&self, error: &Error) {
        self.bar.suspend(|| print_error(error));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Watches a scan: a bar on a terminal, and the time of each stage.
pub(super) struct Watcher {
    bar: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: u64,
    layers: (usize, usize),
    stage: Option<(&'static str, Instant, u64)>,
    stages: Vec<(&'static str, Duration, u64)>,
}

impl Watcher {
    /// Shows a bar on stderr if that is a terminal and `visible`.
    pub(super) fn new(visible: bool) -> Self {
        let target = if visible && io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bytes} {bytes_per_sec}") {
            bar.set_style(style);
        }
        Self { bar, state: Mutex::default() }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
        self.end_stage();
    }

    /// Time and bytes of each stage, a line each.
    pub(super) fn summary(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, time, bytes) in &state.stages {
            text += &format!("{name:<9} {:>8.1} ms", time.as_secs_f64() * 1000.0);
            if *bytes > 0 {
                text += &format!("  {}", ByteSize(*bytes));
            }
            text.push('\n');
        }
        text
    }

    fn end_stage(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, since, bytes)) = state.stage.take() {
            let read = state.bytes - bytes;
            state.stages.push((name, since.elapsed(), read));
        }
    }
}

impl Progress for Watcher {
    fn bytes(&self, count: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).bytes += count;
        self.bar.inc(count);
    }

    fn layer_done(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.layers.0 += 1;
        let (done, of) = state.layers;
        drop(state);
        self.bar.set_message(if of == 0 {
            format!("{done} layers read")
        } else {
            format!("{done} of {of} layers read")
        });
    }
}

impl Watch for Watcher {
    fn stage(&self, name: &'static str) {
        self.end_stage();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.stage = Some((name, Instant::now(), state.bytes));
        drop(state);
        self.bar.set_message(name);
    }

    fn expect(&self, layers: usize, bytes: Option<u64>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).layers = (0, layers);
        if let Some(bytes) = bytes {
            self.bar.set_length(bytes);
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {msg} {bar:24} {bytes} of {total_bytes} {bytes_per_sec}")
            {
                self.bar.set_style(style);
            }
        }
    }
}
