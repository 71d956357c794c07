//! The vectors that the verifiers in Rust and in the browser share: every kind of valid evidence, and for each step evidence that
//! fails at it. Where honest validators would never sign what is needed, the small ledger's validators sign it here: they lie, and
//! the file is still refused, because its parts do not fit.

use inro_contracts::account::Account;
use inro_contracts::block::Header;
use inro_contracts::bytes::{Canonical, List, encode};
use inro_contracts::entry::{Entry, Outcome};
use inro_contracts::fixture::{label, secret};
use inro_contracts::id::{BlockId, ChainId, Hash};
use inro_contracts::journal::Event;
use inro_contracts::merkle::{self, InclusionProof, leaf_hash};
use inro_contracts::state::StateKey;
use inro_contracts::time::{Height, Time};
use inro_evidence::{
    Anchor, Certified, Change, DecisionStatement, EntryStatement, Evidence, FILE_BYTES_MAX, FactObject, ForkStatement,
    JournalStatement, Located, Start, Statement, Step, verify,
};
use serde_json::{Value, json};

use crate::liars::{chained_anew, forged_state};
use crate::world::{Story, story};

/// One vector.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// Zeros follow up to this length.
    pad_to: Option<usize>,
    pinned: Option<BlockId>,
    /// Where it fails; valid without.
    step: Option<Step>,
}

/// All vectors, as the text of the file.
pub fn text() -> String {
    let story = story();
    let founding = story.world.consortium.founding();
    let cases: Vec<String> = cases(&story).iter().map(|case| format!("  {}", json_of(case, &story))).collect();
    let document = hex::encode(story.world.consortium.document.to_bytes());
    let (chain, validators) = (founding.chain.to_hex(), hex::encode(founding.validators.to_bytes()));
    format!(
        "{{\n \"genesis\": \"{document}\",\n \"chain\": \"{chain}\",\n \"validators\": \"{validators}\",\n \"cases\": [\n{}\n ]\n}}\n",
        cases.join(",\n")
    )
}

fn json_of(case: &Case, story: &Story) -> Value {
    let mut value = json!({ "name": case.name, "evidence": hex::encode(&case.bytes) });
    if let Some(length) = case.pad_to {
        value["pad_to"] = json!(length);
    }
    if let Some(pinned) = case.pinned {
        value["pinned"] = json!(pinned);
    }
    match case.step {
        Some(step) => {
            value["step"] = json!(step);
            value["malformed"] = json!(step.failed("").is_malformed());
        }
        None => {
            let anchor = Anchor { pinned: case.pinned, ..story.world.anchor() };
            let proved = verify(&case.bytes, &anchor).unwrap_or_else(|fault| panic!("{}: {fault}", case.name));
            value["proved"] = json!(proved.summary());
        }
    }
    value
}

/// The verdict of the vectors' file itself: every vector is what it says, and every step has one that fails at it.
pub fn check(text: &str) {
    let file: Value = serde_json::from_str(text).expect("the vectors are JSON");
    let bytes = |value: &Value| hex::decode(value.as_str().expect("hexadecimal is text")).expect("it is hexadecimal");
    let document = inro_contracts::genesis::GenesisDocument::from_bytes(&bytes(&file["genesis"])).expect("it is a document");
    let founding = document.found().expect("it founds a ledger");
    assert_eq!(json!(founding.chain), file["chain"]);
    assert_eq!(founding.validators.to_bytes(), bytes(&file["validators"]));
    let (mut failed, mut wrong) = (Vec::new(), Vec::new());
    for case in file["cases"].as_array().expect("there are cases") {
        let name = &case["name"];
        let mut evidence = bytes(&case["evidence"]);
        if let Some(length) = case["pad_to"].as_u64() {
            evidence.resize(length as usize, 0);
        }
        let pinned = case["pinned"].as_str().map(|id| id.parse().expect("it is a block's id"));
        let anchor = Anchor { pinned, ..Anchor::from(&founding) };
        match verify(&evidence, &anchor) {
            Ok(proved) if json!(proved.summary()) == case["proved"] => {}
            Ok(_) => wrong.push(format!("{name}: proves something else, or should not")),
            Err(fault) if json!([fault.step, fault.is_malformed()]) == json!([case["step"], case["malformed"]]) => {
                failed.push(fault.step);
            }
            Err(fault) => wrong.push(format!("{name}: {} expected: {fault}", case["step"])),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for step in Step::ALL {
        assert!(failed.contains(step), "no vector fails at {step}");
    }
}

fn cases(story: &Story) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, evidence) in story.all() {
        cases.push(Case { name, bytes: evidence.to_bytes(), pad_to: None, pinned: None, step: None });
    }
    let maker = Maker { story };
    for part in [maker.form(), maker.trust(), maker.entries(), maker.journals(), maker.decisions(), maker.headers()] {
        cases.extend(part);
    }
    cases
}

