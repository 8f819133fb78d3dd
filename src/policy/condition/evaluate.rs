//! Evaluates checked conditions (CEL's language definition, "Evaluation"), each step paid for.

use std::cmp::Ordering;
use std::sync::Arc;

use regex::Regex;

use super::function::{Function, call};
use super::meter::{Failure, Meter};
use super::object::{Field, FindingObject, ImageObject, Read};
use super::value::{Kind, List, Map, Value};

/// A part of a condition whose names and types are checked.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Constant(Value<'static>),
    Field(&'static Field),
    /// Whether a field is known.
    IsKnown(&'static Field),
    Today,
    /// The variable of the comprehension that is so many steps from the outermost.
    Local(usize),
    /// What is in a map at a name.
    Key(Box<Node>, Box<str>),
    HasKey(Box<Node>, Box<str>),
    Index(Box<(Node, Node)>),
    List(Box<[Node]>),
    Map(Box<[(Node, Node)]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    /// Parts of which one decides: `true` in `||`, `false` in `&&`.
    Several {
        decides: bool,
        parts: Box<[Node]>,
    },
    Choice(Box<(Node, Node, Node)>),
    /// `==`, or `!=`.
    Equal {
        is: bool,
        sides: Box<(Node, Node)>,
    },
    Order(Order, Box<(Node, Node)>),
    In(Box<(Node, Node)>),
    Arithmetic(Operator, Box<(Node, Node)>),
    Call(Function, Box<[Node]>),
    Matches(Box<Node>, Box<Pattern>),
    Loop(Box<Loop>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A regular expression.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// Steps that one byte may take.
    pub(super) weight: usize,
}

/// A comprehension.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    pub(super) kind: LoopKind,
    pub(super) range: Node,
    pub(super) filter: Option<Node>,
    pub(super) body: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// What an evaluation reads, and what it has left.
pub(super) struct Frame<'a> {
    pub(super) finding: &'a FindingObject<'a>,
    pub(super) image: &'a ImageObject<'a>,
    pub(super) locals: Vec<Value<'a>>,
    pub(super) meter: Meter,
}

impl Node {
    pub(super) fn value<'a>(&'a self, frame: &mut Frame<'a>) -> Result<Value<'a>, Failure> {
        frame.meter.spend(1)?;
        Ok(match self {
            // borrowed, so that no count is kept
            Self::Constant(Value::Made(text)) => Value::Text(text),
            Self::Constant(value) => value.clone(),
            Self::Field(field) => match read(field, frame) {
                Some(value) => value,
                None => field.r#type.absent().ok_or_else(|| unknown(field))?,
            },
            Self::IsKnown(field) => Value::Bool(read(field, frame).is_some()),
            Self::Today => Value::Time(frame.image.now()),
            Self::Local(slot) => frame.locals.get(*slot).cloned().unwrap_or(Value::Null),
            Self::Key(target, name) => {
                let target = target.value(frame)?;
                keyed(&target, name, frame)?.ok_or_else(|| no_key(&Value::Text(name)))?
            }
            Self::HasKey(target, name) => {
                let target = target.value(frame)?;
                Value::Bool(keyed(&target, name, frame)?.is_some())
            }
            Self::Index(parts) => {
                let (target, index) = (parts.0.value(frame)?, parts.1.value(frame)?);
                at(&target, &index, frame)?
            }
            Self::List(parts) => {
                frame.meter.make(parts.len().saturating_mul(size_of::<Value<'_>>()))?;
                let values: Result<Vec<_>, _> = parts.iter().map(|part| part.value(frame)).collect();
                Value::List(List::Made(values?.into()))
            }
            Self::Map(entries) => map(entries, frame)?,
            Self::Not(part) => Value::Bool(!part.truth(frame)?),
            Self::Negate(part) => negate(&part.value(frame)?)?,
            Self::Several { .. } | Self::Equal { .. } | Self::Order(..) | Self::In(_) | Self::Matches(..) => {
                Value::Bool(self.decide(frame)?)
            }
            Self::Choice(parts) => {
                let part = if parts.0.truth(frame)? { &parts.1 } else { &parts.2 };
                part.value(frame)?
            }
            Self::Arithmetic(operator, sides) => {
                let (left, right) = (sides.0.value(frame)?, sides.1.value(frame)?);
                arithmetic(*operator, &left, &right, &mut frame.meter)?
            }
            Self::Call(function, arguments) => {
                let target = match arguments.first() {
                    Some(node) => node.value(frame)?,
                    None => Value::Null,
                };
                let argument = match arguments.get(1) {
                    Some(node) => node.value(frame)?,
                    None => Value::Null,
                };
                call(*function, &target, &argument, &mut frame.meter)?
            }
            Self::Loop(one) => one.value(frame)?,
        })
    }

    /// Its value, which must be true or false.
    pub(super) fn truth<'a>(&'a self, frame: &mut Frame<'a>) -> Result<bool, Failure> {
        match self.value(frame)? {
            Value::Bool(value) => Ok(value),
            other => Err(Failure::wrong(format!("there is {} where true or false belongs", other.kind().one()))),
        }
    }

    fn decide<'a>(&'a self, frame: &mut Frame<'a>) -> Result<bool, Failure> {
        match self {
            Self::Several { decides, parts } => {
                several(*decides, parts.iter(), frame, |part: &Node, frame| part.truth(frame))
            }
            Self::Equal { is, sides } => {
                let (left, right) = (sides.0.value(frame)?, sides.1.value(frame)?);
                Ok(left.equals(&right, &mut frame.meter)? == *is)
            }
            Self::Order(order, sides) => {
                let (left, right) = (sides.0.value(frame)?, sides.1.value(frame)?);
                if !left.kind().may_order(right.kind()) {
                    let (left, right) = (left.kind().one(), right.kind().one());
                    return Err(Failure::wrong(format!("{left} and {right} have no order")));
                }
                frame.meter.spend_on(left.as_text().map_or(0, str::len))?;
                Ok(match (order, left.order(&right)) {
                    // what is no number is in no order
                    (_, None) => false,
                    (Order::Less, Some(found)) => found == Ordering::Less,
                    (Order::LessOrEqual, Some(found)) => found != Ordering::Greater,
                    (Order::Greater, Some(found)) => found == Ordering::Greater,
                    (Order::GreaterOrEqual, Some(found)) => found != Ordering::Less,
                })
            }
            Self::In(sides) => {
                let value = sides.0.value(frame)?;
                if let Node::Constant(Value::List(List::Made(list))) = &sides.1 {
                    return among(&value, list.iter(), &mut frame.meter);
                }
                match sides.1.value(frame)? {
                    Value::List(list) => among(&value, list.iter(), &mut frame.meter),
                    Value::Map(map) => {
                        frame.meter.spend_on(map.len())?;
                        Ok(map.get(&value).is_some())
                    }
                    other => {
                        Err(Failure::wrong(format!("`in` looks in a list or a map, not in {}", other.kind().one())))
                    }
                }
            }
            Self::Matches(part, pattern) => match part.value(frame)?.as_text() {
                Some(text) => {
                    frame.meter.spend_on(text.len().saturating_mul(pattern.weight))?;
                    Ok(pattern.regex.is_match(text))
                }
                None => Err(Failure::wrong("`matches` looks at a string")),
            },
            _ => self.truth(frame),
        }
    }
}

fn read<'a>(field: &'static Field, frame: &Frame<'a>) -> Option<Value<'a>> {
    match field.read {
        Read::Finding(read) => read(frame.finding),
        Read::Image(read) => read(frame.image),
    }
}

fn unknown(field: &Field) -> Failure {
    let Field { object, name, .. } = field;
    Failure::wrong(format!("`{object}.{name}` is not known; ask `has({object}.{name})` before"))
}

/// Whether one part is what decides. Like in CEL, a part that has no value does not matter where another decides.
fn several<'a, T>(
    decides: bool,
    parts: impl Iterator<Item = T>,
    frame: &mut Frame<'a>,
    truth: impl Fn(T, &mut Frame<'a>) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let mut failed = None;
    for part in parts {
        match truth(part, frame) {
            Ok(value) if value == decides => return Ok(decides),
            Ok(_) => {}
            Err(spent @ Failure::Spent(_)) => return Err(spent),
            Err(wrong) => failed = failed.or(Some(wrong)),
        }
    }
    failed.map_or(Ok(!decides), Err)
}

fn among<'a, V: std::borrow::Borrow<Value<'a>>>(
    value: &Value<'a>,
    list: impl Iterator<Item = V>,
    meter: &mut Meter,
) -> Result<bool, Failure> {
    for item in list {
        meter.spend(1)?;
        if value.equals(item.borrow(), meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn keyed<'a>(target: &Value<'a>, name: &str, frame: &mut Frame<'a>) -> Result<Option<Value<'a>>, Failure> {
    match target {
        Value::Map(map) => {
            frame.meter.spend_on(map.len())?;
            Ok(map.named(name))
        }
        other => Err(Failure::wrong(format!("{} has no field `{name}`", other.kind().one()))),
    }
}

fn no_key(key: &Value<'_>) -> Failure {
    let key = match key {
        Value::Int(value) => value.to_string(),
        other => crate::escape::escape(other.as_text().unwrap_or_default()),
    };
    Failure::wrong(format!("there is no key `{key}`"))
}

fn at<'a>(target: &Value<'a>, index: &Value<'a>, frame: &mut Frame<'a>) -> Result<Value<'a>, Failure> {
    match (target, index) {
        (Value::Map(map), key) => {
            frame.meter.spend_on(map.len())?;
            map.get(key).ok_or_else(|| no_key(key))
        }
        (Value::List(list), Value::Int(index)) => usize::try_from(*index)
            .ok()
            .and_then(|index| list.get(index))
            .ok_or_else(|| Failure::wrong(format!("there is no item {index} in a list of {}", list.len()))),
        (target, index) => {
            let (target, index) = (target.kind().one(), index.kind().one());
            Err(Failure::wrong(format!("{target} has no item at {index}")))
        }
    }
}

fn map<'a>(entries: &'a [(Node, Node)], frame: &mut Frame<'a>) -> Result<Value<'a>, Failure> {
    frame.meter.make(entries.len().saturating_mul(size_of::<(Value<'_>, Value<'_>)>()))?;
    let mut made: Vec<(Value<'a>, Value<'a>)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key = key.value(frame)?;
        if !matches!(key.kind(), Kind::Text | Kind::Int | Kind::Bool) {
            return Err(Failure::wrong(format!("{} is no key of a map", key.kind().one())));
        }
        frame.meter.spend_on(made.len())?;
        if made.iter().any(|(known, _)| known.order(&key) == Some(Ordering::Equal)) {
            return Err(Failure::wrong("a key stands twice in a map"));
        }
        made.push((key, value.value(frame)?));
    }
    Ok(Value::Map(Map::Made(made.into())))
}

fn negate<'a>(value: &Value<'a>) -> Result<Value<'a>, Failure> {
    match value {
        Value::Int(value) => value.checked_neg().map(Value::Int).ok_or_else(overflow),
        Value::Double(value) => Ok(Value::Double(-value)),
        other => Err(Failure::wrong(format!("{} has no sign", other.kind().one()))),
    }
}

