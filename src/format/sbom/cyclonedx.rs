//! CycloneDX in JSON (ECMA-424; <https://cyclonedx.org/docs/1.7/json/>), of which 1.2 to 1.7 agree in what is read.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::escape::escape;

use super::parts::{Builder, bare_place, is_image, sha1};
use super::{Bill, PARTS, Part, list, parse, text};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    components: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    dependencies: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    compositions: Option<Vec<&'a RawValue>>,
}

/// Reads a document whose version is known.
pub(super) fn read(bytes: &[u8], version: Option<&Value>) -> Result<Bill> {
    let version = version.and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("1.") {
        return Err(Error::malformed(format!("CycloneDX of the version `{}` is not read", escape(version))));
    }
    let document: Document<'_> = parse(bytes)?;
    let mut builder = Builder::default();
    if let Some(metadata) = document.metadata.and_then(value) {
        let component = metadata.get("component").unwrap_or(&Value::Null);
        let purl = text(component, "purl").unwrap_or_default();
        if purl.is_empty() || is_image(purl) || text(component, "type") == Some("container") {
            subject(component, &mut builder);
        } else {
            take(component, &mut builder)?;
        }
        nested(component, &mut builder)?;
    }
    for raw in document.components.unwrap_or_default() {
        match value(raw).filter(Value::is_object) {
            Some(component) => {
                take(&component, &mut builder)?;
                nested(&component, &mut builder)?;
            }
            None => builder.add_broken(),
        }
    }
    for raw in document.dependencies.unwrap_or_default() {
        let Some(dependency) = value(raw) else { continue };
        let Some(from) = text(&dependency, "ref") else { continue };
        for to in list(&dependency, "dependsOn").iter().filter_map(Value::as_str) {
            builder.add_edge(from, to);
        }
    }
    let is_incomplete = |raw: &&RawValue| {
        value(raw).is_some_and(|one| text(&one, "aggregate").is_some_and(|word| word.starts_with("incomplete")))
    };
    if document.compositions.iter().flatten().any(is_incomplete) {
        builder.add_incomplete();
    }
    Ok(builder.finish())
}

fn value(raw: &RawValue) -> Option<Value> {
    serde_json::from_str(raw.get()).ok()
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
            return Err(Error::limit(format!("a component has more than {PARTS} others within")));
        }
        take(component, builder)?;
        waiting.extend(list(component, "components"));
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
    let index = builder.add(text(component, "bom-ref"), part)?;
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
