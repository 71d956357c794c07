//! Blocks in bytes, outside the ledger's own hashes: the body of a proposal, a block that waits for its decision, and a block
//! for a node that catches up. All three are bounded when they are read.

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, Malformed, encode};
use inro_contracts::entry::Outcome;
use inro_contracts::id::TransactionId;
use inro_contracts::transaction::{ParsedTransaction, SignedTransaction, VerifiedTransaction};

/// Most transactions that any block can have, whatever the parameters say.
const TRANSACTIONS_MAX: usize = 50_000;
/// Bodies up to this size carry their transactions; larger ones name them, because every validator has most of them already.
const INLINE_BYTES_MAX: usize = 96 * 1024;

/// One transaction in a proposal's body.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Item {
    /// By its id.
    Known(TransactionId),
    /// In full.
    Full(Vec<u8>),
}

/// A proposal's body.
pub fn body_of(transactions: &[VerifiedTransaction]) -> Vec<u8> {
    let bytes: usize = transactions.iter().map(|transaction| transaction.bytes().len() + 5).sum();
    let item = |transaction: &VerifiedTransaction| match bytes <= INLINE_BYTES_MAX {
        true => Item::Full(transaction.bytes().to_vec()),
        false => Item::Known(transaction.id()),
    };
    encode(&transactions.iter().map(item).collect::<Vec<_>>())
}

/// Reads a proposal's body.
pub fn items_of(body: &[u8]) -> Result<Vec<Item>, Malformed> {
    list(body, 1)
}

/// A block that waits for its decision, in full.
pub fn waiting_bytes(header: &Header, transactions: &[VerifiedTransaction]) -> Vec<u8> {
    let size = transactions.iter().map(|transaction| transaction.bytes().len() + 4).sum::<usize>() + 512;
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&encode(header));
    bytes.extend_from_slice(&(transactions.len() as u32).to_le_bytes());
    for transaction in transactions {
        bytes.extend_from_slice(&(transaction.bytes().len() as u32).to_le_bytes());
        bytes.extend_from_slice(transaction.bytes());
    }
    bytes
}

/// Reads [`waiting_bytes`].
pub fn waiting_of(bytes: &[u8]) -> Result<(Header, Vec<Vec<u8>>), Malformed> {
    let mut rest = bytes;
    let header = Header::deserialize(&mut rest).map_err(malformed)?;
    Ok((header, list(rest, 4)?))
}

/// A committed block for a node that catches up: like [`waiting_bytes`], from the stored entries.
pub fn synced_bytes(header: &Header, entries: &[Vec<u8>]) -> Result<Vec<u8>, Malformed> {
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.len() + 4).sum::<usize>() + 512);
    bytes.extend_from_slice(&encode(header));
    bytes.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    for entry in entries {
        let transaction = transaction_part(entry)?;
        bytes.extend_from_slice(&(transaction.len() as u32).to_le_bytes());
        bytes.extend_from_slice(transaction);
    }
    Ok(bytes)
}

/// The transaction's bytes in an entry's bytes: all but the outcome, which stands last.
pub fn transaction_part(entry: &[u8]) -> Result<&[u8], Malformed> {
    let mut rest = entry;
    SignedTransaction::deserialize(&mut rest).map_err(malformed)?;
    let (transaction, outcome) = entry.split_at(entry.len() - rest.len());
    borsh::from_slice::<Outcome>(outcome).map_err(malformed)?;
    Ok(transaction)
}

/// Parses transactions, each within its bound.
pub fn parse_all(transactions: Vec<Vec<u8>>) -> Result<Vec<ParsedTransaction>, Malformed> {
    transactions.into_iter().map(ParsedTransaction::parse).collect()
}

/// Reads a list whose elements take at least `least` bytes each; nothing may be left over.
fn list<T: BorshDeserialize>(bytes: &[u8], least: usize) -> Result<Vec<T>, Malformed> {
    let count = bytes.get(..4).and_then(|count| count.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let limit = TRANSACTIONS_MAX.min(bytes.len() / least);
    if count > limit {
        return Err(Malformed::TooLong { limit, found: count });
    }
    if bytes.len() > 2 * 16 * 1024 * 1024 {
        return Err(Malformed::TooLong { limit: 2 * 16 * 1024 * 1024, found: bytes.len() });
    }
    borsh::from_slice(bytes).map_err(malformed)
}

fn malformed(error: std::io::Error) -> Malformed {
    Malformed::Decode(error.to_string())
}

/// The largest body that a block of these parameters can have: every transaction in full, with its length.
pub fn body_bytes_max() -> usize {
    16 * 1024 * 1024 + TRANSACTIONS_MAX * 5 + SignedTransaction::BYTES_MAX
}
