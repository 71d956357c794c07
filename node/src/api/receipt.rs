//! Receipts: what a reader keeps beside a payload, to show anybody for ever that the ledger let it be read. The file is evidence of the
//! access, or of the consult, and of its outcome; it holds by itself, and this node need not be believed.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use inro_contracts::access::Access;
use inro_contracts::account::Account;
use inro_contracts::id::{ConsultId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_contracts::state::StateKey;
use inro_contracts::time::Height;
use inro_evidence::{CHANGES_MAX, Evidence, Start, Statement};

use super::Api;
use super::auth::{Signed, acting_here};
use super::consent::taking_part;
use super::problem::Problem;
use super::read::{object, parse};
use crate::desk::entry_statement;
use crate::store::Snapshot;

/// `GET /v1/accesses/{id}/receipt`
pub(super) async fn of_access(State(api): State<Api>, Path(id): Path<String>, signed: Signed) -> Result<Response, Problem> {
    let id: TransactionId = parse(&id)?;
    let node = api.0.parts.peer;
    api.read(move |snapshot| {
        require_concerned(snapshot, &signed.key, &node, id)?;
        file(snapshot, &id)
    })
    .await
}

/// `GET /v1/consults/{linked id}/receipt`
pub(super) async fn of_consult(State(api): State<Api>, Path(id): Path<String>, signed: Signed) -> Result<Response, Problem> {
    let id: ConsultId = parse(&id)?;
    api.read(move |snapshot| {
        taking_part(snapshot, &signed.key, id)?;
        file(snapshot, &TransactionId(id.0))
    })
    .await
}

/// Says in an answer that carries a payload where its receipt is (RFC 8288).
pub(super) fn link(mut response: Response, of: &str, id: &str) -> Response {
    let link = HeaderValue::from_str(&format!("</v1/{of}/{id}/receipt>; rel=\"describedby\"; type=\"application/octet-stream\""));
    if let Ok(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// The person who asked, the person whose account it is on, and practitioners of the organisation for which the reader acted.
fn require_concerned(snapshot: &Snapshot<'_>, key: &PublicKey, node: &PublicKey, id: TransactionId) -> Result<(), Problem> {
    let access: Option<Access> = object(snapshot, &StateKey::Access(id))?;
    if let Some(access) = &access {
        let account: Option<Account> = object(snapshot, &StateKey::Account(access.request.account))?;
        let asked = access.organisation.is_none() && access.signer == *key;
        if asked || account.is_some_and(|account| account.controller == *key) {
            return Ok(());
        }
    }
    let organisation = acting_here(snapshot, key, node)?.practitioner.organisation;
    let own = access.is_some_and(|access| access.organisation == Some(organisation));
    if own { Ok(()) } else { Err(Problem::not_found("granted access")) }
}

fn file(snapshot: &Snapshot<'_>, id: &TransactionId) -> Result<Response, Problem> {
    let statement = entry_statement(snapshot, id)?.ok_or_else(|| Problem::not_found("committed transaction"))?;
    let changes = snapshot.changes(Height(0), CHANGES_MAX + 1)?;
    let statement = Statement::Entry(Box::new(statement));
    let evidence = Evidence::stating(snapshot.chain(), Start::Genesis, &changes, statement);
    let bytes = evidence.map_err(|_| Problem::no_receipt())?.to_bytes();
    let disposition = format!("attachment; filename=\"{}.receipt.inro\"", id.to_hex());
    let fields = [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((fields, bytes).into_response())
}
