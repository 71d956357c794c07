//! Pieces with flow control: the same for a fetch and a deposit, only that the giver is the one side or the other.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::door::SealedSource;
use super::frames::{self, Refusal, Say};
use super::pace::Pace;
use crate::counters::Count;
use crate::error::Misbehaviour;
use crate::frame::NoFrame;

/// The length of every piece but the last, in bytes.
pub const PIECE_BYTES: usize = 256 << 10;
/// How many bytes may be under way or wait at the taker.
pub const WINDOW_BYTES: u64 = 2 << 20;
/// The taker grants more after it has consumed so many bytes.
const GRANT_BYTES: u64 = WINDOW_BYTES / 4;
/// Stands in place of a length or a grant when a frame follows.
const FRAME_FOLLOWS: u32 = 0;

/// Why a flow of pieces broke.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The stream ended.
    Ended,
    /// No whole piece moved for too long.
    Stalled,
    /// The other side broke the protocol.
    Misbehaved(Misbehaviour),
    /// The other side said why it does not go on.
    Refused(Refusal),
    /// This side cannot go on.
    Own(Refusal),
}

impl From<NoFrame> for Broken {
    fn from(no_frame: NoFrame) -> Self {
        match no_frame {
            NoFrame::Ended => Self::Ended,
            NoFrame::Misbehaved(what) => Self::Misbehaved(what),
        }
    }
}

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Self {
        Self::Ended
    }
}

/// Both directions of a stream.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// Runs a step of a transfer for at most so long.
pub(crate) async fn within<T, E>(idle: Duration, step: impl Future<Output = Result<T, E>>) -> Result<T, Broken>
where
    Broken: From<E>,
{
    match tokio::time::timeout(idle, step).await {
        Ok(done) => done.map_err(Broken::from),
        Err(_) => Err(Broken::Stalled),
    }
}

/// Says why this side does not go on, to a peer that expects a length or a grant.
pub(crate) async fn stop(stream: &mut impl Duplex, refusal: Refusal) -> std::io::Result<()> {
    conclude(stream, &Say::Refused(refusal)).await
}

/// Says a last word to a peer that expects a length or a grant.
pub(crate) async fn conclude(stream: &mut impl Duplex, last: &Say) -> std::io::Result<()> {
    stream.write_all(&FRAME_FOLLOWS.to_le_bytes()).await?;
    frames::write(stream, last).await
}

/// The giving side of a transfer.
pub(crate) struct Giver<'a> {
    left: u64,
    credit: u64,
    idle: Duration,
    pace: &'a Pace,
}

impl<'a> Giver<'a> {
    /// Gives so many bytes, no faster than `pace`.
    pub fn new(length: u64, idle: Duration, pace: &'a Pace) -> Self {
        Self { left: length, credit: WINDOW_BYTES, idle, pace }
    }

    /// Gives everything and ends this direction of the stream. One piece is read ahead while another is written.
    pub async fn give(&mut self, stream: &mut impl Duplex, source: &mut dyn SealedSource, given: &Count) -> Result<(), Broken> {
        let mut ready = self.gather(source).await;
        loop {
            let piece = match ready {
                Ok(piece) if piece.is_empty() => break,
                Ok(piece) => piece,
                Err(refusal) => {
                    // If the taker does not hear why, it sees the stream end.
                    let _ = tokio::time::timeout(self.idle, stop(stream, refusal)).await;
                    return Err(Broken::Own(refusal));
                }
            };
            self.left -= bytes_of(&piece);
            self.pace.pass(bytes_of(&piece)).await;
            let (credit, idle) = (&mut self.credit, self.idle);
            let writing = within(idle, write_piece(stream, credit, &piece));
            let (written, next) = futures::join!(writing, gather(source, self.left, idle));
            written?;
            given.add(4 + bytes_of(&piece));
            ready = next;
        }
        within(self.idle, stream.close()).await
    }

    /// Waits for the taker's last word; its grants no longer matter.
    pub async fn last_word(&mut self, stream: &mut impl Duplex) -> Result<Say, Broken> {
        within(self.idle, async {
            // At most a window's worth of grants can be on their way.
            for _ in 0..=WINDOW_BYTES / GRANT_BYTES + 1 {
                if read_number(stream).await? == FRAME_FOLLOWS {
                    return Ok(frames::read::<Say>(stream).await?);
                }
            }
            Err(Broken::Misbehaved(MORE_THAN_TAKEN))
        })
        .await
    }