fn overflow() -> Failure {
    Failure::wrong("a number is beyond 64 bits")
}

fn arithmetic<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
    meter: &mut Meter,
) -> Result<Value<'a>, Failure> {
    let found = match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            if *b == 0 && matches!(operator, Operator::Divide | Operator::Remainder) {
                return Err(Failure::wrong("there is a division by zero"));
            }
            Some(Value::Int(operator.whole(*a, *b).ok_or_else(overflow)?))
        }
        (Value::Double(a), Value::Double(b)) => operator.fraction(*a, *b).map(Value::Double),
        (Value::Span(a), Value::Span(b)) if operator.is_sum() => {
            Some(Value::Span(operator.whole(*a, *b).ok_or_else(overflow)?))
        }
        (Value::Time(a), Value::Span(b)) if operator.is_sum() => {
            Some(Value::Time(operator.whole(*a, *b).ok_or_else(overflow)?))
        }
        (Value::Span(a), Value::Time(b)) if operator == Operator::Add => {
            Some(Value::Time(a.checked_add(*b).ok_or_else(overflow)?))
        }
        (Value::Time(a), Value::Time(b)) if operator == Operator::Subtract => {
            Some(Value::Span(a.checked_sub(*b).ok_or_else(overflow)?))
        }
        (Value::List(a), Value::List(b)) if operator == Operator::Add => {
            let items = a.len().saturating_add(b.len());
            meter.make(items.saturating_mul(size_of::<Value<'_>>()))?;
            Some(Value::List(List::Made(a.iter().chain(b.iter()).collect())))
        }
        (a, b) if operator == Operator::Add => match (a.as_text(), b.as_text()) {
            (Some(a), Some(b)) => {
                meter.make(a.len().saturating_add(b.len()))?;
                Some(Value::Made(Arc::from([a, b].concat())))
            }
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| {
        let (left, right) = (left.kind().one(), right.kind().one());
        Failure::wrong(format!("there is no `{}` for {left} and {right}", operator.sign()))
    })
}

impl Operator {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    fn is_sum(self) -> bool {
        matches!(self, Self::Add | Self::Subtract)
    }

    fn whole(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Self::Add => a.checked_add(b),
            Self::Subtract => a.checked_sub(b),
            Self::Multiply => a.checked_mul(b),
            Self::Divide => a.checked_div(b),
            Self::Remainder => a.checked_rem(b),
        }
    }

    fn fraction(self, a: f64, b: f64) -> Option<f64> {
        match self {
            Self::Add => Some(a + b),
            Self::Subtract => Some(a - b),
            Self::Multiply => Some(a * b),
            Self::Divide => Some(a / b),
            Self::Remainder => None,
        }
    }
}

