//! The revocation checker: was any access granted, or any payload released, that came after a revocation or seal had been
//! acknowledged?
//!
//! Every operation is recorded with the moments of its call and of its return on one monotonic clock, and with its place on the
//! ledger. Operations whose answer was lost are looked up on the ledger first: without that, races are missed. Then a reference
//! model goes through the operations in the ledger's order, and the ledger's order is held against real time.
//!
//! A release has no place of its own in the ledger's order: bytes leave in real time. So it is held against the moments at which
//! withdrawals were acknowledged. In a history with releases a withdrawal therefore counts as returned when **the custodian's own
//! node** acknowledged it; another node may be a block ahead of the custodian's, and an honest custodian cannot know.

use std::time::{Duration, Instant};

use inro_contracts::id::TransactionId;

/// Where an operation stands on the ledger: height, and place in the block.
pub type Place = (u64, u32);

/// For how long bytes that an honest custodian let go before a withdrawal may still be on their way to the reader, and through the
/// reader's checks, when all of it shares one busy machine.
pub const UNDER_WAY_MAX: Duration = Duration::from_secs(3);

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// The right to read was given.
    Permit,
    /// The right was taken away: a revocation, or a seal on everything.
    Withdraw,
    /// Somebody asked to read, and was granted it or not.
    Access {
        /// What the ledger decided.
        granted: bool,
    },
    /// A payload came to the reader. Its id is the access's; it was called when it was asked for and returned when all of it was
    /// there; its place is that of the custodian's statement that it was handed over.
    Released,
}

/// One operation as it was seen from outside.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its transaction.
    pub id: TransactionId,
    /// What it was.
    pub deed: Deed,
    /// When it was called.
    pub called: Instant,
    /// When success was reported, if it was.
    pub returned: Option<Instant>,
    /// Where it stands; `None` if it is on no block.
    pub place: Option<Place>,
}

/// What must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// Success was reported for something that is in no block.
    ReportedButNotCommitted(TransactionId),
    /// The second was called after the first had returned, and stands before it.
    AgainstRealTime(TransactionId, TransactionId),
    /// The ledger's decision is not what the model decides at this place.
    WrongDecision(TransactionId),
    /// A payload was released for an access that was not granted, or is in no block.
    ReleasedWithoutAccess(TransactionId),
    /// The first's payload came although it was asked for only after the second, a withdrawal, had returned.
    ReleasedAfterWithdrawal(TransactionId, TransactionId),
    /// The first's payload was asked for before the second, a withdrawal, had returned, and came so long after it that it cannot
    /// have been on its way.
    ReleasedLate(TransactionId, TransactionId),
    /// A payload came, and the ledger shows no statement of the custodian that it was handed over.
    ReleasedInSilence(TransactionId),
}

/// Checks a history. `released` names further accesses for which a payload was handed over, as the custodian says.
pub fn check(operations: &[Operation], released: &[TransactionId]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let (releases, operations): (Vec<&Operation>, Vec<&Operation>) =
        operations.iter().partition(|operation| operation.deed == Deed::Released);
    for operation in &operations {
        if operation.returned.is_some() && operation.place.is_none() {
            violations.push(Violation::ReportedButNotCommitted(operation.id));
        }
    }
    let mut ordered: Vec<&Operation> = operations.iter().copied().filter(|operation| operation.place.is_some()).collect();
    ordered.sort_by_key(|operation| operation.place);
    against_real_time(&ordered, &mut violations);
    let mut permitted = false;
    for operation in &ordered {
        match operation.deed {
            Deed::Permit => permitted = true,
            Deed::Withdraw => permitted = false,
            Deed::Access { granted } if granted != permitted => violations.push(Violation::WrongDecision(operation.id)),
            Deed::Access { .. } | Deed::Released => {}
        }
    }
    for id in released.iter().chain(releases.iter().map(|release| &release.id)) {
        let found = operations.iter().find(|operation| operation.id == *id);
        let granted = found.is_some_and(|found| found.place.is_some() && found.deed == Deed::Access { granted: true });
        let violation = Violation::ReleasedWithoutAccess(*id);
        if !granted && !violations.contains(&violation) {
            violations.push(violation);
        }
    }
    for release in releases {
        release_against_withdrawals(release, &ordered, &mut violations);
        if release.place.is_none() {
            violations.push(Violation::ReleasedInSilence(release.id));
        }
    }
    violations
}

/// A payload may not be asked for after a withdrawal had returned and come all the same, unless the right was given again.
fn release_against_withdrawals(release: &Operation, ordered: &[&Operation], violations: &mut Vec<Violation>) {
    let Some(came) = release.returned else { return };
    for withdrawal in ordered.iter().filter(|operation| operation.deed == Deed::Withdraw) {
        let Some(withdrawn) = withdrawal.returned else { continue };
        let given_again = ordered
            .iter()
            .any(|operation| operation.deed == Deed::Permit && operation.place > withdrawal.place && operation.called < came);
        if given_again {
            continue;
        }
        if release.called > withdrawn {
            violations.push(Violation::ReleasedAfterWithdrawal(release.id, withdrawal.id));
        } else if came > withdrawn + UNDER_WAY_MAX {
            violations.push(Violation::ReleasedLate(release.id, withdrawal.id));
        }
    }
}

