//! What must fail: each read that is forbidden, with the number of its denial.

use std::time::Duration;

use inro_client::desk::Decided;
use inro_contracts::access::{AccessRequest, Basis, Denial};
use inro_contracts::bytes::{List, Text};
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::GrantTerms;
use inro_contracts::emergency::{EmergencyClaim, EmergencyReason};
use inro_contracts::entry::Outcome;
use inro_contracts::id::{Hash, ProposalId};
use inro_contracts::proposal::Change;
use inro_contracts::purpose::Purpose;
use inro_contracts::rule::Rule;
use inro_contracts::time::Time;
use inro_contracts::transaction::Action;

use super::Play;
use super::steps::{expect_denial, read_all, require};
use crate::treatment::{Failure, ask, consent_to, request, said};

impl Play {
    pub(super) async fn sealed_record_is_refused(&mut self) -> Result<String, Failure> {
        let account = self.patient.accounts[0];
        let named = |record| {
            let records = List::new(vec![record]).map_err(said)?;
            Ok::<_, Failure>(AccessRequest { records, ..request(account, self.physician(1), Basis::Grant, Purpose::Treatment) })
        };
        let noticed = self.memory.noticed.ok_or("nothing is sealed with a notice")?;
        expect_denial(&ask(&self.facilities[1].desk, named(noticed)?).await?, Denial::Sealed)?;
        let silent = self.memory.silent.ok_or("nothing is sealed silently")?;
        match ask(&self.facilities[1].desk, named(silent)?).await? {
            Decided::Granted { granted, .. } => {
                require(granted.records.is_empty() && !granted.sealed && !granted.more, "a silent seal shows")?;
            }
            Decided::Denied { denial, .. } => return Err(format!("a silent seal shows as {}", denial.code())),
        }
        Ok("With a notice: denied (D-1.10). Silently sealed: as if there were no such record.".into())
    }

    pub(super) async fn outside_the_consult_is_refused(&mut self) -> Result<String, Failure> {
        let (consult, _, _) = self.memory.consult.ok_or("there is no consult")?;
        let wanted = request(self.patient.accounts[0], self.physician(2), Basis::Consult(consult), Purpose::Treatment);
        expect_denial(&ask(&self.facilities[2].desk, wanted).await?, Denial::NoBasis)?;
        Ok("On another account the linked ID means nothing (D-1.5).".into())
    }

    pub(super) async fn other_purpose_is_refused(&mut self) -> Result<String, Failure> {
        let wanted = request(self.patient.accounts[0], self.physician(1), Basis::Grant, Purpose::Research);
        expect_denial(&ask(&self.facilities[1].desk, wanted).await?, Denial::OtherPurpose)?;
        Ok("Consent to treatment is no consent to research (D-1.8).".into())
    }

    /// A narrow consent for the third facility on the first account.
    fn narrow(&self, ms: u64) -> GrantTerms {
        GrantTerms { categories: Categories::only(&[Category::Allergy]), ..consent_to(self.facilities[2].id, ms) }
    }

    pub(super) async fn other_category_is_refused(&mut self) -> Result<String, Failure> {
        let grant = self.grant(0, self.narrow(600_000)).await?;
        let wanted = request(self.patient.accounts[0], self.physician(2), Basis::Grant, Purpose::Treatment);
        let wanted = AccessRequest { categories: Categories::only(&[Category::Prescription]), ..wanted };
        expect_denial(&ask(&self.facilities[2].desk, wanted).await?, Denial::OtherCategory)?;
        let action = Action::Revoke { account: self.patient.accounts[0], grant };
        require(self.patient_at(0)?.act(action).await.map_err(said)?.outcome.is_applied(), "the revocation was refused")?;
        Ok("Consent to allergies is no consent to prescriptions (D-1.9).".into())
    }

    pub(super) async fn expired_consent_is_refused(&mut self) -> Result<String, Failure> {
        let until = self.grant_briefly().await?;
        while self.now() < until.plus_ms(500) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let wanted = request(self.patient.accounts[0], self.physician(2), Basis::Grant, Purpose::Treatment);
        expect_denial(&ask(&self.facilities[2].desk, wanted).await?, Denial::Ended)?;
        Ok("Consent for a moment, asked half a second after it (D-1.7).".into())
    }

    /// A narrow consent that is soon over; returns when. Whatever is over when its block is made is refused, so a machine that stands
    /// still for a moment needs a longer one.
    async fn grant_briefly(&self) -> Result<Time, Failure> {
        let account = self.patient.accounts[0];
        for ms in [1_500, 3_000, 6_000, 12_000] {
            let terms = self.narrow(ms);
            let granted = self.patient_at(0)?.act(Action::Grant { account, terms }).await.map_err(said)?;
            match granted.outcome {
                Outcome::Applied => return Ok(terms.validity.until),
                Outcome::Rejected(Rule::EmptyValidity) => {}
                outcome => return Err(format!("the grant was refused: {outcome:?}")),
            }
        }
        Err("every grant was over before its block".into())
    }

