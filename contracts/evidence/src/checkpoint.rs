//! Checkpoints: the ledger's history in the words of the [C2SP](https://c2sp.org) specifications `tlog-checkpoint`, `signed-note`
//! and `tlog-cosignature`, so that any witness and any auditor of transparency logs can read them (`docs/spec/witness.md`).
//!
//! The checkpoint of a header covers the header's own block: its size is the height and one, for the genesis counts too. A witness
//! cosigns it (`cosignature/v1`, Ed25519) and so states that the ledger never showed it anything that this tree does not continue.
//!
//! What this refuses to do: to hold a checkpoint of another kind of log, to pass over a byte, to say whether a cosignature is
//! recent enough.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inro_contracts::block::Header;
use inro_contracts::history::{HistoryFault, check_consistency, check_inclusion, root_after};
use inro_contracts::id::{ChainId, Hash};
use inro_contracts::key::{PublicKey, SecretKey, Signature};
use sha2::{Digest, Sha256};

/// The longest signed checkpoint that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// Most signatures of one checkpoint.
pub const SIGNATURES_MAX: usize = 64;
/// The longest name of a key, in bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// The latest time of a cosignature, in seconds since 1970.
pub const TIME_MAX: u64 = i64::MAX as u64;

/// Timestamped Ed25519 cosignatures, in the list of `signed-note`.
const COSIGNATURE_V1: u8 = 0x04;
const ORIGIN: &str = "inro/";

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCheckpoint {
    /// The bytes are no signed checkpoint of an Inro ledger.
    #[error("malformed checkpoint: {0}")]
    Malformed(String),
    /// They are one, and a signature does not hold, or the one that is looked for is missing.
    #[error("false checkpoint: {0}")]
    False(String),
}

/// Why a text is no witness's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a witness's key: {0}")]
pub struct BadVerifierKey(String);

/// A tree over the ids of the blocks, the genesis first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger.
    pub chain: ChainId,
    /// How many ids.
    pub size: u64,
    /// The RFC 6962 root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The checkpoint of a header that is believed. `path` is the path of its block in the tree of its height and one.
    pub fn of(header: &Header, path: &[Hash]) -> Result<Self, HistoryFault> {
        let root = root_after(&header.history_root, header.height.0, &header.id(), path)?;
        // The root's path was bounded, so the height is far from the last number.
        Ok(Self { chain: header.chain, size: header.height.0 + 1, root })
    }

    /// Is the header's block in this tree?
    pub fn holds(&self, header: &Header, path: &[Hash]) -> Result<(), HistoryFault> {
        check_inclusion(&self.root, self.size, header.height.0, &header.id(), path)
    }

    /// Is the older tree the beginning of this one?
    pub fn continues(&self, older: &Self, path: &[Hash]) -> Result<(), HistoryFault> {
        check_consistency(&self.root, self.size, &older.root, older.size, path)
    }

    /// The text that is signed: three lines.
    pub fn body(&self) -> String {
        format!("{ORIGIN}{}\n{}\n{}\n", self.chain.to_hex(), self.size, STANDARD.encode(self.root.0))
    }

    fn from_body(text: &str) -> Result<Self, BadCheckpoint> {
        let lines: Vec<_> = text.split_terminator('\n').collect();
        let [origin, size, root] = lines.as_slice() else {
            return Err(malformed(format!("{} lines where a ledger's checkpoint has 3", lines.len())));
        };
        let chain = origin.strip_prefix(ORIGIN).and_then(|hex| hex.parse().ok());
        let chain = chain.ok_or_else(|| malformed("the origin is no Inro ledger"))?;
        let size = size.parse().ok().filter(|size| *size > 0).ok_or_else(|| malformed("the size is no number of blocks"))?;
        let root = STANDARD.decode(root).ok().and_then(|bytes| Some(Hash(bytes.try_into().ok()?)));
        let checkpoint = Self { chain, size, root: root.ok_or_else(|| malformed("the root is no hash"))? };
        // Numbers and hexadecimal digits have other spellings; one is right.
        if checkpoint.body() == text { Ok(checkpoint) } else { Err(malformed("it is not written in the one right way")) }
    }
}

/// A checkpoint with its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What is signed.
    pub checkpoint: Checkpoint,
    signatures: Vec<NoteSignature>,
}

/// One signature line. Of unknown keys nothing is understood but the line's form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl SignedCheckpoint {
    /// Parses a signed note.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadCheckpoint> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(malformed(format!("{} bytes where at most {NOTE_BYTES_MAX} are allowed", bytes.len())));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        if note.chars().any(|character| character < ' ' && character != '\n') {
            return Err(malformed("it holds a control character"));
        }
        let end = note.rfind("\n\n").ok_or_else(|| malformed("no blank line ends its text"))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        if !lines.ends_with('\n') {
            return Err(malformed("no line break ends its last signature"));
        }
        let signatures: Vec<_> = lines.split_terminator('\n').map(NoteSignature::from_line).collect::<Result<_, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(malformed(format!("{} signatures where at most {SIGNATURES_MAX} are allowed", signatures.len())));
        }
        Ok(Self { checkpoint: Checkpoint::from_body(text)?, signatures })
    }

    /// When the witness cosigned it, in seconds since 1970. Every signature that names the key has to hold.
    pub fn cosigned_by(&self, key: &VerifierKey) -> Result<u64, BadCheckpoint> {
        let body = self.checkpoint.body();
        let own = self.signatures.iter().filter(|line| line.name == key.name && line.id == key.id());
        let times = own.map(|line| line.time_of(key, &body)).collect::<Result<Vec<_>, _>>()?;
        times.into_iter().max().ok_or_else(|| BadCheckpoint::False(format!("{} has not signed it", key.name)))
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.checkpoint.body())?;
        self.signatures.iter().try_for_each(|line| {
            let bytes = [line.id.as_slice(), &line.signature].concat();
            writeln!(f, "— {} {}", line.name, STANDARD.encode(bytes))
        })
    }
}

