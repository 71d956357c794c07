//! Payloads: intake at the custodian, reading at the reader's facility, answers to consults. See `docs/spec/api.md`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use inro_contracts::access::{Access, Reader};
use inro_contracts::account::{Account, Powers};
use inro_contracts::category::Category;
use inro_contracts::emergency::Review;
use inro_contracts::id::{ConsultId, Hash, Label, RecordId, TransactionId};
use inro_contracts::record::{ProviderFlags, RecordManifest};
use inro_contracts::request::BodyHasher;
use inro_contracts::state::StateKey;
use inro_intake::{Hint, Item, Limits, Payload};
use inro_payload::MediaType;
use inro_vault::Description;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::auth::{Acting, Signed, SignedStream, Toward, acting, acting_here, toward, with_power};
use super::consent::taking_part;
use super::problem::Problem;
use super::read::{object, parse};
use super::receipt::link;
use super::{Api, WaitedLong};
use crate::admission::wall_clock;
use crate::desk::{ArrivalState, Asker, Desk, DeskFault, Fetching, NotHandedOver};

type Answer = Result<Json<Value>, Problem>;

/// Bodies up to this are taken in from memory.
const IN_MEMORY_MAX: usize = 64 << 20;
/// Bytes of a payload that are read at once, and how many such pieces wait to be taken.
const PIECE: usize = 256 * 1024;
const PIECES_WAITING_MAX: usize = 4;
/// Longest wait for an access's payloads, in milliseconds.
const WAIT_MS_MAX: u64 = 30_000;

impl Api {
    fn desk(&self) -> Result<Desk, Problem> {
        self.0.parts.desk.clone().ok_or_else(Problem::no_desk)
    }
}

impl From<DeskFault> for Problem {
    fn from(fault: DeskFault) -> Self {
        tracing::error!(%fault, "a request could not be answered at the desk");
        Self::store_failed()
    }
}

impl From<inro_vault::VaultError> for Problem {
    fn from(fault: inro_vault::VaultError) -> Self {
        Self::from(DeskFault::from(fault))
    }
}

/// `POST /v1/desk/keys`
pub(super) async fn make_key(State(api): State<Api>, signed: Signed) -> Result<Response, Problem> {
    let desk = api.desk()?;
    let node = api.0.parts.peer;
    api.read(move |snapshot| acting_here(snapshot, &signed.key, &node).map(drop)).await?;
    let key = desk.make_reply_key()?;
    Ok((StatusCode::CREATED, Json(json!({ "reply_key": key }))).into_response())
}

/// What comes with a document.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Named {
    /// The file's name; only its ending is looked at.
    name: Option<String>,
    /// What it is said to be, where the content does not tell.
    category: Option<Category>,
}

/// `POST /v1/accounts/{label}/intake`
pub(super) async fn intake(
    State(api): State<Api>,
    Path(label): Path<String>,
    named: Result<Query<Named>, QueryRejection>,
    stream: SignedStream,
) -> Result<Response, Problem> {
    let label: Label = parse(&label)?;
    let Query(named) = named?;
    let desk = api.desk()?;
    let (key, node) = (stream.key, api.0.parts.peer);
    api.read(move |snapshot| {
        let acting = acting_here(snapshot, &key, &node)?;
        let account: Account = object(snapshot, &StateKey::Account(label))?.ok_or_else(|| Problem::not_found("account"))?;
        if account.custodian == acting.practitioner.organisation { Ok(()) } else { Err(Problem::not_allowed()) }
    })
    .await?;
    let media = stream.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let idle = Duration::from_millis(api.0.parts.limits.request_ms_max);
    let items = take_in(&desk, label, &named, media.as_deref(), stream, idle).await?;
    Ok((StatusCode::CREATED, Json(json!({ "items": items }))).into_response())
}

