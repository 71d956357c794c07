//! The payload exchange's transport: sealed bytes from a custodian to a requester, directly or through an intermediate
//! (中間サーバ, データ一時保管).
//!
//! The bytes are sealed to the requester's one-time key before they come here (rule X-2). This module moves them, from any
//! offset and in bounded memory; whether a peer may have them is the [`PayloadDoor`]'s decision, which the node makes
//! from committed state. A peer that leaves the set of allowed peers loses its transfers at once.
//!
//! # One stream for each transfer or question: `/inro/<chain>/payload/2`
//!
//! The asker opens a stream and writes one [`Ask`](frames::Ask); the other side answers with one [`Say`](frames::Say). Both
//! are frames: `length: u32` (little-endian, at most 256 bytes for an `Ask`, 65,549 for a `Say`), then canonical bytes. What
//! each frame holds stands in `docs/spec/exchange.md` field by field.
//!
//! | question | answer | then |
//! |---|---|---|
//! | `Fetch` | `Found { total, authorisation }` | pieces from the answerer, from the offset asked for to the end |
//! | `Deposit` | `Continue { held }` | pieces from the asker, from `held` to the end; then `Done` |
//! | `Held` | `Holdings` | |
//! | `Taken` | `Done` | |
//! | any | `Refused` | |
//!
//! # Pieces, and how fast they may come
//!
//! Whoever gives writes pieces: `length: u32`, then so many bytes. Each piece is 256 KiB long, the last one shorter. Whoever
//! takes lets the first 2 MiB come, and then grants more in the other direction as it consumes them: `more: u32`. So at most
//! 2 MiB wait at the taker, and a slow taker stops the giver's reading of its disk. A zero in place of a length or a grant
//! means that a `Say` follows: `Refused` if this side cannot go on, `Done` when a deposit is kept. After the last piece the
//! giver ends its direction of the stream.
//!
//! A giver that brings no whole piece for a while (30 s as a rule), and a taker that consumes less than half a MiB in that
//! time, lose the transfer; the requester asks again, from the offset that it has. So a member that trickles single bytes
//! holds its place no longer than one that is silent.
//!
//! # Beside the ledger's traffic
//!
//! Transfers have a bounded number of places, 8 with one peer and 32 in all; who finds none is told when to ask again. The
//! connection's streams take turns by 16 KiB, so transactions never wait for a transfer to end. On a slow line an operator
//! bounds the rate of all transfers together (`transfer_bytes_per_second_max`).
//!
//! # What this module refuses to do
//!
//! To judge who may read, to look into the bytes or into the evidence that comes before them, to keep them, to try again by itself, to write an account's label or a
//! record's id into a log.

mod ask;
mod door;
mod error;
mod flow;
mod frames;
mod pace;
mod serve;

pub use ask::Payload;
pub use door::{Opened, PayloadDoor, SealedSink, SealedSource};
pub use error::PayloadError;
pub use flow::{PIECE_BYTES, WINDOW_BYTES};
pub use frames::{AUTHORISATION_BYTES_MAX, Authorisation, Deposit, HOLDINGS_MAX, Held, Holding, Holdings, ObjectId, Refusal};

pub(crate) use ask::{deposit, fetch, holdings, taken};
pub(crate) use pace::Pace;
pub(crate) use serve::serve;
