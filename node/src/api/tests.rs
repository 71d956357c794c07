//! The API over a real store in a temporary folder.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use inro_contracts::account::{Guardian, Powers};
use inro_contracts::block::BlockContext;
use inro_contracts::bytes::Canonical;
use inro_contracts::fixture::{self, Consortium, FOUNDED, Member, label, record_id};
use inro_contracts::id::ChainId;
use inro_contracts::key::SecretKey;
use inro_contracts::machine;
use inro_contracts::parameters::Parameters;
use inro_contracts::request::{RequestStatement, body_hash};
use inro_contracts::state::{StateFault, StateKey, StateReader, load};
use inro_contracts::time::Time;
use inro_contracts::transaction::{Action, ParsedTransaction, SignedTransaction};
use serde_json::Value;
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::*;
use crate::admission::{Clock, LedgerView};
use crate::mempool::{Limits, Room};
use crate::store::StoreOptions;

#[path = "proof_tests.rs"]
mod proof_tests;

struct StoreView(Store);

impl LedgerView for StoreView {
    fn chain(&self) -> ChainId {
        self.0.chain().unwrap()
    }
    fn tip(&self) -> Tip {
        self.0.tip().unwrap()
    }
    fn parameters(&self) -> Arc<Parameters> {
        let parameters = load(&self.0.snapshot().unwrap(), &StateKey::Parameters).unwrap();
        Arc::new(parameters.unwrap())
    }
    fn reader(&self) -> Result<Box<dyn StateReader + '_>, StateFault> {
        Ok(Box::new(self.0.snapshot().map_err(|error| StateFault(error.to_string()))?))
    }
}

struct Quiet;

impl Live for Quiet {
    fn peers_connected(&self) -> usize {
        3
    }
    fn syncing(&self) -> bool {
        false
    }
    fn engine_metrics(&self) -> String {
        "engine_rounds 1\n# EOF\n".into()
    }
}

struct House {
    consortium: Consortium,
    store: Store,
    pool: Arc<Pool>,
    committed: watch::Sender<Tip>,
    router: Router,
    stopping: CancellationToken,
    now: Arc<AtomicU64>,
    _announced: mpsc::Receiver<Vec<bytes::Bytes>>,
    _folder: tempfile::TempDir,
}

fn house() -> House {
    house_with(ApiLimits::default(), 1_000)
}

fn house_with(limits: ApiLimits, transactions_max: usize) -> House {
    let consortium = Consortium::new(4);
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { reserve_mib: 1, keep_blocks: 2, ..StoreOptions::default() };
    let store = Store::open(folder.path().join("ledger"), &options).unwrap();
    store.found(&consortium.founding(), &consortium.document.to_bytes()).unwrap();
    let room = Room { transactions: transactions_max, bytes: 16 << 20 };
    let pool = Arc::new(Pool::new(Limits { room, organisation_share_percent: 100 }));
    let metrics = Arc::new(Metrics::new());
    let (sink, announced) = mpsc::channel(64);
    let now = Arc::new(AtomicU64::new(FOUNDED.0));
    let clock: Clock = Arc::new({
        let now = Arc::clone(&now);
        move || Time(now.load(Ordering::SeqCst))
    });
    let view = Arc::new(StoreView(store.clone()));
    let admission = Admission::start(view, Arc::clone(&pool), clock, Arc::clone(&metrics), sink).unwrap();
    let committed = watch::Sender::new(store.tip().unwrap());
    let member: &Member = &consortium.organisations[0];
    let parts = Parts {
        store: store.clone(),
        admission,
        pool: Arc::clone(&pool),
        metrics,
        committed: committed.subscribe(),
        live: Arc::new(Quiet),
        chain: consortium.chain,
        ledger: "inro-fixture".into(),
        peer: member.peer.public(),
        validator: Some(member.validator.public()),
        desk: None,
        limits,
        serve_metrics: true,
    };
    let stopping = CancellationToken::new();
    let router = router(parts, stopping.clone());
    House { consortium, store, pool, committed, router, stopping, now, _announced: announced, _folder: folder }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The status, the kind and the rule of a problem.
    fn problem(&self) -> (u16, String, Option<String>) {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let json = self.json();
        for field in ["type", "title", "detail"] {
            assert!(json[field].is_string(), "{field} in {json}");
        }
        assert_eq!(json["status"], self.status.as_u16());
        let kind = json["type"].as_str().unwrap().strip_prefix("urn:inro:problem:").unwrap().to_owned();
        (self.status.as_u16(), kind, json["rule"].as_str().map(str::to_owned))
    }
}

