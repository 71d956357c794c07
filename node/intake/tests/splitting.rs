//! Collections become items: what goes where, and in which bytes.

use inro_contracts::category::Category;
use inro_intake::{Content, Hint, Kind, Limits, read};

use crate::{items, json, problem, take};

#[test]
fn each_clinical_resource_is_an_item_with_the_context_that_it_refers_to_and_the_patient_first() {
    let found = items(
        r#"{"resourceType":"Bundle","meta":{"profile":["http://x/JP_Bundle_CLINS"]},"type":"collection","timestamp":"2025-04-02T18:05:00+09:00","entry":[
        {"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","id":"p","identifier":[{"system":"s","value":"1"}]}},
        {"fullUrl":"urn:uuid:c","resource":{"resourceType":"Condition","subject":{"reference":"urn:uuid:p"},"asserter":{"reference":"PractitionerRole/r"}}},
        {"resource":{"resourceType":"PractitionerRole","id":"r","organization":{"reference":"http://a.example/fhir/Organization/o/_history/3"}}},
        {"resource":{"resourceType":"Organization","id":"o"}},
        {"resource":{"resourceType":"Observation","valueQuantity":{"value":6.10},"subject":{"reference":"Patient/p"}}}]}"#,
    );
    assert_eq!(found.len(), 2);
    let condition = json(&found[0]);
    let kinds: Vec<_> =
        condition["entry"].as_array().expect("entries").iter().map(|entry| entry["resource"]["resourceType"].clone()).collect();
    assert_eq!(kinds, ["Patient", "Condition", "PractitionerRole", "Organization"]);
    assert_eq!(condition["meta"]["profile"][0], "http://x/JP_Bundle_CLINS");
    assert_eq!(condition["timestamp"], "2025-04-02T18:05:00+09:00");
    assert_eq!(condition["entry"][0]["fullUrl"], "urn:uuid:p");
    assert!(found.iter().all(|item| item.description.patients.len() == 1 && item.description.patients[0].value == "1"));
    let bytes = found[1].payload.to_bytes().expect("in memory");
    let text = std::str::from_utf8(&bytes).expect("UTF-8");
    assert!(text.contains(r#"{"value":6.10}"#), "a decimal keeps its digits");
    assert_eq!(found[1].size(), bytes.len() as u64);
}

#[test]
fn a_report_does_not_carry_its_observations_so_that_each_can_be_sealed_alone() {
    let found = items(
        r#"{"resourceType":"Bundle","type":"searchset","entry":[
        {"resource":{"resourceType":"DiagnosticReport","id":"d","result":[{"reference":"Observation/a"}]}},
        {"resource":{"resourceType":"Observation","id":"a","specimen":{"reference":"Specimen/s"}}},
        {"resource":{"resourceType":"Specimen","id":"s"}}]}"#,
    );
    assert_eq!(found.len(), 2);
    assert_eq!(json(&found[0])["resourceType"], "DiagnosticReport", "it refers to no context, so it is the resource itself");
    assert_eq!(json(&found[1])["entry"].as_array().map(Vec::len), Some(2));
}

#[test]
fn context_that_nothing_refers_to_is_kept_under_other_and_rings_are_kept_once() {
    let found = items(
        r#"{"resourceType":"Bundle","type":"collection","entry":[
        {"resource":{"resourceType":"Coverage","id":"c","beneficiary":{"reference":"Patient/p"}}},
        {"resource":{"resourceType":"Patient","id":"p"}},
        {"resource":{"resourceType":"Organization","id":"a","partOf":{"reference":"Organization/b"}}},
        {"resource":{"resourceType":"Organization","id":"b","partOf":{"reference":"Organization/a"}}}]}"#,
    );
    let kinds: Vec<_> = found.iter().map(|item| item.description.resource_type.clone().expect("a type")).collect();
    assert_eq!(kinds, ["Coverage", "Organization"]);
    assert!(found.iter().all(|item| item.category == Category::Other));
    assert_eq!(json(&found[1])["entry"].as_array().map(Vec::len), Some(3), "both organisations, and the only patient");
}

#[test]
fn what_does_not_say_whose_it_is_belongs_to_the_only_patient_of_the_bundle() {
    let bundle = |more: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Patient","id":"p",
            "identifier":[{{"value":"1"}}]}}}},{{"resource":{{"resourceType":"Procedure"}}}}{more}]}}"#
        )
    };
    assert_eq!(items(bundle(""))[0].description.patients.len(), 1);
    let two = items(bundle(r#",{"resource":{"resourceType":"Patient","id":"q"}}"#));
    let procedure = two.iter().find(|item| item.description.resource_type.as_deref() == Some("Procedure")).expect("it is there");
    assert!(procedure.description.patients.is_empty(), "of two patients, neither is guessed");
}

#[test]
fn patients_are_found_in_the_bundle_inside_the_resource_and_by_identifier() {
    let inside = items(
        r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"s","value":"1"}]}],"subject":{"reference":"#p"}}"##,
    );
    assert_eq!(inside[0].description.patients[0].value, "1");
    let named = items(r#"{"resourceType":"Condition","subject":{"identifier":{"system":"s","value":"2"}}}"#);
    assert_eq!(named[0].description.patients[0].value, "2");
    let elsewhere = items(r#"{"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/9"}}"#);
    assert_eq!(elsewhere[0].description.patient_references, ["Patient/9"]);
}

#[test]
fn a_document_is_one_item_in_exactly_the_bytes_that_were_sent() {
    let text = " {\"resourceType\":\"Bundle\",\n\"type\":\"document\",\"entry\":[{\"resource\":{\"resourceType\":\"Composition\"}},\r\n\
                {\"resource\":{\"resourceType\":\"Condition\",\"recorded\":1.500}}]}\n";
    let found = items(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].payload.to_bytes().as_deref(), Some(text.as_bytes()));
    let marked = [&b"\xef\xbb\xbf"[..], text.as_bytes()].concat();
    assert_eq!(items(marked)[0].payload.to_bytes().as_deref(), Some(text.as_bytes()), "a byte order mark is no part of JSON");
}

