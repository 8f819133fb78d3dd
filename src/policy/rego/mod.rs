//! Policies in [Rego](https://www.openpolicyagent.org/docs/latest/policy-language/), by the interpreter `regorus`.
//!
//! ```rego
//! package careen
//!
//! deny contains msg if {
//!     some finding in input.findings
//!     finding.family == "secret"
//!     msg := {"msg": "no secrets in images", "id": finding.id}
//! }
//! ```
//!
//! `input` is the JSON report, as `-f json` writes it. The rules of package `careen` are `deny` and `warn`, sets of
//! messages or of objects with `msg` and, where it is about a finding, its `id`; and `ignore`, a set of ids. A
//! policy as Trivy takes it with `--ignore-policy` (`package trivy`, rule `ignore`) is asked once for each flaw of a
//! package, with `input` as far as careen can give it the same; it is refused where it asks for more.
//!
//! What ends in `.rego` is loaded with [`RegoPolicy::load`] among the policies; when the findings are judged, `cli::rego`
//! renders the report as JSON and asks [`RegoPolicy::judge`]. `fail` and `warn` without a finding are lines of the
//! verdict of their own; those with one set its action, and `ignore` takes it out, with the file as what decided.

mod builtin;
mod memory;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::Once;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use regorus::Engine;
use regorus::utils::limits::{ExecutionTimerConfig, TimeSource, set_time_source};
use serde_json::{Value, json};

use super::Action;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use builtin::Budget;

/// Longest file, in bytes.
const LONGEST: usize = 1 << 20;

/// Steps of the interpreter that one policy may take over one report; fewer in tests, whose build is slow.
const MOST_STEPS: u64 = if cfg!(test) { 200_000 } else { 20_000_000 };

/// Steps after which the interpreter looks how many there were.
const STEPS_BETWEEN: u32 = 64;

/// How often it looks then.
const MOST_CHECKS: u64 = MOST_STEPS / STEPS_BETWEEN as u64;

/// What the interpreter says beyond its limit.
const SPENT: &str = "execution exceeded time limit";

/// When to give up what is slow within one step, such as the product of numbers of a million digits.
const LONGEST_TIME: Duration = Duration::from_mins(1);

/// Bytes of stack, and how many of them functions that call themselves may take. The rest is for what the interpreter
/// does between two looks.
const STACK: usize = 64 << 20;
const DEEPEST_STACK: usize = 32 << 20;

/// Bytes by which the process may grow while one policy judges; what is grown between two looks comes on top.
const MOST_GROWTH: u64 = if cfg!(test) { 512 << 20 } else { 1 << 30 };

/// Messages that one policy may give.
const MOST_VERDICTS: usize = 100_000;

/// A policy in Rego.
#[derive(Debug, Clone)]
pub struct RegoPolicy {
    /// The file, as it was named.
    pub name: String,
    engine: Engine,
    /// The rules it has.
    rules: Vec<(&'static str, Action)>,
    is_for_trivy: bool,
    budget: Budget,
}

/// One thing that a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegoVerdict {
    /// Name of the rule: `deny`, `warn` or `ignore`.
    pub rule: &'static str,
    /// What it comes to.
    pub action: Action,
    /// What it tells people; empty where it says nothing.
    pub message: String,
    /// `id` of the finding that it is about.
    pub finding: Option<String>,
}

/// The rules that have a meaning in package `careen`.
const RULES: &[(&str, Action)] = &[("deny", Action::Fail), ("warn", Action::Warn), ("ignore", Action::Ignore)];

/// What careen can say of a flaw in Trivy's words.
const TRIVY_FIELDS: &[&str] = &[
    "VulnerabilityID",
    "PkgName",
    "InstalledVersion",
    "FixedVersion",
    "Severity",
    "Title",
    "CweIDs",
    "PublishedDate",
    "PkgIdentifier",
    "PkgPath",
];

