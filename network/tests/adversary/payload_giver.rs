//! What all false givers share: a member that answers every payload question with the same bytes.

use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use inro_contracts::key::PublicKey;

use super::{member, protocol};
use crate::cluster::Node;

/// What the giver does after its bytes.
#[derive(Clone, Copy)]
pub enum After {
    /// Ends the stream.
    End,
    /// Keeps it open and silent.
    Stay,
    /// Writes a byte now and then.
    Trickle,
}

/// The announcement of so many bytes, with no authorisation, written out as on the wire.
pub fn found(total: u64) -> Vec<u8> {
    [&[13, 0, 0, 0, 0][..], &total.to_le_bytes(), &[0; 4]].concat()
}

/// A piece, written out as on the wire.
pub fn piece(length: u32) -> Vec<u8> {
    [length.to_le_bytes().to_vec(), vec![7; length as usize]].concat()
}

pub async fn join(nodes: &[Node], answer: Vec<u8>, after: After) -> PublicKey {
    let (control, _, mut asked) = super::join(nodes, |control| control.accept(protocol("payload")).unwrap()).await;
    tokio::spawn(async move {
        while let Some((_, mut stream)) = asked.next().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut length = [0; 4];
                let _ = stream.read_exact(&mut length).await;
                let mut question = vec![0; u32::from_le_bytes(length).min(4096) as usize];
                let _ = stream.read_exact(&mut question).await;
                let _ = stream.write_all(&answer).await;
                let _ = stream.flush().await;
                match after {
                    After::End => drop(stream.close().await),
                    After::Stay => tokio::time::sleep(Duration::from_secs(20)).await,
                    After::Trickle => {
                        while stream.write_all(&[1]).await.is_ok() && stream.flush().await.is_ok() {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
            });
        }
        drop(control);
    });
    inro_network::public_key(&member().public().to_peer_id()).unwrap()
}
