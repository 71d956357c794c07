//! What a facility must know of a record to answer a search for it: codes, dates and whose it is. No titles, no names, no texts.

use crate::item::{Code, Description, Identifier, Period};
use crate::json::Node;

/// Longest text that is kept in a description, in bytes; longer ones are left out.
const TEXT_MAX: usize = 1024;
/// Most values of one kind that are kept.
const VALUES_MAX: usize = 64;

const DATES: [&str; 20] = [
    "effectiveDateTime",
    "effectiveInstant",
    "performedDateTime",
    "occurrenceDateTime",
    "whenHandedOver",
    "whenPrepared",
    "authoredOn",
    "authored",
    "started",
    "createdDateTime",
    "onsetDateTime",
    "recordedDate",
    "date",
    "issued",
    "created",
    "recorded",
    "sent",
    "timestamp",
    "dateTime",
    "dateWritten",
];

const PERIODS: [&str; 5] = ["effectivePeriod", "performedPeriod", "occurrencePeriod", "createdPeriod", "period"];

const SUBJECTS: [&str; 5] = ["subject", "patient", "individual", "beneficiary", "for"];

/// Describes one resource. `near` are the resources that travel with it.
pub(crate) fn resource(own: &Node<'_>, near: &[&Node<'_>]) -> Description {
    let code_keys = ["code", "type", "medicationCodeableConcept", "vaccineCode", "modality"];
    let medication = medication(own, near);
    let mut description = Description {
        resource_type: kept(own.text("resourceType")),
        resource_id: kept(own.text("id")),
        profiles: profiles(own),
        status: kept(own.text("status")),
        codes: limited(code_keys.iter().flat_map(|key| codes(own, key)).chain(medication)),
        categories: limited(codes(own, "category").into_iter()),
        date: DATES.iter().find_map(|key| kept(own.text(key))),
        period: PERIODS.iter().find_map(|key| period(own.get(key)?)),
        ..Description::default()
    };
    whose(&mut description, own, near);
    description
}

/// Describes a document Bundle.
pub(crate) fn document(bundle: &Node<'_>) -> Description {
    let resources: Vec<_> = bundle.each("entry").filter_map(|entry| entry.get("resource")).collect();
    let mut description = Description { resource_type: Some("Bundle".to_owned()), ..Description::default() };
    if let Some(composition) = resources.iter().find(|resource| resource.text("resourceType") == Some("Composition")) {
        description = resource(composition, &resources);
        description.resource_type = Some("Bundle".to_owned());
        let event = composition.each("event").find_map(|event| period(event.get("period")?));
        description.period = description.period.or(event);
    } else {
        for patient in resources {
            add_identifiers(&mut description, patient);
        }
    }
    description.resource_id = kept(bundle.text("id"));
    description.profiles = profiles(bundle).into_iter().chain(description.profiles).collect();
    description.date = description.date.or_else(|| kept(bundle.text("timestamp")));
    description
}

/// Does the resource say whose it is?
pub(crate) fn names_a_patient(own: &Node<'_>) -> bool {
    SUBJECTS.iter().any(|key| own.get(key).is_some())
}

fn whose(description: &mut Description, own: &Node<'_>, near: &[&Node<'_>]) {
    for resource in std::iter::once(&own).chain(near) {
        add_identifiers(description, resource);
        resource.each("contained").for_each(|contained| add_identifiers(description, contained));
    }
    for subject in SUBJECTS.iter().flat_map(|key| own.each(key)) {
        let about_a_patient = subject.text("type").is_none_or(|kind| kind == "Patient");
        if let Some(identifier) = subject.get("identifier").filter(|_| about_a_patient) {
            push_identifier(description, identifier);
        }
        if let Some(reference) = kept(subject.text("reference")).filter(|reference| !reference.starts_with('#')) {
            let new = !description.patient_references.contains(&reference);
            if description.patients.is_empty() && new && description.patient_references.len() < VALUES_MAX {
                description.patient_references.push(reference);
            }
        }
    }
}

fn add_identifiers(description: &mut Description, resource: &Node<'_>) {
    if resource.text("resourceType") == Some("Patient") {
        resource.each("identifier").for_each(|identifier| push_identifier(description, identifier));
    }
}

fn push_identifier(description: &mut Description, identifier: &Node<'_>) {
    let Some(value) = kept(identifier.text("value")) else { return };
    let found = Identifier { system: kept(identifier.text("system")).unwrap_or_default(), value };
    if !description.patients.contains(&found) && description.patients.len() < VALUES_MAX {
        description.patients.push(found);
    }
}

/// The codes of the Medication that a `medicationReference` leads to.
fn medication(own: &Node<'_>, near: &[&Node<'_>]) -> Vec<Code> {
    let Some(reference) = own.get("medicationReference").and_then(|found| found.text("reference")) else { return Vec::new() };
    let id = reference.trim_start_matches('#').rsplit('/').next().unwrap_or_default();
    let is_it = |found: &&Node<'_>| found.text("resourceType") == Some("Medication") && found.text("id") == Some(id);
    own.each("contained").chain(near.iter().copied()).find(is_it).map(|found| codes(found, "code")).unwrap_or_default()
}

/// The codings of a CodeableConcept, a Coding, a code, or a list of them.
fn codes(resource: &Node<'_>, key: &str) -> Vec<Code> {
    let mut found = Vec::new();
    for concept in resource.each(key) {
        for coding in concept.each("coding").chain(concept.get("code").map(|_| concept)) {
            let Some(code) = kept(coding.text("code")) else { continue };
            found.push(Code { system: kept(coding.text("system")), code });
        }
        if let Some(code) = kept(concept.as_text()) {
            found.push(Code { system: None, code });
        }
    }
    found
}

fn period(node: &Node<'_>) -> Option<Period> {
    let period = Period { start: kept(node.text("start")), end: kept(node.text("end")) };
    (period != Period::default()).then_some(period)
}

fn profiles(resource: &Node<'_>) -> Vec<String> {
    resource
        .get("meta")
        .map(|meta| limited(meta.each("profile").filter_map(|profile| kept(profile.as_text()))))
        .unwrap_or_default()
}

fn kept(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty() && text.len() <= TEXT_MAX).map(str::to_owned)
}

fn limited<T>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.take(VALUES_MAX).collect()
}
