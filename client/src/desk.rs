//! Consent, records and reading over HTTP: signed requests to one node (`docs/spec/api.md`).
//!
//! A [`Desk`] is a node together with the key that signs the requests: a practitioner's, a patient's account key, a guardian's, an
//! auditor's. What it does on the ledger it does with transactions, which it signs with the same key and waits for.
//!
//! Consent and records are not proved by the ledger's state: they follow from the account's journal. To the person, whose desk may
//! read it, they are therefore proved if the node's answers are ([`NodeClient::verified_by`]): the journal is, and what follows from
//! it is worked out here. To all others they are the node's word.

use std::time::Duration;

use inro_contracts::access::{Access, AccessRequest, Denial, Granted};
use inro_contracts::category::Category;
use inro_contracts::consent::{Consent, Consult, Grant};
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::id::{ChainId, Commitment, ConsultId, Hash, Label, RecordId, SealingKey, TransactionId};
use inro_contracts::journal::Event;
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::record::{ProviderFlags, Record, RecordManifest};
use inro_contracts::request::{BodyHasher, RequestStatement, body_hash};
use inro_contracts::time::Time;
use inro_contracts::transaction::{Action, SignedTransaction, Transaction};
use inro_evidence::{Followed, JournalStatement, check_journal};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use rand::Rng;
use rand::rngs::OsRng;
use reqwest::{Method, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::light::Distrust;
use crate::model::Committed;
use crate::node_client::NodeClient;
use crate::problem::ClientError;
use crate::verify::FalseAnswer;

/// How long a transaction made here can be committed, in milliseconds.
const VALID_FOR_MS: u64 = 60_000;
/// How long one answer with a payload, or one document on its way to the node, may take. What stalls is noticed earlier.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(6 * 3600);
/// A document is read and sent in pieces of so many bytes.
const PIECE: usize = 256 * 1024;

/// A node, and the key that signs what is asked of it.
#[derive(Debug, Clone)]
pub struct Desk {
    node: NodeClient,
    chain: ChainId,
    peer: PublicKey,
    secret: SecretKey,
}

/// A document's item, staged at the custodian and not on the ledger yet.
#[derive(Debug, Clone, Deserialize)]
pub struct StagedItem {
    /// What is to be registered.
    pub record: RecordManifest,
    /// What kind of bytes it is.
    pub media_type: String,
    /// What the document says of itself, for the facility only.
    #[serde(default)]
    pub about: Value,
}

/// A record on the ledger.
#[derive(Debug, Clone, Deserialize)]
pub struct ListedRecord {
    /// Its id.
    pub id: RecordId,
    /// What the ledger has of it.
    pub record: Record,
}

/// What a practitioner may know of an account's consent.
#[derive(Debug, Clone, Deserialize)]
pub struct OwnConsent {
    /// Grants that include the reader.
    pub grants: Vec<Grant>,
    /// Consults in which the reader takes part.
    pub consults: Vec<Consult>,
}

/// A consult and the account that it is on.
#[derive(Debug, Clone, Deserialize)]
pub struct PlacedConsult {
    /// The account.
    pub account: Label,
    /// The consult.
    pub consult: Consult,
}

/// Where the payloads of an access stand.
#[derive(Debug, Clone, Deserialize)]
pub struct AccessAnswer {
    /// The access.
    pub access: Access,
    /// Its records.
    pub records: Vec<ArrivingRecord>,
}

/// Where one payload stands.
#[derive(Debug, Clone, Deserialize)]
pub struct ArrivingRecord {
    /// The record.
    pub record: RecordId,
    /// `waiting`, `arriving`, `ready` or `failed`.
    pub state: String,
    /// Bytes that came, or the payload's length.
    #[serde(default)]
    pub bytes: u64,
    /// Sealed bytes in all.
    #[serde(default)]
    pub total: u64,
    /// What it is.
    #[serde(default)]
    pub media_type: Option<String>,
    /// What was wrong.
    #[serde(default)]
    pub fault: Option<String>,
    /// In a sentence.
    #[serde(default)]
    pub detail: Option<String>,
}

/// A payload that was read.
#[derive(Clone)]
pub struct ReadPayload {
    /// What it is.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ReadPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadPayload").field("length", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// What became of a request to read.
#[derive(Debug, Clone)]
pub enum Decided {
    /// These records may be read.
    Granted {
        /// The access's id.
        id: TransactionId,
        /// What it grants.
        granted: Granted,
    },
    /// Nothing may be read.
    Denied {
        /// The access's id; it stands in the account's journal.
        id: TransactionId,
        /// Why.
        denial: Denial,
    },
}

#[derive(Deserialize)]
struct Items {
    items: Vec<StagedItem>,
}

#[derive(Deserialize)]
struct Key {
    reply_key: SealingKey,
}

#[derive(Deserialize)]
struct Answer {
    commitment: Commitment,
    size: u64,
}

impl Desk {
    /// A desk at this node. Asks the node who it is.
    pub async fn at(node: NodeClient, secret: SecretKey) -> Result<Self, ClientError> {
        let status = node.status().await?;
        Ok(Self { node, chain: status.chain, peer: status.peer, secret })
    }

    /// The node.
    pub fn node(&self) -> &NodeClient {
        &self.node
    }

    /// The ledger.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// The key that signs.
    pub fn key(&self) -> PublicKey {
        self.secret.public()
    }

    /// The same node, with another key.
    pub fn with_key(&self, secret: SecretKey) -> Self {
        Self { secret, ..self.clone() }
    }

    /// Signs a transaction.
    pub fn sign(&self, action: Action) -> SignedTransaction {
        let transaction = Transaction {
            chain: self.chain,
            signer: self.secret.public(),
            void_after: Time(now_ms() + VALID_FOR_MS),
            nonce: OsRng.r#gen(),
            action,
        };
        transaction.sign(&self.secret)
    }

    /// Signs, submits and waits until the transaction is committed.
    pub async fn act(&self, action: Action) -> Result<Committed, ClientError> {
        self.node.commit(&self.sign(action), Duration::from_millis(VALID_FOR_MS)).await
    }

    /// Asks the ledger to read, and waits for its decision.
    pub async fn ask(&self, request: AccessRequest) -> Result<Decided, ClientError> {
        let committed = self.act(Action::Access(request)).await?;
        match committed.outcome {
            Outcome::Granted(granted) | Outcome::GrantedCustodially(granted) => {
                Ok(Decided::Granted { id: committed.id, granted })
            }
            Outcome::Denied(denial) | Outcome::DeniedCustodially(denial) => Ok(Decided::Denied { id: committed.id, denial }),
            _ => Err(ClientError::BadAnswer { path: "/v1/transactions".into(), why: "an access without a decision".into() }),
        }
    }

    /// A one-time key of this node, for an access or a consult of one of its practitioners.
    pub async fn make_reply_key(&self) -> Result<SealingKey, ClientError> {
        let key: Key = self.call(Method::POST, "/v1/desk/keys", Vec::new()).await?;
        Ok(key.reply_key)
    }

    /// Hands a document in at the custodian's node; nothing is on the ledger yet.
    pub async fn take_in(
        &self,
        account: &Label,
        name: &str,
        category: Option<Category>,
        media_type: Option<&str>,
        document: Vec<u8>,
    ) -> Result<Vec<StagedItem>, ClientError> {
        let category = category.map(|category| format!("&category={}", category.name())).unwrap_or_default();
        let path = format!("/v1/accounts/{}/intake?name={}{category}", account.to_hex(), escape(name));
        let hash = body_hash(&document);
        let mut request = self.signed(Method::POST, &path, hash).header("inro-body", hash.to_hex()).body(document);
        if let Some(media_type) = media_type {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        let items: Items = self.node.call(&path, request).await?;
        Ok(items.items)
    }

    /// The same with a file of any length, which is read in pieces: once for its hash, once on its way. `progress` hears how many
    /// bytes are on their way.
    pub async fn take_in_file(
        &self,
        account: &Label,
        name: &str,
        category: Option<Category>,
        media_type: Option<&str>,
        file: std::fs::File,
        progress: impl FnMut(u64) + Send + Sync + 'static,
    ) -> Result<Vec<StagedItem>, TakeInFault> {
        let mut file = tokio::fs::File::from_std(file);
        let (hash, length) = hash_of(&mut file).await?;
        file.rewind().await?;
        let category = category.map(|category| format!("&category={}", category.name())).unwrap_or_default();
        let path = format!("/v1/accounts/{}/intake?name={}{category}", account.to_hex(), escape(name));
        let body = reqwest::Body::wrap_stream(pieces_of(file, progress));
        let mut request = self.signed(Method::POST, &path, hash).header("inro-body", hash.to_hex());
        request = request.header(header::CONTENT_LENGTH, length).timeout(TRANSFER_TIMEOUT).body(body);
        if let Some(media_type) = media_type {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        let items: Items = self.node.call(&path, request).await?;
        Ok(items.items)
    }

    /// The account's records on the ledger, in the order of their ids; proved to the person.
    pub async fn records(&self, account: &Label) -> Result<Vec<ListedRecord>, ClientError> {
        if let Some(followed) = self.followed(account).await? {
            // As at a node: what is uninformed (未告知) does not show before the physician has spoken.
            let shown =
                followed.records.into_iter().filter(|(_, record)| !record.manifest.flags.include(ProviderFlags::UNINFORMED));
            return Ok(shown.map(|(id, record)| ListedRecord { id, record }).collect());
        }
        self.node.take_its_word();
        let (mut records, mut after): (Vec<ListedRecord>, String) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/accounts/{}/records?limit=1000{after}", account.to_hex());
            let page: Vec<ListedRecord> = self.get(&path).await?;
            let Some(last) = page.last() else { return Ok(records) };
            after = format!("&after={}", last.id.to_hex());
            records.extend(page);
        }
    }

    /// The account's grants, seals and consults, for the person and guardians; proved to the person.
    pub async fn consent(&self, account: &Label) -> Result<Consent, ClientError> {
        if let Some(followed) = self.followed(account).await? {
            return Ok(followed.consent);
        }
        self.node.take_its_word();
        self.get(&format!("/v1/accounts/{}/consent", account.to_hex())).await
    }

    /// What of it concerns this practitioner.
    pub async fn own_consent(&self, account: &Label) -> Result<OwnConsent, ClientError> {
        self.node.take_its_word();
        self.get(&format!("/v1/accounts/{}/consent", account.to_hex())).await
    }

    /// Events of the account's journal; the node's word. See [`Self::events`].
    pub async fn journal(&self, account: &Label, from: u64, limit: u32) -> Result<Vec<Event>, ClientError> {
        self.node.take_its_word();
        self.get(&format!("/v1/accounts/{}/journal?from={from}&limit={limit}", account.to_hex())).await
    }

    /// The whole journal as of the node's last block, with what proves that nothing is missing: not checked yet, see
    /// [`Light::history`](crate::light::Light::history).
    pub async fn history(&self, account: &Label) -> Result<JournalStatement, ClientError> {
        let path = format!("/v1/accounts/{}/history", account.to_hex());
        let bytes = self.octets(&path).await?;
        let statement: JournalStatement =
            borsh::from_slice(&bytes).map_err(|error| ClientError::BadAnswer { path, why: error.to_string() })?;
        match statement.label == *account {
            true => Ok(statement),
            false => Err(Distrust::from(FalseAnswer::OtherAccount).into()),
        }
    }

    /// All that happened to an account, proved if the node's answers are; otherwise only its chain of hashes is checked, against
    /// what the node says that it should be.
    pub async fn events(&self, account: &Label) -> Result<JournalStatement, ClientError> {
        if let Some(mut light) = self.node.light().await {
            return Ok(light.history(self, account).await?.0);
        }
        let statement = self.history(account).await?;
        let JournalStatement { head, label, account, proof, events } = &statement;
        check_journal(&head.header, label, account, proof, events).map_err(Distrust::from)?;
        Ok(statement)
    }

    /// What follows from the journal, where the person asks and the node's answers are proved.
    async fn followed(&self, account: &Label) -> Result<Option<Followed>, ClientError> {
        if !self.node.is_verified() || self.node.account(account).await?.controller != self.key() {
            return Ok(None);
        }
        let statement = self.events(account).await?;
        let followed = Followed::after(&statement.events).map_err(|why| Distrust::Unfollowed { label: *account, why })?;
        Ok(followed)
    }

    /// A consult by its linked ID. If the node's answers are proved, so is what it asks, of whom, and on which account; that it is
    /// not closed stays the node's word.
    pub async fn consult(&self, id: &ConsultId) -> Result<PlacedConsult, ClientError> {
        let placed: PlacedConsult = self.get(&format!("/v1/consults/{}", id.to_hex())).await?;
        if let Some(mut light) = self.node.light().await {
            self.node.take_its_word();
            let (opening, _) = light.entry(&self.node, &TransactionId(id.0)).await?;
            require_opened(&placed, id, &opening.entry.entry)?;
        }
        Ok(placed)
    }

    /// Which records an access grants. Proved if the node's answers are.
    pub async fn granted(&self, id: &TransactionId) -> Result<Vec<RecordId>, ClientError> {
        let Some(mut light) = self.node.light().await else {
            return Ok(self.access(id, Duration::ZERO).await?.access.records.to_vec());
        };
        let (access, _) = light.entry(&self.node, id).await?;
        match access.entry.entry.outcome {
            Outcome::Granted(granted) | Outcome::GrantedCustodially(granted) => Ok(granted.records.to_vec()),
            _ => Err(Distrust::from(FalseAnswer::OtherEntry).into()),
        }
    }

    /// Where the payloads of an access stand at this node; waits until all are settled, or so long.
    pub async fn access(&self, id: &TransactionId, wait: Duration) -> Result<AccessAnswer, ClientError> {
        self.get(&format!("/v1/accesses/{}?wait_ms={}", id.to_hex(), wait.as_millis())).await
    }

    /// A payload that is ready at this node. For payloads that fit into memory.
    pub async fn payload(&self, id: &TransactionId, record: &RecordId) -> Result<ReadPayload, ClientError> {
        self.bytes(&format!("/v1/accesses/{}/records/{}", id.to_hex(), record.to_hex())).await
    }

    /// The same, as an answer whose body is still to be read, from byte `from` on.
    pub async fn payload_from(&self, id: &TransactionId, record: &RecordId, from: u64) -> Result<reqwest::Response, ClientError> {
        let path = format!("/v1/accesses/{}/records/{}", id.to_hex(), record.to_hex());
        let request = self.signed(Method::GET, &path, body_hash(&[]));
        let request = if from > 0 { request.header(header::RANGE, format!("bytes={from}-")) } else { request };
        self.node.answer(&path, request.timeout(TRANSFER_TIMEOUT)).await
    }

    /// Sealed bytes of a record for the person who asked, at the custodian's node.
    pub async fn sealed(&self, id: &TransactionId, record: &RecordId, offset: u64) -> Result<reqwest::Response, ClientError> {
        let path = format!("/v1/accesses/{}/records/{}/sealed?offset={offset}", id.to_hex(), record.to_hex());
        let request = self.signed(Method::GET, &path, body_hash(&[])).timeout(TRANSFER_TIMEOUT);
        self.node.answer(&path, request).await
    }

    /// The receipt of an access, at the reader's node or, for the person, at the custodian's: an evidence file. See
    /// [`crate::evidence::check_receipt`].
    pub async fn receipt(&self, id: &TransactionId) -> Result<Vec<u8>, ClientError> {
        self.octets(&format!("/v1/accesses/{}/receipt", id.to_hex())).await
    }

    /// The receipt of a consult, for its opener and its reader: evidence that it was opened.
    pub async fn consult_receipt(&self, id: &ConsultId) -> Result<Vec<u8>, ClientError> {
        self.octets(&format!("/v1/consults/{}/receipt", id.to_hex())).await
    }

    /// Stages the answer to a consult here and commits to it on the ledger.
    pub async fn answer_consult(
        &self,
        placed: &PlacedConsult,
        media_type: &str,
        answer: Vec<u8>,
    ) -> Result<Committed, ClientError> {
        let consult = placed.consult.id;
        let path = format!("/v1/consults/{}/answer?media_type={}", consult.to_hex(), escape(media_type));
        let staged: Answer = self.call(Method::POST, &path, answer).await?;
        self.act(Action::AnswerConsult {
            account: placed.account,
            consult,
            practitioner: placed.consult.terms.reader,
            commitment: staged.commitment,
            size: staged.size,
        })
        .await
    }

    /// What the custodian's vault showed when it destroyed a record; asked of the custodian's node.
    pub async fn erasure(&self, account: &Label, record: &RecordId) -> Result<serde_json::Value, ClientError> {
        self.get(&format!("/v1/accounts/{}/records/{}/erasure", account.to_hex(), record.to_hex())).await
    }

    /// The answer to a consult that was opened here.
    pub async fn answer(&self, id: &ConsultId, wait: Duration) -> Result<ReadPayload, ClientError> {
        self.bytes(&format!("/v1/consults/{}/answer?wait_ms={}", id.to_hex(), wait.as_millis())).await
    }

    /// What waits for somebody of this organisation: accesses that were not disclosed or acknowledged, reviews.
    pub async fn worklist(&self) -> Result<Value, ClientError> {
        self.node.take_its_word();
        self.get("/v1/worklist").await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::GET, path, Vec::new()).await
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T, ClientError> {
        let request = self.signed(method, path, body_hash(&body)).body(body);
        self.node.call(path, request).await
    }

    async fn octets(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.node.octets(path, self.signed(Method::GET, path, body_hash(&[]))).await
    }

    async fn bytes(&self, path: &str) -> Result<ReadPayload, ClientError> {
        let answer = self.node.answer(path, self.signed(Method::GET, path, body_hash(&[]))).await?;
        let media_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or("application/octet-stream").to_owned();
        let bad = |error: reqwest::Error| ClientError::BadAnswer { path: path.into(), why: error.to_string() };
        Ok(ReadPayload { media_type, bytes: answer.bytes().await.map_err(bad)?.to_vec() })
    }

    fn signed(&self, method: Method, path: &str, body: Hash) -> reqwest::RequestBuilder {
        let statement = RequestStatement {
            chain: self.chain,
            node: self.peer,
            method: method.as_str().to_owned(),
            path: path.to_owned(),
            body,
            time: Time(now_ms()),
        };
        self.node.request(method, path).header(header::AUTHORIZATION, statement.authorization(&self.secret))
    }
}

/// Is this the consult that this entry opened?
fn require_opened(placed: &PlacedConsult, id: &ConsultId, opening: &Entry) -> Result<(), ClientError> {
    let consult = &placed.consult;
    let opened = match &opening.transaction.transaction.action {
        Action::OpenConsult { account, practitioner, terms } => {
            opening.outcome.is_applied() && (account, practitioner, terms) == (&placed.account, &consult.opener, &consult.terms)
        }
        _ => false,
    };
    if opened && consult.id == *id { Ok(()) } else { Err(Distrust::from(FalseAnswer::OtherObject).into()) }
}

/// Why a document was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum TakeInFault {
    /// The node could not be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(#[from] std::io::Error),
}

/// The hash of a file as a request's body, and its length.
async fn hash_of(file: &mut tokio::fs::File) -> Result<(Hash, u64), std::io::Error> {
    let (mut hasher, mut length, mut piece) = (BodyHasher::new(), 0, vec![0; PIECE]);
    loop {
        let count = file.read(&mut piece).await?;
        if count == 0 {
            return Ok((hasher.finish(), length));
        }
        hasher.update(&piece[..count]);
        length += count as u64;
    }
}

fn pieces_of(
    file: tokio::fs::File,
    progress: impl FnMut(u64) + Send + Sync + 'static,
) -> impl futures::Stream<Item = Result<Vec<u8>, std::io::Error>> + Send + Sync {
    futures::stream::unfold((file, 0, progress), |(mut file, mut sent, mut progress)| async move {
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(count) => {
                piece.truncate(count);
                sent += count as u64;
                progress(sent);
                Some((Ok(piece), (file, sent, progress)))
            }
            Err(error) => Some((Err(error), (file, sent, progress))),
        }
    })
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A text in a path or a query.
fn escape(text: &str) -> PercentEncode<'_> {
    /// Everything but the unreserved characters of RFC 3986, section 2.3.
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED)
}
