//! The frames of a payload stream: what is asked, what is said, and why something is refused.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use inro_contracts::bytes::{Canonical, List, Malformed};
use inro_contracts::id::{ConsultId, Label, OrganisationId, RecordId, TransactionId};
use inro_contracts::time::Time;

use crate::error::Misbehaviour;
use crate::frame::{self, NoFrame};

/// The most objects in one answer to [`Holding`].
pub const HOLDINGS_MAX: usize = 256;
/// The longest [`Authorisation`], in bytes.
pub const AUTHORISATION_BYTES_MAX: usize = 64 << 10;

/// What travels: sealed bytes, named by the access or the consult that they were sealed for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ObjectId {
    /// A record, sealed for one access.
    Record {
        /// The access that grants it.
        access: TransactionId,
        /// The account.
        account: Label,
        /// The record.
        record: RecordId,
    } = 0,
    /// The answer to a consult.
    ConsultAnswer {
        /// The consult.
        consult: ConsultId,
    } = 1,
}

/// Says only what kind of object it is, so that no log line can carry more.
impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Record { .. } => "Record(…)",
            Self::ConsultAnswer { .. } => "ConsultAnswer(…)",
        })
    }
}

/// The evidence that the ledger authorises a handover: bytes that the giver's node makes and the taker's node checks. Here they are
/// opaque, and bounded.
#[derive(Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Authorisation(List<u8, AUTHORISATION_BYTES_MAX>);

impl Authorisation {
    /// Accepts at most [`AUTHORISATION_BYTES_MAX`] bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Malformed> {
        List::new(bytes).map(Self)
    }

    /// The bytes; none if the giver showed no evidence.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Says only how long it is: it names an account and records.
impl fmt::Debug for Authorisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorisation({} bytes)", self.0.len())
    }
}

/// What a custodian leaves with an intermediate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Deposit {
    /// What it is.
    pub object: ObjectId,
    /// Whose peers may fetch it.
    pub requester: OrganisationId,
    /// How many sealed bytes.
    pub total: u64,
    /// When the intermediate deletes it at the latest.
    pub expires: Time,
}

/// A question about what an intermediate keeps for the asker's organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Holding {
    /// Only what was sealed for this access.
    pub access: Option<TransactionId>,
    /// Only what comes after this object, for whoever asks on after an answer with `more`.
    pub after: Option<ObjectId>,
}

/// One object that an intermediate keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Held {
    /// What it is.
    pub object: ObjectId,
    /// How many bytes it has.
    pub total: u64,
    /// How many of them have arrived.
    pub arrived: u64,
    /// When it is deleted at the latest.
    pub expires: Time,
}

/// The answer to [`Holding`]: objects in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Holdings {
    /// The objects.
    pub held: List<Held, HOLDINGS_MAX>,
    /// Are there others after the last one?
    pub more: bool,
}

impl Holdings {
    /// Are the objects in ascending order, after the one after which the question asked? Whoever asks on comes to an end then.
    pub(crate) fn answers(&self, question: &Holding) -> bool {
        let ids: Vec<ObjectId> = question.after.into_iter().chain(self.held.iter().map(|held| held.object)).collect();
        ids.is_sorted_by(|a, b| a < b) && !(self.more && self.held.is_empty())
    }
}

