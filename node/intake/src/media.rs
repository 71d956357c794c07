//! What a file is, by its content. A name or a declared media type only helps where the content says nothing.

use std::str;

use crate::problem::{Kind, Place, Problem};

pub(crate) const FHIR_JSON: &str = "application/fhir+json";
pub(crate) const DICOM: &str = "application/dicom";
pub(crate) const UNKNOWN: &str = "application/octet-stream";

/// How an input is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One FHIR resource.
    Json,
    /// One FHIR resource a line.
    Lines,
    /// DICOM.
    Dicom,
    /// XML, which is kept as it is but searched for the provider's flags.
    Xml(&'static str),
    /// Anything else, kept as it is.
    Other(String),
}

/// What is known of an input beside its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hint<'a> {
    /// Its file name or path.
    pub name: Option<&'a str>,
    /// The media type that came with it.
    pub media_type: Option<&'a str>,
}

/// Tells the form by the first bytes of an input.
pub(crate) fn form(head: &[u8], hint: &Hint<'_>) -> Form {
    if crate::dicom::is_dicom(head) {
        return Form::Dicom;
    }
    let text = without_mark(head);
    let called_json = hint.is_called("json");
    let called_lines = hint.is_called("ndjson") || hint.is_called("jsonl");
    if is_text(text) || charset(text).is_some() {
        if called_lines {
            return Form::Lines;
        }
        if called_json || is_json(text) {
            return if is_lines(text) { Form::Lines } else { Form::Json };
        }
        return text_form(text);
    }
    if is_utf16_json(head) {
        return Form::Json;
    }
    match by_content(head) {
        Some(known) => Form::Other(known.to_owned()),
        None if called_json || called_lines => Form::Json,
        None if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) => {
            Form::Other("text/plain; charset=utf-16".to_owned())
        }
        None => Form::Other(hint.declared().unwrap_or_else(|| UNKNOWN.to_owned())),
    }
}

/// The media type that the first bytes show.
pub(crate) fn by_content(head: &[u8]) -> Option<&'static str> {
    if crate::dicom::is_dicom(head) {
        return Some(DICOM);
    }
    infer::get(head).map(|found| found.mime_type())
}

/// The text of FHIR JSON, without a byte order mark. Only UTF-8 is read; the problem names what it seems to be.
pub(crate) fn utf8(input: &[u8]) -> Result<&str, Problem> {
    if is_utf16_json(input) || input.starts_with(&[0xff, 0xfe]) || input.starts_with(&[0xfe, 0xff]) {
        let remedy = "FHIR JSON is UTF-8: convert the file to UTF-8";
        return Err(Problem::new(Kind::Encoding, Place::byte(0), "the text is UTF-16", remedy));
    }
    let text = without_mark(input);
    str::from_utf8(text).map_err(|error| {
        let mut place = Place::within(text, error.valid_up_to());
        place.offset = Some((input.len() - text.len() + error.valid_up_to()) as u64);
        if error.error_len().is_none() {
            return Problem::new(
                Kind::Truncated,
                place,
                "the text ends in the middle of a character",
                "send the whole file again",
            );
        }
        let what = match charset(text) {
            Some(charset) => format!("the text is not UTF-8; it reads as {charset}"),
            None => "the text is not UTF-8".to_owned(),
        };
        Problem::new(Kind::Encoding, place, what, "FHIR JSON is UTF-8: convert the file to UTF-8")
    })
}

impl Hint<'_> {
    fn is_called(&self, what: &str) -> bool {
        let named = self.name.and_then(|name| name.rsplit_once('.')).is_some_and(|(_, end)| end.eq_ignore_ascii_case(what));
        let typed = self.declared().is_some_and(|declared| {
            let kind = declared.split(';').next().unwrap_or_default().trim();
            kind.rsplit(['/', '+']).next() == Some(what)
        });
        named || typed
    }

    /// The declared media type, if it has the shape of one and says something.
    fn declared(&self) -> Option<String> {
        let declared = self.media_type?.trim().to_ascii_lowercase();
        let sound = declared.len() <= 127
            && declared
                .split(';')
                .next()
                .and_then(|kind| kind.split_once('/'))
                .is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
            && declared.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (sound && declared != UNKNOWN).then_some(declared)
    }
}

