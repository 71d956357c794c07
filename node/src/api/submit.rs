//! Submitting transactions, one or many at a time.
//!
//! 202 means accepted: the transaction waits until a block takes it or its void-after time is over (see [`crate::admission`]).

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use inro_contracts::id::TransactionId;
use inro_contracts::tag::Tag;
use serde_json::{Value, json};

use super::Api;
use super::problem::{Problem, retry_after_seconds};
use crate::admission::{Refusal, Submitted};

const OCTETS: &str = "application/octet-stream";

/// `POST /v1/transactions`: the canonical bytes of one signed transaction.
pub(super) async fn one(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = octets(&headers, body, api.0.parts.limits.body_bytes_max)?;
    let submitted = api.0.parts.admission.submit_local(vec![body.into()]).await.pop();
    match submitted.unwrap_or(Err(Refusal::Stopping)) {
        Ok(id) => Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response()),
        Err(refusal) => Err(Problem::from(&refusal)),
    }
}

/// `POST /v1/transactions/batch`: a list of signed transactions' canonical bytes. Each has its own answer; the status is 202
/// unless none was accepted and trying again later helps.
pub(super) async fn batch(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = octets(&headers, body, api.0.parts.limits.batch_bytes_max)?;
    let parts = split(&body)?;
    let submitted = api.0.parts.admission.submit_local(parts.iter().map(|part| part.to_vec()).collect()).await;
    let retry_after_ms = submitted.iter().filter_map(|answer| answer.as_ref().err()?.retry_after_ms()).max();
    let status = match retry_after_ms {
        Some(_) if submitted.iter().all(Result::is_err) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::ACCEPTED,
    };
    let mut response = if accepts_octets(&headers) {
        let verdicts: Vec<u8> = submitted.iter().map(|answer| u8::from(answer.is_ok())).collect();
        (status, [(header::CONTENT_TYPE, OCTETS)], verdicts).into_response()
    } else {
        let results: Vec<Value> = submitted.iter().zip(&parts).map(|(answer, part)| result(answer, part)).collect();
        (status, Json(json!({ "results": results }))).into_response()
    };
    if let Some(ms) = retry_after_ms {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after_seconds(ms));
    }
    Ok(response)
}

fn result(answer: &Submitted, bytes: &[u8]) -> Value {
    match answer {
        Ok(id) => json!({ "id": id, "accepted": true }),
        Err(refusal) => {
            let id = match refusal {
                Refusal::Malformed(_) => None,
                _ => Some(TransactionId::from(Tag::TRANSACTION_ID.hash(&[bytes]))),
            };
            json!({ "id": id, "accepted": false, "problem": Problem::from(refusal) })
        }
    }
}

/// The list's parts: a count, then each part's length and bytes, all lengths in four little-endian bytes; nothing left over.
fn split(body: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let malformed = || {
        Problem::bad_request(
            "A batch is a count and then, for each transaction, its length and its canonical bytes; counts and lengths are four little-endian bytes, and nothing follows the last.",
        )
    };
    let mut rest = body.clone();
    let number = |rest: &mut Bytes| -> Option<usize> {
        let bytes: [u8; 4] = rest.get(..4)?.try_into().ok()?;
        let _ = rest.split_to(4);
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let count = number(&mut rest).ok_or_else(malformed)?;
    // Each part takes at least its length's four bytes, so a count read from a stranger allocates no more than was sent.
    if count > rest.len() / 4 {
        return Err(malformed());
    }
    let mut parts = Vec::with_capacity(count);
    for _ in 0..count {
        let length = number(&mut rest).filter(|length| *length <= rest.len()).ok_or_else(malformed)?;
        parts.push(rest.split_to(length));
    }
    if rest.is_empty() { Ok(parts) } else { Err(malformed()) }
}

fn octets(headers: &HeaderMap, body: Result<Bytes, BytesRejection>, limit: usize) -> Result<Bytes, Problem> {
    let media = headers.get(header::CONTENT_TYPE).map(|media| media.as_bytes());
    if media.is_some_and(|media| !media.eq_ignore_ascii_case(OCTETS.as_bytes())) {
        return Err(Problem::unsupported_media());
    }
    body.map_err(|rejection| Problem::of_body(&rejection, limit))
}

fn accepts_octets(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().eq_ignore_ascii_case(OCTETS.as_bytes()))
}
