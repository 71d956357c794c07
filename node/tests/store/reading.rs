//! What a snapshot shows: one block boundary, with proofs that lead to its roots.

use inro_contracts::account::Account;
use inro_contracts::fixture::label;
use inro_contracts::history::{check_consistency, check_inclusion};
use inro_contracts::id::{BlockId, RecordId, TransactionId};
use inro_contracts::merkle::leaf_hash;
use inro_contracts::state::{StateKey, StateReader, load};
use inro_contracts::time::Height;
use inro_contracts::vote::{DoubleSign, VoteKind, VoteStatement};
use inro_node::store::{Location, Store, StoreError, StoreOptions};

use super::{Story, open};

#[test]
fn a_snapshot_keeps_showing_its_block_while_others_are_committed() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    store.found(&story.consortium.founding(), b"").unwrap();
    story.append_until(&store, 3);
    let memory = story.in_memory(3);
    let old = store.snapshot().unwrap();
    story.append_until(&store, 9);
    assert_eq!(old.tip(), memory.tip());
    for (key, object) in memory.objects() {
        assert_eq!(old.read(key).unwrap().as_ref(), Some(object));
        if key.is_proved() {
            let proved = old.prove(key).unwrap();
            proved.proof.check(&memory.state_root(), key, Some(object)).unwrap();
        }
    }
    assert_eq!(old.header(Height(4)).unwrap(), None);
    let events = old.journal(&label(0), 1, 100).unwrap();
    assert_eq!(events.len(), memory.journal(&label(0)).len());
    // What the old snapshot read must not have come into the new one's caches.
    story.compare(&store, &story.in_memory(9)).unwrap();
}

#[test]
fn execution_on_an_old_snapshot_gives_the_old_block_again() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    story.append_until(&store, 3);
    let old = store.snapshot().unwrap();
    let fourth = story.append(&store);
    story.append(&store);
    let tip = old.tip();
    let context = inro_contracts::block::BlockContext { chain: old.chain(), height: tip.height.next(), time: story.time(4) };
    let proposer = story.consortium.organisations[0].validator.public();
    let again = inro_contracts::machine::build(&old, &tip, &context, proposer, &story.transactions(4)).unwrap();
    assert_eq!(again.header, fourth.header);
}

#[test]
fn presence_and_absence_are_proved_and_what_the_tree_does_not_hold_is_refused() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    story.append_until(&store, 2);
    let snapshot = store.snapshot().unwrap();
    let root = snapshot.state_root().unwrap();
    let present = snapshot.prove(&StateKey::Account(label(0))).unwrap();
    assert!(present.object.is_some());
    present.proof.check(&root, &StateKey::Account(label(0)), present.object.as_deref()).unwrap();
    let absent = snapshot.prove(&StateKey::Account(label(999))).unwrap();
    assert_eq!(absent.object, None);
    absent.proof.check(&root, &StateKey::Account(label(999)), None).unwrap();
    let record = StateKey::Record(label(0), RecordId([0; 32]));
    assert_eq!(snapshot.prove(&record), Err(StoreError::NotProved));
}

#[test]
fn every_entry_is_proved_to_stand_in_its_block() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    story.append_until(&store, 10);
    let snapshot = store.snapshot().unwrap();
    for height in (1..=10).map(Height) {
        let block = snapshot.block(height).unwrap().unwrap();
        for (index, entry) in (0u32..).zip(&block.entries) {
            let proved = snapshot.prove_entry(Location { height, index }).unwrap().unwrap();
            assert_eq!((&proved.header, &proved.entry), (&block.header, entry));
            let count = u64::from(block.header.entries);
            proved.proof.check(&block.header.entries_root, &leaf_hash(entry), u64::from(index), count).unwrap();
        }
        let after = Location { height, index: block.header.entries };
        assert_eq!(snapshot.prove_entry(after).unwrap(), None);
    }
    assert_eq!(snapshot.prove_entry(Location { height: Height(11), index: 0 }).unwrap(), None);
}

