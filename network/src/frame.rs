//! Frames: `length: u32` (little-endian), then that many canonical bytes.
//!
//! Lists of transactions are read without copying: each transaction is a slice of the frame's bytes. The layout is Borsh's
//! (`count: u32`, then for each element `length: u32` and its bytes), which a test holds to the Borsh crate.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{AsyncRead, AsyncReadExt};
use inro_contracts::bytes::Canonical;
use inro_contracts::id::TransactionId;
use inro_contracts::tag::Tag;
use inro_contracts::transaction::SignedTransaction;

use crate::error::Misbehaviour;

/// The longest content of a frame of transactions, in bytes.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// The most transactions in one frame.
pub(crate) const FRAME_TRANSACTIONS_MAX: usize = 16_384;
/// The longest transaction, in bytes.
const TRANSACTION_BYTES_MAX: usize = SignedTransaction::BYTES_MAX;
/// While a frame arrives, memory grows by at most this much ahead of what has arrived.
const READ_STEP_BYTES: usize = 256 << 10;

/// A frame of transactions, ready to be written. Copies share the bytes.
#[derive(Clone)]
pub(crate) struct Frame {
    /// Length and content.
    pub bytes: Bytes,
    /// How many transactions.
    pub transactions: u32,
}

/// Writes transactions into as few frames as the limits allow, each transaction copied once. Leaves out the ones that no
/// peer would accept (empty, or too long) and says how many those are.
pub(crate) fn frames(transactions: &[Bytes]) -> (Vec<Frame>, u64) {
    let mut frames = Vec::new();
    let mut left_out = transactions.len() as u64;
    let mut rest = transactions.iter().filter(|bytes| is_sendable(bytes)).peekable();
    while rest.peek().is_some() {
        let mut taken = Vec::new();
        let mut bytes = 4;
        while let Some(next) =
            rest.next_if(|next| taken.len() < FRAME_TRANSACTIONS_MAX && bytes + 4 + next.len() <= FRAME_BYTES_MAX)
        {
            bytes += 4 + next.len();
            taken.push(next);
        }
        left_out -= taken.len() as u64;
        frames.push(frame(&taken, bytes));
    }
    (frames, left_out)
}

/// Would an honest peer accept a transaction of this length?
pub(crate) fn is_sendable(transaction: &Bytes) -> bool {
    (1..=TRANSACTION_BYTES_MAX).contains(&transaction.len())
}

fn frame(transactions: &[&Bytes], content_bytes: usize) -> Frame {
    let mut bytes = BytesMut::with_capacity(4 + content_bytes);
    bytes.put_u32_le(content_bytes as u32);
    bytes.put_u32_le(transactions.len() as u32);
    for transaction in transactions {
        bytes.put_u32_le(transaction.len() as u32);
        bytes.put_slice(transaction);
    }
    Frame { bytes: bytes.freeze(), transactions: transactions.len() as u32 }
}

/// What came instead of a frame.
#[derive(Debug)]
pub(crate) enum NoFrame {
    /// The stream ended or broke.
    Ended,
    /// The peer's fault.
    Misbehaved(Misbehaviour),
}

/// Reads one frame's content of at most `limit` bytes.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Bytes, NoFrame> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.map_err(|_| NoFrame::Ended)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > limit {
        return Err(NoFrame::Misbehaved(Misbehaviour::FrameTooLong { limit, found: length }));
    }
    let mut content = BytesMut::new();
    while content.len() < length {
        let here = content.len();
        content.resize(length.min(here + READ_STEP_BYTES), 0);
        stream.read_exact(&mut content[here..]).await.map_err(|_| NoFrame::Ended)?;
    }
    Ok(content.freeze())
}

/// The transactions of a frame's content.
pub(crate) fn transactions(mut content: Bytes) -> Result<Vec<Bytes>, Misbehaviour> {
    let count = number(&mut content)?;
    if count == 0 || count > FRAME_TRANSACTIONS_MAX {
        return Err(Misbehaviour::Malformed("a list without transactions, or with too many"));
    }
    // Capacity by what the content can hold, not by what it claims: the shortest transaction takes 5 bytes.
    let mut transactions = Vec::with_capacity(count.min(content.len() / 5));
    for _ in 0..count {
        transactions.push(transaction(&mut content)?);
    }
    nothing_left(&content)?;
    Ok(transactions)
}

