//! Values of conditions, borrowed from what they are read from; and how CEL compares them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map as Object, Value as Json};

use super::meter::{Failure, Meter};

/// How deep lists and maps within each other are compared.
const DEEPEST_VALUE: usize = 32;

/// Bytes of a text whose comparison is not counted apart.
const SHORT: usize = 64;

/// The kind of a value, as far as it is known before a condition is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    Double,
    Text,
    Time,
    Span,
    List,
    Map,
    /// Known only when it is there, as all evidence is.
    Any,
}

impl Kind {
    /// As CEL calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::Time => "timestamp",
            Self::Span => "duration",
            Self::List => "list",
            Self::Map => "map",
            Self::Any => "dyn",
        }
    }

    /// With `a` or `an` before it.
    pub(super) fn one(self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Int => "an int".into(),
            Self::Any => "a value of unknown type".into(),
            other => format!("a {}", other.name()),
        }
    }

    /// Whether values of these kinds can be equal.
    pub(super) fn may_equal(self, other: Self) -> bool {
        self == other
            || [self, other].contains(&Self::Any)
            || [self, other].contains(&Self::Null)
            || (self.is_number() && other.is_number())
    }

    /// Whether `<` means something between values of these kinds.
    pub(super) fn may_order(self, other: Self) -> bool {
        let ordered = |kind| !matches!(kind, Self::Null | Self::List | Self::Map);
        ordered(self) && ordered(other) && self.may_equal(other)
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double)
    }
}

/// A kind, and of lists and maps that of what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) kind: Kind,
    pub(super) item: Kind,
}

impl Type {
    pub(super) const fn of(kind: Kind) -> Self {
        Self { kind, item: Kind::Any }
    }

    pub(super) const fn list(item: Kind) -> Self {
        Self { kind: Kind::List, item }
    }

    pub(super) const fn map(item: Kind) -> Self {
        Self { kind: Kind::Map, item }
    }

    /// Such as `list(string)`.
    pub(super) fn name(self) -> String {
        match self.kind {
            Kind::List => format!("list({})", self.item.name()),
            Kind::Map => format!("map(string, {})", self.item.name()),
            kind => kind.name().to_owned(),
        }
    }

    /// What a field of this type is where nothing is known. A time has nothing of the kind.
    pub(super) fn absent<'a>(self) -> Option<Value<'a>> {
        Some(match self.kind {
            Kind::Null | Kind::Any => Value::Null,
            Kind::Bool => Value::Bool(false),
            Kind::Int => Value::Int(0),
            Kind::Double => Value::Double(0.0),
            Kind::Text => Value::Text(""),
            Kind::List => Value::List(List::Texts(&[])),
            Kind::Map => Value::Map(Map::Made(Arc::default())),
            Kind::Time | Kind::Span => return None,
        })
    }
}

