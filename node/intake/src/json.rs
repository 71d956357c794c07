//! JSON, read once at the border into a light tree that borrows from the input. It refuses what two readers could see
//! differently (a key twice in one object), and whatever is too deep or too much, and names the place by pointer, line and column.
//!
//! Numbers are not kept: nothing here computes with one, and records carry the input's own bytes, so every decimal keeps its
//! precision.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::limits::Limits;
use crate::problem::{Kind, Place, Problem};

/// A JSON value.
pub(crate) enum Node<'a> {
    Null,
    Bool,
    Number,
    Text(Cow<'a, str>),
    List(Box<[Node<'a>]>),
    Object(Box<[(Cow<'a, str>, Node<'a>)]>),
}

/// One step of a JSON pointer.
#[derive(Clone)]
pub(crate) enum Step<'a> {
    Key(Cow<'a, str>),
    Index(usize),
}

/// Reads the JSON value that fills `range` of `text`. `values_left` counts down over all values read with it.
pub(crate) fn parse<'a>(
    text: &'a str,
    range: Range<usize>,
    values_left: &mut usize,
    limits: &Limits,
) -> Result<Node<'a>, Problem> {
    let slice = &text[range.clone()];
    let state = State {
        path: RefCell::default(),
        values_left: Cell::new(*values_left),
        depth_max: limits.depth_max.min(Limits::DEPTH_CEILING),
        broken: RefCell::default(),
    };
    let mut deserializer = serde_json::Deserializer::from_str(slice);
    let read =
        Reader { depth: 0, state: &state }.deserialize(&mut deserializer).and_then(|node| deserializer.end().map(|()| node));
    *values_left = state.values_left.get();
    read.map_err(|error| {
        let place = Place::within(text.as_bytes(), range.start + offset_of(slice, &error)).at(pointer(&state.path.borrow()));
        match state.broken.borrow_mut().take() {
            Some((kind, what, remedy)) => Problem::new(kind, place, what, remedy),
            None => syntax(&error, slice, place),
        }
    })
}

/// A pointer that shows FHIR element names and indexes, and `…` for anything else: what a sender wrote there may be a name.
pub(crate) fn pointer(path: &[Step<'_>]) -> String {
    let mut pointer = String::new();
    for step in path {
        pointer.push('/');
        match step {
            Step::Index(index) => pointer.push_str(&index.to_string()),
            Step::Key(key) if is_element_name(key) => pointer.push_str(key),
            Step::Key(_) => pointer.push('…'),
        }
    }
    pointer
}

impl<'a> Node<'a> {
    /// The value of a key, if this is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'a>> {
        let Node::Object(fields) = self else { return None };
        fields.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// This text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Node::Text(text) = self { Some(text) } else { None }
    }

    /// A key's text.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::as_text)
    }

    /// A key's values: the list's, or the one value where a sender left the list away.
    pub(crate) fn each(&self, key: &str) -> impl Iterator<Item = &Node<'a>> {
        match self.get(key) {
            Some(Node::List(list)) => &list[..],
            Some(other) => std::slice::from_ref(other),
            None => &[],
        }
        .iter()
    }

    /// Calls `visit` for this value and every value inside, with its path.
    pub(crate) fn walk<'n>(&'n self, path: &mut Vec<Step<'a>>, visit: &mut dyn FnMut(&'n Node<'a>, &[Step<'a>])) {
        visit(self, path);
        match self {
            Node::List(list) => {
                for (index, node) in list.iter().enumerate() {
                    path.push(Step::Index(index));
                    node.walk(path, visit);
                    path.pop();
                }
            }
            Node::Object(fields) => {
                for (key, node) in fields {
                    path.push(Step::Key(key.clone()));
                    node.walk(path, visit);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}

/// Where a text that was read from `within` stands in it, if it was not unescaped into a copy.
pub(crate) fn position(within: &str, text: &str) -> Option<usize> {
    let at = (text.as_ptr() as usize).checked_sub(within.as_ptr() as usize)?;
    (at + text.len() <= within.len()).then_some(at)
}

struct State<'a> {
    path: RefCell<Vec<Step<'a>>>,
    values_left: Cell<usize>,
    depth_max: usize,
    broken: RefCell<Option<(Kind, String, &'static str)>>,
}

impl State<'_> {
    fn refuse<E: serde::de::Error>(&self, kind: Kind, what: String, remedy: &'static str) -> E {
        self.broken.replace(Some((kind, what, remedy)));
        E::custom("refused")
    }
}

#[derive(Clone, Copy)]
struct Reader<'s, 'a> {
    depth: usize,
    state: &'s State<'a>,
}

impl<'s, 'a> Reader<'s, 'a> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= self.state.depth_max {
            let what = format!("the JSON is nested more than {} levels deep", self.state.depth_max);
            return Err(self.state.refuse(Kind::TooDeep, what, "no FHIR resource needs that; send what the chart exports"));
        }
        Ok(Reader { depth: self.depth + 1, ..self })
    }
}