impl RegoPolicy {
    /// How many rules it has that say something.
    pub(super) fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Reads a policy. Both the present syntax and that from before OPA 1.0 are taken.
    pub fn load(name: &str, text: &str) -> Result<Self> {
        let wrong = |message: String| Error::new(ErrorKind::Config, message).at(escape(name));
        if text.len() > LONGEST {
            return Err(wrong(format!("a policy in Rego has at most {LONGEST} bytes")));
        }
        let parse = |is_old: bool| {
            let mut engine = Engine::new();
            engine.set_rego_v0(is_old);
            let package = engine.add_policy(name.to_owned(), text.to_owned());
            package.map(|package| (engine, package))
        };
        let parsed = parse(false).or_else(|error| parse(true).map_err(|_| error));
        let (mut engine, package) =
            parsed.map_err(|error| wrong("this is no policy in Rego".into()).detail(one_line(&error)))?;
        let is_for_trivy = match package.as_str() {
            "data.careen" => false,
            "data.trivy" => true,
            other => {
                let other = escape(other.strip_prefix("data.").unwrap_or(other));
                return Err(wrong(format!("its package is `{other}`, not `careen` or `trivy`")));
            }
        };
        let mut rules = Vec::new();
        for (rule, action) in RULES {
            if engine.has_declared_rule_rooted_at(name, rule).unwrap_or(false) {
                rules.push((*rule, *action));
            }
        }
        if is_for_trivy {
            rules.retain(|(rule, _)| *rule == "ignore");
            for_trivy(text).map_err(wrong)?;
        }
        if rules.is_empty() {
            let wanted = if is_for_trivy { "`ignore`" } else { "`deny`, `warn` or `ignore`" };
            return Err(wrong(format!("it has no rule {wanted}")));
        }
        let limit = Duration::from_micros(MOST_CHECKS);
        count_steps();
        engine.set_execution_timer_config(ExecutionTimerConfig {
            limit,
            check_interval: NonZeroU32::new(STEPS_BETWEEN).unwrap_or(NonZeroU32::MIN),
        });
        engine.set_strict_builtin_errors(true);
        let budget = Budget::default();
        builtin::bound(&mut engine, &budget).map_err(|error| wrong(one_line(&error)))?;
        Ok(Self { name: name.to_owned(), engine, rules, is_for_trivy, budget })
    }

    /// What it says of a report, in an order of its own that is always the same.
    pub fn judge(&self, report: &Value) -> Result<Vec<RegoVerdict>> {
        let wrong = |message: String| Error::new(ErrorKind::Config, message).at(escape(&self.name));
        let (sender, receiver) = sync_channel(1);
        let (mut policy, report) = (self.clone(), report.clone());
        self.budget.refill();
        let worker = move || {
            let here = 0_u8;
            BASE.set((&raw const here).addr());
            HELD.set(memory::resident());
            let verdicts = policy.verdicts(&report);
            let is_spent = STOPPED.get().is_some() || STEPS.get() > MOST_CHECKS;
            let _ = sender.send(if is_spent { Err(told(&SPENT)) } else { verdicts });
        };
        thread::Builder::new()
            .name("rego".into())
            .stack_size(STACK)
            .spawn(worker)
            .map_err(|error| wrong(format!("there is no thread for it: {error}")))?;
        match receiver.recv_timeout(LONGEST_TIME) {
            Ok(verdicts) => verdicts.map_err(wrong),
            Err(RecvTimeoutError::Timeout) => Err(wrong("the policy takes too long".into())),
            Err(RecvTimeoutError::Disconnected) => Err(wrong("the interpreter of Rego broke down".into())),
        }
    }

    fn verdicts(&mut self, report: &Value) -> Result<Vec<RegoVerdict>, String> {
        if self.is_for_trivy {
            return self.of_flaws(report);
        }
        self.engine.set_input(report.clone().into());
        let mut verdicts = Vec::new();
        for (rule, action) in self.rules.clone() {
            let value = self.engine.eval_rule(format!("data.careen.{rule}")).map_err(|error| told(&error))?;
            if value == regorus::Value::Undefined {
                continue;
            }
            let value = serde_json::to_value(&value).map_err(|error| error.to_string())?;
            let Value::Array(said) = value else {
                return Err(format!("`{rule}` is no set; write `{rule} contains msg if {{ … }}`"));
            };
            for one in said {
                verdicts.push(verdict(rule, action, &one)?);
            }
            if verdicts.len() > MOST_VERDICTS {
                return Err(format!("it says more than {MOST_VERDICTS} things"));
            }
        }
        Ok(verdicts)
    }

    fn of_flaws(&mut self, report: &Value) -> Result<Vec<RegoVerdict>, String> {
        let mut verdicts = Vec::new();
        let findings = report.get("findings").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for finding in findings {
            let Some(input) = as_trivy(finding) else { continue };
            self.engine.set_input(input.into());
            let value = self.engine.eval_rule("data.trivy.ignore".to_owned()).map_err(|error| told(&error))?;
            match value {
                regorus::Value::Bool(true) => {
                    let id = finding.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
                    let message = String::new();
                    verdicts.push(RegoVerdict { rule: "ignore", action: Action::Ignore, message, finding: id });
                }
                regorus::Value::Bool(false) | regorus::Value::Undefined => {}
                _ => return Err("`ignore` of package `trivy` says true or false".into()),
            }
        }
        Ok(verdicts)
    }
}

/// One element of a rule's set.
fn verdict(rule: &'static str, action: Action, said: &Value) -> Result<RegoVerdict, String> {
    let text = |key: &str| said.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let (message, finding) = match said {
        Value::String(id) if action == Action::Ignore => (String::new(), Some(id.clone())),
        Value::String(message) => (message.clone(), None),
        Value::Object(_) => (text("msg").unwrap_or_default(), text("id")),
        _ => {
            return Err(format!("`{rule}` holds something that is neither a string nor an object with `msg` and `id`"));
        }
    };
    if action == Action::Ignore && finding.is_none() {
        return Err("`ignore` holds an object without the `id` of a finding".into());
    }
    if action != Action::Ignore && message.is_empty() {
        return Err(format!("`{rule}` holds an object without a `msg`"));
    }
    Ok(RegoVerdict { rule, action, message, finding })
}

