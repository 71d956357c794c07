//! `false_answerer`: a member that answers a fetch with a transaction nobody asked for.

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use inro_contracts::key::PublicKey;

use super::{member, protocol};
use crate::cluster::{Node, stored};

pub async fn join(nodes: &[Node]) -> PublicKey {
    let (control, _, mut asked) = super::join(nodes, |control| control.accept(protocol("fetch")).unwrap()).await;
    tokio::spawn(async move {
        while let Some((_, mut stream)) = asked.next().await {
            let mut request = [0; 4 + 4 + 32];
            let _ = stream.read_exact(&mut request).await;
            let content = borsh::to_vec(&vec![Some(stored(2).1.to_vec())]).unwrap();
            let _ = stream.write_all(&(content.len() as u32).to_le_bytes()).await;
            let _ = stream.write_all(&content).await;
            let _ = stream.close().await;
        }
        drop(control);
    });
    inro_network::public_key(&member().public().to_peer_id()).unwrap()
}
