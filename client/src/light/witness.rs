//! Witnesses, demanded by a policy: a block that validators signed is believed when enough of the witnesses that somebody trusts
//! cosigned a tree that it stands in (`docs/spec/witness.md`). So not even a quorum of colluding validators can show one person a
//! history of that person's own.
//!
//! Witnesses look at the ledger now and then, so they are asked again until the policy is met or a patience is at an end. Then the
//! error names each witness that does not cover the block, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use futures::future::join_all;
use inro_contracts::block::Header;
use inro_contracts::id::Hash;
use inro_contracts::time::Height;
use inro_evidence::checkpoint::{BadCheckpoint, Checkpoint, NOTE_BYTES_MAX, SignedCheckpoint};
use inro_evidence::policy::{Policy, TrustedWitness};
use reqwest::{Client, StatusCode, Url};

use crate::{ClientError, NodeClient};

/// How long witnesses may take to cover a block, unless somebody says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(20);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

/// The witnesses of a policy, and where to ask them.
#[derive(Debug, Clone)]
pub struct Witnesses {
    policy: Policy,
    patience: Duration,
    http: Client,
}

/// A witness that covers a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// What the policy calls it.
    pub witness: String,
    /// The size of the tree that it cosigned.
    pub size: u64,
    /// When, in seconds since 1970, by its clock.
    pub cosigned_s: u64,
}

/// Why a witness does not cover a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncovered {
    /// It was not asked yet.
    Unasked,
    /// The policy does not say where it is.
    NoAddress,
    /// It does not answer.
    Unreachable(String),
    /// It has cosigned nothing, or refuses to cosign any more.
    Refuses(u16),
    /// Its answer is no checkpoint, or its signature does not hold.
    False(BadCheckpoint),
    /// Its checkpoint is of another ledger.
    OtherLedger,
    /// The tree that it cosigned does not reach the block yet.
    Behind(u64),
    /// The node does not prove anything about the witness's tree, because it is behind the witness or does not answer.
    Unproved(String),
    /// By the node's proof, the block is not in the tree that the witness cosigned.
    OtherHistory(u64),
}

/// Too few witnesses cover a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotWitnessed {
    /// The block's height.
    pub height: Height,
    /// What the policy asks for.
    pub needed: String,
    /// Each witness that does not cover it, and why.
    pub missing: Vec<(String, Uncovered)>,
}

