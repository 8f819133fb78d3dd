//! Checks names and types of a condition, and makes of it what is evaluated.
//!
//! Stricter than CEL where a typing mistake would open the gate: fields must be of the table, words such as
//! severities must be ones that are, and whether they come in an order is not left to the alphabet.

use std::ops::Range;
use std::sync::Arc;

use regex::RegexBuilder;

use super::evaluate::{Loop, LoopKind, Node, Operator, Order, Pattern};
use super::function::{FUNCTIONS, Signature, call};
use super::lexer::meant;
use super::meter::{MOST_STEPS, Meter};
use super::object::{FIELDS, Field, VARIABLES};
use super::parse::{Expression, Kind as Written};
use super::value::{Kind, List, Map, Type, Value};
use super::{About, DEEPEST_LOOPS, Problem};
use crate::policy::file::vocabulary::{wrong_ecosystem, wrong_platform};
use crate::rule::Rule;

/// Longest pattern of `matches`, in characters.
const LONGEST_PATTERN: usize = 512;

/// Bytes that a pattern may take when it is compiled, and what a step over a byte of text counts for then.
const PATTERN_SIZES: [(usize, usize); 3] = [(32 << 10, 1), (128 << 10, 8), (512 << 10, 64)];

/// The comprehensions, with how many arguments they take.
const LOOPS: &[(&str, LoopKind, &[usize])] = &[
    ("all", LoopKind::All, &[2]),
    ("exists", LoopKind::Exists, &[2]),
    ("exists_one", LoopKind::ExistsOne, &[2]),
    ("existsOne", LoopKind::ExistsOne, &[2]),
    ("filter", LoopKind::Filter, &[2]),
    ("map", LoopKind::Map, &[2, 3]),
];

type Checked = Result<(Node, Type), Problem>;

