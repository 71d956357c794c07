//! The exchange network: a libp2p swarm of our own, beside the consensus engine's. It carries transactions between the
//! members' nodes, fetches the transactions that a node lacks, moves sealed payloads, and decides who may connect at all.
//!
//! # What travels
//!
//! TCP, Noise and Yamux; a node's identity is its Ed25519 peer key. Over each connection run streams of these protocols,
//! where `<chain>` is the first 16 hexadecimal digits of the chain's id:
//!
//! | protocol | stream | content |
//! |---|---|---|
//! | `/inro/<chain>/transactions/1` | one long-lived stream in each direction | frames: `length: u32` (little-endian, at most 1 MiB), then the canonical bytes of a list of transactions |
//! | `/inro/<chain>/fetch/1` | one stream for each request | request: `length: u32`, then a list of transaction ids (at most 4,096); answer: `length: u32` (at most 8 MiB), then a list of as many options of transaction bytes |
//! | `/inro/<chain>/standing/1` | one stream for each question | answer: `length: u32` (at most 32 KiB), then how far the peer is, in the node's own encoding |
//! | `/inro/<chain>/payload/2` | one stream for each transfer of a sealed payload or question about payloads | `docs/spec/exchange.md` |
//!
//! # Who may connect (rule X-7)
//!
//! Only peers of the set that the node last gave to [`NetworkHandle::set_peers`]. Noise proves the key, then a stranger's
//! connection is refused before any stream exists. A peer that leaves the set is cut off before `set_peers` returns:
//! nothing more is queued for it or accepted from it, and its connection closes.
//!
//! # What a hostile member can do
//!
//! Waste its own connection. Every length is compared with its limit before memory is set aside; every queue is bounded; a
//! peer that does not read loses the oldest frames of its own queue ([`NetworkHandle::fetch`] repairs that), and a peer that
//! sends what no honest node sends is disconnected for a while.
//!
//! What this crate refuses to do: to look into a transaction, to tell peers about other peers, to resolve names, to write
//! transaction bytes or addresses of persons into a log. A peer is named by the first 8 digits of its key.

mod address;
mod backoff;
#[cfg(feature = "bare-stream")]
pub mod bare;
mod config;
mod counters;
mod dissemination;
mod error;
mod fetch;
mod frame;
mod handle;
mod identity;
mod links;
mod payload;
mod peers;
mod protocol;
mod question;
mod queue;
mod standing;
mod streams;

pub use address::exchange_address;
pub use config::{AllowedPeer, NetworkConfig};
pub use counters::NetworkCounters;
pub use error::{BadAddress, FetchError, Misbehaviour, NetworkError};
pub use fetch::{FETCH_IDS_MAX, TransactionSource};
pub use frame::FRAME_BYTES_MAX;
pub use handle::{Network, NetworkEvent, NetworkHandle};
pub use identity::{peer_id, public_key};
pub use libp2p::{Multiaddr, PeerId};
pub use payload::{
    AUTHORISATION_BYTES_MAX, Authorisation, Deposit, HOLDINGS_MAX, Held, Holding, Holdings, ObjectId, Opened, PIECE_BYTES,
    Payload, PayloadDoor, PayloadError, Refusal, SealedSink, SealedSource, WINDOW_BYTES,
};
pub use standing::STANDING_BYTES_MAX;