#[test]
fn every_block_is_proved_from_every_later_header() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    story.append_until(&store, 9);
    let snapshot = store.snapshot().unwrap();
    let id = |height: u64| match height {
        0 => BlockId(snapshot.chain().0),
        _ => snapshot.header(Height(height)).unwrap().unwrap().id(),
    };
    let root = |height: u64| snapshot.header(Height(height)).unwrap().unwrap().history_root;
    for at in 1..=9 {
        for height in 0..at {
            let proof = snapshot.prove_history(Height(at), Height(height)).unwrap().unwrap();
            check_inclusion(&root(at), at, height, &id(height), &proof).unwrap();
        }
        for old in 1..=at {
            let proof = snapshot.prove_consistency(Height(at), Height(old)).unwrap().unwrap();
            check_consistency(&root(at), at, &root(old), old, &proof).unwrap();
        }
        assert_eq!(snapshot.prove_history(Height(at), Height(at)).unwrap(), None);
    }
    assert_eq!(snapshot.prove_history(Height(u64::MAX), Height(0)).unwrap(), None);
    assert_eq!(snapshot.prove_consistency(Height(1), Height(0)).unwrap(), None);
    assert_eq!(snapshot.prove_consistency(Height(11), Height(1)).unwrap(), None);
}

#[test]
fn a_journal_is_read_in_pages() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    story.append_until(&store, 20);
    let memory = story.in_memory(20);
    let snapshot = store.snapshot().unwrap();
    let all = snapshot.journal(&label(1), 1, 1_000).unwrap();
    assert_eq!(all.len(), memory.journal(&label(1)).len());
    assert!(all.len() > 5);
    let account: Account = load(&snapshot, &StateKey::Account(label(1))).unwrap().unwrap();
    assert_eq!(account.journal_length, all.len() as u64);
    assert_eq!(snapshot.journal(&label(1), 3, 2).unwrap(), all[2..4]);
    assert_eq!(snapshot.journal(&label(1), account.journal_length + 1, 10).unwrap(), []);
    assert_eq!(snapshot.journal(&label(999), 1, 10).unwrap(), []);
}

#[test]
fn objects_are_listed_by_prefix_and_in_pages() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    story.append_until(&store, 2);
    let snapshot = store.snapshot().unwrap();
    let organisations = snapshot.list(&[StateKey::ORGANISATION_PREFIX], None, 100).unwrap();
    let expected: Vec<_> =
        story.consortium.organisations.iter().map(|member| StateKey::Organisation(member.id).to_bytes()).collect();
    assert_eq!(organisations.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), expected);
    let rest = snapshot.list(&[StateKey::ORGANISATION_PREFIX], Some(&expected[1]), 100).unwrap();
    assert_eq!(rest, organisations[2..]);
    assert_eq!(snapshot.list(&[StateKey::ORGANISATION_PREFIX], Some(&expected[0]), 1).unwrap(), organisations[1..2]);
    let all = snapshot.list(&[], None, 10_000).unwrap();
    assert_eq!(all.len(), story.in_memory(2).objects().len());
}

#[test]
fn a_committed_transaction_is_recognised_now_and_after_a_restart() {
    for recent_ids_max in [0, 5, 1_000] {
        let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
        let options = StoreOptions { recent_ids_max, ..StoreOptions::default() };
        let mut store = Store::open(folder.path(), &options).unwrap();
        store.found(&story.consortium.founding(), b"").unwrap();
        story.append_until(&store, 5);
        for _ in 0..2 {
            let snapshot = store.snapshot().unwrap();
            for transaction in (1..=5).flat_map(|height| story.transactions(height)) {
                assert_eq!(snapshot.is_committed(&transaction.id()), Ok(true));
            }
            for transaction in story.transactions(6) {
                assert_eq!(snapshot.is_committed(&transaction.id()), Ok(false));
            }
            let (location, _) = snapshot.outcome(&story.transactions(3)[1].id()).unwrap().unwrap();
            assert_eq!(location, Location { height: Height(3), index: 1 });
            assert_eq!(snapshot.outcome(&TransactionId([0; 32])).unwrap(), None);
            drop(snapshot);
            drop(store);
            store = Store::open(folder.path(), &options).unwrap();
        }
    }
}

