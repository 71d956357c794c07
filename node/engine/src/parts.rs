//! Block bodies on their way: cut into parts by the proposer, put together again by the others, within bounds.
//!
//! Parts carry no signature. What they make is bound by the block's id, which the proposer signs; a body that does not fit its
//! header is judged invalid by execution.

use std::collections::BTreeMap;

use bytes::Bytes;
use inro_contracts::block::Header;
use malachite::app::engine::util::streaming::{StreamContent, StreamId, StreamMessage};
use malachite::app::types::PeerId;

use crate::Proposed;
use crate::context::{Height, Part};

/// The size of one part's piece of a body.
const PIECE_BYTES: usize = 256 * 1024;
/// How many unfinished streams one publisher may have.
const STREAMS_MAX: usize = 4;
/// How many parts may be missing at most, whatever the body's size.
const PARTS_MAX: u64 = 256;

/// Cuts a block into the messages of one stream. `number` tells this node's streams apart.
pub(crate) fn cut(number: u64, round: u32, proposed: &Proposed) -> Vec<StreamMessage<Part>> {
    let height = Height(proposed.header.height.0);
    let stream = StreamId::new(Bytes::copy_from_slice(&number.to_be_bytes()));
    let init = Part::Init { height, round, header: Box::new(proposed.header.clone()), body_bytes: proposed.body.len() as u32 };
    let pieces = proposed.body.chunks(PIECE_BYTES).map(|piece| Part::Data(piece.to_vec()));
    let contents = std::iter::once(init).chain(pieces).map(StreamContent::Data).chain([StreamContent::Fin]);
    contents.enumerate().map(|(sequence, content)| StreamMessage::new(stream.clone(), sequence as u64, content)).collect()
}

/// A block put together from all of its parts.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub height: Height,
    pub round: u32,
    pub header: Header,
    pub body: Bytes,
}

#[derive(Debug, Default)]
struct Stream {
    parts: BTreeMap<u64, Part>,
    length: Option<u64>,
    bytes: usize,
    /// The order of arrival, to drop the oldest.
    number: u64,
}

/// Streams that are not complete yet.
#[derive(Debug)]
pub(crate) struct Assembler {
    streams: BTreeMap<(PeerId, StreamId), Stream>,
    body_bytes_max: usize,
    next: u64,
}

impl Assembler {
    pub fn new(body_bytes_max: usize) -> Self {
        Self { streams: BTreeMap::new(), body_bytes_max, next: 0 }
    }

    /// Adds a part; returns the block when it was the last one missing. Parts beyond the bounds end their stream.
    pub fn add(&mut self, publisher: PeerId, message: StreamMessage<Part>) -> Option<Assembled> {
        let key = (publisher, message.stream_id.clone());
        if message.sequence > PARTS_MAX {
            self.streams.remove(&key);
            return None;
        }
        if !self.streams.contains_key(&key) {
            self.make_room(&publisher);
            self.next += 1;
            self.streams.insert(key.clone(), Stream { number: self.next, ..Stream::default() });
        }
        let stream = self.streams.get_mut(&key)?;
        match message.content {
            StreamContent::Fin => stream.length = Some(message.sequence),
            StreamContent::Data(part) => {
                if let Part::Data(piece) = &part {
                    stream.bytes += piece.len();
                }
                stream.parts.entry(message.sequence).or_insert(part);
            }
        }
        if stream.bytes > self.body_bytes_max {
            self.streams.remove(&key);
            return None;
        }
        let complete = stream.length.is_some_and(|length| stream.parts.len() as u64 == length);
        if complete { self.streams.remove(&key).and_then(join) } else { None }
    }

    /// Drops all unfinished streams of heights that are decided.
    pub fn forget(&mut self, decided: Height) {
        self.streams.retain(|_, stream| match stream.parts.get(&0) {
            Some(Part::Init { height, .. }) => *height > decided,
            _ => true,
        });
    }

    fn make_room(&mut self, publisher: &PeerId) {
        let own = self.streams.iter().filter(|((peer, _), _)| peer == publisher);
        let oldest = own.clone().min_by_key(|(_, stream)| stream.number).map(|(key, _)| key.clone());
        if own.count() >= STREAMS_MAX
            && let Some(key) = oldest
        {
            self.streams.remove(&key);
        }
    }
}

fn join(stream: Stream) -> Option<Assembled> {
    let mut parts = stream.parts.into_iter();
    let (0, Part::Init { height, round, header, body_bytes }) = parts.next()? else { return None };
    let mut body = Vec::with_capacity(stream.bytes);
    for (index, (sequence, part)) in parts.enumerate() {
        let Part::Data(piece) = part else { return None };
        if sequence != index as u64 + 1 {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    (body.len() == body_bytes as usize && header.height.0 == height.0).then(|| Assembled {
        height,
        round,
        header: *header,
        body: body.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use inro_contracts::id::{BlockId, ChainId, Hash};
    use inro_contracts::key::PublicKey;
    use inro_contracts::time::{Height as H, Time};

    fn proposed(bytes: usize) -> Proposed {
        let zero = Hash([0; 32]);
        let header = Header {
            chain: ChainId([1; 32]),
            height: H(7),
            time: Time(1),
            parent: BlockId([0; 32]),
            entries: 0,
            entries_root: zero,
            state_root: zero,
            history_root: zero,
            validators: zero,
            next_validators: zero,
            proposer: PublicKey([2; 32]),
        };
        Proposed { header, body: Bytes::from((0..bytes).map(|i| i as u8).collect::<Vec<_>>()) }
    }

    fn some_peer() -> PeerId {
        let key = libp2p::identity::Keypair::ed25519_from_bytes([7; 32]).unwrap();
        PeerId::from_bytes(&key.public().to_peer_id().to_bytes()).unwrap()
    }

    #[test]
    fn a_block_survives_being_cut_in_any_order_of_arrival() {
        for bytes in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES - 1] {
            let block = proposed(bytes);
            let mut messages = cut(3, 2, &block);
            messages.reverse();
            let mut assembler = Assembler::new(8 << 20);
            let publisher = some_peer();
            let mut found = None;
            for message in messages {
                assert!(found.is_none(), "complete before its last part");
                found = assembler.add(publisher, message);
            }
            let found = found.expect("complete");
            assert_eq!((found.height, found.round, &found.header), (Height(7), 2, &block.header));
            assert_eq!(found.body, block.body);
        }
    }

    #[test]
    fn a_publisher_that_never_finishes_its_streams_keeps_only_a_few() {
        let mut assembler = Assembler::new(8 << 20);
        let publisher = some_peer();
        for number in 0..1000 {
            let message = cut(number, 0, &proposed(10)).swap_remove(1);
            assert!(assembler.add(publisher, message).is_none());
        }
        assert!(assembler.streams.len() <= STREAMS_MAX);
    }

    #[test]
    fn a_body_beyond_the_bound_ends_its_stream() {
        let mut assembler = Assembler::new(PIECE_BYTES);
        let publisher = some_peer();
        for message in cut(0, 0, &proposed(3 * PIECE_BYTES)) {
            assert!(assembler.add(publisher, message).is_none());
        }
    }

    #[test]
    fn a_part_far_beyond_any_body_is_dropped() {
        let mut assembler = Assembler::new(PIECE_BYTES);
        let message =
            StreamMessage::new(StreamId::new(Bytes::from_static(b"x")), u64::MAX, StreamContent::Data(Part::Data(vec![0; 10])));
        assert!(assembler.add(some_peer(), message).is_none());
        assert!(assembler.streams.is_empty());
    }
}