    async fn gather(&self, source: &mut dyn SealedSource) -> Result<Vec<Bytes>, Refusal> {
        gather(source, self.left, self.idle).await
    }
}

const MORE_THAN_TAKEN: Misbehaviour = Misbehaviour::Malformed("more granted than was taken");

fn bytes_of(piece: &[Bytes]) -> u64 {
    piece.iter().map(|part| part.len() as u64).sum()
}

/// The next piece, in the parts in which the source has it. Empty when nothing is left.
async fn gather(source: &mut dyn SealedSource, left: u64, idle: Duration) -> Result<Vec<Bytes>, Refusal> {
    let mut wanted = left.min(PIECE_BYTES as u64) as usize;
    let mut parts = Vec::new();
    while wanted > 0 {
        let part = match tokio::time::timeout(idle, source.next(wanted)).await {
            Ok(part) => part?,
            Err(_) => return Err(fault("gave nothing for too long")),
        };
        if part.is_empty() || part.len() > wanted {
            return Err(fault("gave another number of bytes than its object has"));
        }
        wanted -= part.len();
        parts.push(part);
    }
    Ok(parts)
}

fn fault(what: &str) -> Refusal {
    tracing::error!(what, "a source of sealed bytes on this node failed; look for a slow disk, or report this as a bug");
    Refusal::Fault
}

async fn write_piece(stream: &mut impl Duplex, credit: &mut u64, piece: &[Bytes]) -> Result<(), Broken> {
    let length = bytes_of(piece);
    while *credit < length {
        match read_number(stream).await? {
            FRAME_FOLLOWS => return Err(refused(stream).await),
            more if *credit + u64::from(more) > WINDOW_BYTES => return Err(Broken::Misbehaved(MORE_THAN_TAKEN)),
            more => *credit += u64::from(more),
        }
    }
    *credit -= length;
    let written = async {
        stream.write_all(&(length as u32).to_le_bytes()).await?;
        for part in piece {
            stream.write_all(part).await?;
        }
        stream.flush().await
    };
    match written.await {
        Ok(()) => Ok(()),
        Err(_) => Err(why_it_ended(stream).await),
    }
}

/// A taker that breaks off says why before it ends the stream; the reason may lie behind grants that were not read yet.
async fn why_it_ended(stream: &mut impl Duplex) -> Broken {
    for _ in 0..=WINDOW_BYTES / GRANT_BYTES {
        match read_number(stream).await {
            Ok(FRAME_FOLLOWS) => return refused(stream).await,
            Ok(_) => {}
            Err(_) => return Broken::Ended,
        }
    }
    Broken::Ended
}

/// Reads the frame with which the other side breaks off.
async fn refused(stream: &mut impl Duplex) -> Broken {
    match frames::read::<Say>(stream).await {
        Ok(Say::Refused(refusal)) => Broken::Refused(refusal),
        Ok(_) => Broken::Misbehaved(Misbehaviour::Malformed("another answer where only a refusal may stand")),
        Err(no_frame) => no_frame.into(),
    }
}

/// The taking side of a transfer.
pub(crate) struct Taker {
    left: u64,
    /// How much of what is left the giver may not send yet.
    withheld: u64,
    /// How much was consumed since the last grant.
    consumed: u64,
    /// The length of the piece that the caller has in hand.
    in_hand: u64,
    idle: Duration,
}

impl Taker {
    /// Takes so many bytes.
    pub fn new(length: u64, idle: Duration) -> Self {
        Self { left: length, withheld: length.saturating_sub(WINDOW_BYTES), consumed: 0, in_hand: 0, idle }
    }

    /// The next piece; `None` when all are there and the giver has ended the stream. Asking for the next one says that the
    /// last one was consumed.
    pub async fn next(&mut self, stream: &mut impl Duplex, taken: &Count) -> Result<Option<Bytes>, Broken> {
        let idle = self.idle;
        let piece = within(idle, self.take(stream)).await?;
        taken.add(piece.as_ref().map_or(0, |piece| 4 + piece.len() as u64));
        Ok(piece)
    }

