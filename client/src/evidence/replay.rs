//! A node proves the state after its last block only. What the state was before an older block follows from the blocks: here they
//! are read and executed again, and each must give the header that the node serves.

use inro_contracts::genesis::Founding;
use inro_contracts::memory::MemoryLedger;
use inro_contracts::time::Height;
use inro_contracts::transaction::{ParsedTransaction, VerifiedTransaction};
use inro_evidence::make::{self, Unmade};
use inro_evidence::{Certified, DecisionStatement};

use super::NoEvidence;
use crate::NodeClient;
use crate::model::{At, BlockAnswer};

/// The decision at `index` of `head`'s block.
pub(super) async fn decision(
    node: &NodeClient,
    founding: &Founding,
    head: Certified,
    index: u32,
    mut seen: impl FnMut(u64, u64),
) -> Result<DecisionStatement, NoEvidence> {
    let last = head.header.height.0;
    let mut ledger = MemoryLedger::found(founding);
    for height in 1..last {
        append(&mut ledger, node.block(At::Height(Height(height))).await?)?;
        seen(height, last);
    }
    let before = ledger.clone();
    append(&mut ledger, node.block(At::Height(Height(last))).await?)?;
    seen(last, last);
    Ok(make::decision(&before, &ledger, head, index)?)
}

fn append(ledger: &mut MemoryLedger, block: BlockAnswer) -> Result<(), Unmade> {
    let height = block.header.height;
    let differs = || Unmade::Ledger(format!("block {height} executed again is another one"));
    let transactions: Vec<VerifiedTransaction> =
        block.entries.iter().map(|answer| replayed(answer.entry().transaction)).collect();
    let built = ledger.build(block.header.time, block.header.proposer, &transactions).map_err(|_| differs())?;
    if built.header != block.header {
        return Err(differs());
    }
    Ok(ledger.commit(&built, &transactions)?)
}

/// Signatures are not checked here: the header of the last block is certified, and it binds every block before it. A transaction
/// that its signer did not sign was let in by a quorum.
fn replayed(transaction: inro_contracts::transaction::SignedTransaction) -> VerifiedTransaction {
    ParsedTransaction::from(transaction).with_claims_checked()
}
