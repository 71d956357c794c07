//! Consent, journals and records of one account, for those whom they concern.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use inro_contracts::account::{Account, Powers};
use inro_contracts::bytes::{Canonical, encode};
use inro_contracts::consent::{Consent, Consult};
use inro_contracts::id::{ConsultId, Label, PractitionerId, RecordId};
use inro_contracts::key::PublicKey;
use inro_contracts::parameters::Parameters;
use inro_contracts::record::{ProviderFlags, Record};
use inro_contracts::state::{ConsultPlace, StateKey};
use inro_contracts::transaction::Action;
use inro_evidence::FILE_BYTES_MAX;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::auth::{Signed, Toward, acting, now, toward, with_power};
use super::problem::Problem;
use super::read::{json_of, object, parse, within};
use crate::store::{Snapshot, StoreError};

type Answer = Result<Json<Value>, Problem>;

/// Most events of a journal in one answer, and how many without `limit`.
const EVENTS_MAX: usize = 1_000;
const EVENTS_USUAL: usize = 100;
/// Most records in one answer.
const RECORDS_MAX: usize = 2_000;

/// `GET /v1/accounts/{label}/consent`
pub(super) async fn consent(State(api): State<Api>, Path(label): Path<String>, signed: Signed) -> Answer {
    let label: Label = parse(&label)?;
    api.read(move |snapshot| {
        let (asker, account) = toward(snapshot, &signed.key, &label)?;
        account.ok_or_else(|| Problem::not_found("account"))?;
        let mut consent: Consent = object(snapshot, &StateKey::Consent(label))?.unwrap_or_default();
        match asker {
            Toward::Person => json_of(&consent),
            Toward::Guardian(_) => {
                consent.seals.retain(|seal| !seal.terms.hidden_from_guardians);
                json_of(&consent)
            }
            Toward::Practitioner(acting) => {
                consent.grants.retain(|grant| grant.terms.grantee.includes(&acting.id, &acting.practitioner));
                consent.consults.retain(|consult| consult.opener == acting.id || consult.terms.reader == acting.id);
                Ok(Json(json!({ "grants": consent.grants, "consults": consent.consults })))
            }
        }
    })
    .await
}

/// `GET /v1/consults/{linked id}`
pub(super) async fn consult(State(api): State<Api>, Path(id): Path<String>, signed: Signed) -> Answer {
    let id: ConsultId = parse(&id)?;
    api.read(move |snapshot| {
        let TakingPart { account, consult, .. } = taking_part(snapshot, &signed.key, id)?;
        Ok(Json(json!({ "account": account, "consult": consult })))
    })
    .await
}

/// A consult, and who of its two asks.
pub(super) struct TakingPart {
    /// On which account.
    pub account: Label,
    /// The consult.
    pub consult: Consult,
    /// The asker: its opener or its reader.
    pub asker: PractitionerId,
}

/// The consult, for its opener and its reader; nobody else learns that there is one.
pub(super) fn taking_part(snapshot: &Snapshot<'_>, key: &PublicKey, id: ConsultId) -> Result<TakingPart, Problem> {
    let asker = acting(snapshot, key)?.id;
    let unknown = || Problem::not_found("consult");
    let ConsultPlace { account } = object(snapshot, &StateKey::Consult(id))?.ok_or_else(unknown)?;
    let consent: Consent = object(snapshot, &StateKey::Consent(account))?.unwrap_or_default();
    let consult = consent.consult(&id).ok_or_else(unknown)?.clone();
    if [consult.opener, consult.terms.reader].contains(&asker) {
        Ok(TakingPart { account, consult, asker })
    } else {
        Err(unknown())
    }
}

/// Which events of a journal.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Events {
    /// The first event's number; the journal's first is 1.
    from: Option<u64>,
    /// How many.
    limit: Option<usize>,
}

/// `GET /v1/accounts/{label}/journal`
pub(super) async fn journal(
    State(api): State<Api>,
    Path(label): Path<String>,
    events: Result<Query<Events>, QueryRejection>,
    signed: Signed,
) -> Answer {
    let label: Label = parse(&label)?;
    let Query(Events { from, limit }) = events?;
    let limit = within(limit, EVENTS_USUAL, EVENTS_MAX)?;
    let _place = api.0.large.try_acquire().map_err(|_| Problem::busy())?;
    api.read(move |snapshot| {
        require_reader(snapshot, &signed.key, &label)?;
        json_of(&snapshot.journal(&label, from.unwrap_or(1).max(1), limit)?)
    })
    .await
}