    async fn take(&mut self, stream: &mut impl Duplex) -> Result<Option<Bytes>, Broken> {
        self.grant(stream).await?;
        if self.left == 0 {
            return match stream.read(&mut [0]).await {
                Ok(1..) => Err(Broken::Misbehaved(Misbehaviour::Malformed("bytes after the last piece"))),
                _ => Ok(None),
            };
        }
        let expected = self.left.min(PIECE_BYTES as u64);
        match read_number(stream).await? {
            FRAME_FOLLOWS => return Err(refused(stream).await),
            length if u64::from(length) != expected => {
                return Err(Broken::Misbehaved(Misbehaviour::Malformed("a piece of another length")));
            }
            _ => {}
        }
        let mut piece = BytesMut::zeroed(expected as usize);
        stream.read_exact(&mut piece).await?;
        self.left -= expected;
        self.in_hand = expected;
        Ok(Some(piece.freeze()))
    }

    /// Grants what was consumed, once it is enough, and as long as the giver still waits for grants.
    async fn grant(&mut self, stream: &mut impl Duplex) -> std::io::Result<()> {
        self.consumed += std::mem::take(&mut self.in_hand);
        let more = self.consumed.min(self.withheld);
        if self.consumed < GRANT_BYTES || more == 0 {
            return Ok(());
        }
        self.consumed = 0;
        self.withheld -= more;
        let mut bytes = BytesMut::with_capacity(4);
        bytes.put_u32_le(more as u32);
        stream.write_all(&bytes).await?;
        stream.flush().await
    }
}

/// Reads on until the other side ends the stream, so that nothing it still sends hits a closed door and takes our last word
/// with it. Bounded in bytes and time.
pub(crate) async fn linger(stream: &mut impl Duplex, idle: Duration) {
    let mut rest = vec![0; 16 << 10];
    let mut room = WINDOW_BYTES + (64 << 10);
    let reading = async {
        while let Ok(read @ 1..) = stream.read(&mut rest).await {
            room = room.saturating_sub(read as u64);
            if room == 0 {
                return;
            }
        }
    };
    // A peer that does not end its stream in time loses it; it has had its answer.
    let _ = tokio::time::timeout(idle, reading).await;
}

