//! What ends a command: one error type that says what failed, where, and what to do.
//!
//! Things that merely could not be read inside an image are no errors; see [`crate::limitation`].

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Ends a command: what failed, in which place, and what to do about it.
#[derive(Debug)]
pub struct Error {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// Names the operation that failed, without a full stop.
    pub message: String,
    /// The image, layer, file or host concerned.
    pub place: Option<String>,
    /// A command or a setting to try.
    pub help: Option<String>,
    /// More than one line can say, laid out already, such as the marked lines of a policy file; for people only.
    pub detail: Option<String>,
    /// That the same may go well later; `None` where trying again is no use.
    pub again: Option<Again>,
    /// What the operation itself was told.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Something failed that may go well later: after seconds that the other side asked for, or soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again(
    /// One more than the seconds, so that an error with it stays small.
    NonZeroU32,
);

impl Again {
    /// No wait is asked for.
    pub const SOON: Self = Self(NonZeroU32::MIN);

    /// Whole seconds, at most some hundred years.
    pub fn after(wait: Option<Duration>) -> Self {
        let seconds = wait.map_or(0, |wait| u32::try_from(wait.as_secs()).unwrap_or(u32::MAX - 1));
        Self(NonZeroU32::MIN.saturating_add(seconds))
    }

    /// The wait that was asked for.
    pub fn wait(self) -> Option<Duration> {
        let seconds = u64::from(self.0.get() - 1);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

/// The kinds of failure a caller can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line is wrong.
    Usage,
    /// A configuration or policy file is wrong.
    Config,
    /// The target is not there.
    NotFound,
    /// The registry refused the credentials, or wants some.
    Auth,
    /// The network or the other side failed.
    Network,
    /// The local system failed.
    Io,
    /// The input is not what it claims to be.
    Malformed,
    /// The input is whole, and something else than an image: a signature, a chart, a list of statements.
    NoImage,
    /// The input is beyond a limit; see [`crate::limit`].
    Limit,
    /// What was written is not what was planned.
    Unproven,
    /// A defect in careen.
    Internal,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Usage,
        Self::Config,
        Self::NotFound,
        Self::Auth,
        Self::Network,
        Self::Io,
        Self::Malformed,
        Self::NoImage,
        Self::Limit,
        Self::Unproven,
        Self::Internal,
    ];

    /// The kind of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word used in JSON reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::NotFound => "not-found",
            Self::Auth => "auth",
            Self::Network => "network",
            Self::Io => "io",
            Self::Malformed => "malformed",
            Self::NoImage => "no-image",
            Self::Limit => "limit",
            Self::Unproven => "unproven",
            Self::Internal => "internal",
        }
    }

    /// Whether the input itself was refused, in contrast to a command that could not run.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Malformed | Self::NoImage | Self::Limit)
    }
}

impl Error {
    /// An error with its message alone.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None, help: None, detail: None, again: None, source: None }
    }

    /// Input that is not what it claims to be.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed, message)
    }

    /// Input beyond a limit.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, message)
            .help("if you trust the image, raise the limit with `--limit NAME=VALUE`; `careen scan --help` lists them")
    }

    /// A failure of the local system; a missing file becomes [`ErrorKind::NotFound`].
    pub fn io(message: impl Into<String>, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        Self::new(kind, message).because(source)
    }

    /// Adds the place, unless a more exact one is known already.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place.get_or_insert_with(|| place.into());
        self
    }

    /// Adds what to do, unless something was said already.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.get_or_insert_with(|| help.into());
        self
    }

    /// Adds what more than one line can say.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    /// The message and its causes, on one line; place and help are for the caller to lay out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|cause| cause as &dyn std::error::Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