/// A request for transactions: length and content.
pub(crate) fn request(ids: &[TransactionId]) -> Bytes {
    let content_bytes = request_bytes(ids.len());
    let mut bytes = BytesMut::with_capacity(4 + content_bytes);
    bytes.put_u32_le(content_bytes as u32);
    bytes.put_u32_le(ids.len() as u32);
    ids.iter().for_each(|id| bytes.put_slice(id.as_bytes()));
    bytes.freeze()
}

/// How long the content of a request for so many ids is.
pub(crate) const fn request_bytes(ids: usize) -> usize {
    4 + 32 * ids
}

/// The ids that a request's content asks for.
pub(crate) fn ids(mut content: Bytes) -> Result<Vec<TransactionId>, Misbehaviour> {
    let count = number(&mut content)?;
    if count == 0 || count.checked_mul(32) != Some(content.len()) {
        return Err(Misbehaviour::Malformed("a request without ids, or with another length than its ids"));
    }
    let id = |bytes: &[u8]| {
        let mut id = [0; 32];
        id.copy_from_slice(bytes);
        TransactionId(id)
    };
    Ok(content.chunks_exact(32).map(id).collect())
}

/// How many bytes of an answer one transaction takes.
pub(crate) fn answer_bytes(transaction: Option<&Bytes>) -> usize {
    transaction.map_or(1, |bytes| 5 + bytes.len())
}

/// Appends one element of an answer.
pub(crate) fn put_answer(transaction: Option<&Bytes>, into: &mut Vec<u8>) {
    match transaction {
        None => into.push(0),
        Some(bytes) => {
            into.push(1);
            into.put_u32_le(bytes.len() as u32);
            into.extend_from_slice(bytes);
        }
    }
}

/// The transactions of an answer's content, each checked against the id that was asked for.
pub(crate) fn answers(mut content: Bytes, ids: &[TransactionId]) -> Result<Vec<Option<Bytes>>, Misbehaviour> {
    if number(&mut content)? != ids.len() {
        return Err(Misbehaviour::Malformed("an answer to another number of ids"));
    }
    let mut answers = Vec::with_capacity(ids.len());
    for id in ids {
        if !content.has_remaining() {
            return Err(Misbehaviour::Malformed("an answer that ends early"));
        }
        answers.push(match content.get_u8() {
            0 => None,
            1 => Some(transaction(&mut content)?),
            _ => return Err(Misbehaviour::Malformed("neither present nor absent")),
        });
        if let Some(Some(bytes)) = answers.last()
            && TransactionId::from(Tag::TRANSACTION_ID.hash(&[bytes])) != *id
        {
            return Err(Misbehaviour::WrongTransaction);
        }
    }
    nothing_left(&content)?;
    Ok(answers)
}

fn number(content: &mut Bytes) -> Result<usize, Misbehaviour> {
    if content.remaining() < 4 {
        return Err(Misbehaviour::Malformed("bytes that end within a number"));
    }
    Ok(content.get_u32_le() as usize)
}

fn transaction(content: &mut Bytes) -> Result<Bytes, Misbehaviour> {
    let length = number(content)?;
    if !(1..=TRANSACTION_BYTES_MAX).contains(&length) {
        return Err(Misbehaviour::Malformed("a transaction that is empty or too long"));
    }
    if length > content.len() {
        return Err(Misbehaviour::Malformed("bytes that end within a transaction"));
    }
    Ok(content.split_to(length))
}

