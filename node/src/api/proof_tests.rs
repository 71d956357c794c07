//! What the API answers with proofs: a stranger who knows only the founding document can check it.

use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::certificate::Certificate;
use inro_contracts::entry::Entry;
use inro_contracts::fixture::patient;
use inro_contracts::genesis::GenesisDocument;
use inro_contracts::history::{check_consistency, check_inclusion, root_after};
use inro_contracts::id::Hash;
use inro_contracts::merkle::{InclusionProof, leaf_hash};
use inro_contracts::state::Members;
use inro_contracts::tree::StateProof;
use inro_contracts::validator::ValidatorSet;
use inro_evidence::JournalStatement;
use serde::de::DeserializeOwned;

use super::*;

/// Checks an answer as a stranger would, and gives the object it proves.
fn check<T: Canonical + DeserializeOwned>(house: &House, answer: &Value, key: &StateKey) -> Option<T> {
    let header: Header = serde_json::from_value(answer["header"].clone()).unwrap();
    let certificate: Certificate = serde_json::from_value(answer["certificate"].clone()).unwrap();
    assert_eq!(certificate.block, header.id());
    certificate.check(&house.consortium.chain, &house.consortium.founding().validators).unwrap();
    let proof = StateProof::from_bytes(&hex::decode(answer["proof"].as_str().unwrap()).unwrap()).unwrap();
    let object: Option<T> = serde_json::from_value(answer["object"].clone()).unwrap();
    let bytes = object.as_ref().map(Canonical::to_bytes);
    proof.check(&header.state_root, key, bytes.as_deref()).unwrap();
    object
}

#[tokio::test]
async fn an_account_is_proved_to_be_there_and_another_to_be_absent() {
    let house = house();
    house.commit(&[house.opening(1)]);
    let path = |seed| format!("/v1/accounts/{}?proof", label(seed).to_hex());
    let there = house.get(&path(1)).await;
    assert_eq!(there.status, StatusCode::OK);
    let account: Option<Account> = check(&house, &there.json(), &StateKey::Account(label(1)));
    assert_eq!(account.unwrap().controller, patient(1).public());
    let absent = house.get(&path(2)).await;
    assert_eq!(absent.status, StatusCode::OK);
    assert_eq!(check::<Account>(&house, &absent.json(), &StateKey::Account(label(2))), None);
    let proof = StateProof::from_bytes(&hex::decode(absent.json()["proof"].as_str().unwrap()).unwrap()).unwrap();
    let header: Header = serde_json::from_value(there.json()["header"].clone()).unwrap();
    assert!(proof.check(&header.state_root, &StateKey::Account(label(1)), None).is_err());
}

#[tokio::test]
async fn a_proof_is_given_only_when_asked_for_and_after_the_first_block() {
    let house = house();
    let path = format!("/v1/accounts/{}", label(1).to_hex());
    assert_eq!(house.get(&format!("{path}?proof")).await.problem(), (404, "not-found".into(), None));
    house.commit(&[house.opening(1)]);
    for plain in [path.clone(), format!("{path}?proof=false")] {
        assert_eq!(house.get(&plain).await.json()["controller"], patient(1).public().to_hex());
    }
    assert!(house.get(&format!("{path}?proof=true")).await.json()["header"].is_object());
    for bad in ["proof=1", "proofs", "proof&proof"] {
        assert_eq!(house.get(&format!("{path}?{bad}")).await.problem(), (400, "bad-request".into(), None), "{bad}");
    }
}

#[tokio::test]
async fn the_members_are_proved_to_be_all() {
    let house = house();
    house.commit(&[]);
    let members: Members = check(&house, &house.get("/v1/members").await.json(), &StateKey::Members).unwrap();
    let expected: Vec<_> = house.consortium.organisations.iter().map(|member| member.id).collect();
    assert_eq!(members.0.to_vec(), expected);
}

#[tokio::test]
async fn a_validator_set_is_found_by_the_hash_in_headers() {
    let house = house();
    house.commit(&[]);
    let header = house.get("/v1/headers/1").await.json();
    let path = format!("/v1/validators/{}", header["next_validators"].as_str().unwrap());
    let set: ValidatorSet = serde_json::from_value(house.get(&path).await.json()).unwrap();
    assert_eq!(set, house.consortium.founding().validators);
    assert_eq!(house.get(&format!("/v1/validators/{}", "00".repeat(32))).await.problem(), (404, "not-found".into(), None));
    assert_eq!(house.get("/v1/validators/xyz").await.problem().0, 400);
}

