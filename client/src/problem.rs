//! What can go wrong between a client and a node, by whose fault it is.

use std::time::Duration;

use inro_contracts::id::TransactionId;
use serde::{Deserialize, Serialize};

use crate::light::Distrust;

/// A node's refusal, in the form of RFC 9457 (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What kind of problem it is, in a few words.
    #[serde(default)]
    pub title: String,
    /// What happened, why, and what to do.
    #[serde(default)]
    pub detail: String,
    /// The code of the rule that was broken, if one was.
    #[serde(default)]
    pub rule: Option<String>,
    /// When to try again, in seconds; from the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The same, in milliseconds, where the node says it more finely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Problem {
    /// Is the node only too busy now?
    pub fn is_passing(&self) -> bool {
        matches!(self.status, 429 | 503)
    }

    /// Does the node no longer keep what was asked for?
    pub fn is_pruned(&self) -> bool {
        self.status == 410
    }

    /// How long to wait before trying again.
    pub fn pause(&self) -> Duration {
        let ms = self.retry_after_ms.unwrap_or_else(|| self.retry_after.unwrap_or(1).saturating_mul(1_000));
        Duration::from_millis(ms.clamp(10, 30_000))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", if self.title.is_empty() { "refused" } else { &self.title })?;
        if let Some(rule) = &self.rule {
            write!(f, " (rule {rule})")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        match self.retry_after {
            Some(seconds) => write!(f, "; try again in {seconds} s"),
            None => Ok(()),
        }
    }
}

/// Why a call to a node did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The caller's address of the node cannot be used.
    #[error("{url:?} is not a node's address ({why}); write it as http://HOST:PORT")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No answer: no node there, or the network failed.
    #[error("no answer from {url} ({why}); check that the node runs and that its address is right (--node)")]
    Unreachable {
        /// The node.
        url: String,
        /// What the network said.
        why: String,
    },
    /// The node refused.
    #[error("the node refused: {0}")]
    Problem(Problem),
    /// The node's answer is not what the interface promises.
    #[error("the node's answer to {path} cannot be read ({why}); is it an Inro node of this version?")]
    BadAnswer {
        /// What was asked.
        path: String,
        /// What was found.
        why: String,
    },
    /// The answer is not believed.
    #[error(transparent)]
    Distrust(Box<Distrust>),
    /// Not committed in time. It still may be, until it is void.
    #[error(
        "transaction {} was not committed within {} s; it may still be: ask again with `inro transaction {} --wait`",
        .id.to_hex(), .waited.as_secs(), .id.to_hex()
    )]
    NotCommittedYet {
        /// Which.
        id: TransactionId,
        /// How long was waited.
        waited: Duration,
    },
}

impl ClientError {
    /// The node's refusal, if that is what happened.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}
