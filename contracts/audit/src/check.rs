//! What can be checked of a block without the blocks before it, and so on many cores: form, signatures, the root over its entries.

use borsh::BorshDeserialize;
use inro_contracts::block::Header;
use inro_contracts::bytes::Canonical;
use inro_contracts::certificate::Certificate;
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::id::{BlockId, ChainId, Hash};
use inro_contracts::key::{Claim, hold_each};
use inro_contracts::merkle;
use inro_contracts::transaction::{ParsedTransaction, SignedTransaction, VerifiedTransaction};
use rand_core::{CryptoRng, RngCore};

use crate::export::Block;

/// A block whose form and signatures were looked at.
#[derive(Debug)]
pub struct Checked {
    pub header: Header,
    /// The hash of the header.
    pub id: BlockId,
    pub certificate: Certificate,
    /// Which of the certificate's signatures does not hold, if one does not.
    pub false_vote: Option<usize>,
    /// The root over the entries as they are.
    pub entries_root: Hash,
    pub entries: Vec<CheckedEntry>,
    /// How many signatures were checked.
    pub signatures: u64,
}

/// An entry that was looked at.
#[derive(Debug)]
pub enum CheckedEntry {
    /// It has not the form of an entry.
    Malformed(String),
    /// The transaction, what became of it, and which of its signatures does not hold, if one does not. It is taken for verified
    /// all the same: what a ledger did with it is replayed, so that what follows can be checked.
    Parsed(VerifiedTransaction, Outcome, Option<usize>),
}

/// Looks at many blocks; all their signatures are checked in one batch.
pub fn check<R: RngCore + CryptoRng>(chain: &ChainId, blocks: Vec<Block>, random: &mut R) -> Vec<Checked> {
    let mut parsed = Vec::with_capacity(blocks.len());
    let mut claims: Vec<Vec<Claim>> = Vec::new();
    for block in blocks {
        claims.push(block.certificate.claims(chain));
        let entries_root = merkle::root(&block.entries.iter().map(|entry| merkle::leaf_hash(entry)).collect::<Vec<_>>());
        let entries: Vec<_> = block.entries.iter().map(|entry| parse(entry)).collect();
        claims.extend(entries.iter().flatten().map(|(transaction, _)| transaction.claims()));
        parsed.push((block.header, block.certificate, entries_root, entries));
    }
    let groups: Vec<&[Claim]> = claims.iter().map(Vec::as_slice).collect();
    let mut verdicts = claims.iter().zip(hold_each(&groups, random));
    // One verdict for each group, in order; a verdict that is missing would be a false one.
    let mut verdict =
        || verdicts.next().map_or((Some(0), 0), |(claims, holds)| (first_false(claims, holds), claims.len() as u64));
    let mut checked = Vec::with_capacity(parsed.len());
    for (header, certificate, entries_root, entries) in parsed {
        let (false_vote, mut signatures) = verdict();
        let entries = entries
            .into_iter()
            .map(|entry| match entry {
                Err(why) => CheckedEntry::Malformed(why),
                Ok((transaction, outcome)) => {
                    let (false_signature, count) = verdict();
                    signatures += count;
                    CheckedEntry::Parsed(transaction.with_claims_checked(), outcome, false_signature)
                }
            })
            .collect();
        checked.push(Checked { id: header.id(), header, certificate, false_vote, entries_root, entries, signatures });
    }
    checked
}

fn first_false(claims: &[Claim], holds: bool) -> Option<usize> {
    // A group that does not hold has a claim that does not.
    if holds { None } else { Some(claims.iter().position(|claim| !claim.holds()).unwrap_or(0)) }
}

fn parse(bytes: &[u8]) -> Result<(ParsedTransaction, Outcome), String> {
    if bytes.len() > Entry::BYTES_MAX {
        return Err(format!("{} bytes where at most {} are allowed", bytes.len(), Entry::BYTES_MAX));
    }
    let mut rest = bytes;
    let transaction = SignedTransaction::deserialize(&mut rest).map_err(|error| format!("the transaction: {error}"))?;
    let length = bytes.len() - rest.len();
    if length > SignedTransaction::BYTES_MAX {
        return Err(format!("a transaction of {length} bytes where at most {} are allowed", SignedTransaction::BYTES_MAX));
    }
    let outcome: Outcome = borsh::from_slice(rest).map_err(|error| format!("the outcome: {error}"))?;
    Ok((ParsedTransaction::from(transaction), outcome))
}
