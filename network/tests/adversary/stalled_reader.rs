//! `stalled_reader`: a member that accepts the node's stream and never reads from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;

use super::protocol;
use crate::cluster::Node;

pub struct StalledReader {
    held: Arc<AtomicUsize>,
}

impl StalledReader {
    /// How many streams it holds without reading them.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

pub async fn join(nodes: &[Node]) -> StalledReader {
    let (control, _, mut incoming) = super::join(nodes, |control| control.accept(protocol("transactions")).unwrap()).await;
    let reader = StalledReader { held: Arc::default() };
    let count = reader.held.clone();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Some(stream) = incoming.next().await {
            held.push(stream);
            count.store(held.len(), Ordering::Relaxed);
        }
        drop(control);
    });
    reader
}
