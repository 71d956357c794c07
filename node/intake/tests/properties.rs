//! For any input: no panic, the same answer twice; and for any collection: every resource is found again, the clinical ones once.

use std::collections::BTreeMap;

use inro_intake::{Hint, Intake, Limits, Problem, read};
use proptest::prelude::*;

use crate::{json, samples};

fn take(input: &[u8]) -> Result<Intake, Problem> {
    let limits = Limits { values_max: 100_000, ..Limits::default() };
    read(input.to_vec().into(), &Hint::default(), &limits)
}

/// Takes the input twice and compares; items are whole, and problems speak.
fn is_calm(input: &[u8]) {
    match (take(input), take(input)) {
        (Ok(one), Ok(other)) => {
            assert!(!one.items.is_empty() || !one.notes.is_empty());
            assert_eq!(one.items.len(), other.items.len());
            for (one, other) in one.items.iter().zip(&other.items) {
                assert_eq!((one.sha256, one.category, one.flags), (other.sha256, other.category, other.flags));
                assert!(one.flags.is_valid());
                let bytes = one.payload.to_bytes().expect("in memory");
                assert_eq!(bytes.len() as u64, one.size());
                one.attachments.iter().for_each(|attachment| drop(attachment.bytes()));
            }
        }
        (Err(one), Err(other)) => assert_eq!(one, other),
        _ => panic!("the same input was once taken and once refused"),
    }
}

/// A resource of a small world in which references lead to each other, to nothing, and in rings.
fn resource() -> impl Strategy<Value = (String, usize, Vec<(String, usize)>, bool)> {
    let kind = prop::sample::select(vec![
        "Patient",
        "Practitioner",
        "Organization",
        "Encounter",
        "Condition",
        "Observation",
        "DiagnosticReport",
        "Binary",
        "MedicationRequest",
    ])
    .prop_map(str::to_owned);
    let reference = (kind.clone(), 0..6usize);
    (kind, 0..6usize, prop::collection::vec(reference, 0..4), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        is_calm(&bytes);
    }

    #[test]
    fn arbitrary_bytes_after_a_true_beginning_never_panic(
        start in prop::sample::select(vec![
            b"{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[".to_vec(),
            b"{\"resourceType\":\"Binary\",\"contentType\":\"x/y\",\"data\":\"".to_vec(),
            b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100".to_vec(),
            [&[0; 128][..], b"DICM"].concat(),
            b"<?xml".to_vec(),
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        is_calm(&[start, bytes].concat());
    }

    #[test]
    fn samples_with_bytes_changed_cut_or_doubled_never_panic(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        doubled in any::<bool>(),
    ) {
        let files: Vec<_> = samples::files().into_values().collect();
        let mut bytes = which.get(&files).clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let end = cut.index(bytes.len() * 2);
        if end < bytes.len() {
            if doubled { bytes.extend_from_within(end..) } else { bytes.truncate(end) }
        }
        is_calm(&bytes);
    }

    #[test]
    fn every_resource_is_found_again_and_every_clinical_one_once(
        resources in prop::collection::vec(resource(), 1..20),
        in_lines in any::<bool>(),
    ) {
        let context = ["Patient", "Practitioner", "Organization", "Encounter", "Binary"];
        let written: Vec<_> = resources.iter().enumerate().map(|(mark, (kind, id, references, _))| {
            let references: Vec<_> = references.iter().map(|(kind, id)| format!(r#"{{"reference":"{kind}/{id}"}}"#)).collect();
            format!(r#"{{"resourceType":"{kind}","id":"{id}","mark":{mark},"links":[{}]}}"#, references.join(","))
        }).collect();
        let input = if in_lines {
            written.join("\n")
        } else {
            let entries: Vec<_> = written.iter().zip(&resources).map(|(text, (kind, id, _, named))| {
                let url = if *named { format!(r#""fullUrl":"http://x.example/{kind}/{id}","#) } else { String::new() };
                format!(r#"{{{url}"resource":{text}}}"#)
            }).collect();
            format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
        };
        let found = take(input.as_bytes()).expect("the input is sound").items;
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        for item in &found {
            let value = json(item);
            let inside = match value["entry"].as_array() {
                Some(entries) => entries.iter().map(|entry| entry["resource"].clone()).collect(),
                None => vec![value.clone()],
            };
            let text = String::from_utf8(item.payload.to_bytes().expect("in memory").to_vec()).expect("UTF-8");
            for resource in inside {
                let mark = resource["mark"].as_u64().expect("every resource is marked") as usize;
                *seen.entry(mark).or_default() += 1;
                prop_assert!(text.contains(&written[mark]), "the bytes are the sender's");
            }
        }
        for (mark, (kind, ..)) in resources.iter().enumerate() {
            let times = seen.get(&mark).copied().unwrap_or_default();
            prop_assert!(times >= 1, "{kind} {mark} is lost");
            prop_assert!(times == 1 || context.contains(&kind.as_str()), "{kind} {mark} stands in {times} items");
        }
    }
}