/// Why a peer does not hand an object over, or does not keep it. The numbers never change and are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Refusal {
    /// The access, or the consult, is not in its committed state.
    #[error("its ledger does not have this access yet; ask again when it has caught up")]
    NotOnLedger = 1,
    /// The access was denied, or does not name this record.
    #[error("this access does not grant this record")]
    NotGranted = 2,
    /// The access belongs to another organisation than the asker.
    #[error("the access is another organisation's")]
    OtherOrganisation = 3,
    /// The access is older than its lifetime.
    #[error("the access is too old; make a new one")]
    TooOld = 4,
    /// The permission behind the access was taken back after it.
    #[error("the permission was revoked since")]
    RevokedSince = 5,
    /// A seal came after the access.
    #[error("the record was sealed since")]
    SealedSince = 6,
    /// The record was erased.
    #[error("the record was erased")]
    Erased = 7,
    /// It does not have the object.
    #[error("it does not have this object; ask the custodian or its intermediate")]
    NotHere = 8,
    /// Too much at once.
    #[error("it is busy; ask again in {retry_after_ms} ms")]
    Busy {
        /// When to ask again.
        retry_after_ms: u32,
    } = 9,
    /// The offset lies after the object's end, or a deposit differs from what was deposited before.
    #[error("the offset or the length does not fit the object; begin anew")]
    BadOffset = 10,
    /// Its own fault: a disk, a bug.
    #[error("it failed on its own side; ask again later, and tell its operator if that does not help")]
    Fault = 11,
    /// An intermediate does not keep so much, or not for so long.
    #[error("it has no room for a deposit of this size or duration; choose another intermediate or a shorter time")]
    NoRoom = 12,
}

impl Refusal {
    /// Its number.
    pub fn number(&self) -> u8 {
        match self {
            Self::NotOnLedger => 1,
            Self::NotGranted => 2,
            Self::OtherOrganisation => 3,
            Self::TooOld => 4,
            Self::RevokedSince => 5,
            Self::SealedSince => 6,
            Self::Erased => 7,
            Self::NotHere => 8,
            Self::Busy { .. } => 9,
            Self::BadOffset => 10,
            Self::Fault => 11,
            Self::NoRoom => 12,
        }
    }
}

/// The first frame of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub(crate) enum Ask {
    /// Give me the object.
    Fetch {
        /// Which.
        object: ObjectId,
        /// From which byte on.
        offset: u64,
    } = 0,
    /// Keep this for a requester.
    Deposit(Deposit) = 1,
    /// What do you keep for me?
    Held(Holding) = 2,
    /// I have the whole object; delete it.
    Taken {
        /// Which.
        object: ObjectId,
    } = 3,
}

/// What is said in answer.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub(crate) enum Say {
    /// Pieces follow.
    Found {
        /// How many bytes the whole object has.
        total: u64,
        /// Why it may be handed over.
        authorisation: Authorisation,
    } = 0,
    /// No, or no further.
    Refused(Refusal) = 1,
    /// Send pieces.
    Continue {
        /// So many bytes are here already.
        held: u64,
    } = 2,
    /// What is kept.
    Holdings(Holdings) = 3,
    /// It is done, and stays so after a crash.
    Done = 4,
}

impl Canonical for Ask {
    const BYTES_MAX: usize = 256;
}

impl Canonical for Say {
    /// That of the longest [`Say::Found`]; a full list of holdings is shorter.
    const BYTES_MAX: usize = 1 + 8 + 4 + AUTHORISATION_BYTES_MAX;
}

/// Reads one frame.
pub(crate) async fn read<T: Canonical>(stream: &mut (impl AsyncRead + Unpin)) -> Result<T, NoFrame> {
    let content = frame::read(stream, T::BYTES_MAX).await?;
    parse(&content).map_err(NoFrame::Misbehaved)
}

/// Writes one frame and sends it off.
pub(crate) async fn write<T: Canonical>(stream: &mut (impl AsyncWrite + Unpin), value: &T) -> std::io::Result<()> {
    stream.write_all(&bytes(value)).await?;
    stream.flush().await
}

/// Length and content.
pub(crate) fn bytes<T: Canonical>(value: &T) -> Bytes {
    let content = value.to_bytes();
    let mut bytes = BytesMut::with_capacity(4 + content.len());
    bytes.put_u32_le(content.len() as u32);
    bytes.put_slice(&content);
    bytes.freeze()
}

