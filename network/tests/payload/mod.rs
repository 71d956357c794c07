//! Sealed payloads over real sockets: what a requester gets, what a custodian keeps, and what breaks neither.

use std::time::Duration;

use bytes::Bytes;
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::time::Time;
use inro_network::{Deposit, Holding, Misbehaviour, ObjectId, PIECE_BYTES, PayloadError, Refusal, WINDOW_BYTES};

use crate::adversary::{self, payload_asker};
use crate::cluster::{self, Node, PATIENCE, batch, eventually, mesh, nodes, receive};
use crate::custodian::{Custodian, KEPT, authorisation, content, object, organisation, source};

const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;
const PIECE: u64 = PIECE_BYTES as u64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_of_every_length_arrive_as_they_are() {
    let lengths = [0, 1, 65_552, PIECE - 1, PIECE, PIECE + 1, WINDOW_BYTES, WINDOW_BYTES + 1, 9 * MIB + 7];
    let mut custodian = Custodian::default();
    for (n, length) in lengths.into_iter().enumerate() {
        custodian = custodian.has(n as u8, length);
    }
    let nodes = exchange(&custodian, |_| {}).await;
    for (n, length) in lengths.into_iter().enumerate() {
        let fetched = fetch(&nodes[0], &nodes[1].key(), n as u8, 0).await;
        assert!(fetched == Ok(content(n as u8, 0, length)), "a payload of {length} bytes arrived otherwise");
    }
    eventually("no transfer is open", || custodian.open() == 0).await;
    eventually("all are counted", || nodes[1].handle.counters().payload_questions_served == lengths.len() as u64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_shows_why_the_object_may_be_handed_over_before_a_byte_is_taken() {
    let custodian = [0, 1, u8::MAX].into_iter().fold(Custodian::default(), |custodian, n| custodian.has(n, 3 * PIECE));
    let nodes = exchange(&custodian, |_| {}).await;
    for n in [0, 1, u8::MAX] {
        let payload = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(n), PIECE).await.unwrap();
        assert!(payload.authorisation() == &authorisation(n), "of object {n} another authorisation came");
        assert_eq!((payload.total(), payload.offset()), (3 * PIECE, PIECE));
        assert!(collect(Ok(payload)).await == Ok(content(n, PIECE, 3 * PIECE)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_begins_at_any_offset() {
    let total = 3 * MIB + 11;
    let custodian = Custodian::default().has(1, total);
    let nodes = exchange(&custodian, |_| {}).await;
    for offset in [1, 65_553, PIECE, PIECE + 1, 2 * MIB - 1, total - 1, total] {
        let fetched = fetch(&nodes[0], &nodes[1].key(), 1, offset).await;
        assert!(fetched == Ok(content(1, offset, total)), "from offset {offset} on other bytes arrived");
    }
    let after_the_end = fetch(&nodes[0], &nodes[1].key(), 1, total + 1).await;
    assert_eq!(after_the_end, refused(&nodes[1], Refusal::BadOffset));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reason_for_a_refusal_arrives_as_it_was_said() {
    let reasons = [
        Refusal::NotOnLedger,
        Refusal::NotGranted,
        Refusal::OtherOrganisation,
        Refusal::TooOld,
        Refusal::RevokedSince,
        Refusal::SealedSince,
        Refusal::Erased,
        Refusal::NotHere,
        Refusal::Busy { retry_after_ms: 77 },
        Refusal::BadOffset,
        Refusal::Fault,
        Refusal::NoRoom,
    ];
    let mut custodian = Custodian::default();
    for (n, reason) in reasons.into_iter().enumerate() {
        custodian = custodian.refuses(n as u8, reason);
    }
    let nodes = exchange(&custodian, |_| {}).await;
    for (n, reason) in reasons.into_iter().enumerate() {
        assert_eq!(fetch(&nodes[0], &nodes[1].key(), n as u8, 0).await, refused(&nodes[1], reason));
    }
    assert_eq!(fetch(&nodes[0], &nodes[1].key(), 99, 0).await, refused(&nodes[1], Refusal::NotHere));
    assert_eq!(custodian.read(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_in_mid_transfer_ends_it_with_its_reason() {
    let custodian = Custodian::default().stops(1, 20 * MIB, 5 * MIB, Refusal::RevokedSince);
    let nodes = exchange(&custodian, |_| {}).await;
    let mut payload = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    let error = loop {
        match payload.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the whole payload came"),
            Err(error) => break error,
        }
    };
    assert_eq!(Err(error), refused(&nodes[1], Refusal::RevokedSince));
    assert!(payload.offset() <= 5 * MIB);
    assert_eq!(payload.next().await, Ok(None), "after an error there is nothing more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_door_is_not_open_yet_says_when_to_ask_again() {
    let nodes = nodes(2).await;
    mesh(&nodes).await;
    let asked = fetch(&nodes[0], &nodes[1].key(), 1, 0).await;
    assert!(matches!(asked, Err(PayloadError::Refused { refusal: Refusal::Busy { .. }, .. })), "{asked:?}");
    let nobody = SecretKey::from_seed(&[99; 32]).public();
    assert!(matches!(fetch(&nodes[0], &nobody, 1, 0).await, Err(PayloadError::NotAllowed { .. })));
    nodes[0].handle.set_peers(vec![inro_network::AllowedPeer { key: nobody, address: "/ip4/127.0.0.1/tcp/1".into() }]);
    assert!(matches!(fetch(&nodes[0], &nobody, 1, 0).await, Err(PayloadError::NotConnected { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_pauses_holds_the_custodian_back_and_loses_nothing() {
    let total = 40 * MIB;
    let custodian = Custodian::default().has(1, total);
    let nodes = exchange(&custodian, |_| {}).await;
    let mut payload = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    let mut fetched = Vec::new();
    for pause in [1, 2, 3] {
        for _ in 0..10 {
            fetched.extend(payload.next().await.unwrap().unwrap());
        }
        let mut before = 0;
        while before != custodian.read() {
            before = custodian.read();
            tokio::time::sleep(SECOND / 5).await;
        }
        let ahead = before - fetched.len() as u64;
        // What waits here, and at the custodian the piece that may not leave yet and the one read ahead.
        assert!(ahead <= WINDOW_BYTES + 2 * PIECE, "at pause {pause} the custodian is {ahead} bytes ahead of its reader");
    }
    while let Some(piece) = payload.next().await.unwrap() {
        fetched.extend(piece);
    }
    assert!(fetched == content(1, 0, total));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_transfers_at_once_and_gossip_beside_them_all_come_through() {
    let custodian = (0..12).fold(Custodian::default(), |custodian, n| custodian.has(n, 4 * MIB + u64::from(n)));
    let mut nodes = exchange(&custodian, |_| {}).await;
    let holder = nodes[1].key();
    let fetching: Vec<_> = (0..12)
        .map(|n| {
            let (handle, from) = (nodes[0].handle.clone(), holder);
            tokio::spawn(async move { collect(handle.fetch_payload(&from, &object(n), 0).await).await })
        })
        .collect();
    for round in 0..50 {
        nodes[1].handle.broadcast(&batch(1, round, 20));
    }
    assert_eq!(receive(&mut nodes[0], 50 * 20).await[&holder].len(), 50 * 20);
    for (n, fetched) in fetching.into_iter().enumerate() {
        assert!(fetched.await.unwrap() == Ok(content(n as u8, 0, 4 * MIB + n as u64)), "payload {n} arrived otherwise");
    }
    assert_eq!(nodes[1].handle.counters().payload_questions_refused, 0, "an honest requester was told to come again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_with_too_many_transfers_says_when_to_ask_again_and_a_place_that_is_given_back_serves_the_next() {
    let custodian = Custodian::default().has(1, 20 * MIB).has(2, 1_000);
    let mut nodes = vec![Node::start(0, cluster::CHAIN, |_| {}).await];
    nodes.push(Node::start(1, cluster::CHAIN, |config| config.transfers_per_peer_max = 1).await);
    nodes.push(Node::start(2, cluster::CHAIN, |_| {}).await);
    nodes[1].handle.open_door(custodian.door());
    mesh(&nodes).await;
    let first = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    let second = fetch(&nodes[0], &nodes[1].key(), 2, 0).await;
    assert!(matches!(second, Err(PayloadError::Refused { refusal: Refusal::Busy { .. }, .. })), "{second:?}");
    assert_eq!(fetch(&nodes[2], &nodes[1].key(), 2, 0).await, Ok(content(2, 0, 1_000)), "another peer has its own places");
    drop(first);
    eventually("the transfer that nobody wants any more is over", || custodian.open() == 0).await;
    assert_eq!(fetch(&nodes[0], &nodes[1].key(), 2, 0).await, Ok(content(2, 0, 1_000)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_with_a_rate_gives_no_faster_and_its_gossip_does_not_wait() {
    let custodian = Custodian::default().has(1, 2 * MIB).has(2, 2 * MIB);
    let mut nodes = exchange(&custodian, |config| config.transfer_bytes_per_second_max = Some(4 * MIB)).await;
    let (began, holder) = (std::time::Instant::now(), nodes[1].key());
    let fetching: Vec<_> = [1, 2]
        .into_iter()
        .map(|n| {
            let handle = nodes[0].handle.clone();
            tokio::spawn(async move { collect(handle.fetch_payload(&holder, &object(n), 0).await).await })
        })
        .collect();
    nodes[1].handle.broadcast(&batch(1, 0, 20));
    assert_eq!(receive(&mut nodes[0], 20).await[&holder].len(), 20);
    assert!(fetching.iter().all(|fetch| !fetch.is_finished()), "gossip waited for the transfers");
    for (n, fetched) in (1..).zip(fetching) {
        assert!(fetched.await.unwrap() == Ok(content(n, 0, 2 * MIB)));
    }
    assert!(began.elapsed() > SECOND * 9 / 10, "it was faster than it may be: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_are_bounded_for_all_peers_together() {
    let custodian = Custodian::default().has(1, 20 * MIB).has(2, 1_000);
    let mut nodes = vec![Node::start(0, cluster::CHAIN, |_| {}).await];
    nodes.push(Node::start(1, cluster::CHAIN, |config| config.transfers_max = 1).await);
    nodes.push(Node::start(2, cluster::CHAIN, |_| {}).await);
    nodes[1].handle.open_door(custodian.door());
    mesh(&nodes).await;
    let _first = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    let second = fetch(&nodes[2], &nodes[1].key(), 2, 0).await;
    assert!(matches!(second, Err(PayloadError::Refused { refusal: Refusal::Busy { .. }, .. })), "{second:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_with_too_many_transfers_of_its_own_is_told_so() {
    let custodian = Custodian::default().has(1, 20 * MIB);
    let nodes = exchange(&custodian, |config| {
        config.transfers_per_peer_max = 1;
        config.transfer_idle = SECOND / 2;
    })
    .await;
    let _first = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    assert_eq!(fetch(&nodes[0], &nodes[1].key(), 1, 0).await, Err(PayloadError::TooManyTransfers));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_that_leaves_the_set_in_mid_transfer_gets_nothing_more() {
    let custodian = Custodian::default().has(1, 200 * MIB);
    let nodes = exchange(&custodian, |_| {}).await;
    let mut payload = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    for _ in 0..8 {
        payload.next().await.unwrap().unwrap();
    }
    nodes[1].allow(&[]);
    eventually("the custodian has let go of the transfer", || custodian.open() == 0).await;
    let read = custodian.read();
    let error = loop {
        match payload.next().await {
            Ok(Some(_)) => assert!(payload.offset() <= read),
            Ok(None) => panic!("the whole payload came"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, PayloadError::Interrupted { .. }), "{error:?}");
    assert!(payload.offset() < 200 * MIB && custodian.read() == read);
    let again = fetch(&nodes[0], &nodes[1].key(), 1, 0).await;
    assert!(matches!(again, Err(PayloadError::NotConnected { .. } | PayloadError::Interrupted { .. })), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_that_leaves_the_set_in_mid_transfer_is_read_no_more() {
    let custodian = Custodian::default().has(1, 200 * MIB);
    let nodes = exchange(&custodian, |_| {}).await;
    let mut payload = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    payload.next().await.unwrap().unwrap();
    nodes[0].allow(&[]);
    assert_eq!(payload.next().await, Err(PayloadError::NotAllowed { peer: nodes[1].name() }), "what waits here is not used");
    eventually("the custodian notices", || custodian.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_that_leaves_the_set_ends_a_transfer_that_waits_for_it() {
    let nodes = cluster::nodes_with(1, |_| {}).await;
    let silent = adversary::silent_giver::join(&nodes).await;
    let mut payload = nodes[0].handle.fetch_payload(&silent, &object(1), 0).await.unwrap();
    let waiting = tokio::spawn(async move { payload.next().await });
    tokio::time::sleep(SECOND / 5).await;
    nodes[0].allow(&[]);
    let ended = tokio::time::timeout(PATIENCE, waiting).await.expect("the transfer goes on").unwrap();
    assert!(matches!(ended, Err(PayloadError::NotAllowed { .. })), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_whose_custodian_dies_goes_on_where_it_was_after_its_restart() {
    let total = 64 * MIB;
    let custodian = Custodian::default().has(1, total);
    let mut nodes = exchange(&custodian, |_| {}).await;
    let mut payload = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    let mut fetched = Vec::new();
    for _ in 0..20 {
        fetched.extend(payload.next().await.unwrap().unwrap());
    }
    let old = nodes.remove(1);
    old.handle.shutdown().await;
    assert_eq!(custodian.open(), 0, "the custodian's transfer outlived its network");
    let error = loop {
        match payload.next().await {
            Ok(Some(piece)) => fetched.extend(piece),
            Ok(None) => panic!("the whole payload came"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, PayloadError::Interrupted { .. }), "{error:?}");
    assert_eq!(payload.offset(), fetched.len() as u64);

    let new = old.restart().await;
    new.handle.open_door(custodian.door());
    new.allow(&[&nodes[0]]);
    eventually("the restarted custodian is connected", || nodes[0].sees(&new) && new.sees(&nodes[0])).await;
    fetched.extend(fetch(&nodes[0], &new.key(), 1, payload.offset()).await.unwrap());
    assert!(fetched == content(1, 0, total));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_that_dies_in_mid_transfer_frees_the_custodian_and_goes_on_after_its_restart() {
    let total = 64 * MIB;
    let custodian = Custodian::default().has(1, total);
    let mut nodes = exchange(&custodian, |_| {}).await;
    let mut payload = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    let mut kept = Vec::new();
    for _ in 0..20 {
        kept.extend(payload.next().await.unwrap().unwrap());
    }
    let old = nodes.remove(0);
    old.handle.shutdown().await;
    drop(payload);
    eventually("the custodian's transfer is over", || custodian.open() == 0).await;

    let new = old.restart().await;
    new.allow(&[&nodes[0]]);
    eventually("the restarted requester is connected", || nodes[0].sees(&new) && new.sees(&nodes[0])).await;
    kept.extend(fetch(&new, &nodes[0].key(), 1, kept.len() as u64).await.unwrap());
    assert!(kept == content(1, 0, total));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_deposits_and_a_requester_fetches_while_the_custodian_is_away() {
    let (custodian, intermediate) = (Custodian::default(), Custodian::default());
    let mut nodes = nodes(4).await;
    nodes[1].handle.open_door(intermediate.door());
    mesh(&nodes).await;
    let (total, requester) = (5 * MIB + 3, nodes[2].key());
    let deposit = deposit_for(&requester, 1, total);
    deposit_from(&nodes[0], &nodes[1], &custodian, deposit, 1).await.unwrap();
    deposit_from(&nodes[0], &nodes[1], &custodian, deposit, 1).await.expect("a deposit that is there already is no error");
    nodes.remove(0).handle.shutdown().await;

    let [between, requester, other] = &nodes[..] else { unreachable!() };
    let held = requester.handle.payload_holdings(&between.key(), &Holding::default()).await.unwrap();
    let [one] = &held.held[..] else { panic!("{held:?}") };
    assert_eq!((one.object, one.total, one.arrived), (object(1), total, total));
    let of_another_access = Holding { access: Some(inro_contracts::id::TransactionId([9; 32])), after: None };
    assert!(requester.handle.payload_holdings(&between.key(), &of_another_access).await.unwrap().held.is_empty());
    assert!(other.handle.payload_holdings(&between.key(), &Holding::default()).await.unwrap().held.is_empty());
    assert_eq!(fetch(other, &between.key(), 1, 0).await, refused(between, Refusal::OtherOrganisation));
    let stolen = other.handle.payload_taken(&between.key(), &object(1)).await;
    assert!(matches!(stolen, Err(PayloadError::Refused { refusal: Refusal::OtherOrganisation, .. })), "{stolen:?}");

    let payload = requester.handle.fetch_payload(&between.key(), &object(1), 0).await;
    assert!(payload.as_ref().is_ok_and(|payload| payload.authorisation() == &authorisation(KEPT)), "{payload:?}");
    assert!(collect(payload).await == Ok(content(1, 0, total)));
    assert!(fetch(requester, &between.key(), 1, MIB + 1).await == Ok(content(1, MIB + 1, total)));
    assert_eq!(requester.handle.payload_taken(&between.key(), &object(1)).await, Ok(()));
    assert_eq!(requester.handle.payload_taken(&between.key(), &object(1)).await, Ok(()), "saying it again changes nothing");
    assert_eq!(intermediate.kept(&object(1)), None);
    assert_eq!(fetch(requester, &between.key(), 1, 0).await, refused(between, Refusal::NotHere));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_that_finds_no_room_says_so_and_goes_on_where_it_was_when_there_is_room() {
    let (custodian, intermediate) = (Custodian::default(), Custodian::default());
    let nodes = nodes(2).await;
    nodes[1].handle.open_door(intermediate.door());
    mesh(&nodes).await;
    let (total, requester) = (20 * MIB + 5, nodes[0].key());
    let deposit = deposit_for(&requester, 1, total);
    for room in [MIB as usize, 9 << 20, 15 << 20] {
        intermediate.room_for(Some(room));
        let broken = deposit_from(&nodes[0], &nodes[1], &custodian, deposit, 1).await;
        assert_eq!(broken, Err(PayloadError::Refused { peer: nodes[1].name(), refusal: Refusal::NoRoom }));
        assert!(intermediate.kept(&object(1)).unwrap() == content(1, 0, room as u64), "what fitted in is not all there");
    }
    intermediate.room_for(None);
    let before = custodian.read();
    deposit_from(&nodes[0], &nodes[1], &custodian, deposit, 1).await.unwrap();
    assert_eq!(custodian.read() - before, total - (15 << 20), "more than what was missing was read again");
    assert!(intermediate.kept(&object(1)).unwrap() == content(1, 0, total));
    let another = Deposit { total: total + 1, ..deposit };
    let refusal = deposit_from(&nodes[0], &nodes[1], &custodian, another, 1).await;
    assert_eq!(refusal, Err(PayloadError::Refused { peer: nodes[1].name(), refusal: Refusal::BadOffset }));
    eventually("no transfer is open", || custodian.open() + intermediate.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_whose_intermediate_dies_goes_on_where_it_was_after_its_restart() {
    let (custodian, intermediate) = (Custodian::default(), Custodian::default());
    let mut nodes = nodes(2).await;
    nodes[1].handle.open_door(intermediate.door());
    mesh(&nodes).await;
    let (total, requester) = (300 * MIB, nodes[0].key());
    let deposit = deposit_for(&requester, 1, total);
    let depositing = {
        let (handle, to, custodian) = (nodes[0].handle.clone(), nodes[1].key(), custodian.clone());
        let open = move |offset| async move { Ok(source(&custodian, 1, total, offset)) };
        tokio::spawn(async move { handle.deposit_payload(&to, &deposit, open).await })
    };
    eventually("some of it has arrived", || intermediate.kept(&object(1)).is_some_and(|kept| kept.len() as u64 > MIB)).await;
    let old = nodes.remove(1);
    old.handle.shutdown().await;
    let broken = depositing.await.unwrap();
    assert!(matches!(broken, Err(PayloadError::Interrupted { .. })), "{broken:?}");
    let arrived = intermediate.kept(&object(1)).unwrap().len() as u64;
    assert!(arrived < total, "it was too quick to die");

    let new = old.restart().await;
    new.handle.open_door(intermediate.door());
    new.allow(&[&nodes[0]]);
    eventually("the restarted intermediate is connected", || nodes[0].sees(&new) && new.sees(&nodes[0])).await;
    deposit_from(&nodes[0], &new, &custodian, deposit, 1).await.unwrap();
    assert!(intermediate.kept(&object(1)).unwrap() == content(1, 0, total));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_depositor_that_leaves_the_set_in_mid_transfer_is_cut_off() {
    let (custodian, intermediate) = (Custodian::default(), Custodian::default());
    let nodes = nodes(2).await;
    nodes[1].handle.open_door(intermediate.door());
    mesh(&nodes).await;
    let total = 300 * MIB;
    let deposit = deposit_for(&nodes[0].key(), 1, total);
    let depositing = {
        let (handle, to, custodian) = (nodes[0].handle.clone(), nodes[1].key(), custodian.clone());
        let open = move |offset| async move { Ok(source(&custodian, 1, total, offset)) };
        tokio::spawn(async move { handle.deposit_payload(&to, &deposit, open).await })
    };
    eventually("some of it has arrived", || intermediate.kept(&object(1)).is_some_and(|kept| kept.len() as u64 > MIB)).await;
    nodes[1].allow(&[]);
    eventually("the intermediate has let go of it", || intermediate.open() == 0).await;
    let arrived = intermediate.kept(&object(1)).unwrap().len();
    assert!(matches!(depositing.await.unwrap(), Err(PayloadError::Interrupted { .. })));
    assert_eq!(intermediate.kept(&object(1)).unwrap().len(), arrived);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_that_cannot_be_read_at_its_custodian_is_said_to_be_that() {
    let (custodian, intermediate) = (Custodian::default(), Custodian::default());
    let nodes = nodes(2).await;
    nodes[1].handle.open_door(intermediate.door());
    mesh(&nodes).await;
    let deposit = deposit_for(&nodes[0].key(), 1, 1_000);
    let erased = nodes[0].handle.deposit_payload(&nodes[1].key(), &deposit, |_| async { Err(Refusal::Erased) }).await;
    assert_eq!(erased, Err(PayloadError::Source(Refusal::Erased)));
    let to = nodes[1].key();
    let shorter = nodes[0].handle.deposit_payload(&to, &deposit, |offset| {
        let source = source(&custodian, 1, 999, offset);
        async { Ok(source) }
    });
    assert_eq!(shorter.await, Err(PayloadError::Source(Refusal::BadOffset)));
    eventually("no transfer is open", || intermediate.open() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_that_ends_early_is_an_interruption_with_its_offset() {
    let nodes = nodes(1).await;
    let giver = adversary::short_giver::join(&nodes).await;
    let mut payload = nodes[0].handle.fetch_payload(&giver, &object(1), 0).await.unwrap();
    assert_eq!(payload.total(), 10 << 20);
    payload.next().await.unwrap().unwrap();
    payload.next().await.unwrap().unwrap();
    let ended = payload.next().await;
    assert!(matches!(ended, Err(PayloadError::Interrupted { .. })), "{ended:?}");
    assert_eq!(payload.offset(), 512 << 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giver_of_more_than_it_announced_is_kept_out() {
    let nodes = nodes(1).await;
    let giver = adversary::overfull_giver::join(&nodes).await;
    misbehaves(&nodes[0], fetch(&nodes[0], &giver, 1, 0).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giver_of_a_piece_without_end_is_kept_out() {
    let nodes = nodes(1).await;
    let giver = adversary::crooked_giver::join_with_endless_piece(&nodes).await;
    misbehaves(&nodes[0], fetch(&nodes[0], &giver, 1, 0).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giver_of_tiny_pieces_is_kept_out() {
    let nodes = nodes(1).await;
    let giver = adversary::crooked_giver::join_with_tiny_pieces(&nodes).await;
    misbehaves(&nodes[0], fetch(&nodes[0], &giver, 1, 0).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giver_of_less_than_the_offset_is_kept_out() {
    let nodes = nodes(1).await;
    let giver = adversary::short_giver::join(&nodes).await;
    misbehaves(&nodes[0], fetch(&nodes[0], &giver, 1, (10 << 20) + 1).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giver_that_answers_another_question_is_kept_out() {
    let nodes = nodes(1).await;
    let giver = adversary::evasive_giver::join_with_done(&nodes).await;
    misbehaves(&nodes[0], fetch(&nodes[0], &giver, 1, 0).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giver_of_garbage_is_kept_out() {
    let nodes = nodes(1).await;
    let giver = adversary::evasive_giver::join_with_garbage(&nodes).await;
    let asked = nodes[0].handle.payload_holdings(&giver, &Holding::default()).await;
    misbehaves(&nodes[0], asked.map(|_| Bytes::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giver_of_an_answer_without_end_is_kept_out() {
    let nodes = nodes(1).await;
    let giver = adversary::evasive_giver::join_with_endless_answer(&nodes).await;
    let asked = nodes[0].handle.payload_taken(&giver, &object(1)).await;
    misbehaves(&nodes[0], asked.map(|()| Bytes::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giver_that_falls_silent_or_trickles_is_waited_for_only_so_long() {
    let nodes = cluster::nodes_with(1, |config| config.transfer_idle = SECOND / 2).await;
    let giver = adversary::silent_giver::join(&nodes).await;
    let began = std::time::Instant::now();
    let stalled = fetch(&nodes[0], &giver, 1, 0).await;
    assert!(matches!(stalled, Err(PayloadError::Stalled { idle_ms: 500, .. })), "{stalled:?}");
    let nodes = cluster::nodes_with(1, |config| config.transfer_idle = SECOND / 2).await;
    let giver = adversary::silent_giver::join_trickling(&nodes).await;
    let stalled = fetch(&nodes[0], &giver, 1, 0).await;
    assert!(matches!(stalled, Err(PayloadError::Stalled { .. })), "{stalled:?}");
    assert!(began.elapsed() < SECOND * 5);
    assert_eq!(nodes[0].handle.counters().exclusions, 0, "slowness is no offence");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asker_of_nonsense_is_kept_out_and_others_are_served() {
    let custodian = Custodian::default().has(1, MIB);
    let nodes = exchange_with_asker_at_0(&custodian, |_| {}).await;
    let mut asker = payload_asker::join(&nodes).await;
    let _stream = adversary::garbage_asker::ask_nonsense(&mut asker).await;
    kept_out_and_others_served(&nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asker_of_a_question_without_end_is_kept_out_and_others_are_served() {
    let custodian = Custodian::default().has(1, MIB);
    let nodes = exchange_with_asker_at_0(&custodian, |_| {}).await;
    let mut asker = payload_asker::join(&nodes).await;
    let _stream = adversary::garbage_asker::ask_without_end(&mut asker).await;
    kept_out_and_others_served(&nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asker_that_grants_more_than_it_took_is_kept_out_and_others_are_served() {
    let custodian = Custodian::default().has(1, MIB).has(2, 100 * MIB);
    let nodes = exchange_with_asker_at_0(&custodian, |_| {}).await;
    let mut asker = payload_asker::join(&nodes).await;
    let mut stream = adversary::greedy_granter::ask(&mut asker, 2).await.unwrap();
    let mut taken = vec![0; 3 << 20];
    // It has to read what it was allowed anyway before its grants are looked at.
    let _ = tokio::time::timeout(PATIENCE, futures::AsyncReadExt::read_exact(&mut stream, &mut taken)).await;
    kept_out_and_others_served(&nodes).await;
    assert!(custodian.read() < 10 * MIB, "{} bytes were read", custodian.read());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn askers_that_never_read_hold_little_for_a_short_time_and_others_are_served() {
    let custodian = Custodian::default().has(1, MIB).has(2, 100 * MIB);
    let nodes = exchange_with_asker_at_0(&custodian, |config| config.transfer_idle = SECOND * 2).await;
    let mut asker = payload_asker::join(&nodes).await;
    let _streams = adversary::stalled_taker::ask(&mut asker, 2, 20).await;
    eventually("its places are full", || custodian.open() == 8).await;
    assert!(fetch(&nodes[1], &nodes[0].key(), 1, 0).await == Ok(content(1, 0, MIB)));
    assert!(custodian.read() <= 8 * (WINDOW_BYTES + 2 * PIECE) + MIB, "{} bytes were read for nothing", custodian.read());
    eventually("its transfers are broken off", || custodian.open() == 0).await;
    assert_eq!(nodes[0].handle.counters().exclusions, 0, "slowness is no offence");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_depositor_of_more_than_it_announced_is_kept_out_and_others_are_served() {
    let custodian = Custodian::default().has(1, MIB);
    let nodes = exchange_with_asker_at_0(&custodian, |_| {}).await;
    let mut asker = payload_asker::join(&nodes).await;
    let _stream = adversary::overfull_depositor::deposit_too_much(&mut asker).await;
    kept_out_and_others_served(&nodes).await;
    assert!(custodian.kept(&object(1)).unwrap().len() <= 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_depositor_of_a_piece_too_long_is_kept_out_and_others_are_served() {
    let custodian = Custodian::default().has(1, MIB);
    let nodes = exchange_with_asker_at_0(&custodian, |_| {}).await;
    let mut asker = payload_asker::join(&nodes).await;
    let _stream = adversary::overfull_depositor::deposit_a_long_piece(&mut asker).await;
    kept_out_and_others_served(&nodes).await;
    assert!(custodian.kept(&object(1)).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_ends_transfers_and_lets_go_of_the_door() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let custodian = Custodian::default().has(1, 100 * MIB);
    let nodes = exchange(&custodian, |_| {}).await;
    let payload = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    let door = custodian.door();
    nodes[1].handle.open_door(door.clone());
    for node in &nodes {
        node.handle.shutdown().await;
    }
    assert_eq!(std::sync::Arc::strong_count(&door), 1, "the network still holds its door");
    assert_eq!(custodian.open(), 0);
    nodes[1].handle.open_door(door.clone());
    assert_eq!(std::sync::Arc::strong_count(&door), 1, "a network that has stopped takes no door");
    drop((payload, nodes));
    eventually("no task is left", || tokio::runtime::Handle::current().metrics().num_alive_tasks() <= before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_printed_of_a_transfer_shows_neither_names_nor_content() {
    let custodian = Custodian::default().has(1, 100);
    let nodes = exchange(&custodian, |_| {}).await;
    let mut payload = nodes[0].handle.fetch_payload(&nodes[1].key(), &object(1), 0).await.unwrap();
    let printed = format!("{payload:?} {:?} {:?}", object(1), deposit_for(&nodes[0].key(), 1, 100));
    for secret in ["acac", "01010101"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    payload.next().await.unwrap();
}

/// A requester and a custodian that are connected; the custodian's door is open.
async fn exchange(custodian: &Custodian, change: impl Fn(&mut inro_network::NetworkConfig)) -> Vec<Node> {
    let nodes = cluster::nodes_with(2, change).await;
    nodes[1].handle.open_door(custodian.door());
    mesh(&nodes).await;
    nodes
}

/// The custodian is node 0, which the adversaries connect to; node 1 is an honest requester.
async fn exchange_with_asker_at_0(custodian: &Custodian, change: impl Fn(&mut inro_network::NetworkConfig)) -> Vec<Node> {
    let nodes = cluster::nodes_with(2, change).await;
    nodes[0].handle.open_door(custodian.door());
    nodes
}

async fn fetch(node: &Node, from: &PublicKey, n: u8, offset: u64) -> Result<Bytes, PayloadError> {
    collect(node.handle.fetch_payload(from, &object(n), offset).await).await
}

async fn collect(payload: Result<inro_network::Payload, PayloadError>) -> Result<Bytes, PayloadError> {
    let mut payload = payload?;
    let (mut fetched, from) = (Vec::new(), payload.offset());
    while let Some(piece) = payload.next().await? {
        fetched.extend_from_slice(&piece);
        assert_eq!(payload.offset() - from, fetched.len() as u64);
    }
    assert_eq!(payload.offset(), payload.total());
    Ok(fetched.into())
}

fn refused(by: &Node, refusal: Refusal) -> Result<Bytes, PayloadError> {
    Err(PayloadError::Refused { peer: by.name(), refusal })
}

fn deposit_for(requester: &PublicKey, n: u8, total: u64) -> Deposit {
    let object: ObjectId = object(n);
    Deposit { object, requester: organisation(requester), total, expires: Time(1_000_000) }
}

async fn deposit_from(from: &Node, to: &Node, custodian: &Custodian, deposit: Deposit, n: u8) -> Result<(), PayloadError> {
    let open = |offset| async move { Ok(source(custodian, n, deposit.total, offset)) };
    from.handle.deposit_payload(&to.key(), &deposit, open).await
}

async fn misbehaves(node: &Node, result: Result<Bytes, PayloadError>) {
    let expected = |what: &Misbehaviour| matches!(what, Misbehaviour::Malformed(_) | Misbehaviour::FrameTooLong { .. });
    assert!(matches!(&result, Err(PayloadError::Misbehaved { what, .. }) if expected(what)), "{result:?}");
    eventually("the peer is kept out", || node.handle.counters().exclusions == 1).await;
}

async fn kept_out_and_others_served(nodes: &[Node]) {
    eventually("the adversary is kept out", || nodes[0].handle.counters().exclusions == 1).await;
    assert!(fetch(&nodes[1], &nodes[0].key(), 1, 0).await == Ok(content(1, 0, MIB)));
    assert_eq!(nodes[0].handle.counters().exclusions, 1, "an honest node was kept out");
}