#[tokio::test]
async fn an_entry_is_proved_to_stand_in_its_block() {
    let house = house();
    let (first, second) = (house.opening(1), house.opening(2));
    house.commit(&[first, second.clone()]);
    house.commit(&[]);
    let answer = house.get(&format!("/v1/transactions/{}/proof", ParsedTransaction::from(second.clone()).id().to_hex())).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = answer.json();
    let header: Header = serde_json::from_value(answer["header"].clone()).unwrap();
    let certificate: Certificate = serde_json::from_value(answer["certificate"].clone()).unwrap();
    assert_eq!((answer["index"].as_u64(), certificate.block), (Some(1), header.id()));
    let path = InclusionProof { path: serde_json::from_value(answer["path"].clone()).unwrap() };
    let entry = hex::decode(answer["entry"].as_str().unwrap()).unwrap();
    path.check(&header.entries_root, &leaf_hash(&entry), 1, u64::from(header.entries)).unwrap();
    assert_eq!(Entry::from_bytes(&entry).unwrap().transaction.to_bytes(), second.to_bytes());
    let unknown = format!("/v1/transactions/{}/proof", "00".repeat(32));
    assert_eq!(house.get(&unknown).await.problem(), (404, "not-found".into(), None));
    assert_eq!(house.get("/v1/transactions/xyz/proof").await.problem().0, 400);
}

#[tokio::test]
async fn two_headers_are_proved_consistent() {
    let house = house();
    for _ in 0..6 {
        house.commit(&[]);
    }
    let header = async |height: u64| -> Header {
        serde_json::from_value(house.get(&format!("/v1/headers/{height}")).await.json()).unwrap()
    };
    for (old, new) in [(1, 2), (2, 6), (3, 4), (5, 6)] {
        let answer = house.get(&format!("/v1/history/{old}/{new}")).await.json();
        let hashes = |name: &str| -> Vec<Hash> { serde_json::from_value(answer[name].clone()).unwrap() };
        let (older, newer) = (header(old).await, header(new).await);
        check_inclusion(&newer.history_root, new, old, &older.id(), &hashes("inclusion")).unwrap();
        check_consistency(&newer.history_root, new, &older.history_root, old, &hashes("consistency")).unwrap();
    }
    for path in ["/v1/history/0/3", "/v1/history/3/3", "/v1/history/4/3", "/v1/history/x/3"] {
        assert_eq!(house.get(path).await.problem().0, 400, "{path}");
    }
    assert_eq!(house.get("/v1/history/3/8").await.problem(), (404, "not-found".into(), None));
}

#[tokio::test]
async fn the_last_block_is_proved_in_the_history_of_the_next_one() {
    let house = house();
    for _ in 0..6 {
        house.commit(&[]);
    }
    let last: Header = serde_json::from_value(house.get("/v1/headers/6").await.json()).unwrap();
    let hashes = async |path: &str, name: &str| -> Vec<Hash> {
        serde_json::from_value(house.get(path).await.json()[name].clone()).unwrap()
    };
    let (own, old) = (hashes("/v1/history/6/7", "inclusion").await, hashes("/v1/history/3/7", "consistency").await);
    let root = root_after(&last.history_root, 6, &last.id(), &own).unwrap();
    let third: Header = serde_json::from_value(house.get("/v1/headers/3").await.json()).unwrap();
    check_consistency(&root, 7, &third.history_root, 3, &old).unwrap();
    house.commit(&[]);
    let next: Header = serde_json::from_value(house.get("/v1/headers/7").await.json()).unwrap();
    assert_eq!(next.history_root, root);
}

#[tokio::test]
async fn the_founding_document_is_given_as_its_bytes() {
    let house = house();
    let answer = house.get("/v1/genesis").await;
    let document = GenesisDocument::from_bytes(&answer.body).unwrap();
    assert_eq!((answer.status, document.chain()), (StatusCode::OK, house.consortium.chain));
}

#[tokio::test]
async fn any_object_that_the_state_proves_is_proved_by_its_key() {
    let house = house();
    house.commit(&[house.opening(1)]);
    let keys = [StateKey::Parameters, StateKey::Validators, StateKey::Account(label(1)), StateKey::Account(label(2))];
    for key in keys {
        let answer = house.get(&format!("/v1/state/{}/proof", hex::encode(key.to_bytes()))).await.json();
        let header: Header = serde_json::from_value(answer["header"].clone()).unwrap();
        let object = answer["object"].as_str().map(|object| hex::decode(object).unwrap());
        assert_eq!(object.is_some(), key != StateKey::Account(label(2)));
        let proof = StateProof::from_bytes(&hex::decode(answer["proof"].as_str().unwrap()).unwrap()).unwrap();
        proof.check(&header.state_root, &key, object.as_deref()).unwrap();
    }
    let consent = hex::encode(StateKey::Consent(label(1)).to_bytes());
    for bad in [consent.as_str(), "02ff", "ff", "x"] {
        assert_eq!(house.get(&format!("/v1/state/{bad}/proof")).await.problem().0, 400, "{bad}");
    }
}