fn is_token(text: &str) -> bool {
    !text.trim().is_empty() && text.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes)
}

fn after_white(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !b" \t\r\n".contains(byte)).unwrap_or(text.len());
    &text[start..]
}

/// UTF-8, but for a character that the end of the head cuts, and without control characters that no text has.
fn is_text(head: &[u8]) -> bool {
    let valid = match str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && head.len() - error.valid_up_to() < 4,
    };
    valid && !has_controls(head)
}

fn has_controls(head: &[u8]) -> bool {
    head.iter().any(|byte| *byte < 0x20 && !b"\t\n\x0b\x0c\r\x1b\x1c".contains(byte))
}

fn is_json(text: &[u8]) -> bool {
    let text = after_white(text);
    let second = |text: &[u8]| after_white(text).first().copied();
    match text.split_first() {
        Some((b'{', rest)) => matches!(second(rest), Some(b'"' | b'}') | None),
        Some((b'[', rest)) => second(rest) == Some(b'{'),
        _ => false,
    }
}

/// More than one object, each on one line.
pub(crate) fn is_lines(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let first = lines.next().is_some_and(|line| line.len() > 2 && line.starts_with(b"{") && line.ends_with(b"}"));
    first && lines.next().is_some_and(|line| line.starts_with(b"{"))
}

fn is_utf16_json(head: &[u8]) -> bool {
    let unmarked = head.strip_prefix(&[0xff, 0xfe]).or_else(|| head.strip_prefix(&[0xfe, 0xff])).unwrap_or(head);
    [[b'{', 0], [0, b'{'], [b'[', 0], [0, b'[']].iter().any(|start| unmarked.starts_with(start))
}

fn text_form(text: &[u8]) -> Form {
    let start = after_white(text);
    let other = |media_type: &str| Form::Other(media_type.to_owned());
    if start.starts_with(b"%PDF") {
        return other("application/pdf");
    }
    if start.starts_with(br"{\rtf") {
        return other("application/rtf");
    }
    if start.starts_with(b"%!PS") {
        return other("application/postscript");
    }
    let segment = start.strip_prefix(b"\x0b").unwrap_or(start);
    if [&b"MSH|"[..], b"FHS|", b"BHS|"].iter().any(|first| segment.starts_with(first)) {
        return other("x-application/hl7-v2+er7");
    }
    if start.starts_with(b"<") {
        return Form::Xml(xml_type(start));
    }
    other(match charset(text) {
        Some("ISO-2022-JP") => "text/plain; charset=iso-2022-jp",
        Some("Shift_JIS") => "text/plain; charset=shift_jis",
        Some("EUC-JP") => "text/plain; charset=euc-jp",
        _ => "text/plain; charset=utf-8",
    })
}

fn xml_type(text: &[u8]) -> &'static str {
    let head = String::from_utf8_lossy(&text[..text.len().min(4096)]);
    let root = head.split('<').skip(1).find(|tag| tag.starts_with(|first: char| first.is_alphabetic())).unwrap_or_default();
    let name = root.split(|end: char| end.is_whitespace() || end == '>' || end == '/').next().unwrap_or_default();
    match name.rsplit(':').next().unwrap_or_default() {
        _ if root.contains("http://hl7.org/fhir") => "application/fhir+xml",
        "ClinicalDocument" => "text/xml",
        "svg" => "image/svg+xml",
        "html" | "HTML" => "text/html",
        _ if head.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype html")) => "text/html",
        _ => "application/xml",
    }
}

