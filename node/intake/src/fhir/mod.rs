//! FHIR R4 JSON becomes items.
//!
//! * A **document** Bundle is one item, in exactly the bytes that were sent, with all that is inside it.
//! * Every **other Bundle**, and an NDJSON file, becomes one item for each clinical resource, so that each can be sealed alone. An
//!   item is the resource in the bytes that were sent, if it refers to nothing in the input; else a small collection Bundle: the
//!   Patient first, then the resource, then what it refers to, each in the bytes that were sent, with the input's own profile,
//!   tags, security labels and time stamp.
//! * Only *context* travels with a resource that refers to it: Patient, Practitioner, Organization, Encounter and the like. A
//!   clinical resource is never copied into another's item (a report holds its observations' references, not the observations):
//!   else a sealed observation would be read in the report.
//! * Context that nothing refers to becomes an item of its own.

mod attachment;
mod category;
mod describe;
mod flags;
mod split;
mod types;

pub(crate) use category::of_media_type;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use inro_contracts::record::ProviderFlags;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::item::{Collection, Intake, Item, Note, Part, Payload};
use crate::json::{self, Node, Step, pointer, position};
use crate::limits::Limits;
use crate::media;
use crate::problem::{Kind, Place, Problem};

/// Reads FHIR JSON: one resource or Bundle, or one on each line.
pub(crate) fn read(input: &Bytes, in_lines: bool, limits: &Limits) -> Result<Intake, Problem> {
    let text = media::utf8(input)?;
    let in_lines = in_lines || media::is_lines(text.as_bytes());
    let mut reading = Reading {
        input,
        text,
        limits,
        values_left: limits.values_max,
        entries_left: limits.entries_max,
        size: 0,
        intake: Intake::default(),
    };
    if in_lines {
        reading.lines()?
    } else {
        reading.whole()?
    }
    if reading.intake.items.is_empty() && reading.intake.notes.is_empty() {
        let remedy = "there is nothing to register";
        return Err(Problem::new(Kind::Empty, Place::default().at(""), "the Bundle holds no resource", remedy));
    }
    Ok(reading.intake)
}

/// One input while it is read.
struct Reading<'a> {
    input: &'a Bytes,
    text: &'a str,
    limits: &'a Limits,
    values_left: usize,
    entries_left: usize,
    /// Bytes of all items so far.
    size: u64,
    intake: Intake,
}

/// A resource, and where it stands.
struct Entry<'n, 'a> {
    url: Option<&'n str>,
    url_range: Option<Range<usize>>,
    range: Range<usize>,
    resource: &'n Node<'a>,
    path: Vec<Step<'a>>,
}

impl<'a> Reading<'a> {
    fn whole(&mut self) -> Result<(), Problem> {
        // White space at the ends stays, so that the record of a whole file is the file.
        let range = 0..self.text.len();
        let node = json::parse(self.text, range.clone(), &mut self.values_left, self.limits)?;
        match self.type_of(&node, &[], range.start)? {
            "Bundle" => self.bundle(&node, range, Vec::new()),
            _ => {
                self.take_entry(range.start)?;
                let entry = Entry { url: None, url_range: None, range, resource: &node, path: Vec::new() };
                self.split(vec![entry], Bytes::new(), ProviderFlags::default())
            }
        }
    }

    /// Bundles are taken in one by one; all other resources together, so that they find each other.
    fn lines(&mut self) -> Result<(), Problem> {
        let mut nodes = Vec::new();
        let mut start = 0;
        for (number, line) in self.text.split_inclusive('\n').enumerate() {
            let range = trimmed(self.text, start..start + line.len());
            start += line.len();
            if range.is_empty() {
                continue;
            }
            let path = vec![Step::Index(number)];
            let node = json::parse(self.text, range.clone(), &mut self.values_left, self.limits)?;
            match self.type_of(&node, &path, range.start)? {
                "Bundle" => self.bundle(&node, range, path)?,
                _ => {
                    self.take_entry(range.start)?;
                    nodes.push((node, range, path));
                }
            }
        }
        let entries = nodes.iter().map(|(resource, range, path)| Entry {
            url: None,
            url_range: None,
            range: range.clone(),
            resource,
            path: path.clone(),
        });
        self.split(entries.collect(), Bytes::new(), ProviderFlags::default())
    }

