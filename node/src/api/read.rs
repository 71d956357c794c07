//! Reading what is committed. Each answer is of one block: the last one when the request began.

use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use inro_contracts::account::Account;
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Entry;
use inro_contracts::id::{Hash, Label, OrganisationId, PractitionerId, ProposalId, TransactionId};
use inro_contracts::organisation::{Organisation, Peer, Practitioner};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::Proposal;
use inro_contracts::state::{Members, StateKey, StateReader};
use inro_contracts::tag::Tag;
use inro_contracts::time::Height;
use inro_contracts::validator::ValidatorSet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Api;
use super::problem::Problem;
use crate::store::{Snapshot, StoreError};

/// Most rows of a list in one answer.
const ROWS_MAX: usize = 2_000;

type Answer = Result<Json<Value>, Problem>;

/// `GET /v1/status`
pub(super) async fn status(State(api): State<Api>) -> Answer {
    let parts = &api.0.parts;
    let (peer, key) = (parts.peer, parts.validator);
    let committed = api.read(move |snapshot| {
        let validators: ValidatorSet = founded(snapshot, &StateKey::Validators)?;
        let peer: Option<Peer> = object(snapshot, &StateKey::Peer(peer))?;
        let votes = key.is_some_and(|key| validators.find(&key).is_some());
        let organisation = peer.map(|peer| peer.organisation);
        Ok((snapshot.chain(), snapshot.tip(), snapshot.whole_from()?, snapshot.state_root()?, votes, organisation))
    });
    let (chain, tip, whole_from, state_root, votes, organisation) = committed.await?;
    let waiting = parts.pool.with(|mempool| mempool.used());
    Ok(Json(json!({
        "chain": chain,
        "ledger": parts.ledger,
        "height": tip.height,
        "whole_from": whole_from,
        "time": tip.time,
        "block": tip.block,
        "state_root": state_root,
        "validator": votes,
        "organisation": organisation,
        "peer": parts.peer,
        "syncing": parts.live.syncing(),
        "peers_connected": parts.live.peers_connected(),
        "mempool": { "transactions": waiting.transactions, "bytes": waiting.bytes },
        "version": env!("CARGO_PKG_VERSION"),
    })))
}

/// `GET /v1/parameters`
pub(super) async fn parameters(State(api): State<Api>) -> Answer {
    api.read(|snapshot| json_of(&founded::<Parameters>(snapshot, &StateKey::Parameters)?)).await
}

/// `GET /v1/validators`: who votes on the next block.
pub(super) async fn validators(State(api): State<Api>) -> Answer {
    api.read(|snapshot| json_of(&founded::<ValidatorSet>(snapshot, &StateKey::Validators)?)).await
}

/// `GET /v1/validators/{hash}`: a set that voted once, by the hash that headers carry.
pub(super) async fn validator_set(State(api): State<Api>, Path(hash): Path<String>) -> Answer {
    let hash: Hash = parse(&hash)?;
    api.read(move |snapshot| json_of(&snapshot.validator_set(&hash)?.ok_or_else(|| Problem::not_found("validator set"))?)).await
}

/// `GET /v1/members`: the ids of all members, with the proof that these are all.
pub(super) async fn members(State(api): State<Api>) -> Answer {
    api.read(|snapshot| proved::<Members>(snapshot, &StateKey::Members)).await
}

/// Which rows of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Rows {
    /// The last id of the rows before, in hexadecimal.
    after: Option<String>,
    /// How many.
    limit: Option<usize>,
}

/// `GET /v1/organisations`
pub(super) async fn organisations(State(api): State<Api>, rows: Result<Query<Rows>, QueryRejection>) -> Answer {
    list::<Organisation, OrganisationId>(api, StateKey::ORGANISATION_PREFIX, rows, Some("id")).await
}

/// `GET /v1/organisations/{id}`
pub(super) async fn organisation(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let id: OrganisationId = parse(&id)?;
    named::<Organisation>(api, StateKey::Organisation(id), "organisation", "id", id.to_hex()).await
}

/// `GET /v1/practitioners/{id}`
pub(super) async fn practitioner(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let id: PractitionerId = parse(&id)?;
    named::<Practitioner>(api, StateKey::Practitioner(id), "practitioner", "id", id.to_hex()).await
}

/// `GET /v1/peers`
pub(super) async fn peers(State(api): State<Api>, rows: Result<Query<Rows>, QueryRejection>) -> Answer {
    list::<Peer, inro_contracts::key::PublicKey>(api, StateKey::PEER_PREFIX, rows, None).await
}

