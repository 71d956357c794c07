//! Who is meant: organisations and practitioners by what people call them, and what to call them in an answer.

use std::collections::BTreeMap;

use inro_client::NodeClient;
use inro_client::model::OrganisationAnswer;
use inro_contracts::id::{OrganisationId, PractitionerId};

use crate::fault::Fault;
use crate::terms::say_role;
use crate::words::Language;

/// The organisation with this id or exact public name.
pub async fn organisation(node: &NodeClient, named: &str) -> Result<OrganisationId, Fault> {
    match named.parse() {
        Ok(id) => Ok(id),
        Err(_) => pick(named, &node.organisations().await?),
    }
}

/// Several of them.
pub async fn organisations(node: &NodeClient, named: &[String]) -> Result<Vec<OrganisationId>, Fault> {
    let mut found = Vec::with_capacity(named.len());
    for name in named {
        found.push(organisation(node, name).await?);
    }
    Ok(found)
}

fn pick(named: &str, members: &[OrganisationAnswer]) -> Result<OrganisationId, Fault> {
    let name = |member: &OrganisationAnswer| member.organisation.profile.name.as_str().to_owned();
    let found: Vec<_> = members.iter().filter(|member| name(member) == named).map(|member| member.id).collect();
    match found[..] {
        [id] => Ok(id),
        [] => {
            let near = |member: &&OrganisationAnswer| name(member).to_lowercase().contains(&named.to_lowercase());
            let near: Vec<_> = members.iter().filter(near).map(|member| format!("{:?}", name(member))).take(5).collect();
            let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
            Err(Fault::bad_input(format!(
                "no organisation is called {named:?}{hint}; write its exact public name or its id (`inro organisations` lists them)"
            ))
            .in_japanese(format!("{named:?} という組織はありません。正式名かIDを書いてください（一覧: `inro organisations`）。")))
        }
        _ => {
            let ids: Vec<_> = found.iter().map(OrganisationId::to_hex).collect();
            Err(Fault::bad_input(format!("several organisations are called {named:?}; write the id of one: {}", ids.join(", ")))
                .in_japanese(format!("{named:?} という組織が複数あります。いずれかのIDを書いてください: {}", ids.join(", "))))
        }
    }
}

/// What organisations and practitioners are called; each is asked for once.
pub struct Names {
    node: NodeClient,
    language: Language,
    organisations: BTreeMap<OrganisationId, String>,
    practitioners: BTreeMap<PractitionerId, String>,
}

impl Names {
    /// Knows the members.
    pub async fn new(node: &NodeClient, language: Language) -> Result<Self, Fault> {
        let members = node.organisations().await?.into_iter();
        let organisations = members.map(|member| (member.id, member.organisation.profile.name.as_str().to_owned())).collect();
        Ok(Self { node: node.clone(), language, organisations, practitioners: BTreeMap::new() })
    }

    /// The organisation's public name, otherwise the beginning of its id.
    pub fn organisation(&self, id: &OrganisationId) -> String {
        self.organisations.get(id).cloned().unwrap_or_else(|| short(&id.to_hex()))
    }

    /// Role and organisation: a practitioner's own name stands nowhere on the ledger.
    pub async fn practitioner(&mut self, id: &PractitionerId) -> String {
        if let Some(known) = self.practitioners.get(id) {
            return known.clone();
        }
        let short = short(&id.to_hex());
        let name = match self.node.practitioner(id).await {
            Ok(found) => {
                let (role, organisation) = (say_role(found.role, self.language), self.organisation(&found.organisation));
                match self.language {
                    Language::En => format!("{role} {short} of {organisation}"),
                    Language::Ja => format!("{organisation}の{role} {short}"),
                }
            }
            Err(_) => short,
        };
        self.practitioners.insert(*id, name.clone());
        name
    }
}

/// The beginning of an id.
pub fn short(hex: &str) -> String {
    format!("{}…", hex.get(..8).unwrap_or(hex))
}

#[cfg(test)]
mod tests {
    use inro_contracts::bytes::Text;
    use inro_contracts::key::PublicKey;
    use inro_contracts::organisation::{Organisation, OrganisationKind, OrganisationProfile, Standing};
    use inro_contracts::time::Height;

    use super::*;

    fn member(number: u8, name: &str) -> OrganisationAnswer {
        let profile = OrganisationProfile {
            name: Text::new(name).unwrap(),
            kind: OrganisationKind::Clinic,
            institution_number: Text::default(),
            authority: PublicKey([number; 32]),
        };
        let organisation = Organisation { profile, standing: Standing::Active, since: Height(0), peers: 0 };
        OrganisationAnswer { id: OrganisationId([number; 32]), organisation }
    }

    #[test]
    fn an_organisation_is_named_exactly_and_of_two_with_one_name_both_ids_are_listed() {
        let members = [member(1, "A Clinic"), member(2, "Kamakura Clinic"), member(3, "A Clinic")];
        assert_eq!(pick("Kamakura Clinic", &members).unwrap(), OrganisationId([2; 32]));
        let twice = pick("A Clinic", &members).unwrap_err();
        assert!(twice.is_bad_input && twice.sentence.contains(&"01".repeat(32)) && twice.sentence.contains(&"03".repeat(32)));
        let near = pick("kamakura", &members).unwrap_err();
        assert!(near.is_bad_input && near.sentence.contains("Kamakura Clinic"), "{}", near.sentence);
        assert!(pick("Zushi", &members).is_err());
    }
}