fn nothing_left(content: &Bytes) -> Result<(), Misbehaviour> {
    if content.is_empty() { Ok(()) } else { Err(Misbehaviour::Malformed("bytes after the end")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: usize, bytes: usize) -> Vec<Bytes> {
        (0..count).map(|i| Bytes::from(vec![i as u8; bytes])).collect()
    }

    fn plain(transactions: &[Bytes]) -> Vec<Vec<u8>> {
        transactions.iter().map(|bytes| bytes.to_vec()).collect()
    }

    #[test]
    fn a_frame_is_its_length_and_the_borsh_bytes_of_the_list() {
        let sent = some(3, 300);
        let (frames, left_out) = frames(&sent);
        assert_eq!((frames.len(), left_out), (1, 0));
        let content = borsh::to_vec(&plain(&sent)).unwrap();
        assert_eq!(frames[0].bytes[..4], (content.len() as u32).to_le_bytes());
        assert_eq!(frames[0].bytes[4..], content);
        assert_eq!(transactions(frames[0].bytes.slice(4..)).unwrap(), sent);
    }

    #[test]
    fn a_large_batch_is_cut_into_frames_within_the_limits_and_in_order() {
        for (count, bytes) in [(2_000, 4_096), (40_000, 1)] {
            let sent = some(count, bytes);
            let (frames, _) = frames(&sent);
            assert!(frames.iter().all(|frame| frame.bytes.len() <= 4 + FRAME_BYTES_MAX));
            let received: Vec<Bytes> = frames.iter().flat_map(|frame| transactions(frame.bytes.slice(4..)).unwrap()).collect();
            assert_eq!(received, sent);
        }
    }

    #[test]
    fn what_no_peer_would_accept_is_left_out_and_counted() {
        let (frames, left_out) =
            frames(&[Bytes::new(), Bytes::from_static(b"x"), Bytes::from(vec![0; TRANSACTION_BYTES_MAX + 1])]);
        assert_eq!((frames.len(), frames[0].transactions, left_out), (1, 1, 2));
        assert_eq!(super::frames(&[]).0.len(), 0);
    }

    #[test]
    fn every_cut_and_every_lengthening_of_a_frame_is_malformed() {
        let content = frames(&some(3, 40)).0[0].bytes.slice(4..);
        for end in 0..content.len() {
            assert!(transactions(content.slice(..end)).is_err());
        }
        let mut longer = content.to_vec();
        longer.push(0);
        assert!(transactions(longer.into()).is_err());
    }

    #[test]
    fn a_count_that_lies_sets_no_memory_aside() {
        for count in [0, 16_384, 16_385, u32::MAX] {
            assert!(transactions(Bytes::from(count.to_le_bytes().to_vec())).is_err());
            assert!(ids(Bytes::from(count.to_le_bytes().to_vec())).is_err());
        }
    }

    #[test]
    fn a_request_and_its_answer_have_the_borsh_layout() {
        let present = Bytes::from_static(b"present");
        let asked = [TransactionId([7; 32]), Tag::TRANSACTION_ID.hash(&[&present]).into()];
        let request = request(&asked);
        assert_eq!(request[4..], borsh::to_vec(&asked.to_vec()).unwrap());
        assert_eq!(ids(request.slice(4..)).unwrap(), asked);

        let mut answer = 2u32.to_le_bytes().to_vec();
        put_answer(None, &mut answer);
        put_answer(Some(&present), &mut answer);
        assert_eq!(answer, borsh::to_vec(&vec![None, Some(present.to_vec())]).unwrap());
        assert_eq!(answer.len(), 4 + answer_bytes(None) + answer_bytes(Some(&present)));
        assert_eq!(answers(answer.clone().into(), &asked).unwrap(), [None, Some(present)]);
        for end in 0..answer.len() {
            assert!(answers(Bytes::from(answer[..end].to_vec()), &asked).is_err());
        }
    }

    #[test]
    fn an_answer_with_another_transaction_is_false() {
        let mut answer = 1u32.to_le_bytes().to_vec();
        put_answer(Some(&Bytes::from_static(b"other")), &mut answer);
        assert_eq!(answers(answer.into(), &[TransactionId([1; 32])]), Err(Misbehaviour::WrongTransaction));
    }

    #[test]
    fn an_announced_length_over_the_limit_is_refused_before_the_content_is_read() {
        let bytes = (FRAME_BYTES_MAX as u32 + 1).to_le_bytes();
        let read = futures::executor::block_on(read(&mut &bytes[..], FRAME_BYTES_MAX));
        assert!(matches!(read, Err(NoFrame::Misbehaved(Misbehaviour::FrameTooLong { .. }))));
    }
}