/// `GET /v1/proposals`
pub(super) async fn proposals(State(api): State<Api>, rows: Result<Query<Rows>, QueryRejection>) -> Answer {
    list::<Proposal, ProposalId>(api, StateKey::PROPOSAL_PREFIX, rows, Some("id")).await
}

/// `GET /v1/proposals/{id}`
pub(super) async fn proposal(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let id: ProposalId = parse(&id)?;
    named::<Proposal>(api, StateKey::Proposal(id), "proposal", "id", id.to_hex()).await
}

/// Is a proof asked for?
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Proving {
    /// `?proof` or `?proof=true`.
    proof: Option<String>,
}

impl Proving {
    fn is_asked(&self) -> Result<bool, Problem> {
        match self.proof.as_deref() {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(_) => Err(Problem::bad_request("proof is true or false.")),
        }
    }
}

/// `GET /v1/accounts/{label}`; with `?proof`, also whether the account exists is proved.
pub(super) async fn account(
    State(api): State<Api>,
    Path(label): Path<String>,
    proving: Result<Query<Proving>, QueryRejection>,
) -> Answer {
    let label: Label = parse(&label)?;
    let with_proof = proving?.is_asked()?;
    api.read(move |snapshot| {
        if with_proof {
            return proved::<Account>(snapshot, &StateKey::Account(label));
        }
        let account: Account = object(snapshot, &StateKey::Account(label))?.ok_or_else(|| Problem::not_found("account"))?;
        json_of(&account)
    })
    .await
}

/// `GET /v1/blocks/{height}`
pub(super) async fn block(State(api): State<Api>, Path(height): Path<String>) -> Result<Response, Problem> {
    let height = Asked::parse(&height)?;
    let _place = api.0.large.try_acquire().map_err(|_| Problem::busy())?;
    let block = api.read(move |snapshot| {
        let block = snapshot.block(height.of(snapshot))?.ok_or_else(|| Problem::not_found("block"))?;
        let entries = block.entries.iter().map(|bytes| {
            let entry = Entry::from_bytes(bytes).map_err(|_| Problem::store_failed())?;
            let id: TransactionId = Tag::TRANSACTION_ID.hash(&[&entry.transaction.to_bytes()]).into();
            Ok(BlockEntry { id, entry })
        });
        let entries = entries.collect::<Result<Vec<_>, Problem>>()?;
        let answer = BlockAnswer { id: block.header.id(), header: block.header, certificate: block.certificate, entries };
        // Written here, where it may take its time, and not into a tree of values first: a block can have 50,000 entries.
        serde_json::to_vec(&answer).map_err(|_| Problem::store_failed())
    });
    Ok(([(axum::http::header::CONTENT_TYPE, "application/json")], block.await?).into_response())
}

#[derive(Serialize)]
struct BlockAnswer {
    header: inro_contracts::block::Header,
    id: inro_contracts::id::BlockId,
    certificate: inro_contracts::certificate::Certificate,
    entries: Vec<BlockEntry>,
}

struct BlockEntry {
    id: TransactionId,
    entry: Entry,
}

impl Serialize for BlockEntry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let Entry { transaction, outcome } = &self.entry;
        let mut fields = serializer.serialize_struct("BlockEntry", 4)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("transaction", &transaction.transaction)?;
        fields.serialize_field("signature", &transaction.signature)?;
        fields.serialize_field("outcome", outcome)?;
        fields.end()
    }
}

/// `GET /v1/headers/{height}`
pub(super) async fn header(State(api): State<Api>, Path(height): Path<String>) -> Answer {
    let height = Asked::parse(&height)?;
    api.read(move |snapshot| json_of(&snapshot.header(height.of(snapshot))?.ok_or_else(|| Problem::not_found("header"))?)).await
}

/// `GET /v1/certificates/{height}`
pub(super) async fn certificate(State(api): State<Api>, Path(height): Path<String>) -> Answer {
    let height = Asked::parse(&height)?;
    api.read(move |snapshot| {
        json_of(&snapshot.certificate(height.of(snapshot))?.ok_or_else(|| Problem::not_found("certificate"))?)
    })
    .await
}

/// A height as a path names it.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Latest,
    At(Height),
}

impl Asked {
    fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "latest" => Ok(Self::Latest),
            number => number
                .parse()
                .map(|number| Self::At(Height(number)))
                .map_err(|_| Problem::bad_request("A height is a number, or the word latest.")),
        }
    }

    fn of(self, snapshot: &Snapshot<'_>) -> Height {
        match self {
            Self::Latest => snapshot.tip().height,
            Self::At(height) => height,
        }
    }
}

