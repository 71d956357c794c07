//! The sign guard: what a validator's key signed last, written and synced before a signature leaves the node.
//!
//! The engine's own log is not a sufficient guard: it can be lost, truncated, or restored from a backup without anybody
//! noticing. The guard keeps, for the key's latest height, every step signed and what was signed. It signs the same statement
//! again, and refuses a different one for the same step, an earlier step that it does not know, and any height at or below its
//! floor. The floor is raised whenever this node cannot know what the key signed before ([`Guard::raise_floor`]); until the
//! others have decided beyond it, the node follows without voting.
//!
//! The file has two slots, written in turn, each with a checksum, so a write that a power cut tears leaves the other slot. A
//! damaged slot counts as lost knowledge.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use borsh::{BorshDeserialize, BorshSerialize};
use inro_contracts::bytes::List;
use inro_contracts::id::Hash;
use inro_contracts::key::PublicKey;
use inro_contracts::time::Height;

/// How often any guard of this process waited for the disk.
static SYNCED_WRITES: AtomicU64 = AtomicU64::new(0);

/// How often the sign guard waited for the disk since the process began.
pub fn synced_writes() -> u64 {
    SYNCED_WRITES.load(Ordering::Relaxed)
}

const SLOT_BYTES: usize = 4096;
const STEPS_KEPT: usize = 48;

/// A step of consensus at which a validator signs, in the order of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Step {
    /// The proposal.
    Propose = 1,
    /// The first vote.
    Prevote = 2,
    /// The second vote.
    Precommit = 3,
}

/// One signed step of the guard's height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signed {
    /// The round.
    pub round: u32,
    /// The step.
    pub step: Step,
    /// The SHA-256 of the signed message.
    pub digest: Hash,
}

#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Slot {
    sequence: u64,
    key: PublicKey,
    height: Height,
    floor: Height,
    signed: List<Signed, STEPS_KEPT>,
}

/// Why the guard does not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The height lies at or below the floor.
    #[error("height {height} is not above the sign guard's floor {floor}: this key may have signed there before")]
    Floor {
        /// The height asked for.
        height: Height,
        /// The floor.
        floor: Height,
    },
    /// The step lies before the last signed one, and is not known.
    #[error("height {height} round {round} {step:?} lies before what this key signed last")]
    Backwards {
        /// The height asked for.
        height: Height,
        /// The round.
        round: u32,
        /// The step.
        step: Step,
    },
    /// Another statement was signed for this step.
    #[error("height {height} round {round} {step:?}: this key signed another statement for this step")]
    Conflict {
        /// The height.
        height: Height,
        /// The round.
        round: u32,
        /// The step.
        step: Step,
    },
    /// The guard's file could not be written.
    #[error("the sign guard {path} cannot be written ({why}); nothing was signed. Free or repair the disk and start again")]
    Disk {
        /// The file.
        path: String,
        /// The system's words.
        why: String,
    },
}

/// Why the guard could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the sign guard {} cannot be opened: {why}", path.display())]
pub struct GuardFault {
    path: PathBuf,
    why: io::Error,
}

/// What opening the guard showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// The guard knows everything that the key signed on this machine.
    Whole,
    /// The guard is new.
    New,
    /// The guard is damaged: it may have forgotten something.
    Damaged,
}

/// The guard of one key.
#[derive(Debug)]
pub struct Guard {
    file: File,
    path: PathBuf,
    slot: Slot,
}

impl Guard {
    /// The guard's file for a key: a new key has a new guard.
    pub fn path(folder: &Path, key: &PublicKey) -> PathBuf {
        folder.join(format!("sign-guard-{}", &key.to_hex()[..16]))
    }

    /// Opens the key's guard in `folder`, or makes a new one.
    pub fn open(folder: &Path, key: PublicKey) -> Result<(Self, Memory), GuardFault> {
        let path = Self::path(folder, &key);
        let fault = |why| GuardFault { path: path.clone(), why };
        let is_new = !path.exists();
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(fault)?;
        let mut slots = Vec::new();
        let mut damaged = false;
        for index in 0..2u64 {
            match read_slot(&file, index).map_err(fault)? {
                Ok(slot) => slots.extend(slot.filter(|slot| slot.key == key)),
                Err(Damage) => damaged = true,
            }
        }
        let newest = slots.into_iter().max_by_key(|slot| slot.sequence);
        let memory = match (&newest, damaged) {
            _ if is_new => Memory::New,
            (Some(_), false) => Memory::Whole,
            _ => Memory::Damaged,
        };
        let slot = newest.unwrap_or(Slot { sequence: 0, key, height: Height(0), floor: Height(0), signed: List::default() });
        let mut guard = Self { file, path: path.clone(), slot };
        if memory != Memory::Whole {
            // Both slots are written, so that a later look finds no empty or damaged one.
            let slot = guard.slot.clone();
            guard.write(slot.clone()).and_then(|()| guard.write(slot)).map_err(fault)?;
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
        }
        Ok((guard, memory))
    }

