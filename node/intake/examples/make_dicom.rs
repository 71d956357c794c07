//! Writes the small computed-tomography image of the samples: a disc in a frame, nobody's body.
//! `cargo run -p inro-intake --example make_dicom -- tests/samples/e-medical-centre/images/ct-head-001.dcm`

use std::io::{self, Write};

use dicom_core::{DataElementHeader, Length, Tag, VR};
use dicom_encoding::encode::Encode;
use dicom_encoding::encode::explicit_le::ExplicitVRLittleEndianEncoder;

const SIDE: u16 = 32;
const CLASS: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
/// UIDs under 2.25 belong to whoever draws them as a UUID.
const STUDY: &str = "2.25.246813579024681357902468135790246801";
const SERIES: &str = "2.25.246813579024681357902468135790246802";
const INSTANCE: &str = "2.25.246813579024681357902468135790246803";

fn main() -> io::Result<()> {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("name the file to write");
        std::process::exit(2);
    };
    let mut meta = Vec::new();
    bytes(&mut meta, (0x0002, 0x0001), VR::OB, &[0, 1])?;
    text(&mut meta, (0x0002, 0x0002), VR::UI, CLASS)?;
    text(&mut meta, (0x0002, 0x0003), VR::UI, INSTANCE)?;
    text(&mut meta, (0x0002, 0x0010), VR::UI, EXPLICIT_LITTLE)?;
    text(&mut meta, (0x0002, 0x0012), VR::UI, "2.25.246813579024681357902468135790246800")?;

    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM");
    bytes(&mut file, (0x0002, 0x0000), VR::UL, &(meta.len() as u32).to_le_bytes())?;
    file.extend_from_slice(&meta);
    text(&mut file, (0x0008, 0x0005), VR::CS, "ISO_IR 192")?;
    text(&mut file, (0x0008, 0x0016), VR::UI, CLASS)?;
    text(&mut file, (0x0008, 0x0018), VR::UI, INSTANCE)?;
    text(&mut file, (0x0008, 0x0020), VR::DA, "20250418")?;
    text(&mut file, (0x0008, 0x0030), VR::TM, "101500")?;
    text(&mut file, (0x0008, 0x0050), VR::SH, "E2025041801")?;
    text(&mut file, (0x0008, 0x0060), VR::CS, "CT")?;
    text(&mut file, (0x0008, 0x0090), VR::PN, "")?;
    text(&mut file, (0x0010, 0x0010), VR::PN, "HOJO^CHIHARU=北条^千春=ほうじょう^ちはる")?;
    text(&mut file, (0x0010, 0x0020), VR::LO, "E0042193")?;
    text(&mut file, (0x0010, 0x0021), VR::LO, "urn:oid:1.2.392.100495.20.3.51.11410000033")?;
    text(&mut file, (0x0010, 0x0030), VR::DA, "19680503")?;
    text(&mut file, (0x0010, 0x0040), VR::CS, "F")?;
    text(&mut file, (0x0018, 0x0015), VR::CS, "HEAD")?;
    text(&mut file, (0x0020, 0x000d), VR::UI, STUDY)?;
    text(&mut file, (0x0020, 0x000e), VR::UI, SERIES)?;
    text(&mut file, (0x0020, 0x0010), VR::SH, "1")?;
    text(&mut file, (0x0020, 0x0013), VR::IS, "1")?;
    short(&mut file, (0x0028, 0x0002), 1)?;
    text(&mut file, (0x0028, 0x0004), VR::CS, "MONOCHROME2")?;
    short(&mut file, (0x0028, 0x0010), SIDE)?;
    short(&mut file, (0x0028, 0x0011), SIDE)?;
    for (element, value) in [(0x0100, 16), (0x0101, 12), (0x0102, 11), (0x0103, 0)] {
        short(&mut file, (0x0028, element), value)?;
    }
    text(&mut file, (0x0028, 0x1052), VR::DS, "-1024")?;
    text(&mut file, (0x0028, 0x1053), VR::DS, "1")?;
    bytes(&mut file, (0x7fe0, 0x0010), VR::OW, &pixels())?;
    std::fs::write(path, file)
}

/// A bright ring, a grey disc, and one spot.
fn pixels() -> Vec<u8> {
    let middle = i32::from(SIDE) / 2;
    let value = |row: i32, column: i32| -> u16 {
        match (row - middle).pow(2) + (column - middle).pow(2) {
            _ if (row - 12).pow(2) + (column - 20).pow(2) <= 4 => 1120,
            0..=121 => 1060,
            122..=169 => 2000,
            _ => 24,
        }
    };
    (0..i32::from(SIDE)).flat_map(|row| (0..i32::from(SIDE)).flat_map(move |column| value(row, column).to_le_bytes())).collect()
}

fn text(to: &mut Vec<u8>, tag: (u16, u16), vr: VR, value: &str) -> io::Result<()> {
    let mut value = value.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == VR::UI { 0 } else { b' ' });
    }
    bytes(to, tag, vr, &value)
}

fn short(to: &mut Vec<u8>, tag: (u16, u16), value: u16) -> io::Result<()> {
    bytes(to, tag, VR::US, &value.to_le_bytes())
}

fn bytes(to: &mut Vec<u8>, (group, element): (u16, u16), vr: VR, value: &[u8]) -> io::Result<()> {
    let header = DataElementHeader::new(Tag(group, element), vr, Length(value.len() as u32));
    let encoder = ExplicitVRLittleEndianEncoder::default();
    encoder.encode_element_header(&mut *to, header).map_err(io::Error::other)?;
    to.write_all(value)
}