/// Reads an id from a path. The error does not repeat it.
pub(super) fn parse<T: FromStr<Err = inro_contracts::id::BadHex>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: inro_contracts::id::BadHex| Problem::bad_request(error.to_string()))
}

/// A parameter that has a usual value and a largest one.
pub(super) fn within(asked: Option<usize>, usual: usize, max: usize) -> Result<usize, Problem> {
    match asked.unwrap_or(usual) {
        limit if (1..=max).contains(&limit) => Ok(limit),
        _ => Err(Problem::bad_request(format!("limit lies in 1..={max}."))),
    }
}

pub(super) fn json_of(value: &impl Serialize) -> Answer {
    serde_json::to_value(value).map(Json).map_err(|_| Problem::store_failed())
}

pub(super) fn object<T: Canonical>(snapshot: &Snapshot<'_>, key: &StateKey) -> Result<Option<T>, Problem> {
    let failed = |what: String| Problem::from(StoreError::Damaged { what });
    let Some(bytes) = snapshot.read(key).map_err(|fault| failed(fault.0))? else { return Ok(None) };
    T::from_bytes(&bytes).map(Some).map_err(|_| failed("an object of the state does not parse".into()))
}

/// An object that every founded ledger has.
fn founded<T: Canonical>(snapshot: &Snapshot<'_>, key: &StateKey) -> Result<T, Problem> {
    object(snapshot, key)?.ok_or_else(Problem::store_failed)
}

/// What the state has under a key, or null, with all that a stranger needs to check it: the last block's header and certificate,
/// and the proof that leads to the header's state root.
fn proved<T: Canonical + Serialize>(snapshot: &Snapshot<'_>, key: &StateKey) -> Answer {
    let height = snapshot.tip().height;
    let (Some(header), Some(certificate)) = (snapshot.header(height)?, snapshot.certificate(height)?) else {
        return Err(Problem::not_found("block"));
    };
    let proved = snapshot.prove(key)?;
    let object = proved.object.map(|bytes| T::from_bytes(&bytes)).transpose();
    let object = object.map_err(|_| StoreError::Damaged { what: "an object of the state does not parse".into() })?;
    let proof = hex::encode(proved.proof.to_bytes());
    Ok(Json(json!({ "object": object, "header": header, "certificate": certificate, "proof": proof })))
}

/// One object with its id in front.
async fn named<T: Canonical + Serialize>(api: Api, key: StateKey, what: &'static str, field: &'static str, id: String) -> Answer {
    api.read(move |snapshot| {
        let object: T = object(snapshot, &key)?.ok_or_else(|| Problem::not_found(what))?;
        with_id(&object, field, id).map(Json)
    })
    .await
}

fn with_id(object: &impl Serialize, field: &str, id: String) -> Result<Value, Problem> {
    let mut value = serde_json::to_value(object).map_err(|_| Problem::store_failed())?;
    if let Value::Object(fields) = &mut value {
        fields.insert(field.to_owned(), Value::String(id));
    }
    Ok(value)
}

/// All objects of a kind, in the order of their ids; `field` names the id in each, unless the object holds it itself.
async fn list<T, I>(api: Api, prefix: u8, rows: Result<Query<Rows>, QueryRejection>, field: Option<&'static str>) -> Answer
where
    T: Canonical + Serialize,
    I: FromStr<Err = inro_contracts::id::BadHex> + borsh::BorshSerialize + Send + 'static,
{
    let Query(Rows { after, limit }) = rows?;
    let limit = within(limit, ROWS_MAX, ROWS_MAX)?;
    let after = after.map(|after| parse::<I>(&after)).transpose()?;
    let after = after.map(|after| [vec![prefix], inro_contracts::bytes::encode(&after)].concat());
    let _place = api.0.large.try_acquire().map_err(|_| Problem::busy())?;
    api.read(move |snapshot| {
        let rows = snapshot.list(&[prefix], after.as_deref(), limit)?;
        let values = rows.iter().map(|(key, bytes)| {
            let object =
                T::from_bytes(bytes).map_err(|_| StoreError::Damaged { what: "an object of the state does not parse".into() })?;
            match field {
                Some(field) => with_id(&object, field, hex::encode(key.get(1..).unwrap_or_default())),
                None => serde_json::to_value(&object).map_err(|_| Problem::store_failed()),
            }
        });
        Ok(Json(Value::Array(values.collect::<Result<_, _>>()?)))
    })
    .await
}
