//! What the machine does, in sentences: admission to blocks, governance, practitioners, accounts, records.

use inro_contracts::account::Powers;
use inro_contracts::block::BlockContext;
use inro_contracts::bytes::Canonical;
use inro_contracts::entry::Outcome;
use inro_contracts::fixture::{self, Consortium, FOUNDED, Member, label};
use inro_contracts::id::{ChainId, ProposalId};
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::machine::{self, BlockFault, Inadmissible};
use inro_contracts::memory::MemoryLedger;
use inro_contracts::merkle;
use inro_contracts::organisation::{Organisation, OrganisationKind, OrganisationProfile, Peer};
use inro_contracts::parameters::Parameters;
use inro_contracts::proposal::{Change, Proposal, ProposalStatus};
use inro_contracts::record::{ErasureReason, ProviderFlags, Record, RecordStatus};
use inro_contracts::rule::Rule;
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Time};
use inro_contracts::transaction::{Action, ParsedTransaction, Transaction};
use inro_contracts::vote::{DoubleSign, VoteKind, VoteStatement};

use crate::story::{HOUR, SECOND, Story, rejected};

// Blocks (L-1, L-5, L-6, L-9).

#[test]
fn a_header_binds_its_entries_its_state_and_all_blocks_before() {
    let mut story = Story::new(4);
    assert_eq!(story.open(0, 1), Outcome::Applied);
    assert_eq!(story.open(0, 1), rejected(Rule::AccountExists));
    assert_eq!(story.register(0, 1, 1), Outcome::Applied);
    let genesis = story.consortium.founding();
    let mut parent = genesis.tip.block;
    let mut ids = vec![genesis.tip.block];
    for height in 1..=3 {
        let block = story.ledger.block(Height(height)).expect("committed").clone();
        assert_eq!((block.header.height, block.header.parent), (Height(height), parent));
        let leaves: Vec<_> = block.entries.iter().map(|entry| merkle::leaf_hash(entry)).collect();
        assert_eq!((block.header.entries_root, block.header.entries), (merkle::root(&leaves), 1));
        let history: Vec<_> = ids.iter().map(|id| merkle::leaf_hash(&id.0)).collect();
        assert_eq!(block.header.history_root, crate::merkle::plain_root(&history));
        parent = block.header.id();
        ids.push(parent);
    }
    assert_eq!(story.ledger.tip().block, parent);
}

#[test]
fn a_transaction_stands_only_in_the_blocks_of_its_ledger_and_its_time() {
    let consortium = Consortium::new(4);
    let parameters = Parameters::default();
    let now = FOUNDED.plus_ms(HOUR);
    let made = |chain: ChainId, void_after: Time| Transaction {
        chain,
        signer: PublicKey([1; 32]),
        void_after,
        nonce: 0,
        action: Action::VetoRecovery { account: label(1) },
    };
    let ask = |transaction: Transaction| machine::admissible(&transaction, &consortium.chain, now, &parameters);
    assert_eq!(ask(made(consortium.chain, now)), Ok(()));
    assert_eq!(ask(made(consortium.chain, now.plus_ms(parameters.void_after_ms_max))), Ok(()));
    assert_eq!(ask(made(ChainId([9; 32]), now)), Err(Inadmissible::OtherChain));
    assert_eq!(ask(made(consortium.chain, Time(now.0 - 1))), Err(Inadmissible::Void));
    assert_eq!(ask(made(consortium.chain, now.plus_ms(parameters.void_after_ms_max + 1))), Err(Inadmissible::TooFarAhead));
    assert_eq!(ask(made(consortium.chain, Time(u64::MAX))), Err(Inadmissible::TooFarAhead));
}

#[test]
fn a_transaction_is_committed_once_even_when_it_was_rejected() {
    let mut story = Story::new(4);
    let member = story.member(0);
    let action = story.consortium.register_record(0, label(1), 1);
    let transaction = story.transaction(&member.practitioner, action);
    let twice = [transaction.clone(), transaction.clone()];
    let result = story.ledger.build(story.now, member.validator.public(), &twice);
    let fault = BlockFault::Transaction { id: transaction.id(), fault: Inadmissible::Committed };
    assert_eq!(result.err(), Some(fault.clone()));
    let once = story.ledger.append(story.now, member.validator.public(), &twice[..1]).expect("the block stands");
    assert_eq!(once.outcomes, [rejected(Rule::UnknownAccount)]);
    let result = story.ledger.build(story.now, member.validator.public(), &twice[..1]);
    assert!(matches!(result, Err(BlockFault::TimeNotAfterParent { .. })));
    // Void by now, and were it not, committed.
    let result = story.ledger.build(story.now.plus_ms(1), member.validator.public(), &twice[..1]);
    assert_eq!(result.err(), Some(BlockFault::Transaction { id: transaction.id(), fault: Inadmissible::Void }));
    let long = story.consortium.sign(Action::VetoRecovery { account: label(1) }, &member.authority, story.now.plus_ms(HOUR / 10));
    let long = ParsedTransaction::from(long).verify().expect("signed");
    story.wait(SECOND);
    story.ledger.append(story.now, member.validator.public(), std::slice::from_ref(&long)).expect("the block stands");
    story.wait(SECOND);
    let result = story.ledger.build(story.now, member.validator.public(), std::slice::from_ref(&long));
    assert_eq!(result.err(), Some(BlockFault::Transaction { id: long.id(), fault: Inadmissible::Committed }));
}

