//! A FHIR resource's category: from its profile, its codes and its type, in the order that `docs/spec/intake.md` gives. What is
//! not known is [`Category::Other`].

use inro_contracts::category::Category;

use crate::json::Node;

/// The category of a document: by its Composition's type, else by its Composition's profile, else by the Bundle's.
pub(crate) fn of_document(bundle: &Node<'_>) -> Category {
    let composition = bundle
        .each("entry")
        .filter_map(|entry| entry.get("resource"))
        .find(|resource| resource.text("resourceType") == Some("Composition"));
    composition
        .and_then(|composition| by_document_type(composition.get("type")).or_else(|| by_document_profile(composition)))
        .or_else(|| by_document_profile(bundle))
        .unwrap_or(Category::Other)
}

/// The category of one resource.
pub(crate) fn of_resource(resource: &Node<'_>) -> Category {
    if profiles(resource).any(|profile| profile.contains("/phr/")) {
        return Category::PersonalHealthRecord;
    }
    match resource.text("resourceType").unwrap_or_default() {
        "Composition" | "DocumentManifest" => {
            by_document_type(resource.get("type")).or_else(|| by_document_profile(resource)).unwrap_or(Category::Chart)
        }
        "DocumentReference" => document_reference(resource),
        "Condition" => Category::Diagnosis,
        "AllergyIntolerance" => allergy(resource),
        "Observation" => observation(resource),
        "MedicationRequest" | "VisionPrescription" => Category::Prescription,
        "MedicationDispense" => Category::Dispensing,
        "MedicationStatement" => by_person(resource, "informationSource").unwrap_or(Category::TreatmentHistory),
        "MedicationAdministration" | "Procedure" | "Immunization" | "DeviceUseStatement" | "EpisodeOfCare" => {
            Category::TreatmentHistory
        }
        "DiagnosticReport" | "MolecularSequence" => Category::TestResult,
        "ImagingStudy" => Category::Image,
        "Media" => media(resource),
        "Binary" => resource.text("contentType").map_or(Category::Other, of_media_type),
        "QuestionnaireResponse" => answers(resource),
        "CarePlan" | "Goal" | "ServiceRequest" | "RequestGroup" | "NutritionOrder" | "ImmunizationRecommendation" => {
            Category::Plan
        }
        "ClinicalImpression" | "RiskAssessment" | "DetectedIssue" => Category::Evaluation,
        "FamilyMemberHistory" | "Communication" => Category::Chart,
        _ => Category::Other,
    }
}

/// The category of a file that is not FHIR.
pub(crate) fn of_media_type(media_type: &str) -> Category {
    if media_type.starts_with("image/") || media_type == "application/dicom" { Category::Image } else { Category::Other }
}

/// Documents by code. The codes are LOINC's; senders write them with LOINC's system, with its OID, with the Japanese list of
/// document types, or without any, so the system is not asked for.
const DOCUMENT_TYPES: [(&str, Category); 29] = [
    ("57133-1", Category::Referral),
    ("18842-5", Category::DischargeSummary),
    ("11490-0", Category::DischargeSummary),
    ("28655-9", Category::DischargeSummary),
    ("34105-7", Category::DischargeSummary),
    ("34745-0", Category::DischargeSummary),
    ("53576-5", Category::CheckUp),
    ("JPGCHKUP01", Category::CheckUp),
    ("57833-6", Category::Prescription),
    ("60590-7", Category::Dispensing),
    ("60593-1", Category::Dispensing),
    ("11502-2", Category::TestResult),
    ("11526-1", Category::TestResult),
    ("18748-4", Category::TestResult),
    ("11503-0", Category::Chart),
    ("11506-3", Category::Chart),
    ("34108-1", Category::Chart),
    ("34109-9", Category::Chart),
    ("34117-2", Category::Chart),
    ("34746-8", Category::Chart),
    ("34111-5", Category::Chart),
    ("11488-4", Category::Evaluation),
    ("51848-0", Category::Evaluation),
    ("11504-8", Category::TreatmentHistory),
    ("28570-0", Category::TreatmentHistory),
    ("11369-6", Category::TreatmentHistory),
    ("10160-0", Category::TreatmentHistory),
    ("18776-5", Category::Plan),
    ("52521-2", Category::Plan),
];

/// The last part of a document profile's URL.
const DOCUMENT_PROFILES: [(&str, Category); 6] = [
    ("JP_Composition_eReferral", Category::Referral),
    ("JP_Bundle_eReferral", Category::Referral),
    ("JP_Composition_eDischargeSummary", Category::DischargeSummary),
    ("JP_Bundle_eDischargeSummary", Category::DischargeSummary),
    ("JP_Composition_eCheckupGeneral", Category::CheckUp),
    ("JP_Bundle_eCheckupGeneral", Category::CheckUp),
];

