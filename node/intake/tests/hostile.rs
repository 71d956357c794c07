//! Broken and hostile input: a clear word with the place, and never the input's own words.

use inro_intake::{Hint, Kind, Limits, read};

use crate::{items, problem, take};

fn with(change: impl Fn(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// Its name, the input, and what is told of it: kind, pointer, line.
type Case = (&'static str, Vec<u8>, Kind, Option<&'static str>, Option<usize>);

#[test]
fn every_kind_of_broken_input_is_told_by_kind_and_place() {
    let cases: Vec<Case> = vec![
        ("empty", b"".to_vec(), Kind::Empty, None, None),
        ("truncated", b"{\"resourceType\":\"Patient\",\n\"name\":[{\"text\":\"x".to_vec(), Kind::Truncated, Some("/name/0/text"), Some(2)),
        ("only a brace", b"{".to_vec(), Kind::Truncated, Some(""), Some(1)),
        ("trailing words", b"{\"resourceType\":\"Patient\"} x".to_vec(), Kind::Syntax, Some(""), Some(1)),
        ("a comma too many", b"{\"resourceType\":\"Patient\",}".to_vec(), Kind::Syntax, Some(""), Some(1)),
        ("a key twice", b"{\"resourceType\":\"Patient\",\"id\":\"1\",\n\"id\":\"2\"}".to_vec(), Kind::DuplicateKey, Some("/id"), Some(2)),
        ("a huge number", b"{\"resourceType\":\"Basic\",\"x\":1e400}".to_vec(), Kind::Number, Some("/x"), Some(1)),
        ("half a surrogate", b"{\"resourceType\":\"Basic\",\"x\":\"\\ud800\"}".to_vec(), Kind::Syntax, Some("/x"), Some(1)),
        ("no type", b"{\"hello\":\"world\"}".to_vec(), Kind::NotFhir, Some(""), Some(1)),
        ("another type", b"{\"resourceType\":\"Invoicing\"}".to_vec(), Kind::NotFhir, Some("/resourceType"), Some(1)),
        ("a type that is a number", b"{\"resourceType\":5}".to_vec(), Kind::NotFhir, Some(""), Some(1)),
        ("a list", b"[{\"resourceType\":\"Patient\"}]".to_vec(), Kind::NotFhir, Some(""), Some(1)),
        ("a Bundle without type", b"{\"resourceType\":\"Bundle\"}".to_vec(), Kind::Bundle, Some("/type"), Some(1)),
        ("a Bundle of no type", b"{\"resourceType\":\"Bundle\",\"type\":\"heap\"}".to_vec(), Kind::Bundle, Some("/type"), Some(1)),
        ("an empty Bundle", b"{\"resourceType\":\"Bundle\",\"type\":\"collection\"}".to_vec(), Kind::Empty, Some(""), None),
        (
            "an entry without resource",
            b"{\"resourceType\":\"Bundle\",\"type\":\"collection\",\n\"entry\":[\n{}]}".to_vec(),
            Kind::Bundle,
            Some("/entry/0"),
            Some(3),
        ),
        (
            "an entry that is no object",
            b"{\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":[5]}".to_vec(),
            Kind::NotFhir,
            Some("/entry/0"),
            Some(1),
        ),
        (
            "entries that are no list",
            b"{\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":{}}".to_vec(),
            Kind::NotFhir,
            Some("/entry"),
            Some(1),
        ),
        (
            "a deletion",
            b"{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"request\":{\"method\":\"DELETE\"}}]}".to_vec(),
            Kind::Bundle,
            Some("/entry/0/request/method"),
            Some(1),
        ),
        (
            "a broken attachment",
            b"{\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":[\n{\"resource\":{\"resourceType\":\"Binary\",\"contentType\":\"image/png\",\n\"data\":\"iVBO*w0K\"}}]}".to_vec(),
            Kind::Attachment,
            Some("/entry/0/resource/data"),
            Some(3),
        ),
        ("Shift_JIS", b"{\"resourceType\":\"Basic\",\n\"x\":\"\x8a\xb3\x8e\xd2\"}".to_vec(), Kind::Encoding, None, Some(2)),
        ("EUC-JP", b"{\"resourceType\":\"Basic\",\"x\":\"\xb4\xb5\xbc\xd4\"}".to_vec(), Kind::Encoding, None, Some(1)),
        ("ISO-2022-JP", b"{\"resourceType\":\"Basic\",\"x\":\"\x1b$B45<T\x1b(B\"}".to_vec(), Kind::Encoding, Some("/x"), Some(1)),
        ("a line of lines", b"{\"resourceType\":\"Basic\"}\n{\"resourceType\":\"Nothing\"}\n".to_vec(), Kind::NotFhir, Some("/1/resourceType"), Some(2)),
    ];
    for (name, input, kind, pointer, line) in cases {
        let found = problem(input);
        assert_eq!(found.kind, kind, "{name}: {found}");
        assert_eq!(found.place.pointer.as_deref(), pointer, "{name}: {found}");
        assert_eq!(found.place.line.map(|(line, _)| line), line, "{name}: {found}");
        assert!(found.to_string().contains(';'), "{name}: it says what to do: {found}");
    }
}

#[test]
fn the_remedy_names_the_encoding() {
    let utf16: Vec<u8> = "{\"resourceType\":\"Patient\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe][..], &utf16].concat();
    let big: Vec<u8> = "{\"resourceType\":\"Patient\"}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for input in [utf16, marked, big] {
        let found = problem(input);
        assert_eq!(found.kind, Kind::Encoding);
        assert!(found.to_string().contains("UTF-16") && found.to_string().contains("convert the file to UTF-8"), "{found}");
    }
    let shift_jis = problem(&b"{\"resourceType\":\"Basic\",\"x\":\"\x8a\xb3\x8e\xd2\"}"[..]);
    assert!(shift_jis.to_string().contains("Shift_JIS"), "{shift_jis}");
    assert_eq!(items(&b"\xef\xbb\xbf{\"resourceType\":\"Basic\"}"[..]).len(), 1, "a byte order mark is accepted");
}

#[test]
fn ten_thousand_levels_are_refused_with_the_place() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{{\"resourceType\":\"Basic\",\"x\":{}1{}}}", open.repeat(10_000), close.repeat(10_000));
        let found = problem(deep);
        assert_eq!(found.kind, Kind::TooDeep);
        assert_eq!(found.place.line.map(|(line, _)| line), Some(1));
        assert!(found.place.pointer.is_some_and(|pointer| pointer.len() < 500));
    }
    let cut = format!("{{\"resourceType\":\"Basic\",\"x\":{}", "[".repeat(10_000));
    assert_eq!(problem(cut).kind, Kind::TooDeep);
    let limits = with(|limits| limits.depth_max = usize::MAX);
    let deep = format!("{{\"resourceType\":\"Basic\",\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(
        read(deep.into(), &Hint::default(), &limits).err().map(|found| found.kind),
        Some(Kind::TooDeep),
        "the ceiling holds"
    );
}

