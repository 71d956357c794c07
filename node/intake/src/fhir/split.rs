//! A collection becomes items: which context travels with which clinical resource, and what is left over.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use inro_contracts::record::ProviderFlags;

use super::{Entry, Reading, attachment, category, describe, flags, types};
use crate::item::{Extract, Payload};
use crate::json::{Node, Step};
use crate::media;
use crate::problem::{Kind, Problem};

impl<'a> Reading<'a> {
    /// One item for each clinical resource, for each document inside, and for context that no other item holds.
    pub(super) fn split(&mut self, entries: Vec<Entry<'_, 'a>>, head: Bytes, all: ProviderFlags) -> Result<(), Problem> {
        let links = Links::between(&entries, self.limits.context_max);
        let collection = self.collection(head, &entries);
        let mut held: HashSet<usize> = HashSet::new();
        let mut own = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if !links.is_context[index] {
                own.push((index, links.beside(index, entry)));
                held.extend(&own[own.len() - 1].1);
            }
        }
        let alone = links.heads_first(|index| !held.contains(&index));
        for index in alone {
            if !held.contains(&index) {
                let beside = links.beside(index, &entries[index]);
                held.extend(beside.iter().chain([&index]));
                own.push((index, beside));
            }
        }
        own.sort_unstable_by_key(|(index, _)| *index);
        for (index, beside) in own {
            self.item(&entries, index, &beside, &collection, all)?;
        }
        Ok(())
    }

    fn item(
        &mut self,
        entries: &[Entry<'_, 'a>],
        index: usize,
        beside: &[usize],
        collection: &std::sync::Arc<crate::item::Collection>,
        all: ProviderFlags,
    ) -> Result<(), Problem> {
        let entry = &entries[index];
        if entry.resource.text("resourceType") == Some("Bundle") {
            return self.bundle_inside(entry, all);
        }
        let near: Vec<_> = beside.iter().map(|index| entries[*index].resource).collect();
        let set = near.iter().map(|near| flags::of(near)).fold(flags::union(all, flags::of(entry.resource)), flags::union);
        let inside = |reference: &str| {
            let is_it = |index: &usize| entries[*index].url == Some(reference) || is_named(entries[*index].resource, reference);
            reference.starts_with('#') || beside.iter().any(is_it)
        };
        let mut attachments = attachment::of(entry.resource, &entry.path, self.text, self.input, &inside)?;
        for index in beside {
            attachments.extend(attachment::of(entries[*index].resource, &entries[*index].path, self.text, self.input, &inside)?);
        }
        let payload = if beside.is_empty() && collection.head.is_empty() {
            Payload::Part(self.part(entry.range.clone()))
        } else {
            // The Patient first, as JP-CLINS has it; then the resource itself.
            let is_patient = |index: &&usize| entries[**index].resource.text("resourceType") == Some("Patient");
            let patients = beside.iter().filter(is_patient);
            let others = beside.iter().filter(|index| !is_patient(index));
            let order = patients.chain([&index]).chain(others).map(|index| *index as u32).collect();
            Payload::Extract(Extract { collection: collection.clone(), resources: order })
        };
        let description = describe::resource(entry.resource, &near);
        let place = self.spot(entry.range.start, &entry.path);
        self.push(payload, media::FHIR_JSON, category::of_resource(entry.resource), set, description, attachments, place)
    }

    /// A search for documents answers with a Bundle of Bundles, and a batch of searches too. Anything deeper is refused.
    fn bundle_inside(&mut self, entry: &Entry<'_, 'a>, all: ProviderFlags) -> Result<(), Problem> {
        let depth = entry.path.iter().filter(|step| matches!(step, Step::Key(key) if key == "entry")).count();
        if depth > 1 && entry.resource.text("type") != Some("document") {
            let place = self.place(entry.range.start, &entry.path, &[]);
            let what = "a Bundle inside a Bundle inside a Bundle is taken in only if it is a document";
            return Err(Problem::new(Kind::Bundle, place, what, "send the inner Bundle on its own"));
        }
        let before = self.intake.items.len();
        self.bundle(entry.resource, entry.range.clone(), entry.path.clone())?;
        for item in &mut self.intake.items[before..] {
            item.flags = flags::union(item.flags, all);
        }
        Ok(())
    }
}

/// What references can lead to inside one document.
pub(super) struct Names<'n> {
    urls: HashSet<&'n str>,
    ids: HashSet<(&'n str, &'n str)>,
}

impl<'n> Names<'n> {
    pub(super) fn of(entries: &[Entry<'n, '_>]) -> Self {
        let id = |entry: &Entry<'n, '_>| Some((entry.resource.text("resourceType")?, entry.resource.text("id")?));
        Names { urls: entries.iter().filter_map(|entry| entry.url).collect(), ids: entries.iter().filter_map(id).collect() }
    }

