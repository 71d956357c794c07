//! Custodians that cheat, for the tests of everybody else: each is a named actor in a running node. What stands in the place of the
//! node's door is given the desk and the honest door; everything that a cheat does not speak of, the honest door does.
//!
//! Three families. The first **hands over what it should not, or not what it should**, the second **does not show that the ledger
//! authorises it**; the reader's node has to notice, to show nothing, and to say so on the ledger. The third has a **bug in when it hands over**: the bytes are right, and only the
//! revocation checker can tell that they should not have left.
//!
//! Two actors beside them do not run inside a node: [`GreedyMember`], who asks for what was not granted and pushes what was not
//! asked for, and [`EarlyApi`], which says "committed" before anything is.

mod altering;
mod authorising;
mod deciding;
mod early_api;
mod greedy_member;
mod premises;
mod withholding;

use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use inro_contracts::id::{Label, RecordId, TransactionId};
use inro_contracts::key::PublicKey;
use inro_network::{Authorisation, Deposit, Holding, Holdings, ObjectId, Opened, PayloadDoor, Refusal, SealedSink, SealedSource};
use inro_node::desk::OtherDoor;

use premises::Premises;

pub use deciding::{LAG, PAUSE};
pub use early_api::{EarlyApi, HOLD_BACK};
pub use greedy_member::{GreedyMember, agreed_secret, machine_of};

macro_rules! cheats {
    ($($name:ident = $option:literal, $sentence:literal;)*) => {
        /// A custodian that cheats, or has a bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Cheat {
            $(#[doc = $sentence] $name,)*
        }

        impl Cheat {
            /// All of them.
            pub const ALL: &'static [Cheat] = &[$(Cheat::$name),*];

            /// What it is called on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Cheat::$name => $option,)* }
            }

            /// What it does, in a sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Cheat::$name => $sentence,)* }
            }
        }
    };
}

cheats! {
    OpenHanded = "open-handed", "Hands every record to every member who asks, whatever the ledger says.";
    Inventing = "inventing", "Hands over a payload of its own invention in the place of the registered one.";
    Swapping = "swapping", "Hands over another record's payload, sealed as if it were the one that was asked for.";
    Misfiling = "misfiling", "Hands over the sealed bytes of another record of the same access.";
    Misaddressing = "misaddressing", "Hands over the right payload, sealed for another access.";
    Truncating = "truncating", "Hands over the first part of a payload and says that this is all.";
    Refusing = "refusing", "Says that the permission was revoked when it was not.";
    Silent = "silent", "Says that it has the payload and sends nothing.";
    Replaying = "replaying", "Hands over, for every access, what it handed over for the first one.";
    Flipping = "flipping", "Flips one bit at a random place of the sealed bytes.";
    Unproved = "unproved", "Hands over without showing that the ledger authorises it.";
    Borrowing = "borrowing", "Shows, for every access, what authorised the first one.";
    Embellishing = "embellishing", "Shows an outcome that grants more than the ledger did.";
    Undersigning = "undersigning", "Shows the access under a certificate that too few validators signed.";
    Counterfeiting = "counterfeiting", "Shows the access in a block of a ledger of its own.";
    Remembering = "remembering", "Decides from its own copy of the patient's consent, made when it first heard of the account.";
    Caching = "caching", "Decides once for each organisation and record, and keeps the decision.";
    Lagging = "lagging", "Decides from what the ledger said some seconds ago, as a follower that is behind would.";
    Pausing = "pausing", "Decides, pauses, and then sends without deciding again.";
}

impl FromStr for Cheat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().copied().find(|cheat| cheat.name() == text);
        let names = || Self::ALL.iter().map(|cheat| cheat.name()).collect::<Vec<_>>().join(", ");
        known.ok_or_else(|| format!("there is no cheat {text:?}; there are {}", names()))
    }
}

impl Cheat {
    /// The door at which this custodian stands. Its random choices follow from `seed`.
    pub fn door(self, seed: u64) -> OtherDoor {
        Arc::new(move |desk, honest| self.stand_at(Premises::new(desk, honest), seed))
    }

