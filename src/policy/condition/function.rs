//! Functions of conditions. None has an effect, none reads a clock or the environment.

use std::sync::Arc;

use super::meter::{Failure, Meter};
use super::value::{Kind, Type, Value};
use crate::escape::escape;
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    ToBool,
    ToInt,
    ToDouble,
    ToText,
    ToTime,
    ToSpan,
}

/// How a function is called.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) function: Function,
    /// As `x.name()`, as `name(x)`.
    pub(super) styles: (bool, bool),
    /// What it takes: one of these, and then these.
    pub(super) takes: &'static [&'static [Kind]],
    pub(super) gives: Type,
}

const SCALARS: &[Kind] = &[Kind::Bool, Kind::Int, Kind::Double, Kind::Text, Kind::Time, Kind::Span];

/// The functions; `has`, `matches` and the comprehensions are known apart.
pub(super) static FUNCTIONS: &[Signature] = &[
    both("size", Function::Size, &[&[Kind::Text, Kind::List, Kind::Map]], Kind::Int),
    method("contains", Function::Contains),
    method("startsWith", Function::StartsWith),
    method("endsWith", Function::EndsWith),
    conversion("bool", Function::ToBool, &[&[Kind::Bool, Kind::Text]], Kind::Bool),
    conversion("int", Function::ToInt, &[&[Kind::Int, Kind::Double, Kind::Text, Kind::Time]], Kind::Int),
    conversion("double", Function::ToDouble, &[&[Kind::Int, Kind::Double, Kind::Text]], Kind::Double),
    conversion("string", Function::ToText, &[SCALARS], Kind::Text),
    conversion("timestamp", Function::ToTime, &[&[Kind::Text, Kind::Int, Kind::Time]], Kind::Time),
    conversion("duration", Function::ToSpan, &[&[Kind::Text, Kind::Span]], Kind::Span),
];

const fn both(name: &'static str, function: Function, takes: &'static [&'static [Kind]], gives: Kind) -> Signature {
    Signature { name, function, styles: (true, true), takes, gives: Type::of(gives) }
}

const fn method(name: &'static str, function: Function) -> Signature {
    let takes = &[&[Kind::Text] as &[Kind], &[Kind::Text]];
    Signature { name, function, styles: (true, false), takes, gives: Type::of(Kind::Bool) }
}

const fn conversion(
    name: &'static str,
    function: Function,
    takes: &'static [&'static [Kind]],
    gives: Kind,
) -> Signature {
    Signature { name, function, styles: (false, true), takes, gives: Type::of(gives) }
}

pub(super) fn call<'a>(
    function: Function,
    target: &Value<'a>,
    argument: &Value<'a>,
    meter: &mut Meter,
) -> Result<Value<'a>, Failure> {
    if let Some(text) = target.as_text() {
        meter.spend_on(text.len())?;
    }
    let found = match (function, target) {
        (Function::Size, Value::List(list)) => Some(count(list.len())),
        (Function::Size, Value::Map(map)) => Some(count(map.len())),
        (Function::Contains | Function::StartsWith | Function::EndsWith, _) => {
            target.as_text().zip(argument.as_text()).map(|(text, part)| {
                Value::Bool(match function {
                    Function::StartsWith => text.starts_with(part),
                    Function::EndsWith => text.ends_with(part),
                    _ => text.contains(part),
                })
            })
        }
        (Function::ToText, _) => match string(target) {
            Some(text) => {
                meter.make(text.len())?;
                Some(Value::Made(Arc::from(text)))
            }
            None => target.as_text().is_some().then(|| target.clone()),
        },
        (Function::ToInt, Value::Time(time)) => Some(Value::Int(time.div_euclid(1_000))),
        (Function::ToInt, Value::Double(value)) => Some(Value::Int(truncate(*value)?)),
        (Function::ToDouble, Value::Int(value)) => {
            #[expect(clippy::cast_precision_loss, reason = "as CEL says: the nearest")]
            let value = *value as f64;
            Some(Value::Double(value))
        }
        (Function::ToTime, Value::Int(seconds)) => {
            let time = Timestamp::from_unix(*seconds).to_unix();
            if time != *seconds {
                return Err(Failure::wrong(format!("{seconds} seconds are no time of the years to 9999")));
            }
            Some(Value::Time(time.saturating_mul(1_000)))
        }
        (Function::ToBool, Value::Bool(_))
        | (Function::ToInt, Value::Int(_))
        | (Function::ToDouble, Value::Double(_))
        | (Function::ToTime, Value::Time(_))
        | (Function::ToSpan, Value::Span(_)) => Some(target.clone()),
        _ => match target.as_text() {
            Some(text) => Some(from_text(function, text)?),
            None => None,
        },
    };
    found.ok_or_else(|| {
        let name = FUNCTIONS.iter().find(|known| known.function == function).map_or("", |known| known.name);
        Failure::wrong(format!("`{name}` does not take {}", target.kind().one()))
    })
}

