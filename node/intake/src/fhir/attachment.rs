//! Files inside FHIR JSON: `Binary` and every `Attachment`. Their base64 is checked where it stands and never decoded here.

use base64::Engine;
use bytes::Bytes;

use crate::item::{Attachment, Content};
use crate::json::{Node, Step, pointer, position};
use crate::media;
use crate::problem::{Kind, Place, Problem};

/// The files in `node`, which stands at `path`. `resolved` tells whether a reference leads to something inside the same payload.
pub(crate) fn of<'a>(
    node: &Node<'a>,
    path: &[Step<'a>],
    text: &'a str,
    input: &Bytes,
    resolved: &dyn Fn(&str) -> bool,
) -> Result<Vec<Attachment>, Problem> {
    let mut found = Vec::new();
    let mut broken = None;
    node.walk(&mut path.to_vec(), &mut |node, path| {
        if broken.is_some() {
            return;
        }
        match file_at(node, path, text, input, resolved) {
            Ok(Some(attachment)) => found.push(attachment),
            Ok(None) => {}
            Err(problem) => broken = Some(problem),
        }
        if node.text("resourceType") == Some("ImagingStudy") {
            found.extend(instances(node, path));
        }
    });
    broken.map_or(Ok(found), Err)
}

/// `contentType` with `data` or `url` is an Attachment, or a Binary.
fn file_at<'a>(
    node: &Node<'a>,
    path: &[Step<'a>],
    text: &'a str,
    input: &Bytes,
    resolved: &dyn Fn(&str) -> bool,
) -> Result<Option<Attachment>, Problem> {
    let (declared, data, url) = (node.text("contentType"), node.get("data"), node.text("url"));
    if declared.is_none() && node.text("resourceType") != Some("Binary") {
        return Ok(None);
    }
    let Some(data) = data else {
        let Some(url) = url.filter(|url| !resolved(url)) else { return Ok(None) };
        let media_type = declared.unwrap_or(media::UNKNOWN).to_owned();
        return Ok(Some(Attachment { media_type, pointer: pointer(path), content: Content::Reference(url.to_owned()) }));
    };
    let inside: Vec<_> = path.iter().cloned().chain([Step::Key("data".into())]).collect();
    let place = |at: usize| match data.as_text().and_then(|data| position(text, data)) {
        Some(start) => Place::within(text.as_bytes(), start + at).at(pointer(&inside)),
        None => Place::default().at(pointer(&inside)),
    };
    let broken =
        |at, what| Problem::new(Kind::Attachment, place(at), what, "send the attachment again, in standard base64 with padding");
    let data = data.as_text().ok_or_else(|| broken(0, "an attachment's data is not a text of base64"))?;
    let (size, head) = check(data).map_err(|at| broken(at, "an attachment's base64 is broken"))?;
    let start = base64::engine::general_purpose::STANDARD_NO_PAD.decode(head).unwrap_or_default();
    let media_type = media::by_content(&start).map(str::to_owned).or(declared.map(str::to_owned));
    let base64 = match position(text, data) {
        // The text is the end of the input: a byte order mark may stand before it.
        Some(at) => input.slice(input.len() - text.len() + at..input.len() - text.len() + at + data.len()),
        None => Bytes::copy_from_slice(data.as_bytes()),
    };
    let media_type = media_type.unwrap_or_else(|| media::UNKNOWN.to_owned());
    Ok(Some(Attachment { media_type, pointer: pointer(&inside), content: Content::Inline { base64, size } }))
}

/// The decoded size and the first characters, or where the base64 breaks.
fn check(data: &str) -> Result<(u64, Vec<u8>), usize> {
    let (mut digits, mut padding, mut head) = (0u64, 0u64, Vec::new());
    for (at, byte) in data.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {
                digits += 1;
                if head.len() < HEAD {
                    head.push(byte);
                }
            }
            b'=' if padding < 2 => padding += 1,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => return Err(at),
        }
    }
    if (digits + padding) % 4 != 0 || digits % 4 == 1 {
        return Err(data.len());
    }
    head.truncate(head.len() / 4 * 4);
    Ok((digits * 3 / 4, head))
}

/// Enough to tell a file by its content: 300 bytes.
const HEAD: usize = 400;

/// An imaging study's instances, by their UIDs.
fn instances<'a>(study: &Node<'a>, path: &[Step<'a>]) -> Vec<Attachment> {
    let series = study.each("series").enumerate();
    series
        .flat_map(|(place, series)| series.each("instance").enumerate().map(move |(at, instance)| (place, at, instance)))
        .filter_map(|(series, at, instance)| {
            let uid = instance.text("uid")?;
            let uid = uid.strip_prefix("urn:oid:").unwrap_or(uid);
            Some(Attachment {
                media_type: media::DICOM.to_owned(),
                pointer: format!("{}/series/{series}/instance/{at}", pointer(path)),
                content: Content::Reference(format!("urn:oid:{uid}")),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_measured_without_decoding_it() {
        for (text, size) in [("", 0), ("aGk=", 2), ("aGkh", 3), ("aA==", 1), (" aG\r\nkh ", 3)] {
            assert_eq!(check(text).map(|(size, _)| size), Ok(size), "{text}");
        }
    }

    #[test]
    fn broken_base64_is_told_with_its_position() {
        for (text, at) in [("aGk", 3), ("aG*h", 2), ("a===", 3), ("aA==aA==", 4), ("aGkhA", 5), ("aG-_", 2)] {
            assert_eq!(check(text).map(|(size, _)| size), Err(at), "{text}");
        }
    }
}
