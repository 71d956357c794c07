//! `garbage_asker`: a member whose questions about payloads mean nothing, or announce a length without end.

use super::payload_asker::PayloadAsker;

pub async fn ask_nonsense(asker: &mut PayloadAsker) -> Option<libp2p::Stream> {
    asker.say(&[5, 0, 0, 0, 9, 9, 9, 9, 9]).await
}

pub async fn ask_without_end(asker: &mut PayloadAsker) -> Option<libp2p::Stream> {
    asker.say(&u32::MAX.to_le_bytes()).await
}