    fn stand_at(self, premises: Premises, seed: u64) -> Arc<dyn PayloadDoor> {
        let custodian: Box<dyn Custodian> = match self {
            Self::OpenHanded => Box::new(deciding::OpenHanded),
            Self::Inventing => Box::new(altering::Inventing),
            Self::Swapping => Box::new(altering::Swapping),
            Self::Misfiling => Box::new(altering::Misfiling),
            Self::Misaddressing => Box::new(altering::Misaddressing),
            Self::Truncating => Box::new(altering::Truncating),
            Self::Refusing => Box::new(withholding::Refusing),
            Self::Silent => Box::new(withholding::Silent),
            Self::Replaying => Box::new(altering::Replaying::default()),
            Self::Flipping => Box::new(altering::Flipping::new(seed)),
            Self::Unproved => Box::new(authorising::Unproved),
            Self::Borrowing => Box::new(authorising::Borrowing::default()),
            Self::Embellishing => Box::new(authorising::Embellishing),
            Self::Undersigning => Box::new(authorising::Undersigning),
            Self::Counterfeiting => Box::new(authorising::Counterfeiting),
            Self::Remembering => Box::new(deciding::Remembering::default()),
            Self::Caching => Box::new(deciding::Caching::default()),
            Self::Lagging => Box::new(deciding::Lagging::new(&premises)),
            Self::Pausing => Box::new(deciding::Pausing),
        };
        Arc::new(CheatingDoor { custodian, premises })
    }
}

/// What a member's machine asked for.
#[derive(Clone, Copy)]
struct Asked {
    peer: PublicKey,
    access: TransactionId,
    account: Label,
    record: RecordId,
    offset: u64,
}

impl Asked {
    fn object(&self) -> ObjectId {
        ObjectId::Record { access: self.access, account: self.account, record: self.record }
    }
}

/// What a cheat does when a record is asked for. What it does not speak of, it does as an honest custodian would.
#[async_trait]
trait Custodian: Send + Sync + 'static {
    async fn open(&self, premises: &Premises, asked: Asked) -> Result<Box<dyn SealedSource>, Refusal> {
        Ok(premises.honest().open(&asked.peer, &asked.object(), asked.offset).await?.source)
    }

    async fn authorisation(&self, premises: &Premises, asked: &Asked) -> Authorisation {
        premises.authorisation(asked).await
    }
}

struct CheatingDoor {
    custodian: Box<dyn Custodian>,
    premises: Premises,
}

#[async_trait]
impl PayloadDoor for CheatingDoor {
    async fn open(&self, peer: &PublicKey, object: &ObjectId, offset: u64) -> Result<Opened, Refusal> {
        let ObjectId::Record { access, account, record } = *object else {
            return self.premises.honest().open(peer, object, offset).await;
        };
        let asked = Asked { peer: *peer, access, account, record, offset };
        let source = self.custodian.open(&self.premises, asked).await?;
        Ok(Opened { authorisation: self.custodian.authorisation(&self.premises, &asked).await, source })
    }

    async fn keep(&self, peer: &PublicKey, deposit: &Deposit) -> Result<Box<dyn SealedSink>, Refusal> {
        self.premises.honest().keep(peer, deposit).await
    }

    async fn holdings(&self, peer: &PublicKey, question: &Holding) -> Result<Holdings, Refusal> {
        self.premises.honest().holdings(peer, question).await
    }

    async fn taken(&self, peer: &PublicKey, object: &ObjectId) -> Result<(), Refusal> {
        self.premises.honest().taken(peer, object).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cheat_is_found_by_its_name_and_says_what_it_does() {
        for cheat in Cheat::ALL {
            assert_eq!(cheat.name().parse(), Ok(*cheat));
            assert!(cheat.sentence().ends_with('.'));
        }
        assert!("honest".parse::<Cheat>().unwrap_err().contains("open-handed, inventing"));
    }
}