#[test]
fn blocks_keep_their_bounds_their_order_and_the_direction_of_time() {
    let parameters = Parameters { block_transactions_max: 2, block_bytes_max: 65_536, ..Parameters::default() };
    let mut story = Story::of(Consortium::with_parameters(4, parameters));
    let member = story.member(0);
    let transactions: Vec<_> = (0..3)
        .map(|seed| {
            let action = story.consortium.account_opening(0, seed);
            story.transaction(&member.practitioner, action)
        })
        .collect();
    let proposer = member.validator.public();
    let result = story.ledger.build(story.now, proposer, &transactions);
    assert_eq!(result.err(), Some(BlockFault::TooManyTransactions { limit: 2, found: 3 }));
    let result = story.ledger.build(FOUNDED, proposer, &[]);
    assert_eq!(result.err(), Some(BlockFault::TimeNotAfterParent { parent: FOUNDED, found: FOUNDED }));
    let context = BlockContext { chain: story.consortium.chain, height: Height(2), time: story.now };
    let result = machine::build(&story.ledger, &story.ledger.tip(), &context, proposer, &[]);
    assert!(matches!(result, Err(BlockFault::State(_))));
    let built = story.ledger.build(story.now, proposer, &transactions[..2]).expect("the block stands");
    assert!(story.ledger.commit(&built, &transactions[..1]).is_err());
    story.ledger.commit(&built, &transactions[..2]).expect("it follows the tip");
    assert!(story.ledger.commit(&built, &transactions[..2]).is_err(), "a block is committed once");
}

#[test]
fn a_block_of_too_many_bytes_is_refused() {
    let parameters = Parameters { block_transactions_max: 50_000, block_bytes_max: 65_536, ..Parameters::default() };
    let mut story = Story::of(Consortium::with_parameters(4, parameters));
    let member = story.member(0);
    let transactions: Vec<_> =
        (0..400).map(|_| story.transaction(&member.authority, Action::VetoRecovery { account: label(1) })).collect();
    let result = story.ledger.build(story.now, member.validator.public(), &transactions);
    assert!(matches!(result, Err(BlockFault::TooManyBytes { limit: 65_536, .. })));
}

// Signatures are part of validity (T-5, A-4).

#[test]
fn a_key_is_not_registered_without_its_owner() {
    let story = Story::new(4);
    let (member, thief) = (story.member(0), fixture::secret("thief", 1));
    let victim = fixture::patient(1);
    let stolen = Action::RotateAuthority {
        organisation: member.id,
        key: victim.public(),
        possession: story.consortium.possession(member.id.0, &thief),
    };
    let for_another = Action::RotateAuthority {
        organisation: member.id,
        key: victim.public(),
        possession: story.consortium.possession(story.member(1).id.0, &victim),
    };
    for action in [stolen, for_another] {
        let signed = story.consortium.sign(action, &member.authority, story.now);
        let error = ParsedTransaction::from(signed).verify().expect_err("no proof of possession");
        assert_eq!(error.position, 1);
    }
}

#[test]
fn an_account_is_not_opened_without_the_patients_agreement_to_this_custodian() {
    let story = Story::new(4);
    let Action::OpenAccount { agreement, first_key, custodial, .. } = story.consortium.account_opening(0, 1) else {
        panic!("an opening")
    };
    let other = story.member(1);
    let action =
        Action::OpenAccount { practitioner: other.practitioner_id, custodian: other.id, first_key, custodial, agreement };
    let signed = story.consortium.sign(action, &other.practitioner, story.now);
    assert!(ParsedTransaction::from(signed).verify().is_err());
}

// Governance.

#[test]
fn more_than_two_thirds_of_the_active_members_admit_a_new_one() {
    let mut story = Story::new(4);
    let new = fixture::secret("new", 1);
    let profile = fixture::profile(1, &new.public());
    let possession = story.consortium.possession(profile.id().0, &new);
    let change = Change::AdmitOrganisation { profile: profile.clone(), possession };
    assert_eq!(story.decide(0, &[1], change.clone()), (Outcome::Applied, ProposalStatus::Open));
    assert_eq!(story.decide(2, &[1, 3], change.clone()), (Outcome::Applied, ProposalStatus::Accepted));
    let organisation: Organisation = story.object(StateKey::Organisation(profile.id()));
    assert_eq!(organisation.since, story.ledger.tip().height);
    assert_eq!(story.decide(0, &[], change).0, rejected(Rule::AlreadyMember));
}

#[test]
fn a_proposal_that_became_impossible_is_closed_as_such() {
    let mut story = Story::new(4);
    let new = fixture::secret("new", 1);
    let profile = fixture::profile(1, &new.public());
    let change =
        Change::AdmitOrganisation { profile: profile.clone(), possession: story.consortium.possession(profile.id().0, &new) };
    let member = story.member(0);
    let (_, late) = story.act_with_id(&member.authority, Action::Propose { organisation: member.id, change: change.clone() });
    assert_eq!(story.decide(1, &[2, 3], change).1, ProposalStatus::Accepted);
    for index in [1, 2, 3] {
        let member = story.member(index);
        let vote = Action::Vote { organisation: member.id, proposal: late, approve: true };
        assert_eq!(story.act(&member.authority, vote), Outcome::Applied);
    }
    assert_eq!(story.object::<Proposal>(StateKey::Proposal(late)).status, ProposalStatus::Impossible);
}