/// Going backwards through the ledger's order: nothing may have returned before something that stands earlier was called.
fn against_real_time(ordered: &[&Operation], violations: &mut Vec<Violation>) {
    let mut earliest_return: Option<(Instant, TransactionId)> = None;
    for operation in ordered.iter().rev() {
        if let Some((returned, later)) = earliest_return
            && operation.called > returned
        {
            violations.push(Violation::AgainstRealTime(later, operation.id));
        }
        if let Some(returned) = operation.returned
            && earliest_return.is_none_or(|(earliest, _)| returned < earliest)
        {
            earliest_return = Some((returned, operation.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> TransactionId {
        TransactionId([number; 32])
    }

    /// Permit at 0 ms, an access at 10 ms, a withdrawal at 20 ms that returns at 40 ms, a denied access at 50 ms.
    fn honest(start: Instant) -> Vec<Operation> {
        let at = |ms| start + Duration::from_millis(ms);
        let operation = |number, deed, called, returned, place| Operation {
            id: id(number),
            deed,
            called: at(called),
            returned: Some(at(returned)),
            place: Some(place),
        };
        vec![
            operation(1, Deed::Permit, 0, 5, (1, 0)),
            operation(2, Deed::Access { granted: true }, 10, 15, (2, 0)),
            operation(3, Deed::Withdraw, 20, 40, (3, 1)),
            operation(4, Deed::Access { granted: true }, 21, 39, (3, 0)),
            operation(5, Deed::Access { granted: false }, 50, 60, (4, 0)),
        ]
    }

    #[test]
    fn an_honest_history_has_no_violation() {
        assert_eq!(check(&honest(Instant::now()), &[id(2), id(4)]), []);
    }

    #[test]
    fn a_custodian_that_uses_its_own_state_or_caches_a_decision_is_caught() {
        // It released for an access that the ledger had denied.
        assert_eq!(check(&honest(Instant::now()), &[id(5)]), [Violation::ReleasedWithoutAccess(id(5))]);
    }

    #[test]
    fn a_release_without_any_access_is_caught() {
        assert_eq!(check(&honest(Instant::now()), &[id(9)]), [Violation::ReleasedWithoutAccess(id(9))]);
    }

    #[test]
    fn a_node_that_decides_on_an_old_state_is_caught() {
        let mut history = honest(Instant::now());
        history[4].deed = Deed::Access { granted: true };
        assert_eq!(check(&history, &[]), [Violation::WrongDecision(id(5))]);
    }

    #[test]
    fn a_revocation_that_is_acknowledged_before_it_is_committed_is_caught() {
        // It returned at 40 ms and was committed only after the access that was called at 50 ms, which was granted.
        let mut history = honest(Instant::now());
        history[2].place = Some((5, 0));
        history[4].deed = Deed::Access { granted: true };
        assert_eq!(check(&history, &[]), [Violation::AgainstRealTime(id(3), id(5))]);
        history[2].place = None;
        assert_eq!(check(&history, &[]), [Violation::ReportedButNotCommitted(id(3))]);
    }

    #[test]
    fn a_lost_answer_is_no_violation_wherever_it_stands() {
        let mut history = honest(Instant::now());
        history[2].returned = None;
        history[2].place = Some((5, 0));
        history[4].deed = Deed::Access { granted: true };
        assert_eq!(check(&history, &[]), []);
    }

    /// The access at 10 ms of the honest history is fetched; its statement stands in block 5.
    fn with_release(start: Instant, called: u64, returned: u64) -> Vec<Operation> {
        let at = |ms| start + Duration::from_millis(ms);
        let mut history = honest(start);
        history.push(Operation {
            id: id(2),
            deed: Deed::Released,
            called: at(called),
            returned: Some(at(returned)),
            place: Some((5, 0)),
        });
        history
    }

    #[test]
    fn a_release_before_or_beside_the_withdrawal_is_no_violation() {
        let start = Instant::now();
        for (called, returned) in [(12, 18), (12, 30), (25, 38), (39, 1_000)] {
            assert_eq!(check(&with_release(start, called, returned), &[id(2)]), [], "{called} to {returned}");
        }
    }

    #[test]
    fn a_release_that_was_asked_for_after_the_withdrawal_had_returned_is_caught() {
        let history = with_release(Instant::now(), 41, 45);
        assert_eq!(check(&history, &[]), [Violation::ReleasedAfterWithdrawal(id(2), id(3))]);
    }

    #[test]
    fn a_pause_between_check_and_send_is_caught() {
        let history = with_release(Instant::now(), 15, 3_041);
        assert_eq!(check(&history, &[]), [Violation::ReleasedLate(id(2), id(3))]);
    }

    #[test]
    fn what_is_released_after_the_right_was_given_again_is_no_violation() {
        let start = Instant::now();
        let mut history = with_release(start, 41, 4_000);
        let again = start + Duration::from_millis(100);
        let again = Operation { id: id(6), deed: Deed::Permit, called: again, returned: None, place: Some((6, 0)) };
        history.push(again);
        assert_eq!(check(&history, &[]), []);
        // Not if it was given only after the payload had come.
        history[6].called = start + Duration::from_millis(4_001);
        assert_eq!(check(&history, &[]), [Violation::ReleasedAfterWithdrawal(id(2), id(3))]);
    }

    #[test]
    fn a_payload_that_came_for_a_denied_access_is_caught_once() {
        let mut history = with_release(Instant::now(), 15, 18);
        history[5].id = id(5);
        assert_eq!(check(&history, &[id(5)]), [Violation::ReleasedWithoutAccess(id(5))]);
    }

    #[test]
    fn a_release_that_nobody_states_is_caught() {
        let mut history = with_release(Instant::now(), 15, 18);
        history[5].place = None;
        assert_eq!(check(&history, &[]), [Violation::ReleasedInSilence(id(2))]);
    }
}
