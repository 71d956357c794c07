//! The table of categories and flags of docs/spec/intake.md.

use inro_contracts::category::Category::{self, *};
use inro_contracts::record::ProviderFlags;

use crate::items;

fn category(resource: &str) -> Category {
    let found = items(resource.to_owned());
    assert_eq!(found.len(), 1, "{resource}");
    found[0].category
}

fn resource(kind: &str, rest: &str) -> String {
    format!(r#"{{"resourceType":"{kind}"{}{rest}}}"#, if rest.is_empty() { "" } else { "," })
}

fn observation(system: &str, code: &str, profile: &str) -> String {
    let profile = if profile.is_empty() { String::new() } else { format!(r#""meta":{{"profile":["{profile}"]}},"#) };
    resource("Observation", &format!(r#"{profile}"code":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}"#))
}

#[test]
fn resources_have_the_category_of_their_type() {
    for (kind, expected) in [
        ("Condition", Diagnosis),
        ("AllergyIntolerance", Allergy),
        ("MedicationRequest", Prescription),
        ("MedicationDispense", Dispensing),
        ("MedicationStatement", TreatmentHistory),
        ("MedicationAdministration", TreatmentHistory),
        ("Procedure", TreatmentHistory),
        ("Immunization", TreatmentHistory),
        ("DiagnosticReport", TestResult),
        ("Observation", TestResult),
        ("ImagingStudy", Image),
        ("Media", Image),
        ("QuestionnaireResponse", SelfRecorded),
        ("CarePlan", Plan),
        ("Goal", Plan),
        ("ServiceRequest", Plan),
        ("ClinicalImpression", Evaluation),
        ("RiskAssessment", Evaluation),
        ("Composition", Chart),
        ("FamilyMemberHistory", Chart),
        ("DocumentReference", Other),
        ("Patient", Other),
        ("Organization", Other),
        ("Encounter", Other),
        ("Coverage", Other),
        ("StructureDefinition", Other),
        ("Basic", Other),
    ] {
        assert_eq!(category(&resource(kind, "")), expected, "{kind}");
    }
}

#[test]
fn a_document_is_known_by_code_whatever_its_system_or_by_either_profile() {
    let document = |bundle_profile: &str, composition_profile: &str, system: &str, code: &str| {
        format!(
            r#"{{"resourceType":"Bundle","meta":{{"profile":["{bundle_profile}"]}},"type":"document","entry":[{{"resource":
            {{"resourceType":"Composition","meta":{{"profile":["{composition_profile}"]}},"type":{{"coding":[{{{system}"code":"{code}"}}]}}}}}}]}}"#
        )
    };
    let systems = [
        r#""system":"http://loinc.org","#,
        r#""system":"https://loinc.org/","#,
        r#""system":"urn:oid:2.16.840.1.113883.6.1","#,
        r#""system":"http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes","#,
        "",
    ];
    for (name, code, expected) in [
        ("eReferral", "57133-1", Referral),
        ("eDischargeSummary", "18842-5", DischargeSummary),
        ("eCheckupGeneral", "53576-5", CheckUp),
        ("eCheckupGeneral", "JPGCHKUP01", CheckUp),
    ] {
        for system in systems {
            assert_eq!(category(&document("", "", system, code)), expected, "{system}{code}");
        }
        let bundle = format!("http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_{name}|1.5.3");
        let composition = format!("http://jpfhir.jp/fhir/{name}/StructureDefinition/JP_Composition_{name}");
        assert_eq!(category(&document(&bundle, "", "", "x")), expected);
        assert_eq!(category(&document("", &composition, "", "x")), expected);
        let alone = resource("Composition", &format!(r#""type":{{"coding":[{{"code":"{code}"}}]}}"#));
        assert_eq!(category(&alone), expected, "a Composition without its Bundle");
    }
    assert_eq!(category(&document("", "", "", "11506-3")), Chart);
    assert_eq!(category(&document("", "", "", "99999-9")), Other);
}

#[test]
fn an_allergy_to_a_drug_is_a_drug_contraindication() {
    for (categories, expected) in [
        ("[\"food\"]", Allergy),
        ("[\"environment\"]", Allergy),
        ("[]", Allergy),
        ("[\"medication\"]", DrugContraindication),
        ("[\"food\",\"medication\"]", DrugContraindication),
        ("[\"biologic\"]", DrugContraindication),
        ("\"medication\"", DrugContraindication),
    ] {
        let text = resource("AllergyIntolerance", &format!(r#""category":{categories}"#));
        assert_eq!(category(&text), expected, "{categories}");
    }
}

#[test]
fn laboratory_tests_are_told_by_their_code_system_and_analyte() {
    let core = "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_CoreLabo_CS";
    let core_11 = "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC11/JP_CLINS_ObsLabResult_CoreLabo_CS";
    let core_short = "http://jpfhir.jp/fhir/clins/CodeSystem/JP_CLINS_ObsLabResult_CoreLabo_CS|1.0";
    let infection = "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC10/JP_CLINS_ObsLabResult_InfectionLabo_CS";
    let profile = "http://jpfhir.jp/fhir/eCS/StructureDefinition/JP_Observation_LabResult_eCS|1.5.3";
    for (system, code, profile, expected) in [
        (core, "3F077000002327101", "", LifestyleTest),
        (core, "3D046000001906202", profile, LifestyleTest),
        (core_short, "3F015000002327101", "", LifestyleTest),
        (core, "5H010000001910111", "", EmergencyTest),
        (core, "3H015000002326101", "", EmergencyTest),
        (core_11, "AB123", "", EmergencyTest),
        (infection, "5F016149002302711", "", Infection),
        ("urn:oid:1.2.392.200119.4.504", "5E075000002302711", "", Infection),
        ("http://medis.or.jp/CodeSystem/master-JLAC10-17digits", "5F360000002302711", "", Infection),
        ("http://loinc.org", "5196-1", "", Infection),
        ("urn:oid:1.2.392.200119.4.504", "3F077000002327101", profile, LifestyleTest),
        ("urn:oid:1.2.392.200119.4.504", "2A990000001930952", profile, EmergencyTest),
        ("urn:oid:1.2.392.200119.4.504", "5D305000002302711", profile, TestResult),
        ("urn:oid:1.2.392.200119.4.504", "3F077000002327101", "", TestResult),
        ("http://loinc.org", "18262-6", "", TestResult),
        ("http://loinc.org", "8480-6", "", VitalSigns),
        ("http://loinc.org", "55423-8", "http://jpfhir.jp/fhir/phr/StructureDefinition/X", PersonalHealthRecord),
        ("http://loinc.org", "x", "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_VitalSigns", VitalSigns),
    ] {
        assert_eq!(category(&observation(system, code, profile)), expected, "{system} {code} {profile}");
    }
}

#[test]
fn who_recorded_an_observation_counts_before_what_it_measures() {
    let vital = r#""category":[{"coding":[{"code":"vital-signs"}]}]"#;
    for (performer, expected) in [
        ("", VitalSigns),
        (r#","performer":[{"reference":"Practitioner/1"}]"#, VitalSigns),
        (r#","performer":[{"reference":"Patient/1"}]"#, SelfRecorded),
        (r#","performer":[{"reference":"http://x.example/fhir/RelatedPerson/1/_history/2"}]"#, SelfRecorded),
        (r#","performer":[{"reference":"urn:uuid:5","type":"Patient"}]"#, SelfRecorded),
        (r#","performer":[{"reference":"Patient/1"},{"reference":"Practitioner/1"}]"#, VitalSigns),
    ] {
        assert_eq!(category(&resource("Observation", &format!("{vital}{performer}"))), expected, "{performer}");
    }
    let by_a_nurse = resource("QuestionnaireResponse", r#""author":{"reference":"Practitioner/1"}"#);
    assert_eq!(category(&by_a_nurse), Chart);
}

#[test]
fn files_and_references_to_files_have_the_category_of_what_they_hold() {
    let reference = |media_type: &str| {
        resource("DocumentReference", &format!(r#""content":[{{"attachment":{{"contentType":"{media_type}","url":"x"}}}}]"#))
    };
    assert_eq!(category(&reference("image/jpeg")), Image);
    assert_eq!(category(&reference("application/dicom")), Image);
    assert_eq!(category(&reference("application/pdf")), Other);
    let typed = resource("DocumentReference", r#""type":{"coding":[{"system":"http://loinc.org","code":"18842-5"}]}"#);
    assert_eq!(category(&typed), DischargeSummary);
    assert_eq!(items(&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..])[0].category, Image);
    assert_eq!(items(&b"%PDF-1.4\n"[..])[0].category, Other);
    assert_eq!(items(&b"MSH|^~\\&|LAB\r"[..])[0].media_type, "x-application/hl7-v2+er7");
    assert_eq!(items(&b"PK\x03\x04 what a bomb"[..])[0].media_type, "application/zip", "kept as it is, and never opened");
}

const TAG: &str = "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication";

fn tagged(system: &str, code: &str) -> String {
    format!(r#""meta":{{"tag":[{{"system":"{system}","code":"{code}"}}]}}"#)
}

#[test]
fn flags_come_from_tags_however_the_list_is_written() {
    let none = ProviderFlags::default();
    for (system, code, expected) in [
        (TAG, "UNINFORMED", ProviderFlags::UNINFORMED),
        (TAG, "UNDELIVERED", ProviderFlags::UNDELIVERED),
        ("http:/jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication", "UNINFORMED", ProviderFlags::UNINFORMED),
        ("http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication|1.0", "uninformed", ProviderFlags::UNINFORMED),
        (TAG, "LTS", none),
        ("http://example.org/other", "UNINFORMED", none),
    ] {
        let found = items(resource("Condition", &tagged(system, code)));
        assert_eq!(found[0].flags, expected, "{system} {code}");
    }
    let without_system = resource("Condition", r#""meta":{"tag":[{"code":"UNDELIVERED"}]}"#);
    assert_eq!(items(without_system)[0].flags, ProviderFlags::UNDELIVERED);
}

#[test]
fn a_flag_holds_for_all_that_it_stands_above_and_for_the_document_it_stands_in() {
    let (uninformed, undelivered) = (tagged(TAG, "UNINFORMED"), tagged(TAG, "UNDELIVERED"));
    let collection = format!(
        r#"{{"resourceType":"Bundle",{uninformed},"type":"collection","entry":[{{"resource":{{"resourceType":"Condition",{undelivered}}}}},
        {{"resource":{{"resourceType":"Procedure"}}}}]}}"#
    );
    let found: Vec<_> = items(collection).iter().map(|item| item.flags.0).collect();
    assert_eq!(found, [3, 1]);
    let document = |composition: &str, inside: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"document","entry":[{{"resource":{{"resourceType":"Composition"{composition}}}}},
            {{"resource":{{"resourceType":"Condition"{inside}}}}}]}}"#
        )
    };
    assert_eq!(items(document(&format!(",{undelivered}"), ""))[0].flags.0, 2);
    assert_eq!(items(document("", &format!(",{uninformed}")))[0].flags.0, 1);
    let contained = format!(r#","contained":[{{"resourceType":"Observation",{uninformed}}}]"#);
    assert_eq!(items(document("", &contained))[0].flags.0, 1);
}

#[test]
fn a_flag_in_a_format_that_is_not_told_apart_is_not_lost() {
    let xml = format!(
        r#"<Condition xmlns="http://hl7.org/fhir"><meta><tag><system value="{TAG}"/><code value="UNINFORMED"/></tag></meta></Condition>"#
    );
    let found = items(xml);
    assert_eq!((found[0].flags, found[0].category), (ProviderFlags::UNINFORMED, Other));
}