    fn bundle(&mut self, bundle: &Node<'a>, range: Range<usize>, path: Vec<Step<'a>>) -> Result<(), Problem> {
        let refuse = |place: Place, what, remedy| Err(Problem::new(Kind::Bundle, place, what, remedy));
        let type_place = self.place(range.start, &path, &["type"]);
        match bundle.text("type") {
            Some("document") => self.document(bundle, range, &path),
            Some(kind) if COLLECTIONS.contains(&kind) => {
                let entries = self.entries(bundle, range.clone(), &path, kind)?;
                let head = self.head(range, kind)?;
                self.split(entries, head, flags::of_meta(bundle))
            }
            Some(_) => {
                refuse(type_place, "this is no Bundle type of FHIR R4", "send a document, a collection or a search result")
            }
            None => {
                refuse(type_place, "the Bundle does not say its type", "set Bundle.type, for example to document or collection")
            }
        }
    }

    /// One record, whatever is inside it.
    fn document(&mut self, bundle: &Node<'a>, range: Range<usize>, path: &[Step<'a>]) -> Result<(), Problem> {
        let entries = self.entries(bundle, range.clone(), path, "document")?;
        let names = split::Names::of(&entries);
        let inside = |reference: &str| reference.starts_with('#') || names.contain(reference);
        let attachments = attachment::of(bundle, path, self.text, self.input, &inside)?;
        let description = describe::document(bundle);
        let place = self.spot(range.start, path);
        let payload = Payload::Part(self.part(range));
        self.push(payload, media::FHIR_JSON, category::of_document(bundle), flags::of(bundle), description, attachments, place)
    }

    /// A Bundle's resources, each known and each with its place.
    fn entries<'n>(
        &mut self,
        bundle: &'n Node<'a>,
        range: Range<usize>,
        path: &[Step<'a>],
        kind: &str,
    ) -> Result<Vec<Entry<'n, 'a>>, Problem> {
        let listed = match bundle.get("entry") {
            None => &[],
            Some(Node::List(list)) => &list[..],
            Some(_) => {
                let place = self.place(range.start, path, &["entry"]);
                return Err(Problem::new(
                    Kind::NotFhir,
                    place,
                    "Bundle.entry is not a list",
                    "export the Bundle again as FHIR R4 JSON",
                ));
            }
        };
        let ranges = self.ranges(bundle, range.clone(), path)?;
        let mut entries = Vec::with_capacity(listed.len());
        for (index, (entry, (start, url_range, resource_range))) in listed.iter().zip(ranges).enumerate() {
            let path: Vec<_> = path.iter().cloned().chain([Step::Key("entry".into()), Step::Index(index)]).collect();
            self.take_entry(start)?;
            self.check_request(entry, start, &path)?;
            let (Some(resource), Some(range)) = (entry.get("resource"), resource_range) else {
                if ["history", "searchset", "batch-response", "transaction-response"].contains(&kind) {
                    self.note(start, &path, "this entry holds no resource and was left out");
                    continue;
                }
                let place = self.place(start, &path, &[]);
                return Err(Problem::new(
                    Kind::Bundle,
                    place,
                    "this entry holds no resource",
                    "send each resource inside its entry",
                ));
            };
            let path: Vec<_> = path.into_iter().chain([Step::Key("resource".into())]).collect();
            let resource_type = self.type_of(resource, &path, range.start)?;
            let outcome = entry.get("search").and_then(|search| search.text("mode")) == Some("outcome");
            if kind != "document" && resource_type == "OperationOutcome" && (outcome || kind.ends_with("-response")) {
                self.note(range.start, &path, "a server's OperationOutcome about the search is no record and was left out");
                continue;
            }
            entries.push(Entry { url: entry.text("fullUrl"), url_range, range, resource, path });
        }
        Ok(entries)
    }

    /// Of a transaction or batch only what creates or replaces can be taken in.
    fn check_request(&self, entry: &Node<'a>, start: usize, path: &[Step<'a>]) -> Result<(), Problem> {
        let is_response = entry.get("response").is_some();
        match entry.get("request").and_then(|request| request.text("method")) {
            Some("DELETE" | "GET" | "HEAD" | "PATCH") if !is_response && entry.get("resource").is_none() => {
                let place = self.place(start, path, &["request", "method"]);
                let what = "this entry asks to delete, read or patch, and holds no resource";
                Err(Problem::new(Kind::Bundle, place, what, "send only entries that create or replace a resource"))
            }
            Some("PATCH") => {
                let place = self.place(start, path, &["request", "method"]);
                Err(Problem::new(Kind::Bundle, place, "this entry patches a resource", "send the whole resource as it is now"))
            }
            _ => Ok(()),
        }
    }

    /// By entry: where it begins, and where its `fullUrl` and its resource stand in the text.
    fn ranges(&self, bundle: &Node<'a>, range: Range<usize>, path: &[Step<'a>]) -> Result<Vec<Ranges>, Problem> {
        for (index, entry) in bundle.each("entry").enumerate() {
            if !matches!(entry, Node::Object(_)) {
                let place = self.place(range.start, path, &["entry", &index.to_string()]);
                let remedy = "export the Bundle again as FHIR R4 JSON";
                return Err(Problem::new(Kind::NotFhir, place, "a Bundle's entry is not an object", remedy));
            }
        }
        let raw: RawBundle<'a> = self.again(range.clone(), path)?;
        let at = |raw: &'a RawValue| position(self.text, raw.get()).map(|start| start..start + raw.get().len());
        let ranges = raw.entry.into_iter().flatten().map(|raw| {
            let around = at(raw).unwrap_or(range.clone());
            let entry: RawEntry<'a> = self.again(around.clone(), path)?;
            Ok((around.start, entry.full_url.and_then(at), entry.resource.and_then(at)))
        });
        ranges.collect()
    }

    /// What every extract of this Bundle repeats of it.
    fn head(&self, range: Range<usize>, kind: &str) -> Result<Bytes, Problem> {
        let raw: RawBundle<'a> = self.again(range, &[])?;
        let meta: Option<RawMeta<'a>> = raw.meta.and_then(|meta| serde_json::from_str(meta.get()).ok());
        let mut head = String::new();
        let fields = meta.map_or([None; 3], |meta| {
            let profile = meta.profile.filter(|_| kind == "collection");
            [("profile", profile), ("security", meta.security), ("tag", meta.tag)].map(|(name, raw)| raw.map(|raw| (name, raw)))
        });
        let fields: Vec<_> = fields.into_iter().flatten().map(|(name, raw)| format!("\"{name}\":{}", raw.get())).collect();
        if !fields.is_empty() {
            head = format!("\"meta\":{{{}}},", fields.join(","));
        }
        if let Some(timestamp) = raw.timestamp.filter(|_| kind == "collection") {
            head.push_str(&format!("\"timestamp\":{},", timestamp.get()));
        }
        Ok(head.into())
    }

    /// The text was read before, so this fails only where a field has another shape than FHIR gives it.
    fn again<T: Deserialize<'a>>(&self, range: Range<usize>, path: &[Step<'a>]) -> Result<T, Problem> {
        serde_json::from_str(&self.text[range.clone()]).map_err(|_| {
            let place = self.place(range.start, path, &[]);
            Problem::new(
                Kind::NotFhir,
                place,
                "this Bundle has not the shape of FHIR R4",
                "export the Bundle again as FHIR R4 JSON",
            )
        })
    }

    fn type_of<'n>(&self, node: &'n Node<'a>, path: &[Step<'a>], start: usize) -> Result<&'n str, Problem> {
        let refuse = |keys: &[&str], what, remedy| Err(Problem::new(Kind::NotFhir, self.place(start, path, keys), what, remedy));
        if !matches!(node, Node::Object(_)) {
            return refuse(
                &[],
                "a FHIR resource is a JSON object, and this is not one",
                "send a resource, a Bundle, or one resource a line",
            );
        }
        match node.text("resourceType") {
            Some(known) if types::is_known(known) => Ok(known),
            Some(_) => refuse(
                &["resourceType"],
                "this resourceType is not one of FHIR R4",
                "convert it to R4 (4.0.1), or send the file with another media type to keep it as it is",
            ),
            None => refuse(&[], "the resourceType is missing: this is not a FHIR resource", "send FHIR R4 JSON"),
        }
    }

    fn take_entry(&mut self, start: usize) -> Result<(), Problem> {
        self.entries_left = self.entries_left.checked_sub(1).ok_or_else(|| {
            let what = format!("the input holds more than {} resources", self.limits.entries_max);
            Problem::new(Kind::TooMany, Place::within(self.text.as_bytes(), start), what, "send it in several smaller Bundles")
        })?;
        Ok(())
    }

    fn note(&mut self, start: usize, path: &[Step<'a>], what: &'static str) {
        let place = self.spot(start, path);
        self.intake.notes.push(Note { place, what });
    }

    /// A place without its line: lines are counted from the input's beginning, which is too much work for every entry.
    fn spot(&self, start: usize, path: &[Step<'a>]) -> Place {
        let before = self.input.len() - self.text.len();
        Place { pointer: Some(pointer(path)), line: None, offset: Some((before + start) as u64) }
    }

    fn place(&self, start: usize, path: &[Step<'a>], keys: &[&str]) -> Place {
        let mut to = pointer(path);
        for key in keys {
            to.push('/');
            to.push_str(key);
        }
        Place::within(self.text.as_bytes(), start).at(to)
    }

    /// These bytes of the text, as a part of the input: a byte order mark may stand before the text.
    fn part(&self, range: Range<usize>) -> Bytes {
        let before = self.input.len() - self.text.len();
        self.input.slice(before + range.start..before + range.end)
    }

    #[allow(clippy::too_many_arguments)]
    fn push(
        &mut self,
        payload: Payload,
        media_type: &str,
        category: inro_contracts::category::Category,
        flags: ProviderFlags,
        description: crate::item::Description,
        attachments: Vec<crate::item::Attachment>,
        place: Place,
    ) -> Result<(), Problem> {
        self.size = self.size.saturating_add(payload.size());
        let most = (self.input.len() as u64).saturating_mul(self.limits.growth_max).saturating_add(1 << 20);
        if self.size > most {
            let what = format!("the items together would be more than {} times the input", self.limits.growth_max);
            let remedy = "many resources refer to one very large one: send them in smaller Bundles";
            return Err(Problem::new(Kind::TooLarge, place, what, remedy));
        }
        let mut hash = Sha256::new();
        payload.pieces().into_iter().flatten().for_each(|piece| hash.update(&piece));
        let media_type = media_type.to_owned();
        let sha256 = hash.finalize().into();
        self.intake.items.push(Item { category, flags, media_type, payload, description, attachments, sha256, place });
        Ok(())
    }
}

const COLLECTIONS: [&str; 8] =
    ["collection", "searchset", "transaction", "transaction-response", "batch", "batch-response", "history", "message"];

type Ranges = (usize, Option<Range<usize>>, Option<Range<usize>>);

#[derive(Deserialize)]
struct RawBundle<'a> {
    #[serde(borrow, default)]
    entry: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawEntry<'a> {
    #[serde(borrow, default, rename = "fullUrl")]
    full_url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawMeta<'a> {
    #[serde(borrow, default)]
    profile: Option<&'a RawValue>,
    #[serde(borrow, default)]
    security: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tag: Option<&'a RawValue>,
}

/// The range without JSON's white space at both ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let white = [' ', '\t', '\r', '\n'];
    let slice = &text[range.clone()];
    let start = range.start + slice.len() - slice.trim_start_matches(white).len();
    let end = start + slice.trim_matches(white).len();
    start..end
}

impl Reading<'_> {
    fn collection(&self, head: Bytes, entries: &[Entry<'_, '_>]) -> Arc<Collection> {
        let before = self.input.len() - self.text.len();
        let shifted = |range: &Range<usize>| before + range.start..before + range.end;
        let part = |entry: &Entry<'_, '_>| Part { url: entry.url_range.as_ref().map(shifted), resource: shifted(&entry.range) };
        Arc::new(Collection { input: self.input.clone(), head, parts: entries.iter().map(part).collect() })
    }
}
