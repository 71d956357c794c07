//! SILENT (docs/spec/decision.md): what a reader gets from an account with a silently sealed record is, byte for byte but for ids and
//! times, what the same questions get where that record was never registered.
//!
//! Two accounts get the same records, consents and visible seals; one of them gets further records that are hidden silently. The same
//! questions are asked of both over HTTP, in random order, and whatever comes back is compared: the submission, the outcome, the
//! access, each payload with its headers, errors for records that are hidden or do not exist, the work list, the access's entry in
//! the block. Not compared is what the ledger shows of the events themselves: whole blocks and the length of the account's journal
//! tell that something was registered and sealed (as the specification says).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use inro_contracts::access::{AccessRequest, Basis, Reader};
use inro_contracts::bytes::{Canonical, List};
use inro_contracts::category::{Categories, Category};
use inro_contracts::consent::{SealTarget, Visibility};
use inro_contracts::emergency::{EmergencyClaim, EmergencyReason};
use inro_contracts::id::{Hash, RecordId};
use inro_contracts::key::SecretKey;
use inro_contracts::purpose::Purpose;
use inro_contracts::record::ProviderFlags;
use inro_contracts::transaction::Action;
use inro_tests::asker::{Asker, RawAnswer};
use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::consortium::{id_of, manifest};
use inro_tests::play::Facility;
use inro_tests::seed;
use inro_tests::treatment::{Kept, facility, register, request, seal_against_outside};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;

const ROUNDS: usize = 4;

/// How the further records are hidden.
#[derive(Debug, Clone, Copy)]
enum Hiding {
    /// Each by a seal that names it.
    ByRecord,
    /// By a seal on their categories, which none of the others has.
    ByCategory,
    /// By the custodian, as not to be delivered.
    Undelivered,
    /// Not silently: each by a seal with NOTICE that names it.
    WithNotice,
}

/// What both accounts are like.
struct Plan {
    /// The records that both have, in the order of their ids, and whether a seal with NOTICE lies on each.
    common: Vec<(Category, bool)>,
    /// The records that only one of them has.
    hidden: Vec<Category>,
    hiding: Hiding,
    /// Both have a seal with NOTICE on everything.
    all_noticed: bool,
    document: Vec<u8>,
}

impl Plan {
    fn random(random: &mut StdRng) -> Self {
        let hiding = *[Hiding::ByRecord, Hiding::ByCategory, Hiding::Undelivered].choose(random).expect("there are three");
        let any = |random: &mut StdRng| *Category::ALL.choose(random).expect("there are categories");
        let common: Vec<_> = (0..random.gen_range(0..5)).map(|_| (any(random), random.gen_bool(0.25))).collect();
        let mut hidden: Vec<_> = (0..random.gen_range(1..4)).map(|_| any(random)).collect();
        if let Hiding::ByCategory = hiding {
            hidden.retain(|category| common.iter().all(|(other, _)| other != category));
        }
        // A seal on a category is as wide as one on records is narrow; beside a NOTICE on everything, both are the narrower.
        let all_noticed = random.gen_bool(0.3);
        let document = (0..random.gen_range(1..3_000)).map(|_| random.gen_range(b'a'..=b'z')).collect();
        Self { common, hidden, hiding, all_noticed, document }
    }
}

/// One of the two accounts.
struct Side {
    kept: Kept,
    common: Vec<RecordId>,
    /// Hidden here, or never registered.
    other: Vec<RecordId>,
}

/// A question, by the places of records instead of their ids.
#[derive(Debug, Clone)]
struct Question {
    basis: Basis,
    purpose: Purpose,
    categories: Categories,
    common: Vec<usize>,
    other: Vec<usize>,
    after: Option<usize>,
}

impl Question {
    fn on_grants() -> Self {
        let (basis, purpose, categories) = (Basis::Grant, Purpose::Treatment, Categories::ALL);
        Self { basis, purpose, categories, common: Vec::new(), other: Vec::new(), after: None }
    }

    fn all(plan: &Plan, random: &mut StdRng) -> Vec<Self> {
        let some = |count: usize, random: &mut StdRng| (0..count).filter(|_| random.gen_bool(0.5)).collect::<Vec<_>>();
        let others: Vec<_> = (0..plan.hidden.len()).collect();
        let categories: Vec<_> = plan.common.iter().map(|(category, _)| *category).chain(plan.hidden.iter().copied()).collect();
        let few = Categories::only(&categories.choose_multiple(random, 2).copied().collect::<Vec<_>>());
        let claim = EmergencyClaim { reason: EmergencyReason::Unconscious, text: Hash([7; 32]) };
        let emergency = Self { basis: Basis::Emergency(claim), purpose: Purpose::EmergencyTreatment, ..Self::on_grants() };
        let mut questions = vec![Self::on_grants(), emergency, Self { purpose: Purpose::Research, ..Self::on_grants() }];
        if !categories.is_empty() {
            questions.push(Self { categories: few, ..Self::on_grants() });
        }
        if !others.is_empty() {
            questions.push(Self { other: others.clone(), ..Self::on_grants() });
            questions.push(Self { common: some(plan.common.len(), random), other: others, ..Self::on_grants() });
        }
        if !plan.common.is_empty() {
            questions.push(Self { after: Some(random.gen_range(0..plan.common.len())), ..Self::on_grants() });
        }
        questions
    }
}

