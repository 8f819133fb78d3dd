//! What a program is told when its request fails: `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::{Error, ErrorKind};

/// A request that failed, in words that its sender may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// What is wrong with this request.
    pub detail: String,
    /// Seconds after which to come again.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem of a status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    /// There is no such thing, or none that the caller may see: both are told the same.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such thing, or it is not yours to see")
    }

    /// The request is malformed.
    pub fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Who asks may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// Not now.
    pub fn later(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(30), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }
}

impl From<Error> for Problem {
    /// The log is told the whole error; whoever asks only what concerns the request.
    fn from(error: Error) -> Self {
        match error.kind {
            ErrorKind::Usage | ErrorKind::Malformed | ErrorKind::NoImage => Self::bad(error.message),
            ErrorKind::NotFound => Self::not_found(),
            ErrorKind::Limit => Self::later(error.message),
            ErrorKind::Io => {
                tracing::error!(error = %error, "a request could not be answered");
                Self::later("the store does not answer")
            }
            ErrorKind::Config | ErrorKind::Auth | ErrorKind::Network | ErrorKind::Unproven | ErrorKind::Internal => {
                tracing::error!(error = %error, "a request could not be answered");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or_default();
        let body = json!({
            "type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail,
        });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"careen\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