#[test]
fn votes_are_counted_once_in_time_and_only_of_members() {
    let mut story = Story::new(4);
    let (one, two) = (story.member(0), story.member(1));
    let change = Change::SetParameters(Parameters { peers_max: 3, ..Parameters::default() });
    let (_, proposal) = story.act_with_id(&one.authority, Action::Propose { organisation: one.id, change });
    let vote = |organisation, approve| Action::Vote { organisation, proposal, approve };
    assert_eq!(story.act(&one.authority, vote(one.id, true)), rejected(Rule::AlreadyVoted));
    assert_eq!(story.act(&one.authority, vote(two.id, true)), rejected(Rule::NotTheAuthority));
    assert_eq!(story.act(&one.authority, vote(Member::new(77).id, true)), rejected(Rule::UnknownOrganisation));
    let unknown = Action::Vote { organisation: two.id, proposal: ProposalId([0; 32]), approve: true };
    assert_eq!(story.act(&two.authority, unknown), rejected(Rule::UnknownProposal));
    story.wait(Parameters::default().proposal_ms);
    assert_eq!(story.act(&two.authority, vote(two.id, true)), rejected(Rule::ProposalClosed));
}

#[test]
fn two_refusals_of_four_close_a_proposal() {
    let mut story = Story::new(4);
    let one = story.member(0);
    let change = Change::SetParameters(Parameters { peers_max: 3, ..Parameters::default() });
    let (_, proposal) = story.act_with_id(&one.authority, Action::Propose { organisation: one.id, change });
    for index in [1, 2] {
        let member = story.member(index);
        let vote = Action::Vote { organisation: member.id, proposal, approve: false };
        assert_eq!(story.act(&member.authority, vote), Outcome::Applied);
    }
    assert_eq!(story.object::<Proposal>(StateKey::Proposal(proposal)).status, ProposalStatus::Refused);
}

#[test]
fn a_suspended_member_is_cut_off_in_the_same_block() {
    let mut story = Story::new(5);
    assert_eq!(story.open(4, 1), Outcome::Applied);
    let bad = story.member(4);
    let change = story.suspend(4);
    let proposer = story.member(0);
    let propose = story.transaction(&proposer.authority, Action::Propose { organisation: proposer.id, change });
    let proposal = ProposalId(propose.id().0);
    let mut block = vec![propose];
    for index in 1..4 {
        let member = story.member(index);
        block.push(story.transaction(&member.authority, Action::Vote { organisation: member.id, proposal, approve: true }));
    }
    let register = story.consortium.register_record(4, label(1), 1);
    block.push(story.transaction(&bad.practitioner, register));
    let rotate = Action::RemovePeer { organisation: bad.id, peer: bad.peer.public() };
    block.push(story.transaction(&bad.authority, rotate));
    let built = story.ledger.append(story.now, proposer.validator.public(), &block).expect("the block stands");
    assert_eq!(built.outcomes[..4], [const { Outcome::Applied }; 4]);
    assert_eq!(built.outcomes[4..], [rejected(Rule::SuspendedOrganisation), rejected(Rule::SuspendedOrganisation)]);
    assert!(built.next_validators.find(&bad.validator.public()).is_none());
    assert_eq!(built.header.next_validators, built.next_validators.hash());
    assert_ne!(built.header.validators, built.header.next_validators);
}

#[test]
fn a_suspended_custodians_patients_keep_control_of_their_accounts() {
    let mut story = Story::new(5);
    assert_eq!(story.open(4, 1), Outcome::Applied);
    let change = story.suspend(4);
    assert_eq!(story.decide(0, &[1, 2, 3], change).1, ProposalStatus::Accepted);
    assert_eq!(story.open(4, 2), rejected(Rule::SuspendedOrganisation));
    assert_eq!(story.register(4, 1, 1), rejected(Rule::SuspendedOrganisation));
    let guardian = fixture::guardian(1, Powers::ALL);
    let patient = fixture::patient(1);
    assert_eq!(story.act(&patient, Action::AppointGuardian { account: label(1), guardian }), Outcome::Applied);
    let new = fixture::secret("new", 1);
    let rotate = story.consortium.rotate_controller(label(1), &new);
    assert_eq!(story.act(&patient, rotate), Outcome::Applied);
}

#[test]
fn a_suspended_members_reports_and_votes_are_refused_until_it_is_reinstated() {
    let mut story = Story::new(5);
    let change = story.suspend(4);
    assert_eq!(story.decide(0, &[1, 2, 3], change.clone()).1, ProposalStatus::Accepted);
    let bad = story.member(4);
    let evidence = double_sign(&story, 0, 1);
    assert_eq!(story.act(&bad.peer, Action::ReportDoubleSign { evidence }), rejected(Rule::SuspendedOrganisation));
    assert_eq!(story.decide(4, &[], change.clone()).0, rejected(Rule::SuspendedOrganisation));
    assert_eq!(story.decide(0, &[], change).0, rejected(Rule::SuspendedOrganisation));
    let reinstate = Change::ReinstateOrganisation { organisation: bad.id };
    assert_eq!(story.decide(0, &[1, 2], reinstate.clone()).1, ProposalStatus::Accepted);
    assert_eq!(story.open(4, 2), Outcome::Applied);
    assert_eq!(story.decide(0, &[], reinstate).0, rejected(Rule::NotSuspended));
    assert!(
        story.ledger.validators().expect("readable").find(&bad.validator.public()).is_none(),
        "its validator is voted back in"
    );
    let possession = story.consortium.possession(bad.id.0, &bad.validator);
    let back = Change::SetValidator { organisation: bad.id, key: bad.validator.public(), power: 10, possession };
    assert_eq!(story.decide(0, &[1, 2, 3], back).1, ProposalStatus::Accepted);
    assert!(story.ledger.validators().expect("readable").find(&bad.validator.public()).is_some());
}

