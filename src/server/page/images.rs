//! The first page: images with verdict and trend.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use minijinja::context;

use crate::server::api::Asked;
use crate::server::api::images::{Filter, find};
use crate::server::state::Server;

use super::{Fault, Visitor, form, page, told};

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Visitor(caller): Visitor,
    asked: Result<Asked<Filter>, crate::server::problem::Problem>,
) -> Result<Response, Fault> {
    let Asked(filter) = asked?;
    let found = find(&server, &caller, &filter).await?;
    let next = form::continued(&filter, found.next);
    let is_filtered =
        serde_json::to_value(&filter).is_ok_and(|fields| fields.as_object().is_some_and(|f| !f.is_empty()));
    let sources: Vec<&String> = server.hooks.keys().filter(|name| caller.sees(name)).collect();
    let fields = context! {
        repository => filter.repository.unwrap_or_default(), tag => filter.tag.unwrap_or_default(),
        digest => filter.digest.unwrap_or_default(), outcome => filter.outcome.unwrap_or_default(),
        source => filter.source.unwrap_or_default(), tagged => filter.tagged.unwrap_or_default(),
    };
    page(
        "images.html",
        Some(&caller),
        context! { images => told(&found.items), next, is_filtered, sources => told(&sources), fields },
    )
}
