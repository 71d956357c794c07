//! One node, over HTTP. Answers are read within a bound; redirects are not followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::bytes::Canonical;
use inro_contracts::certificate::Certificate;
use inro_contracts::id::{Hash, Label, OrganisationId, PractitionerId, ProposalId, TransactionId};
use inro_contracts::organisation::{Organisation, Peer, Practitioner};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::Proposal;
use inro_contracts::state::{Members, StateKey};
use inro_contracts::time::Height;
use inro_contracts::transaction::{ParsedTransaction, SignedTransaction};
use inro_contracts::validator::ValidatorSet;
use inro_evidence::{Certified, Change, Located};
use reqwest::{Method, StatusCode, Url, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};

use crate::light::{Distrust, Light};
use crate::model::{
    At, BlockAnswer, Committed, HistoryAnswer, OrganisationAnswer, ProposalAnswer, ProvedAnswer, ProvedEntryAnswer, Status,
    Submission, TransactionAnswer, TransactionStatus,
};
use crate::problem::{ClientError, Problem};
use crate::verify::{self, FalseAnswer};

/// The largest block has 16 MiB of transactions, which JSON writes about five times as long.
const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;
const ROWS_PER_PAGE: usize = 1_000;
/// More rows than any list of a sound ledger has; whoever sends more wants to fill the memory.
const ROWS_MAX: usize = 1_000_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_MS: u64 = 5_000;
const PAUSE_AFTER_NO_ANSWER: Duration = Duration::from_millis(200);

/// A client of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NodeClient {
    base: String,
    http: reqwest::Client,
    light: Option<Arc<Mutex<Light>>>,
    /// Who is asked for what this node no longer keeps.
    others: Arc<[NodeClient]>,
    /// Was something about the ledger answered that is not proved? One answer for a client and its clones.
    words: Arc<AtomicBool>,
}