fn parse<T: Canonical>(content: &[u8]) -> Result<T, Misbehaviour> {
    T::from_bytes(content).map_err(|_| Misbehaviour::Malformed("a payload frame that is not canonical"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_object() -> impl Strategy<Value = ObjectId> {
        prop_oneof![
            any::<([u8; 32], [u8; 32], [u8; 32])>().prop_map(|(access, account, record)| ObjectId::Record {
                access: TransactionId(access),
                account: Label(account),
                record: RecordId(record)
            }),
            any::<[u8; 32]>().prop_map(|consult| ObjectId::ConsultAnswer { consult: ConsultId(consult) }),
        ]
    }

    fn any_ask() -> impl Strategy<Value = Ask> {
        let deposit = (any_object(), any::<([u8; 32], u64, u64)>()).prop_map(|(object, (requester, total, expires))| {
            Ask::Deposit(Deposit { object, requester: OrganisationId(requester), total, expires: Time(expires) })
        });
        let held = (any::<Option<[u8; 32]>>(), proptest::option::of(any_object()))
            .prop_map(|(access, after)| Ask::Held(Holding { access: access.map(TransactionId), after }));
        prop_oneof![
            (any_object(), any::<u64>()).prop_map(|(object, offset)| Ask::Fetch { object, offset }),
            deposit,
            held,
            any_object().prop_map(|object| Ask::Taken { object }),
        ]
    }

    fn any_refusal() -> impl Strategy<Value = Refusal> {
        prop_oneof![
            Just(Refusal::NotOnLedger),
            Just(Refusal::NotGranted),
            Just(Refusal::OtherOrganisation),
            Just(Refusal::TooOld),
            Just(Refusal::RevokedSince),
            Just(Refusal::SealedSince),
            Just(Refusal::Erased),
            Just(Refusal::NotHere),
            any::<u32>().prop_map(|retry_after_ms| Refusal::Busy { retry_after_ms }),
            Just(Refusal::BadOffset),
            Just(Refusal::Fault),
            Just(Refusal::NoRoom),
        ]
    }

    fn any_authorisation() -> impl Strategy<Value = Authorisation> {
        let lengths = prop_oneof![0..400usize, Just(AUTHORISATION_BYTES_MAX)];
        (lengths, any::<u8>()).prop_map(|(length, byte)| Authorisation::new(vec![byte; length]).unwrap())
    }

    fn any_say() -> impl Strategy<Value = Say> {
        let held = (any_object(), any::<(u64, u64, u64)>()).prop_map(|(object, (total, arrived, expires))| Held {
            object,
            total,
            arrived,
            expires: Time(expires),
        });
        let holdings = (proptest::collection::vec(held, 0..=HOLDINGS_MAX), any::<bool>())
            .prop_map(|(held, more)| Say::Holdings(Holdings { held: List::new(held).unwrap(), more }));
        prop_oneof![
            (any::<u64>(), any_authorisation()).prop_map(|(total, authorisation)| Say::Found { total, authorisation }),
            any_refusal().prop_map(Say::Refused),
            any::<u64>().prop_map(|held| Say::Continue { held }),
            holdings,
            Just(Say::Done),
        ]
    }

    fn exact<T: Canonical + PartialEq + fmt::Debug>(value: T) {
        let bytes = value.to_bytes();
        assert!(bytes.len() <= T::BYTES_MAX, "{} bytes", bytes.len());
        assert_eq!(T::from_bytes(&bytes).unwrap(), value);
        for end in 0..bytes.len() {
            assert!(T::from_bytes(&bytes[..end]).is_err());
        }
        assert!(T::from_bytes(&[bytes, vec![0]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn a_question_decodes_to_itself_and_no_byte_is_missing_or_left(ask in any_ask()) {
            exact(ask);
        }

        #[test]
        fn an_answer_decodes_to_itself(say in any_say()) {
            let bytes = say.to_bytes();
            prop_assert!(bytes.len() <= Say::BYTES_MAX);
            prop_assert_eq!(Say::from_bytes(&bytes).unwrap(), say);
            prop_assert!(Say::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn any_bytes_are_refused_or_encode_back_to_themselves(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(ask) = Ask::from_bytes(&bytes) {
                prop_assert_eq!(ask.to_bytes(), &bytes[..]);
            }
            if let Ok(say) = Say::from_bytes(&bytes) {
                prop_assert_eq!(say.to_bytes(), &bytes[..]);
            }
        }

        #[test]
        fn a_refusals_number_is_its_first_byte(refusal in any_refusal()) {
            prop_assert_eq!(borsh::to_vec(&refusal).unwrap()[0], refusal.number());
        }
    }

    #[test]
    fn the_bytes_of_a_fetch_are_those_of_the_specification() {
        let object =
            ObjectId::Record { access: TransactionId([0xa1; 32]), account: Label([0xa2; 32]), record: RecordId([0xa3; 32]) };
        let offset = [5, 1, 0, 0, 0, 0, 0, 0];
        let expected = [&[0x6a, 0, 0, 0][..], &[0, 0], &[0xa1; 32], &[0xa2; 32], &[0xa3; 32], &offset].concat();
        assert_eq!(bytes(&Ask::Fetch { object, offset: 261 }), expected);
        assert_eq!(bytes(&Say::Refused(Refusal::Busy { retry_after_ms: 1000 }))[..], [6, 0, 0, 0, 1, 9, 0xe8, 3, 0, 0]);
    }

    #[test]
    fn the_bytes_of_an_answer_are_those_of_the_specification_and_its_authorisation_is_bounded() {
        let authorisation = Authorisation::new(vec![0xe7; 3]).unwrap();
        let expected = [16, 0, 0, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0xe7, 0xe7, 0xe7];
        assert_eq!(bytes(&Say::Found { total: 261, authorisation })[..], expected);
        assert!(Authorisation::new(vec![0; AUTHORISATION_BYTES_MAX + 1]).is_err());
        let mut longer =
            Say::Found { total: 1, authorisation: Authorisation::new(vec![0; AUTHORISATION_BYTES_MAX]).unwrap() }.to_bytes();
        assert!(longer.len() == Say::BYTES_MAX && Say::from_bytes(&longer).is_ok());
        longer[9..13].copy_from_slice(&(AUTHORISATION_BYTES_MAX as u32 + 1).to_le_bytes());
        assert!(Say::from_bytes(&longer).is_err());
    }

    #[test]
    fn holdings_answer_a_question_only_in_order_and_with_something_before_more() {
        let held = |n: u8| Held {
            object: ObjectId::ConsultAnswer { consult: ConsultId([n; 32]) },
            total: 1,
            arrived: 1,
            expires: Time(1),
        };
        let list = |all: &[u8], more| Holdings { held: List::new(all.iter().map(|n| held(*n)).collect()).unwrap(), more };
        let (all, after_2) = (Holding::default(), Holding { access: None, after: Some(held(2).object) });
        for good in [list(&[], false), list(&[1, 2, 3], true)] {
            assert!(good.answers(&all));
        }
        for bad in [list(&[], true), list(&[2, 1], false), list(&[1, 1], false)] {
            assert!(!bad.answers(&all));
        }
        assert!(list(&[3, 4], false).answers(&after_2) && !list(&[2, 3], false).answers(&after_2));
    }

    #[test]
    fn an_authorisation_that_is_printed_shows_only_its_length() {
        assert_eq!(format!("{:?}", Authorisation::new(vec![0xa1; 32]).unwrap()), "Authorisation(32 bytes)");
    }

    #[test]
    fn an_object_that_is_printed_shows_nothing_of_its_names() {
        let object =
            ObjectId::Record { access: TransactionId([0xa1; 32]), account: Label([0xa2; 32]), record: RecordId([0xa3; 32]) };
        assert_eq!(format!("{object:?}"), "Record(…)");
    }
}