async fn take_in(
    desk: &Desk,
    label: Label,
    named: &Named,
    media: Option<&str>,
    stream: SignedStream,
    idle: Duration,
) -> Result<Vec<Value>, Problem> {
    let mut body = pieces_within(stream.body, idle);
    let (mut held, mut hasher) = (BytesMut::new(), BodyHasher::new());
    while held.len() <= IN_MEMORY_MAX {
        match body.next().await {
            None => {
                require_hash(hasher, stream.body_hash)?;
                return stage_items(desk, label, named, media, held.freeze()).await;
            }
            Some(piece) => {
                let piece = piece.map_err(|_| Problem::bad_request("The body broke off."))?;
                hasher.update(&piece);
                held.extend_from_slice(&piece);
            }
        }
    }
    // Too large for memory: it goes into the vault as it comes, encrypted, and is looked at there.
    let hasher = Arc::new(std::sync::Mutex::new(hasher));
    let counting = Arc::clone(&hasher);
    let rest = body.map(move |piece| {
        let piece = piece?;
        counting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).update(&piece);
        Ok::<_, std::io::Error>(piece)
    });
    let first = futures::stream::iter([Ok::<_, std::io::Error>(held.freeze())]);
    let whole = tokio_util::io::StreamReader::new(Box::pin(first.chain(rest)));
    let unknown = description(label, Category::Other, ProviderFlags::default(), MediaType::unknown(), Value::Null);
    let raw = desk.vault().stage(unknown, whole, wall_clock()).await.map_err(|fault| match fault {
        inro_vault::VaultError::Input(_) => Problem::bad_request("The body broke off."),
        fault => fault.into(),
    })?;
    let hasher = std::mem::take(&mut *hasher.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let staged = match require_hash(hasher, stream.body_hash) {
        Ok(()) => stage_large(desk, label, named, media, raw.id).await,
        Err(problem) => Err(problem),
    };
    desk.vault().discard(label, raw.id).await?;
    staged
}

/// A body's pieces. It may take as long as its length needs; a client of which nothing comes for `idle` is gone.
fn pieces_within(body: Body, idle: Duration) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send + Unpin {
    let next = move |mut body: axum::body::BodyDataStream| async move {
        let piece = match tokio::time::timeout(idle, body.next()).await {
            Ok(piece) => piece?.map_err(std::io::Error::other),
            Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
        };
        Some((piece, body))
    };
    Box::pin(futures::stream::unfold(body.into_data_stream(), next))
}

fn require_hash(hasher: BodyHasher, expected: Hash) -> Result<(), Problem> {
    if hasher.finish() == expected {
        Ok(())
    } else {
        Err(Problem::bad_request("The body's hash is not the one that was signed; it was altered or broke off on its way."))
    }
}

async fn stage_items(desk: &Desk, label: Label, named: &Named, media: Option<&str>, bytes: Bytes) -> Result<Vec<Value>, Problem> {
    let hint = Hint { name: named.name.as_deref(), media_type: media };
    let taken = inro_intake::read(bytes, &hint, &Limits::default()).map_err(|problem| Problem::not_taken_in(&problem))?;
    let mut items = Vec::with_capacity(taken.items.len());
    for item in taken.items {
        let payload = item.payload.to_bytes().ok_or_else(Problem::store_failed)?;
        let describing = describe(label, named, &item)?;
        let manifest = desk.vault().stage(describing, payload.as_ref(), wall_clock()).await?;
        items.push(item_json(&manifest, &item));
    }
    Ok(items)
}

/// A large file is one item; its bytes are copied from the vault into the vault under their own description.
async fn stage_large(
    desk: &Desk,
    label: Label,
    named: &Named,
    media: Option<&str>,
    raw: RecordId,
) -> Result<Vec<Value>, Problem> {
    let (name, media) = (named.name.clone(), media.map(str::to_owned));
    let mut reader = desk.vault().open_staged(label, raw).await?.payload().await?;
    let taken = tokio::task::spawn_blocking(move || {
        let hint = Hint { name: name.as_deref(), media_type: media.as_deref() };
        inro_intake::read_from(&mut reader, &hint, &Limits { json_bytes_max: IN_MEMORY_MAX as u64, ..Limits::default() })
    });
    let taken = taken.await.map_err(|_| Problem::store_failed())?.map_err(|problem| Problem::not_taken_in(&problem))?;
    let mut items = Vec::new();
    for item in taken.items {
        let describing = describe(label, named, &item)?;
        let open = desk.vault().open_staged(label, raw).await?;
        let manifest = match &item.payload {
            Payload::Part(bytes) => desk.vault().stage(describing, bytes.as_ref(), wall_clock()).await?,
            Payload::Extract(_) | Payload::Source(_) => {
                let payload = open.payload().await?;
                desk.vault().stage(describing, read_on_a_thread(payload), wall_clock()).await?
            }
        };
        items.push(item_json(&manifest, &item));
    }
    Ok(items)
}