async fn read_number(stream: &mut impl Duplex) -> Result<u32, Broken> {
    let mut number = [0; 4];
    stream.read_exact(&mut number).await?;
    Ok(u32::from_le_bytes(number))
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use async_trait::async_trait;
    use proptest::prelude::*;

    use super::*;

    /// A peer that has said everything already, and hears everything.
    struct Script {
        said: futures::io::Cursor<Vec<u8>>,
        heard: Vec<u8>,
    }

    impl AsyncRead for Script {
        fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<std::io::Result<usize>> {
            Pin::new(&mut self.said).poll_read(context, into)
        }
    }

    impl AsyncWrite for Script {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
            self.heard.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    struct Zeros {
        total: u64,
        left: u64,
        read: u64,
    }

    #[async_trait]
    impl SealedSource for Zeros {
        fn total(&self) -> u64 {
            self.total
        }

        async fn next(&mut self, most: usize) -> Result<Bytes, Refusal> {
            let length = self.left.min(most as u64).min(70_000);
            self.left -= length;
            self.read += length;
            Ok(Bytes::from(vec![0; length as usize]))
        }
    }

    const IDLE: Duration = Duration::from_secs(5);

    fn said(bytes: Vec<u8>) -> Script {
        Script { said: futures::io::Cursor::new(bytes), heard: Vec::new() }
    }

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    /// Takes until the end or an error; how many bytes came.
    fn take(script: &mut Script, length: u64) -> (u64, Result<(), Broken>) {
        wait(async {
            let (mut taker, mut came) = (Taker::new(length, IDLE), 0);
            loop {
                match taker.next(script, &Count::default()).await {
                    Ok(Some(piece)) => came += piece.len() as u64,
                    Ok(None) => return (came, Ok(())),
                    Err(broken) => return (came, Err(broken)),
                }
            }
        })
    }

    fn give(script: &mut Script, length: u64, total: u64) -> (u64, Result<(), Broken>) {
        let mut source = Zeros { total, left: total, read: 0 };
        let pace = Pace::new(None);
        let given = wait(Giver::new(length, IDLE, &pace).give(script, &mut source, &Count::default()));
        (source.read, given)
    }

    #[test]
    fn what_a_giver_says_a_taker_takes() {
        for length in [0, 1, PIECE_BYTES as u64, PIECE_BYTES as u64 * 3 + 1, WINDOW_BYTES] {
            let mut script = said(Vec::new());
            assert!(give(&mut script, length, length).1.is_ok());
            let (came, taken) = take(&mut said(script.heard), length);
            assert!(taken.is_ok() && came == length, "{taken:?} after {came} of {length} bytes");
        }
    }

    #[test]
    fn a_giver_without_grants_stops_at_the_window() {
        let mut script = said(Vec::new());
        let (_, given) = give(&mut script, WINDOW_BYTES + 1, WINDOW_BYTES + 1);
        assert!(matches!(given, Err(Broken::Ended)));
        assert!(script.heard.len() as u64 <= WINDOW_BYTES + 4 * 8);
    }

    #[test]
    fn a_taker_grants_no_more_than_it_consumed_and_no_more_than_is_left() {
        let length = WINDOW_BYTES * 3 + 17;
        let mut pieces = Vec::new();
        let mut left = length;
        while left > 0 {
            let piece = left.min(PIECE_BYTES as u64);
            pieces.extend((piece as u32).to_le_bytes());
            pieces.resize(pieces.len() + piece as usize, 0);
            left -= piece;
        }
        let mut script = said(pieces);
        assert!(take(&mut script, length).1.is_ok());
        let grants: u64 = script.heard.chunks(4).map(|grant| u64::from(u32::from_le_bytes(grant.try_into().unwrap()))).sum();
        assert_eq!(grants, length - WINDOW_BYTES);
    }

    #[test]
    fn a_source_that_ends_early_or_gives_too_much_is_this_nodes_fault_and_is_said_so() {
        let mut script = said(Vec::new());
        let (_, given) = give(&mut script, 1_000, 900);
        assert!(matches!(given, Err(Broken::Own(Refusal::Fault))));
        let fault = frames::bytes(&Say::Refused(Refusal::Fault));
        assert_eq!(script.heard, [&[0, 0, 0, 0], &fault[..]].concat());
        assert!(matches!(take(&mut said(script.heard), 1_000).1, Err(Broken::Refused(Refusal::Fault))));
    }

    #[test]
    fn a_last_word_is_found_behind_the_grants() {
        let mut bytes = vec![0, 0, 8, 0, 0, 0, 8, 0];
        bytes.extend([0, 0, 0, 0]);
        bytes.extend_from_slice(&frames::bytes(&Say::Done));
        let pace = Pace::new(None);
        let said_last = wait(Giver::new(0, IDLE, &pace).last_word(&mut said(bytes)));
        assert!(matches!(said_last, Ok(Say::Done)));
        let endless = wait(Giver::new(0, IDLE, &pace).last_word(&mut said(vec![1; 4_000])));
        assert!(matches!(endless, Err(Broken::Misbehaved(_))));
    }

    proptest! {
        #[test]
        fn whatever_a_giver_says_a_taker_neither_panics_nor_takes_more_than_was_announced(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 0u64..600,
        ) {
            let (came, _) = take(&mut said(bytes), length);
            prop_assert!(came <= length);
        }

        #[test]
        fn a_taker_of_whole_pieces_stops_at_the_first_false_byte(cut in 0usize..280, junk in any::<u8>()) {
            let whole = [&256u32.to_le_bytes()[..], &[7; 256]].concat();
            let cut = cut.min(whole.len());
            let mut bytes = whole[..cut].to_vec();
            if cut == whole.len() {
                bytes.push(junk);
            }
            let (_, taken) = take(&mut said(bytes), 256);
            prop_assert!(taken.is_err());
        }

        #[test]
        fn whatever_a_taker_says_a_giver_gives_no_more_than_its_window_and_what_was_granted(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let granted: u64 = bytes.chunks_exact(4).map(|more| u64::from(u32::from_le_bytes(more.try_into().unwrap()))).sum();
            let mut script = said(bytes);
            let (read, _) = give(&mut script, 4 * WINDOW_BYTES, 4 * WINDOW_BYTES);
            prop_assert!(read <= WINDOW_BYTES + granted + 2 * PIECE_BYTES as u64);
        }
    }
}