impl NoteSignature {
    fn from_line(line: &str) -> Result<Self, BadCheckpoint> {
        let parts = line.strip_prefix("— ").and_then(|rest| rest.split_once(' '));
        let (name, signature) = parts.ok_or_else(|| malformed("a signature line is not a dash, a name and a signature"))?;
        check_name(name).map_err(malformed)?;
        let bytes = STANDARD.decode(signature).map_err(|_| malformed("a signature is not in base 64"))?;
        match bytes.split_first_chunk() {
            Some((id, rest)) if !rest.is_empty() => Ok(Self { name: name.into(), id: *id, signature: rest.into() }),
            _ => Err(malformed("a signature is too short")),
        }
    }

    fn time_of(&self, key: &VerifierKey, body: &str) -> Result<u64, BadCheckpoint> {
        let refuse = |what: &str| BadCheckpoint::False(format!("the signature of {} {what}", key.name));
        let (time, signature) = self.signature.split_first_chunk().ok_or_else(|| refuse("is too short"))?;
        let time = u64::from_be_bytes(*time);
        let signature = Signature(signature.try_into().map_err(|_| refuse("is not an Ed25519 cosignature"))?);
        if time > TIME_MAX || !key.key.verifies(&message(time, body), &signature) {
            return Err(refuse("does not hold"));
        }
        Ok(time)
    }
}

/// A witness's name and public key; its text is a *vkey* of `signed-note`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: PublicKey,
}

impl VerifierKey {
    /// A key under a name: not empty, without spaces and plus signs. An address without its scheme is usual.
    pub fn new(name: &str, key: PublicKey) -> Result<Self, BadVerifierKey> {
        check_name(name).map_err(|what| BadVerifierKey(what.into()))?;
        if key.is_weak() {
            return Err(BadVerifierKey("it is not a sound Ed25519 key".into()));
        }
        Ok(Self { name: name.into(), key })
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    fn material(&self) -> Vec<u8> {
        [&[COSIGNATURE_V1], self.key.0.as_slice()].concat()
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, &self.material())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, to_hex(&self.id()), STANDARD.encode(self.material()))
    }
}

impl FromStr for VerifierKey {
    type Err = BadVerifierKey;

    fn from_str(text: &str) -> Result<Self, BadVerifierKey> {
        let bad = |what: &str| BadVerifierKey(what.into());
        // The key's base 64 may hold further plus signs.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it is written NAME+ID+KEY, as `inro key vkey` prints it"));
        };
        let material = STANDARD.decode(material).map_err(|_| bad("the key is not in base 64"))?;
        let key = match material.split_first() {
            Some((&COSIGNATURE_V1, key)) => key.try_into().map_err(|_| bad("an Ed25519 key has 32 bytes"))?,
            _ => return Err(bad("it is not for timestamped Ed25519 cosignatures (type 4)")),
        };
        let parsed = Self::new(name, PublicKey(key))?;
        if parsed.to_string() == text { Ok(parsed) } else { Err(bad("the id does not belong to this name and key")) }
    }
}

/// A witness's secret side.
#[derive(Debug, Clone)]
pub struct Cosigner {
    key: VerifierKey,
    secret: SecretKey,
}

impl Cosigner {
    /// A witness under a name. Its key signs nothing else: a cosignature does not say the name.
    pub fn new(name: &str, secret: SecretKey) -> Result<Self, BadVerifierKey> {
        Ok(Self { key: VerifierKey::new(name, secret.public())?, secret })
    }

    /// What others check its cosignatures with.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    /// Cosigns at a time in seconds since 1970.
    pub fn cosign(&self, checkpoint: Checkpoint, time: u64) -> SignedCheckpoint {
        let time = time.min(TIME_MAX);
        let signature = self.secret.sign_untagged(&message(time, &checkpoint.body()));
        let signature = [time.to_be_bytes().as_slice(), &signature.0].concat();
        let line = NoteSignature { name: self.key.name.clone(), id: self.key.id(), signature };
        SignedCheckpoint { checkpoint, signatures: vec![line] }
    }
}

fn message(time: u64, body: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{body}").into_bytes()
}

fn key_id(name: &str, material: &[u8]) -> [u8; 4] {
    let hash: [u8; 32] = Sha256::new().chain_update(name).chain_update("\n").chain_update(material).finalize().into();
    [hash[0], hash[1], hash[2], hash[3]]
}

fn to_hex(id: &[u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(*id))
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err("a key's name has 1 to 255 bytes");
    }
    let bad = |character: char| character.is_whitespace() || character.is_control() || character == '+';
    if name.contains(bad) { Err("a key's name has no spaces, control characters or plus signs") } else { Ok(()) }
}

fn malformed(what: impl Into<String>) -> BadCheckpoint {
    BadCheckpoint::Malformed(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keys_id_is_the_one_that_others_compute() {
        // The example key of Go's package `note`.
        let material = STANDARD.decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        assert_eq!(to_hex(&key_id("PeterNeumann", &material)), "c74f20a3");
    }
}