struct World {
    cluster: Cluster,
    custodian: Facility,
    reader: Facility,
    key: SecretKey,
    asker: Asker,
}

impl World {
    async fn new() -> Self {
        let cluster = Cluster::of_four().await;
        let (custodian, reader) = (facility(&cluster, 0).await, facility(&cluster, 1).await);
        let key = cluster.consortium.members[1].practitioner.clone();
        let asker = Asker::at(cluster.client(1)).await;
        Self { cluster, custodian, reader, key, asker }
    }

    async fn side(&self, plan: &Plan, with_hidden: bool) -> Side {
        let kept = Kept::open(&self.cluster, 0).await;
        kept.consent(&self.custodian, &self.reader).await.expect("the patient consents");
        let mut taken_in = Vec::new();
        let hidden_here = if with_hidden { plan.hidden.len() } else { 0 };
        for _ in 0..plan.common.len() + hidden_here {
            let items = self.custodian.desk.take_in(&kept.account, "note.txt", None, None, plan.document.clone()).await;
            taken_in.push(items.expect("a text can be taken in").remove(0).record);
        }
        // Categories follow the order of ids, so that the two accounts' answers name them in the same order.
        let mut hidden = taken_in.split_off(plan.common.len());
        taken_in.sort_by_key(|record| record.id);
        for (record, (category, _)) in taken_in.iter_mut().zip(&plan.common) {
            record.category = *category;
        }
        for (record, category) in hidden.iter_mut().zip(&plan.hidden) {
            record.category = *category;
            if let Hiding::Undelivered = plan.hiding {
                record.flags = ProviderFlags::UNDELIVERED;
            }
        }
        let common: Vec<_> = taken_in.iter().map(|record| record.id).collect();
        let other: Vec<_> = match with_hidden {
            true => hidden.iter().map(|record| record.id).collect(),
            false => plan.hidden.iter().map(|_| manifest().id).collect(),
        };
        for record in taken_in.into_iter().chain(hidden) {
            register(&self.custodian, kept.account, record).await.expect("the custodian may register");
        }
        let mut seals = Vec::new();
        for (record, _) in common.iter().zip(&plan.common).filter(|(_, (_, noticed))| *noticed) {
            seals.push((records(vec![*record]), Visibility::Notice));
        }
        if plan.all_noticed {
            seals.push((SealTarget::Everything, Visibility::Notice));
        }
        match plan.hiding {
            Hiding::ByRecord if with_hidden && !other.is_empty() => seals.push((records(other.clone()), Visibility::Silent)),
            Hiding::WithNotice if with_hidden => seals.push((records(other.clone()), Visibility::Notice)),
            Hiding::ByCategory if with_hidden && !other.is_empty() => {
                seals.push((SealTarget::Categories(Categories::only(&plan.hidden)), Visibility::Silent));
            }
            _ => {}
        }
        for (target, visibility) in seals {
            kept.seal(&self.custodian, seal_against_outside(target, visibility)).await.expect("the patient may seal");
        }
        Side { kept, common, other }
    }