    pub(super) fn contain(&self, reference: &str) -> bool {
        self.urls.contains(reference) || type_and_id(reference).is_some_and(|id| self.ids.contains(&id))
    }
}

/// Does a reference, absolute or relative, with or without a version, name this resource by type and id?
fn is_named(resource: &Node<'_>, reference: &str) -> bool {
    let (Some(kind), Some(id)) = (resource.text("resourceType"), resource.text("id")) else { return false };
    type_and_id(reference) == Some((kind, id))
}

fn type_and_id(reference: &str) -> Option<(&str, &str)> {
    let mut parts = reference.split("/_history/").next()?.rsplit('/');
    let (id, kind) = (parts.next()?, parts.next()?);
    Some((kind, id))
}

/// Who refers to whom.
struct Links {
    is_context: Vec<bool>,
    /// By entry: the context that it refers to itself.
    to: Vec<Vec<usize>>,
    only_patient: Option<usize>,
    is_patient: Vec<bool>,
    is_bundle: Vec<bool>,
    most: usize,
}

impl Links {
    fn between(entries: &[Entry<'_, '_>], most: usize) -> Self {
        let kinds: Vec<_> = entries.iter().map(|entry| entry.resource.text("resourceType").unwrap_or_default()).collect();
        let is_context: Vec<_> = kinds.iter().map(|kind| types::is_context(kind)).collect();
        let mut by_url: HashMap<&str, usize> = HashMap::new();
        let mut by_id: HashMap<(&str, &str), usize> = HashMap::new();
        for (index, entry) in entries.iter().enumerate().filter(|(index, _)| is_context[*index]) {
            entry.url.map(|url| by_url.entry(url).or_insert(index));
            entry.resource.text("id").map(|id| by_id.entry((kinds[index], id)).or_insert(index));
        }
        let find = |reference: &str| {
            let versionless = reference.split("/_history/").next().unwrap_or(reference);
            let by_url = by_url.get(reference).or_else(|| by_url.get(versionless));
            by_url.or_else(|| by_id.get(&type_and_id(reference)?)).copied()
        };
        let to = entries.iter().enumerate().map(|(own, entry)| {
            let mut found = Vec::new();
            let mut seen = HashSet::new();
            if kinds[own] == "Bundle" {
                // A Bundle in a Bundle holds what it needs.
                return found;
            }
            entry.resource.walk(&mut Vec::<Step<'_>>::new(), &mut |node, _| {
                for reference in [node.text("reference"), node.text("url")].into_iter().flatten() {
                    found.extend(find(reference).filter(|index| *index != own && seen.insert(*index)));
                }
            });
            found
        });
        let to = to.collect();
        let is_patient: Vec<_> = kinds.iter().map(|kind| *kind == "Patient").collect();
        let mut patients = is_patient.iter().enumerate().filter(|(_, is)| **is).map(|(index, _)| index);
        let only_patient = patients.next().filter(|_| patients.next().is_none());
        let is_bundle = kinds.iter().map(|kind| *kind == "Bundle").collect();
        Links { is_context, to, only_patient, is_patient, is_bundle, most }
    }

    /// The context that travels with a resource, the nearest first; where that is more than the limit, the rest stays behind and
    /// becomes items of its own, unless another item holds it.
    fn beside(&self, index: usize, entry: &Entry<'_, '_>) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let mut seen = HashSet::from([index]);
        let mut next = 0;
        let mut from = index;
        loop {
            for target in &self.to[from] {
                if found.len() >= self.most {
                    return found;
                }
                if seen.insert(*target) {
                    found.push(*target);
                }
            }
            let Some(following) = found.get(next) else { break };
            (from, next) = (*following, next + 1);
        }
        let nobody = !self.is_patient[index] && !self.is_bundle[index] && !found.iter().any(|index| self.is_patient[*index]);
        if nobody && !describe::names_a_patient(entry.resource) {
            // A Bundle about one person: what does not say whose it is, is that person's.
            found.extend(self.only_patient);
        }
        found
    }

    /// The context entries that `left` names: first those that no other of them refers to.
    fn heads_first(&self, left: impl Fn(usize) -> bool) -> Vec<usize> {
        let remaining: Vec<_> = (0..self.to.len()).filter(|index| self.is_context[*index] && left(*index)).collect();
        let referred: HashSet<_> = remaining.iter().flat_map(|index| &self.to[*index]).copied().collect();
        let (tails, heads): (Vec<_>, Vec<_>) = remaining.into_iter().partition(|index| referred.contains(index));
        heads.into_iter().chain(tails).collect()
    }
}
