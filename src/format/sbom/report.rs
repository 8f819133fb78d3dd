//! careen's own JSON report (`docs/formats/report.schema.json`): its target, packages and limitations.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::limitation::Limitation;

use super::parts::{Builder, path_of, sha1};
use super::{Bill, BillLayer, Entries, Part, Place, list, parse, text, value, word};

#[derive(Deserialize)]
struct Several<'a> {
    #[serde(borrow)]
    reports: Option<Entries<'a>>,
}

#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow)]
    target: Option<&'a RawValue>,
    #[serde(borrow)]
    packages: Option<Entries<'a>>,
    #[serde(borrow, default)]
    limitations: Entries<'a>,
}

/// Reads one report, or several as one.
pub(super) fn read(bytes: &[u8]) -> Result<Bill> {
    let several: Several<'_> = parse(bytes)?;
    let mut builder = Builder::default();
    match several.reports {
        None => take(&parse(bytes)?, &mut builder)?,
        Some(reports) => {
            for raw in reports.0 {
                take(&parse(raw.get().as_bytes())?, &mut builder)?;
            }
        }
    }
    Ok(builder.finish())
}

fn take(report: &Report<'_>, builder: &mut Builder) -> Result<()> {
    let Some(packages) = &report.packages else {
        return Err(Error::malformed("this is the report of a scan that failed: it lists no packages"));
    };
    subject(&report.target.and_then(value).unwrap_or_default(), builder);
    for (index, raw) in packages.0.iter().enumerate() {
        let Some(package) = value(raw).filter(Value::is_object) else {
            builder.add_broken(format!("packages[{index}]"));
            continue;
        };
        take_package(&package, index, builder)?;
    }
    for limitation in report.limitations.0.iter().filter_map(|raw| value(raw)) {
        let of = |key: &str| text(&limitation, key).unwrap_or_default();
        let place = if of("place").is_empty() { String::new() } else { format!(" {}", of("place")) };
        let what = match of("code") {
            word::STATED => of("what").to_owned(),
            code => format!("{code}{place}: {}", of("what")),
        };
        let is_gap = limitation.get("incomplete").and_then(Value::as_bool).unwrap_or(true);
        builder.add_limitation(Limitation { is_gap, ..Limitation::gap(word::STATED, "", what) });
    }
    Ok(())
}

fn subject(target: &Value, builder: &mut Builder) {
    let of = |key: &str| text(target, key).map(str::to_owned);
    let tags: Vec<String> = list(target, "tags").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    builder.begin_image(if tags.is_empty() { of("reference").into_iter().collect() } else { tags });
    if let Some(platform) = of("platform") {
        builder.add_image_fact(word::PLATFORM, &platform);
    }
    let subject = builder.subject();
    subject.digest = of("digest");
    subject.config_digest = of("config_digest");
    subject.created = of("created");
    if let Some(name) = of("distro") {
        subject.distro = Some((of("distro_id").unwrap_or_default(), of("distro_version").unwrap_or_default(), name));
    }
    subject.layers = list(target, "layers")
        .iter()
        .map(|layer| {
            let of = |key: &str| text(layer, key).map(str::to_owned);
            BillLayer {
                digest: of("digest"),
                diff_id: of("diff_id"),
                size: layer.get("size").and_then(Value::as_u64),
                created_by: of("created_by"),
                origin: of("origin"),
            }
        })
        .collect();
}

fn take_package(package: &Value, index: usize, builder: &mut Builder) -> Result<()> {
    let of = |key: &str| text(package, key).map(str::to_owned);
    let Some(purl) = of("purl") else {
        builder.add_broken(format!("packages[{index}]"));
        return Ok(());
    };
    let source = |key: &str| package.get("source").and_then(|source| text(source, key)).map(str::to_owned);
    let licence = package.get("licence");
    let is_name = text(package, "proof") == Some("name");
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let part = Part {
        name: of("name").unwrap_or_default(),
        version: of("version").unwrap_or_default(),
        is_own: true,
        ecosystem: of("type"),
        is_declared: text(package, "state") == Some("declared"),
        is_uncounted: package.get("counted").and_then(Value::as_bool) == Some(false),
        confidence: of("confidence"),
        // reports of older versions do not say which of the two it is
        proof_name: of("evidence").filter(|_| is_name),
        proof_text: of("evidence").filter(|_| !is_name),
        architecture: of("architecture"),
        packager: of("packager"),
        source_name: source("name"),
        source_version: source("version"),
        licence: licence.and_then(|licence| text(licence, "declared")).map(str::to_owned),
        expression: licence.map(|licence| text(licence, "expression").unwrap_or_default().to_owned()),
        sha1: text(package, "sha1").and_then(sha1),
        places: list(package, "locations")
            .iter()
            .filter_map(|place| {
                let layer = number(place, "layer").unwrap_or_default();
                Some(Place {
                    path: path_of(text(place, "path")?),
                    inside: text(place, "inside").map(str::to_owned),
                    layer,
                    live_layer: number(place, "live_layer").unwrap_or(layer),
                })
            })
            .collect(),
        purl: purl.clone(),
        ..Part::default()
    };
    if package.get("removed_in_layer").is_some() {
        return builder.add_removed(part, number(package, "removed_in_layer").unwrap_or_default());
    }
    let Some(index) = builder.add(Some(&purl), part)? else { return Ok(()) };
    for needed in list(package, "dependencies").iter().filter_map(Value::as_str) {
        builder.add_edge(&purl, needed);
    }
    if let Some(owner) = text(package, "owned_by") {
        builder.add_fact(index, word::OWNED_BY, owner);
    }
    Ok(())
}