#[test]
fn a_member_whose_validator_is_needed_is_suspended_after_the_minimum_is_lowered() {
    let mut story = Story::new(4);
    let change = story.suspend(3);
    assert_eq!(story.decide(0, &[], change.clone()).0, rejected(Rule::TooFewValidators));
    let lower = Change::SetParameters(Parameters { validators_min: 3, ..Parameters::default() });
    assert_eq!(story.decide(0, &[1, 2], lower).1, ProposalStatus::Accepted);
    assert_eq!(story.decide(0, &[1, 2], change).1, ProposalStatus::Accepted);
    let raise = Change::SetParameters(Parameters::default());
    assert_eq!(story.decide(0, &[], raise).0, rejected(Rule::TooFewValidators));
}

#[test]
fn a_stolen_authority_key_is_replaced_while_its_organisation_is_suspended() {
    let mut story = Story::new(5);
    let robbed = story.member(4);
    let change = story.suspend(4);
    assert_eq!(story.decide(0, &[1, 2, 3], change).1, ProposalStatus::Accepted);
    let new = fixture::secret("new", 1);
    let possession = story.consortium.possession(robbed.id.0, &new);
    let replace = Change::ReplaceAuthority { organisation: robbed.id, key: new.public(), possession };
    assert_eq!(story.decide(0, &[1, 2], replace).1, ProposalStatus::Accepted);
    let reinstate = Change::ReinstateOrganisation { organisation: robbed.id };
    assert_eq!(story.decide(0, &[1, 2], reinstate).1, ProposalStatus::Accepted);
    let remove = Action::RemovePeer { organisation: robbed.id, peer: robbed.peer.public() };
    assert_eq!(story.act(&robbed.authority, remove.clone()), rejected(Rule::NotTheAuthority));
    assert_eq!(story.act(&new, remove), Outcome::Applied);
}

#[test]
fn no_validator_and_no_organisation_reaches_a_third_of_the_power() {
    let mut story = Story::new(4);
    let member = story.member(0);
    let second = fixture::secret("second validator", 1);
    let set = |story: &Story, secret: &SecretKey, power: u32| Change::SetValidator {
        organisation: member.id,
        key: secret.public(),
        power,
        possession: story.consortium.possession(member.id.0, secret),
    };
    for (secret, power) in [(&member.validator, 15), (&member.validator, u32::MAX), (&member.validator, 0), (&second, 5)] {
        let change = set(&story, secret, power);
        assert_eq!(story.decide(0, &[], change).0, rejected(Rule::BadPower), "power {power}");
    }
    let change = set(&story, &member.validator, 14);
    assert_eq!(story.decide(0, &[1, 2], change).1, ProposalStatus::Accepted);
    let change = set(&story, &member.validator, 14);
    assert_eq!(story.decide(0, &[], change).0, rejected(Rule::NoChange));
}

#[test]
fn a_validator_key_is_rotated_by_its_organisation_and_keeps_its_power() {
    let mut story = Story::new(4);
    let (one, two) = (story.member(0), story.member(1));
    let new = fixture::secret("new validator", 1);
    let rotate = |story: &Story, organisation: inro_contracts::id::OrganisationId, old: &SecretKey, new: &SecretKey| {
        let possession = story.consortium.possession(organisation.0, new);
        Action::RotateValidator { organisation, old: old.public(), key: new.public(), possession }
    };
    let foreign = rotate(&story, two.id, &one.validator, &new);
    assert_eq!(story.act(&two.authority, foreign), rejected(Rule::ValidatorOfAnother));
    let used = rotate(&story, one.id, &one.validator, &two.validator);
    assert_eq!(story.act(&one.authority, used), rejected(Rule::KeyInUse));
    let own = rotate(&story, one.id, &one.validator, &new);
    assert_eq!(story.act(&one.authority, own), Outcome::Applied);
    let validators = story.ledger.validators().expect("readable");
    assert_eq!(validators.find(&new.public()).map(|validator| validator.power), Some(10));
    assert!(validators.find(&one.validator.public()).is_none());
    let back = rotate(&story, one.id, &new, &one.validator);
    assert_eq!(story.act(&one.authority, back), rejected(Rule::KeyInUse), "a rotated key does not come back by rotation");
}

