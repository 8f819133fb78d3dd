//! Logging in with a token, and out.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use minijinja::context;
use serde::Deserialize;

use crate::server::api::Asked;
use crate::server::problem::Problem;
use crate::server::state::Server;
use crate::server::token;

use super::{Fault, form, page};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    to: String,
    token: String,
}

/// Where to go next: a place on this server, never another one. A browser reads `\` as `/`, so that `/\host` is a host.
fn place(to: &str) -> &str {
    let is_here = to.starts_with('/') && !to.starts_with("//") && to.len() <= 2_048;
    let is_plain = to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_here && is_plain { to } else { "/" }
}

pub(super) async fn form(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    Asked(fields): Asked<Fields>,
) -> Result<Response, Fault> {
    let is_dropped = token::seems_dropped(&server, &headers);
    page("login.html", None, context! { to => place(&fields.to), refused => false, is_dropped })
}

pub(super) async fn login(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Fault> {
    if token::is_dropped(&server, request.headers()) {
        let mut answer = page("login.html", None, context! { to => "/", refused => false, is_dropped => true })?;
        *answer.status_mut() = StatusCode::FORBIDDEN;
        return Ok(answer);
    }
    check_origin(&request)?;
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_string());
    let from = from.unwrap_or_else(|| "unknown".to_owned());
    let fields: Fields = form::sent(request.into_body()).await?;
    if let Some(cookie) = token::login(&server, &fields.token, &from).await? {
        return went(place(&fields.to), &cookie);
    }
    let values = context! { to => place(&fields.to), refused => true, is_dropped => false };
    let mut answer = page("login.html", None, values)?;
    *answer.status_mut() = StatusCode::FORBIDDEN;
    Ok(answer)
}

pub(super) async fn logout(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Fault> {
    check_origin(&request)?;
    went("/login", &token::logout(&server, request.headers()).await?)
}

/// Other sites log nobody in and nobody out.
fn check_origin(request: &Request) -> Result<(), Problem> {
    if token::is_of_same_origin(request.headers()) {
        return Ok(());
    }
    Err(Problem::forbidden("another site asked for this"))
}

fn went(place: &str, cookie: &str) -> Result<Response, Fault> {
    let mut answer = Redirect::to(place).into_response();
    let cookie = HeaderValue::from_str(cookie).map_err(|_| Problem::bad("this is no token"))?;
    answer.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        let cases = [
            ("/images/1?a=b", "/images/1?a=b"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ];
        for (asked, expected) in cases {
            assert_eq!(place(asked), expected, "{asked:?}");
        }
    }
}
