//! What the network counts, for the node's metrics. Numbers only, never who.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the network has counted since it started.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct NetworkCounters {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The same numbers while they grow.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub $name: Count,)*
        }

        impl Counters {
            /// The numbers now.
            pub fn snapshot(&self) -> NetworkCounters {
                NetworkCounters { $($name: self.$name.now(),)* }
            }
        }

        impl NetworkCounters {
            /// Every number with its name, for whoever prints them all.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counters! {
    /// Bytes of frames, requests and answers written to streams.
    bytes_sent,
    /// Bytes of frames, requests and answers read from streams.
    bytes_received,
    /// Frames of transactions written to streams, each peer counted.
    frames_sent,
    /// Frames of transactions received.
    frames_received,
    /// Frames dropped because a peer's queue was full.
    frames_dropped,
    /// Transactions in the frames sent.
    transactions_sent,
    /// Transactions in the frames received.
    transactions_received,
    /// Transactions that were not sent because no honest peer would accept them (empty, or too long).
    transactions_unsendable,
    /// Connections refused after Noise had proved the key: strangers', and those of members that are kept out for a while.
    connections_refused,
    /// Connections refused because there were too many.
    connections_over_limit,
    /// Streams refused because the peer had too many open.
    streams_refused,
    /// Dials begun.
    dials,
    /// Dials that failed.
    dials_failed,
    /// Connections established with allowed peers.
    links_opened,
    /// Connections with allowed peers that ended.
    links_lost,
    /// Peers cut off because they left the set.
    peers_cut_off,
    /// Peers kept out for a while because they misbehaved.
    exclusions,
    /// Requests for transactions asked by this node.
    fetches_asked,
    /// Requests by this node that brought no answer.
    fetches_failed,
    /// Requests answered for peers.
    fetches_served,
    /// Bytes of sealed payloads written to streams.
    payload_bytes_sent,
    /// Bytes of sealed payloads read from streams.
    payload_bytes_received,
    /// Peers' questions about payloads that were answered in full, transfers to their end.
    payload_questions_served,
    /// Peers' questions about payloads that were refused.
    payload_questions_refused,
    /// Transfers for peers that were broken off.
    payload_transfers_broken,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number now.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
