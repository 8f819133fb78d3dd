//! CycloneDX in JSON (ECMA-424; <https://cyclonedx.org/docs/1.7/json/>), of which 1.2 to 1.7 agree in what is read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::Result;

use super::parts::{Builder, bare_place, is_image, sha1};
use super::{Bill, Entries, LARGEST_ENTRY, PARTS, Part, list, parse, text, too_much, value};

/// Levels of components within components. Each is read as often as it is deep.
const LEVELS: usize = 64;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    components: Entries<'a>,
    #[serde(borrow, default)]
    dependencies: Entries<'a>,
    #[serde(borrow, default)]
    compositions: Entries<'a>,
}

/// Reads a document whose version was looked at.
pub(super) fn read(bytes: &[u8]) -> Result<Bill> {
    let document: Document<'_> = parse(bytes)?;
    let mut builder = Builder::default();
    if let Some(raw) = document.metadata {
        let metadata = value(raw).unwrap_or_else(|| {
            builder.add_broken("metadata".to_owned());
            Value::Null
        });
        let component = metadata.get("component").unwrap_or(&Value::Null);
        let purl = text(component, "purl").unwrap_or_default();
        if purl.is_empty() || is_image(purl) || text(component, "type") == Some("container") {
            subject(component, &mut builder);
        } else {
            take(component, &mut builder)?;
        }
        nested(component, &mut builder)?;
    }
    for (index, raw) in document.components.0.into_iter().enumerate() {
        let place = format!("components[{index}]");
        match value(raw).filter(Value::is_object) {
            Some(component) => {
                take(&component, &mut builder)?;
                nested(&component, &mut builder)?;
            }
            None => by_levels(raw, place, &mut builder)?,
        }
    }
    for (index, raw) in document.dependencies.0.into_iter().enumerate() {
        let Some(dependency) = value(raw) else {
            builder.add_broken(format!("dependencies[{index}]"));
            continue;
        };
        let Some(from) = text(&dependency, "ref") else { continue };
        for to in list(&dependency, "dependsOn").iter().filter_map(Value::as_str) {
            builder.add_edge(from, to);
        }
    }
    let is_incomplete = |raw: &&RawValue| {
        value(raw).is_some_and(|one| text(&one, "aggregate").is_some_and(|word| word.starts_with("incomplete")))
    };
    if document.compositions.0.iter().any(is_incomplete) {
        builder.add_incomplete();
    }
    Ok(builder.finish())
}

fn subject(component: &Value, builder: &mut Builder) {
    builder.begin_image(text(component, "name").map(str::to_owned));
    for (name, value) in properties(component) {
        builder.add_image_fact(name, value);
    }
}

/// Components within components, at any depth that JSON allows.
fn nested(component: &Value, builder: &mut Builder) -> Result<()> {
    let mut waiting: Vec<&Value> = list(component, "components").iter().collect();
    let mut count = 0_usize;
    while let Some(component) = waiting.pop() {
        count = count.saturating_add(1);
        if count > PARTS {
            return Err(too_much(format!("a component has more than {PARTS} others within")));
        }
        take(component, builder)?;
        waiting.extend(list(component, "components"));
    }
    Ok(())
}

/// A component that is nested too deep to be read at once: its outer ones one by one, and what is within these is told.
fn by_levels(raw: &RawValue, place: String, builder: &mut Builder) -> Result<()> {
    let mut waiting = vec![(raw, place, 0_usize)];
    while let Some((raw, place, depth)) = waiting.pop() {
        let fields = serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(raw.get()).ok();
        let Some(mut fields) = fields.filter(|_| depth < LEVELS && raw.get().len() <= LARGEST_ENTRY) else {
            builder.add_broken(place);
            continue;
        };
        let within = fields.remove("components").and_then(|raw| serde_json::from_str::<Entries<'_>>(raw.get()).ok());
        let component = fields.into_iter().filter_map(|(name, raw)| Some((name.into_owned(), value(raw)?))).collect();
        take(&Value::Object(component), builder)?;
        for (index, raw) in within.unwrap_or_default().0.into_iter().enumerate().rev() {
            waiting.push((raw, format!("{place}.components[{index}]"), depth.saturating_add(1)));
        }
    }
    Ok(())
}

fn take(component: &Value, builder: &mut Builder) -> Result<()> {
    let kind = text(component, "type").unwrap_or_default();
    let name = text(component, "name").unwrap_or_default();
    let version = text(component, "version").unwrap_or_default();
    let purl = text(component, "purl").filter(|purl| purl.starts_with("pkg:")).unwrap_or_default();
    match kind {
        "operating-system" if purl.is_empty() => {
            let title = text(component, "description").unwrap_or_default();
            let distro = (name.to_owned(), version.to_owned(), title.to_owned());
            builder.subject().distro.get_or_insert(distro);
            return Ok(());
        }
        "container" if purl.is_empty() || is_image(purl) => {
            subject(component, builder);
            return Ok(());
        }
        "library" | "application" | "framework" if purl.is_empty() => {
            if !version.is_empty() {
                builder.add_nameless(name, version);
            }
            return Ok(());
        }
        _ if purl.is_empty() || is_image(purl) => return Ok(()),
        _ => {}
    }
    let separator = if purl.starts_with("pkg:maven/") { ":" } else { "/" };
    let name = match text(component, "group").filter(|group| !group.is_empty()) {
        Some(group) => format!("{group}{separator}{name}"),
        None => name.to_owned(),
    };
    let hash = list(component, "hashes").iter().find(|hash| text(hash, "alg") == Some("SHA-1"));
    let part = Part {
        purl: purl.to_owned(),
        name,
        version: version.to_owned(),
        licence: licence(component),
        sha1: hash.and_then(|hash| sha1(text(hash, "content")?)),
        ..Part::default()
    };
    let has_place = properties(component).any(|(name, _)| name == super::word::LOCATION);
    let Some(index) = builder.add(text(component, "bom-ref"), part)? else { return Ok(()) };
    for (name, value) in properties(component) {
        builder.add_fact(index, name, value);
    }
    if !has_place {
        let occurrences = component.get("evidence").map_or(&[][..], |evidence| list(evidence, "occurrences"));
        let places = occurrences.iter().filter_map(|occurrence| text(occurrence, "location"));
        for path in places.chain(properties(component).filter(|(name, _)| is_path(name)).map(|(_, value)| value)) {
            builder.add_place(index, bare_place(path));
        }
    }
    Ok(())
}

/// Whether other programs say under this name where a package was found.
fn is_path(name: &str) -> bool {
    name == "aquasecurity:trivy:FilePath"
        || name.strip_prefix("syft:location:").is_some_and(|rest| rest.ends_with(":path"))
}

fn properties(component: &Value) -> impl Iterator<Item = (&str, &str)> {
    list(component, "properties").iter().filter_map(|one| Some((text(one, "name")?, text(one, "value")?)))
}

/// The licences as one text, all of which hold.
fn licence(component: &Value) -> Option<String> {
    let texts: Vec<&str> = list(component, "licenses")
        .iter()
        .filter_map(|choice| {
            let licence = choice.get("license").unwrap_or(&Value::Null);
            let whole = licence.get("text").and_then(|whole| text(whole, "content"));
            text(choice, "expression").or(whole).or_else(|| text(licence, "id")).or_else(|| text(licence, "name"))
        })
        .collect();
    match texts.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        several => {
            let bracketed =
                several.iter().map(|one| if one.contains(' ') { format!("({one})") } else { (*one).to_owned() });
            Some(bracketed.collect::<Vec<_>>().join(" AND "))
        }
    }
}