const CORE_LABO: &str = "JP_CLINS_ObsLabResult_CoreLabo_CS";
const INFECTION_LABO: &str = "JP_CLINS_ObsLabResult_InfectionLabo_CS";

/// JLAC10's analytes (the first five characters) that the check-ups for lifestyle diseases look at: lipids, glucose, HbA1c, uric
/// acid, AST, ALT, γ-GT, creatinine, cystatin C, eGFR, protein, albumin and sugar in urine.
const LIFESTYLE: [&str; 18] = [
    "1A010", "1A015", "1A020", "3B035", "3B045", "3B090", "3C015", "3C016", "3C020", "3D010", "3D045", "3D046", "3F015", "3F050",
    "3F069", "3F070", "3F077", "8A065",
];

/// JLAC10 analytes, or the beginnings of them, that tell something in an emergency: blood count, coagulation, proteins, enzymes,
/// urea, electrolytes, bilirubin, CRP, natriuretic peptides, blood groups, blood and ketones in urine.
const EMERGENCY: [&str; 12] = ["1A060", "1A100", "2A", "2B", "3A", "3B", "3C025", "3H", "3J", "4Z27", "5C070", "5H0"];

/// JLAC10: 5E tests for infections other than by viruses, 5F for those by viruses.
const INFECTION: [&str; 2] = ["5E", "5F"];

/// LOINC: hepatitis B surface antigen and antibody, hepatitis C antibody and RNA, HIV, syphilis.
const INFECTION_LOINC: [&str; 16] = [
    "5195-3", "5196-1", "63557-3", "16935-9", "22322-2", "16128-1", "13955-0", "11259-9", "7918-6", "56888-1", "75622-1",
    "31201-7", "20507-0", "20508-8", "24110-9", "22587-0",
];

const VITAL_SIGNS_LOINC: [&str; 16] = [
    "85353-1", "85354-9", "8480-6", "8462-4", "8478-0", "8867-4", "9279-1", "8310-5", "2708-6", "59408-5", "29463-7", "3141-9",
    "8302-2", "39156-5", "9843-4", "8716-3",
];

fn by_document_type(concept: Option<&Node<'_>>) -> Option<Category> {
    concept?.each("coding").find_map(|coding| {
        let code = coding.text("code")?;
        DOCUMENT_TYPES.iter().find(|(known, _)| *known == code).map(|(_, category)| *category)
    })
}

fn by_document_profile(resource: &Node<'_>) -> Option<Category> {
    profiles(resource).find_map(|profile| {
        DOCUMENT_PROFILES.iter().find(|(known, _)| *known == last_part(profile)).map(|(_, category)| *category)
    })
}

fn allergy(resource: &Node<'_>) -> Category {
    // Biologics are drugs: the Japanese list keeps them with the drug contraindications.
    let drug = resource.each("category").filter_map(Node::as_text).any(|code| code == "medication" || code == "biologic");
    if drug { Category::DrugContraindication } else { Category::Allergy }
}

fn observation(resource: &Node<'_>) -> Category {
    let codings = || resource.get("code").into_iter().flat_map(|code| code.each("coding"));
    let system_is = |coding: &Node<'_>, name| coding.text("system").is_some_and(|system| last_part(system) == name);
    if codings().any(|coding| system_is(coding, INFECTION_LABO)) {
        return Category::Infection;
    }
    if let Some(core) = codings().find(|coding| system_is(coding, CORE_LABO)) {
        // Every code of this list is one of the two kinds; what is not of the first is taken for the second.
        let lifestyle = core.text("code").is_some_and(|code| begins(code, &LIFESTYLE));
        return if lifestyle { Category::LifestyleTest } else { Category::EmergencyTest };
    }
    if codings().any(is_infection) {
        return Category::Infection;
    }
    if profiles(resource).any(|profile| last_part(profile) == "JP_Observation_LabResult_eCS") {
        return codings()
            .filter(|coding| is_jlac10(coding))
            .find_map(|coding| analyte(coding.text("code")?))
            .unwrap_or(Category::TestResult);
    }
    by_person(resource, "performer").unwrap_or_else(|| observation_by_category(resource))
}