    /// Everything that the reader gets for one question, as text without ids and times.
    async fn told(&self, side: &Side, question: &Question, payloads: bool) -> String {
        let pick = |from: &[RecordId], places: &[usize]| places.iter().map(|place| from[*place]).collect::<Vec<_>>();
        let named = [pick(&side.common, &question.common), pick(&side.other, &question.other)].concat();
        let reader = Reader::Practitioner(self.reader.physician);
        let wanted = AccessRequest {
            categories: question.categories,
            records: List::new(named).expect("few records are named"),
            after: question.after.map(|place| side.common[place]),
            reply_key: self.reader.desk.make_reply_key().await.expect("the reader's node makes keys"),
            ..request(side.kept.account, reader, question.basis, question.purpose)
        };
        let signed = self.reader.desk.sign(Action::Access(wanted));
        let id = id_of(&signed).to_hex();
        let mut names = BTreeMap::from([(id.clone(), "the access".to_owned())]);
        names.insert(side.kept.account.to_hex(), "the account".to_owned());
        names.extend(side.common.iter().enumerate().map(|(place, id)| (id.to_hex(), format!("record {place}"))));
        names.extend(side.other.iter().enumerate().map(|(place, id)| (id.to_hex(), format!("other {place}"))));

        let mut told = Told { names, text: String::new() };
        told.note("submission", &self.asker.post("/v1/transactions", signed.to_bytes()).await);
        let committed = self.asker.get_unsigned(&format!("/v1/transactions/{id}?wait_ms=20000")).await;
        told.note("outcome", &committed);
        let height = committed.json()["height"].as_u64().expect("it is committed");
        told.say("entry", &self.entry(height, &id).await);
        if !payloads {
            return told.text;
        }
        told.note("access", &self.settled_access(&id).await);
        for record in side.common.iter().chain(&side.other) {
            let path = format!("/v1/accesses/{id}/records/{}", record.to_hex());
            told.note("payload", &self.asker.get(&self.key, &path, &[]).await);
            told.note("a part", &self.asker.get(&self.key, &path, &[("range", "bytes=0-0")]).await);
            told.note("sealed", &self.asker.get(&self.key, &format!("{path}/sealed?offset=0"), &[]).await);
        }
        for what in ["records", "journal", "consent"] {
            let path = format!("/v1/accounts/{}/{what}", side.kept.account.to_hex());
            told.note(what, &self.asker.get(&self.key, &path, &[]).await);
        }
        let worklist = self.asker.get(&self.key, "/v1/worklist", &[]).await.json();
        let lists = worklist.as_object().expect("the work list has its lists");
        for (list, entries) in lists {
            let of_this = entries.as_array().into_iter().flatten().filter(|entry| entry["access"] == id.as_str());
            told.say(list, &of_this.map(Value::to_string).collect::<String>());
        }
        told.text
    }

    /// The access's entry in its block, as the reader's node shows it to anybody.
    async fn entry(&self, height: u64, id: &str) -> String {
        let mut block = self.asker.get_unsigned(&format!("/v1/blocks/{height}")).await.json();
        let entries = block["entries"].as_array_mut().expect("a block has entries");
        let entry = entries.iter_mut().find(|entry| entry["id"] == id).expect("the access is in its block");
        // A random number, which has now more, now fewer digits.
        entry["transaction"]["nonce"] = Value::Null;
        entry.to_string()
    }