    /// The last height that must not be signed.
    pub fn floor(&self) -> Height {
        self.slot.floor
    }

    /// The height of the last signature.
    pub fn height(&self) -> Height {
        self.slot.height
    }

    /// What was signed at [`Self::height`].
    pub fn signed(&self) -> &[Signed] {
        &self.slot.signed
    }

    /// Forbids all heights up to and including `floor`, durably.
    pub fn raise_floor(&mut self, floor: Height) -> Result<(), Refused> {
        if floor <= self.slot.floor {
            return Ok(());
        }
        let slot = Slot { floor, ..self.slot.clone() };
        self.write(slot).map_err(|why| self.disk(&why))
    }

    /// Takes the floor away, durably: somebody states that this key signed nothing that the guard does not know. What the guard
    /// itself knows stays forbidden.
    pub fn clear_floor(&mut self) -> Result<(), Refused> {
        let slot = Slot { floor: Height(0), ..self.slot.clone() };
        self.write(slot).map_err(|why| self.disk(&why))
    }

    /// Permits a signature over the message with this digest, durably, or refuses it.
    pub fn permit(&mut self, height: Height, round: u32, step: Step, digest: Hash) -> Result<(), Refused> {
        if height <= self.slot.floor {
            return Err(Refused::Floor { height, floor: self.slot.floor });
        }
        if height < self.slot.height {
            return Err(Refused::Backwards { height, round, step });
        }
        let mut signed = if height == self.slot.height { self.slot.signed.clone() } else { List::default() };
        if let Some(known) = signed.iter().find(|known| (known.round, known.step) == (round, step)) {
            return if known.digest == digest { Ok(()) } else { Err(Refused::Conflict { height, round, step }) };
        }
        if signed.iter().any(|known| (known.round, known.step) > (round, step)) {
            return Err(Refused::Backwards { height, round, step });
        }
        if signed.len() == STEPS_KEPT {
            // The oldest step is forgotten; signing it again is then refused as going backwards.
            signed = List::new(signed[1..].to_vec()).unwrap_or_default();
        }
        // There is room: the list was shortened above if it was full.
        let _ = signed.push(Signed { round, step, digest });
        let slot = Slot { height, signed, ..self.slot.clone() };
        self.write(slot).map_err(|why| self.disk(&why))
    }

