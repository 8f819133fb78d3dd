//! `careen db match`, `compare` and `cvss`: careen's answers line by line, for whoever wants to check them against
//! other data.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufWriter, Write as _};

use clap::Args;
use serde_json::{Map, Value, json};

use crate::advisory::catalogue::{Catalogue, Opinion, Question};
use crate::advisory::cvss::score;
use crate::advisory::name;
use crate::error::{Error, Result};
use crate::version::Scheme;

use super::super::advisories::DatabaseArgument;
use super::super::finish_write;

/// Longest line read, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(in crate::cli) struct MatchArguments {
    /// Read a JSON object from each line, and write one
    #[arg(long, required = true)]
    jsonl: bool,
    #[command(flatten)]
    place: DatabaseArgument,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CompareArguments {
    /// deb, rpm, apk, semver, npm, go, pep440, maven, gem, composer, nuget or bitnami
    #[arg(value_parser = scheme)]
    scheme: Scheme,
    /// Read a JSON object from each line, and write one
    #[arg(long, required = true)]
    jsonl: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CvssArguments {
    /// Read a JSON object from each line, and write one
    #[arg(long, required = true)]
    jsonl: bool,
}

/// Answers `{"ecosystem","package","version"}` with the ids of the records that affect the version.
pub(in crate::cli) fn matches(arguments: &MatchArguments) -> Result<()> {
    let catalogue = arguments.place.catalogue()?.without_own();
    each_line(|line| {
        let question = Question {
            ecosystem: text(line, "ecosystem")?,
            name: text(line, "package")?,
            version: text(line, "version")?,
        };
        affecting(&catalogue, &question)
    })
}

fn affecting(catalogue: &Catalogue, question: &Question) -> Result<Vec<(&'static str, Value)>, String> {
    let mut ids: BTreeSet<String> = BTreeSet::new();
    let mut not_compared: BTreeSet<String> = BTreeSet::new();
    let mut first_unknown = None;
    let is_covered = catalogue.for_each(question, |_, posting, opinion| match opinion {
        Opinion::Affects(_) => {
            ids.insert(posting.id.to_owned());
        }
        Opinion::Unknown(reason) => {
            not_compared.insert(posting.id.to_owned());
            first_unknown = first_unknown.take().or(Some(reason));
        }
        Opinion::Clear | Opinion::State => {}
    });
    if !is_covered.map_err(|error| error.to_string())? && ids.is_empty() {
        return Err(format!("there are no data for `{}`", question.ecosystem));
    }
    let mut fields = vec![("ids", json!(ids))];
    let Some(scheme) = name::scheme(&question.ecosystem) else {
        fields.push(("error", json!(format!("versions of `{}` have no order that is known", question.ecosystem))));
        return Ok(fields);
    };
    // what could not be compared may affect the version, or not
    let refused = scheme.parse(&question.version).err().or(first_unknown);
    if let Some(reason) = refused {
        fields.push(("error", json!(reason.to_string())));
        fields.push(("not_compared", json!(not_compared)));
    }
    Ok(fields)
}

/// Answers `{"a","b"}` with how the two versions are ordered.
pub(in crate::cli) fn compare(arguments: &CompareArguments) -> Result<()> {
    each_line(|line| {
        let order = arguments.scheme.compare(&text(line, "a")?, &text(line, "b")?);
        let order = order.map_err(|unparsable| unparsable.to_string())?;
        let op = match order {
            std::cmp::Ordering::Less => "<",
            std::cmp::Ordering::Equal => "=",
            std::cmp::Ordering::Greater => ">",
        };
        Ok(vec![("op", json!(op))])
    })
}

/// Answers `{"vector"}` with its base score.
pub(in crate::cli) fn cvss(_: &CvssArguments) -> Result<()> {
    each_line(|line| {
        let scored = score(&text(line, "vector")?)?;
        let severity = scored.severity.map_or("none", |severity| severity.as_str());
        Ok(vec![("base_score", json!(scored.score)), ("severity", json!(severity))])
    })
}

fn scheme(name: &str) -> Result<Scheme, String> {
    let name = if name == "deb" { "dpkg" } else { name };
    Scheme::ALL.iter().copied().find(|scheme| scheme.name() == name).ok_or_else(|| {
        let names: Vec<&str> =
            Scheme::ALL.iter().map(|scheme| if *scheme == Scheme::Dpkg { "deb" } else { scheme.name() }).collect();
        format!("use one of {}", names.join(", "))
    })
}

fn text(line: &Map<String, Value>, key: &str) -> Result<String, String> {
    match line.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("`{key}` is no string")),
        None => Err(format!("`{key}` is missing")),
    }
}

/// Writes each line of standard input again with what `answer` adds to it, or with an `error`.
fn each_line(answer: impl Fn(&Map<String, Value>) -> Result<Vec<(&'static str, Value)>, String>) -> Result<()> {
    let mut input = io::stdin().lock();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = io::Read::take(&mut input, LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut line);
        if read.map_err(|error| Error::io("cannot read standard input", error))? == 0 {
            break;
        }
        if line.len() as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
            return Err(Error::limit("a line of standard input is longer than 1 MiB").help("write shorter lines"));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut object = Map::new();
        let added = match serde_json::from_slice(&line) {
            Ok(Value::Object(read)) => {
                object = read;
                answer(&object)
            }
            Ok(_) => Err("the line is no JSON object".into()),
            Err(error) => Err(format!("the line is no JSON: {error}")),
        };
        let added = added.unwrap_or_else(|error| vec![("error", json!(error))]);
        object.extend(added.into_iter().map(|(key, value)| (key.to_owned(), value)));
        let written =
            serde_json::to_writer(&mut out, &object).map_err(io::Error::from).and_then(|()| out.write_all(b"\n"));
        if written.is_err() {
            return finish_write(written);
        }
    }
    finish_write(out.flush())
}