#[test]
fn members_beyond_1024_are_refused() {
    let story = Story::new(4);
    assert_eq!(inro_contracts::state::MEMBERS_MAX, 1024);
    // Admitting 1,020 members takes a proposal and hundreds of votes each; a state with that many shows the same.
    let mut founding = story.consortium.founding();
    let ids = (0..1024).map(|number| Member::new(number).id).collect();
    let members = inro_contracts::state::Members(fixture::list(ids));
    founding.state.insert(StateKey::Members, Some(members.to_bytes()));
    let mut story = Story { ledger: MemoryLedger::found(&founding), ..story };
    let new = fixture::secret("new", 1);
    let profile = fixture::profile(1, &new.public());
    let possession = story.consortium.possession(profile.id().0, &new);
    assert_eq!(story.decide(0, &[], Change::AdmitOrganisation { profile, possession }).0, rejected(Rule::TooManyMembers));
}

// Peers and evidence.

#[test]
fn a_peer_that_comes_and_goes_within_one_block_leaves_nothing() {
    let mut story = Story::new(4);
    let member = story.member(0);
    let machine = fixture::secret("machine", 1);
    let mut peer = story.object::<Peer>(StateKey::Peer(member.peer.public())).record;
    peer.key = machine.public();
    let possession = story.consortium.possession(member.id.0, &machine);
    let register = Action::RegisterPeer { organisation: member.id, peer, possession };
    let remove = Action::RemovePeer { organisation: member.id, peer: machine.public() };
    let block = [story.transaction(&member.authority, register), story.transaction(&member.authority, remove)];
    let built = story.ledger.append(story.now, member.validator.public(), &block).expect("the block stands");
    assert_eq!(built.outcomes, [Outcome::Applied, Outcome::Applied]);
    let key = StateKey::Peer(machine.public());
    let (value, proof) = story.ledger.prove(&key).expect("provable");
    assert_eq!(value, None);
    proof.check(&story.ledger.state_root(), &key, None).expect("absent");
    assert_eq!(story.ledger.state_root(), crate::tree::plain_root(story.ledger.objects()));
    assert_eq!(story.object::<Organisation>(StateKey::Organisation(member.id)).peers, 1);
}

#[test]
fn addresses_have_one_spelling_and_no_names() {
    use inro_contracts::genesis::is_peer_address;
    for good in ["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/65535", "/ip6/2001:db8::7/tcp/26600"] {
        assert!(is_peer_address(good), "{good}");
    }
    let bad = [
        "",
        "/",
        "127.0.0.1:80",
        "/ip4/127.0.0.1/tcp/0",
        "/ip4/127.0.0.1/tcp/+80",
        "/ip4/127.0.0.1/tcp/080",
        "/ip4/127.0.0.1/tcp/65536",
        "/ip4/127.0.0.1/udp/80",
        "/dns4/example.org/tcp/80",
        "/ip4/::1/tcp/80",
        "/ip4/127.0.0.1/tcp/80/",
        "x/ip4/127.0.0.1/tcp/80",
        "/ip4/127.0.0.01/tcp/80",
        "/ip4/127.1/tcp/80",
    ];
    for bad in bad {
        assert!(!is_peer_address(bad), "{bad}");
    }
}

fn double_sign(story: &Story, index: usize, height: u64) -> DoubleSign {
    let validator = &story.consortium.organisations[index].validator;
    let vote = |byte: u8| VoteStatement {
        chain: story.consortium.chain,
        kind: VoteKind::Precommit,
        height: Height(height),
        round: 0,
        block: Some(inro_contracts::id::BlockId([byte; 32])),
        validator: validator.public(),
    };
    let sign = |vote: &VoteStatement| validator.sign(inro_contracts::tag::Tag::VOTE, &vote.to_bytes());
    let (first, second) = (vote(1), vote(2));
    DoubleSign::Votes { first_signature: sign(&first), second_signature: sign(&second), first, second }
}

#[test]
fn a_double_signature_is_taken_once_and_forged_ones_never() {
    let mut story = Story::new(4);
    let reporter = story.member(1).peer;
    let evidence = double_sign(&story, 0, 1);
    let stranger = fixture::secret("stranger", 1);
    let report = |evidence: &DoubleSign| Action::ReportDoubleSign { evidence: evidence.clone() };
    assert_eq!(story.act(&stranger, report(&evidence)), rejected(Rule::UnknownPeer));
    assert_eq!(story.act(&reporter, report(&evidence)), Outcome::Applied);
    assert_eq!(story.act(&reporter, report(&evidence)), rejected(Rule::EvidenceKnown));
    let future = double_sign(&story, 0, 1000);
    assert_eq!(story.act(&reporter, report(&future)), rejected(Rule::NoConflict));
    let DoubleSign::Votes { first, first_signature, .. } = evidence.clone() else { panic!("votes") };
    let twice_the_same =
        DoubleSign::Votes { second: first.clone(), second_signature: first_signature, first: first.clone(), first_signature };
    assert_eq!(story.act(&reporter, report(&twice_the_same)), rejected(Rule::NoConflict));
    let forged = DoubleSign::Votes {
        second: VoteStatement { block: None, ..first.clone() },
        second_signature: first_signature,
        first,
        first_signature,
    };
    let signed = story.consortium.sign(report(&forged), &reporter, story.now);
    assert!(ParsedTransaction::from(signed).verify().is_err(), "a forged report is no valid transaction");
}

// Practitioners.