    /// The answer about an access once everything that it grants has arrived and stands on the ledger; at once if it was denied.
    async fn settled_access(&self, id: &str) -> RawAnswer {
        let began = Instant::now();
        loop {
            let answer = self.asker.get(&self.key, &format!("/v1/accesses/{id}?wait_ms=5000"), &[]).await;
            if answer.status != 200 {
                return answer;
            }
            let found = answer.json();
            let (records, access) = (found["records"].as_array().expect("it lists records"), &found["access"]);
            let all = Value::from((1u64 << records.len()) - 1);
            let ready = records.iter().all(|record| record["state"] == "ready");
            if ready && access["disclosed"] == all && access["acknowledged"] == all {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "the payloads do not arrive: {found}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The same question on both accounts, in random order.
    async fn compare(&self, [with, without]: &[Side; 2], question: &Question, payloads: bool, random: &mut StdRng) {
        let (hiding, plain) = if random.gen_bool(0.5) {
            let hiding = self.told(with, question, payloads).await;
            (hiding, self.told(without, question, payloads).await)
        } else {
            let plain = self.told(without, question, payloads).await;
            (self.told(with, question, payloads).await, plain)
        };
        let differs = hiding.lines().zip(plain.lines()).find(|(one, two)| one != two);
        assert!(hiding == plain, "a silent seal shows, asked {question:?}:\n{differs:#?}\n{hiding}\n---\n{plain}");
    }
}

/// What was told, a line each, with names in the place of ids.
struct Told {
    names: BTreeMap<String, String>,
    text: String,
}

impl Told {
    fn note(&mut self, what: &str, answer: &RawAnswer) {
        // Dates, numbers of requests and lengths that go with the digits of a height.
        let says = |name: &str| !(matches!(name, "date" | "x-request-id") || name == "content-length" && answer.status == 200);
        let mut headers: Vec<_> = answer
            .headers
            .keys()
            .filter(|name| says(name.as_str()))
            .map(|name| format!("{name}: {}", answer.header(name.as_str())))
            .collect();
        headers.sort();
        self.say(what, &format!("{} {headers:?} {}", answer.status, answer.text()));
    }

    fn say(&mut self, what: &str, words: &str) {
        let line = format!("{what}: {}\n", without_ids_and_times(words, &self.names));
        self.text.push_str(&line);
    }
}

/// Ids by their names, other long hexadecimal numbers, times, heights and places in blocks by one word each.
fn without_ids_and_times(words: &str, names: &BTreeMap<String, String>) -> String {
    let mut text = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|sign: char| !sign.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, later) = rest.split_at(run.max(first.len_utf8()));
        let is_hex = word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let is_place = is_number && (text.ends_with("\"height\":") || text.ends_with("\"index\":"));
        match names.get(word) {
            Some(name) => text.push_str(&format!("<{name}>")),
            None if is_hex => text.push_str("<hex>"),
            None if is_number && word.len() == 13 => text.push_str("<time>"),
            None if is_place => text.push_str("<place>"),
            None => text.push_str(word),
        }
        rest = later;
    }
    text
}

fn records(ids: Vec<RecordId>) -> SealTarget {
    SealTarget::Records(List::new(ids).expect("few records are sealed"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_a_silently_sealed_record_is_that_without_the_record() {
    let mut random = seed::random();
    let world = World::new().await;
    for round in 0..ROUNDS {
        let plan = Plan::random(&mut random);
        let (common, hidden) = (plan.common.len(), plan.hidden.len());
        println!("round {round}: {common} records, {hidden} hidden {:?}, all noticed: {}", plan.hiding, plan.all_noticed);
        let sides = [world.side(&plan, true).await, world.side(&plan, false).await];
        for question in Question::all(&plan, &mut random) {
            world.compare(&sides, &question, true, &mut random).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_with_a_notice_does_show_where_the_same_answers_are_compared() {
    let world = World::new().await;
    let (common, hidden) = (vec![(Category::Chart, false)], vec![Category::Chart]);
    let plan = Plan { common, hidden, hiding: Hiding::WithNotice, all_noticed: false, document: b"hoarse".to_vec() };
    let (with, without) = (world.side(&plan, true).await, world.side(&plan, false).await);
    let question = Question::on_grants();
    let (noticed, plain) = (world.told(&with, &question, true).await, world.told(&without, &question, true).await);
    let differing = noticed.lines().zip(plain.lines()).filter(|(one, two)| one != two);
    let where_it_shows: Vec<_> = differing.filter_map(|(line, _)| line.split(':').next()).collect();
    assert_eq!(where_it_shows, ["outcome", "entry"], "{noticed}\n---\n{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_end_of_a_page_tells_of_a_silently_sealed_record() {
    let mut random = seed::random();
    let world = World::new().await;
    // As many as one answer holds, and one more: then, and only then, there are more.
    for common in [128, 129] {
        let mut sides = Vec::new();
        for with_hidden in [true, false] {
            let kept = Kept::open(&world.cluster, 0).await;
            kept.consent(&world.custodian, &world.reader).await.expect("the patient consents");
            let hidden: Vec<_> = (0..if with_hidden { 40 } else { 0 }).map(|_| manifest()).collect();
            let mut known: Vec<_> = (0..common).map(|_| manifest()).collect();
            known.sort_by_key(|record| record.id);
            let practitioner = world.custodian.physician;
            let all = known.iter().chain(&hidden).cloned();
            let registering = all
                .map(|record| world.custodian.desk.sign(Action::RegisterRecord { account: kept.account, practitioner, record }));
            let registering: Vec<_> = registering.collect();
            let submitted = world.cluster.client(0).submit_batch(registering.clone()).await.expect("the node answers");
            assert!(submitted.iter().all(|one| one.accepted), "{submitted:?}");
            for one in &registering {
                world.cluster.client(0).wait_committed(&id_of(one), PATIENCE).await.expect("it is committed");
            }
            for some in hidden.chunks(10) {
                let terms = seal_against_outside(records(some.iter().map(|record| record.id).collect()), Visibility::Silent);
                kept.seal(&world.custodian, terms).await.expect("the patient may seal");
            }
            sides.push(Side { kept, common: known.iter().map(|record| record.id).collect(), other: Vec::new() });
        }
        let sides: [Side; 2] = sides.try_into().unwrap_or_else(|_| unreachable!("there are two"));
        for after in [None, Some(0), Some(60), Some(common - 2)] {
            world.compare(&sides, &Question { after, ..Question::on_grants() }, false, &mut random).await;
        }
    }
}

#[test]
fn ids_and_times_are_told_apart_from_other_words() {
    let id = "ab".repeat(32);
    let names = BTreeMap::from([(id.clone(), "record 0".to_owned())]);
    let words = format!(r#"{{"id":"{id}","key":"{}","at":1763845000000,"height":12,"bytes":12}}"#, "cd".repeat(32));
    let expected = r#"{"id":"<record 0>","key":"<hex>","at":<time>,"height":<place>,"bytes":12}"#;
    assert_eq!(without_ids_and_times(&words, &names), expected);
}
