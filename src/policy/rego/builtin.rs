//! Functions of Rego whose result can be much more than what they are given, with a bound.
//!
//! The interpreter counts steps, not memory. So these functions are taken from it and asked of another
//! instance only when their result fits the budget of the policy.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use regorus::{Engine, Value};

/// Bytes that the functions of this module may make while a report is judged.
const MOST_BYTES: u64 = 64 << 20;

/// Longest number of a format, such as the width in `%8d`, in digits.
const WIDEST: usize = 3;

/// Bytes that are left, shared by the clones of a policy.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(super) fn refill(&self) {
        self.0.store(MOST_BYTES, Ordering::Relaxed);
    }

    fn take(&self, name: &str, bytes: u64) -> Result<(), Refused> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        left.map(|_| ()).map_err(|_| Refused(format!("`{name}` takes too much memory")))
    }
}

#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// How many bytes a function's result has at most; `None` where that is not known, and nothing is made.
type Bound = fn(&[Value]) -> Option<u64>;

const BOUNDED: &[(&str, u8, Bound)] = &[
    ("array.concat", 2, |given| Some(sum(given))),
    ("bits.lsh", 2, |given| number(given, 1)),
    ("concat", 2, |given| {
        let joined = count(given.get(1)?).checked_mul(size(given.first()?))?;
        joined.checked_add(size(given.get(1)?))
    }),
    ("json.marshal", 1, |given| sum(given).checked_mul(6)),
    ("json.unmarshal", 1, |given| sum(given).checked_mul(16)),
    ("lower", 1, triple),
    ("numbers.range", 2, |given| {
        let (from, to) = (whole(given, 0)?, whole(given, 1)?);
        to.abs_diff(from).checked_add(1)?.checked_mul(16)
    }),
    ("replace", 3, |given| {
        let (text, old, new) = (size(given.first()?), size(given.get(1)?), size(given.get(2)?));
        text.checked_div(old.max(1))?.checked_add(1)?.checked_mul(new)?.checked_add(text)
    }),
    ("split", 2, |given| sum(given).checked_mul(32)),
    ("sprintf", 2, |given| {
        let format = given.first()?.as_string().ok()?;
        let widths = format.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        let verbs = u64::try_from(format.matches('%').count()).ok()?;
        let padding = verbs.checked_mul(10_u64.checked_pow(u32::try_from(WIDEST).ok()?)?)?;
        // what is printed of a value has quotes and commas around it
        let values = size(given.get(1)?).checked_mul(8)?;
        (widths <= WIDEST).then_some(())?;
        size(given.first()?).checked_add(padding)?.checked_add(values)
    }),
    ("strings.reverse", 1, |given| Some(sum(given))),
    ("substring", 3, |given| Some(sum(given))),
    ("trim", 2, |given| Some(sum(given))),
    ("trim_left", 2, |given| Some(sum(given))),
    ("trim_prefix", 2, |given| Some(sum(given))),
    ("trim_right", 2, |given| Some(sum(given))),
    ("trim_space", 1, |given| Some(sum(given))),
    ("trim_suffix", 2, |given| Some(sum(given))),
    ("upper", 1, triple),
];

/// Functions that are not there.
const REFUSED: &[(&str, u8)] = &[("numbers.range_step", 3), ("strings.replace_n", 2)];

/// Puts the bounds into `engine`.
pub(super) fn bound(engine: &mut Engine, budget: &Budget) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for (name, arguments, bound) in BOUNDED {
        let mut inner = Engine::new();
        let given: Vec<String> = (0..*arguments).map(|index| format!("input[{index}]")).collect();
        inner.add_policy((*name).to_owned(), format!("package one\nresult := {name}({})\n", given.join(", ")))?;
        let budget = budget.clone();
        let call = move |given: Vec<Value>| {
            let bytes = bound(&given).ok_or_else(|| Refused(format!("`{name}` has no bound for its result")))?;
            budget.take(name, bytes)?;
            inner.set_input(Value::from(given));
            inner.eval_rule("data.one.result".to_owned())
        };
        engine.add_extension((*name).to_owned(), *arguments, Box::new(call))?;
    }
    for (name, arguments) in REFUSED {
        let mut inner = Engine::new();
        let call = move |_: Vec<Value>| {
            Err(Refused(format!("careen does not give policies `{name}`")))?;
            inner.eval_rule(String::new())
        };
        engine.add_extension((*name).to_owned(), *arguments, Box::new(call))?;
    }
    Ok(())
}

fn sum(given: &[Value]) -> u64 {
    given.iter().map(size).fold(0, u64::saturating_add)
}

/// Of letters whose other case is longer.
fn triple(given: &[Value]) -> Option<u64> {
    sum(given).checked_mul(3)
}

fn whole(given: &[Value], index: usize) -> Option<i64> {
    given.get(index)?.as_i64().ok()
}

fn number(given: &[Value], index: usize) -> Option<u64> {
    u64::try_from(whole(given, index)?).ok()
}

/// How many values it holds.
fn count(value: &Value) -> u64 {
    let count = match value {
        Value::Array(items) => items.len(),
        Value::Set(items) => items.len(),
        _ => 1,
    };
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// About how many bytes it is when written, parts that are shared counted each time.
fn size(value: &Value) -> u64 {
    const MOST: u64 = MOST_BYTES + 1;
    let mut bytes = 0_u64;
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        let own = match value {
            Value::String(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
            Value::Array(items) => {
                open.extend(items.iter());
                0
            }
            Value::Set(items) => {
                open.extend(items.iter());
                0
            }
            Value::Object(map) => {
                open.extend(map.iter().flat_map(|(key, value)| [key, value]));
                0
            }
            _ => 8,
        };
        bytes = bytes.saturating_add(own).saturating_add(8);
        if bytes > MOST {
            break;
        }
    }
    bytes
}
