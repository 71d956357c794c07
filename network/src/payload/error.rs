//! Why a transfer ended early, by whose fault.

use super::frames::Refusal;
use crate::error::Misbehaviour;

/// Why a payload, or an answer about payloads, did not come. Peers are named by the first 8 digits of their keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The peer is not in the set of allowed peers.
    #[error("peer {peer} is not one of the peers that may connect; ask a member")]
    NotAllowed {
        /// Which peer.
        peer: String,
    },
    /// There is no connection to the peer.
    #[error("peer {peer} is not connected; try again, or ask an intermediate")]
    NotConnected {
        /// Which peer.
        peer: String,
    },
    /// This node has as many transfers as it may have at once.
    #[error("this node has too many transfers at once; try again when one of them has ended")]
    TooManyTransfers,
    /// The peer says no.
    #[error("peer {peer} refuses: {refusal}")]
    Refused {
        /// Which peer.
        peer: String,
        /// Its reason.
        refusal: Refusal,
    },
    /// The stream ended before the transfer did.
    #[error("the transfer with peer {peer} was broken off; go on from the offset that was reached")]
    Interrupted {
        /// Which peer.
        peer: String,
    },
    /// Nothing happened for too long.
    #[error("nothing moved between this node and peer {peer} for {idle_ms} ms; go on from the offset that was reached")]
    Stalled {
        /// Which peer.
        peer: String,
        /// For how long.
        idle_ms: u64,
    },
    /// The peer sent what no honest node sends. It is disconnected for a while.
    #[error("peer {peer} broke the protocol: {what}; what it sent is not to be used")]
    Misbehaved {
        /// Which peer.
        peer: String,
        /// What was wrong.
        what: Misbehaviour,
    },
    /// What this node wanted to deposit could not be read here.
    #[error("the deposit could not be read on this node: {0}")]
    Source(Refusal),
}