impl House {
    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 64 << 20).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// A request that this key signs for this node.
    async fn get_as(&self, secret: &SecretKey, path: &str) -> Answer {
        let authorization = self.statement(path).authorization(secret);
        self.send(Request::get(path).header(header::AUTHORIZATION, authorization).body(Body::empty()).unwrap()).await
    }

    fn statement(&self, path: &str) -> RequestStatement {
        RequestStatement {
            chain: self.consortium.chain,
            node: self.consortium.organisations[0].peer.public(),
            method: "GET".into(),
            path: path.into(),
            body: body_hash(&[]),
            time: crate::admission::wall_clock(),
        }
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> Answer {
        let request = Request::post(path).header("content-type", "application/octet-stream").body(Body::from(body));
        self.send(request.unwrap()).await
    }

    /// Organisation 0 opens the account of patient `seed`.
    fn opening(&self, seed: u64) -> SignedTransaction {
        let member = &self.consortium.organisations[0];
        self.consortium.sign(self.consortium.account_opening(0, seed), &member.practitioner, FOUNDED.plus_ms(60_000))
    }

    fn registering(&self, account: u64, seed: u64) -> SignedTransaction {
        let member = &self.consortium.organisations[0];
        let action = self.consortium.register_record(0, label(account), seed);
        self.consortium.sign(action, &member.practitioner, FOUNDED.plus_ms(60_000))
    }

    /// Commits a block with these transactions and tells everybody.
    fn commit(&self, transactions: &[SignedTransaction]) {
        let verified: Vec<_> =
            transactions.iter().map(|signed| ParsedTransaction::from(signed.clone()).verify().unwrap()).collect();
        let tip = self.store.tip().unwrap();
        let context = BlockContext { chain: self.consortium.chain, height: tip.height.next(), time: tip.time.plus_ms(1_000) };
        let proposer = self.consortium.organisations[0].validator.public();
        let built = machine::build(&self.store.snapshot().unwrap(), &tip, &context, proposer, &verified).unwrap();
        let certificate = self.consortium.certificate(&built.header, 0);
        self.store.commit(&built, &verified, &certificate).unwrap();
        let ids: Vec<_> = verified.iter().map(|transaction| transaction.id()).collect();
        self.pool.with(|mempool| mempool.remove_committed(&ids));
        self.now.store(context.time.0, Ordering::SeqCst);
        self.committed.send_replace(self.store.tip().unwrap());
    }
}

