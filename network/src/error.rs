//! What can go wrong, by whose fault it is.

use std::io;

/// A text that is not an address of the exchange network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is not an exchange address: write /ip4/<address>/tcp/<port> or /ip6/<address>/tcp/<port>, of one machine, without a name"
)]
pub struct BadAddress {
    /// The text, shortened to 96 characters.
    pub text: String,
}

impl BadAddress {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.chars().filter(|c| !c.is_control()).take(96).collect() }
    }
}

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The address to listen on has another form.
    #[error("cannot listen: {0}")]
    Address(#[from] BadAddress),
    /// Another process listens there.
    #[error(
        "cannot listen on {address}: another process already listens there. Stop that process, or give this node another exchange address"
    )]
    Occupied {
        /// The address.
        address: String,
    },
    /// The system does not let this process listen there.
    #[error("cannot listen on {address}: {source}. Give this node an exchange address of this machine that it may use")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// Noise could not be set up from the node's key.
    #[error("cannot set up the encrypted transport from this node's key: {0}. Check the key file")]
    Transport(String),
}

/// Why a fetch brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The peer is not in the set of allowed peers.
    #[error("peer {peer} is not one of the peers that may connect; ask another")]
    NotAllowed {
        /// First 8 digits of its key.
        peer: String,
    },
    /// There is no connection to the peer, or it ended during the request.
    #[error("peer {peer} is not connected; ask another peer or try again")]
    NotConnected {
        /// First 8 digits of its key.
        peer: String,
    },
    /// More ids than one request may carry.
    #[error("{found} ids in one request where at most {limit} are allowed; ask in parts")]
    TooManyIds {
        /// The limit.
        limit: usize,
        /// What was asked for.
        found: usize,
    },
    /// No complete answer in time.
    #[error("peer {peer} gave no complete answer within {timeout_ms} ms; ask another peer")]
    Timeout {
        /// First 8 digits of its key.
        peer: String,
        /// The time that it had.
        timeout_ms: u64,
    },
    /// The peer refused the request or ended the stream early.
    #[error("peer {peer} ended the request without an answer; ask another peer")]
    Refused {
        /// First 8 digits of its key.
        peer: String,
    },
    /// The peer answered with what no honest node sends. It is disconnected for a while.
    #[error("peer {peer} answered falsely: {what}; ask another peer")]
    Misbehaved {
        /// First 8 digits of its key.
        peer: String,
        /// What was wrong.
        what: Misbehaviour,
    },
}

/// What no honest node sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaviour {
    /// A frame longer than its limit.
    #[error("a frame of {found} bytes where at most {limit} are allowed")]
    FrameTooLong {
        /// The limit, in bytes.
        limit: usize,
        /// What was announced, in bytes.
        found: usize,
    },
    /// A frame that is not the canonical form of what belongs there.
    #[error("malformed bytes: {0}")]
    Malformed(&'static str),
    /// Far more streams at once than an honest node opens.
    #[error("a flood of streams")]
    StreamFlood,
    /// An answer with a transaction that has another id than the one asked for.
    #[error("a transaction with another id than the one asked for")]
    WrongTransaction,
}
