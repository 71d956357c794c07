//! A node of a forked ledger: up to a height its blocks are the consortium's, and from there on they are others, signed by
//! validators that collude. It answers what light clients and witnesses ask, and all its proofs hold, on its own history.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use inro_client::model::At;
use inro_contracts::block::Header;
use inro_contracts::bytes::{List, encode};
use inro_contracts::certificate::{Certificate, CommitSignature};
use inro_contracts::history::{self, HistoryReader};
use inro_contracts::id::{BlockId, ChainId, Hash};
use inro_contracts::key::SecretKey;
use inro_contracts::tag::Tag;
use inro_contracts::time::Height;
use inro_contracts::vote::{VoteKind, VoteStatement};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;

/// The node; it stops serving when this is dropped.
#[derive(Debug)]
pub struct ForkedNode {
    url: String,
    fork: Arc<Mutex<Fork>>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Fork {
    chain: ChainId,
    blocks: Vec<(Header, Certificate)>,
    hashes: BTreeMap<u64, Hash>,
    secrets: Vec<SecretKey>,
}

impl ForkedNode {
    /// Takes a node's blocks up to height `until`, and goes on with `further` blocks that these members' validators sign.
    pub async fn serve(cluster: &Cluster, node: usize, until: u64, further: u64, signers: &[usize]) -> Self {
        let secret = |member: &usize| cluster.consortium.members[*member].validator.clone().expect("the member has a validator");
        let chain = cluster.consortium.chain;
        let mut fork = Fork { chain, blocks: Vec::new(), hashes: BTreeMap::new(), secrets: signers.iter().map(secret).collect() };
        fork.remember(&BlockId(chain.0));
        let client = cluster.client(node);
        for height in (1..=until).map(|height| At::Height(Height(height))) {
            let header = client.header(height).await.expect("the node has the block");
            let certificate = client.certificate(height).await.expect("the node has the certificate");
            fork.add(header, certificate);
        }
        for _ in 0..further {
            fork.forge();
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("an open listener has an address"));
        let fork = Arc::new(Mutex::new(fork));
        let router = Router::new()
            .route("/v1/headers/{at}", get(header))
            .route("/v1/certificates/{at}", get(certificate))
            .route("/v1/changes", get(async || axum::Json(json!([]))))
            .route("/v1/history/{older}/{newer}", get(proof))
            .with_state(Arc::clone(&fork));
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Self { url, fork, serving }
    }

    /// Where it serves.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its last height.
    pub fn height(&self) -> u64 {
        self.lock().blocks.len() as u64
    }

    /// Goes on by a block.
    pub fn forge(&self) {
        self.lock().forge();
    }

    /// The header of a height.
    pub fn header(&self, height: u64) -> Header {
        self.lock().blocks[height as usize - 1].0.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Fork> {
        self.fork.lock().expect("no holder of this lock panics")
    }
}

impl Drop for ForkedNode {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Fork {
    fn add(&mut self, header: Header, certificate: Certificate) {
        self.remember(&header.id());
        self.blocks.push((header, certificate));
    }

    fn remember(&mut self, block: &BlockId) {
        // The genesis comes before the first block.
        let position = if self.hashes.is_empty() { 0 } else { self.blocks.len() as u64 + 1 };
        let hashes = history::append(self, position, block).expect("all earlier hashes are there");
        self.hashes.extend(hashes);
    }

    /// One more block, with nothing in it.
    fn forge(&mut self) {
        let parent = &self.blocks.last().expect("a fork begins after a block").0;
        let height = parent.height.next();
        let header = Header {
            chain: self.chain,
            height,
            time: parent.time.plus_ms(1_000),
            parent: parent.id(),
            entries: 0,
            entries_root: inro_contracts::merkle::root(&[]),
            state_root: parent.state_root,
            history_root: history::root(self, height.0).expect("all earlier hashes are there"),
            validators: parent.next_validators,
            next_validators: parent.next_validators,
            proposer: self.secrets[0].public(),
        };
        let certificate = self.certify(&header);
        self.add(header, certificate);
    }

    fn certify(&self, header: &Header) -> Certificate {
        let (height, round, block) = (header.height, 0, header.id());
        let sign = |secret: &SecretKey| {
            let (kind, validator) = (VoteKind::Precommit, secret.public());
            let vote = VoteStatement { chain: self.chain, kind, height, round, block: Some(block), validator };
            CommitSignature { validator, signature: secret.sign(Tag::VOTE, &encode(&vote)) }
        };
        let mut signatures: Vec<_> = self.secrets.iter().map(sign).collect();
        signatures.sort_by_key(|part| part.validator);
        Certificate { height, round, block, signatures: List::new(signatures).expect("few validators collude") }
    }

    fn at(&self, at: &str) -> Result<&(Header, Certificate), StatusCode> {
        let index = match at {
            "latest" => self.blocks.len(),
            height => height.parse().map_err(|_| StatusCode::BAD_REQUEST)?,
        };
        index.checked_sub(1).and_then(|index| self.blocks.get(index)).ok_or(StatusCode::NOT_FOUND)
    }
}

impl HistoryReader for Fork {
    fn history_hash(&self, index: u64) -> Option<Hash> {
        self.hashes.get(&index).copied()
    }
}

type Shared = State<Arc<Mutex<Fork>>>;
type Answer = Result<axum::Json<Value>, StatusCode>;

async fn header(State(fork): Shared, Path(at): Path<String>) -> Answer {
    let fork = fork.lock().expect("no holder of this lock panics");
    fork.at(&at).map(|(header, _)| axum::Json(json!(header)))
}

async fn certificate(State(fork): Shared, Path(at): Path<String>) -> Answer {
    let fork = fork.lock().expect("no holder of this lock panics");
    fork.at(&at).map(|(_, certificate)| axum::Json(json!(certificate)))
}

async fn proof(State(fork): Shared, Path((older, newer)): Path<(u64, u64)>) -> Answer {
    let fork = fork.lock().expect("no holder of this lock panics");
    if older >= newer || newer > fork.blocks.len() as u64 + 1 {
        return Err(StatusCode::NOT_FOUND);
    }
    let inclusion = history::prove_inclusion(&*fork, newer, older).expect("all hashes are there");
    let consistency = history::prove_consistency(&*fork, newer, older).expect("all hashes are there");
    Ok(axum::Json(json!({ "inclusion": inclusion, "consistency": consistency })))
}
