//! Who asks: signed requests, and what the ledger says of the key that signed.
//!
//! There are no sessions and no tokens: each request is signed for this node, this question and this minute
//! ([`inro_contracts::request`]). A problem here never says whether an account exists.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts as RequestParts;
use axum::http::{HeaderMap, Method, header};
use inro_contracts::account::{Account, Guardian, Powers};
use inro_contracts::id::{Hash, Label, OrganisationId, PractitionerId};
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::{Organisation, OrganisationKind, Peer, Practitioner, Role, Standing};
use inro_contracts::request::{Credential, REQUEST_AGE_MS_MAX, RequestStatement, body_hash};
use inro_contracts::state::{KeyUse, StateKey};
use inro_contracts::time::Time;

use super::Api;
use super::problem::Problem;
use super::read::object;
use crate::admission::wall_clock;
use crate::store::Snapshot;

/// The header in which a client states the hash of a body that is too long to be signed after it was read.
const BODY_HASH: &str = "inro-body";

/// The key that signed a request without a body, or one whose body was read whole.
pub(super) struct Signed {
    /// Whose key.
    pub key: PublicKey,
    /// The body.
    pub body: Bytes,
}

impl FromRequest<Api> for Signed {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let limit = api.0.parts.limits.body_bytes_max;
        let body = to_bytes(body, limit).await.map_err(|_| Problem::too_long(limit))?;
        let key = verify(&parts, api, body_hash(&body))?;
        Ok(Self { key, body })
    }
}

/// The key that signed a request whose body is still to be read, and the hash that it must turn out to have.
pub(super) struct SignedStream {
    /// Whose key.
    pub key: PublicKey,
    /// What the body's hash must be ([`inro_contracts::request::body_hash`]).
    pub body_hash: Hash,
    /// The body.
    pub body: Body,
    /// The request's headers.
    pub headers: HeaderMap,
}

impl FromRequest<Api> for SignedStream {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let stated = parts.headers.get(BODY_HASH).and_then(|value| value.to_str().ok()?.parse().ok());
        let body_hash = stated
            .ok_or_else(|| Problem::bad_request("State the hash of the body in the header Inro-Body: 64 hexadecimal digits."))?;
        let key = verify(&parts, api, body_hash)?;
        Ok(Self { key, body_hash, body, headers: parts.headers })
    }
}

fn verify(parts: &RequestParts, api: &Api, body: Hash) -> Result<PublicKey, Problem> {
    let credential = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let credential = credential.ok_or_else(Problem::not_signed)?;
    let credential: Credential = credential.parse().map_err(|_| Problem::not_signed())?;
    let path = parts.uri.path_and_query().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let statement = RequestStatement {
        chain: api.0.parts.chain,
        node: api.0.parts.peer,
        method: method_name(&parts.method),
        path,
        body,
        time: credential.time,
    };
    if credential.time.0.abs_diff(wall_clock().0) > REQUEST_AGE_MS_MAX {
        return Err(Problem::signed_at_another_time());
    }
    if !statement.is_signed_by(&credential) {
        return Err(Problem::not_signed());
    }
    Ok(credential.key)
}

fn method_name(method: &Method) -> String {
    // HEAD is answered like GET, without the body.
    if method == Method::HEAD { "GET".into() } else { method.as_str().to_owned() }
}

/// What a key is to one account.
pub(super) enum Toward {
    /// The person: the account's controller.
    Person,
    /// A guardian within the validity.
    Guardian(Guardian),
    /// A practitioner who may act now.
    Practitioner(Acting),
}

/// A practitioner who may act now.
#[derive(Clone)]
pub(super) struct Acting {
    /// Who.
    pub id: PractitionerId,
    /// As registered.
    pub practitioner: Practitioner,
    /// What the organisation is.
    pub kind: OrganisationKind,
}

impl Acting {
    /// A regulator's auditor?
    pub fn is_auditor(&self) -> bool {
        self.kind == OrganisationKind::Regulator && self.practitioner.role == Role::Auditor
    }
}

/// What this key is toward the account; refused if it is nothing. `None` for the account means that it does not exist, which is
/// told to practitioners only.
pub(super) fn toward(snapshot: &Snapshot<'_>, key: &PublicKey, label: &Label) -> Result<(Toward, Option<Account>), Problem> {
    let account: Option<Account> = object(snapshot, &StateKey::Account(*label))?;
    if let Some(account) = &account {
        if account.controller == *key {
            return Ok((Toward::Person, Some(account.clone())));
        }
        let now = now(snapshot);
        if let Some(guardian) = account.guardian(key).filter(|guardian| guardian.validity.holds_at(now)) {
            return Ok((Toward::Guardian(guardian.clone()), Some(account.clone())));
        }
    }
    Ok((Toward::Practitioner(acting(snapshot, key)?), account))
}

/// The practitioner with this key, if the ledger lets the practitioner act now.
pub(super) fn acting(snapshot: &Snapshot<'_>, key: &PublicKey) -> Result<Acting, Problem> {
    let Some(KeyUse::Practitioner(id)) = object::<KeyUse>(snapshot, &StateKey::Key(*key))? else {
        return Err(Problem::not_allowed());
    };
    let practitioner: Practitioner = object(snapshot, &StateKey::Practitioner(id))?.ok_or_else(Problem::not_allowed)?;
    let organisation: Option<Organisation> = object(snapshot, &StateKey::Organisation(practitioner.organisation))?;
    let organisation = organisation.filter(|found| found.standing == Standing::Active).ok_or_else(Problem::not_allowed)?;
    let may_act = practitioner.key == *key && practitioner.is_valid_at(now(snapshot));
    if may_act { Ok(Acting { id, practitioner, kind: organisation.profile.kind }) } else { Err(Problem::not_allowed()) }
}

/// The same, and acting for the organisation that runs this node.
pub(super) fn acting_here(snapshot: &Snapshot<'_>, key: &PublicKey, node: &PublicKey) -> Result<Acting, Problem> {
    let acting = acting(snapshot, key)?;
    if own_organisation(snapshot, node)? == Some(acting.practitioner.organisation) {
        Ok(acting)
    } else {
        Err(Problem::not_allowed())
    }
}

/// The organisation that runs this node, as the ledger knows it.
fn own_organisation(snapshot: &Snapshot<'_>, node: &PublicKey) -> Result<Option<OrganisationId>, Problem> {
    Ok(object::<Peer>(snapshot, &StateKey::Peer(*node))?.map(|peer| peer.organisation))
}

/// A guardian with this power; others are refused.
pub(super) fn with_power(guardian: &Guardian, power: Powers) -> Result<(), Problem> {
    if guardian.powers.include(power) { Ok(()) } else { Err(Problem::not_allowed()) }
}

/// The later of the last block's time and this node's clock: a right that has run out is not honoured because nothing happened
/// since.
pub(super) fn now(snapshot: &Snapshot<'_>) -> Time {
    snapshot.tip().time.max(wall_clock())
}
