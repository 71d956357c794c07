//! Acting: building a transaction, signing it with a key file, submitting it, and waiting for its block.

use inro_client::NodeClient;
use inro_client::model::Committed;
use inro_contracts::bytes::Text;
use inro_contracts::entry::Outcome;
use inro_contracts::id::{ChainId, OrganisationId, PractitionerId, TransactionId};
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::organisation::Practitioner;
use inro_contracts::parameters::Parameters;
use inro_contracts::time::Time;
use inro_contracts::transaction::{Action, ParsedTransaction, Transaction};
use rand::Rng;
use rand::rngs::OsRng;
use serde_json::{Value, json};

use crate::arguments::{Acting, Common, now};
use crate::fault::Fault;
use crate::output::Console;
use crate::words::Word;

/// How long a transaction made here can be committed, unless the ledger's parameters say less.
const VALID_FOR_MS: u64 = 120_000;

/// Somebody who acts: a node to send to, a key to sign with, and what the ledger is like now.
pub struct Actor<'a> {
    /// The node.
    pub node: NodeClient,
    /// The ledger.
    pub chain: ChainId,
    /// The last block's time, or this machine's if that is later.
    pub now: Time,
    /// The ledger's parameters.
    pub parameters: Parameters,
    secret: SecretKey,
    console: &'a Console,
    acting: &'a Acting,
}

impl<'a> Actor<'a> {
    /// Opens the key file and asks the node how the ledger stands.
    pub async fn new(common: &Common, console: &'a Console, acting: &'a Acting) -> Result<Self, Fault> {
        let node = common.connect(None).await?;
        let secret = common.open(&acting.key)?;
        let status = node.status().await?;
        expect_chain(common, &status.chain)?;
        let parameters = node.parameters().await?;
        // An idle ledger's last block is old, and this machine's clock may be slow: the later of the two is nearer to the next
        // block's time.
        let now = now().max(status.time);
        Ok(Self { node, chain: status.chain, now, parameters, secret, console, acting })
    }

    /// The key that signs.
    pub fn key(&self) -> PublicKey {
        self.secret.public()
    }

    /// The organisation whose authority the key is now.
    pub async fn organisation(&self) -> Result<OrganisationId, Fault> {
        let key = self.key();
        let organisations = self.node.organisations().await?;
        organisations.iter().find(|answer| answer.organisation.profile.authority == key).map(|answer| answer.id).ok_or_else(
            || Fault::refused(format!("{} is not the authority key of a member of this ledger", self.acting.key.display())),
        )
    }

    /// The practitioner named, otherwise the one whose first key this is.
    pub fn practitioner(&self, named: Option<PractitionerId>) -> PractitionerId {
        named.unwrap_or_else(|| Practitioner::id_of(&self.key()))
    }

    /// Signs, submits, waits, and says what happened. `facts` are printed with it, by name.
    pub async fn act(&self, action: Action, facts: &[(&str, Value)]) -> Result<(), Fault> {
        self.act_knowing_its_id(action, |_| facts.to_vec()).await
    }

    /// The same, where what is printed follows from the transaction's id.
    pub async fn act_knowing_its_id<'f>(
        &self,
        action: Action,
        facts: impl FnOnce(&TransactionId) -> Vec<(&'f str, Value)>,
    ) -> Result<(), Fault> {
        let transaction = Transaction {
            chain: self.chain,
            signer: self.key(),
            void_after: self.now.plus_ms(VALID_FOR_MS.min(self.parameters.void_after_ms_max / 2)),
            nonce: OsRng.r#gen(),
            action,
        };
        let signed = transaction.sign(&self.secret);
        let id = ParsedTransaction::from(signed.clone()).id();
        let facts = facts(&id);
        if self.acting.no_wait {
            self.node.submit(&signed).await?;
            let mut lines = vec![self.console.say(Word::Submitted, &[])];
            lines.extend(fact_lines(self.console, &id, &facts));
            self.console.print(&lines, &with_facts(json!({ "id": id, "status": "pending" }), &facts));
            return Ok(());
        }
        let spinner = self.console.spinner();
        let committed = self.node.commit(&signed, self.acting.timeout()).await;
        spinner.finish_and_clear();
        report(self.console, committed?, &facts)
    }
}

/// Says what became of a committed transaction. One that broke a rule is a failure.
pub fn report(console: &Console, committed: Committed, facts: &[(&str, Value)]) -> Result<(), Fault> {
    if let Some(fault) = rejected(console, &committed) {
        return Err(fault);
    }
    let mut lines = vec![console.say(Word::CommittedIn, &[&committed.height])];
    lines.extend(fact_lines(console, &committed.id, facts));
    let mut value = json!(committed);
    value["status"] = "committed".into();
    console.print(&lines, &with_facts(value, facts));
    Ok(())
}

/// The rule that a committed transaction broke, if one was.
pub fn rejected(console: &Console, committed: &Committed) -> Option<Fault> {
    let Outcome::Rejected(rule) = &committed.outcome else { return None };
    let sentence = console.say(Word::RejectedBy, &[&committed.height, rule]);
    Some(Fault { rule: Some(rule.code().into()), ..Fault::refused(sentence) })
}

/// Refuses a node of another ledger than the one that was named.
pub fn expect_chain(common: &Common, found: &ChainId) -> Result<(), Fault> {
    match common.chain {
        Some(expected) if expected != *found => {
            let (expected, found) = (expected.to_hex(), found.to_hex());
            Err(Fault::refused(format!("the node is of the ledger {found}, not {expected}; check --node and --chain")))
        }
        _ => Ok(()),
    }
}

/// Text of a bounded length, named by its option.
pub fn text<const MAX: usize>(option: &str, text: &str) -> Result<Text<MAX>, Fault> {
    Text::new(text).map_err(|error| Fault::bad_input(format!("{option}: {error}")))
}

fn fact_lines(console: &Console, id: &TransactionId, facts: &[(&str, Value)]) -> Vec<String> {
    let mut lines = vec![console.say(Word::TransactionIs, &[&id.to_hex()])];
    lines.extend(facts.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name:<16}  {text}"),
        None => format!("{name:<16}  {value}"),
    }));
    lines
}

fn with_facts(mut value: Value, facts: &[(&str, Value)]) -> Value {
    for (name, fact) in facts {
        value[*name] = fact.clone();
    }
    value
}
