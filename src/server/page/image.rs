//! One image: its newest report or any other, and the packages in it.

use std::io::BufReader;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use minijinja::context;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::{Error, ErrorKind};
use crate::server::api::images::{Image, get};
use crate::server::api::reports::head;
use crate::server::api::{Asked, number, time};
use crate::server::problem::Problem;
use crate::server::state::Server;
use crate::server::store::document;
use crate::server::token::Caller;

use super::report::{Count, Document, Finding, MOST_PACKAGES, Package, Part, read};
use super::{Fault, Visitor, form, page, told};

/// Bytes of a report that is shown; larger ones are there as documents.
const LARGEST: usize = 64 << 20;

/// How long room for a report is waited for, while others look at theirs.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What there may be.
type Found<T> = Result<Option<T>, Problem>;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    platform: Option<String>,
    /// The place among the reports of an index, from 1: two of them may call themselves the same.
    part: Option<usize>,
    text: Option<String>,
    from: Option<usize>,
}

pub(super) async fn newest(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
    asked: Result<Asked<Wanted>, Problem>,
) -> Result<Response, Fault> {
    let Asked(wanted) = asked?;
    let image = get(&server, &caller, number(&id)?).await?;
    let report = image.reports.first().map(|report| report.id.clone());
    show(&server, &caller, &image, report.as_deref(), &wanted).await
}

pub(super) async fn one(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
    asked: Result<Asked<Wanted>, Problem>,
) -> Result<Response, Fault> {
    let Asked(wanted) = asked?;
    let report = head(&server, &caller, &id).await?;
    let image = get(&server, &caller, report.image).await?;
    show(&server, &caller, &image, Some(&id), &wanted).await
}

async fn show(
    server: &Server,
    caller: &Caller,
    image: &Image,
    report: Option<&str>,
    wanted: &Wanted,
) -> Result<Response, Fault> {
    let Some(id) = report else {
        return page("image.html", Some(caller), context! { image => told(image), report => (), shown => () });
    };
    let report = head(server, caller, id).await?;
    let formats = document::formats(&server.store, id).await?;
    let formats: Vec<String> = formats.into_iter().map(|(format, _)| format).collect();
    let (platforms, part, shown) = match documents::<Count, Vec<Finding>>(server, id).await? {
        None => (Vec::new(), 0, None),
        Some((_room, documents)) => {
            let platforms = labels(&documents);
            let chosen = chosen(documents, wanted)?;
            let part = chosen.as_ref().map_or(0, |(part, _)| *part);
            let shown = tokio::task::spawn_blocking(|| chosen.map(|(_, document)| document.show())).await;
            (platforms, part, shown.map_err(|e| Error::new(ErrorKind::Internal, "cannot show a report").because(e))?)
        }
    };
    let is_newest = image.reports.first().is_some_and(|newest| newest.id == id);
    let report =
        context! { id, made => time(report.made), outcome => report.outcome, is_newest, formats, platforms, part };
    page("image.html", Some(caller), context! { image => told(image), report, shown => told(&shown) })
}

pub(super) async fn packages(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
    asked: Result<Asked<Wanted>, Problem>,
) -> Result<Response, Fault> {
    let Asked(wanted) = asked?;
    let report = head(&server, &caller, &id).await?;
    let image = get(&server, &caller, report.image).await?;
    let (_room, documents) = documents::<Vec<Package>, Count>(&server, &id).await?.ok_or_else(Problem::not_found)?;
    let (part, chosen) = chosen(documents, &wanted)?.ok_or_else(Problem::not_found)?;
    let (text, from) = (wanted.text.unwrap_or_default(), wanted.from.unwrap_or(0));
    let platform = chosen.platform().to_owned();
    let (packages, count) = chosen.packages(text.trim(), from);
    let until = from.saturating_add(packages.len());
    let at = |from: usize| {
        let (part, from) = (part.to_string(), from.to_string());
        form::query(&[("part", part.as_str()), ("text", text.trim()), ("from", from.as_str())])
    };
    let next = (until < count).then(|| at(until));
    let before = (from > 0).then(|| at(from.saturating_sub(MOST_PACKAGES)));
    let first = if count == 0 { 0 } else { from.saturating_add(1) };
    let values = context! { id, image => told(&image), packages => told(&packages), count, first, until, text, platform, part, next, before };
    page("packages.html", Some(&caller), values)
}

/// The reports of a document, and the room that they take; nothing where it is larger than a page can show.
async fn documents<P: Part, F: Part>(server: &Server, id: &str) -> Found<(OwnedSemaphorePermit, Vec<Document<P, F>>)> {
    let sizes = document::sizes(server.store.readers(), id, "json").await?;
    let Some((size, packed)) = sizes.filter(|(size, _)| *size <= LARGEST) else { return Ok(None) };
    // what is read of it takes about as much as its text, and strings have their own rests
    let holds = document::unpacking_holds(size, packed).saturating_add(size.saturating_mul(2));
    let room = server.room_soon(holds, LONGEST_WAIT).await?;
    let Some(json) = document::packed(server.store.readers(), id, "json", LARGEST).await? else { return Ok(None) };
    let failed =
        |what: String| Problem::from(Error::new(ErrorKind::Internal, format!("a report cannot be read: {what}")));
    let read = tokio::task::spawn_blocking(move || {
        let text = json.open().map_err(|e| e.to_string())?;
        read(BufReader::with_capacity(64 << 10, text)).map_err(|e| e.to_string())
    });
    let read = read.await.map_err(|e| failed(e.to_string()))?.map_err(failed)?;
    Ok(Some((room, read)))
}

/// What the reports of an index are called: by platform, and where two are called the same, by digest too.
fn labels<P, F>(documents: &[Document<P, F>]) -> Vec<String> {
    let count = |platform: &str| documents.iter().filter(|document| document.platform() == platform).count();
    let label = |document: &Document<P, F>| match document.digest().get(..19) {
        Some(digest) if count(document.platform()) > 1 => format!("{} {digest}…", document.platform()),
        _ => document.platform().to_owned(),
    };
    documents.iter().map(label).collect()
}

/// The report that is asked for by its place or its platform, else the first that fails, else the first; with its place,
/// from 1.
fn chosen<P, F>(mut documents: Vec<Document<P, F>>, wanted: &Wanted) -> Found<(usize, Document<P, F>)> {
    let asked =
        |document: &Document<P, F>| wanted.platform.as_deref().is_some_and(|asked| asked == document.platform());
    let index = match wanted.part {
        Some(part) => match part.checked_sub(1).filter(|index| *index < documents.len()) {
            Some(index) => index,
            None => return Err(Problem::not_found()),
        },
        None => documents
            .iter()
            .position(asked)
            .or_else(|| documents.iter().position(|document| document.outcome == "failed"))
            .unwrap_or(0),
    };
    Ok((index < documents.len()).then(|| (index.saturating_add(1), documents.swap_remove(index))))
}