fn describe(label: Label, named: &Named, item: &Item) -> Result<Description, Problem> {
    let media_type = item.media_type.parse().unwrap_or_else(|_| MediaType::unknown());
    let details = serde_json::to_value(&item.description).map_err(|_| Problem::store_failed())?;
    // The content's own word counts; where it says nothing, the practitioner's.
    let category = match (item.category, named.category) {
        (Category::Other, Some(category)) => category,
        (category, _) => category,
    };
    Ok(description(label, category, item.flags, media_type, details))
}

fn description(label: Label, category: Category, flags: ProviderFlags, media_type: MediaType, details: Value) -> Description {
    Description { label, category, flags, media_type, details }
}

fn item_json(manifest: &RecordManifest, item: &Item) -> Value {
    let about = serde_json::to_value(&item.description).unwrap_or_default();
    json!({ "record": manifest, "media_type": item.media_type, "about": about })
}

/// How long to wait for payloads.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wait {
    wait_ms: Option<u64>,
}

/// The access, if the asker acts for the organisation for which it was made, here.
async fn own_access(api: &Api, id: TransactionId, key: inro_contracts::key::PublicKey) -> Result<(Access, Acting), Problem> {
    let node = api.0.parts.peer;
    api.read(move |snapshot| {
        let acting = acting_here(snapshot, &key, &node)?;
        let access: Access = object(snapshot, &StateKey::Access(id))?.ok_or_else(|| Problem::not_found("granted access"))?;
        if access.organisation != Some(acting.practitioner.organisation) {
            return Err(Problem::not_found("granted access"));
        }
        Ok((access, acting))
    })
    .await
}

/// `GET /v1/accesses/{id}`
pub(super) async fn access(
    State(api): State<Api>,
    Path(id): Path<String>,
    wait: Result<Query<Wait>, QueryRejection>,
    signed: Signed,
) -> Result<Response, Problem> {
    let id: TransactionId = parse(&id)?;
    let Query(Wait { wait_ms }) = wait?;
    let (access, _) = own_access(&api, id, signed.key).await?;
    let desk = api.desk()?;
    let (fetching, granted) = (desk.clone(), access.clone());
    let mut arrivals =
        tokio::task::spawn_blocking(move || fetching.fetch(id, &granted)).await.map_err(|_| Problem::store_failed())??;
    let longest = WAIT_MS_MAX.min(api.0.parts.limits.request_ms_max.saturating_sub(500));
    let until = Instant::now() + Duration::from_millis(wait_ms.unwrap_or(0).min(longest));
    for (_, fetching) in &mut arrivals {
        if timeout_at(until, fetching.arrival.wait_for(ArrivalState::is_settled)).await.is_err() {
            break;
        }
    }
    let records: Vec<Value> = arrivals
        .iter()
        .map(|(record, fetching)| {
            let mut value = serde_json::to_value(&*fetching.arrival.borrow()).unwrap_or_default();
            if let Value::Object(fields) = &mut value {
                fields.insert("record".into(), json!(record));
            }
            value
        })
        .collect();
    let mut response = Json(json!({ "access": access, "records": records })).into_response();
    if wait_ms.is_some() {
        response.extensions_mut().insert(WaitedLong);
    }
    Ok(response)
}

