//! The exchange network over real sockets on the loopback interface: what members get, and what adversaries do not.
//!
//! Each adversary is a named actor in a file of its own (`adversary/`), built on libp2p without this crate's code.

mod adversary;
mod cluster;
mod custodian;
mod payload;

use std::time::{Duration, Instant};

use bytes::Bytes;
use cluster::{CHAIN, Node, PATIENCE, batch, eventually, mesh, nodes, receive, receive_nothing, stored};
use inro_contracts::id::TransactionId;
use inro_contracts::key::SecretKey;
use inro_network::{AllowedPeer, FETCH_IDS_MAX, FetchError, Misbehaviour, NetworkError, exchange_address, public_key};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_exchange_their_batches_in_order() {
    let mut nodes = nodes(4).await;
    mesh(&nodes).await;
    for round in 0..50 {
        for (i, node) in nodes.iter().enumerate() {
            node.handle.broadcast(&batch(i as u8, round, 20));
        }
    }
    for reader in 0..4 {
        let received = receive(&mut nodes[reader], 3 * 50 * 20).await;
        for writer in (0..4).filter(|writer| *writer != reader) {
            let expected: Vec<Bytes> = (0..50).flat_map(|round| batch(writer as u8, round, 20)).collect();
            assert!(
                received[&nodes[writer].key()] == expected,
                "node {reader} received node {writer}'s transactions in another order"
            );
        }
    }
    // A frame is counted after it was written, so its receiver may be quicker.
    eventually("all frames are counted", || nodes[0].handle.counters().frames_sent == 150).await;
    let counters = nodes[0].handle.counters();
    assert_eq!((counters.frames_dropped, counters.transactions_received), (0, 3_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_for_one_peer_reaches_only_that_peer() {
    let mut nodes = nodes(3).await;
    mesh(&nodes).await;
    let sent = batch(7, 0, 5);
    nodes[0].handle.send(&nodes[1].key(), &sent);
    assert_eq!(receive(&mut nodes[1], 5).await[&nodes[0].key()], sent);
    receive_nothing(&mut nodes[2], SECOND / 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_a_peer_is_there_reaches_it_afterwards() {
    let mut nodes = nodes(2).await;
    nodes[0].allow(&[&nodes[1]]);
    nodes[0].handle.broadcast(&batch(0, 0, 5));
    nodes[0].handle.broadcast_urgent(&batch(0, 1, 5));
    mesh(&nodes).await;
    let expected = [batch(0, 1, 5), batch(0, 0, 5)].concat();
    assert_eq!(receive(&mut nodes[1], 10).await[&nodes[0].key()], expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_refused_and_sees_no_data() {
    let mut nodes = nodes(2).await;
    mesh(&nodes).await;
    let stranger = adversary::stranger::knocks(&nodes[0]).await;
    nodes[0].handle.broadcast(&batch(0, 0, 100));
    assert_eq!(receive(&mut nodes[1], 100).await.len(), 1);
    assert_eq!(stranger.bytes_seen, 0);
    assert!(stranger.refused);
    assert!(nodes[0].handle.counters().connections_refused >= 1);
    assert_eq!(nodes[0].handle.connected(), [nodes[1].key()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_peer_is_cut_off_at_once_and_cannot_reconnect_until_it_is_added_again() {
    let mut nodes = nodes(3).await;
    mesh(&nodes).await;
    let [a, b, c] = &mut nodes[..] else { unreachable!() };

    a.allow(&[c]);
    assert_eq!(a.handle.connected(), [c.key()], "the removed peer still counts as connected");
    a.handle.broadcast(&batch(0, 0, 10));
    b.handle.broadcast(&batch(1, 0, 10));
    assert_eq!(a.handle.fetch(&b.key(), &[stored(1).0], PATIENCE).await, Err(FetchError::NotAllowed { peer: b.name() }));
    receive_nothing(b, SECOND * 2).await;
    receive_nothing(a, SECOND / 10).await;
    assert!(!b.handle.connected().contains(&a.key()));
    eventually("the removed peer tries", || a.handle.counters().connections_refused >= 1).await;
    assert_eq!(a.handle.counters().peers_cut_off, 1);
    assert_eq!(receive(c, 20).await.len(), 2, "the others lost something");

    a.allow(&[b, c]);
    eventually("the peer that was added again is connected", || a.sees(b) && b.sees(a)).await;
    a.handle.broadcast(&batch(0, 1, 10));
    assert!(receive(b, 10).await[&a.key()].ends_with(&batch(0, 1, 10)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_removed_and_added_in_one_breath_stays_usable() {
    let mut nodes = nodes(2).await;
    mesh(&nodes).await;
    let [a, b] = &mut nodes[..] else { unreachable!() };
    a.allow(&[]);
    a.allow(&[b]);
    eventually("both see each other again", || a.sees(b) && b.sees(a)).await;
    eventually("the link works", || {
        a.handle.broadcast(&batch(0, 0, 1));
        b.handle.counters().transactions_received > 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_of_peers_that_has_not_changed_disturbs_nothing() {
    let nodes = nodes(3).await;
    mesh(&nodes).await;
    let before = nodes[0].handle.counters();
    for _ in 0..1_000 {
        nodes[0].allow(&[&nodes[1], &nodes[2]]);
    }
    tokio::time::sleep(SECOND / 4).await;
    let after = nodes[0].handle.counters();
    assert_eq!((before.links_opened, before.links_lost, before.dials), (after.links_opened, after.links_lost, after.dials));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fetching_brings_what_the_peer_has_and_says_what_it_has_not() {
    let nodes = nodes(2).await;
    mesh(&nodes).await;
    let (asker, holder) = (&nodes[0], nodes[1].key());
    let unknown = TransactionId([9; 32]);
    let ids = [stored(3).0, unknown, stored(1).0, stored(3).0];
    let answer = asker.handle.fetch(&holder, &ids, PATIENCE).await.unwrap();
    assert_eq!(answer, [Some(stored(3).1), None, Some(stored(1).1), Some(stored(3).1)]);

    assert_eq!(asker.handle.fetch(&holder, &[], PATIENCE).await, Ok(vec![]));
    let most = vec![stored(5).0; FETCH_IDS_MAX];
    assert_eq!(asker.handle.fetch(&holder, &most, SECOND * 5).await.unwrap().len(), FETCH_IDS_MAX);
    let more = vec![stored(5).0; FETCH_IDS_MAX + 1];
    assert!(matches!(asker.handle.fetch(&holder, &more, PATIENCE).await, Err(FetchError::TooManyIds { .. })));
    let nobody = SecretKey::from_seed(&[99; 32]).public();
    assert!(matches!(asker.handle.fetch(&nobody, &ids, PATIENCE).await, Err(FetchError::NotAllowed { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_says_how_far_it_is_and_a_stranger_is_not_asked() {
    let nodes = nodes(2).await;
    mesh(&nodes).await;
    for _ in 0..20 {
        let answer = nodes[0].handle.ask_standing(&nodes[1].key(), PATIENCE).await;
        assert_eq!(answer, Ok(Bytes::from_static(b"how far")));
    }
    let nobody = SecretKey::from_seed(&[99; 32]).public();
    assert!(matches!(nodes[0].handle.ask_standing(&nobody, PATIENCE).await, Err(FetchError::NotAllowed { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_fetches_at_once_are_all_answered() {
    let nodes = nodes(2).await;
    mesh(&nodes).await;
    let holder = nodes[1].key();
    let asking: Vec<_> = (0..200u8)
        .map(|i| {
            let handle = nodes[0].handle.clone();
            tokio::spawn(async move { handle.fetch(&holder, &[stored(i % 10).0], PATIENCE).await })
        })
        .collect();
    for (i, asked) in asking.into_iter().enumerate() {
        assert_eq!(asked.await.unwrap(), Ok(vec![Some(stored(i as u8 % 10).1)]));
    }
    assert_eq!(nodes[1].handle.counters().streams_refused, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_down_is_said_to_be_not_connected() {
    let nodes = nodes(2).await;
    nodes[0].allow(&[&nodes[1]]);
    let asked = nodes[0].handle.fetch(&nodes[1].key(), &[stored(1).0], SECOND / 2).await;
    assert!(matches!(asked, Err(FetchError::NotConnected { .. } | FetchError::Refused { .. })), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_announces_an_oversized_frame_is_kept_out_and_others_are_served() {
    let mut nodes = nodes(2).await;
    let member = adversary::oversized_announcer::join(&nodes).await;
    member.announce(u32::MAX).await;
    excluded_and_others_served(&mut nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_sends_garbage_is_kept_out_and_others_are_served() {
    let mut nodes = nodes(2).await;
    let member = adversary::garbage_sender::join(&nodes).await;
    member.send_garbage().await;
    excluded_and_others_served(&mut nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_opens_streams_without_end_is_kept_out_and_others_are_served() {
    let mut nodes = nodes(2).await;
    let member = adversary::request_flooder::join(&nodes).await;
    let requests = tokio::spawn(async move { member.ask_without_reading(10_000).await });
    excluded_and_others_served(&mut nodes).await;
    let opened = requests.await.unwrap();
    assert!(opened < 10_000, "all {opened} requests were accepted");
    let counters = nodes[0].handle.counters();
    assert!(counters.fetches_served <= 300, "{} requests were served", counters.fetches_served);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_answers_a_fetch_with_another_transaction_is_found_out_and_kept_out() {
    let nodes = nodes(2).await;
    let liar = adversary::false_answerer::join(&nodes).await;
    let asked = nodes[0].handle.fetch(&liar, &[stored(1).0], SECOND * 5).await;
    assert!(matches!(asked, Err(FetchError::Misbehaved { what: Misbehaviour::WrongTransaction, .. })), "{asked:?}");
    eventually("the liar is kept out", || nodes[0].handle.counters().exclusions == 1).await;
    let honest = nodes[0].handle.fetch(&nodes[1].key(), &[stored(1).0], SECOND * 5).await;
    assert_eq!(honest, Ok(vec![Some(stored(1).1)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_sends_without_end_is_read_only_as_fast_as_the_node_takes_it_and_others_come_through() {
    let mut nodes = nodes(2).await;
    let flooder = adversary::endless_sender::join(&nodes).await;
    let sending = tokio::spawn(async move { flooder.send_for(SECOND * 6).await });
    let mut stalled = 0;
    let standstill = async {
        loop {
            let read = nodes[0].handle.counters().bytes_received;
            if read > 0 && read == stalled {
                return;
            }
            stalled = read;
            tokio::time::sleep(SECOND / 2).await;
        }
    };
    assert!(tokio::time::timeout(SECOND * 6, standstill).await.is_ok(), "the node goes on reading what nobody takes");
    assert!(stalled < 80 << 20, "{stalled} bytes wait in memory");

    let sent = batch(1, 0, 100);
    nodes[1].handle.broadcast(&sent);
    let honest = nodes[1].key();
    let received = tokio::time::timeout(SECOND * 5, async {
        let mut received = Vec::new();
        while received.len() < sent.len() {
            let (from, transactions) = nodes[0].next().await;
            if from == honest {
                received.extend(transactions);
            }
        }
        received
    });
    assert_eq!(received.await.expect("the flood holds the honest node's transactions back"), sent);
    assert!(!sending.is_finished(), "the flood ended by itself");
    sending.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_neither_stalls_the_broadcaster_nor_holds_more_than_its_queue() {
    let mut nodes = cluster::nodes_with(2, |config| config.queue_bytes_max = 1 << 20).await;
    let stalled = adversary::stalled_reader::join(&nodes).await;
    let (broadcaster, sender) = (nodes[0].handle.clone(), nodes[0].key());
    let reader = nodes[1].handle.clone();
    let broadcasting = tokio::spawn(async move {
        let mut longest = Duration::ZERO;
        for round in 0..400 {
            // Whoever reads has a queue of this length too, and is not to lose anything because the machine stood still.
            eventually("the reader follows", || reader.counters().transactions_received + 30 * 50 >= u64::from(round) * 50).await;
            let began = Instant::now();
            broadcaster.broadcast(&batch(0, round, 50));
            longest = longest.max(began.elapsed());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        longest
    });
    assert_eq!(receive(&mut nodes[1], 400 * 50).await[&sender].len(), 400 * 50);
    let longest = broadcasting.await.unwrap();
    assert!(longest < SECOND, "one broadcast took {longest:?}");
    assert!(nodes[0].handle.counters().frames_dropped > 0);
    assert!(stalled.held() > 0 && nodes[0].handle.connected().len() == 2, "the adversary was not there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_takes_no_events_does_not_stall_the_others() {
    let mut nodes = cluster::nodes_with(3, |config| config.events_max = 2).await;
    mesh(&nodes).await;
    for round in 0..100 {
        nodes[0].handle.broadcast(&batch(0, round, 250));
        assert_eq!(receive(&mut nodes[1], 250).await.len(), 1);
    }
    assert_eq!(receive(&mut nodes[2], 100 * 250).await[&nodes[0].key()].len(), 100 * 250, "what waited was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_was_kept_out_may_come_back_after_its_time() {
    let nodes = cluster::nodes_with(1, |config| config.exclusion = SECOND / 2).await;
    let member = adversary::oversized_announcer::join(&nodes).await;
    member.announce(u32::MAX).await;
    eventually("the peer is kept out", || nodes[0].handle.counters().exclusions == 1).await;
    assert!(nodes[0].handle.connected().is_empty());
    eventually("the peer is dialled again", || nodes[0].handle.counters().links_opened >= 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_peer_is_connected_again() {
    let mut nodes = nodes(3).await;
    mesh(&nodes).await;
    let old = nodes.remove(1);
    old.handle.shutdown().await;
    eventually("the others notice", || nodes.iter().all(|node| node.handle.connected().len() == 1)).await;
    let new = old.restart().await;
    new.allow(&[&nodes[0], &nodes[1]]);
    eventually("the restarted peer has its links", || {
        new.handle.connected().len() == 2 && nodes.iter().all(|node| node.handle.connected().len() == 2)
    })
    .await;
    new.handle.broadcast(&batch(9, 0, 10));
    for node in &mut nodes {
        assert_eq!(receive(node, 10).await[&new.key()], batch(9, 0, 10));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_dials_settle_to_one_working_link_for_each_pair() {
    let mut nodes = cluster::nodes_with(4, |config| config.dial_patience = Duration::ZERO).await;
    mesh(&nodes).await;
    eventually("one link for each pair", || {
        nodes.iter().all(|node| {
            let counters = node.handle.counters();
            counters.links_opened - counters.links_lost == 3 && node.handle.connected().len() == 3
        })
    })
    .await;
    tokio::time::sleep(SECOND / 2).await;
    let opened: Vec<u64> = nodes.iter().map(|node| node.handle.counters().links_opened).collect();
    for node in &nodes {
        node.handle.broadcast(&batch(1, 0, 10));
    }
    for node in &mut nodes {
        assert_eq!(receive(node, 30).await.len(), 3);
    }
    tokio::time::sleep(SECOND / 2).await;
    let later: Vec<u64> = nodes.iter().map(|node| node.handle.counters().links_opened).collect();
    assert_eq!(opened, later, "the links have not settled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_two_ledgers_exchange_nothing() {
    let mut nodes = nodes(1).await;
    let mut other = CHAIN;
    other.0[0] ^= 1;
    nodes.push(Node::start(1, other, |_| {}).await);
    nodes[0].allow(&[&nodes[1]]);
    nodes[1].allow(&[&nodes[0]]);
    nodes[0].handle.broadcast(&batch(0, 0, 10));
    receive_nothing(&mut nodes[1], SECOND).await;
    assert!(nodes.iter().all(|node| node.handle.connected().is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_key_at_a_peers_address_is_not_taken_for_the_peer() {
    let mut nodes = nodes(2).await;
    let absent = SecretKey::from_seed(&[77; 32]).public();
    let [a, impostor] = &mut nodes[..] else { unreachable!() };
    a.handle.set_peers(vec![AllowedPeer { key: absent, address: impostor.address.clone() }]);
    impostor.allow(&[a]);
    a.handle.broadcast(&batch(0, 0, 10));
    eventually("the impostor was dialled", || a.handle.counters().dials_failed >= 2).await;
    receive_nothing(impostor, SECOND / 4).await;
    assert!(a.handle.connected().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_address_cannot_be_dialled_may_still_connect() {
    let mut nodes = nodes(2).await;
    let unreachable = |node: &Node| AllowedPeer { key: node.key(), address: "/dns4/example.org/tcp/1".into() };
    nodes[0].handle.set_peers(vec![unreachable(&nodes[1])]);
    nodes[1].allow(&[&nodes[0]]);
    nodes[0].handle.broadcast(&batch(0, 0, 10));
    assert_eq!(receive(&mut nodes[1], 10).await[&nodes[0].key()], batch(0, 0, 10));
    eventually("the other direction stands too", || nodes[1].sees(&nodes[0])).await;
    nodes[1].handle.set_peers(vec![unreachable(&nodes[0])]);
    tokio::time::sleep(SECOND / 10).await;
    assert!(nodes[1].sees(&nodes[0]), "a new address must not end a link that works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_printed_for_debugging_shows_no_transaction() {
    let mut nodes = nodes(2).await;
    mesh(&nodes).await;
    nodes[0].handle.broadcast(&[Bytes::from_static(b"canary canary canary")]);
    let event = nodes[1].events.recv().await;
    let printed = format!("{event:?} {:?} {:?}", nodes[0].handle, nodes[1].handle);
    assert!(!printed.contains("canary") && printed.contains("1 transactions from peer"), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_occupied_port_is_named_with_its_remedy() {
    let nodes = nodes(1).await;
    let address = nodes[0].address.clone();
    let error = Node::try_start(5, CHAIN, |config| config.listen = address.clone()).await.map(drop).unwrap_err();
    assert!(matches!(error, NetworkError::Occupied { .. }));
    let sentence = error.to_string();
    assert!(sentence.contains(&address) && sentence.contains("another exchange address"), "{sentence}");
    let error = Node::try_start(5, CHAIN, |config| config.listen = "/dns4/example.org/tcp/1".into()).await.map(drop).unwrap_err();
    assert!(matches!(error, NetworkError::Address(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_ends_every_task_and_frees_the_port() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let nodes = nodes(3).await;
    mesh(&nodes).await;
    for node in &nodes {
        node.handle.shutdown().await;
        assert!(node.handle.connected().is_empty());
        let port = exchange_address(&node.address).unwrap().to_string().rsplit('/').next().unwrap().parse::<u16>().unwrap();
        std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    }
    drop(nodes);
    eventually("no task is left", || tokio::runtime::Handle::current().metrics().num_alive_tasks() <= before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_last_handle_stops_the_network() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    drop(nodes(2).await);
    eventually("no task is left", || tokio::runtime::Handle::current().metrics().num_alive_tasks() <= before).await;
}

/// The adversary, a member, is kept out by node 0; nodes 0 and 1 serve each other meanwhile and afterwards.
async fn excluded_and_others_served(nodes: &mut [Node]) {
    let adversary = public_key(&adversary::member().public().to_peer_id()).unwrap();
    eventually("the adversary is kept out", || nodes[0].handle.counters().exclusions == 1).await;
    assert!(!nodes[0].handle.connected().contains(&adversary));
    let sent = batch(3, 0, 50);
    nodes[1].handle.broadcast(&sent);
    assert_eq!(receive(&mut nodes[0], 50).await[&nodes[1].key()], sent);
    let answer = nodes[0].handle.fetch(&nodes[1].key(), &[stored(2).0], SECOND * 5).await;
    assert_eq!(answer, Ok(vec![Some(stored(2).1)]));
    assert_eq!(nodes[0].handle.counters().exclusions, 1, "an honest node was kept out");
}