impl<'a> DeserializeSeed<'a> for Reader<'_, 'a> {
    type Value = Node<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Node<'a>, D::Error> {
        let Some(left) = self.state.values_left.get().checked_sub(1) else {
            let what = "the input has more JSON values than the limit".to_owned();
            return Err(self.state.refuse(Kind::TooMany, what, "send it in several smaller Bundles"));
        };
        self.state.values_left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Reader<'_, 'a> {
    type Value = Node<'a>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'a>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node<'a>, E> {
        Ok(Node::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node<'a>, E> {
        Ok(Node::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node<'a>, E> {
        Ok(Node::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'a>, E> {
        Ok(Node::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut access: A) -> Result<Node<'a>, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        loop {
            self.state.path.borrow_mut().push(Step::Index(list.len()));
            let Some(node) = access.next_element_seed(inner)? else { break };
            list.push(node);
            self.state.path.borrow_mut().pop();
        }
        self.state.path.borrow_mut().pop();
        Ok(Node::List(list.into_boxed_slice()))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut access: A) -> Result<Node<'a>, A::Error> {
        let inner = self.deeper()?;
        let mut fields: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
        let mut many: HashSet<Cow<'a, str>> = HashSet::new();
        while let Some(key) = access.next_key_seed(Key)? {
            let twice = if fields.len() < FEW {
                fields.iter().any(|(name, _)| *name == key)
            } else {
                if many.is_empty() {
                    many.extend(fields.iter().map(|(name, _)| name.clone()));
                }
                !many.insert(key.clone())
            };
            self.state.path.borrow_mut().push(Step::Key(key.clone()));
            if twice {
                let what = "a key stands twice in one object".to_owned();
                let remedy = "two readers would see two different records: let the sender write it once";
                return Err(self.state.refuse(Kind::DuplicateKey, what, remedy));
            }
            let value = access.next_value_seed(inner)?;
            self.state.path.borrow_mut().pop();
            fields.push((key, value));
        }
        Ok(Node::Object(fields.into_boxed_slice()))
    }
}

/// Up to here, keys are compared one by one.
const FEW: usize = 32;

struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Cow<'a, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

fn is_element_name(key: &str) -> bool {
    let mut bytes = key.bytes();
    key.len() <= 48
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric())
}

/// The byte at which `serde_json` stopped: its column counts the bytes of the line that were read.
fn offset_of(slice: &str, error: &serde_json::Error) -> usize {
    let mut line_start = 0;
    for _ in 1..error.line() {
        match slice[line_start..].find('\n') {
            Some(at) => line_start += at + 1,
            None => break,
        }
    }
    (line_start + error.column().saturating_sub(1)).min(slice.len())
}

fn syntax(error: &serde_json::Error, slice: &str, place: Place) -> Problem {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    if error.is_eof() {
        return Problem::new(Kind::Truncated, place, "the JSON ends in the middle of a value", "send the whole file again");
    }
    match what {
        "number out of range" => {
            let what = "a number is larger than any reader can hold";
            Problem::new(Kind::Number, place, what, "FHIR decimals have at most 18 digits: correct it at the sender")
        }
        "recursion limit exceeded" => {
            let what = "the JSON is nested too deep";
            Problem::new(Kind::TooDeep, place, what, "no FHIR resource needs that; send what the chart exports")
        }
        _ if what.starts_with("control character") && slice.contains("\u{1b}$") => {
            let what = "the text is ISO-2022-JP";
            Problem::new(Kind::Encoding, place, what, "FHIR JSON is UTF-8: convert the file to UTF-8")
        }
        _ => Problem::new(Kind::Syntax, place, format!("this is not JSON: {what}"), "export it again as FHIR JSON (RFC 8259)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node<'_>, Problem> {
        parse(text, 0..text.len(), &mut 1000, &Limits::default())
    }

    #[test]
    fn a_problem_names_pointer_line_and_column() {
        let problem = read("{\"a\": [1,\n {\"b\": tru}]}").err().expect("it is broken");
        assert_eq!(problem.place.pointer.as_deref(), Some("/a/1/b"));
        assert_eq!(problem.place.line.map(|(line, _)| line), Some(2));
        assert_eq!(problem.kind, Kind::Syntax);
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_whether_escaped_or_not_and_among_many() {
        for text in [r#"{"a":1,"a":2}"#.to_owned(), r#"{"status":1,"st\u0061tus":2}"#.to_owned(), many_keys_and_one_twice()] {
            assert_eq!(read(&text).err().map(|problem| problem.kind), Some(Kind::DuplicateKey), "{text}");
        }
    }

    fn many_keys_and_one_twice() -> String {
        let keys: Vec<_> = (0..100).chain([57]).map(|key| format!("\"k{key}\":0")).collect();
        format!("{{{}}}", keys.join(","))
    }

    #[test]
    fn a_pointer_shows_no_key_that_may_be_a_name() {
        let problem = read(r#"{"北条 花子": {"Hojo": x}}"#).err().expect("it is broken");
        assert_eq!(problem.place.pointer.as_deref(), Some("/…/…"));
    }

    #[test]
    fn values_are_counted_over_the_whole_input() {
        let mut left = 4;
        assert!(parse("[1,2]", 0..5, &mut left, &Limits::default()).is_ok());
        let problem = parse("[1,2]", 0..5, &mut left, &Limits::default()).err().expect("one value is left");
        assert_eq!(problem.kind, Kind::TooMany);
    }

    #[test]
    fn numbers_beyond_any_reader_are_refused_and_long_decimals_are_not() {
        assert_eq!(read("[1e999]").err().map(|problem| problem.kind), Some(Kind::Number));
        assert!(read("[0.10000000000000000000000000000000001]").is_ok());
    }
}
