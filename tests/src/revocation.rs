//! The revocation checker: was any access granted, or any payload released, that came after a revocation or seal had been
//! acknowledged?
//!
//! Every operation is recorded with the moments of its call and of its return on one monotonic clock, and with its place on the
//! ledger. Operations whose answer was lost are looked up on the ledger first: without that, races are missed. Then a reference
//! model goes through the operations in the ledger's order, and the ledger's order is held against real time.

use std::time::Instant;

use inro_contracts::id::TransactionId;

/// Where an operation stands on the ledger: height, and place in the block.
pub type Place = (u64, u32);

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
}

/// Checks a history. `released` names the accesses for which a payload was handed over, or arrived.
pub fn check(operations: &[Operation], released: &[TransactionId]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for operation in operations {
        if operation.returned.is_some() && operation.place.is_none() {
            violations.push(Violation::ReportedButNotCommitted(operation.id));
        }
    }
    let mut ordered: Vec<&Operation> = operations.iter().filter(|operation| operation.place.is_some()).collect();
    ordered.sort_by_key(|operation| operation.place);
    against_real_time(&ordered, &mut violations);
    let mut permitted = false;
    for operation in &ordered {
        match operation.deed {
            Deed::Permit => permitted = true,
            Deed::Withdraw => permitted = false,
            Deed::Access { granted } if granted != permitted => violations.push(Violation::WrongDecision(operation.id)),
            Deed::Access { .. } => {}
        }
    }
    for id in released {
        let found = operations.iter().find(|operation| operation.id == *id);
        let granted = found.is_some_and(|found| found.place.is_some() && found.deed == Deed::Access { granted: true });
        if !granted {
            violations.push(Violation::ReleasedWithoutAccess(*id));
        }
    }
    violations
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
    use std::time::Duration;

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
}
