//! What the evaluation of a condition may cost, counted as it goes.

/// Steps that one evaluation may take. A plain condition takes ten.
pub(super) const MOST_STEPS: u64 = 1_000_000;

/// Steps that all evaluations of a run may take together: two or three seconds. 10,000 findings under 100
/// conditions take 10 million.
pub(super) const MOST_STEPS_IN_ALL: u64 = 100_000_000;

/// Bytes of texts, lists and maps that one evaluation may make.
const MOST_BYTES: u64 = 16 << 20;

/// Bytes of text that are looked at in one step, and bytes that are made in one.
const BYTES_PER_STEP: usize = 16;
const BYTES_MADE_PER_STEP: usize = 64;

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A limit is reached, and nothing can make up for it.
    Spent(&'static str),
    /// Something that another part of the condition may make up for: in `false && x` it does not matter what `x` is.
    Wrong(String),
}

impl Failure {
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self::Wrong(message.into())
    }

    pub(super) fn into_message(self) -> String {
        match self {
            Self::Spent(message) => message.to_owned(),
            Self::Wrong(message) => message,
        }
    }
}

/// What is left of the budget.
#[derive(Debug)]
pub(super) struct Meter {
    steps: u64,
    bytes: u64,
}

impl Meter {
    pub(super) fn new(steps: u64) -> Self {
        Self { steps, bytes: MOST_BYTES }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn spend(&mut self, steps: u64) -> Result<(), Failure> {
        let left = self.steps.checked_sub(steps);
        self.steps = left.unwrap_or(0);
        left.map(|_| ()).ok_or(Failure::Spent("it takes too many steps"))
    }

    /// For looking at so many bytes, or entries of a map.
    pub(super) fn spend_on(&mut self, bytes: usize) -> Result<(), Failure> {
        let steps = bytes.checked_div(BYTES_PER_STEP).unwrap_or(0);
        self.spend(u64::try_from(steps).unwrap_or(u64::MAX))
    }

    /// For making a text, list or map of so many bytes.
    pub(super) fn make(&mut self, bytes: usize) -> Result<(), Failure> {
        self.spend(u64::try_from(bytes.checked_div(BYTES_MADE_PER_STEP).unwrap_or(0)).unwrap_or(u64::MAX))?;
        let left = u64::try_from(bytes).ok().and_then(|bytes| self.bytes.checked_sub(bytes));
        self.bytes = left.ok_or(Failure::Spent("it takes too much memory"))?;
        Ok(())
    }
}