#[test]
fn an_expired_practitioner_is_renewed_and_acts_again() {
    let mut story = Story::new(4);
    let member = story.member(0);
    story.wait(366 * 24 * HOUR);
    assert_eq!(story.open(0, 1), rejected(Rule::PractitionerNotValid));
    let until = story.now.plus_ms(HOUR);
    let validity = inro_contracts::time::Validity { from: FOUNDED, until };
    let renew = Action::RenewPractitioner { organisation: member.id, practitioner: member.practitioner_id, validity };
    assert_eq!(story.act(&member.authority, renew), Outcome::Applied);
    assert_eq!(story.open(0, 1), Outcome::Applied);
}

#[test]
fn a_suspended_practitioner_cannot_slip_away_to_a_new_key() {
    let mut story = Story::new(4);
    let member = story.member(0);
    let (organisation, practitioner) = (member.id, member.practitioner_id);
    let suspend = Action::SetPractitionerStanding { organisation, practitioner, active: false };
    assert_eq!(story.act(&member.authority, suspend), Outcome::Applied);
    assert_eq!(story.open(0, 1), rejected(Rule::PractitionerNotValid));
    let new = fixture::secret("new", 1);
    let possession = story.consortium.possession(practitioner.0, &new);
    let rotate = Action::RotatePractitioner { practitioner, key: new.public(), possession };
    assert_eq!(story.act(&member.practitioner, rotate.clone()), rejected(Rule::NotTheKey));
    assert_eq!(story.act(&member.authority, rotate), Outcome::Applied);
    let opening = story.consortium.account_opening(0, 1);
    assert_eq!(story.act(&new, opening.clone()), rejected(Rule::PractitionerNotValid));
    let reinstate = Action::SetPractitionerStanding { organisation, practitioner, active: true };
    assert_eq!(story.act(&member.authority, reinstate), Outcome::Applied);
    assert_eq!(story.act(&member.practitioner, opening.clone()), rejected(Rule::NotTheKey));
    assert_eq!(story.act(&new, opening), Outcome::Applied);
}

#[test]
fn a_key_has_one_use_in_the_whole_ledger() {
    let mut story = Story::new(4);
    let (one, two) = (story.member(0), story.member(1));
    for used in [&two.authority, &two.validator, &two.peer, &two.practitioner, &one.authority] {
        let possession = story.consortium.possession(one.id.0, used);
        let rotate = Action::RotateAuthority { organisation: one.id, key: used.public(), possession };
        assert_eq!(story.act(&one.authority, rotate), rejected(Rule::KeyInUse));
    }
}

#[test]
fn only_a_facility_is_a_custodian() {
    let mut story = Story::new(4);
    let company = fixture::secret("company", 1);
    let kind = OrganisationKind::Company;
    let profile = OrganisationProfile { kind, ..fixture::profile(0, &company.public()) };
    let id = profile.id();
    let possession = story.consortium.possession(id.0, &company);
    assert_eq!(story.decide(0, &[1, 2], Change::AdmitOrganisation { profile, possession }).1, ProposalStatus::Accepted);
    let person = fixture::secret("employee", 1);
    let register = Action::RegisterPractitioner {
        organisation: id,
        key: person.public(),
        possession: story.consortium.possession(id.0, &person),
        role: inro_contracts::organisation::Role::RecordsAdministrator,
        licence: inro_contracts::id::Hash([0; 32]),
        validity: fixture::one_year(),
    };
    assert_eq!(story.act(&company, register), Outcome::Applied);
    let patient = fixture::patient(1);
    let opening = inro_contracts::account::AccountOpening {
        chain: story.consortium.chain,
        custodian: id,
        first_key: patient.public(),
        custodial: false,
    };
    let open = Action::OpenAccount {
        practitioner: inro_contracts::organisation::Practitioner::id_of(&person.public()),
        custodian: id,
        first_key: patient.public(),
        custodial: false,
        agreement: opening.sign(&patient),
    };
    assert_eq!(story.act(&person, open), rejected(Rule::NotAFacility));
}

// Accounts and recovery.

#[test]
fn two_organisations_and_a_delay_recover_an_account() {
    let mut story = Story::new(4);
    let new = fixture::secret("new", 1);
    assert_eq!(story.open(0, 1), Outcome::Applied);
    assert_eq!(story.attest(1, 1, &new), Outcome::Applied);
    assert_eq!(story.complete(1, &new), rejected(Rule::RecoveryTooEarly));
    assert_eq!(story.attest(1, 1, &new), rejected(Rule::SameOrganisationTwice));
    assert_eq!(story.attest(2, 1, &new), Outcome::Applied);
    assert_eq!(story.complete(1, &new), rejected(Rule::RecoveryTooEarly));
    assert_eq!(story.attest(3, 1, &new), rejected(Rule::RecoveryUnderWay));
    story.wait(Parameters::default().recovery_delay_ms);
    assert_eq!(story.complete(1, &fixture::secret("thief", 1)), rejected(Rule::NotTheNewKey));
    assert_eq!(story.complete(1, &new), Outcome::Applied);
    assert_eq!((story.account(1).controller, story.account(1).recovery), (new.public(), None));
    assert_eq!(story.complete(1, &new), rejected(Rule::NoRecovery));
}