/// `GET /v1/accounts/{label}/history`: the whole journal as of the last block, with all that proves that nothing is missing, as
/// the canonical bytes of evidence's statement of kind 2.
pub(super) async fn history(
    State(api): State<Api>,
    Path(label): Path<String>,
    signed: Signed,
) -> Result<impl IntoResponse, Problem> {
    let label: Label = parse(&label)?;
    let _place = api.0.large.try_acquire().map_err(|_| Problem::busy())?;
    let statement = api.read(move |snapshot| {
        let account = require_reader(snapshot, &signed.key, &label)?;
        if account.journal_length > inro_evidence::EVENTS_MAX as u64 {
            return Err(Problem::too_long_a_history());
        }
        let head = snapshot.certified(snapshot.tip().height)?.ok_or_else(|| Problem::not_found("block"))?;
        let proof = snapshot.prove(&StateKey::Account(label))?.proof;
        // The bytes of a `JournalStatement`: events stand in the store as they stand there, and are not parsed on the way.
        let mut bytes = encode(&(&head, &label, &account, &proof, account.journal_length as u32));
        let mut count = 0;
        while count < account.journal_length {
            let page = snapshot.journal_bytes(&label, count + 1, EVENTS_MAX)?;
            if page.is_empty() {
                return Err(StoreError::Damaged { what: "a journal is shorter than its account says".into() }.into());
            }
            count += page.len() as u64;
            bytes.extend(page.concat());
            if bytes.len() > FILE_BYTES_MAX {
                return Err(Problem::too_long_a_history());
            }
        }
        Ok(bytes)
    });
    Ok(([(CONTENT_TYPE, "application/octet-stream")], statement.await?))
}

/// Who may read a journal; gives the account.
fn require_reader(snapshot: &Snapshot<'_>, key: &PublicKey, label: &Label) -> Result<Account, Problem> {
    let (asker, account) = toward(snapshot, key, label)?;
    match &asker {
        Toward::Practitioner(acting) if !acting.is_auditor() => return Err(Problem::not_allowed()),
        Toward::Guardian(guardian) => with_power(guardian, Powers::READ_JOURNAL)?,
        Toward::Person | Toward::Practitioner(_) => {}
    }
    // Whether there is such an account is told to an auditor, and to nobody whom it does not concern.
    let account = account.ok_or_else(|| Problem::not_found("account"))?;
    if !matches!(asker, Toward::Person) {
        require_announcement(snapshot, key, label, &account)?;
    }
    Ok(account)
}

/// A delegate's or regulator's reading is itself an event in the journal, made not longer ago than an access lives.
fn require_announcement(snapshot: &Snapshot<'_>, key: &PublicKey, label: &Label, account: &Account) -> Result<(), Problem> {
    let parameters: Parameters = object(snapshot, &StateKey::Parameters)?.ok_or_else(Problem::store_failed)?;
    let from = account.journal_length.saturating_sub(EVENTS_MAX as u64).max(1);
    let now = now(snapshot);
    let announced = snapshot.journal(label, from, EVENTS_MAX)?.into_iter().any(|event| {
        let transaction = &event.entry.transaction.transaction;
        matches!(transaction.action, Action::ReadJournal { .. })
            && transaction.signer == *key
            && event.entry.outcome.is_applied()
            && now < event.time.plus_ms(parameters.access_ms)
    });
    if announced { Ok(()) } else { Err(Problem::not_announced()) }
}

/// Which records.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Rows {
    /// Those after this one.
    after: Option<String>,
    /// How many.
    limit: Option<usize>,
}

/// `GET /v1/accounts/{label}/records`
pub(super) async fn records(
    State(api): State<Api>,
    Path(label): Path<String>,
    rows: Result<Query<Rows>, QueryRejection>,
    signed: Signed,
) -> Answer {
    let label: Label = parse(&label)?;
    let Query(Rows { after, limit }) = rows?;
    let limit = within(limit, RECORDS_MAX, RECORDS_MAX)?;
    let after = after.map(|after| parse::<RecordId>(&after)).transpose()?;
    let _place = api.0.large.try_acquire().map_err(|_| Problem::busy())?;
    api.read(move |snapshot| {
        let (asker, account) = toward(snapshot, &signed.key, &label)?;
        let account = account.ok_or_else(|| Problem::not_found("account"))?;
        let hides_uninformed = match &asker {
            Toward::Person => true,
            Toward::Guardian(guardian) => with_power(guardian, Powers::READ_RECORDS).map(|()| true)?,
            Toward::Practitioner(acting) if acting.practitioner.organisation == account.custodian => false,
            Toward::Practitioner(_) => return Err(Problem::not_allowed()),
        };
        let mut after = after.map(|id| StateKey::Record(label, id).to_bytes());
        let mut records = Vec::new();
        // What is hidden takes no place in a page: a page that is not full is the last one.
        while records.len() < limit {
            let rows = snapshot.list(&StateKey::records_prefix(&label), after.as_deref(), limit - records.len())?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            for (key, bytes) in rows {
                let damaged = || StoreError::Damaged { what: "a record does not parse".into() };
                let record = Record::from_bytes(&bytes).map_err(|_| damaged())?;
                let id = key.get(33..).and_then(|id| id.try_into().ok()).map(RecordId).ok_or_else(damaged)?;
                if !(hides_uninformed && record.manifest.flags.include(ProviderFlags::UNINFORMED)) {
                    records.push(json!({ "id": id, "record": record }));
                }
            }
        }
        Ok(Json(Value::Array(records)))
    })
    .await
}
