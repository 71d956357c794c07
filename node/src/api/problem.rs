//! Errors of the API: `application/problem+json` (RFC 9457) with the broken rule's code. All of them stand in this file.
//!
//! No problem repeats what was asked for: a label must not travel into an error body, and from there into somebody's log.

use axum::Json;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::admission::Refusal;
use crate::mempool::{RETRY_AFTER_MS, Refused};
use crate::store::StoreError;

/// Why a request was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The problem's kind: `urn:inro:problem:…`.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        let kind = format!("urn:inro:problem:{kind}");
        Self { kind, title, status: status.as_u16(), detail: detail.into(), rule: None, retry_after_ms: None }
    }

    fn again_in(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// The request itself is malformed.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request is malformed", detail)
    }

    /// There is no such thing.
    pub fn not_found(what: &str) -> Self {
        let detail = format!("This ledger has no such {what}, as of the last block of this node.");
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// The request is not signed, or the signature does not hold for it.
    pub fn not_signed() -> Self {
        let detail = "Sign the request for this node: Authorization: Inro key=…,time=…,signature=… (docs/spec/api.md).";
        Self::new(StatusCode::UNAUTHORIZED, "not-signed", "The request is not signed", detail)
    }

    /// The request was signed too long ago, or ahead of time.
    pub fn signed_at_another_time() -> Self {
        let detail = "The request's time lies more than a minute from this node's clock; set the clock and sign again.";
        Self::new(StatusCode::UNAUTHORIZED, "signed-at-another-time", "The request's signature is too old", detail)
    }

    /// The key that signed may not ask this.
    pub fn not_allowed() -> Self {
        let detail = "The key that signed this request may not ask this: it is not the account's, not a guardian's with this power, and not that of a practitioner to whom it is open.";
        Self::new(StatusCode::FORBIDDEN, "not-allowed", "Not allowed", detail)
    }

    /// The validators changed more often than an evidence file tells.
    pub fn no_receipt() -> Self {
        let detail = "The validators changed too often for one evidence file from the founding on; make evidence from a block that is trusted.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no-receipt", "No receipt can be made", detail)
    }

    /// A journal is larger than an evidence file.
    pub fn too_long_a_history() -> Self {
        let detail = "This journal has more events than an evidence file holds; read it in pages from /journal.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too-long-a-history", "The history is too long for one answer", detail)
    }

    /// A delegate or auditor reads a journal without having said so on the ledger.
    pub fn not_announced() -> Self {
        let detail = "Reading somebody's journal is itself an event in it: commit a ReadJournal transaction first.";
        let mut problem = Self::new(StatusCode::FORBIDDEN, "not-announced", "The reading is not announced", detail);
        problem.rule = Some("C-20");
        problem
    }

    /// This node handles no payloads.
    pub fn no_desk() -> Self {
        let detail = "This node keeps and fetches no payloads; ask the node of a facility.";
        Self::new(StatusCode::NOT_FOUND, "no-desk", "Not found", detail)
    }

    /// A document could not be taken in.
    pub fn not_taken_in(problem: &inro_intake::Problem) -> Self {
        let title = "The document cannot be taken in";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-taken-in", title, problem.to_string())
    }

    /// A payload is still on its way.
    pub fn not_there_yet() -> Self {
        let detail = "The payload has not arrived yet; try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-there-yet", "Not there yet", detail).again_in(RETRY_AFTER_MS)
    }

    /// A payload did not arrive, or was wrong. Nothing of it is shown.
    pub fn did_not_arrive(detail: &str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "did-not-arrive", "The payload did not arrive as it should", detail)
    }

    /// What an access permitted is over.
    pub fn access_is_over(detail: &str) -> Self {
        let mut problem = Self::new(StatusCode::FORBIDDEN, "access-is-over", "The access is over", detail);
        problem.rule = Some("X-1");
        problem
    }

    /// A range that lies outside.
    pub fn bad_range(length: u64) -> Self {
        let detail = format!("The range lies outside the {length} bytes that there are.");
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "bad-range", "The range cannot be had", detail)
    }

    /// There is no such path.
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-such-path", "Not found", "This API has no such path; its paths begin with /v1/.")
    }

    /// The path is not for this method.
    pub fn method_not_allowed() -> Self {
        let detail = "This path exists, but not for this method; the Allow header lists its methods.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
    }

    /// The body's media type is not the one that is read here.
    pub fn unsupported_media() -> Self {
        let detail = "Send the canonical bytes with Content-Type: application/octet-stream.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type", detail)
    }

    /// The body is longer than allowed.
    pub fn too_long(limit: usize) -> Self {
        let detail = format!("The body has more than {limit} bytes; send less at a time.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "The body is too long", detail)
    }

    /// One client asks too often.
    pub fn too_many_requests(retry_after_ms: u64) -> Self {
        let detail = "This client's address sends more requests a second than this node answers; send batches, or more slowly.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", detail).again_in(retry_after_ms)
    }

    /// All clients together ask too much.
    pub fn busy() -> Self {
        let detail = "This node answers as many requests at once as it may; try again, or ask another node.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy", detail).again_in(RETRY_AFTER_MS)
    }

    /// The answer took too long.
    pub fn took_too_long() -> Self {
        let detail = "The request was not answered in time and was given up; try again, or ask another node.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "took-too-long", "Took too long", detail).again_in(RETRY_AFTER_MS)
    }

    /// It was here, and this node keeps it no longer.
    pub fn pruned() -> Self {
        let detail = "This node no longer keeps this part of the ledger (pruned here): ask a member that keeps everything.";
        Self::new(StatusCode::GONE, "pruned", "Pruned here", detail)
    }

    /// Our own store failed. What it says is for the operator's log, not for clients.
    pub fn store_failed() -> Self {
        let detail = "The node cannot read its own store; ask another node. The operator finds the cause in this node's log.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store-failed", "The node failed", detail)
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let (status, title) = match refusal {
            Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "The transaction is malformed"),
            Refusal::Inadmissible(inro_contracts::machine::Inadmissible::Committed) => {
                (StatusCode::CONFLICT, "The transaction is committed already")
            }
            Refusal::Inadmissible(_) => (StatusCode::UNPROCESSABLE_ENTITY, "The transaction cannot stand in a block"),
            Refusal::Rule(_) => (StatusCode::FORBIDDEN, "The signer may not send this"),
            Refusal::BadSignature => (StatusCode::UNPROCESSABLE_ENTITY, "A signature does not hold"),
            Refusal::Full(Refused::OverQuota { .. }) => (StatusCode::TOO_MANY_REQUESTS, "The organisation's share is used up"),
            Refusal::Full(_) => (StatusCode::SERVICE_UNAVAILABLE, "No room"),
            Refusal::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, "Overloaded"),
            Refusal::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "The node is stopping"),
            Refusal::Fault => return Self::store_failed(),
        };
        let mut problem = Self::new(status, kind(refusal), title, refusal.to_string());
        problem.rule = refusal.rule();
        problem.retry_after_ms = refusal.retry_after_ms();
        problem
    }
}

fn kind(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Inadmissible(_) => "inadmissible",
        Refusal::Rule(_) => "rule",
        other => other.cause(),
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Pruned { .. }) {
            return Self::pruned();
        }
        tracing::error!(%error, "a request could not be answered from the store");
        Self::store_failed()
    }
}

impl From<QueryRejection> for Problem {
    fn from(_: QueryRejection) -> Self {
        Self::bad_request("A parameter after the question mark is unknown, stands twice, or is not a number.")
    }
}

impl Problem {
    /// The problem of a body that could not be read.
    pub fn of_body(rejection: &BytesRejection, limit: usize) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::too_long(limit)
        } else {
            Self::bad_request("The body ended early.")
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_ms;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(ms) = retry_after {
            headers.insert(header::RETRY_AFTER, retry_after_seconds(ms));
        }
        response
    }
}

/// `Retry-After` counts whole seconds; a part of one counts as one.
pub fn retry_after_seconds(ms: u64) -> HeaderValue {
    HeaderValue::from(ms.div_ceil(1_000).max(1))
}