/// `GET /v1/accesses/{id}/records/{record}`
pub(super) async fn payload(
    State(api): State<Api>,
    Path((id, record)): Path<(String, String)>,
    headers: HeaderMap,
    signed: Signed,
) -> Result<Response, Problem> {
    let (id, record) = (parse::<TransactionId>(&id)?, parse::<RecordId>(&record)?);
    let (access, acting) = own_access(&api, id, signed.key).await?;
    // Colleagues see that it was fetched, in the work list; they read with an access of their own.
    if access.request.reader != Reader::Practitioner(acting.id) {
        return Err(Problem::not_allowed());
    }
    let desk = api.desk()?;
    let asking = desk.clone();
    let fetching = tokio::task::spawn_blocking(move || asking.fetch_one(id, &access, record)).await;
    let fetching = fetching.map_err(|_| Problem::store_failed())??.ok_or_else(|| Problem::not_found("record"))?;
    Ok(link(show(&desk, &fetching, &headers)?, "accesses", &id.to_hex()))
}

/// Shows a payload that is ready.
fn show(desk: &Desk, fetching: &Fetching, headers: &HeaderMap) -> Result<Response, Problem> {
    let (length, media_type) = match fetching.arrival.borrow().clone() {
        ArrivalState::Ready { bytes, media_type } => (bytes, media_type),
        ArrivalState::Failed { detail, .. } => return Err(Problem::did_not_arrive(&detail)),
        ArrivalState::Waiting | ArrivalState::Arriving { .. } => return Err(Problem::not_there_yet()),
    };
    // A record's payload never changes, so its commitment is its name.
    let tag = format!("\"{}\"", fetching.commitment.to_hex());
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    // Who has a part of something else begins anew.
    let range = range.filter(|_| headers.get(header::IF_RANGE).is_none_or(|known| known.as_bytes() == tag.as_bytes()));
    let (from, count, status) = match range.and_then(|range| byte_range(range, length)) {
        None => (0, length, StatusCode::OK),
        Some(Some((from, count))) => (from, count, StatusCode::PARTIAL_CONTENT),
        Some(None) => {
            let mut response = Problem::bad_range(length).into_response();
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return Ok(response);
        }
    };
    let pieces = desk.read_arrived(fetching, from, count)?;
    let mut response = Response::new(Body::from_stream(pieces_of(pieces)));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    let media_type = HeaderValue::from_str(&media_type);
    fields.insert(header::CONTENT_TYPE, media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    fields.insert(header::CONTENT_LENGTH, HeaderValue::from(count));
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Never shown by a browser as part of this node's own pages.
    fields.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        fields.insert(header::ETAG, tag);
    }
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::from_str(&format!("bytes {from}-{}/{length}", from + count - 1))
    {
        fields.insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
}

/// One range of bytes (RFC 9110, section 14.1.2): where it begins and how long it is; nothing if it lies outside. Several ranges,
/// other units and what makes no sense are `None`: everything is answered, as that section allows.
fn byte_range(text: &str, length: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |digits: &str| digits.trim().parse::<u64>().ok();
    let (from, to) = match (first.trim(), last.trim()) {
        ("", suffix) => (length.saturating_sub(number(suffix)?), length),
        (first, "") => (number(first)?, length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(length))
        }
    };
    Some((from < to).then(|| (from, to - from)))
}

/// Where in the sealed bytes to begin.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Offset {
    offset: u64,
}

/// `GET /v1/accesses/{id}/records/{record}/sealed`: for persons, at the custodian.
pub(super) async fn sealed(
    State(api): State<Api>,
    Path((id, record)): Path<(String, String)>,
    offset: Result<Query<Offset>, QueryRejection>,
    signed: Signed,
) -> Result<Response, Problem> {
    let (id, record) = (parse::<TransactionId>(&id)?, parse::<RecordId>(&record)?);
    let Query(Offset { offset }) = offset?;
    let desk = api.desk()?;
    let account = api
        .read(move |snapshot| {
            let access: Option<Access> = object(snapshot, &StateKey::Access(id))?;
            let access = access.filter(|access| access.signer == signed.key && access.organisation.is_none());
            access.map(|access| access.request.account).ok_or_else(|| Problem::not_found("granted access"))
        })
        .await?;
    let asker = Asker::Person(signed.key);
    let release = desk.release(asker, id, account, record, offset).await.map_err(Problem::not_handed_over)?;
    let total = release.total();
    if offset > total {
        return Err(Problem::bad_range(total));
    }
    let stream = futures::stream::unfold(release, async |mut release| match release.next(PIECE).await {
        Ok(bytes) if bytes.is_empty() => None,
        Ok(bytes) => Some((Ok(bytes), release)),
        Err(_) => Some((Err(std::io::Error::other("the payload is no longer handed over")), release)),
    });
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(total - offset));
    Ok(link(response, "accesses", &id.to_hex()))
}