#[test]
fn a_document_lists_its_key_images_and_those_that_lie_elsewhere() {
    let found = items(
        r#"{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Composition"}},
        {"resource":{"resourceType":"Binary","id":"k","contentType":"image/png","data":"iVBORw0KGgo\/Pw=="}},
        {"resource":{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"image/png","url":"Binary/k"}},
          {"attachment":{"contentType":"image/jpeg","url":"images/1.jpg"}}]}},
        {"resource":{"resourceType":"ImagingStudy","series":[{"instance":[{"uid":"1.2.3"}]}]}}]}"#,
    );
    let attachments = &found[0].attachments;
    assert_eq!(attachments.len(), 3);
    assert!(matches!(&attachments[0].content, Content::Inline { size: 10, .. }));
    assert_eq!(attachments[0].bytes().as_deref(), Some(&b"\x89PNG\r\n\x1a\n??"[..]));
    assert_eq!(attachments[0].pointer, "/entry/1/resource/data");
    assert!(matches!(&attachments[1].content, Content::Reference(url) if url == "images/1.jpg"));
    assert!(matches!(&attachments[2].content, Content::Reference(url) if url == "urn:oid:1.2.3"));
}

#[test]
fn lines_find_each_other_and_a_document_on_a_line_is_one_item() {
    let found = items(
        "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/p\"}}\r\n\n\
         {\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":[{\"resource\":{\"resourceType\":\"Composition\"}}]}\n\
         {\"resourceType\":\"Patient\",\"id\":\"p\",\"identifier\":[{\"value\":\"1\"}]}",
    );
    let mut kinds: Vec<_> = found.iter().map(|item| item.description.resource_type.clone().expect("a type")).collect();
    kinds.sort();
    assert_eq!(kinds, ["Bundle", "Observation"]);
    let observation = found.iter().find(|item| item.category == Category::TestResult).expect("it is there");
    assert_eq!(observation.description.patients.len(), 1);
}

#[test]
fn searches_for_documents_and_batches_of_searches_are_taken_apart() {
    let document = r#"{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Composition"}}]}"#;
    let inner = r#"{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Condition"}},
        {"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}}]}"#;
    let taken = take(format!(
        r#"{{"resourceType":"Bundle","type":"batch-response","entry":[{{"resource":{document}}},{{"resource":{inner}}},{{"response":{{"status":"204"}}}}]}}"#
    ))
    .expect("it is sound");
    let categories: Vec<_> = taken.items.iter().map(|item| item.category).collect();
    assert_eq!(categories, [Category::Other, Category::Diagnosis]);
    assert_eq!(taken.notes.len(), 2, "what was left out is told");
}

#[test]
fn a_bundle_of_bundles_of_bundles_is_refused() {
    let collection = |inner: &str| format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{inner}}}]}}"#);
    let three = collection(&collection(&collection(r#"{"resourceType":"Condition"}"#)));
    let found = problem(three);
    assert_eq!(found.kind, Kind::Bundle);
    assert_eq!(found.place.pointer.as_deref(), Some("/entry/0/resource/entry/0/resource"));
}

#[test]
fn one_large_patient_in_front_of_many_observations_cannot_grow_without_bound() {
    let photo = "A".repeat(400_000);
    let mut entries = vec![format!(
        r#"{{"resource":{{"resourceType":"Patient","id":"p","photo":[{{"contentType":"image/png","data":"{photo}"}}]}}}}"#
    )];
    entries.extend(
        (0..500).map(|_| r#"{"resource":{"resourceType":"Observation","subject":{"reference":"Patient/p"}}}"#.to_owned()),
    );
    let found = problem(format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(",")));
    assert_eq!(found.kind, Kind::TooLarge);
}

#[test]
fn context_beyond_the_limit_stays_behind_as_items_of_its_own() {
    let places: Vec<_> =
        (0..10).map(|number| format!(r#"{{"resource":{{"resourceType":"Location","id":"{number}"}}}}"#)).collect();
    let references: Vec<_> = (0..10).map(|number| format!(r#"{{"reference":"Location/{number}"}}"#)).collect();
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Appointment","x":[{}]}}}},{}]}}"#,
        references.join(","),
        places.join(",")
    );
    let limits = Limits { context_max: 4, ..Limits::default() };
    let found = read(bundle.into(), &Hint::default(), &limits).expect("it is sound").items;
    assert_eq!(found.len(), 1 + 6);
}
