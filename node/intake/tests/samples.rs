//! The documents of our own making in `tests/samples`: each is taken in, and together they hold every kind that the platform names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use inro_contracts::category::Category;
use inro_contracts::record::ProviderFlags;
use inro_intake::{Content, Hint, Item, Limits, read};

pub fn files() -> BTreeMap<PathBuf, Vec<u8>> {
    fn gather(folder: &Path, to: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).expect("the samples are there").map(|entry| entry.expect("readable")) {
            if entry.path().is_dir() {
                gather(&entry.path(), to);
            } else if entry.file_name() != "README.md" {
                to.insert(entry.path(), std::fs::read(entry.path()).expect("readable"));
            }
        }
    }
    let mut files = BTreeMap::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples"), &mut files);
    files
}

fn taken() -> BTreeMap<String, Vec<Item>> {
    let one = |(path, bytes): (PathBuf, Vec<u8>)| {
        let hint = Hint { name: path.to_str(), media_type: None };
        let intake =
            read(bytes.into(), &hint, &Limits::default()).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        let facility = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a facility");
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        (format!("{facility}/{name}"), intake.items)
    };
    files().into_iter().map(one).collect()
}

#[test]
fn the_samples_hold_every_category_and_both_flags() {
    let taken = taken();
    let categories: BTreeSet<_> = taken.values().flatten().map(|item| item.category).collect();
    use Category::*;
    let all = [
        Referral,
        DischargeSummary,
        CheckUp,
        Diagnosis,
        Allergy,
        Infection,
        DrugContraindication,
        EmergencyTest,
        LifestyleTest,
        Prescription,
        Chart,
        Dispensing,
        PersonalHealthRecord,
        TreatmentHistory,
        TestResult,
        Image,
        VitalSigns,
        SelfRecorded,
        Evaluation,
        Plan,
        Other,
    ];
    assert_eq!(categories, BTreeSet::from(all));
    for flag in [ProviderFlags::UNINFORMED, ProviderFlags::UNDELIVERED] {
        assert_eq!(taken.values().flatten().filter(|item| item.flags == flag).count(), 1);
    }
}

#[test]
fn one_person_is_known_by_number_at_every_facility_though_the_name_is_written_in_two_ways() {
    let files = files();
    let written = |character: &str| files.values().filter(|bytes| String::from_utf8_lossy(bytes).contains(character)).count();
    assert!(written("北条") > 0 && written("北條") > 0);
    for (name, items) in taken().iter().filter(|(name, _)| name.ends_with("json")) {
        let known = items.iter().all(|item| {
            item.description
                .patients
                .iter()
                .any(|patient| patient.system.ends_with("JP_Insurance_memberID") && patient.value == "00999999:鎌倉:1185:01")
        });
        assert!(known, "{name}");
    }
}

#[test]
fn the_discharge_summary_carries_its_key_image_and_names_its_dicom_instance() {
    let taken = taken();
    let summary = &taken["e-medical-centre/discharge-summary.json"][0];
    let image = summary.attachments[..].iter().find(|found| found.media_type == "image/png").expect("a key image");
    let file = &taken["images/ct-key-image.png"][0];
    assert_eq!(image.bytes(), file.payload.to_bytes().map(|bytes| bytes.to_vec()));
    let instance =
        taken["images/ct-head-001.dcm"][0].description.dicom.as_ref().and_then(|dicom| dicom.instance.clone()).expect("a UID");
    let named = format!("urn:oid:{instance}");
    assert!(summary.attachments.iter().any(|found| matches!(&found.content, Content::Reference(url) if *url == named)));
}