/// Which Japanese encoding bytes that are not UTF-8 read as.
pub(crate) fn charset(text: &[u8]) -> Option<&'static str> {
    let text = &text[..text.len().min(HEAD)];
    if has_controls(text) {
        return None;
    }
    if text.is_ascii() {
        return text.windows(2).any(|pair| pair == b"\x1b$").then_some("ISO-2022-JP");
    }
    if str::from_utf8(text).is_ok() {
        return None;
    }
    let euc = |first: u8| match first {
        0xa1..=0xfe => Some((1, 0xa1..=0xfe)),
        0x8e => Some((1, 0xa1..=0xdf)),
        0x8f => Some((2, 0xa1..=0xfe)),
        _ => None,
    };
    let shift = |first: u8| match first {
        0xa1..=0xdf => Some((0, 0..=0)),
        0x81..=0x9f | 0xe0..=0xfc => Some((1, 0x40..=0xfc)),
        _ => None,
    };
    if reads_as(text, euc) {
        Some("EUC-JP")
    } else if reads_as(text, shift) {
        Some("Shift_JIS")
    } else {
        None
    }
}

/// A file is told by this many of its first bytes.
pub(crate) const HEAD: usize = 64 << 10;

/// Is every byte beyond ASCII the first of as many following ones as `lead` says?
fn reads_as(text: &[u8], lead: impl Fn(u8) -> Option<(usize, std::ops::RangeInclusive<u8>)>) -> bool {
    let mut at = 0;
    while let Some(first) = text.get(at) {
        at += 1;
        if first.is_ascii() {
            continue;
        }
        let Some((more, allowed)) = lead(*first) else { return false };
        for _ in 0..more {
            match text.get(at) {
                Some(byte) if !allowed.contains(byte) => return false,
                _ => at += 1,
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form_of(head: &[u8]) -> Form {
        form(head, &Hint::default())
    }

    #[test]
    fn content_decides_and_the_name_does_not() {
        let png = Hint { name: Some("x.png"), media_type: Some("image/png") };
        assert_eq!(form(b"{\"resourceType\":\"Patient\"}", &png), Form::Json);
        let json = Hint { name: Some("x.json"), media_type: Some("application/fhir+json") };
        assert_eq!(form(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &json), Form::Other("image/png".into()));
        assert_eq!(form(b"hello", &json), Form::Json, "the reader then says what is wrong");
    }

    #[test]
    fn every_form_is_told() {
        let other = |media_type: &str| Form::Other(media_type.to_owned());
        for (head, expected) in [
            (&b"\xef\xbb\xbf {\"a\""[..], Form::Json),
            (b"{\"a\":1}\n{\"b\":2}\n", Form::Lines),
            (b"{\n \"a\":1}\n", Form::Json),
            (b"{\0\"\0", Form::Json),
            (b"\xff\xfe{\0\"\0", Form::Json),
            (b"[{\"a\":1}]", Form::Json),
            (b"[note] seen today", other("text/plain; charset=utf-8")),
            (b"{\\rtf1 x}", other("application/rtf")),
            (b"%PDF-1.7\n", other("application/pdf")),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", other("image/jpeg")),
            (b"MSH|^~\\&|LAB\rPID|1\r", other("x-application/hl7-v2+er7")),
            (b"<?xml version=\"1.0\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>", Form::Xml("text/xml")),
            (b"<Patient xmlns=\"http://hl7.org/fhir\"/>", Form::Xml("application/fhir+xml")),
            (b"\x8a\xb3\x8e\xd2\n", other("text/plain; charset=shift_jis")),
            (b"\xb4\xb5\xbc\xd4\n", other("text/plain; charset=euc-jp")),
            (b"\x00\x01\x02\x03\x04", other(UNKNOWN)),
        ] {
            assert_eq!(form_of(head), expected, "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn a_declared_media_type_counts_only_where_the_content_says_nothing() {
        let hint = Hint { name: None, media_type: Some("application/vnd.ecg") };
        assert_eq!(form(b"\x00\x01\x02\x03", &hint), Form::Other("application/vnd.ecg".into()));
        let odd = Hint { name: None, media_type: Some("<b>Hojo</b>") };
        assert_eq!(form(b"\x00\x01\x02\x03", &odd), Form::Other(UNKNOWN.into()));
    }
}
