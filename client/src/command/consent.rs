//! The patient's word: `inro grant`, `revoke`, `seal`, `unseal`, and `consent`, which shows what is in force.

use clap::{Args, Subcommand};
use inro_client::wallet::{MarkKind, Nickname};
use inro_contracts::bytes::List;
use inro_contracts::category::Categories;
use inro_contracts::consent::{
    Against, Consent, Grant, GrantTerms, Grantee, InEmergency, Party, Seal, SealTarget, SealTerms, Visibility,
};
use inro_contracts::id::{GrantId, Hash, Label, PractitionerId, RecordId, SealId};
use inro_contracts::organisation::Role;
use inro_contracts::purpose::Purpose;
use inro_contracts::time::{Time, Validity};
use inro_contracts::transaction::Action;
use rand::Rng;
use serde_json::json;

use super::parties::{self, Names, short};
use super::speaker::{Speaker, Speaking};
use crate::arguments::{Common, word};
use crate::fault::Fault;
use crate::output::Console;
use crate::terms::{Moment, Span, categories, moment, purpose, say_categories, say_purpose, say_role};
use crate::words::Word;

/// Grants to one reader at several accounts begin and end at most so far apart.
const APART_MS_MAX: u64 = 10 * 60 * 1000;

#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// Permit an organisation or a practitioner to read.
    #[command(
        after_help = "Example:\n  inro grant --all --to \"Kamakura Clinic\" --for 24h --purpose TREAT --wallet hanako.wallet\n  \
        inro grant --account 8c… --to-practitioner 2f… --category image,chart --for 7d --purpose TREAT --key account.pem"
    )]
    Grant(GrantArguments),
    /// Take grants back, with all consults that follow from them.
    #[command(after_help = "Example:\n  inro revoke 5c… --wallet hanako.wallet --account 8c…\n  \
        inro revoke --to \"Kamakura Clinic\" --all --wallet hanako.wallet")]
    Revoke(RevokeArguments),
    /// Close records to others (封印), or lift a seal for a time.
    #[command(after_help = "Example:\n  inro seal --category infection --silent --all --wallet hanako.wallet\n  \
        inro seal --record 91… --all-but-author --never-in-emergency --account 8c… --key account.pem\n  \
        inro seal lift 7e… --for 2h --wallet hanako.wallet")]
    Seal(SealArguments),
    /// Take seals away.
    #[command(after_help = "Example:\n  inro unseal 7e… --wallet hanako.wallet --account 8c…")]
    Unseal(UnsealArguments),
    /// Show what is in force: grants, seals and consults.
    #[command(after_help = "Example:\n  inro consent --wallet hanako.wallet --all")]
    Consent {
        /// Also what has ended.
        #[arg(long)]
        ended: bool,
        #[command(flatten)]
        speaking: Speaking,
    },
}

/// To whom.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct To {
    /// An organisation: its id or its exact public name.
    #[arg(long, value_name = "ORGANISATION", conflicts_with = "to_practitioner")]
    to: Option<String>,
    /// One person.
    #[arg(long, value_name = "HEX")]
    to_practitioner: Option<PractitionerId>,
    /// Only those of one role at the organisation, such as physician or nurse.
    #[arg(long, requires = "to", value_parser = word::<Role>)]
    role: Option<Role>,
}

#[derive(Debug, Args)]
pub struct GrantArguments {
    #[command(flatten)]
    to: To,
    /// What for: TREAT (treatment), COC (coordination of care), HRESCH (research) and so on.
    #[arg(long, value_parser = purpose)]
    purpose: Purpose,
    /// Which categories, with commas between; otherwise all.
    #[arg(long, value_delimiter = ',')]
    category: Vec<String>,
    /// For how long: 30m, 24h, 7d, 2w. At several accounts, up to ten minutes less, so that they cannot be linked.
    #[arg(long = "for", value_name = "SPAN", required_unless_present = "until")]
    span: Option<Span>,
    /// Until when, such as 2026-12-31T17:00+09:00.
    #[arg(long, value_name = "MOMENT", conflicts_with = "span")]
    until: Option<Moment>,
    /// From when; otherwise at once.
    #[arg(long, value_name = "MOMENT")]
    from: Option<Moment>,
    /// The reader may ask others for advice with it (consults).
    #[arg(long)]
    may_pass_on: bool,
    #[command(flatten)]
    speaking: Speaking,
}