impl Problem {
    fn not_handed_over(reason: NotHandedOver) -> Self {
        match reason {
            NotHandedOver::NotOnLedger | NotHandedOver::OtherAsker => Self::not_found("granted access"),
            NotHandedOver::NotGranted | NotHandedOver::NotHere | NotHandedOver::Erased => Self::not_found("payload"),
            NotHandedOver::TooOld => Self::access_is_over("The access's lifetime is over; ask for access again."),
            NotHandedOver::Withdrawn => Self::access_is_over("The right was taken away since; ask for access again."),
            NotHandedOver::Fault => Self::store_failed(),
        }
    }
}

/// What an answer is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OfType {
    media_type: Option<String>,
}

/// `POST /v1/consults/{linked id}/answer`
pub(super) async fn give_answer(
    State(api): State<Api>,
    Path(id): Path<String>,
    of: Result<Query<OfType>, QueryRejection>,
    signed: Signed,
) -> Result<Response, Problem> {
    let id: ConsultId = parse(&id)?;
    let Query(OfType { media_type }) = of?;
    let media_type: MediaType = match media_type {
        Some(text) => text.parse().map_err(|error: inro_payload::NotAMediaType| Problem::bad_request(error.to_string()))?,
        None => MediaType::unknown(),
    };
    let consult = api.read(move |snapshot| taking_part(snapshot, &signed.key, id)).await?;
    if consult.consult.terms.reader != consult.asker {
        return Err(Problem::not_found("consult"));
    }
    let desk = api.desk()?;
    let manifest = desk.keep_answer(id, media_type, signed.body).await?;
    Ok((StatusCode::CREATED, Json(json!({ "commitment": manifest.commitment, "size": manifest.size }))).into_response())
}

/// `GET /v1/consults/{linked id}/answer`
pub(super) async fn answer(
    State(api): State<Api>,
    Path(id): Path<String>,
    wait: Result<Query<Wait>, QueryRejection>,
    headers: HeaderMap,
    signed: Signed,
) -> Result<Response, Problem> {
    let id: ConsultId = parse(&id)?;
    let Query(Wait { wait_ms }) = wait?;
    let consult = api.read(move |snapshot| taking_part(snapshot, &signed.key, id)).await?;
    if consult.consult.opener != consult.asker {
        return Err(Problem::not_found("consult"));
    }
    let desk = api.desk()?;
    let longest = WAIT_MS_MAX.min(api.0.parts.limits.request_ms_max.saturating_sub(500));
    let until = Instant::now() + Duration::from_millis(wait_ms.unwrap_or(0).min(longest));
    let mut committed = api.0.parts.committed.clone();
    loop {
        committed.borrow_and_update();
        let fetching = desk.clone();
        let found = tokio::task::spawn_blocking(move || fetching.fetch_answer(id)).await;
        let found = found.map_err(|_| Problem::store_failed())??;
        let Some(mut found) = found else {
            if timeout_at(until, committed.changed()).await.is_ok_and(|changed| changed.is_ok()) {
                continue;
            }
            return Err(Problem::not_there_yet());
        };
        let _ = timeout_at(until, found.arrival.wait_for(ArrivalState::is_settled)).await;
        let mut response = link(show(&desk, &found, &headers)?, "consults", &id.to_hex());
        response.extensions_mut().insert(WaitedLong);
        return Ok(response);
    }
}

