//! The names of the stream protocols. They carry the chain's id, so nodes of two ledgers never understand each other.

use inro_contracts::id::ChainId;
use libp2p::StreamProtocol;

use crate::streams::Offer;

/// How many streams of transactions a peer may have open to us at once: one, and one that replaces it.
const TRANSACTION_STREAMS_MAX: usize = 2;
/// How many requests a peer may have open to us at once.
pub(crate) const FETCH_STREAMS_MAX: usize = 4;
/// How many questions about our standing a peer may have open to us at once.
const STANDING_STREAMS_MAX: usize = 2;
/// How many streams about payloads a peer may have open to us at once. More than it may have transfers, so that one too many
/// is answered.
const PAYLOAD_STREAMS_MAX: usize = 32;

/// The protocols of one ledger.
#[derive(Debug, Clone)]
pub(crate) struct Protocols {
    /// Frames of transactions, one way.
    pub transactions: StreamProtocol,
    /// A request for transactions and its answer.
    pub fetch: StreamProtocol,
    /// A question how far a peer is, and its answer.
    pub standing: StreamProtocol,
    /// A transfer of a sealed payload, or a question about payloads.
    pub payload: StreamProtocol,
}

impl Protocols {
    /// The protocols of a chain.
    pub fn of(chain: &ChainId) -> Self {
        Self {
            transactions: name(chain, "transactions/1"),
            fetch: name(chain, "fetch/1"),
            standing: name(chain, "standing/1"),
            payload: name(chain, "payload/2"),
        }
    }

    /// What this node accepts.
    pub fn offers(&self) -> Vec<Offer> {
        vec![
            Offer { protocol: self.transactions.clone(), streams_max: TRANSACTION_STREAMS_MAX },
            Offer { protocol: self.fetch.clone(), streams_max: FETCH_STREAMS_MAX },
            Offer { protocol: self.standing.clone(), streams_max: STANDING_STREAMS_MAX },
            Offer { protocol: self.payload.clone(), streams_max: PAYLOAD_STREAMS_MAX },
        ]
    }
}

fn name(chain: &ChainId, protocol: &str) -> StreamProtocol {
    let chain = chain.to_hex();
    // The text begins with a slash, which is all that is asked of a protocol's name.
    StreamProtocol::try_from_owned(format!("/inro/{}/{protocol}", &chain[..16])).expect("begins with a slash")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_named_after_its_chain() {
        let protocols = Protocols::of(&ChainId([0xa5; 32]));
        assert_eq!(protocols.transactions.as_ref(), "/inro/a5a5a5a5a5a5a5a5/transactions/1");
        assert_eq!(protocols.fetch.as_ref(), "/inro/a5a5a5a5a5a5a5a5/fetch/1");
    }
}