fn from_text<'a>(function: Function, text: &str) -> Result<Value<'a>, Failure> {
    let value = match function {
        Function::Size => Some(count(text.chars().count())),
        Function::ToBool => match text {
            "1" | "t" | "true" | "TRUE" | "True" => Some(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Some(Value::Bool(false)),
            _ => None,
        },
        Function::ToInt => text.parse().ok().map(Value::Int),
        Function::ToDouble => text.parse().ok().map(Value::Double),
        Function::ToTime => {
            text.parse::<Timestamp>().ok().map(|time| Value::Time(time.to_unix().saturating_mul(1_000)))
        }
        Function::ToSpan => span(text).map(Value::Span),
        Function::Contains | Function::StartsWith | Function::EndsWith | Function::ToText => None,
    };
    value.ok_or_else(|| {
        let wanted = match function {
            Function::ToBool => "true or false",
            Function::ToInt => "a whole number",
            Function::ToDouble => "a number",
            Function::ToTime => "a time such as `2026-03-01T12:00:00Z`",
            _ => "a duration such as `720h` or `1h30m`; its units are h, m, s and ms",
        };
        let shown: String = text.chars().take(40).collect();
        Failure::wrong(format!("`{}` is not {wanted}", escape(shown)))
    })
}

fn count<'a>(count: usize) -> Value<'a> {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// The text of a value that is none.
fn string(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Double(value) => Some(value.to_string()),
        Value::Time(time) => Some(Timestamp::from_unix(time.div_euclid(1_000)).to_string()),
        Value::Span(span) => {
            let (sign, span) = (if *span < 0 { "-" } else { "" }, span.unsigned_abs());
            let (seconds, rest) = (span.checked_div(1_000).unwrap_or(0), span.checked_rem(1_000).unwrap_or(0));
            let fraction = format!(".{rest:03}");
            let fraction = if rest == 0 { "" } else { fraction.trim_end_matches('0') };
            Some(format!("{sign}{seconds}{fraction}s"))
        }
        Value::Null | Value::Text(_) | Value::Made(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn truncate(value: f64) -> Result<i64, Failure> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if value.is_nan() || value.trunc() <= -BEYOND || value.trunc() >= BEYOND {
        return Err(Failure::wrong(format!("{value:e} is beyond a number of 64 bits")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds of i64")]
    let value = value as i64;
    Ok(value)
}

/// Milliseconds of `1h30m`, `-2.5s`; at most 4,000 years, like the times they are added to.
fn span(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 4] = [("ms", 1.0), ("h", 3_600_000.0), ("m", 60_000.0), ("s", 1_000.0)];
    const MOST: f64 = 4_000.0 * 366.0 * 86_400_000.0;
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let (unit, length) = UNITS.iter().find(|(unit, _)| tail.starts_with(unit))?;
        sum += number.parse::<f64>().ok()? * length;
        rest = tail.strip_prefix(unit)?;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within 4,000 years")]
    (sum <= MOST).then_some((sign * sum).round() as i64)
}