impl Witnesses {
    /// The witnesses of a policy; addresses are looked at, and nothing is sent yet.
    pub fn new(policy: Policy) -> Result<Self, ClientError> {
        for url in policy.witnesses().iter().filter_map(|witness| witness.url.as_ref()) {
            let bad = |why: &str| ClientError::BadUrl { url: url.clone(), why: why.into() };
            let parsed = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
            if parsed.scheme() != "http" || parsed.query().is_some() || parsed.fragment().is_some() {
                return Err(bad("a witness is asked over plain http, and nothing follows the path"));
            }
        }
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| ClientError::BadUrl { url: "http:".into(), why: error.to_string() })?;
        Ok(Self { policy, patience: PATIENCE, http })
    }

    /// Waits longer or shorter for witnesses that do not cover a block yet.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Waits until enough witnesses cover the block of a header that is believed otherwise; `node` proves where the block stands
    /// in their trees. Says which witnesses do.
    pub async fn require(&self, node: &NodeClient, header: &Header) -> Result<Vec<Cover>, NotWitnessed> {
        let start = Instant::now();
        let mut standings = vec![Err(Uncovered::Unasked); self.policy.witnesses().len()];
        loop {
            self.ask_uncovered(node, header, &mut standings).await;
            if self.policy.is_met(|number| standings[number].is_ok()) {
                return Ok(standings.into_iter().filter_map(Result::ok).collect());
            }
            // Whoever says something else will not say this later.
            let is_possible =
                self.policy.is_met(|number| standings[number].as_ref().map_or_else(Uncovered::is_passing, |_| true));
            if !is_possible || start.elapsed() + PAUSE > self.patience {
                return Err(self.not_witnessed(header, standings));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks every witness that does not cover the block so far.
    async fn ask_uncovered(&self, node: &NodeClient, header: &Header, standings: &mut [Result<Cover, Uncovered>]) {
        let asked = self.policy.witnesses().iter().zip(standings.iter()).map(async |(witness, standing)| match standing {
            Ok(_) => None,
            Err(_) => Some(self.checkpoint_of(witness, header).await),
        });
        let answers = join_all(asked).await;
        // Witnesses of one tree need one proof.
        let mut proofs = BTreeMap::new();
        for (index, answer) in answers.into_iter().enumerate() {
            let Some(answer) = answer else { continue };
            standings[index] = match answer {
                Err(why) => Err(why),
                Ok((checkpoint, cosigned_s)) => {
                    let proof = match proofs.remove(&checkpoint.size) {
                        Some(proof) => proof,
                        None => inclusion(node, header.height, checkpoint.size).await,
                    };
                    let covered = is_in(&checkpoint, header, &proof);
                    proofs.insert(checkpoint.size, proof);
                    let witness = self.policy.witnesses()[index].name.clone();
                    covered.map(|()| Cover { witness, size: checkpoint.size, cosigned_s })
                }
            };
        }
    }

    /// What a witness cosigned, if it is far enough.
    async fn checkpoint_of(&self, witness: &TrustedWitness, header: &Header) -> Result<(Checkpoint, u64), Uncovered> {
        let url = witness.url.as_ref().ok_or(Uncovered::NoAddress)?;
        let note = SignedCheckpoint::from_bytes(&self.read(url).await?).map_err(Uncovered::False)?;
        let cosigned_s = note.cosigned_by(&witness.key).map_err(Uncovered::False)?;
        let checkpoint = note.checkpoint;
        if checkpoint.chain != header.chain {
            return Err(Uncovered::OtherLedger);
        }
        if checkpoint.size <= header.height.0 {
            return Err(Uncovered::Behind(checkpoint.size));
        }
        Ok((checkpoint, cosigned_s))
    }

    async fn read(&self, url: &str) -> Result<Vec<u8>, Uncovered> {
        let failed = |error: reqwest::Error| Uncovered::Unreachable(crate::node_client::innermost(&error));
        let url = format!("{}/checkpoint", url.trim_end_matches('/'));
        let mut response = self.http.get(url).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(Uncovered::Refuses(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            // One byte more than a checkpoint may have is enough to refuse it.
            body.extend(chunk.iter().take(NOTE_BYTES_MAX + 1 - body.len()));
            if body.len() > NOTE_BYTES_MAX {
                break;
            }
        }
        Ok(body)
    }

    fn not_witnessed(&self, header: &Header, standings: Vec<Result<Cover, Uncovered>>) -> NotWitnessed {
        let names = self.policy.witnesses().iter().map(|witness| witness.name.clone());
        let missing = names.zip(standings).filter_map(|(name, standing)| Some((name, standing.err()?)));
        NotWitnessed { height: header.height, needed: self.policy.needed(), missing: missing.collect() }
    }
}

/// The node's proof that its block of this height stands in the tree of this size.
async fn inclusion(node: &NodeClient, height: Height, size: u64) -> Result<Vec<Hash>, String> {
    let answer = node.proved_history(height, Height(size)).await;
    answer.map(|proof| proof.inclusion.into_vec()).map_err(|error| error.to_string())
}

fn is_in(checkpoint: &Checkpoint, header: &Header, proof: &Result<Vec<Hash>, String>) -> Result<(), Uncovered> {
    let path = proof.as_ref().map_err(|why| Uncovered::Unproved(why.clone()))?;
    checkpoint.holds(header, path).map_err(|_| Uncovered::OtherHistory(checkpoint.size))
}

impl Uncovered {
    /// May the next answer be another one?
    fn is_passing(&self) -> bool {
        match self {
            Self::Unasked | Self::Unreachable(_) | Self::Refuses(_) | Self::Behind(_) | Self::Unproved(_) => true,
            Self::NoAddress | Self::False(_) | Self::OtherLedger | Self::OtherHistory(_) => false,
        }
    }
}

impl fmt::Display for Uncovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => f.write_str("was not asked"),
            Self::NoAddress => f.write_str("has no address in the policy"),
            Self::Unreachable(why) => write!(f, "does not answer ({why})"),
            Self::Refuses(status) => write!(f, "gives no checkpoint (status {status}); its /health says why"),
            Self::False(bad) => bad.fmt(f),
            Self::OtherLedger => f.write_str("witnesses another ledger"),
            Self::Behind(size) => write!(f, "is behind: it has cosigned {size} blocks"),
            Self::Unproved(why) => write!(f, "is ahead of the node, which gives no proof ({why})"),
            Self::OtherHistory(size) => {
                write!(f, "cosigned another history: the block is not among its {size}, by the node's proof")
            }
        }
    }
}

impl fmt::Display for NotWitnessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} is not witnessed as the policy asks ({}):", self.height, self.needed)?;
        for (index, (witness, why)) in self.missing.iter().enumerate() {
            write!(f, "{} {witness} {why}", if index == 0 { "" } else { ";" })?;
        }
        f.write_str(". Do not rely on this answer; ask another node, and if a witness follows another history, tell its operator")
    }
}

impl std::error::Error for NotWitnessed {}