/// A flaw of a package in Trivy's words; `None` for other findings.
fn as_trivy(finding: &Value) -> Option<Value> {
    let text = |pointer: &str| finding.pointer(pointer).and_then(Value::as_str);
    let purl = text("/location/purl").or_else(|| text("/evidence/purl"))?;
    finding.pointer("/evidence/ids")?;
    let package = crate::package::named(purl)?;
    let mut flaw = json!({
        "VulnerabilityID": text("/subject")?,
        "PkgName": package.name,
        "PkgIdentifier": { "PURL": purl },
        "InstalledVersion": text("/evidence/installed").unwrap_or(&package.version),
        "Severity": text("/severity")?.to_uppercase(),
    });
    let others = [
        ("FixedVersion", "/evidence/fixed"),
        ("Title", "/evidence/summary"),
        ("CweIDs", "/evidence/cwes"),
        ("PublishedDate", "/evidence/published"),
        ("PkgPath", "/location/path"),
    ];
    if let Some(flaw) = flaw.as_object_mut() {
        for (key, pointer) in others {
            flaw.extend(finding.pointer(pointer).map(|value| (key.to_owned(), value.clone())));
        }
    }
    Some(flaw)
}

/// Refuses what asks for more than [`as_trivy`] gives: where it is not there, `not input.X` would hold.
fn for_trivy(text: &str) -> Result<(), String> {
    let code = code_of(text);
    if code.contains("data.lib.trivy") {
        return Err("it uses Trivy's own library `data.lib.trivy`, which careen does not have".into());
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (at, word) in code.match_indices("input") {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        let rest = code.get(at.saturating_add(word.len())..).unwrap_or_default();
        if before.is_some_and(|c| is_word(c) || c == '.') || rest.starts_with(is_word) {
            continue;
        }
        let field: String = rest.strip_prefix('.').unwrap_or_default().chars().take_while(|c| is_word(*c)).collect();
        if !TRIVY_FIELDS.contains(&field.as_str()) {
            let given = TRIVY_FIELDS.join(", ");
            let field = if field.is_empty() { String::new() } else { format!(".{field}") };
            return Err(format!("it asks for `input{field}`; of Trivy's input careen gives only {given}"));
        }
    }
    Ok(())
}

/// The text with its comments and what stands in quotes left out.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' => {
                chars.by_ref().find(|c| *c == '\n');
                code.push('\n');
            }
            '"' | '`' => {
                code.push_str("\"\"");
                while let Some(inner) = chars.next() {
                    if inner == '\\' && c == '"' {
                        chars.next();
                    } else if inner == c {
                        break;
                    }
                }
            }
            _ => code.push(c),
        }
    }
    code
}

/// What the interpreter says, its limits in our words. It has them as text, since functions wrap what goes wrong in them.
fn told(error: &impl std::fmt::Display) -> String {
    let text = one_line(error);
    match STOPPED.get() {
        Some(why) => why.into(),
        None if text.contains(SPENT) => "the policy takes too many steps".into(),
        None => text,
    }
}

fn one_line(error: &impl std::fmt::Display) -> String {
    let text = format!("{error:#}");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    escape(lines.join(" "))
}

/// Makes the interpreter's clock one of steps, so that a policy says the same on a slow machine.
fn count_steps() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // fails only where there is one already
        let _ = set_time_source(&Steps);
    });
}

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
    /// Where the stack of a worker begins.
    static BASE: Cell<usize> = const { Cell::new(0) };
    /// Bytes that the process held when the worker began, where that is known.
    static HELD: Cell<Option<u64>> = const { Cell::new(None) };
    /// Why the worker was stopped, where it was.
    static STOPPED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// A clock that goes on by a microsecond whenever it is read; and to its end where the stack is, or the memory, which
/// the interpreter does not look at.
#[derive(Debug)]
struct Steps;

impl TimeSource for Steps {
    fn now(&self) -> Option<Duration> {
        let here = 0_u8;
        let depth = BASE.get().abs_diff((&raw const here).addr());
        let has_grown = || {
            let (before, now) = (HELD.get()?, memory::resident()?);
            Some(now.saturating_sub(before) > MOST_GROWTH)
        };
        // for good, so that no `not` makes something of it
        if STOPPED.get().is_none() {
            if BASE.get() > 0 && depth > DEEPEST_STACK {
                STOPPED.set(Some("functions of the policy call each other too deep"));
            } else if has_grown() == Some(true) {
                STOPPED.set(Some("the policy takes too much memory"));
            }
        }
        if STOPPED.get().is_some() {
            return Some(Duration::from_secs(u64::from(u32::MAX)));
        }
        STEPS.set(STEPS.get().saturating_add(1));
        Some(Duration::from_micros(STEPS.get()))
    }
}