#[tokio::test]
async fn each_change_of_the_validator_set_is_found_with_what_proves_it() {
    let house = house();
    house.commit(&[]);
    assert_eq!(house.get("/v1/changes").await.json(), serde_json::json!([]));
    let member = &house.consortium.organisations[1];
    let new = fixture::secret("rotated", 1);
    let possession = house.consortium.possession(member.id.0, &new);
    let old = member.validator.public();
    let action = Action::RotateValidator { organisation: member.id, old, key: new.public(), possession };
    house.commit(&[house.consortium.sign(action, &member.authority, FOUNDED.plus_ms(60_000))]);
    let changes = house.get("/v1/changes?after=1").await.json();
    let header: Header = serde_json::from_value(changes[0]["header"].clone()).unwrap();
    let set: ValidatorSet = serde_json::from_value(changes[0]["set"].clone()).unwrap();
    assert_eq!((header.height.0, header.next_validators), (2, set.hash()));
    assert!(set.find(&new.public()).is_some());
    let certificate: Certificate = serde_json::from_value(changes[0]["certificate"].clone()).unwrap();
    certificate.check(&house.consortium.chain, &house.consortium.founding().validators).unwrap();
    assert_eq!(house.get("/v1/changes?after=2").await.json(), serde_json::json!([]));
    assert_eq!(house.get(&format!("/v1/changes?after={}", u64::MAX)).await.json(), serde_json::json!([]));
    assert_eq!(house.get("/v1/changes?limit=0").await.problem().0, 400);
}

#[tokio::test]
async fn a_whole_journal_comes_in_one_answer_that_proves_itself() {
    let house = house();
    house.commit(&[house.opening(1)]);
    house.commit(&[house.registering(1, 1), house.registering(1, 2)]);
    let history = |seed| format!("/v1/accounts/{}/history", label(seed).to_hex());
    let answer = house.get_as(&patient(1), &history(1)).await;
    let statement: JournalStatement = borsh::from_slice(&answer.body).unwrap();
    let JournalStatement { head, label, account, proof, events } = statement;
    inro_evidence::check_journal(&head.header, &label, &account, &proof, &events).unwrap();
    assert_eq!((answer.status, events.len()), (StatusCode::OK, 3));
    assert_eq!(house.get(&history(1)).await.problem().0, 401);
    let stranger = fixture::secret("stranger", 1);
    for seed in [1, 9] {
        assert_eq!(house.get_as(&stranger, &history(seed)).await.problem(), (403, "not-allowed".into(), None));
    }
}

#[tokio::test]
async fn what_was_pruned_is_gone_and_events_are_still_proved() {
    let house = house();
    let (opening, refused) = (house.opening(1), house.registering(9, 1));
    house.commit(&[opening.clone(), refused.clone()]);
    for _ in 0..3 {
        house.commit(&[]);
    }
    while house.store.prune().unwrap() {}
    assert_eq!(house.get("/v1/status").await.json()["whole_from"], 3);
    for path in
        [format!("/v1/transactions/{}/proof", id(&refused)), format!("/v1/transactions/{}", id(&refused)), "/v1/blocks/1".into()]
    {
        let answer = house.get(&path).await;
        assert_eq!(answer.problem(), (410, "pruned".into(), None), "{path}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("ask a member that keeps everything"));
    }
    let proof = house.get(&format!("/v1/transactions/{}/proof", id(&opening))).await.json();
    let (entry, header) = (hex::decode(proof["entry"].as_str().unwrap()).unwrap(), &proof["header"]);
    let header: Header = serde_json::from_value(header.clone()).unwrap();
    let path = InclusionProof { path: serde_json::from_value(proof["path"].clone()).unwrap() };
    path.check(&header.entries_root, &leaf_hash(&entry), 0, 2).unwrap();
    assert_eq!(house.get("/v1/headers/1").await.status, StatusCode::OK);
    assert_eq!(house.get("/v1/blocks/2").await.status, StatusCode::OK, "nothing of it was dropped");
}