#[test]
fn every_limit_holds() {
    let bundle = r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic"}},{"resource":{"resourceType":"Basic"}}]}"#;
    let refused = |limits: Limits| read(bundle.into(), &Hint::default(), &limits).err().map(|found| found.kind);
    assert_eq!(refused(Limits::default()), None);
    assert_eq!(refused(with(|limits| limits.json_bytes_max = 50)), Some(Kind::TooLarge));
    assert_eq!(refused(with(|limits| limits.values_max = 5)), Some(Kind::TooMany));
    assert_eq!(refused(with(|limits| limits.entries_max = 1)), Some(Kind::TooMany));
    assert_eq!(refused(with(|limits| limits.depth_max = 2)), Some(Kind::TooDeep));
    let file = read("plain text".into(), &Hint::default(), &with(|limits| limits.file_bytes_max = 5));
    assert_eq!(file.err().map(|found| found.kind), Some(Kind::TooLarge));
}

#[test]
fn a_problem_says_nothing_that_the_input_says() {
    let name = "北条千春";
    for input in [
        format!("{{\"resourceType\":\"{name}\"}}"),
        format!("{{\"{name}\":\"{name}\""),
        format!("{{\"resourceType\":\"Patient\",\"{name}\":1e999}}"),
        format!("{{\"resourceType\":\"Patient\",\"{name}\":1,\"{name}\":2}}"),
        format!("{{\"resourceType\":\"Bundle\",\"type\":\"{name}\"}}"),
        format!("{{\"resourceType\":\"Binary\",\"contentType\":\"{name}\",\"data\":\"{name}\"}}"),
        format!("{{\"resourceType\":\"Patient\" {name}"),
    ] {
        let found = problem(input);
        assert!(!format!("{found} {found:?}").contains('北'), "{found}");
    }
    let item = &items(format!("{{\"resourceType\":\"Patient\",\"identifier\":[{{\"value\":\"{name}\"}}]}}"))[0];
    let shown = format!("{item:?} {:?} {:?} {:?}", item.description, item.description.patients, item.payload);
    assert!(!shown.contains('北'), "{shown}");
}

#[test]
fn a_name_that_lies_about_the_content_changes_nothing() {
    let hint = Hint { name: Some("chart.dcm"), media_type: Some("image/jpeg") };
    let found = read(r#"{"resourceType":"Condition"}"#.into(), &hint, &Limits::default()).expect("it is FHIR").items;
    assert_eq!(found[0].media_type, "application/fhir+json");
    let hint = Hint { name: Some("chart.json"), media_type: None };
    let found = read("not JSON at all".into(), &hint, &Limits::default()).expect_err("it is not");
    assert_eq!(found.kind, Kind::Syntax);
}

#[test]
fn an_object_of_many_keys_and_a_bundle_of_many_entries_take_linear_time() {
    let keys: Vec<_> = (0..200_000).map(|number| format!("\"k{number}\":0")).collect();
    assert!(take(format!("{{\"resourceType\":\"Basic\",{}}}", keys.join(","))).is_ok());
    let entries = vec![r#"{"resource":{"resourceType":"Basic","subject":{"reference":"Patient/1"}}}"#; 50_000];
    let found = items(format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(",\n")));
    assert_eq!(found.len(), 50_000);
}
