//! The pages: what people see in a browser, made here as plain HTML.
//!
//! Nothing runs in the browser, and the policy of content sent with each page lets nothing run. Every text passes one
//! formatter, which shows what would steer or hide as text, and then escapes it for HTML: no template can forget it.
//! Templates see values that were made for them; what is missing in one is an error of ours and shows no page.

mod form;
mod image;
mod images;
mod lists;
mod login;
mod report;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, HtmlEscape, Output, State, UndefinedBehavior, context, escape_formatter};
use serde::Serialize;

use crate::digest::{hex, sha256_bytes};
use crate::error::{Error, ErrorKind};
use crate::escape::{escape, is_hidden};

use super::problem::Problem;
use super::state::Server;
use super::token::{Caller, Scope};

/// The only style, under a name that changes with it, so that browsers may keep it for ever.
const STYLE: &str = include_str!("style.css");
static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let digest = hex(&sha256_bytes(STYLE.as_bytes()));
    format!("/style-{}.css", digest.get(..16).unwrap_or_default())
});

/// What a browser may do with a page: show it with this server's style, and send forms back to it.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'";

const TEMPLATES: &[(&str, &str)] = &[
    ("audit.html", include_str!("audit.html")),
    ("base.html", include_str!("base.html")),
    ("error.html", include_str!("error.html")),
    ("findings.html", include_str!("findings.html")),
    ("image.html", include_str!("image.html")),
    ("images.html", include_str!("images.html")),
    ("login.html", include_str!("login.html")),
    ("packages.html", include_str!("packages.html")),
    ("parts.html", include_str!("parts.html")),
    ("queue.html", include_str!("queue.html")),
    ("dead.html", include_str!("dead.html")),
    ("data.html", include_str!("data.html")),
];

static PAGES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    pages.set_auto_escape_callback(|_| AutoEscape::Html);
    pages.set_formatter(show_text);
    pages.add_filter("ticked", ticked);
    pages.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, text) in TEMPLATES {
        pages.add_template(name, text)?;
    }
    Ok(pages)
});

/// The routes.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/", get(images::list))
        .route("/images/{id}", get(image::newest))
        .route("/reports/{id}", get(image::one))
        .route("/reports/{id}/packages", get(image::packages))
        .route("/findings", get(lists::findings))
        .route("/queue", get(lists::queue))
        .route("/dead", get(lists::dead))
        .route("/dead/deliveries", post(lists::retry_deliveries))
        .route("/dead/deliveries/{id}", post(lists::retry_delivery))
        .route("/dead/events", post(lists::retry_events))
        .route("/dead/events/{id}", post(lists::retry_event))
        .route("/dead/jobs", post(lists::retry_jobs))
        .route("/dead/jobs/{id}", post(lists::retry_job))
        .route("/audit", get(lists::audit))
        .route("/data", get(lists::data))
        .route("/login", get(login::form).post(login::login))
        .route("/logout", post(login::logout))
        .route(&STYLE_PATH, get(style))
        .route("/favicon.ico", get(icon))
        .layer(axum::middleware::map_response(guard))
}

async fn style() -> Response {
    let fields = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (fields, STYLE).into_response()
}

/// What browsers ask for by themselves: a layer with a hole in it.
async fn icon() -> Response {
    let fields = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "public, max-age=86400")];
    (fields, include_str!("icon.svg")).into_response()
}

async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fields = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        // so that browsers say with a form where it comes from
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fields {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Writes one value of a template.
fn show_text(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str() {
        Some(text) if !value.is_safe() && text.contains(steers) => {
            escape_formatter(out, state, &Value::from(visible(text)))
        }
        None if !matches!(value.kind(), ValueKind::Number | ValueKind::String) => {
            Err(minijinja::Error::new(minijinja::ErrorKind::BadSerialization, "only texts and numbers stand in a page"))
        }
        _ => escape_formatter(out, state, value),
    }
}

fn steers(c: char) -> bool {
    c.is_control() || is_hidden(c)
}

/// What steers or hides is written out; a backslash stays one, since much was escaped where it was read.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) {
            shown.push_str(&escape(c.encode_utf8(&mut [0; 4])));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A text of careen's own with words between backticks: those stand out. Escaped as everything is.
fn ticked(text: &str) -> Value {
    let parts: Vec<String> = text.split('`').map(|part| HtmlEscape(&visible(part)).to_string()).collect();
    if parts.len().is_multiple_of(2) {
        return Value::from(text);
    }
    let mut marked = String::with_capacity(text.len() + 32);
    for (place, part) in parts.iter().enumerate() {
        if place.is_multiple_of(2) {
            marked.push_str(part);
        } else {
            marked.push_str("<code>");
            marked.push_str(part);
            marked.push_str("</code>");
        }
    }
    Value::from_safe_string(marked)
}

/// A value for a template.
fn told(value: &impl Serialize) -> Value {
    Value::from(Serde(value))
}

/// Makes a page for somebody, or for nobody yet.
fn page(name: &str, caller: Option<&Caller>, values: Value) -> Result<Response, Fault> {
    let failed = |error: &minijinja::Error| {
        let told = format!("a page could not be made: {error}");
        Fault(Problem::from(Error::new(ErrorKind::Internal, told)))
    };
    let pages = PAGES.as_ref().map_err(failed)?;
    let who = caller.map(|caller| caller.who.as_str());
    let is_logged_in = caller.is_some_and(|caller| caller.is_logged_in);
    let may_audit = caller.is_some_and(|caller| caller.scope >= Scope::Admin && caller.sees_all());
    let values = context! { who, is_logged_in, may_audit, style => STYLE_PATH.as_str(), page => name, ..values };
    let template = pages.get_template(name).map_err(|error| failed(&error))?;
    Ok(Html(template.render(values).map_err(|error| failed(&error))?).into_response())
}

/// A page that tells what went wrong.
struct Fault(Problem);

impl<T: Into<Problem>> From<T> for Fault {
    fn from(problem: T) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let Problem { status, detail, retry_after } = self.0;
        let title = status.canonical_reason().unwrap_or("Error");
        let told = context! { title, detail };
        let mut response = match page("error.html", None, told) {
            Ok(page) => page,
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why\n").into_response(),
        };
        *response.status_mut() = status;
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Who looks at a page. Who is not known is asked to log in, and comes back.
struct Visitor(Caller);

/// Why somebody does not get a page.
enum Turned {
    ToLogin(String),
    Away(Problem),
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        match self {
            Self::ToLogin(place) => Redirect::to(&place).into_response(),
            Self::Away(problem) => Fault(problem).into_response(),
        }
    }
}

impl FromRequestParts<Arc<Server>> for Visitor {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Turned> {
        match Caller::from_request_parts(parts, server).await {
            Ok(caller) => Ok(Self(caller)),
            Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
                let place = parts.uri.path_and_query().map_or("/", |place| place.as_str());
                Err(Turned::ToLogin(format!("/login?{}", form::query(&[("to", place)]))))
            }
            Err(problem) => Err(Turned::Away(problem)),
        }
    }
}
