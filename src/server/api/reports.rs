//! `/api/v1/reports/{id}`: a report, in each format in which it is kept.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_core::Stream;
use serde::Deserialize;
use sqlx::Row as _;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::Error;
use crate::output::FORMATS;
use crate::server::problem::Problem;
use crate::server::random::is_id;
use crate::server::state::Server;
use crate::server::store::document;
use crate::server::token::Caller;

use super::{Asked, blank, cannot, seen};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(deserialize_with = "blank")]
    format: Option<String>,
}

/// Media types, and the formats that are meant by them; the first of a format is that of the answer.
const TYPES: &[(&str, &str)] = &[
    ("application/json", "json"),
    ("application/sarif+json", "sarif"),
    ("application/vnd.cyclonedx+json", "cyclonedx"),
    ("application/spdx+json", "spdx"),
    ("text/spdx", "spdx-tv"),
    ("text/plain", "text"),
    ("application/*", "json"),
    ("*/*", "json"),
];

/// A report that the caller may see.
#[derive(Debug)]
pub(in crate::server) struct Head {
    /// Its image.
    pub(in crate::server) image: i64,
    /// When it was made.
    pub(in crate::server) made: i64,
    /// Its outcome.
    pub(in crate::server) outcome: String,
}

/// The report, unless there is none of this id that the caller may see.
pub(in crate::server) async fn head(server: &Server, caller: &Caller, id: &str) -> Result<Head, Problem> {
    if !is_id(id) {
        return Err(Problem::not_found());
    }
    let row = sqlx::query(concat!("SELECT image, made, outcome FROM report WHERE id = ?2 AND ", seen!("source")));
    let row = row.bind(caller.sources()).bind(id).fetch_optional(server.store.readers()).await.map_err(cannot)?;
    let row = row.ok_or_else(Problem::not_found)?;
    Ok(Head {
        image: row.try_get(0).map_err(cannot)?,
        made: row.try_get(1).map_err(cannot)?,
        outcome: row.try_get(2).map_err(cannot)?,
    })
}

pub(super) async fn one(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    head(&server, &caller, &id).await?;
    let format = match wanted.format {
        Some(format) => FORMATS.iter().map(|known| known.id()).find(|known| *known == format).ok_or_else(|| {
            let known: Vec<&str> = FORMATS.iter().map(|known| known.id()).collect();
            Problem::bad(format!("there is no such format; there are: {}", known.join(", ")))
        })?,
        None => accepted(&headers)?,
    };
    let Some((size, packed)) = document::sizes(server.store.readers(), &id, format).await? else {
        let kept = document::formats(&server.store, &id).await?;
        let kept: Vec<String> = kept.into_iter().map(|(format, _)| format).collect();
        let detail = format!("the report is not kept in this format; it is in: {}", kept.join(", "));
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, detail));
    };
    // what is not read holds what is packed and not what it unpacks to
    let room = server.room(document::unpacking_holds(size, packed))?;
    let report = document::packed(server.store.readers(), &id, format, usize::MAX).await?;
    let report = report.ok_or_else(Problem::not_found)?;
    let length = report.size;
    let media = TYPES.iter().find(|(_, of)| *of == format).map_or_else(
        || match format {
            "spdx-3" => "application/spdx+json",
            _ if format.starts_with("cyclonedx") => "application/vnd.cyclonedx+json",
            _ => "application/json",
        },
        |(media, _)| media,
    );
    let media = if media.starts_with("text/") { format!("{media}; charset=utf-8") } else { media.to_owned() };
    let cannot = |e| Error::io("a document in the store is damaged", e);
    let body = Unpacking { from: report.open().map_err(cannot)?, _room: room };
    let mut response = Body::from_stream(body).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let value = HeaderValue::from_str(&media).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, authorization, cookie"));
    Ok(response)
}

/// Bytes of one piece of an answer.
const PIECE: usize = 64 << 10;

/// A report on its way, unpacked as it is taken.
struct Unpacking<R> {
    from: R,
    /// Given back when the answer was taken, or the connection is gone.
    _room: OwnedSemaphorePermit,
}

impl<R: Read + Unpin> Stream for Unpacking<R> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut piece = Vec::with_capacity(PIECE);
        let read = (&mut self.from).take(PIECE as u64).read_to_end(&mut piece);
        Poll::Ready(match read {
            Ok(0) => None,
            Ok(_) => Some(Ok(piece.into())),
            Err(error) => Some(Err(error)),
        })
    }
}

/// The format that `Accept` asks for (RFC 9110, section 12.5.1): of those of the greatest weight the first.
fn accepted(headers: &HeaderMap) -> Result<&'static str, Problem> {
    let lines: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if lines.is_empty() {
        return Ok("json");
    }
    let mut best: Option<(u16, &'static str)> = None;
    for range in lines.iter().flat_map(|line| line.split(',')).take(50) {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1_000, weight);
        let format = TYPES.iter().find(|(known, _)| *known == media).map(|(_, format)| *format);
        if let Some(format) = format.filter(|_| weight > 0 && best.is_none_or(|(most, _)| weight > most)) {
            best = Some((weight, format));
        }
    }
    best.map(|(_, format)| format).ok_or_else(|| {
        let known: Vec<&str> = TYPES.iter().map(|(media, _)| *media).filter(|media| !media.ends_with('*')).collect();
        Problem::new(StatusCode::NOT_ACCEPTABLE, format!("there are: {}", known.join(", ")))
    })
}

/// Thousandths; what is no weight is none at all.
fn weight(text: &str) -> u16 {
    let (whole, after) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = after.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse::<u16>()) {
        ("1", _) => 1_000,
        ("0", Ok(thousandths)) => thousandths,
        _ => 0,
    }
}