fn observation_by_category(resource: &Node<'_>) -> Category {
    let categories =
        || resource.each("category").flat_map(|concept| concept.each("coding")).filter_map(|coding| coding.text("code"));
    let codes = || resource.get("code").into_iter().flat_map(|code| code.each("coding")).filter_map(|coding| coding.text("code"));
    let profiled = |name: &str| profiles(resource).any(|profile| last_part(profile).to_ascii_lowercase().contains(name));
    if categories().any(|code| code == "vital-signs") || profiled("vitalsign") {
        return Category::VitalSigns;
    }
    if categories().any(|code| code == "social-history" || code == "exam") || profiled("socialhistory") {
        return Category::Chart;
    }
    if categories().next().is_none() && codes().any(|code| VITAL_SIGNS_LOINC.contains(&code)) {
        return Category::VitalSigns;
    }
    Category::TestResult
}

/// What the person, or a relative, did is self-recorded: every one of `key`'s references is to such a person.
fn by_person(resource: &Node<'_>, key: &str) -> Option<Category> {
    let mut any = false;
    let all = resource.each(key).all(|reference| {
        any = true;
        reference
            .text("type")
            .or_else(|| reference.text("reference").and_then(type_in_reference))
            .is_some_and(is_the_persons_side)
    });
    (any && all).then_some(Category::SelfRecorded)
}

fn answers(resource: &Node<'_>) -> Category {
    let side = |key| {
        let reference = resource.get(key)?;
        reference.text("type").or_else(|| reference.text("reference").and_then(type_in_reference)).map(is_the_persons_side)
    };
    match (side("source"), side("author")) {
        (Some(false), _) | (None, Some(false)) => Category::Chart,
        _ => Category::SelfRecorded,
    }
}

fn is_the_persons_side(kind: &str) -> bool {
    kind == "Patient" || kind == "RelatedPerson"
}

/// `Patient` in `Patient/1` and in `http://example.org/fhir/Patient/1/_history/2`.
fn type_in_reference(reference: &str) -> Option<&str> {
    let versionless = reference.split("/_history/").next()?;
    versionless.rsplit('/').nth(1)
}

fn document_reference(resource: &Node<'_>) -> Category {
    let mut contents = resource.each("content").filter_map(|content| content.get("attachment")?.text("contentType")).peekable();
    let images = contents.peek().is_some() && contents.all(|media_type| of_media_type(media_type) == Category::Image);
    let noted = resource
        .each("category")
        .flat_map(|concept| concept.each("coding"))
        .any(|coding| coding.text("code") == Some("clinical-note"));
    by_document_type(resource.get("type"))
        .or_else(|| resource.each("category").find_map(|concept| by_document_type(Some(concept))))
        .or_else(|| by_document_profile(resource))
        .or(images.then_some(Category::Image))
        .or(noted.then_some(Category::Chart))
        .unwrap_or(Category::Other)
}

fn media(resource: &Node<'_>) -> Category {
    match resource.get("content").and_then(|content| content.text("contentType")) {
        Some(media_type) if media_type.starts_with("audio/") => Category::Other,
        _ => Category::Image,
    }
}

fn is_infection(coding: &Node<'_>) -> bool {
    let Some(code) = coding.text("code") else { return false };
    (is_jlac10(coding) && begins(code, &INFECTION)) || (is_loinc(coding) && INFECTION_LOINC.contains(&code))
}

fn analyte(code: &str) -> Option<Category> {
    let lifestyle = begins(code, &LIFESTYLE).then_some(Category::LifestyleTest);
    lifestyle.or_else(|| begins(code, &EMERGENCY).then_some(Category::EmergencyTest))
}

fn begins(code: &str, with: &[&str]) -> bool {
    with.iter().any(|start| code.starts_with(start))
}

fn is_jlac10(coding: &Node<'_>) -> bool {
    coding.text("system").is_some_and(|system| {
        system.contains("JLAC10") || system == "urn:oid:1.2.392.200119.4.504" || system == "urn:oid:1.2.392.200119.4.1005"
    })
}

fn is_loinc(coding: &Node<'_>) -> bool {
    coding.text("system").is_some_and(|system| {
        let system = system.to_ascii_lowercase();
        system.trim_end_matches('/').ends_with("loinc.org") || system == "urn:oid:2.16.840.1.113883.6.1" || system == "loinc"
    })
}

fn profiles<'n>(resource: &'n Node<'_>) -> impl Iterator<Item = &'n str> {
    resource.get("meta").into_iter().flat_map(|meta| meta.each("profile")).filter_map(Node::as_text)
}

/// The last part of a canonical URL, without its version.
fn last_part(url: &str) -> &str {
    let versionless = url.split('|').next().unwrap_or(url);
    versionless.trim_end_matches('/').rsplit('/').next().unwrap_or(versionless)
}