/// A value. Clones are cheap.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a str),
    /// A text that the condition made.
    Made(Arc<str>),
    /// Milliseconds since 1970.
    Time(i64),
    /// Milliseconds.
    Span(i64),
    List(List<'a>),
    Map(Map<'a>),
}

#[derive(Debug, Clone)]
pub(super) enum List<'a> {
    Texts(&'a [String]),
    Json(&'a [Json]),
    Made(Arc<[Value<'a>]>),
}

#[derive(Debug, Clone)]
pub(super) enum Map<'a> {
    Evidence(&'a BTreeMap<&'static str, Json>),
    Texts(&'a BTreeMap<String, String>),
    Json(&'a Object<String, Json>),
    Made(Arc<[(Value<'a>, Value<'a>)]>),
}

impl Value<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Double(_) => Kind::Double,
            Self::Text(_) | Self::Made(_) => Kind::Text,
            Self::Time(_) => Kind::Time,
            Self::Span(_) => Kind::Span,
            Self::List(_) => Kind::List,
            Self::Map(_) => Kind::Map,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Made(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is the same: numbers by their amount, lists and maps by all that is in them; values of other kinds
    /// never are.
    pub(super) fn equals(&self, other: &Self, meter: &mut Meter) -> Result<bool, Failure> {
        match (self, other) {
            // what is asked most, and costs no more than the step it is asked in
            (Self::Text(a), Self::Text(b)) if a.len() != b.len() || a.len() < SHORT => Ok(a == b),
            _ => self.equals_down(other, meter, DEEPEST_VALUE),
        }
    }

    fn equals_down(&self, other: &Self, meter: &mut Meter, depth: usize) -> Result<bool, Failure> {
        let below = || depth.checked_sub(1).ok_or(Failure::Spent("values are nested too deep to be compared"));
        match (self, other) {
            (Self::List(a), Self::List(b)) => {
                let depth = below()?;
                meter.spend(1)?;
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    meter.spend(1)?;
                    if !a.equals_down(&b, meter, depth)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Self::Map(a), Self::Map(b)) => {
                let depth = below()?;
                meter.spend(1)?;
                if a.len() != b.len() {
                    return Ok(false);
                }
                for key in a.keys() {
                    meter.spend_on(a.len().saturating_add(b.len()))?;
                    let is_same = match (a.get(&key), b.get(&key)) {
                        (Some(a), Some(b)) => a.equals_down(&b, meter, depth)?,
                        _ => false,
                    };
                    if !is_same {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Self::Null, Self::Null) => Ok(true),
            _ => {
                meter.spend_on(self.as_text().map_or(0, str::len))?;
                Ok(self.order(other) == Some(Ordering::Equal))
            }
        }
    }

    /// Which is less; `None` where that means nothing, as between a number and a text.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) | (Self::Time(a), Self::Time(b)) | (Self::Span(a), Self::Span(b)) => {
                Some(a.cmp(b))
            }
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Double(b)) => order_numbers(*a, *b),
            (Self::Double(a), Self::Int(b)) => order_numbers(*b, *a).map(Ordering::reverse),
            (a, b) => Some(a.as_text()?.cmp(b.as_text()?)),
        }
    }
}

/// Orders a whole number and a fraction exactly, without the loss of a conversion.
fn order_numbers(whole: i64, fraction: f64) -> Option<Ordering> {
    /// 2⁶³, the first that is beyond all whole numbers.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if fraction.is_nan() {
        return None;
    }
    if fraction >= BEYOND {
        return Some(Ordering::Less);
    }
    if fraction < -BEYOND {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within the bounds of i64")]
    let below = fraction.floor() as i64;
    Some(whole.cmp(&below).then(if fraction > fraction.floor() { Ordering::Less } else { Ordering::Equal }))
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Self::Int(value),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(text),
            Json::Array(items) => Self::List(List::Json(items)),
            Json::Object(object) => Self::Map(Map::Json(object)),
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Texts(list) => list.len(),
            Self::Json(list) => list.len(),
            Self::Made(list) => list.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Texts(list) => list.get(index).map(|text| Value::Text(text)),
            Self::Json(list) => list.get(index).map(Value::from),
            Self::Made(list) => list.get(index).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a, '_> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Evidence(map) => map.len(),
            Self::Texts(map) => map.len(),
            Self::Json(map) => map.len(),
            Self::Made(map) => map.len(),
        }
    }

    pub(super) fn get(&self, key: &Value<'_>) -> Option<Value<'a>> {
        match self {
            Self::Made(map) => {
                map.iter().find(|(known, _)| known.order(key) == Some(Ordering::Equal)).map(|(_, value)| value.clone())
            }
            _ => self.named(key.as_text()?),
        }
    }

    /// What is at a key that is a text.
    pub(super) fn named(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::Evidence(map) => map.get(key).map(Value::from),
            Self::Texts(map) => map.get(key).map(|text| Value::Text(text)),
            Self::Json(map) => map.get(key).map(Value::from),
            Self::Made(map) => {
                map.iter().find(|(known, _)| known.as_text() == Some(key)).map(|(_, value)| value.clone())
            }
        }
    }

    /// Its keys: of evidence and labels in the order of the alphabet, else as written.
    pub(super) fn keys(&self) -> Box<dyn Iterator<Item = Value<'a>> + '_> {
        match self {
            Self::Evidence(map) => Box::new(map.keys().map(|key| Value::Text(key))),
            Self::Texts(map) => Box::new(map.keys().map(|key| Value::Text(key))),
            Self::Json(map) => Box::new(map.keys().map(|key| Value::Text(key))),
            Self::Made(map) => Box::new(map.iter().map(|(key, _)| key.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_and_fractions_are_ordered_exactly() {
        use Ordering::{Equal, Greater, Less};
        let most = 9_223_372_036_854_775_807_i64;
        for (whole, fraction, expected) in [
            (7, 7.0, Some(Equal)),
            (7, 7.5, Some(Less)),
            (-7, -7.5, Some(Greater)),
            (0, -0.0, Some(Equal)),
            (most, 9_223_372_036_854_775_808.0, Some(Less)),
            (i64::MIN, -9_223_372_036_854_775_808.0, Some(Equal)),
            (i64::MIN, f64::NEG_INFINITY, Some(Greater)),
            (9_007_199_254_740_993, 9_007_199_254_740_992.0, Some(Greater)),
            (1, f64::NAN, None),
        ] {
            assert_eq!(order_numbers(whole, fraction), expected, "{whole} {fraction}");
            let (a, b) = (Value::Double(fraction), Value::Int(whole));
            assert_eq!(a.order(&b), expected.map(Ordering::reverse), "{fraction} {whole}");
        }
    }

    #[test]
    fn values_of_other_kinds_are_never_equal() {
        let json: Json =
            serde_json::from_str(r#"[1, 1.0, "1", [1], {"a": 1}, {"a": 1.0}, null, true, []]"#).expect("JSON");
        let values: Vec<Value<'_>> = json.as_array().expect("a list").iter().map(Value::from).collect();
        let equal: Vec<(usize, usize)> = (0..values.len())
            .flat_map(|a| (0..a).map(move |b| (b, a)))
            .filter(|(a, b)| values[*a].equals(&values[*b], &mut Meter::new(1_000)).expect("in budget"))
            .collect();
        assert_eq!(equal, [(0, 1), (4, 5)]);
        assert!(values[3].equals(&values[3], &mut Meter::new(1)).is_err(), "steps are counted");
    }
}