    fn write(&mut self, mut slot: Slot) -> io::Result<()> {
        slot.sequence = self.slot.sequence + 1;
        let body = inro_contracts::bytes::encode(&slot);
        let mut bytes = vec![0u8; SLOT_BYTES];
        bytes[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
        bytes[4..8].copy_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes[8..8 + body.len()].copy_from_slice(&body);
        self.file.write_all_at(&bytes, (slot.sequence % 2) * SLOT_BYTES as u64)?;
        self.file.sync_data()?;
        SYNCED_WRITES.fetch_add(1, Ordering::Relaxed);
        self.slot = slot;
        Ok(())
    }

    fn disk(&self, why: &io::Error) -> Refused {
        Refused::Disk { path: self.path.display().to_string(), why: why.to_string() }
    }
}

/// A slot whose bytes are not what was written.
struct Damage;

/// Reads a slot: nothing if it was never written.
fn read_slot(file: &File, index: u64) -> io::Result<Result<Option<Slot>, Damage>> {
    let mut bytes = [0u8; SLOT_BYTES];
    let mut filled = 0;
    while filled < SLOT_BYTES {
        match file.read_at(&mut bytes[filled..], index * SLOT_BYTES as u64 + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(match filled {
        0 => Err(Damage),
        SLOT_BYTES => decode_slot(&bytes).map(Some).ok_or(Damage),
        _ => Err(Damage),
    })
}

fn decode_slot(bytes: &[u8; SLOT_BYTES]) -> Option<Slot> {
    let length = u32::from_le_bytes(bytes[..4].try_into().ok()?) as usize;
    let checksum = u32::from_le_bytes(bytes[4..8].try_into().ok()?);
    let body = bytes.get(8..8usize.checked_add(length)?)?;
    (crc32fast::hash(body) == checksum).then_some(())?;
    borsh::from_slice(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: PublicKey = PublicKey([7; 32]);
    const A: Hash = Hash([1; 32]);
    const B: Hash = Hash([2; 32]);

    fn open(folder: &Path) -> (Guard, Memory) {
        Guard::open(folder, KEY).expect("guard opens")
    }

    #[test]
    fn the_same_statement_is_signed_again_and_a_different_one_never() {
        let folder = tempfile::tempdir().unwrap();
        let (mut guard, memory) = open(folder.path());
        assert_eq!(memory, Memory::New);
        guard.permit(Height(5), 0, Step::Prevote, A).unwrap();
        guard.permit(Height(5), 0, Step::Prevote, A).unwrap();
        assert!(matches!(guard.permit(Height(5), 0, Step::Prevote, B), Err(Refused::Conflict { .. })));
        guard.permit(Height(5), 0, Step::Precommit, B).unwrap();
        drop(guard);
        let (mut guard, memory) = open(folder.path());
        assert_eq!(memory, Memory::Whole);
        guard.permit(Height(5), 0, Step::Prevote, A).unwrap();
        assert!(matches!(guard.permit(Height(5), 0, Step::Precommit, A), Err(Refused::Conflict { .. })));
    }

    #[test]
    fn earlier_steps_rounds_and_heights_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (mut guard, _) = open(folder.path());
        guard.permit(Height(5), 2, Step::Prevote, A).unwrap();
        assert!(matches!(guard.permit(Height(5), 2, Step::Propose, A), Err(Refused::Backwards { .. })));
        assert!(matches!(guard.permit(Height(5), 1, Step::Precommit, A), Err(Refused::Backwards { .. })));
        assert!(matches!(guard.permit(Height(4), 9, Step::Precommit, A), Err(Refused::Backwards { .. })));
        guard.permit(Height(6), 0, Step::Propose, A).unwrap();
        assert!(matches!(guard.permit(Height(5), 2, Step::Prevote, A), Err(Refused::Backwards { .. })));
    }

    #[test]
    fn nothing_is_signed_at_or_below_the_floor_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (mut guard, _) = open(folder.path());
        guard.raise_floor(Height(9)).unwrap();
        drop(guard);
        let (mut guard, _) = open(folder.path());
        assert!(matches!(guard.permit(Height(9), 0, Step::Prevote, A), Err(Refused::Floor { .. })));
        guard.permit(Height(10), 0, Step::Prevote, A).unwrap();
    }

    #[test]
    fn a_cleared_floor_forgets_nothing_that_the_guard_knows() {
        let folder = tempfile::tempdir().unwrap();
        let (mut guard, _) = open(folder.path());
        guard.permit(Height(5), 0, Step::Prevote, A).unwrap();
        guard.raise_floor(Height(9)).unwrap();
        guard.clear_floor().unwrap();
        drop(guard);
        let (mut guard, _) = open(folder.path());
        assert!(matches!(guard.permit(Height(5), 0, Step::Prevote, B), Err(Refused::Conflict { .. })));
        assert!(matches!(guard.permit(Height(4), 0, Step::Prevote, A), Err(Refused::Backwards { .. })));
        guard.permit(Height(6), 0, Step::Prevote, A).unwrap();
    }

    #[test]
    fn a_long_fight_over_one_height_forgets_only_steps_that_it_then_refuses() {
        let folder = tempfile::tempdir().unwrap();
        let (mut guard, _) = open(folder.path());
        for round in 0..100 {
            guard.permit(Height(5), round, Step::Prevote, A).unwrap();
        }
        assert!(guard.permit(Height(5), 3, Step::Prevote, A).is_err());
        assert!(guard.permit(Height(5), 99, Step::Prevote, B).is_err());
    }

    #[test]
    fn every_flipped_bit_of_the_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut guard, _) = open(folder.path());
        guard.permit(Height(5), 0, Step::Prevote, A).unwrap();
        guard.permit(Height(5), 0, Step::Precommit, A).unwrap();
        let path = Guard::path(folder.path(), &KEY);
        let sound = std::fs::read(&path).unwrap();
        // The written part of each slot; the rest is padding that nothing reads.
        for slot in [0, SLOT_BYTES] {
            let used = 8 + u32::from_le_bytes(sound[slot..slot + 4].try_into().unwrap()) as usize;
            for bit in 0..used * 8 {
                let mut bytes = sound.clone();
                bytes[slot + bit / 8] ^= 1 << (bit % 8);
                std::fs::write(&path, bytes).unwrap();
                let (_, memory) = open(folder.path());
                assert_eq!(memory, Memory::Damaged, "bit {bit} of the slot at {slot}");
            }
        }
    }

    #[test]
    fn an_emptied_or_shortened_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut guard, _) = open(folder.path());
        guard.permit(Height(5), 0, Step::Prevote, A).unwrap();
        let path = Guard::path(folder.path(), &KEY);
        let sound = std::fs::read(&path).unwrap();
        for length in [0, 1, SLOT_BYTES - 1, SLOT_BYTES, 2 * SLOT_BYTES - 1] {
            std::fs::write(&path, &sound[..length]).unwrap();
            assert_eq!(open(folder.path()).1, Memory::Damaged, "{length} bytes left");
        }
    }
}