/// A hostile or careless organisation attested a key of its own first. The patient has lost the key and cannot veto; when a
/// check for another key was simply refused, nobody could ever recover the account.
#[test]
fn a_first_check_for_a_wrong_key_does_not_block_a_recovery() {
    let mut story = Story::new(4);
    let (new, wrong) = (fixture::secret("new", 1), fixture::secret("wrong", 1));
    assert_eq!(story.open(0, 1), Outcome::Applied);
    assert_eq!(story.attest(3, 1, &wrong), Outcome::Applied);
    assert_eq!(story.attest(1, 1, &new), Outcome::Applied);
    let recovery = story.account(1).recovery.expect("under way");
    assert_eq!((recovery.new_key, recovery.first), (new.public(), story.member(1).id));
    assert_eq!(story.attest(2, 1, &new), Outcome::Applied);
    assert_eq!(story.attest(3, 1, &wrong), rejected(Rule::RecoveryUnderWay));
    story.wait(Parameters::default().recovery_delay_ms);
    assert_eq!(story.complete(1, &new), Outcome::Applied);
}

/// The new key was lost too, between the second check and the completion.
#[test]
fn an_overdue_recovery_makes_room_for_another() {
    let mut story = Story::new(4);
    let (lost, new) = (fixture::secret("lost", 1), fixture::secret("new", 1));
    assert_eq!(story.open(0, 1), Outcome::Applied);
    assert_eq!(story.attest(1, 1, &lost), Outcome::Applied);
    assert_eq!(story.attest(2, 1, &lost), Outcome::Applied);
    let delay = Parameters::default().recovery_delay_ms;
    story.wait(2 * delay - 2 * SECOND);
    assert_eq!(story.attest(1, 1, &new), rejected(Rule::RecoveryUnderWay));
    story.wait(2 * SECOND);
    assert_eq!(story.attest(1, 1, &new), Outcome::Applied);
    assert_eq!(story.account(1).recovery.map(|recovery| (recovery.new_key, recovery.second)), Some((new.public(), None)));
}

/// Two organisations conspired; the members suspend one of them within the delay.
#[test]
fn a_suspended_organisations_identity_check_counts_for_nothing() {
    let mut story = Story::new(6);
    let (thief, new) = (fixture::secret("thief", 1), fixture::secret("new", 1));
    assert_eq!(story.open(0, 1), Outcome::Applied);
    assert_eq!(story.attest(4, 1, &thief), Outcome::Applied);
    assert_eq!(story.attest(5, 1, &thief), Outcome::Applied);
    let change = story.suspend(5);
    assert_eq!(story.decide(0, &[1, 2, 3, 4], change).1, ProposalStatus::Accepted);
    story.wait(Parameters::default().recovery_delay_ms);
    assert_eq!(story.complete(1, &thief), rejected(Rule::SuspendedOrganisation));
    assert_eq!(story.attest(1, 1, &new), Outcome::Applied);
    assert_eq!(story.attest(2, 1, &new), Outcome::Applied);
    story.wait(Parameters::default().recovery_delay_ms);
    assert_eq!(story.complete(1, &new), Outcome::Applied);
}

#[test]
fn the_controller_or_a_guardian_with_that_power_vetoes_a_recovery() {
    let mut story = Story::new(4);
    let thief = fixture::secret("thief", 1);
    let patient = fixture::patient(1);
    assert_eq!(story.open(0, 1), Outcome::Applied);
    let account = label(1);
    assert_eq!(story.act(&patient, Action::VetoRecovery { account }), rejected(Rule::NoRecovery));
    for (seed, powers) in [(1, Powers::VETO_RECOVERY), (2, Powers::GRANT)] {
        let guardian = fixture::guardian(seed, powers);
        assert_eq!(story.act(&patient, Action::AppointGuardian { account, guardian }), Outcome::Applied);
    }
    let guardian = |seed| fixture::secret("guardian", seed);
    for (vetoer, outcome) in [
        (guardian(2), rejected(Rule::NoVeto)),
        (thief.clone(), rejected(Rule::NoVeto)),
        (guardian(1), Outcome::Applied),
        (patient, Outcome::Applied),
    ] {
        if story.account(1).recovery.is_none() {
            assert_eq!(story.attest(1, 1, &thief), Outcome::Applied);
        }
        assert_eq!(story.act(&vetoer, Action::VetoRecovery { account }), outcome);
    }
    assert_eq!(story.account(1).recovery, None);
}

#[test]
fn rotating_the_controller_changes_nothing_but_the_controller() {
    let mut story = Story::new(4);
    assert_eq!(story.open(0, 1), Outcome::Applied);
    let (patient, new, other) = (fixture::patient(1), fixture::secret("new", 1), fixture::secret("other", 1));
    let guardian = fixture::guardian(1, Powers::ALL);
    let appoint = Action::AppointGuardian { account: label(1), guardian: guardian.clone() };
    assert_eq!(story.act(&patient, appoint), Outcome::Applied);
    assert_eq!(story.attest(1, 1, &other), Outcome::Applied);
    let before = story.account(1);
    let rotate = story.consortium.rotate_controller(label(1), &new);
    assert_eq!(story.act(&patient, rotate.clone()), Outcome::Applied);
    let after = story.account(1);
    assert_eq!(after.controller, new.public());
    assert_eq!((after.guardians, after.recovery, after.custodian), (before.guardians, before.recovery, before.custodian));
    assert_eq!(after.journal_length, before.journal_length + 1);
    assert_eq!(story.act(&patient, rotate), rejected(Rule::NotTheController));
    let to_guardian = story.consortium.rotate_controller(label(1), &fixture::secret("guardian", 1));
    assert_eq!(story.act(&new, to_guardian), rejected(Rule::GuardianExists));
}