    pub(super) async fn revoked_consent_is_refused(&mut self) -> Result<String, Failure> {
        let account = self.patient.accounts[0];
        let action = Action::Revoke { account, grant: self.memory.grants[0] };
        let revoked = self.patient_at(0)?.act(action).await.map_err(said)?;
        require(revoked.outcome.is_applied(), "the revocation was refused")?;
        let wanted = request(account, self.physician(1), Basis::Grant, Purpose::Treatment);
        expect_denial(&ask(&self.facilities[1].desk, wanted).await?, Denial::Ended)?;
        Ok(format!("Revoked in block {}; the next request is denied (D-1.7).", revoked.height))
    }

    pub(super) async fn emergency_is_announced(&mut self) -> Result<String, Failure> {
        let claim = EmergencyClaim { reason: EmergencyReason::Unconscious, text: Hash([7; 32]) };
        let wanted = request(self.patient.accounts[0], self.physician(2), Basis::Emergency(claim), Purpose::EmergencyTreatment);
        let desk = &self.facilities[2].desk;
        let (id, read) = match ask(desk, wanted).await? {
            Decided::Granted { id, .. } => (id, read_all(desk, &id).await?),
            Decided::Denied { denial, .. } => return Err(format!("denied by {}", denial.code())),
        };
        for hidden in [self.memory.silent, self.memory.noticed].into_iter().flatten() {
            require(!read.0.contains(&hidden), "an emergency opened what must never be opened")?;
        }
        let waiting = desk.worklist().await.map_err(said)?;
        let reviews = waiting["reviews"].as_array().map(Vec::as_slice).unwrap_or_default();
        let waits = reviews.iter().any(|review| review["access"] == id.to_hex());
        require(waits, "the emergency's review does not wait in the work list")?;
        let count = read.0.len();
        Ok(format!("{count} records were opened; what is sealed for ever was not; its review waits."))
    }

    pub(super) async fn stranger_is_refused(&mut self) -> Result<String, Failure> {
        let stranger = self.facilities[1].desk.with_key(crate::consortium::patient());
        require(stranger.make_reply_key().await.is_err(), "a stranger gets a key")?;
        let wanted = request(self.patient.accounts[0], self.physician(1), Basis::Grant, Purpose::Treatment);
        match stranger.ask(wanted).await {
            Err(_) => {}
            Ok(Decided::Denied { .. }) => {}
            Ok(Decided::Granted { .. }) => return Err("a stranger was granted records".into()),
        }
        let journal = stranger.journal(&self.patient.accounts[0], 1, 10).await;
        require(journal.is_err(), "a stranger reads the journal")?;
        Ok("No key, no request, no journal.".into())
    }

    pub(super) async fn suspended_organisation_is_refused(&mut self) -> Result<String, Failure> {
        let last = self.facilities.len() - 1;
        let account = self.patient.accounts[0];
        let terms = GrantTerms { may_pass_on: false, ..self.visit(last) };
        self.grant(0, terms).await?;
        let organisation = self.facilities[last].id;
        let reason = Text::new("reads what it should not").map_err(said)?;
        self.decide(Change::SuspendOrganisation { organisation, reason }).await?;
        let wanted = request(account, self.physician(last), Basis::Grant, Purpose::Treatment);
        // Its own node is cut off, so it asks through another member's; with the signature of its own physician.
        let physician = self.facilities[last].desk.clone();
        let transaction = physician.sign(Action::Access(wanted));
        let committed = self.facilities[0].desk.node().commit(&transaction, Duration::from_secs(20)).await.map_err(said)?;
        require(committed.outcome == Outcome::Denied(Denial::SuspendedOrganisation), "it was not denied as suspended")?;
        self.decide(Change::ReinstateOrganisation { organisation }).await?;
        Ok(format!("{} was voted out: denied (D-1.2), and the attempt stands in the journal.", self.facilities[last].name))
    }

    async fn decide(&self, change: Change) -> Result<(), Failure> {
        let voters = &self.facilities[..4.min(self.facilities.len())];
        let proposer = &voters[0];
        let speaking = proposer.desk.with_key(proposer.authority.clone());
        let proposed = speaking.act(Action::Propose { organisation: proposer.id, change }).await.map_err(said)?;
        require(proposed.outcome.is_applied(), "the proposal was refused")?;
        let proposal = ProposalId(proposed.id.0);
        for voter in &voters[1..] {
            let speaking = voter.desk.with_key(voter.authority.clone());
            let vote = Action::Vote { organisation: voter.id, proposal, approve: true };
            // The last votes may come when it is decided already.
            let _ = speaking.act(vote).await.map_err(said)?;
        }
        Ok(())
    }

    pub(super) async fn patient_sees_who_read(&mut self) -> Result<String, Failure> {
        let (mut granted, mut denied, mut disclosed) = (0, 0, 0);
        // Statements about what was handed over follow a moment later.
        tokio::time::sleep(Duration::from_millis(500)).await;
        for facility in 0..self.facilities.len() {
            let journal = self.patient_at(facility)?.journal(&self.patient.accounts[facility], 1, 1000).await.map_err(said)?;
            for event in journal {
                let outcome = &event.entry.outcome;
                granted += usize::from(outcome.granted().is_some());
                denied += usize::from(outcome.denial().is_some());
                disclosed += usize::from(matches!(event.entry.transaction.transaction.action, Action::Disclose { .. }));
            }
        }
        require(granted > 0 && denied >= 6 && disclosed > 0, "the journals do not show what happened")?;
        Ok(format!(
            "{granted} granted and {denied} denied requests, {disclosed} statements of custodians, in the order in which they happened."
        ))
    }
}