fn batch(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = (parts.len() as u32).to_le_bytes().to_vec();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn id(signed: &SignedTransaction) -> String {
    ParsedTransaction::from(signed.clone()).id().to_hex()
}

#[tokio::test]
async fn the_status_says_which_ledger_how_far_and_whose_node() {
    let house = house();
    house.commit(&[house.opening(1)]);
    house.post("/v1/transactions", house.opening(2).to_bytes()).await;
    let answer = house.get("/v1/status").await;
    assert_eq!(answer.status, StatusCode::OK);
    let status = answer.json();
    let tip = house.store.tip().unwrap();
    let member = &house.consortium.organisations[0];
    assert_eq!(status["chain"], house.consortium.chain.to_hex());
    assert_eq!(status["ledger"], "inro-fixture");
    assert_eq!(status["height"], 1);
    assert_eq!(status["time"], tip.time.0);
    assert_eq!(status["block"], tip.block.to_hex());
    assert_eq!(status["state_root"], house.store.state_root().unwrap().to_hex());
    assert_eq!(status["validator"], true);
    assert_eq!(status["organisation"], member.id.to_hex());
    assert_eq!(status["peer"], member.peer.public().to_hex());
    assert_eq!(status["syncing"], false);
    assert_eq!(status["peers_connected"], 3);
    assert_eq!(status["mempool"]["transactions"], 1);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn the_consortium_can_be_read() {
    let house = house();
    let member = &house.consortium.organisations[0];
    let parameters: Parameters = serde_json::from_value(house.get("/v1/parameters").await.json()).unwrap();
    assert_eq!(parameters, house.consortium.document.parameters);
    assert_eq!(house.get("/v1/validators").await.json().as_array().unwrap().len(), 4);

    let organisations = house.get("/v1/organisations").await.json();
    let ids: Vec<&str> = organisations.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let expected: Vec<String> = house.consortium.organisations.iter().map(|member| member.id.to_hex()).collect();
    assert_eq!(ids, expected);
    let page = house.get(&format!("/v1/organisations?after={}&limit=2", expected[0])).await.json();
    assert_eq!(page[0]["id"], expected[1]);
    assert_eq!(page.as_array().unwrap().len(), 2);

    let one = house.get(&format!("/v1/organisations/{}", expected[0])).await.json();
    assert_eq!(one, organisations[0]);
    assert_eq!(one["profile"]["kind"], "hospital");
    let practitioner = house.get(&format!("/v1/practitioners/{}", member.practitioner_id.to_hex())).await.json();
    assert_eq!((practitioner["role"].as_str(), practitioner["organisation"].as_str()), (Some("physician"), Some(ids[0])));
    let peers = house.get("/v1/peers").await.json();
    assert_eq!(peers.as_array().unwrap().len(), 4);
    assert!(peers.as_array().unwrap().iter().any(|peer| peer["record"]["key"] == member.peer.public().to_hex()));
    assert_eq!(house.get("/v1/proposals").await.json(), serde_json::json!([]));
    assert_eq!(house.get(&format!("/v1/proposals/{}", "00".repeat(32))).await.problem().0, 404);
}

#[tokio::test]
async fn blocks_headers_and_certificates_can_be_read_by_height_and_as_the_latest() {
    let house = house();
    let opening = house.opening(1);
    house.commit(std::slice::from_ref(&opening));
    let block = house.get("/v1/blocks/1").await.json();
    let stored = house.store.block(inro_contracts::time::Height(1)).unwrap().unwrap();
    assert_eq!(block["id"], stored.header.id().to_hex());
    assert_eq!(block["header"], serde_json::to_value(&stored.header).unwrap());
    assert_eq!(block["certificate"], serde_json::to_value(&stored.certificate).unwrap());
    let entry = &block["entries"][0];
    assert_eq!(entry["id"], id(&opening));
    assert_eq!(entry["outcome"], "applied");
    assert_eq!(entry["transaction"], serde_json::to_value(&opening.transaction).unwrap());
    assert_eq!(entry["signature"], opening.signature.to_hex());
    assert_eq!(house.get("/v1/blocks/latest").await.json(), block);
    assert_eq!(house.get("/v1/headers/latest").await.json(), block["header"]);
    assert_eq!(house.get("/v1/certificates/1").await.json(), block["certificate"]);
    assert_eq!(house.get("/v1/headers/2").await.problem().0, 404);
    assert_eq!(house.get("/v1/headers/-1").await.problem(), (400, "bad-request".into(), None));
}

#[tokio::test]
async fn an_account_and_its_whole_journal_can_be_read() {
    let house = house();
    house.commit(&[house.opening(1)]);
    house.commit(&[house.registering(1, 1), house.registering(1, 2)]);
    let path = format!("/v1/accounts/{}", label(1).to_hex());
    let account = house.get(&path).await.json();
    assert_eq!(account["journal_length"], 3);
    assert_eq!(account["controller"], fixture::patient(1).public().to_hex());
    let patient = fixture::patient(1);
    let journal = house.get_as(&patient, &format!("{path}/journal")).await.json();
    let places: Vec<(u64, u64)> = journal
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["height"].as_u64().unwrap(), event["index"].as_u64().unwrap()))
        .collect();
    assert_eq!(places, [(1, 0), (2, 0), (2, 1)]);
    let page = house.get_as(&patient, &format!("{path}/journal?from=2&limit=1")).await.json();
    assert_eq!(page, serde_json::json!([journal[1]]));
    assert_eq!(house.get_as(&patient, &format!("{path}/journal?limit=0")).await.problem().0, 400);
    assert_eq!(house.get_as(&patient, &format!("{path}/journal?form=2")).await.problem().0, 400);
    assert_eq!(house.get(&format!("/v1/accounts/{}", label(9).to_hex())).await.problem(), (404, "not-found".into(), None));
}