fn fails(name: &'static str, evidence: Evidence, step: Step) -> Case {
    Case { name, bytes: evidence.to_bytes(), pad_to: None, pinned: None, step: Some(step) }
}

fn list<T: std::fmt::Debug, const MAX: usize>(elements: Vec<T>) -> List<T, MAX> {
    List::new(elements).expect("few elements")
}

struct Maker<'a> {
    story: &'a Story,
}

impl Maker<'_> {
    fn last(&self) -> Height {
        self.story.world.height()
    }

    fn entry(&self) -> Evidence {
        self.story.world.entry(self.last(), 1)
    }

    fn journal(&self) -> Evidence {
        self.story.world.journal(self.last(), label(1))
    }

    /// A header of the last height that validators signed although it is not what follows from the block.
    fn lie(&self, change: impl FnOnce(&mut Header)) -> Certified {
        let mut header = self.story.world.head(self.last()).header;
        change(&mut header);
        self.story.world.certify(&header, &self.story.world.set_at(self.last()))
    }

    fn form(&self) -> Vec<Case> {
        let sound = self.entry().to_bytes();
        let bytes = |name, bytes, step| Case { name, bytes, pad_to: None, pinned: None, step: Some(step) };
        let mut letter = sound.clone();
        letter[0] ^= 1;
        let mut version = sound.clone();
        version[8] = 2;
        let mut kind = self.story.world.validators(Height(2)).to_bytes();
        // Magic, version, chain, start, no changes: 8 + 2 + 32 + 1 + 4.
        kind[47] = 8;
        let mut option = self.story.world.decision(&self.story.nobody);
        option.statement = match option.statement {
            Statement::Decision(mut decision) => {
                let mut facts = std::mem::take(&mut decision.facts).into_vec();
                facts.reverse();
                decision.facts = list(facts);
                Statement::Decision(decision)
            }
            other => other,
        };
        let mut unsorted = self.entry();
        if let Statement::Entry(statement) = &mut unsorted.statement {
            let mut signatures = std::mem::take(&mut statement.head.certificate.signatures).into_vec();
            signatures.reverse();
            statement.head.certificate.signatures = list(signatures);
        }
        let mut twice = self.entry();
        if let Statement::Entry(statement) = &mut twice.statement {
            let mut signatures = std::mem::take(&mut statement.head.certificate.signatures).into_vec();
            signatures.insert(0, signatures[0].clone());
            statement.head.certificate.signatures = list(signatures);
        }
        vec![
            Case { pad_to: Some(FILE_BYTES_MAX + 1), ..bytes("a file one byte too large", sound.clone(), Step::Size) },
            bytes("another magic", letter, Step::Magic),
            bytes("a version that does not exist", version, Step::Magic),
            bytes("nothing", Vec::new(), Step::Magic),
            bytes("a file that ends early", sound[..sound.len() - 1].to_vec(), Step::Form),
            bytes("a byte left over", [sound.as_slice(), &[0]].concat(), Step::Form),
            bytes("a kind that does not exist", kind, Step::Form),
            fails("facts out of order", option, Step::Form),
            fails("signers out of order", unsorted, Step::Form),
            fails("a signer who stands twice", twice, Step::Form),
        ]
    }

    fn trust(&self) -> Vec<Case> {
        let world = &self.story.world;
        let last = self.last();
        let head = world.head(last);
        let statement = |head: Certified| Statement::Validators(Box::new(head));
        let file = |head: Certified| world.file(last, statement(head));
        let set = world.set_at(last);
        let mut other_chain = self.entry();
        other_chain.chain = ChainId([9; 32]);

        let pinned = world.file_from(Height(5), last, statement(head.clone()));
        let block = world.head(Height(5)).header.id();
        let pin = |name, evidence: &Evidence, pinned, step| Case {
            pinned,
            ..Case { step, ..fails(name, evidence.clone(), Step::Start) }
        };
        let from_before = world.file_from(Height(2), last, statement(head.clone()));
        let mut other_set = pinned.clone();
        other_set.start = match other_set.start {
            Start::Pinned { header, .. } => Start::Pinned { header, set: world.set_at(Height(1)) },
            genesis => genesis,
        };

        let old = world.head(Height(3));
        let not_changed = Evidence { changes: List::default(), ..file(head.clone()) };
        let another_quorum = {
            let stale = world.set_at(Height(1));
            let mut header = head.header.clone();
            header.validators = stale.hash();
            Evidence { changes: List::default(), ..file(world.certify(&header, &stale)) }
        };
        let mut borrowed = head.clone();
        borrowed.certificate = world.head(Height(6)).certificate;
        let mut other_height = head.clone();
        other_height.certificate.height = Height(1);
        let half: Vec<_> = set.validators().iter().take(2).map(|validator| validator.key).collect();
        let stranger = {
            let retired = world.set_at(Height(1));
            let gone = retired.validators().iter().map(|validator| validator.key).find(|key| set.find(key).is_none());
            let mut keys: Vec<_> = set.validators().iter().map(|validator| validator.key).collect();
            keys.extend(gone);
            keys.sort();
            world.certify_by(&head.header, &keys)
        };
        let mut signature = head.clone();
        let mut parts = std::mem::take(&mut signature.certificate.signatures).into_vec();
        parts[1].signature.0[5] ^= 1;
        signature.certificate.signatures = list(parts);
        let mut round = head.clone();
        round.certificate.round = 1;

        let change = world.changes[0].clone();
        let with = |changes: Vec<Change>| Evidence { changes: list(changes), ..file(head.clone()) };
        let other_next = Change { set: world.set_at(Height(1)), ..change.clone() };
        let idle = Change { certified: old.clone(), set: world.set_at(Height(1)) };
        vec![
            fails("evidence of another ledger", other_chain, Step::Chain),
            pin("a pinned start", &pinned, Some(block), None),
            pin("a pinned start before a change of the validators", &from_before, Some(world.head(Height(2)).header.id()), None),
            pin("a pinned start that nobody told the verifier to trust", &pinned, None, Some(Step::Start)),
            pin("a pinned start at another block", &pinned, Some(BlockId([1; 32])), Some(Step::Start)),
            pin("a pinned start with another set", &other_set, Some(block), Some(Step::Start)),
            fails("a header of another ledger", file(self.lie(|header| header.chain = ChainId([9; 32]))), Step::HeaderChain),
            fails("an old header after a change", file(old), Step::HeaderPlace),
            fails("a change that stands twice", with(vec![change.clone(), change.clone()]), Step::HeaderPlace),
            fails("a change that is left out", not_changed, Step::HeaderValidators),
            fails(
                "a header that names a set it was not signed by",
                file(self.lie(|header| header.validators = Hash([1; 32]))),
                Step::HeaderValidators,
            ),
            fails(
                "a header that the validators of long ago signed",
                Evidence { changes: list(vec![change.clone()]), ..another_quorum },
                Step::HeaderValidators,
            ),
            fails("a certificate of another block", file(borrowed), Step::CertificateBlock),
            fails("a certificate of another height", file(other_height), Step::CertificateBlock),
            fails("half of the validators", file(world.certify_by(&head.header, &half)), Step::Quorum),
            fails("nobody's signature", file(world.certify_by(&head.header, &[])), Step::Quorum),
            fails("a signer who votes no more", file(stranger), Step::Quorum),
            fails("a signature that was altered", file(signature), Step::Signatures),
            fails("a certificate of another round", file(round), Step::Signatures),
            fails("a change to another set than the header names", with(vec![other_next]), Step::Change),
            fails("a change that changes nothing", with(vec![idle, change]), Step::Change),
        ]
    }

    fn entries(&self) -> Vec<Case> {
        let sound = self.entry();
        let with = |change: &dyn Fn(&mut Located)| {
            let mut evidence = sound.clone();
            if let Statement::Entry(statement) = &mut evidence.statement {
                change(&mut statement.entry);
            }
            evidence
        };
        let cut = with(&|entry| entry.path = InclusionProof { path: list(entry.path.path.iter().copied().skip(1).collect()) });
        let longer = with(&|entry| {
            let path: Vec<_> = entry.path.path.iter().copied().chain([Hash([0; 32])]).collect();
            entry.path = InclusionProof { path: list(path) };
        });
        // Blocks that validators certified although a transaction in them is not signed, or is for another ledger.
        let alone = |entry: Entry| {
            let root = merkle::root(&[leaf_hash(&encode(&entry))]);
            let head = self.lie(|header| (header.entries, header.entries_root) = (1, root));
            let entry = Located { index: 0, entry, path: InclusionProof { path: List::default() } };
            self.story.world.file(self.last(), Statement::Entry(Box::new(EntryStatement { head, entry })))
        };
        let Statement::Entry(statement) = &sound.statement else { unreachable!("it is an entry") };
        let mut unsigned = statement.entry.entry.clone();
        unsigned.transaction.signature.0[1] ^= 1;
        let mut elsewhere = statement.entry.entry.clone();
        elsewhere.transaction.transaction.chain = ChainId([9; 32]);
        elsewhere.transaction = elsewhere.transaction.transaction.sign(&secret("practitioner", 2));
        vec![
            fails("an entry outside the block", with(&|entry| entry.index = 3), Step::EntryPlace),
            fails("a path that is too short", cut, Step::EntryPlace),
            fails("a path that is too long", longer, Step::EntryPlace),
            fails("an entry at another place", with(&|entry| entry.index = 0), Step::EntryRoot),
            fails("an outcome that was altered", with(&|entry| entry.entry.outcome = Outcome::Applied), Step::EntryRoot),
            fails("a transaction that its signer did not sign", alone(unsigned), Step::EntrySignatures),
            fails("a transaction for another ledger", alone(elsewhere), Step::EntrySignatures),
        ]
    }

    fn journals(&self) -> Vec<Case> {
        let world = &self.story.world;
        let with = |change: &dyn Fn(&mut JournalStatement)| {
            let mut evidence = self.journal();
            if let Statement::Journal(statement) = &mut evidence.statement {
                change(statement);
            }
            evidence
        };
        let events = |change: &dyn Fn(&mut Vec<Event>)| {
            with(&|statement| {
                let mut events = std::mem::take(&mut statement.events).into_vec();
                change(&mut events);
                statement.events = list(events);
            })
        };
        let Statement::Journal(other) = world.journal(self.last(), label(2)).statement else { unreachable!("it is a journal") };
        let mut hidden = world.absence(self.last(), label(9));
        if let Statement::Absence(statement) = &mut hidden.statement {
            statement.label = label(1);
        }
        // Validators certified an account whose journal has a rejected event.
        let rejected = {
            let Statement::Journal(mut statement) = self.journal().statement else { unreachable!("it is a journal") };
            let mut events = std::mem::take(&mut statement.events).into_vec();
            events[3].entry.outcome = Outcome::Rejected(inro_contracts::rule::Rule::NoChange);
            let account = chained_anew(&statement.account, &events);
            self.forged_journal(account, events)
        };
        vec![
            fails("another account's proof", with(&|statement| statement.proof = other.proof.clone()), Step::State),
            fails("another account's journal under this label", with(&|statement| statement.label = label(2)), Step::State),
            fails("an account that was altered", with(&|statement| statement.account.journal_length -= 1), Step::State),
            fails("an account that exists and is said not to", hidden, Step::State),
            fails("the last event hidden", events(&|events| drop(events.pop())), Step::JournalLength),
            fails("an event in the middle hidden", events(&|events| drop(events.remove(5))), Step::JournalLength),
            fails("an event repeated", events(&|events| events.insert(5, events[5].clone())), Step::JournalLength),
            fails("all events hidden", events(&|events| events.clear()), Step::JournalLength),
            fails("two events swapped", events(&|events| events.swap(5, 6)), Step::JournalOrder),
            fails("an event dated before the one before it", events(&|events| events[5].time = Time(1)), Step::JournalOrder),
            fails("an event dated after the header", events(&|events| events[16].height = Height(99)), Step::JournalOrder),
            fails(
                "an event of another account",
                events(&|events| events[1].entry = other.events[1].entry.clone()),
                Step::JournalAccount,
            ),
            fails(
                "a journal that begins with another opening",
                events(&|events| events[0].entry = other.events[0].entry.clone()),
                Step::JournalAccount,
            ),
            fails("an event that was rejected", rejected, Step::JournalAccount),
            fails(
                "an event that was altered",
                events(&|events| events[4].entry.transaction.transaction.nonce ^= 1),
                Step::JournalHead,
            ),
            fails(
                "an event with another outcome",
                events(&|events| events[4].entry.outcome = Outcome::AppliedCustodially),
                Step::JournalHead,
            ),
            fails(
                "an event postdated by a block",
                events(&|events| {
                    (events[10].height, events[10].time) = (events[10].height.next(), events[10].time.plus_ms(1));
                }),
                Step::JournalHead,
            ),
        ]
    }

    /// A journal that validators certified although no block made it.
    fn forged_journal(&self, account: Account, events: Vec<Event>) -> Evidence {
        let key = StateKey::Account(label(1));
        let (root, mut proofs) = forged_state(&[(key, account.to_bytes())]);
        let (head, proof) = (self.lie(|header| header.state_root = root), proofs.remove(0));
        let statement = JournalStatement { head, label: label(1), account, proof, events: list(events) };
        self.story.world.file(self.last(), Statement::Journal(Box::new(statement)))
    }

    fn decisions(&self) -> Vec<Case> {
        let (world, story) = (&self.story.world, self.story);
        let with = |access, change: &dyn Fn(&mut DecisionStatement)| {
            let mut evidence = world.decision(access);
            if let Statement::Decision(statement) = &mut evidence.statement {
                change(statement);
            }
            evidence
        };
        let Statement::Entry(grant) = world.entry(Height(2), 0).statement else { unreachable!("it is an entry") };
        let grant_as_access = {
            let mut evidence = with(&story.granted, &|statement| {
                (statement.head, statement.access) = (grant.head.clone(), grant.entry.clone());
            });
            evidence.changes = List::default();
            evidence
        };
        let Statement::Entry(late) = world.entry(self.last(), 2).statement else { unreachable!("it is an entry") };
        let Statement::Entry(idle) = world.entry(Height(6), 0).statement else { unreachable!("it is an entry") };
        let without = |access, index: usize| {
            with(access, &|statement| {
                let mut facts = std::mem::take(&mut statement.facts).into_vec();
                facts.remove(index);
                statement.facts = list(facts);
            })
        };
        let pathless = with(&story.suspended, &|statement| {
            let mut earlier = std::mem::take(&mut statement.earlier).into_vec();
            earlier[0].path = InclusionProof { path: List::default() };
            statement.earlier = list(earlier);
        });
        let altered = with(&story.suspended, &|statement| {
            let mut earlier = std::mem::take(&mut statement.earlier).into_vec();
            earlier[0].entry.transaction.transaction.nonce ^= 1;
            statement.earlier = list(earlier);
        });
        let role = with(&story.granted, &|statement| {
            let mut facts = std::mem::take(&mut statement.facts).into_vec();
            for fact in &mut facts {
                if let FactObject::Practitioner(_, Some(practitioner)) = &mut fact.object {
                    practitioner.role = inro_contracts::organisation::Role::Nurse;
                }
            }
            statement.facts = list(facts);
        });
        vec![
            fails(
                "a decision whose parent is another block",
                with(&story.denied, &|statement| {
                    statement.parent = world.head(Height(2)).header;
                }),
                Step::Parent,
            ),
            fails("a decision of a grant", grant_as_access, Step::AccessEvent),
            fails("an access that no journal has", self.unrecorded(), Step::AccessEvent),
            fails("a practitioner in another role", role, Step::Facts),
            fails(
                "a fact that is said not to be there",
                with(&story.granted, &|statement| {
                    let mut facts = std::mem::take(&mut statement.facts).into_vec();
                    if let FactObject::Organisation(_, organisation) = &mut facts[0].object {
                        *organisation = None;
                    }
                    statement.facts = list(facts);
                }),
                Step::Facts,
            ),
            fails(
                "an earlier entry that comes later",
                with(&story.suspended, &|statement| {
                    statement.earlier = list(vec![late.entry.clone()]);
                }),
                Step::Earlier,
            ),
            fails(
                "an earlier entry that changes nothing",
                with(&story.consult, &|statement| {
                    statement.earlier = list(vec![idle.entry.clone()]);
                }),
                Step::Earlier,
            ),
            fails("an earlier entry that was altered", altered, Step::Earlier),
            fails("an earlier entry with a path of another length", pathless, Step::EntryPlace),
            fails("an account that does not follow from its journal", self.usurped(), Step::Follow),
            fails("the practitioner left out", without(&story.granted, 1), Step::Replay),
            fails("the organisation left out", without(&story.granted, 0), Step::Replay),
            fails(
                "the suspension in the same block left out",
                with(&story.suspended, &|statement| {
                    statement.earlier = List::default();
                }),
                Step::Outcome,
            ),
            fails("a decision with an outcome that does not follow", self.unlawful(), Step::Outcome),
        ]
    }

    /// Validators certified an access to an existing account and left it out of the account's journal.
    fn unrecorded(&self) -> Evidence {
        self.forged_decision(|statement, events| {
            events.pop();
            statement.account = statement.account.take().map(|account| chained_anew(&account, events));
        })
    }

    /// Validators certified an account with another controller than its journal leads to.
    fn usurped(&self) -> Evidence {
        self.forged_decision(|statement, _| {
            if let Some(account) = &mut statement.account {
                account.controller = secret("thief", 1).public();
            }
        })
    }

    /// Validators certified a denied access as granted.
    fn unlawful(&self) -> Evidence {
        self.forged_decision(|statement, events| {
            let granted = Outcome::Granted(inro_contracts::access::Granted::default());
            statement.access.entry.outcome = granted.clone();
            if let Some(event) = events.last_mut() {
                event.entry.outcome = granted;
            }
            statement.account = statement.account.take().map(|account| chained_anew(&account, events));
        })
    }

    /// The denied access, alone in its block, as lying validators would have it.
    fn forged_decision(&self, change: impl FnOnce(&mut DecisionStatement, &mut Vec<Event>)) -> Evidence {
        let world = &self.story.world;
        let mut evidence = world.decision(&self.story.denied);
        let height = Height(9);
        if let Statement::Decision(statement) = &mut evidence.statement {
            let mut events = std::mem::take(&mut statement.events).into_vec();
            change(statement, &mut events);
            statement.events = list(events);
            let mut header = statement.head.header.clone();
            if let Some(account) = &statement.account {
                let (root, mut proofs) = forged_state(&[(StateKey::Account(label(1)), account.to_bytes())]);
                (header.state_root, statement.proof) = (root, proofs.remove(0));
            }
            let leaves: Vec<_> = world.tip().entries(height).expect("it is there").iter().map(|entry| leaf_hash(entry)).collect();
            let leaves = [leaves[0], leaf_hash(&encode(&statement.access.entry))];
            header.entries_root = merkle::root(&leaves);
            statement.access.path = merkle::prove(&leaves, 1).expect("there are two");
            statement.head = world.certify(&header, &world.set_at(height));
        }
        evidence
    }

    fn headers(&self) -> Vec<Case> {
        let world = &self.story.world;
        let (older, newer) = (Height(6), Height(9));
        let with = |change: &dyn Fn(&mut inro_evidence::ConsistencyStatement)| {
            let mut evidence = world.consistency(older, newer);
            if let Statement::Consistency(statement) = &mut evidence.statement {
                change(statement);
            }
            evidence
        };
        let Statement::Consistency(other) = world.consistency(Height(5), newer).statement else { unreachable!("it is one") };
        // A newer header over another history, certified.
        let mut forked = world.head(older).header;
        forked.time = forked.time.plus_ms(1);
        let forked = world.certify(&forked, &world.set_at(older));
        let mut rewritten = world.head(older).header;
        rewritten.history_root = Hash([1; 32]);
        let rewritten = world.certify(&rewritten, &world.set_at(older));
        let fork = |first: Certified, second: Certified, height| {
            world.file(height, Statement::Fork(Box::new(ForkStatement { first, second })))
        };
        let Statement::Fork(sound) = world.fork(newer).statement else { unreachable!("it is a fork") };
        vec![
            fails(
                "a newer header that is the older one",
                with(&|statement| statement.older = statement.newer.clone()),
                Step::Older,
            ),
            fails(
                "an older block with another block's path",
                with(&|statement| statement.inclusion = other.inclusion.clone()),
                Step::Inclusion,
            ),
            fails(
                "an older block that is not in the history",
                with(&|statement| statement.older = forked.clone()),
                Step::Inclusion,
            ),
            fails(
                "an older block with a history of its own",
                with(&|statement| statement.older = rewritten.clone()),
                Step::Inclusion,
            ),
            fails(
                "a consistency path of other headers",
                with(&|statement| statement.consistency = other.consistency.clone()),
                Step::Consistency,
            ),
            fails(
                "a consistency path with a hash left over",
                with(&|statement| {
                    let path: Vec<_> = statement.consistency.iter().copied().chain([Hash([0; 32])]).collect();
                    statement.consistency = list(path);
                }),
                Step::Consistency,
            ),
            fails("a fork of one block", fork(sound.first.clone(), sound.first.clone(), newer), Step::Fork),
            fails("a fork in the wrong order", fork(sound.second.clone(), sound.first.clone(), newer), Step::Fork),
            fails("a fork of two heights", fork(world.head(Height(8)), world.head(newer), Height(8)), Step::Fork),
        ]
    }
}
