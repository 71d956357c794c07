//! What waits to be written to one peer: bounded in bytes, never in the sender's way.
//!
//! Urgent frames (seals, revocations, governance: rule L-10) go before the others and are dropped last.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::frame::Frame;

/// Whether frames go before others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Before the others.
    Urgent,
    /// In order.
    Usual,
}

/// The frames that wait for one peer.
pub(crate) struct Queue {
    bytes_max: usize,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    urgent: VecDeque<Frame>,
    usual: VecDeque<Frame>,
    bytes: usize,
}

impl Queue {
    /// An empty queue that keeps at most `bytes_max` bytes (and always the newest frame).
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, waiting: Mutex::default(), arrived: Notify::new() }
    }

    /// Appends frames; returns how many older ones were dropped for them.
    pub fn push(&self, frames: &[Frame], urgency: Urgency) -> u64 {
        let mut dropped = 0;
        let mut waiting = self.lock();
        for frame in frames {
            waiting.append(frame.clone(), urgency);
            while waiting.bytes > self.bytes_max && waiting.len() > 1 {
                waiting.drop_oldest();
                dropped += 1;
            }
        }
        drop(waiting);
        self.arrived.notify_one();
        dropped
    }

    /// The next frame to write; waits for one. One task at a time may wait.
    pub async fn next(&self) -> Frame {
        loop {
            if let Some(frame) = self.lock().take() {
                return frame;
            }
            self.arrived.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.urgent.len() + self.usual.len()
    }

    fn append(&mut self, frame: Frame, urgency: Urgency) {
        self.bytes += frame.bytes.len();
        match urgency {
            Urgency::Urgent => self.urgent.push_back(frame),
            Urgency::Usual => self.usual.push_back(frame),
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let frame = self.urgent.pop_front().or_else(|| self.usual.pop_front())?;
        self.bytes -= frame.bytes.len();
        Some(frame)
    }

    /// Drops the oldest usual frame before any urgent one. A usual frame that finds only urgent ones before it goes itself.
    fn drop_oldest(&mut self) {
        if let Some(frame) = self.usual.pop_front().or_else(|| self.urgent.pop_front()) {
            self.bytes -= frame.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures::FutureExt;

    fn frame(name: u8) -> Frame {
        Frame { bytes: Bytes::from(vec![name; 100]), transactions: 1 }
    }

    fn names(queue: &Queue) -> Vec<u8> {
        std::iter::from_fn(|| queue.next().now_or_never()).map(|frame| frame.bytes[0]).collect()
    }

    #[test]
    fn frames_leave_in_order_and_the_oldest_are_dropped_when_the_queue_is_full() {
        let queue = Queue::new(300);
        assert_eq!(queue.push(&[frame(1), frame(2), frame(3)], Urgency::Usual), 0);
        assert_eq!(queue.push(&[frame(4), frame(5)], Urgency::Usual), 2);
        assert_eq!(names(&queue), [3, 4, 5]);
        assert_eq!(queue.lock().bytes, 0);
    }

    #[test]
    fn urgent_frames_leave_first_and_are_dropped_last() {
        let queue = Queue::new(300);
        queue.push(&[frame(1), frame(2)], Urgency::Usual);
        queue.push(&[frame(101), frame(102)], Urgency::Urgent);
        assert_eq!(queue.push(&[frame(3)], Urgency::Usual), 1);
        assert_eq!(names(&queue), [101, 102, 3]);
    }

    #[test]
    fn a_frame_longer_than_the_queue_is_kept_while_it_is_alone() {
        let queue = Queue::new(10);
        assert_eq!(queue.push(&[frame(1), frame(2)], Urgency::Usual), 1);
        assert_eq!(names(&queue), [2]);
    }
}