/// Makes of a condition what is evaluated; it must say true or false.
///
/// Ids of rules that it compares with must be among `rules`, unless that is empty.
pub(super) fn check(expression: &Expression, rules: &[&'static Rule]) -> Result<(Node, About), Problem> {
    let mut checker = Checker { locals: Vec::new(), rules, about: About::default() };
    let (node, r#type) = checker.expression(expression)?;
    wants(&[Kind::Bool], r#type, expression, "a condition says true or false")?;
    Ok((node, checker.about))
}

/// The variables of the comprehensions around a part, the outermost first.
struct Checker<'a> {
    locals: Vec<(&'a str, Type)>,
    rules: &'a [&'static Rule],
    about: About,
}

impl<'a> Checker<'a> {
    fn expression(&mut self, expression: &'a Expression) -> Checked {
        match &expression.kind {
            Written::Null => Ok(constant(Value::Null)),
            Written::Truth(value) => Ok(constant(Value::Bool(*value))),
            Written::Whole(value) => Ok(constant(Value::Int(*value))),
            Written::Fraction(value) => Ok(constant(Value::Double(*value))),
            Written::Text(text) => Ok(constant(Value::Made(Arc::from(text.as_str())))),
            Written::Name(name) => self.name(name, expression),
            Written::List(parts) => self.list(parts),
            Written::Map(entries) => self.map(entries),
            Written::Member(target, name) => self.member(target, name, expression),
            Written::Index(parts) => self.index(&parts.0, &parts.1),
            Written::Call { target, name, place, arguments } => {
                self.call(target.as_deref(), name, place, arguments, expression)
            }
            Written::Unary(sign, part) => {
                let (node, r#type) = self.expression(part)?;
                if *sign == "!" {
                    wants(&[Kind::Bool], r#type, part, "`!` turns true and false round")?;
                    return Ok((Node::Not(Box::new(node)), Type::of(Kind::Bool)));
                }
                wants(&[Kind::Int, Kind::Double], r#type, part, "`-` stands before a number")?;
                Ok((Node::Negate(Box::new(node)), r#type))
            }
            Written::Binary(sign, sides) => self.binary(sign, &sides.0, &sides.1, expression),
            Written::Several(sign, parts) => {
                let mut nodes = Vec::with_capacity(parts.len());
                for part in parts {
                    let (node, r#type) = self.expression(part)?;
                    wants(&[Kind::Bool], r#type, part, &format!("`{sign}` joins true and false"))?;
                    nodes.push(node);
                }
                Ok((Node::Several { decides: *sign == "||", parts: nodes.into() }, Type::of(Kind::Bool)))
            }
            Written::Choice(parts) => {
                let (condition, r#type) = self.expression(&parts.0)?;
                wants(&[Kind::Bool], r#type, &parts.0, "what stands before `?` says true or false")?;
                let (one, one_type) = self.expression(&parts.1)?;
                let (other, other_type) = self.expression(&parts.2)?;
                let (a, b) = (one_type.kind, other_type.kind);
                if a != b && [a, b].contains(&Kind::Bool) && ![a, b].contains(&Kind::Any) {
                    let message = format!("both sides of `:` are of one type; these are {} and {}", a.one(), b.one());
                    return Err(Problem::new(expression.span.clone(), message));
                }
                let r#type = if one_type == other_type { one_type } else { Type::of(Kind::Any) };
                Ok((Node::Choice(Box::new((condition, one, other))), r#type))
            }
        }
    }

    fn local(&self, name: &str) -> Option<(usize, Type)> {
        let found = self.locals.iter().enumerate().rev().find(|(_, (known, _))| *known == name);
        found.map(|(slot, (_, r#type))| (slot, *r#type))
    }

    fn name(&mut self, name: &str, expression: &Expression) -> Checked {
        if let Some((slot, r#type)) = self.local(name) {
            return Ok((Node::Local(slot), r#type));
        }
        if name == "today" {
            self.about.has_today = true;
            return Ok((Node::Today, Type::of(Kind::Time)));
        }
        if VARIABLES.contains(&name) {
            let message =
                format!("`{name}` alone is no value; say which of its fields, such as `{name}.{}`", sample(name));
            return Err(Problem::new(expression.span.clone(), message));
        }
        let known = VARIABLES.iter().copied().chain(self.locals.iter().map(|(name, _)| *name));
        let all: Vec<&str> = known.collect();
        let meant = meant(name, all.iter().copied());
        let message = format!("there is no variable `{name}`{meant}; there are {}", all.join(", "));
        Err(Problem::new(expression.span.clone(), message))
    }

    fn list(&mut self, parts: &'a [Expression]) -> Checked {
        let mut nodes = Vec::with_capacity(parts.len());
        let mut kinds = Vec::with_capacity(parts.len());
        for part in parts {
            let (node, r#type) = self.expression(part)?;
            nodes.push(node);
            kinds.push(r#type.kind);
        }
        let r#type = Type::list(common(&kinds));
        let node = match constants(&nodes) {
            Some(values) => Node::Constant(Value::List(List::Made(values.into()))),
            None => Node::List(nodes.into()),
        };
        Ok((node, r#type))
    }

    fn map(&mut self, entries: &'a [(Expression, Expression)]) -> Checked {
        let mut nodes = Vec::with_capacity(entries.len());
        let mut kinds = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let (key_node, r#type) = self.expression(key)?;
            wants(&[Kind::Text, Kind::Int, Kind::Bool], r#type, key, "a key is a string, an int or a bool")?;
            let (value_node, r#type) = self.expression(value)?;
            if let Node::Constant(one) = &key_node
                && nodes.iter().any(|(known, _)| matches!(known, Node::Constant(known) if known.order(one).is_some_and(std::cmp::Ordering::is_eq)))
            {
                return Err(Problem::new(key.span.clone(), "this key stands twice in the map"));
            }
            nodes.push((key_node, value_node));
            kinds.push(r#type.kind);
        }
        let r#type = Type::map(common(&kinds));
        let values: Option<Vec<_>> = nodes
            .iter()
            .map(|entry| match entry {
                (Node::Constant(key), Node::Constant(value)) => Some((key.clone(), value.clone())),
                _ => None,
            })
            .collect();
        let node = match values {
            Some(values) => Node::Constant(Value::Map(Map::Made(values.into()))),
            None => Node::Map(nodes.into()),
        };
        Ok((node, r#type))
    }

    /// The field that `target.name` is, where its root is a variable.
    fn field(
        &mut self,
        target: &Expression,
        name: &str,
        place: Range<usize>,
    ) -> Result<Option<&'static Field>, Problem> {
        let (object, path) = match &target.kind {
            Written::Name(object) => (object, name.to_owned()),
            Written::Member(root, middle) => match &root.kind {
                Written::Name(object) => (object, format!("{middle}.{name}")),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        if self.local(object).is_some() || object == "today" || !VARIABLES.contains(&object.as_str()) {
            return Ok(None);
        }
        let of_object = || FIELDS.iter().filter(|field| field.object == object);
        if let Some(field) = of_object().find(|field| field.name == path) {
            let known = if field.object == "finding" { &mut self.about.has_finding } else { &mut self.about.has_image };
            *known = true;
            return Ok(Some(field));
        }
        // a field of a field that has named ones, or a key of a map
        if let Some((parent, child)) = path.split_once('.') {
            if of_object().any(|field| field.name == parent) {
                return Ok(None);
            }
            let children = || of_object().filter_map(|field| field.name.strip_prefix(parent)?.strip_prefix('.'));
            if children().next().is_some() {
                let all = children().collect::<Vec<_>>().join(", ");
                let message =
                    format!("`{object}.{parent}` has no field `{child}`{}; it has {all}", meant(child, children()));
                return Err(Problem::new(place, message));
            }
            return Ok(None);
        }
        let children: Vec<&str> =
            of_object().filter_map(|field| field.name.strip_prefix(&path)?.strip_prefix('.')).collect();
        if children.is_empty() {
            let known = of_object().map(|field| field.name.split_once('.').map_or(field.name, |(parent, _)| parent));
            return Err(Problem::new(place, format!("`{object}` has no field `{name}`{}", meant(name, known))));
        }
        let message = format!("`{object}.{path}` alone is no value; say which of its fields: {}", children.join(", "));
        Err(Problem::new(place, message))
    }

    fn member(&mut self, target: &'a Expression, name: &str, expression: &Expression) -> Checked {
        let place = expression.span.end.saturating_sub(name.len())..expression.span.end;
        if let Some(field) = self.field(target, name, place.clone())? {
            return Ok((Node::Field(field), field.r#type));
        }
        let (node, r#type) = self.expression(target)?;
        match r#type.kind {
            Kind::Map => Ok((Node::Key(Box::new(node), name.into()), Type::of(r#type.item))),
            Kind::Any => Ok((Node::Key(Box::new(node), name.into()), Type::of(Kind::Any))),
            kind => Err(Problem::new(place, format!("{} has no field `{name}`", kind.one()))),
        }
    }

    fn index(&mut self, target: &'a Expression, index: &'a Expression) -> Checked {
        let (target_node, target_type) = self.expression(target)?;
        let (index_node, index_type) = self.expression(index)?;
        match target_type.kind {
            Kind::List => wants(&[Kind::Int], index_type, index, "items of a list are numbered from 0")?,
            Kind::Map => {
                let kinds = [Kind::Text, Kind::Int, Kind::Bool];
                wants(&kinds, index_type, index, "a key is a string, an int or a bool")?;
            }
            _ => wants(&[Kind::List, Kind::Map], target_type, target, "`[…]` stands behind a list or a map")?,
        }
        Ok((Node::Index(Box::new((target_node, index_node))), Type::of(target_type.item)))
    }

    fn binary(&mut self, sign: &str, left: &'a Expression, right: &'a Expression, whole: &Expression) -> Checked {
        let (one, one_type) = self.expression(left)?;
        let (other, other_type) = self.expression(right)?;
        let (a, b) = (one_type.kind, other_type.kind);
        let refuse = |what: &str| Err(Problem::new(whole.span.clone(), format!("{} and {} {what}", a.one(), b.one())));
        let truth = Type::of(Kind::Bool);
        match sign {
            "==" | "!=" => {
                if !a.may_equal(b) {
                    return refuse("are never equal");
                }
                // what is not known has a value all the same
                if let (Node::Field(field), Kind::Null, _, _) | (_, _, Node::Field(field), Kind::Null) =
                    (&one, b, &other, a)
                {
                    let Field { object, name, .. } = field;
                    let message = format!("`{object}.{name}` is never null; ask `has({object}.{name})`");
                    return Err(Problem::new(whole.span.clone(), message));
                }
                self.known_words(&one, &other, right)?;
                self.known_words(&other, &one, left)?;
                Ok((Node::Equal { is: sign == "==", sides: Box::new((one, other)) }, truth))
            }
            "<" | "<=" | ">" | ">=" => {
                for (node, part) in [(&one, left), (&other, right)] {
                    if let Node::Field(field) = node
                        && !field.words().is_empty()
                    {
                        let help =
                            if field.name == "severity" { "compare `finding.severity_rank`" } else { "name them" };
                        let message = format!(
                            "`{}.{}` is a word, whose order is the alphabet's; {help}",
                            field.object, field.name
                        );
                        return Err(Problem::new(part.span.clone(), message));
                    }
                }
                if !a.may_order(b) {
                    return refuse("have no order");
                }
                let order = match sign {
                    "<" => Order::Less,
                    "<=" => Order::LessOrEqual,
                    ">" => Order::Greater,
                    _ => Order::GreaterOrEqual,
                };
                Ok((Node::Order(order, Box::new((one, other))), truth))
            }
            "in" => {
                wants(&[Kind::List, Kind::Map], other_type, right, "`in` looks in a list or a map")?;
                if b == Kind::List && !a.may_equal(other_type.item) {
                    let message = format!("{} is never in a list of {}", a.one(), other_type.item.name());
                    return Err(Problem::new(whole.span.clone(), message));
                }
                self.known_words(&one, &other, right)?;
                Ok((Node::In(Box::new((one, other))), truth))
            }
            _ => {
                let operator = match sign {
                    "+" => Operator::Add,
                    "-" => Operator::Subtract,
                    "*" => Operator::Multiply,
                    "/" => Operator::Divide,
                    _ => Operator::Remainder,
                };
                match result(operator, one_type, other_type) {
                    Some(r#type) => Ok((Node::Arithmetic(operator, Box::new((one, other))), r#type)),
                    None if a.is_number() && b.is_number() && a != b => {
                        refuse(&format!("have no `{sign}`; write the number with a point, or convert with `double(…)`"))
                    }
                    None => refuse(&format!("have no `{sign}`")),
                }
            }
        }
    }

    fn call(
        &mut self,
        target: Option<&'a Expression>,
        name: &str,
        place: &Range<usize>,
        arguments: &'a [Expression],
        whole: &Expression,
    ) -> Checked {
        let refuse = |message: String| Err(Problem::new(place.clone(), message));
        if name == "has" && target.is_none() {
            return self.has(arguments, whole);
        }
        if name == "matches" {
            return match (target, arguments) {
                (Some(text), [pattern]) | (None, [text, pattern]) => self.matches(text, pattern),
                _ => refuse("`matches` takes a text and a pattern: `text.matches(\"^v[0-9]\")`".into()),
            };
        }
        if let (Some(range), Some((_, kind, counts))) = (target, LOOPS.iter().find(|(known, _, _)| *known == name)) {
            return match arguments {
                _ if !counts.contains(&arguments.len()) => {
                    refuse(format!("`{name}` takes a variable and a condition: `list.{name}(x, …)`"))
                }
                [variable, body] => self.comprehension(*kind, range, variable, None, body),
                [variable, filter, body] => self.comprehension(*kind, range, variable, Some(filter), body),
                _ => refuse(format!("`{name}` takes a variable and a condition")),
            };
        }
        let Some(signature) = FUNCTIONS.iter().find(|signature| signature.name == name) else {
            let known = FUNCTIONS.iter().map(|known| known.name).chain(LOOPS.iter().map(|(known, _, _)| *known));
            return refuse(format!("there is no function `{name}`{}", meant(name, known.chain(["has", "matches"]))));
        };
        let (as_method, alone) = signature.styles;
        let is_method = target.is_some();
        if (is_method && !as_method) || (!is_method && !alone) {
            let form = if alone { format!("{name}(x)") } else { format!("x.{name}(y)") };
            return refuse(format!("`{name}` is called as `{form}`"));
        }
        let given: Vec<&Expression> = target.into_iter().chain(arguments).collect();
        if given.len() != signature.takes.len() {
            let wanted = signature.takes.len().saturating_sub(usize::from(is_method));
            let noun = if wanted == 1 { "argument" } else { "arguments" };
            return refuse(format!("`{name}` takes {wanted} {noun} here, not {}", arguments.len()));
        }
        let mut nodes = Vec::with_capacity(given.len());
        for (part, kinds) in given.iter().zip(signature.takes) {
            let (node, r#type) = self.expression(part)?;
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            wants(kinds, r#type, part, &format!("`{name}` takes {}", names.join(", ")))?;
            nodes.push(node);
        }
        if let ("startsWith", [Node::Field(field), Node::Constant(start)]) = (name, nodes.as_slice())
            && (field.object, field.name) == ("finding", "rule")
            && let Some(start) = start.as_text()
            && !self.rules.is_empty()
            && !self.rules.iter().chain(crate::policy::RULES.iter()).any(|rule| rule.id.starts_with(start))
        {
            let message = format!("no id of a rule begins with `{}`", crate::escape::escape(start));
            return Err(Problem::new(whole.span.clone(), message));
        }
        fold(signature, nodes, whole)
    }

    fn has(&mut self, arguments: &'a [Expression], whole: &Expression) -> Checked {
        let truth = Type::of(Kind::Bool);
        let [Expression { kind: Written::Member(target, name), span, .. }] = arguments else {
            return Err(Problem::new(whole.span.clone(), "`has` takes a field: `has(finding.cvss)`"));
        };
        let place = span.end.saturating_sub(name.len())..span.end;
        if let Some(field) = self.field(target, name, place)? {
            return Ok((Node::IsKnown(field), truth));
        }
        let (node, r#type) = self.expression(target)?;
        wants(&[Kind::Map], r#type, target, "`has` asks for a field of an object or a key of a map")?;
        Ok((Node::HasKey(Box::new(node), name.as_str().into()), truth))
    }

    fn matches(&mut self, text: &'a Expression, pattern: &'a Expression) -> Checked {
        let (node, r#type) = self.expression(text)?;
        wants(&[Kind::Text], r#type, text, "`matches` looks at a string")?;
        let Written::Text(source) = &pattern.kind else {
            return Err(Problem::new(pattern.span.clone(), "the pattern of `matches` is a text, written out here"));
        };
        if source.chars().count() > LONGEST_PATTERN {
            let message = format!("a pattern has at most {LONGEST_PATTERN} characters");
            return Err(Problem::new(pattern.span.clone(), message));
        }
        let mut refused = None;
        for (size, weight) in PATTERN_SIZES {
            match RegexBuilder::new(source).size_limit(size).dfa_size_limit(size).nest_limit(32).build() {
                Ok(regex) => {
                    let pattern = Box::new(Pattern { regex, weight });
                    return Ok((Node::Matches(Box::new(node), pattern), Type::of(Kind::Bool)));
                }
                Err(error @ regex::Error::CompiledTooBig(_)) => refused = Some(error),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        let message = match refused {
            Some(regex::Error::CompiledTooBig(_)) => "this pattern is too large; repeat less".to_owned(),
            Some(error) => {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default();
                format!("this is no regular expression: {}", last.trim_start_matches("error: "))
            }
            None => "this is no regular expression".to_owned(),
        };
        Err(Problem::new(pattern.span.clone(), message))
    }

    fn comprehension(
        &mut self,
        kind: LoopKind,
        range: &'a Expression,
        variable: &'a Expression,
        filter: Option<&'a Expression>,
        body: &'a Expression,
    ) -> Checked {
        let (range_node, range_type) = self.expression(range)?;
        wants(&[Kind::List, Kind::Map], range_type, range, "only a list or a map can be gone through")?;
        let Written::Name(name) = &variable.kind else {
            return Err(Problem::new(variable.span.clone(), "here stands the name of a variable"));
        };
        if VARIABLES.contains(&name.as_str()) {
            return Err(Problem::new(variable.span.clone(), format!("`{name}` is taken; use another name")));
        }
        if self.locals.len() >= DEEPEST_LOOPS {
            let message = format!("comprehensions are nested more than {DEEPEST_LOOPS} deep");
            return Err(Problem::new(variable.span.start..body.span.end, message));
        }
        let item = match range_type.kind {
            Kind::List => Type::of(range_type.item),
            // its keys; those of evidence and labels are texts, those of a map in the condition may be others
            _ => Type::of(Kind::Any),
        };
        self.locals.push((name.as_str(), item));
        let filter = match filter {
            Some(filter) => {
                let (node, r#type) = self.expression(filter)?;
                wants(&[Kind::Bool], r#type, filter, "a filter says true or false")?;
                Some(node)
            }
            None => None,
        };
        let (body_node, body_type) = self.expression(body)?;
        if kind != LoopKind::Map {
            wants(&[Kind::Bool], body_type, body, "what is asked of each item says true or false")?;
        }
        self.locals.pop();
        let r#type = match kind {
            LoopKind::Map => Type::list(body_type.kind),
            LoopKind::Filter => Type::list(item.kind),
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne => Type::of(Kind::Bool),
        };
        Ok((Node::Loop(Box::new(Loop { kind, range: range_node, filter, body: body_node })), r#type))
    }
}

/// Refuses a part that is certainly of none of these kinds.
fn wants(kinds: &[Kind], found: Type, part: &Expression, why: &str) -> Result<(), Problem> {
    if found.kind == Kind::Any || kinds.contains(&found.kind) {
        return Ok(());
    }
    Err(Problem::new(part.span.clone(), format!("{why}; this is {}", found.kind.one())))
}

fn sample(object: &str) -> &'static str {
    if object == "finding" { "severity" } else { "age_days" }
}

fn constant(value: Value<'static>) -> (Node, Type) {
    let kind = value.kind();
    (Node::Constant(value), Type::of(kind))
}

fn constants(nodes: &[Node]) -> Option<Vec<Value<'static>>> {
    nodes.iter().map(|node| if let Node::Constant(value) = node { Some(value.clone()) } else { None }).collect()
}

/// The kind that all are of.
fn common(kinds: &[Kind]) -> Kind {
    match kinds {
        [first, others @ ..] if others.iter().all(|kind| kind == first) => *first,
        _ => Kind::Any,
    }
}

/// A call; a conversion of what is written out is done here, so that its mistakes are told here.
fn fold(signature: &Signature, nodes: Vec<Node>, whole: &Expression) -> Checked {
    if let Some([value]) = constants(&nodes).as_deref() {
        let made = call(signature.function, value, &Value::Null, &mut Meter::new(MOST_STEPS));
        let value = made.map_err(|failure| Problem::new(whole.span.clone(), failure.into_message()))?;
        return Ok((Node::Constant(value), signature.gives));
    }
    Ok((Node::Call(signature.function, nodes.into()), signature.gives))
}

/// What arithmetic gives; `None` where there is none between such values.
fn result(operator: Operator, left: Type, right: Type) -> Option<Type> {
    use Kind::{Any, Double, Int, List, Span, Text, Time};
    let is_sum = matches!(operator, Operator::Add | Operator::Subtract);
    let kind = match (left.kind, right.kind) {
        (Any, Any) => Any,
        // what the other side allows; a time or duration may give either
        (Any, Time | Span) | (Time | Span, Any) if is_sum => Any,
        (Any, kind) | (kind, Any) => return result(operator, Type { kind, ..left }, Type { kind, ..right }),
        (Int, Int) => Int,
        (Double, Double) if operator != Operator::Remainder => Double,
        (Text, Text) if operator == Operator::Add => Text,
        (List, List) if operator == Operator::Add => {
            return Some(Type::list(common(&[left.item, right.item])));
        }
        (Span, Span) if is_sum => Span,
        (Time, Span) if is_sum => Time,
        (Span, Time) if operator == Operator::Add => Time,
        (Time, Time) if operator == Operator::Subtract => Span,
        _ => return None,
    };
    Some(Type::of(kind))
}

impl Checker<'_> {
    /// Refuses words that a field never is, such as `finding.severity == "hihg"`.
    fn known_words(&mut self, field: &Node, other: &Node, written: &Expression) -> Result<(), Problem> {
        let Node::Field(field) = field else { return Ok(()) };
        let Node::Constant(value) = other else { return Ok(()) };
        let list = match value {
            Value::List(list) => list.clone(),
            value => List::Made([value.clone()].into()),
        };
        for value in list.iter() {
            let Some(word) = value.as_text() else { continue };
            let is_off = |rule: &&&Rule| rule.is_opt_in && rule.id == word;
            if let Some(rule) = self.rules.iter().find(is_off).filter(|_| field.name == "rule") {
                self.about.off.push(rule.id);
            }
            if let Some(hint) = self.never(field, word) {
                let Field { object, name, .. } = field;
                let message = format!("`{object}.{name}` is never `{}`{hint}", crate::escape::escape(word));
                return Err(Problem::new(written.span.clone(), message));
            }
        }
        Ok(())
    }

    /// Where the field is never this word, what to write instead.
    fn never(&self, field: &Field, word: &str) -> Option<String> {
        let words = field.words();
        if !words.is_empty() {
            let hint = || format!("{}; it is {}", meant(word, words.iter().copied()), words.join(", "));
            return (!words.contains(&word)).then(hint);
        }
        let rules = || self.rules.iter().copied().chain(crate::policy::RULES.iter().copied());
        match (field.object, field.name) {
            ("finding", "rule") if !self.rules.is_empty() => {
                if rules().any(|rule| rule.id == word) {
                    return None;
                }
                let here: Vec<&str> = rules().filter(|rule| rule.is_also(word)).map(|rule| rule.id).collect();
                Some(match here.as_slice() {
                    [] => meant(word, rules().map(|rule| rule.id)),
                    ids => format!("; here that is `{}`", ids.join("`, `")),
                })
            }
            ("finding", "family") if !self.rules.is_empty() => {
                let is_one = rules().any(|rule| rule.family() == word);
                (!is_one).then(|| meant(word, rules().map(Rule::family)))
            }
            ("finding", "ecosystem") => wrong_ecosystem(word),
            ("image", "platform") => wrong_platform(word, |platform| platform == word),
            _ => None,
        }
    }
}