impl Loop {
    fn value<'a>(&'a self, frame: &mut Frame<'a>) -> Result<Value<'a>, Failure> {
        let list = match self.range.value(frame)? {
            Value::List(list) => list,
            Value::Map(map) => {
                frame.meter.make(map.len().saturating_mul(size_of::<Value<'_>>()))?;
                List::Made(map.keys().collect())
            }
            other => {
                return Err(Failure::wrong(format!("{} cannot be gone through", other.kind().one())));
            }
        };
        let slot = frame.locals.len();
        frame.locals.push(Value::Null);
        let result = self.over(&list, slot, frame);
        frame.locals.truncate(slot);
        result
    }

    fn over<'a>(&'a self, list: &List<'a>, slot: usize, frame: &mut Frame<'a>) -> Result<Value<'a>, Failure> {
        let holds = |item: Value<'a>, frame: &mut Frame<'a>| {
            bind(item, slot, frame);
            self.body.truth(frame)
        };
        match self.kind {
            LoopKind::All | LoopKind::Exists => {
                several(self.kind == LoopKind::Exists, list.iter(), frame, holds).map(Value::Bool)
            }
            LoopKind::ExistsOne => {
                let mut count = 0_usize;
                for item in list.iter() {
                    count = count.saturating_add(usize::from(holds(item, frame)?));
                }
                Ok(Value::Bool(count == 1))
            }
            LoopKind::Filter => {
                let mut kept = Vec::new();
                for item in list.iter() {
                    if holds(item.clone(), frame)? {
                        frame.meter.make(size_of::<Value<'_>>())?;
                        kept.push(item);
                    }
                }
                Ok(Value::List(List::Made(kept.into())))
            }
            LoopKind::Map => {
                let mut made = Vec::new();
                for item in list.iter() {
                    bind(item, slot, frame);
                    let is_kept = match &self.filter {
                        Some(filter) => filter.truth(frame)?,
                        None => true,
                    };
                    if is_kept {
                        frame.meter.make(size_of::<Value<'_>>())?;
                        made.push(self.body.value(frame)?);
                    }
                }
                Ok(Value::List(List::Made(made.into())))
            }
        }
    }
}

fn bind<'a>(item: Value<'a>, slot: usize, frame: &mut Frame<'a>) {
    if let Some(local) = frame.locals.get_mut(slot) {
        *local = item;
    }
}
