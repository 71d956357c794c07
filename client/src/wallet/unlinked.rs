//! Several transactions of one person that nobody can tell belong together: one per account, in a random order, each after a
//! random pause, over a connection of its own, with its own nonce and its own `void_after`.
//!
//! What it does not hide: the node they are sent to sees one address; with several nodes, each transaction goes to one of them.

use std::time::Duration;

use inro_contracts::id::Label;
use inro_contracts::parameters::Parameters;
use inro_contracts::time::Time;
use inro_contracts::transaction::SignedTransaction;
use rand::Rng;
use rand::seq::SliceRandom;
use tokio::task::JoinSet;

use crate::model::Committed;
use crate::{ClientError, NodeClient};

/// When transactions are sent and until when they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Now, by the ledger's clock.
    pub now: Time,
    /// The pauses are spread over this time.
    pub spread: Duration,
    /// A transaction holds for this long at most, in milliseconds, and for three quarters of it at least.
    pub holds_ms: u64,
}

impl Timing {
    /// Two seconds for all of them; each holds for two minutes, unless the ledger's parameters say less.
    pub fn usual(now: Time, parameters: &Parameters) -> Self {
        Self { now, spread: Duration::from_secs(2), holds_ms: 120_000.min(parameters.void_after_ms_max / 2) }
    }
}

/// When one account's transaction is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Planned {
    /// The account.
    pub account: Label,
    /// How long to wait first.
    pub pause: Duration,
    /// When the transaction becomes void.
    pub void_after: Time,
}

/// Draws order, pauses and times.
pub fn plan(accounts: impl IntoIterator<Item = Label>, timing: Timing) -> Vec<Planned> {
    let mut random = rand::rngs::OsRng;
    let mut accounts: Vec<Label> = accounts.into_iter().collect();
    accounts.shuffle(&mut random);
    let spread_ms = timing.spread.as_millis() as u64;
    // One transaction has nothing to be told apart from.
    let last_ms = if accounts.len() > 1 { spread_ms } else { 0 };
    let mut planned: Vec<Planned> = accounts
        .into_iter()
        .map(|account| {
            let pause_ms = random.gen_range(0..=last_ms);
            let holds_ms = timing.holds_ms - random.gen_range(0..=timing.holds_ms / 4);
            Planned { account, pause: Duration::from_millis(pause_ms), void_after: timing.now.plus_ms(pause_ms + holds_ms) }
        })
        .collect();
    planned.sort_by_key(|planned| planned.pause);
    planned
}

/// Sends signed transactions by a plan and waits until each is committed; the answers stand in the order in which they came.
pub async fn send(
    nodes: &[NodeClient],
    signed: Vec<(Planned, SignedTransaction)>,
    timeout: Duration,
    mut done: impl FnMut(usize),
) -> Vec<(Label, Result<Committed, ClientError>)> {
    let mut waiting = JoinSet::new();
    let mut answers = Vec::with_capacity(signed.len());
    for (planned, transaction) in signed {
        let Some(node) = nodes.choose(&mut rand::rngs::OsRng).cloned() else { continue };
        waiting.spawn(async move {
            tokio::time::sleep(planned.pause).await;
            // A connection of its own, so that the node cannot tell by it which transactions belong together.
            let answer = match node.beside(node.url()) {
                Ok(node) => node.commit(&transaction, timeout).await,
                Err(error) => Err(error),
            };
            (planned.account, answer)
        });
    }
    while let Some(answer) = waiting.join_next().await {
        // A task here neither panics nor is aborted.
        if let Ok(answer) = answer {
            answers.push(answer);
            done(answers.len());
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TIMING: Timing = Timing { now: Time(1_000_000), spread: Duration::from_secs(2), holds_ms: 120_000 };

    fn labels(count: u8) -> Vec<Label> {
        (0..count).map(|number| Label([number; 32])).collect()
    }

    #[test]
    fn a_plan_has_every_account_once_and_stays_within_its_times() {
        let plan = plan(labels(100), TIMING);
        assert_eq!(plan.iter().map(|planned| planned.account).collect::<BTreeSet<_>>().len(), 100);
        for planned in &plan {
            assert!(planned.pause <= TIMING.spread);
            let holds = planned.void_after.0 - TIMING.now.0 - planned.pause.as_millis() as u64;
            assert!((90_000..=120_000).contains(&holds), "{holds}");
        }
        assert!(plan.windows(2).all(|pair| pair[0].pause <= pair[1].pause));
    }

    #[test]
    fn neither_order_nor_times_follow_from_the_accounts() {
        let (one, other) = (plan(labels(50), TIMING), plan(labels(50), TIMING));
        let order = |plan: &[Planned]| plan.iter().map(|planned| planned.account).collect::<Vec<_>>();
        assert!(order(&one) != order(&other) && order(&one) != labels(50));
        let times: BTreeSet<_> = one.iter().map(|planned| planned.void_after).collect();
        assert!(times.len() > 40, "{}", times.len());
    }

    #[test]
    fn a_single_transaction_does_not_wait() {
        assert_eq!(plan(labels(1), TIMING)[0].pause, Duration::ZERO);
        assert!(plan([], TIMING).is_empty());
    }
}