#[derive(Debug, Args)]
pub struct RevokeArguments {
    /// The grants, by their ids.
    #[arg(value_name = "GRANT", required_unless_present_any = ["to", "to_practitioner", "everything"])]
    grants: Vec<GrantId>,
    /// Every grant to this organisation, its roles and its practitioners: its id or its exact public name.
    #[arg(long, value_name = "ORGANISATION", conflicts_with = "grants")]
    to: Option<String>,
    /// Every grant to this person.
    #[arg(long, value_name = "HEX", conflicts_with_all = ["grants", "to"])]
    to_practitioner: Option<PractitionerId>,
    /// Every grant.
    #[arg(long, conflicts_with_all = ["grants", "to", "to_practitioner"])]
    everything: bool,
    #[command(flatten)]
    speaking: Speaking,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SealArguments {
    /// Chosen records, with commas between, and those that supersede them.
    #[arg(long, value_name = "HEX", value_delimiter = ',', conflicts_with_all = ["category", "everything"])]
    record: Vec<RecordId>,
    /// Categories, with commas between, also of records that come later.
    #[arg(long, value_delimiter = ',', conflicts_with = "everything")]
    category: Vec<String>,
    /// Everything, also what comes later.
    #[arg(long)]
    everything: bool,
    /// Against everyone but a record's author; otherwise against everyone outside the custodian.
    #[arg(long, conflicts_with_all = ["from", "from_practitioner"])]
    all_but_author: bool,
    /// Only against this organisation: its id or its exact public name. May stand several times.
    #[arg(long, value_name = "ORGANISATION")]
    from: Vec<String>,
    /// Only against this person. May stand several times.
    #[arg(long, value_name = "HEX")]
    from_practitioner: Vec<PractitionerId>,
    /// No reader learns that something is sealed; otherwise a notice shows.
    #[arg(long)]
    silent: bool,
    /// Not even an emergency opens it.
    #[arg(long)]
    never_in_emergency: bool,
    /// It holds against guardians too, and is out of their hands.
    #[arg(long)]
    hidden_from_guardians: bool,
    #[command(flatten)]
    speaking: Speaking,
    #[command(subcommand)]
    command: Option<SealCommand>,
}

#[derive(Debug, Subcommand)]
pub enum SealCommand {
    /// Lift a seal until an end; it is in force again by itself. Or end the lifting.
    #[command(after_help = "Example:\n  inro seal lift 7e… --for 2h --wallet hanako.wallet\n  \
        inro seal lift 7e… --end --wallet hanako.wallet")]
    Lift {
        /// The seal.
        seal: SealId,
        /// For how long: 30m, 24h, 7d.
        #[arg(long = "for", value_name = "SPAN", required_unless_present_any = ["until", "end"])]
        span: Option<Span>,
        /// Until when.
        #[arg(long, value_name = "MOMENT", conflicts_with = "span")]
        until: Option<Moment>,
        /// Put it back in force now.
        #[arg(long, conflicts_with_all = ["span", "until"])]
        end: bool,
        #[command(flatten)]
        speaking: Speaking,
    },
}

#[derive(Debug, Args)]
pub struct UnsealArguments {
    /// The seals, by their ids.
    #[arg(value_name = "SEAL", required = true)]
    seals: Vec<SealId>,
    #[command(flatten)]
    speaking: Speaking,
}

pub async fn run(common: &Common, console: &Console, command: ConsentCommand) -> Result<(), Fault> {
    match command {
        ConsentCommand::Grant(arguments) => grant(common, console, arguments).await,
        ConsentCommand::Revoke(arguments) => revoke(common, console, arguments).await,
        ConsentCommand::Seal(SealArguments { command: Some(SealCommand::Lift { seal, span, until, end, speaking }), .. }) => {
            lift(common, console, seal, End { span, until, end }, speaking).await
        }
        ConsentCommand::Seal(arguments) => seal(common, console, arguments).await,
        ConsentCommand::Unseal(arguments) => unseal(common, console, arguments).await,
        ConsentCommand::Consent { ended, speaking } => show(common, console, ended, speaking).await,
    }
}

async fn grant(common: &Common, console: &Console, arguments: GrantArguments) -> Result<(), Fault> {
    let GrantArguments { to, purpose, category, span, until, from, may_pass_on, speaking } = arguments;
    let categories = categories(&category).map_err(Fault::bad_input)?;
    let means = speaking.means()?;
    let mut speaker = Speaker::new(common, console, &speaking, &means).await?;
    let (grantee, name) = grantee(&speaker, to).await?;
    let from_now = from.is_none();
    let from = from.map_or(speaker.last_block, |from| from.0);
    let until = End { span, until, end: false }.after(from.max(speaker.now));
    let validity = Validity { from, until };
    if validity.is_empty() || until <= speaker.now {
        return Err(Fault::bad_input("the grant would end before it begins, or is over already")
            .in_japanese("許可の終わりが始まりより前か、既に過ぎています。"));
    }
    let several = speaker.accounts().len() > 1;
    let grant = |account: &Label| {
        let validity = if several { apart(validity, from_now) } else { validity };
        let terms = GrantTerms { grantee, categories, purpose, validity, may_pass_on };
        (*account, Action::Grant { account: *account, terms })
    };
    let actions = speaker.accounts().iter().map(grant).collect();
    let done = speaker.commit(actions).await?;
    speaker.remember(&done, MarkKind::Grant, &name)?;
    speaker.report(&done, Some("grant"))
}

/// The same interval for one of several accounts, a little shorter by chance: grants with equal times would show that their
/// accounts are one person's. What begins at once may as well have begun before.
fn apart(validity: Validity, from_now: bool) -> Validity {
    let Validity { from, until } = validity;
    let shift_ms = |most_ms: u64| rand::thread_rng().gen_range(0..=most_ms);
    let slack_ms = (until.0.saturating_sub(from.0) / 100).min(APART_MS_MAX);
    let from = if from_now { Time(from.0.saturating_sub(shift_ms(APART_MS_MAX))) } else { from.plus_ms(shift_ms(slack_ms)) };
    Validity { from, until: Time(until.0 - shift_ms(slack_ms)) }
}

async fn grantee(speaker: &Speaker<'_>, to: To) -> Result<(Grantee, Nickname), Fault> {
    let To { to, to_practitioner, role } = to;
    match (to, to_practitioner) {
        (_, Some(practitioner)) => {
            speaker.node.practitioner(&practitioner).await?;
            Ok((Grantee::Practitioner(practitioner), Nickname::default()))
        }
        (Some(named), None) => {
            let organisation = parties::organisation(&speaker.node, &named).await?;
            let grantee = role.map_or(Grantee::Organisation(organisation), |role| Grantee::Role { organisation, role });
            Ok((grantee, Nickname::new(named).unwrap_or_default()))
        }
        (None, None) => Err(Fault::bad_input("say to whom: --to ORGANISATION or --to-practitioner ID")),
    }
}

async fn revoke(common: &Common, console: &Console, arguments: RevokeArguments) -> Result<(), Fault> {
    let RevokeArguments { grants, to, to_practitioner, everything, speaking } = arguments;
    let means = speaking.means()?;
    let mut speaker = Speaker::new(common, console, &speaking, &means).await?;
    let mut actions = Vec::new();
    for grant in grants {
        let account = speaker.account_of(&Hash(grant.0)).await?;
        actions.push((account, Action::Revoke { account, grant }));
    }
    if to.is_some() || to_practitioner.is_some() || everything {
        let organisation = match &to {
            Some(named) => Some(parties::organisation(&speaker.node, named).await?),
            None => None,
        };
        for account in speaker.accounts() {
            let consent = speaker.desk(account).await?.consent(account).await?;
            for grant in consent.grants.iter().filter(|grant| is_open(grant, speaker.now)) {
                let meant = match (&grant.terms.grantee, organisation, to_practitioner) {
                    (_, None, None) => true,
                    (Grantee::Organisation(id) | Grantee::Role { organisation: id, .. }, Some(meant), _) => *id == meant,
                    (Grantee::Practitioner(id), _, Some(meant)) => *id == meant,
                    (Grantee::Practitioner(id), Some(meant), None) => speaker.node.practitioner(id).await?.organisation == meant,
                    (_, None, Some(_)) => false,
                };
                if meant {
                    actions.push((*account, Action::Revoke { account: *account, grant: grant.id }));
                }
            }
        }
    }
    if actions.is_empty() {
        return Err(Fault::refused("no such grant is in force on these accounts; `inro consent` lists those that are")
            .in_japanese("これらのアカウントに該当する有効な許可はありません。`inro consent` で一覧できます。"));
    }
    let done = speaker.commit(actions).await?;
    let gone: Vec<Hash> = done
        .iter()
        .filter(|done| done.applied().is_some())
        .filter_map(|done| if let Action::Revoke { grant, .. } = &done.action { Some(Hash(grant.0)) } else { None })
        .collect();
    speaker.forget(&gone)?;
    speaker.report(&done, None)
}

/// Neither revoked nor over; it may still be to come.
fn is_open(grant: &Grant, now: Time) -> bool {
    grant.revoked.is_none() && now < grant.terms.validity.until
}

async fn seal(common: &Common, console: &Console, arguments: SealArguments) -> Result<(), Fault> {
    let target = target(&arguments)?;
    let means = arguments.speaking.means()?;
    let mut speaker = Speaker::new(common, console, &arguments.speaking, &means).await?;
    if matches!(target, SealTarget::Records(_)) {
        speaker.one_account()?;
    }
    let mut named: Vec<Party> =
        parties::organisations(&speaker.node, &arguments.from).await?.into_iter().map(Party::Organisation).collect();
    named.extend(arguments.from_practitioner.iter().copied().map(Party::Practitioner));
    let against = match (arguments.all_but_author, named.is_empty()) {
        (true, _) => Against::AllButAuthor,
        (false, true) => Against::Outside,
        (false, false) => Against::Named(List::new(named).map_err(|error| Fault::bad_input(format!("--from: {error}")))?),
    };
    let terms = SealTerms {
        target,
        against,
        visibility: if arguments.silent { Visibility::Silent } else { Visibility::Notice },
        in_emergency: if arguments.never_in_emergency { InEmergency::Never } else { InEmergency::MayOpen },
        hidden_from_guardians: arguments.hidden_from_guardians,
    };
    let seal = |account: &Label| (*account, Action::Seal { account: *account, terms: terms.clone() });
    let done = speaker.commit(speaker.accounts().iter().map(seal).collect()).await?;
    speaker.remember(&done, MarkKind::Seal, &Nickname::default())?;
    speaker.report(&done, Some("seal"))
}

fn target(arguments: &SealArguments) -> Result<SealTarget, Fault> {
    if arguments.everything {
        Ok(SealTarget::Everything)
    } else if !arguments.record.is_empty() {
        let records = List::new(arguments.record.clone()).map_err(|error| Fault::bad_input(format!("--record: {error}")))?;
        Ok(SealTarget::Records(records))
    } else if !arguments.category.is_empty() {
        match categories(&arguments.category).map_err(Fault::bad_input)? {
            Categories::ALL => Ok(SealTarget::Everything),
            some => Ok(SealTarget::Categories(some)),
        }
    } else {
        Err(Fault::bad_input("say what is to be sealed: --record ID, --category NAME, or --everything")
            .in_japanese("何を封印するか指定してください: --record ID、--category 種類、--everything"))
    }
}

/// When something ends.
struct End {
    span: Option<Span>,
    until: Option<Moment>,
    end: bool,
}

impl End {
    fn after(&self, from: Time) -> Time {
        match (self.until, self.span) {
            _ if self.end => Time(0),
            (Some(until), _) => until.0,
            (None, span) => from.plus_ms(span.map_or(0, |span| span.ms)),
        }
    }
}

async fn lift(common: &Common, console: &Console, seal: SealId, end: End, speaking: Speaking) -> Result<(), Fault> {
    let means = speaking.means()?;
    let speaker = Speaker::new(common, console, &speaking, &means).await?;
    let until = end.after(speaker.now);
    if !end.end && until <= speaker.now {
        return Err(Fault::bad_input("that moment is over; to put the seal back in force, write --end")
            .in_japanese("その時刻は過ぎています。封印を元に戻すには --end と書いてください。"));
    }
    let account = speaker.account_of(&Hash(seal.0)).await?;
    let done = speaker.commit(vec![(account, Action::LiftSeal { account, seal, until })]).await?;
    speaker.report(&done, None)
}

async fn unseal(common: &Common, console: &Console, arguments: UnsealArguments) -> Result<(), Fault> {
    let UnsealArguments { seals, speaking } = arguments;
    let means = speaking.means()?;
    let mut speaker = Speaker::new(common, console, &speaking, &means).await?;
    let mut actions = Vec::new();
    for seal in seals {
        let account = speaker.account_of(&Hash(seal.0)).await?;
        actions.push((account, Action::Unseal { account, seal }));
    }
    let done = speaker.commit(actions).await?;
    let gone: Vec<Hash> = done
        .iter()
        .filter(|done| done.applied().is_some())
        .filter_map(|done| if let Action::Unseal { seal, .. } = &done.action { Some(Hash(seal.0)) } else { None })
        .collect();
    speaker.forget(&gone)?;
    speaker.report(&done, None)
}

async fn show(common: &Common, console: &Console, ended: bool, speaking: Speaking) -> Result<(), Fault> {
    let means = speaking.means()?;
    let speaker = Speaker::new(common, console, &speaking, &means).await?;
    let mut names = Names::new(&speaker.node, console.language()).await?;
    let (mut lines, mut values) = (Vec::new(), Vec::new());
    for account in speaker.accounts() {
        let mut consent = speaker.desk(account).await?.consent(account).await?;
        if !ended {
            consent.grants.retain(|grant| is_open(grant, speaker.now));
            consent.consults.retain(|consult| consult.holds_at(speaker.now));
        }
        lines.push(account.to_hex());
        let before = lines.len();
        consent_lines(console, &mut names, &consent, speaker.now, &mut lines).await;
        if lines.len() == before {
            lines.push(format!("  {}", console.say(Word::NothingThere, &[])));
        }
        values.push(json!({ "account": account, "consent": consent }));
    }
    console.print(&lines, &values.into());
    Ok(())
}

async fn consent_lines(console: &Console, names: &mut Names, consent: &Consent, now: Time, lines: &mut Vec<String>) {
    let language = console.language();
    for Grant { id, terms, revoked } in &consent.grants {
        let to = grantee_name(console, names, &terms.grantee).await;
        let what = say_categories(terms.categories, language);
        let until = moment(revoked.unwrap_or(terms.validity.until), language);
        let word = match (revoked, terms.validity.holds_at(now)) {
            (Some(_), _) => Word::GrantRevoked,
            (None, true) => Word::GrantHolds,
            (None, false) if now < terms.validity.from => Word::GrantToCome,
            (None, false) => Word::GrantOver,
        };
        let sentence = console.say(word, &[&to, &what, &say_purpose(terms.purpose, language), &until]);
        lines.push(format!("  {}  {sentence}", id.to_hex()));
    }
    for seal in &consent.seals {
        lines.push(format!("  {}  {}", seal.id.to_hex(), seal_sentence(console, names, seal, now).await));
    }
    for consult in &consent.consults {
        let (opener, reader) = (names.practitioner(&consult.opener).await, names.practitioner(&consult.terms.reader).await);
        let what = say_categories(consult.terms.categories, language);
        let until = moment(consult.closed.unwrap_or(consult.terms.until), language);
        let word = if consult.holds_at(now) { Word::ConsultHolds } else { Word::ConsultOver };
        lines.push(format!("  {}  {}", consult.id.to_hex(), console.say(word, &[&opener, &reader, &what, &until])));
    }
}

/// To whom, for people.
pub async fn grantee_name(console: &Console, names: &mut Names, grantee: &Grantee) -> String {
    match grantee {
        Grantee::Organisation(id) => names.organisation(id),
        Grantee::Practitioner(id) => names.practitioner(id).await,
        Grantee::Role { organisation, role } => {
            console.say(Word::RoleAt, &[&say_role(*role, console.language()), &names.organisation(organisation)])
        }
    }
}

async fn seal_sentence(console: &Console, names: &mut Names, seal: &Seal, now: Time) -> String {
    let what = target_name(console, &seal.terms.target);
    let whom = against_name(console, names, &seal.terms.against).await;
    let mut sentence = console.say(Word::SealHolds, &[&what, &whom]);
    let traits = [
        (seal.terms.visibility == Visibility::Silent, Word::SealSilent),
        (seal.terms.in_emergency == InEmergency::Never, Word::SealNever),
        (seal.terms.hidden_from_guardians, Word::SealHidden),
    ];
    for (_, word) in traits.into_iter().filter(|(holds, _)| *holds) {
        sentence.push_str(&format!("; {}", console.say(word, &[])));
    }
    if let Some(until) = seal.lifted_until.filter(|until| now < *until) {
        sentence.push_str(&format!("; {}", console.say(Word::SealLifted, &[&moment(until, console.language())])));
    }
    sentence
}

/// What a seal covers, for people.
pub fn target_name(console: &Console, target: &SealTarget) -> String {
    match target {
        SealTarget::Everything => console.say(Word::Everything, &[]),
        SealTarget::Categories(categories) => say_categories(*categories, console.language()),
        SealTarget::Records(records) => {
            let ids: Vec<_> = records.iter().map(|record| short(&record.to_hex())).collect();
            console.say(Word::RecordsNamed, &[&ids.join(", ")])
        }
    }
}

/// Against whom a seal holds, for people.
pub async fn against_name(console: &Console, names: &mut Names, against: &Against) -> String {
    match against {
        Against::Outside => console.say(Word::AgainstOutside, &[]),
        Against::AllButAuthor => console.say(Word::AgainstAllButAuthor, &[]),
        Against::Named(parties) => {
            let mut found = Vec::with_capacity(parties.len());
            for party in parties {
                found.push(match party {
                    Party::Organisation(id) => names.organisation(id),
                    Party::Practitioner(id) => names.practitioner(id).await,
                });
            }
            found.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn grants_at_several_accounts_share_no_time_and_never_last_longer_than_was_said() {
        let day = Validity { from: Time(1_000_000_000), until: Time(1_086_400_000) };
        let all: Vec<Validity> = (0..50).map(|_| apart(day, true)).collect();
        assert!(all.iter().map(|one| one.from).collect::<BTreeSet<_>>().len() > 40);
        assert!(all.iter().map(|one| one.until).collect::<BTreeSet<_>>().len() > 40);
        assert!(
            all.iter().all(|one| one.from <= day.from && one.until <= day.until && one.until.0 >= day.until.0 - APART_MS_MAX)
        );
        let later = apart(day, false);
        assert!(later.from >= day.from && later.until <= day.until && !later.is_empty());
        assert!(!apart(Validity { from: Time(0), until: Time(1) }, true).is_empty());
    }
}