/// `GET /v1/accounts/{label}/records/{record}/erasure`
pub(super) async fn erasure(State(api): State<Api>, Path((label, record)): Path<(String, String)>, signed: Signed) -> Answer {
    let (label, record) = (parse::<Label>(&label)?, parse::<RecordId>(&record)?);
    let desk = api.desk()?;
    api.read(move |snapshot| {
        let (asker, account) = toward(snapshot, &signed.key, &label)?;
        let is_custodian =
            |acting: &Acting| account.as_ref().is_some_and(|account| account.custodian == acting.practitioner.organisation);
        match &asker {
            Toward::Person => {}
            Toward::Guardian(guardian) => with_power(guardian, Powers::READ_RECORDS)?,
            Toward::Practitioner(acting) if acting.is_auditor() || is_custodian(acting) => {}
            Toward::Practitioner(_) => return Err(Problem::not_allowed()),
        }
        desk.erasure(&label, &record)?.map(Json).ok_or_else(|| Problem::not_found("proof of an erasure"))
    })
    .await
}

/// `GET /v1/worklist`
pub(super) async fn worklist(State(api): State<Api>, signed: Signed) -> Answer {
    let node = api.0.parts.peer;
    api.read(move |snapshot| {
        let asker = acting(snapshot, &signed.key)?;
        if !asker.is_auditor() {
            acting_here(snapshot, &signed.key, &node)?;
        }
        let organisation = asker.practitioner.organisation;
        let all = asker.is_auditor();
        let (mut undisclosed, mut unacknowledged, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
        for (id, access) in rows::<Access>(snapshot, StateKey::ACCESS_PREFIX)? {
            let mine = all || access.custodian == organisation || access.organisation == Some(organisation);
            if mine && access.disclosed != access.all() {
                undisclosed.push(
                    json!({ "access": id, "custodian": access.custodian, "organisation": access.organisation, "at": access.at }),
                );
            }
            if mine && access.disclosed & !access.acknowledged != 0 {
                unacknowledged.push(
                    json!({ "access": id, "custodian": access.custodian, "organisation": access.organisation, "at": access.at }),
                );
            }
        }
        for (id, review) in rows::<Review>(snapshot, StateKey::REVIEW_PREFIX)? {
            if review.closed.is_none() && (all || review.organisation == organisation) {
                reviews.push(
                    json!({ "access": id, "organisation": review.organisation, "at": review.at, "deadline": review.deadline }),
                );
            }
        }
        Ok(Json(json!({ "undisclosed": undisclosed, "unacknowledged": unacknowledged, "reviews": reviews })))
    })
    .await
}

/// All objects of a kind, with the ids of the transactions that made them.
fn rows<T: inro_contracts::bytes::Canonical>(
    snapshot: &crate::store::Snapshot<'_>,
    prefix: u8,
) -> Result<Vec<(TransactionId, T)>, Problem> {
    let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = snapshot.list(&[prefix], after.as_deref(), 10_000)?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = Some(last.clone());
        for (key, bytes) in page {
            let damaged = || crate::store::StoreError::Damaged { what: "an object of the state does not parse".into() };
            let id = key.get(1..).and_then(|id| id.try_into().ok()).map(TransactionId).ok_or_else(damaged)?;
            found.push((id, T::from_bytes(&bytes).map_err(|_| damaged())?));
        }
    }
}

/// Reads something that blocks, on a thread where it may; pieces wait until they are taken.
fn read_on_a_thread(mut reader: impl std::io::Read + Send + 'static) -> impl tokio::io::AsyncRead + Send + Unpin {
    let (sender, pieces) = mpsc::channel::<std::io::Result<Bytes>>(PIECES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE];
            let read = match reader.read(&mut piece) {
                Ok(0) => return,
                Ok(count) => {
                    piece.truncate(count);
                    Ok(piece.into())
                }
                Err(error) => Err(error),
            };
            let failed = read.is_err();
            if sender.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    tokio_util::io::StreamReader::new(Box::pin(pieces_of(pieces)))
}

fn pieces_of(pieces: mpsc::Receiver<std::io::Result<Bytes>>) -> impl futures::Stream<Item = std::io::Result<Bytes>> {
    futures::stream::unfold(pieces, async |mut pieces| pieces.recv().await.map(|piece| (piece, pieces)))
}