#[test]
fn a_certificate_is_replaced_only_by_one_with_more_signatures_for_the_same_block() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    let transactions = story.transactions(1);
    let built = story.build(&store, &transactions);
    let full = story.consortium.certificate(&built.header, 0);
    let mut small = full.clone();
    small.signatures.retain(|part| part.validator != full.signatures[0].validator);
    store.commit(&built, &transactions, &small).unwrap();
    assert_eq!(store.certificate(Height(1)).unwrap(), Some(small.clone()));
    assert_eq!(store.raise_certificate(Height(1), &full), Ok(true));
    assert_eq!(store.raise_certificate(Height(1), &small), Ok(false));
    assert_eq!(store.certificate(Height(1)).unwrap(), Some(full.clone()));
    assert_eq!(store.raise_certificate(Height(2), &full), Ok(false));
    let mut other = built.header.clone();
    other.time = other.time.plus_ms(1);
    let other = story.consortium.certificate(&other, 0);
    assert!(matches!(store.raise_certificate(Height(1), &other), Err(StoreError::Mismatch { .. })));
    store.check().unwrap();
}

#[test]
fn undecided_proposals_are_kept_until_their_height_is_committed() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    store.put_undecided(Height(1), 300, &BlockId([1; 32]), b"later").unwrap();
    store.put_undecided(Height(1), 2, &BlockId([2; 32]), b"earlier").unwrap();
    store.put_undecided(Height(2), 0, &BlockId([3; 32]), b"next").unwrap();
    drop(store);
    let store = open(folder.path());
    let kept = store.undecided(Height(1)).unwrap();
    assert_eq!(kept, [(2, BlockId([2; 32]), b"earlier".to_vec()), (300, BlockId([1; 32]), b"later".to_vec())]);
    story.append(&store);
    assert_eq!(store.undecided(Height(1)).unwrap(), []);
    assert_eq!(store.undecided(Height(2)).unwrap().len(), 1);
    store.put_undecided(Height(1), 0, &BlockId([4; 32]), b"too late").unwrap();
    assert_eq!(store.undecided(Height(1)).unwrap(), []);
}

#[test]
fn evidence_is_kept_until_a_block_has_taken_it() {
    let (story, folder) = (Story::new(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    let secret = &story.consortium.organisations[0].validator;
    let vote = |block: u8| VoteStatement {
        chain: story.consortium.chain,
        kind: VoteKind::Precommit,
        height: Height(1),
        round: 0,
        block: Some(BlockId([block; 32])),
        validator: secret.public(),
    };
    let sign = |vote: &VoteStatement| secret.sign(inro_contracts::tag::Tag::VOTE, &inro_contracts::bytes::encode(vote));
    let (first, second) = (vote(1), vote(2));
    let (first_signature, second_signature) = (sign(&first), sign(&second));
    let evidence = DoubleSign::Votes { first, first_signature, second, second_signature };
    story.append_until(&store, 1);
    store.put_evidence(&evidence).unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.pending_evidence().unwrap(), std::slice::from_ref(&evidence));
    let member = &story.consortium.organisations[1];
    let action = inro_contracts::transaction::Action::ReportDoubleSign { evidence };
    let report = story.consortium.verified(action, &member.peer, story.time(2));
    let built = story.build(&store, std::slice::from_ref(&report));
    assert_eq!(built.outcomes, [inro_contracts::entry::Outcome::Applied]);
    store.commit(&built, &[report], &story.consortium.certificate(&built.header, 0)).unwrap();
    assert_eq!(store.pending_evidence().unwrap(), []);
}

#[test]
fn a_copy_is_a_store_of_its_own() {
    let (story, folder, other) = (Story::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = story.found(folder.path());
    story.append_until(&store, 4);
    let copy = other.path().join("copy");
    store.checkpoint(&copy).unwrap();
    story.append_until(&store, 6);
    let copied = open(&copy);
    copied.check().unwrap();
    story.compare(&copied, &story.in_memory(4)).unwrap();
    story.append(&copied);
    story.compare(&copied, &story.in_memory(5)).unwrap();
    story.compare(&store, &story.in_memory(6)).unwrap();
    assert!(store.checkpoint(&copy).is_err(), "an existing copy is never overwritten");
}
