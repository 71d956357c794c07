//! DICOM: what is read, what is stepped over, and what is refused.

use inro_contracts::category::Category;
use inro_intake::{Hint, Kind, Limits, Payload, read, read_from};

use crate::{items, problem, take};

const SAMPLE: &[u8] = include_bytes!("../../../tests/samples/e-medical-centre/images/ct-head-001.dcm");

#[test]
fn a_dicom_file_says_what_it_is_and_whose() {
    let found = items(SAMPLE);
    let item = &found[0];
    assert_eq!((item.category, item.media_type.as_str()), (Category::Image, "application/dicom"));
    assert_eq!(item.payload.to_bytes().as_deref(), Some(SAMPLE));
    let dicom = item.description.dicom.as_ref().expect("it is DICOM");
    assert_eq!((dicom.modality.as_deref(), dicom.rows, dicom.columns), (Some("CT"), Some(32), Some(32)));
    assert!(dicom.study.as_ref().is_some_and(|study| study.starts_with("2.25.")));
    assert_eq!(item.description.date.as_deref(), Some("2025-04-18"));
    assert_eq!(item.description.patients[0].value, "E0042193");
    assert_eq!(item.description.patients[0].system, "urn:oid:1.2.392.100495.20.3.51.11410000033");
}

#[test]
fn a_source_is_not_held_and_its_item_names_the_range() {
    let found = read_from(&mut std::io::Cursor::new(SAMPLE), &Hint::default(), &Limits::default()).expect("it is sound");
    assert!(matches!(&found.items[0].payload, Payload::Source(range) if *range == (0..SAMPLE.len() as u64)));
    let mut copied = Vec::new();
    found.items[0].payload.write_to(&mut std::io::Cursor::new(SAMPLE), &mut copied).expect("it is there");
    assert_eq!(copied, SAMPLE);
    assert_eq!(found.items[0].sha256, items(SAMPLE)[0].sha256);
}

#[test]
fn a_dicom_file_cut_anywhere_after_its_mark_is_refused_with_the_byte() {
    for end in 133..SAMPLE.len() {
        match take(SAMPLE[..end].to_vec()) {
            Err(found) => {
                assert!(matches!(found.kind, Kind::Truncated | Kind::Dicom), "{end}: {found}");
                assert!(found.place.offset.is_some_and(|at| at <= end as u64), "{end}: {found}");
            }
            // Cut between two elements, a file looks complete: DICOM has no end mark.
            Ok(found) => assert_eq!(found.items.len(), 1),
        }
    }
    let found = problem(SAMPLE[..SAMPLE.len() - 1].to_vec());
    assert_eq!(found.kind, Kind::Truncated);
}

/// Explicit little-endian: an element of undefined length, or one with a value.
fn element(group: u16, element: u16, vr: &[u8; 2], value: Option<&[u8]>) -> Vec<u8> {
    let mut all = [group.to_le_bytes(), element.to_le_bytes(), *vr].concat();
    match value {
        None => all.extend([0, 0, 0xff, 0xff, 0xff, 0xff]),
        Some(value) => {
            all.extend((value.len() as u16).to_le_bytes());
            all.extend(value);
        }
    }
    all
}

const ITEM: [u8; 8] = [0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff];
const ITEM_END: [u8; 8] = [0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0];
const SEQUENCE_END: [u8; 8] = [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0];

#[test]
fn sequences_without_lengths_are_stepped_over_and_their_values_are_not_taken_for_the_object_s() {
    let mut file = element(8, 0x0060, b"CS", Some(b"US"));
    file.extend(element(8, 0x1140, b"SQ", None));
    file.extend(ITEM);
    file.extend(element(0x10, 0x0020, b"LO", Some(b"WRONG1")));
    file.extend(element(8, 0x1115, b"SQ", None));
    file.extend(SEQUENCE_END);
    file.extend(ITEM_END);
    file.extend(SEQUENCE_END);
    file.extend(element(0x10, 0x0020, b"LO", Some(b"RIGHT1")));
    let found = items(file);
    let numbers: Vec<_> = found[0].description.patients.iter().map(|patient| patient.value.as_str()).collect();
    assert_eq!(numbers, ["RIGHT1"]);
}

#[test]
fn sequences_nested_ten_thousand_deep_are_refused() {
    let mut file = element(8, 0x0060, b"CS", Some(b"US"));
    for _ in 0..10_000 {
        file.extend(element(8, 0x1140, b"SQ", None));
        file.extend(ITEM);
    }
    assert_eq!(problem(file).kind, Kind::TooDeep);
}

#[test]
fn an_element_that_claims_four_gigabytes_is_refused_and_nothing_is_set_aside_for_it() {
    let mut file = element(8, 0x0060, b"CS", Some(b"US"));
    file.extend([0xe0, 0x7f, 0x10, 0x00, b'O', b'W', 0, 0, 0xfe, 0xff, 0xff, 0xff]);
    let found = problem(file);
    assert_eq!((found.kind, found.place.offset), (Kind::Truncated, Some(10)));
}

#[test]
fn a_file_with_more_elements_than_the_limit_is_refused() {
    let file: Vec<u8> = (0..100).flat_map(|_| element(8, 0x0060, b"CS", Some(b"US"))).collect();
    let limits = Limits { elements_max: 50, ..Limits::default() };
    assert_eq!(read(file.into(), &Hint::default(), &limits).err().map(|found| found.kind), Some(Kind::TooMany));
}

#[test]
fn a_deflated_file_is_kept_and_not_opened() {
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    file.extend(element(2, 0x0010, b"UI", Some(b"1.2.840.10008.1.2.1.99")));
    file.extend([0x4b; 64]);
    let found = items(file);
    assert_eq!(found[0].media_type, "application/dicom");
    assert!(found[0].description.patients.is_empty());
}