impl NodeClient {
    /// A client of the node at `url`, for example `http://127.0.0.1:8500`. Nothing is sent yet. Its answers are the node's word; see
    /// [`Self::verified_by`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let bad = |why: String| ClientError::BadUrl { url: url.into(), why };
        let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
        if parsed.scheme() != "http" {
            return Err(bad("only http is spoken; put TLS in front of the node".into()));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(bad("it has a query or a fragment".into()));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self { base: url.trim_end_matches('/').into(), http, light: None, others: Arc::default(), words: Arc::default() })
    }

    /// Nodes that are asked, one after the other, for blocks and entries that this one no longer keeps because it is pruned.
    pub fn with_others(self, others: &[Self]) -> Self {
        Self { others: others.iter().filter(|other| other.base != self.base).cloned().collect(), ..self }
    }

    /// From now on, what this client answers is proved, or an error. What only the node can know (whether a transaction waits, how
    /// many peers it has) and what follows from a journal that the asker may not read stays the node's word; whether something did
    /// is said by [`Self::is_all_proved`].
    pub fn verified_by(self, light: Light) -> Self {
        Self { light: Some(Arc::new(Mutex::new(light))), ..self }
    }

    /// Another node whose answers are checked by the same light client.
    pub fn beside(&self, url: &str) -> Result<Self, ClientError> {
        let (light, others, words) = (self.light.clone(), self.others.clone(), self.words.clone());
        Ok(Self { light, others, words, ..Self::new(url)? })
    }

    /// The same node, believed without proof.
    pub fn unverified(&self) -> Self {
        Self { light: None, words: Arc::default(), ..self.clone() }
    }

    /// Are its answers proved?
    pub fn is_verified(&self) -> bool {
        self.light.is_some()
    }

    /// Was everything proved that it answered about the ledger until now, to this client and its clones?
    pub fn is_all_proved(&self) -> bool {
        self.is_verified() && !self.words.load(Ordering::Relaxed)
    }

    /// What is answered now is the node's word, although its other answers are proved.
    pub(crate) fn take_its_word(&self) {
        self.words.store(true, Ordering::Relaxed);
    }

    /// The light client that checks its answers, while nobody else uses it.
    pub async fn light(&self) -> Option<MutexGuard<'_, Light>> {
        match &self.light {
            Some(light) => Some(light.lock().await),
            None => None,
        }
    }

    /// The node's address.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// How the node stands. What it says of the ledger is checked; what it says of itself is its word.
    pub async fn status(&self) -> Result<Status, ClientError> {
        let status: Status = self.read("/v1/status").await?;
        if let Some(mut light) = self.light().await
            && status.height > Height(0)
        {
            let certified = self.stated(At::Height(status.height)).await?;
            light.believe(self, &certified).await?;
            let Header { chain, time, state_root, .. } = certified.header;
            require(
                (status.chain, status.time, status.state_root, status.block) == (chain, time, state_root, certified.header.id()),
                FalseAnswer::OtherObject,
            )?;
        }
        Ok(status)
    }

    /// The founding document's bytes, whose hash is the ledger's id.
    pub async fn genesis(&self) -> Result<Vec<u8>, ClientError> {
        self.octets("/v1/genesis", self.request(Method::GET, "/v1/genesis")).await
    }

    /// The changes of the validator set in blocks after this height, the oldest first.
    pub async fn changes(&self, after: Height) -> Result<Vec<Change>, ClientError> {
        self.read(&format!("/v1/changes?after={after}")).await
    }

    /// An object of the state with the proof of it, or of its absence.
    pub async fn proved_state(&self, key: &StateKey) -> Result<ProvedAnswer<String>, ClientError> {
        self.read(&format!("/v1/state/{}/proof", hex::encode(key.to_bytes()))).await
    }

    /// The ledger's parameters.
    pub async fn parameters(&self) -> Result<Parameters, ClientError> {
        self.object(StateKey::Parameters, "parameters", "/v1/parameters".into()).await
    }

    /// The validators of the next block.
    pub async fn validators(&self) -> Result<ValidatorSet, ClientError> {
        self.object(StateKey::Validators, "validators", "/v1/validators".into()).await
    }

    /// A validator set that voted once, by the hash that headers carry.
    pub async fn validator_set(&self, hash: &Hash) -> Result<ValidatorSet, ClientError> {
        let set: ValidatorSet = self.read(&format!("/v1/validators/{}", hash.to_hex())).await?;
        require(set.hash() == *hash, FalseAnswer::OtherObject)?;
        Ok(set)
    }

    /// The ids of all members, with their proof.
    pub async fn proved_members(&self) -> Result<ProvedAnswer<Members>, ClientError> {
        self.read("/v1/members").await
    }

    /// One account with the proof of it, or of its absence.
    pub async fn proved_account(&self, label: &Label) -> Result<ProvedAnswer<Account>, ClientError> {
        self.read(&format!("/v1/accounts/{}?proof", label.to_hex())).await
    }

    /// All members, suspended ones too. That these are all is proved like each of them.
    pub async fn organisations(&self) -> Result<Vec<OrganisationAnswer>, ClientError> {
        let Some(mut light) = self.light().await else {
            return self.list("/v1/organisations", |answer: &OrganisationAnswer| answer.id.to_hex()).await;
        };
        let members: Members = light.read(self, &StateKey::Members).await?.ok_or_else(|| proved_absent("list of members"))?;
        let mut organisations = Vec::with_capacity(members.0.len());
        for id in members.0.iter() {
            let organisation = light.read(self, &StateKey::Organisation(*id)).await?;
            let organisation = organisation.ok_or_else(|| proved_absent("organisation"))?;
            organisations.push(OrganisationAnswer { id: *id, organisation });
        }
        Ok(organisations)
    }

    /// One member.
    pub async fn organisation(&self, id: &OrganisationId) -> Result<Organisation, ClientError> {
        self.object(StateKey::Organisation(*id), "organisation", format!("/v1/organisations/{}", id.to_hex())).await
    }

    /// One practitioner.
    pub async fn practitioner(&self, id: &PractitionerId) -> Result<Practitioner, ClientError> {
        self.object(StateKey::Practitioner(*id), "practitioner", format!("/v1/practitioners/{}", id.to_hex())).await
    }

    /// All registered machines. Each is proved; that none is left out is the node's word.
    pub async fn peers(&self) -> Result<Vec<Peer>, ClientError> {
        self.take_its_word();
        let peers = self.list("/v1/peers", |peer: &Peer| peer.record.key.to_hex()).await?;
        for peer in &peers {
            self.require_object(&StateKey::Peer(peer.record.key), peer).await?;
        }
        Ok(peers)
    }

    /// All proposals. Each is proved; that none is left out is the node's word.
    pub async fn proposals(&self) -> Result<Vec<ProposalAnswer>, ClientError> {
        self.take_its_word();
        let proposals = self.list("/v1/proposals", |answer: &ProposalAnswer| answer.id.to_hex()).await?;
        for answer in &proposals {
            self.require_object(&StateKey::Proposal(answer.id), &answer.proposal).await?;
        }
        Ok(proposals)
    }

    /// One proposal.
    pub async fn proposal(&self, id: &ProposalId) -> Result<Proposal, ClientError> {
        self.object(StateKey::Proposal(*id), "proposal", format!("/v1/proposals/{}", id.to_hex())).await
    }

    /// One account.
    pub async fn account(&self, label: &Label) -> Result<Account, ClientError> {
        self.object(StateKey::Account(*label), "account", format!("/v1/accounts/{}", label.to_hex())).await
    }

    /// A block with its entries.
    pub async fn block(&self, at: At) -> Result<BlockAnswer, ClientError> {
        let block: BlockAnswer = self.read(&format!("/v1/blocks/{at}")).await?;
        if let Some(mut light) = self.light().await {
            require(at.is(block.header.height), FalseAnswer::OtherBlock)?;
            verify::block(&block).map_err(Distrust::from)?;
            light.header(self, &block.header, &block.certificate).await?;
        }
        Ok(block)
    }

    /// A block's header.
    pub async fn header(&self, at: At) -> Result<Header, ClientError> {
        if self.is_verified() { Ok(self.certified(at).await?.header) } else { self.read(&format!("/v1/headers/{at}")).await }
    }

    /// A block's certificate.
    pub async fn certificate(&self, at: At) -> Result<Certificate, ClientError> {
        if self.is_verified() {
            return Ok(self.certified(at).await?.certificate);
        }
        self.read(&format!("/v1/certificates/{at}")).await
    }

    /// A block's header with its certificate.
    pub async fn certified(&self, at: At) -> Result<Certified, ClientError> {
        let certified = self.stated(at).await?;
        if let Some(mut light) = self.light().await {
            light.believe(self, &certified).await?;
        }
        Ok(certified)
    }

    /// The same as the node states it, not believed yet.
    pub(crate) async fn stated(&self, at: At) -> Result<Certified, ClientError> {
        let header: Header = self.read(&format!("/v1/headers/{at}")).await?;
        let certificate = self.read(&format!("/v1/certificates/{}", header.height)).await?;
        require(at.is(header.height), FalseAnswer::OtherBlock)?;
        Ok(Certified { header, certificate })
    }

    /// Where a transaction is now. That it is committed is proved; that it waits, or is not known, is the node's word.
    pub async fn transaction(&self, id: &TransactionId) -> Result<TransactionAnswer, ClientError> {
        let answer: TransactionAnswer = self.read(&format!("/v1/transactions/{}", id.to_hex())).await?;
        require(answer.id == *id, FalseAnswer::OtherEntry)?;
        match answer.committed() {
            Some(committed) => self.require_committed(&committed).await?,
            None => self.take_its_word(),
        }
        Ok(answer)
    }

    /// A committed entry with the proof that it stands in its block.
    pub async fn proved_entry(&self, id: &TransactionId) -> Result<ProvedEntryAnswer, ClientError> {
        self.read(&format!("/v1/transactions/{}/proof", id.to_hex())).await
    }

    /// The proof that the newer block continues the older one's ledger.
    pub async fn proved_history(&self, older: Height, newer: Height) -> Result<HistoryAnswer, ClientError> {
        self.read(&format!("/v1/history/{older}/{newer}")).await
    }

    /// Submits one transaction. Accepted does not mean committed: see [`Self::wait_committed`].
    pub async fn submit(&self, transaction: &SignedTransaction) -> Result<TransactionId, ClientError> {
        let answer: Accepted = self.write("/v1/transactions", transaction.to_bytes()).await?;
        Ok(answer.id)
    }

    /// Submits many transactions in one request of at most 4 MiB; the answers stand in the same order.
    pub async fn submit_batch(&self, transactions: Vec<SignedTransaction>) -> Result<Vec<Submission>, ClientError> {
        let batch: Vec<Vec<u8>> = transactions.iter().map(Canonical::to_bytes).collect();
        let path = "/v1/transactions/batch";
        let http = self.exchange(path, self.post(path, inro_contracts::bytes::encode(&batch))).await?;
        // A node that took none of them for now answers 503, with the same results.
        let answer: BatchAnswer = match (http.status, serde_json::from_slice(&http.body)) {
            (StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE, Ok(answer)) => answer,
            (StatusCode::ACCEPTED, Err(error)) => {
                return Err(ClientError::BadAnswer { path: path.into(), why: error.to_string() });
            }
            _ => return Err(ClientError::Problem(problem_of(&http))),
        };
        match answer.results.len() {
            found if found == batch.len() => Ok(answer.results),
            found => Err(ClientError::BadAnswer {
                path: path.into(),
                why: format!("{found} results for {} transactions", batch.len()),
            }),
        }
    }

    /// Waits until a transaction is committed. A node that does not answer for a while is asked again until `timeout`.
    pub async fn wait_committed(&self, id: &TransactionId, timeout: Duration) -> Result<Committed, ClientError> {
        let start = Instant::now();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(ClientError::NotCommittedYet { id: *id, waited: timeout });
            }
            let wait_ms = POLL_MS.min(left.as_millis() as u64).max(1);
            let answer: Result<TransactionAnswer, _> =
                self.read(&format!("/v1/transactions/{}?wait_ms={wait_ms}", id.to_hex())).await;
            match answer {
                Ok(answer) => match answer.committed() {
                    Some(committed) => {
                        require(committed.id == *id, FalseAnswer::OtherEntry)?;
                        self.require_committed(&committed).await?;
                        return Ok(committed);
                    }
                    // The node holds the answer back itself; the pause is for one that does not.
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                Err(ClientError::Unreachable { .. }) => tokio::time::sleep(PAUSE_AFTER_NO_ANSWER).await,
                Err(ClientError::Problem(problem)) if problem.is_passing() => tokio::time::sleep(problem.pause().min(left)).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Submits a transaction and waits until it is committed. A busy node is tried again after the time it names; when an answer
    /// was lost, the node is asked whether it has the transaction before it is sent again.
    pub async fn commit(&self, transaction: &SignedTransaction, timeout: Duration) -> Result<Committed, ClientError> {
        let start = Instant::now();
        let id = ParsedTransaction::from(transaction.clone()).id();
        let mut answer_was_lost = false;
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            match self.submit(transaction).await {
                Ok(_) => return self.wait_committed(&id, left).await,
                Err(ClientError::Problem(problem)) if problem.is_passing() && problem.pause() < left => {
                    tokio::time::sleep(problem.pause()).await;
                }
                Err(error @ ClientError::Problem(_)) if answer_was_lost => {
                    return match self.transaction(&id).await?.status {
                        TransactionStatus::Unknown => Err(error),
                        _ => self.wait_committed(&id, left).await,
                    };
                }
                // A node that never answered is not there: say so at once. One that answered before may be restarting.
                Err(error @ ClientError::Unreachable { .. }) if left > PAUSE_AFTER_NO_ANSWER => {
                    if !answer_was_lost && self.status().await.is_err() {
                        return Err(error);
                    }
                    answer_was_lost = true;
                    tokio::time::sleep(PAUSE_AFTER_NO_ANSWER).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// An object of the state: proved, if a light client is at hand.
    async fn object<T: Canonical + DeserializeOwned>(&self, key: StateKey, what: &str, path: String) -> Result<T, ClientError> {
        match self.light().await {
            Some(mut light) => light.read(self, &key).await?.ok_or_else(|| proved_absent(what)),
            None => self.read(&path).await,
        }
    }

    /// What a node stated must be what it proves.
    async fn require_object<T: Canonical + PartialEq>(&self, key: &StateKey, stated: &T) -> Result<(), ClientError> {
        let Some(mut light) = self.light().await else { return Ok(()) };
        let proved: Option<T> = light.read(self, key).await?;
        require(proved.as_ref() == Some(stated), FalseAnswer::OtherObject)
    }

    async fn require_committed(&self, stated: &Committed) -> Result<(), ClientError> {
        let Some(mut light) = self.light().await else { return Ok(()) };
        let (statement, signed) = light.entry(self, &stated.id).await?;
        let Located { index, entry, .. } = statement.entry;
        require((signed.height, index, &entry.outcome) == (stated.height, stated.index, &stated.outcome), FalseAnswer::Outcome)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let pruned = match self.call(path, self.request(Method::GET, path)).await {
            Err(ClientError::Problem(problem)) if problem.is_pruned() => problem,
            answer => return answer,
        };
        for other in self.others.iter() {
            // Whatever keeps one from answering, the next may have it.
            if let Ok(answer) = other.call(path, other.request(Method::GET, path)).await {
                return Ok(answer);
            }
        }
        Err(ClientError::Problem(pruned))
    }

    async fn write<T: DeserializeOwned>(&self, path: &str, body: Vec<u8>) -> Result<T, ClientError> {
        self.call(path, self.post(path, body)).await
    }

    fn post(&self, path: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
        let request = self.http.request(Method::POST, format!("{}{path}", self.base));
        request.header(header::CONTENT_TYPE, "application/octet-stream").body(body)
    }

    /// All rows of a list, page by page; `id_of` names a row's id, after which the next page begins.
    async fn list<T: DeserializeOwned>(&self, path: &str, id_of: impl Fn(&T) -> String) -> Result<Vec<T>, ClientError> {
        let mut rows: Vec<T> = Vec::new();
        loop {
            let after = rows.last().map(|last| format!("&after={}", id_of(last))).unwrap_or_default();
            let page: Vec<T> = self.read(&format!("{path}?limit={ROWS_PER_PAGE}{after}")).await?;
            let is_last = page.len() < ROWS_PER_PAGE;
            rows.extend(page);
            if is_last {
                return Ok(rows);
            }
            if rows.len() > ROWS_MAX {
                return Err(ClientError::BadAnswer { path: path.into(), why: format!("more than {ROWS_MAX} rows") });
            }
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// An answer whose body is still to be read; a problem is an error.
    pub(crate) async fn answer(&self, path: &str, request: reqwest::RequestBuilder) -> Result<reqwest::Response, ClientError> {
        let unreachable = |error: reqwest::Error| ClientError::Unreachable { url: self.base.clone(), why: innermost(&error) };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await.map_err(unreachable)?;
        if body.len() > ANSWER_BYTES_MAX {
            return Err(ClientError::BadAnswer { path: path.into(), why: "the problem is too long".into() });
        }
        Err(ClientError::Problem(problem_of(&HttpAnswer { status, retry_after, body: body.to_vec() })))
    }

    pub(crate) async fn call<T: DeserializeOwned>(&self, path: &str, request: reqwest::RequestBuilder) -> Result<T, ClientError> {
        let bad = |error: serde_json::Error| ClientError::BadAnswer { path: path.into(), why: error.to_string() };
        serde_json::from_slice(&self.octets(path, request).await?).map_err(bad)
    }

    /// An answer's bytes, read within the bound of all answers; a problem is an error.
    pub(crate) async fn octets(&self, path: &str, request: reqwest::RequestBuilder) -> Result<Vec<u8>, ClientError> {
        let answer = self.exchange(path, request).await?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(ClientError::Problem(problem_of(&answer))) }
    }

    async fn exchange(&self, path: &str, request: reqwest::RequestBuilder) -> Result<HttpAnswer, ClientError> {
        let unreachable = |error: reqwest::Error| ClientError::Unreachable { url: self.base.clone(), why: innermost(&error) };
        let mut response = request.header(header::ACCEPT, "application/json").send().await.map_err(unreachable)?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let why = format!("it is longer than {ANSWER_BYTES_MAX} bytes");
                return Err(ClientError::BadAnswer { path: path.into(), why });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpAnswer { status, retry_after, body })
    }
}

fn require(holds: bool, otherwise: FalseAnswer) -> Result<(), ClientError> {
    if holds { Ok(()) } else { Err(Distrust::from(otherwise).into()) }
}

/// The same error as that of a node which says so without a proof.
fn proved_absent(what: &str) -> ClientError {
    ClientError::Problem(Problem {
        status: 404,
        title: "Not found".into(),
        detail: format!("The ledger proves that it has no such {what}."),
        rule: None,
        retry_after: None,
        retry_after_ms: None,
    })
}

struct HttpAnswer {
    status: StatusCode,
    retry_after: Option<u64>,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Accepted {
    id: TransactionId,
}

#[derive(Deserialize)]
struct BatchAnswer {
    results: Vec<Submission>,
}

/// The problem in an answer; what stands between client and node may answer in another form.
fn problem_of(answer: &HttpAnswer) -> Problem {
    let stated = serde_json::from_slice::<Problem>(&answer.body).unwrap_or_else(|_| Problem {
        status: answer.status.as_u16(),
        title: answer.status.canonical_reason().unwrap_or("refused").into(),
        detail: String::new(),
        rule: None,
        retry_after: None,
        retry_after_ms: None,
    });
    Problem { status: answer.status.as_u16(), retry_after: answer.retry_after.or(stated.retry_after), ..stated }
}

/// The error that the system gave, without the layers around it.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_a_node_is_refused() {
        for url in ["", "127.0.0.1:8500", "https://127.0.0.1", "ftp://127.0.0.1", "http://h/?a=1"] {
            assert!(matches!(NodeClient::new(url), Err(ClientError::BadUrl { .. })), "{url}");
        }
        assert_eq!(NodeClient::new("http://127.0.0.1:8500/").unwrap().url(), "http://127.0.0.1:8500");
    }

    #[test]
    fn a_refusal_keeps_its_rule_and_the_time_to_wait() {
        let body = br#"{"type":"about:blank","title":"Void","status":422,"detail":"It is too late.","rule":"L-9.2"}"#;
        let answer = |status, retry_after, body: &[u8]| HttpAnswer { status, retry_after, body: body.to_vec() };
        let problem = problem_of(&answer(StatusCode::UNPROCESSABLE_ENTITY, None, body));
        assert_eq!((problem.rule.as_deref(), problem.is_passing()), (Some("L-9.2"), false));
        assert_eq!(problem.to_string(), "Void (rule L-9.2): It is too late.");
        let exact = br#"{"title":"No room","status":503,"retry_after_ms":40}"#;
        assert_eq!(problem_of(&answer(StatusCode::SERVICE_UNAVAILABLE, Some(1), exact)).pause(), Duration::from_millis(40));
        let problem = problem_of(&answer(StatusCode::SERVICE_UNAVAILABLE, Some(2), b"<html>"));
        assert_eq!((problem.pause(), problem.is_passing()), (Duration::from_secs(2), true));
    }
}
