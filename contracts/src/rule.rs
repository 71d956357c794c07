//! Rules: every way in which a transaction can be refused has a number. Numbers are never reused.
//!
//! Each action checks its rules in the order that `docs/spec/transactions.md` gives; the first broken rule names the rejection.

use crate::numbered::numbered;

numbered! {
    /// A rule that was broken.
    Rule:
    // Trust: organisations, practitioners, peers, validators, governance.
    UnknownOrganisation = 1, "T-1", "The organisation is a member.";
    SuspendedOrganisation = 2, "T-2", "The organisation is not suspended.";
    NotTheAuthority = 3, "T-3", "The transaction is signed by the organisation's authority key.";
    WeakKey = 4, "T-4", "A key that is registered is a sound Ed25519 key.";
    NoPossession = 5, "T-5", "A key that is registered comes with a proof that its secret is held.";
    KeyInUse = 6, "T-6", "A key belongs to one organisation, practitioner, peer or validator only.";
    EmptyValidity = 7, "T-7", "A validity begins before it ends, and ends after now.";
    UnknownPractitioner = 8, "T-8", "The practitioner is registered.";
    PractitionerOfAnother = 9, "T-9", "The practitioner acts for this organisation.";
    PractitionerNotValid = 10, "T-10", "The practitioner is active and within the validity.";
    NotTheKey = 11, "T-11", "The transaction is signed by the key that it acts for.";
    UnknownPeer = 12, "T-12", "The peer is registered.";
    TooManyPeers = 13, "T-13", "An organisation has at most as many peers as the parameters allow.";
    BadAddress = 14, "T-14", "A peer's address is /ip4/…/tcp/… or /ip6/…/tcp/….";
    UnknownProposal = 15, "T-15", "The proposal exists.";
    ProposalClosed = 16, "T-16", "The proposal is open and its time has not run out.";
    AlreadyVoted = 17, "T-17", "An organisation votes once on a proposal.";
    AlreadyMember = 18, "T-18", "The organisation to be admitted is not a member yet.";
    NotSuspended = 19, "T-19", "The organisation to be reinstated is suspended.";
    UnknownValidator = 20, "T-20", "The validator is in the validator set.";
    TooFewValidators = 21, "T-21", "A change leaves at least as many validators as the parameters ask.";
    ValidatorOfAnother = 22, "T-22", "The validator belongs to this organisation.";
    BadPower = 23, "T-23", "A validator's power is at least 1, at most 256 vote, and among four or more nobody reaches a third of the power.";
    BadParameters = 24, "T-24", "Parameters lie within their bounds.";
    NoConflict = 25, "T-25", "Evidence shows two different statements of one validator for one step, with true signatures.";
    EvidenceKnown = 26, "T-26", "Evidence against a validator for a height is taken once.";
    NoChange = 27, "T-27", "A change changes something.";
    TooManyMembers = 28, "T-28", "A consortium has at most 1,024 members, suspended ones included.";
    BadDisaster = 29, "T-29", "A disaster names an area and members, lasts between one second and 31 days, and is one of at most 16 at once.";
    // Accounts.
    UnknownAccount = 40, "A-1", "The account exists.";
    AccountExists = 41, "A-2", "The account to be opened does not exist yet.";
    NotAFacility = 42, "A-3", "A custodian is a facility.";
    NoAgreement = 43, "A-4", "The opening carries the patient's agreement, signed with the account's first key.";
    NotTheController = 44, "A-5", "The transaction is signed by the account's controller.";
    TooManyGuardians = 45, "A-6", "An account has at most 16 guardians.";
    GuardianExists = 46, "A-7", "A guardian's key is appointed once, and is not the controller's.";
    UnknownGuardian = 47, "A-8", "The guardian is appointed.";
    BadPowers = 48, "A-9", "A guardian has at least one power, and only powers that exist.";
    // Number 49 and code A-10 are retired: a second check that names another key starts the recovery anew.
    SameOrganisationTwice = 50, "A-11", "The two identity checks of a recovery come from two organisations.";
    NoRecovery = 51, "A-12", "A recovery is under way.";
    RecoveryTooEarly = 52, "A-13", "A recovery is completed after two checks and the delay.";
    NoVeto = 53, "A-14", "A recovery is vetoed by the controller, or by a guardian with that power.";
    NotTheNewKey = 54, "A-15", "A recovery is completed by the new key.";
    RecoveryUnderWay = 55, "A-16", "A recovery with both checks runs until it is completed, vetoed or overdue by its delay.";
    // Records.
    NotTheCustodian = 70, "R-1", "A record is registered and changed by a practitioner of the account's custodian.";
    RecordExists = 71, "R-2", "A record's id is new to its account.";
    UnknownRecord = 72, "R-3", "The record is registered in this account.";
    RecordNotCurrent = 73, "R-4", "The record is current: neither superseded nor erased.";
    BadFlags = 74, "R-5", "Only provider flags that exist are set.";
    SupersedesItself = 75, "R-6", "A record is superseded by another one.";
    RecordErased = 76, "R-7", "The record is not erased yet.";
    // Consent.
    MayNotConsent = 100, "C-1", "The transaction is signed by the account's controller, or by a guardian with the power for it.";
    NoCategories = 101, "C-2", "A grant permits at least one category.";
    TooManyGrants = 102, "C-3", "An account has at most 64 grants that have not ended.";
    UnknownGrant = 103, "C-4", "The grant exists.";
    GrantEnded = 104, "C-5", "The grant is in force: neither revoked, nor expired, nor still to come.";
    HiddenFromGuardians = 105, "C-6", "A seal that is hidden from guardians is made and changed by the controller only.";
    EmptySeal = 106, "C-7", "A seal covers something, and holds against somebody.";
    TooManySeals = 107, "C-8", "An account has at most 64 seals.";
    UnknownSeal = 108, "C-9", "The seal exists.";
    SealIsFull = 109, "C-10", "A seal on chosen records follows at most 224 successors of them.";
    NotPassedOn = 110, "C-11", "A consult follows from a grant or consult that may be passed on.";
    NotTheHolder = 111, "C-12", "A consult is opened by whom its parent permits to read.";
    ConsultsItself = 112, "C-13", "A consult names another reader than its opener.";
    ConsultTooWide = 113, "C-14", "A consult lies within its parent: categories, records, end.";
    ConsultTooDeep = 114, "C-15", "A grant is passed on at most as often as the parameters allow.";
    TooManyConsults = 115, "C-16", "An account has at most 64 consults that have not ended.";
    UnknownConsult = 116, "C-17", "The consult exists.";
    ConsultClosed = 117, "C-18", "The consult is open, and everything that it follows from is in force.";
    NotOfTheConsult = 118, "C-19", "The practitioner takes part in the consult: closing is for its opener and its reader, answering for its reader.";
    MayNotReadJournal = 119, "C-20", "The reading of a journal is announced by a guardian with that power, or by a regulator's auditor.";
    // Accesses and payloads.
    UnknownAccess = 130, "E-1", "The access was granted on this account.";
    NotTheCustodiansMachine = 131, "E-2", "The custodian's statement is signed by one of its registered machines.";
    NotTheReadersMachine = 132, "E-3", "The reader's statement is signed by a registered machine of its organisation, or by the person who asked.";
    NotGranted = 133, "E-4", "The records are among those that the access grants.";
    UnknownReview = 134, "E-5", "The access has a review.";
    ReviewClosed = 135, "E-6", "The review is open.";
    NotAReviewer = 136, "E-7", "A review is closed by another practitioner of the reader's organisation or of the custodian, or by a regulator's auditor.";
}