#[tokio::test]
async fn a_journal_is_shown_to_whom_it_concerns_and_nobody_else_learns_whether_it_exists() {
    let house = house();
    house.commit(&[house.opening(1)]);
    let journal = |seed| format!("/v1/accounts/{}/journal", label(seed).to_hex());
    assert_eq!(house.get(&journal(1)).await.problem().0, 401, "not signed");
    let stranger = fixture::secret("stranger", 1);
    let physician = house.consortium.organisations[0].practitioner.clone();
    for secret in [&stranger, &physician] {
        assert_eq!(house.get_as(secret, &journal(1)).await.problem(), (403, "not-allowed".into(), None));
        assert_eq!(house.get_as(secret, &journal(9)).await.problem(), (403, "not-allowed".into(), None));
    }
    // A signature for another question, for another node, and for another time.
    let patient = fixture::patient(1);
    let others = [
        house.statement(&journal(2)),
        RequestStatement { node: stranger.public(), ..house.statement(&journal(1)) },
        RequestStatement { time: Time(7), ..house.statement(&journal(1)) },
    ];
    for statement in others {
        let request = Request::get(journal(1)).header(header::AUTHORIZATION, statement.authorization(&patient));
        assert_eq!(house.send(request.body(Body::empty()).unwrap()).await.problem().0, 401);
    }
    assert_eq!(house.get_as(&patient, &journal(1)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_guardian_reads_a_journal_only_after_the_journal_says_so() {
    let house = house();
    house.commit(&[house.opening(1)]);
    let (patient, guardian) = (fixture::patient(1), fixture::secret("guardian", 1));
    let validity = inro_contracts::time::Validity { from: Time(0), until: Time(u64::MAX) };
    let appointed = Guardian { key: guardian.public(), powers: Powers::ALL, validity };
    let sign = |action, secret: &SecretKey| house.consortium.sign(action, secret, FOUNDED.plus_ms(60_000));
    house.commit(&[sign(Action::AppointGuardian { account: label(1), guardian: appointed }, &patient)]);
    let journal = format!("/v1/accounts/{}/journal", label(1).to_hex());
    assert_eq!(house.get_as(&guardian, &journal).await.problem(), (403, "not-announced".into(), Some("C-20".into())));
    // The fixture's blocks are of another day than this clock: an announcement of today is what counts.
    let consent = format!("/v1/accounts/{}/consent", label(1).to_hex());
    assert_eq!(house.get_as(&guardian, &consent).await.status, StatusCode::OK);
    let physician = house.consortium.organisations[0].practitioner.clone();
    let own = house.get_as(&physician, &consent).await.json();
    assert_eq!(own, serde_json::json!({ "grants": [], "consults": [] }), "a practitioner sees no seals");
}

#[tokio::test]
async fn a_transaction_goes_from_unknown_over_pending_to_committed() {
    let house = house();
    let opening = house.opening(1);
    let path = format!("/v1/transactions/{}", id(&opening));
    assert_eq!(house.get(&path).await.json()["status"], "unknown");
    let accepted = house.post("/v1/transactions", opening.to_bytes()).await;
    assert_eq!((accepted.status, accepted.json()["id"].as_str().unwrap().to_owned()), (StatusCode::ACCEPTED, id(&opening)));
    assert_eq!(house.get(&path).await.json()["status"], "pending");
    house.commit(std::slice::from_ref(&opening));
    let committed = house.get(&path).await.json();
    let expected = serde_json::json!({
        "id": id(&opening), "status": "committed", "height": 1, "index": 0, "outcome": "applied",
    });
    assert_eq!(committed, expected);
    let again = house.post("/v1/transactions", opening.to_bytes()).await;
    assert_eq!(again.problem(), (409, "inadmissible".into(), Some("L-9.4".into())));
}

#[tokio::test]
async fn a_long_poll_ends_with_the_block_with_the_time_and_when_the_node_stops() {
    let house = Arc::new(house());
    let opening = house.opening(1);
    let path = format!("/v1/transactions/{}?wait_ms=20000", id(&opening));
    let waiting = tokio::spawn({
        let (house, path) = (Arc::clone(&house), path.clone());
        async move { house.get(&path).await.json() }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    house.commit(&[house.opening(2)]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished(), "another block is no answer");
    house.commit(std::slice::from_ref(&opening));
    let answer = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("it ends with the block").unwrap();
    assert_eq!((answer["status"].as_str(), answer["height"].as_u64()), (Some("committed"), Some(2)));

    let never = format!("/v1/transactions/{}", "00".repeat(32));
    assert_eq!(house.get(&format!("{never}?wait_ms=30")).await.json()["status"], "unknown");
    let waiting = tokio::spawn({
        let house = Arc::clone(&house);
        async move { house.get(&format!("{never}?wait_ms=20000")).await.json() }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    house.stopping.cancel();
    let answer = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("it ends with the node").unwrap();
    assert_eq!(answer["status"], "unknown");
}

#[tokio::test]
async fn a_refused_transaction_is_a_problem_with_its_rule() {
    let house = house();
    assert_eq!(house.post("/v1/transactions", vec![1, 2, 3]).await.problem(), (400, "malformed".into(), None));
    let mut forged = house.opening(1).to_bytes();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(house.post("/v1/transactions", forged).await.problem(), (422, "bad-signature".into(), Some("L-11".into())));
    let stranger = house.consortium.sign(house.consortium.account_opening(0, 1), &fixture::patient(1), FOUNDED.plus_ms(60_000));
    let refused = house.post("/v1/transactions", stranger.to_bytes()).await;
    assert_eq!(refused.problem(), (403, "rule".into(), Some("T-11".into())));
    let member = &house.consortium.organisations[0];
    let void = house.consortium.sign(house.consortium.account_opening(0, 1), &member.practitioner, Time(1));
    let refused = house.post("/v1/transactions", void.to_bytes()).await;
    assert_eq!(refused.problem(), (422, "inadmissible".into(), Some("L-9.2".into())));
    let request = Request::post("/v1/transactions").header("content-type", "application/json").body(Body::from("{}")).unwrap();
    assert_eq!(house.send(request).await.problem().0, 415);
    let long = house.post("/v1/transactions", vec![0; 70_000]).await;
    assert_eq!(long.problem(), (413, "too-long".into(), None));
}

#[tokio::test]
async fn a_batch_answers_for_each_transaction_in_json_or_in_bytes() {
    let house = house();
    let mut forged = house.opening(3).to_bytes();
    *forged.last_mut().unwrap() ^= 1;
    let parts = [house.opening(1).to_bytes(), forged, vec![7], house.opening(2).to_bytes()];
    let answer = house.post("/v1/transactions/batch", batch(&parts)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let results = answer.json()["results"].clone();
    assert_eq!(results[0], serde_json::json!({ "id": id(&house.opening(1)), "accepted": true }));
    assert_eq!((results[1]["accepted"].as_bool(), results[1]["problem"]["rule"].as_str()), (Some(false), Some("L-11")));
    assert!(results[1]["id"].is_string() && results[2]["id"].is_null());
    assert_eq!(results[2]["problem"]["status"], 400);
    assert_eq!(results[3]["accepted"], true);

    let request = Request::post("/v1/transactions/batch")
        .header("content-type", "application/octet-stream")
        .header("accept", "application/octet-stream")
        .body(Body::from(batch(&parts)))
        .unwrap();
    let compact = house.send(request).await;
    assert_eq!((compact.status, compact.body), (StatusCode::ACCEPTED, vec![1, 0, 0, 1]));
    assert_eq!(house.post("/v1/transactions/batch", batch(&[])).await.json(), serde_json::json!({ "results": [] }));
}

#[tokio::test]
async fn a_malformed_batch_is_refused_whatever_lengths_it_claims() {
    let house = house();
    let good = batch(&[house.opening(1).to_bytes()]);
    let mut longer = good.clone();
    longer.push(0);
    let mut claims_more = good.clone();
    claims_more[0] = 2;
    let mut claims_length = good.clone();
    claims_length[7] = 255;
    for bad in [vec![], vec![1, 0], vec![255; 64], longer, claims_more, claims_length, good[..good.len() - 1].to_vec()] {
        assert_eq!(house.post("/v1/transactions/batch", bad).await.problem(), (400, "bad-request".into(), None));
    }
    let too_long = house.post("/v1/transactions/batch", vec![0; (4 << 20) + 1]).await;
    assert_eq!(too_long.problem().0, 413);
    assert!(house.pool.with(|mempool| mempool.is_empty()));
}

#[tokio::test]
async fn a_full_mempool_answers_503_with_retry_after_and_loses_nothing() {
    let house = house_with(ApiLimits::default(), 100);
    let parts: Vec<Vec<u8>> = (0..80).map(|seed| house.opening(seed).to_bytes()).collect();
    let answer = house.post("/v1/transactions/batch", batch(&parts)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    let results = answer.json()["results"].clone();
    let accepted = results.as_array().unwrap().iter().filter(|result| result["accepted"] == true).count();
    assert_eq!(accepted, 75);
    assert_eq!(results[79]["problem"]["rule"], "L-10");

    let refused = house.post("/v1/transactions", house.opening(900).to_bytes()).await;
    assert_eq!(refused.problem(), (503, "mempool-full".into(), Some("L-10".into())));
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    let refused = house.post("/v1/transactions/batch", batch(&[house.opening(901).to_bytes()])).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    assert_eq!(house.pool.with(|mempool| mempool.len()), 75);
}

#[tokio::test]
async fn a_client_that_asks_too_often_and_one_too_many_are_told_when_to_try_again() {
    let house = house_with(ApiLimits { requests_per_second: 1, ..ApiLimits::default() }, 100);
    assert_eq!(house.get("/health").await.status, StatusCode::OK);
    let refused = house.get("/health").await;
    assert_eq!(refused.problem(), (429, "too-many-requests".into(), None));
    assert!(refused.headers.contains_key(header::RETRY_AFTER));

    let house = Arc::new(house_with(ApiLimits { concurrent_max: 1, ..ApiLimits::default() }, 100));
    let waiting = tokio::spawn({
        let house = Arc::clone(&house);
        async move { house.get(&format!("/v1/transactions/{}?wait_ms=20000", "00".repeat(32))).await.status }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(house.get("/health").await.problem(), (503, "busy".into(), None));
    house.stopping.cancel();
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
    assert_eq!(house.get("/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn errors_never_repeat_what_was_asked_for() {
    let house = house();
    let canary = format!("{}zz", &label(7).to_hex()[..62]);
    for path in [
        format!("/v1/accounts/{canary}"),
        format!("/v1/accounts/{canary}/journal"),
        format!("/v1/accounts/{}", label(7).to_hex()),
        format!("/v1/transactions/{canary}"),
        format!("/v1/nothing/{canary}"),
        format!("/v1/accounts/{}/journal?{canary}=1", label(7).to_hex()),
        format!("/v1/headers/{canary}"),
        format!("/v1/organisations?after={canary}"),
    ] {
        let answer = house.get(&path).await;
        answer.problem();
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains(&canary[..16]) && !text.contains(&record_id(1).to_hex()[..16]), "{text}");
    }
    assert_eq!(house.get("/v1/nothing").await.problem(), (404, "no-such-path".into(), None));
    assert_eq!(house.post("/v1/status", vec![]).await.problem(), (405, "method-not-allowed".into(), None));
}

#[tokio::test]
async fn figures_carry_route_templates_and_the_engines_own() {
    let house = house();
    house.get(&format!("/v1/accounts/{}", label(7).to_hex())).await;
    house.get("/nowhere/at/all").await;
    let answer = house.get("/metrics").await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], metrics::CONTENT_TYPE);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("inro_api_requests_total{route=\"/v1/accounts/{label}\",status=\"404\"} 1"), "{text}");
    assert!(text.contains("inro_api_requests_total{route=\"none\",status=\"404\"} 1"), "{text}");
    assert!(text.contains("engine_rounds 1") && text.contains("inro_peers_connected 3"));
    assert!(!text.contains(&label(7).to_hex()) && !text.contains("nowhere"));
}

#[tokio::test]
async fn requests_under_way_end_before_the_server_does() {
    let house = house();
    let listener = bind("API", "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let occupied = bind("API", address).await.unwrap_err().to_string();
    assert!(occupied.contains(&address.to_string()) && occupied.contains("another"), "{occupied}");
    let listener = BoundedListener::new(listener, 2);
    let service = house.router.clone().into_make_service_with_connect_info::<Client>();
    let stopping = house.stopping.clone();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let server = tokio::spawn(end_in_time(serving.into_future(), stopping));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let path = format!("/v1/transactions/{}?wait_ms=20000", "00".repeat(32));
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    // Long enough for the server to take it in, whose progress cannot be seen.
    tokio::time::sleep(Duration::from_secs(1)).await;
    house.stopping.cancel();
    let mut answer = String::new();
    let read = tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer);
    tokio::time::timeout(Duration::from_secs(5), read).await.expect("the long poll ends at once").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("unknown"), "{answer}");
    tokio::time::timeout(Duration::from_secs(8), server).await.expect("the server ends").unwrap().unwrap();
}