#[test]
fn sixteen_guardians_are_enough_and_expired_ones_make_room() {
    let mut story = Story::new(4);
    let patient = fixture::patient(1);
    assert_eq!(story.open(0, 1), Outcome::Applied);
    let appoint = |seed: u64, until: Time| {
        let mut guardian = fixture::guardian(seed, Powers::GRANT);
        guardian.validity.until = until;
        Action::AppointGuardian { account: label(1), guardian }
    };
    let soon = story.now.plus_ms(HOUR);
    for seed in 0..16 {
        assert_eq!(story.act(&patient, appoint(seed, soon)), Outcome::Applied);
    }
    let late = story.now.plus_ms(10 * HOUR);
    assert_eq!(story.act(&patient, appoint(3, late)), rejected(Rule::GuardianExists));
    assert_eq!(story.act(&patient, appoint(16, late)), rejected(Rule::TooManyGuardians));
    story.wait(HOUR);
    assert_eq!(story.act(&patient, appoint(3, late)), Outcome::Applied, "an expired guardian is appointed anew");
    assert_eq!(story.account(1).guardians.len(), 1);
    let itself = fixture::secret("guardian", 3);
    let dismiss = Action::DismissGuardian { account: label(1), guardian: itself.public() };
    assert_eq!(story.act(&fixture::secret("guardian", 4), dismiss.clone()), rejected(Rule::NotTheController));
    assert_eq!(story.act(&itself, dismiss.clone()), Outcome::Applied);
    assert_eq!(story.act(&patient, dismiss), rejected(Rule::UnknownGuardian));
}

// Records.

#[test]
fn a_record_is_registered_flagged_superseded_and_erased_by_its_custodian_only() {
    let mut story = Story::new(4);
    let (own, other) = (story.member(0), story.member(1));
    assert_eq!(story.open(0, 1), Outcome::Applied);
    let account = label(1);
    assert_eq!(story.register(1, 1, 1), rejected(Rule::NotTheCustodian));
    assert_eq!(story.register(0, 2, 1), rejected(Rule::UnknownAccount));
    assert_eq!(story.register(0, 1, 1), Outcome::Applied);
    assert_eq!(story.register(0, 1, 1), rejected(Rule::RecordExists));
    let flag = |flags: ProviderFlags| Action::SetProviderFlags {
        account,
        practitioner: own.practitioner_id,
        record: fixture::record_id(1),
        flags,
    };
    assert_eq!(story.act(&own.practitioner, flag(ProviderFlags::UNINFORMED)), Outcome::Applied);
    assert_eq!(story.act(&own.practitioner, flag(ProviderFlags::UNINFORMED)), rejected(Rule::NoChange));
    assert_eq!(story.act(&own.practitioner, flag(ProviderFlags(4))), rejected(Rule::BadFlags));
    assert_eq!(story.act(&other.practitioner, flag(ProviderFlags(0))), rejected(Rule::NotTheKey));
    let supersede = |old: u64, new: u64| Action::SupersedeRecord {
        account,
        practitioner: own.practitioner_id,
        old: fixture::record_id(old),
        record: fixture::manifest(new),
    };
    assert_eq!(story.act(&own.practitioner, supersede(1, 1)), rejected(Rule::SupersedesItself));
    assert_eq!(story.act(&own.practitioner, supersede(9, 2)), rejected(Rule::UnknownRecord));
    assert_eq!(story.act(&own.practitioner, supersede(1, 2)), Outcome::Applied);
    assert_eq!(story.act(&own.practitioner, supersede(1, 3)), rejected(Rule::RecordNotCurrent));
    assert_eq!(story.act(&own.practitioner, flag(ProviderFlags(0))), rejected(Rule::RecordNotCurrent));
    let erase = Action::EraseRecord {
        account,
        practitioner: own.practitioner_id,
        record: fixture::record_id(1),
        reason: ErasureReason::RetentionEnded,
    };
    assert_eq!(story.act(&own.practitioner, erase.clone()), Outcome::Applied, "a superseded record's payload still exists");
    assert_eq!(story.act(&own.practitioner, erase), rejected(Rule::RecordErased));
    let record: Record = story.object(StateKey::Record(account, fixture::record_id(1)));
    assert_eq!((record.status, record.author), (RecordStatus::Erased, own.practitioner_id));
    crate::journals::check_journals(&story.ledger);
}

#[test]
fn every_action_has_its_lane_and_what_takes_a_right_away_comes_first() {
    use inro_contracts::transaction::Lane;
    let account = label(1);
    assert_eq!(Action::VetoRecovery { account }.lane(), Lane::Guard);
    assert_eq!(Action::CompleteRecovery { account }.lane(), Lane::Bulk);
    assert!(Lane::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    for action in crate::samples::actions() {
        let lane = action.lane();
        let takes_away =
            matches!(action, Action::Revoke { .. } | Action::Seal { .. } | Action::LiftSeal { .. } | Action::CloseConsult { .. });
        assert!(!takes_away || lane == Lane::Guard, "{action:?}");
        if let Action::Access(request) = &action {
            let emergency = matches!(request.basis, inro_contracts::access::Basis::Emergency(_));
            assert_eq!(lane, if emergency { Lane::Emergency } else { Lane::Access });
        }
    }
}
