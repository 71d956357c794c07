//! The node's figures for Prometheus, all in one place, in the OpenMetrics text form.
//!
//! No figure carries a person's, an account's or a record's mark: labels are lanes, rules, causes, route templates and status
//! codes, each from a closed list.

use std::fmt::Write as _;

use inro_contracts::rule::Rule;
use inro_contracts::transaction::Lane;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::mempool::Mempool;

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Which lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LaneLabel {
    lane: &'static str,
}

/// Which rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RuleLabel {
    rule: &'static str,
}

/// Which cause.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CauseLabel {
    cause: &'static str,
}

/// From whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OriginLabel {
    origin: &'static str,
}

/// Which way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DirectionLabel {
    direction: &'static str,
}

/// Which route, by its template, and which answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabel {
    route: String,
    status: u16,
}

/// Everything that the node counts. Clones of a figure count into the same place.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// The last committed block's height.
    pub height: Gauge,
    /// Seconds from one block's time to the next one's.
    pub block_interval_seconds: Histogram,
    /// Transactions in a block.
    pub block_transactions: Histogram,
    /// Committed transactions, rejected ones included.
    pub transactions_committed: Counter,
    transactions_rejected: Family<RuleLabel, Counter>,
    mempool_transactions: Family<LaneLabel, Gauge>,
    mempool_bytes: Gauge,
    /// Transactions whose time ended before a block took them.
    pub mempool_expired: Counter,
    admission_accepted: Family<OriginLabel, Counter>,
    admission_refused: Family<CauseLabel, Counter>,
    /// Transactions whose signatures were checked together.
    pub verify_batch: Histogram,
    /// Seconds that checking one batch of signatures took.
    pub verify_seconds: Histogram,
    /// Seconds that executing a block took, without its signatures.
    pub execution_seconds: Histogram,
    /// Seconds from a block's decision to its being on disk.
    pub commit_seconds: Histogram,
    /// Transactions of proposals that this node did not have and asked others for.
    pub transactions_fetched: Counter,
    /// Validators seen signing twice, reported to the ledger.
    pub double_signs_reported: Counter,
    /// Writes that waited for the disk.
    pub synced_writes: Counter,
    /// Members' machines connected now.
    pub peers_connected: Gauge,
    connections_refused: Family<CauseLabel, Counter>,
    payload_bytes: Family<DirectionLabel, Counter>,
    /// Signatures that the sign guard refused to give. Any at all is for the operator to look into.
    pub sign_guard_refusals: Counter,
    /// Free bytes on the data folder's disk.
    pub disk_free_bytes: Gauge,
    api_requests: Family<RouteLabel, Counter>,
    /// Seconds that answering a request took, long polls excluded.
    pub api_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All figures at nought.
    pub fn new() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        let counts = || Histogram::new(exponential_buckets(1.0, 4.0, 9));
        let mut metrics = Self {
            registry: Registry::default(),
            height: Gauge::default(),
            block_interval_seconds: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
            block_transactions: counts(),
            transactions_committed: Counter::default(),
            transactions_rejected: Family::default(),
            mempool_transactions: Family::default(),
            mempool_bytes: Gauge::default(),
            mempool_expired: Counter::default(),
            admission_accepted: Family::default(),
            admission_refused: Family::default(),
            verify_batch: counts(),
            verify_seconds: seconds(),
            execution_seconds: seconds(),
            commit_seconds: seconds(),
            transactions_fetched: Counter::default(),
            double_signs_reported: Counter::default(),
            synced_writes: Counter::default(),
            peers_connected: Gauge::default(),
            connections_refused: Family::default(),
            payload_bytes: Family::default(),
            sign_guard_refusals: Counter::default(),
            disk_free_bytes: Gauge::default(),
            api_requests: Family::default(),
            api_seconds: seconds(),
        };
        metrics.register();
        metrics
    }

    /// Counts a transaction that a block recorded as rejected.
    pub fn count_rejected(&self, rule: Rule) {
        self.transactions_rejected.get_or_create(&RuleLabel { rule: rule.code() }).inc();
    }

    /// Counts transactions that were accepted into the mempool; `origin` is `local` or `peer`.
    pub fn count_accepted(&self, origin: &'static str, transactions: u64) {
        self.admission_accepted.get_or_create(&OriginLabel { origin }).inc_by(transactions);
    }

    /// Counts a transaction that was not accepted.
    pub fn count_refused(&self, cause: &'static str) {
        self.admission_refused.get_or_create(&CauseLabel { cause }).inc();
    }

    /// Counts connections that were turned away.
    pub fn count_connections_refused(&self, cause: &'static str, count: u64) {
        self.connections_refused.get_or_create(&CauseLabel { cause }).inc_by(count);
    }

    /// Counts sealed payloads' bytes that went to members or came from them; `direction` is `sent` or `received`.
    pub fn count_payload_bytes(&self, direction: &'static str, count: u64) {
        self.payload_bytes.get_or_create(&DirectionLabel { direction }).inc_by(count);
    }

    /// Counts an answered request. `route` is the route's template, never a path.
    pub fn count_request(&self, route: &str, status: u16) {
        self.api_requests.get_or_create(&RouteLabel { route: route.to_owned(), status }).inc();
    }

    /// Notes how full the mempool is.
    pub fn note_mempool(&self, mempool: &Mempool) {
        for lane in Lane::ALL {
            let label = LaneLabel { lane: lane_name(lane) };
            self.mempool_transactions.get_or_create(&label).set(mempool.used_by(lane).transactions as i64);
        }
        self.mempool_bytes.set(mempool.used().bytes as i64);
    }

    /// All figures as text; `engine` is the consensus engine's own exposition, if there is one.
    pub fn text(&self, engine: &str) -> String {
        let mut text = String::with_capacity(16 * 1024 + engine.len());
        // Writing to memory does not fail.
        let _ = encode_registry(&mut text, &self.registry);
        let engine = engine.trim_end().trim_end_matches("# EOF").trim_end();
        if !engine.is_empty() {
            let _ = writeln!(text, "{engine}");
        }
        let _ = encode_eof(&mut text);
        text
    }

    fn register(&mut self) {
        let registry = self.registry.sub_registry_with_prefix("inro");
        registry.register("height", "The last committed block's height", self.height.clone());
        let interval = self.block_interval_seconds.clone();
        registry.register_with_unit("block_interval", "From one block's time to the next one's", Unit::Seconds, interval);
        registry.register("block_transactions", "Transactions in a block", self.block_transactions.clone());
        let committed = self.transactions_committed.clone();
        registry.register("transactions_committed", "Committed transactions, rejected ones included", committed);
        let rejected = self.transactions_rejected.clone();
        registry.register("transactions_rejected", "Committed transactions that broke a rule", rejected);
        registry.register("mempool_transactions", "Transactions that wait for a block", self.mempool_transactions.clone());
        registry.register_with_unit("mempool", "What waits for a block", Unit::Bytes, self.mempool_bytes.clone());
        let expired = self.mempool_expired.clone();
        registry.register("mempool_expired", "Transactions whose time ended before a block took them", expired);
        registry.register("admission_accepted", "Transactions accepted", self.admission_accepted.clone());
        registry.register("admission_refused", "Transactions not accepted", self.admission_refused.clone());
        let batch = self.verify_batch.clone();
        registry.register("verify_batch_transactions", "Transactions whose signatures were checked together", batch);
        let verify = self.verify_seconds.clone();
        registry.register_with_unit("verify", "Checking one batch of signatures", Unit::Seconds, verify);
        let execution = self.execution_seconds.clone();
        registry.register_with_unit("execution", "Executing a block", Unit::Seconds, execution);
        let fetched = self.transactions_fetched.clone();
        registry.register("transactions_fetched", "Transactions of proposals that were asked of others", fetched);
        let reported = self.double_signs_reported.clone();
        registry.register("double_signs_reported", "Validators seen signing twice", reported);
        let commit = self.commit_seconds.clone();
        registry.register_with_unit("commit", "From a block's decision to its being on disk", Unit::Seconds, commit);
        registry.register("synced_writes", "Writes that waited for the disk", self.synced_writes.clone());
        registry.register("peers_connected", "Members' machines connected", self.peers_connected.clone());
        registry.register("connections_refused", "Connections turned away", self.connections_refused.clone());
        let payloads = self.payload_bytes.clone();
        registry.register_with_unit("payload", "Sealed payloads exchanged with members", Unit::Bytes, payloads);
        let refusals = self.sign_guard_refusals.clone();
        registry.register("sign_guard_refusals", "Signatures that the sign guard refused to give", refusals);
        let free = self.disk_free_bytes.clone();
        registry.register_with_unit("disk_free", "Free on the data folder's disk", Unit::Bytes, free);
        registry.register("api_requests", "Answered requests", self.api_requests.clone());
        let answer = self.api_seconds.clone();
        registry.register_with_unit("api", "Answering a request, long polls excluded", Unit::Seconds, answer);
    }
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Guard => "guard",
        Lane::Emergency => "emergency",
        Lane::Access => "access",
        Lane::Bulk => "bulk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_their_names_and_end_once() {
        let metrics = Metrics::new();
        metrics.height.set(7);
        metrics.count_rejected(Rule::UnknownAccount);
        metrics.count_refused("overloaded");
        metrics.count_accepted("local", 3);
        metrics.count_payload_bytes("received", 5);
        metrics.count_request("/v1/accounts/{label}", 200);
        let text = metrics.text("# HELP engine_rounds Rounds.\n# TYPE engine_rounds gauge\nengine_rounds 2\n# EOF\n");
        for line in [
            "inro_height 7",
            "inro_transactions_rejected_total{rule=\"A-1\"} 1",
            "inro_admission_refused_total{cause=\"overloaded\"} 1",
            "inro_admission_accepted_total{origin=\"local\"} 3",
            "inro_payload_bytes_total{direction=\"received\"} 5",
            "inro_api_requests_total{route=\"/v1/accounts/{label}\",status=\"200\"} 1",
            "engine_rounds 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing from\n{text}");
        }
        assert_eq!(text.matches("# EOF").count(), 1);
        assert!(text.ends_with("# EOF\n"));
        assert!(metrics.text("").ends_with("# EOF\n"));
    }
}
