//! The pages of the specification say what the code does: rules, tags, actions and the order of checks.

use std::collections::{BTreeMap, BTreeSet};

use inro_contracts::access::Denial;
use inro_contracts::bytes::encode;
use inro_contracts::rule::Rule;
use inro_contracts::tag::Tag;
use inro_contracts::transaction::Lane;

const RULES: &str = include_str!("../../docs/spec/rules.md");
const ENCODING: &str = include_str!("../../docs/spec/encoding.md");
const DECISION: &str = include_str!("../../docs/spec/decision.md");
const TRANSACTIONS: &str = include_str!("../../docs/spec/transactions.md");

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn the_page_of_rules_lists_every_rule_with_number_code_and_text() {
    let found: Vec<String> = RULES
        .lines()
        .filter(|line| line.starts_with("| ") && cells(line)[0].parse::<u8>().is_ok())
        .map(|line| cells(line).join(" | "))
        .collect();
    let expected: Vec<String> =
        Rule::ALL.iter().map(|rule| format!("{} | {} | {}", *rule as u8, rule.code(), rule.text())).collect();
    assert_eq!(found, expected);
    assert!(Rule::ALL.iter().all(|rule| *rule as u8 != 49 && rule.code() != "A-10"), "number 49 and A-10 are retired");
}

#[test]
fn the_page_of_the_decision_lists_every_denial_with_number_code_and_text() {
    let found: Vec<String> = DECISION
        .lines()
        .filter(|line| line.starts_with("| ") && cells(line)[0].parse::<u8>().is_ok())
        .map(|line| cells(line).join(" | "))
        .collect();
    let expected: Vec<String> =
        Denial::ALL.iter().map(|denial| format!("{} | {} | {}", *denial as u8, denial.code(), denial.text())).collect();
    assert_eq!(found, expected);
}

/// The numbers of purposes, categories and roles, each with its name, as the page of transactions gives them.
#[test]
fn the_page_of_transactions_names_every_purpose_and_category_with_its_number() {
    let flat = TRANSACTIONS.split_whitespace().collect::<Vec<_>>().join(" ");
    for purpose in inro_contracts::purpose::Purpose::ALL {
        assert!(flat.contains(&format!("{} {}", *purpose as u8, purpose.code())), "{purpose:?}");
    }
    for category in inro_contracts::category::Category::ALL {
        let name = category.name().replace('-', " ");
        let text = format!("{} {name}", category as u8);
        assert!(flat.replace("check-up", "check up").replace("self-recorded", "self recorded").contains(&text), "{text}");
    }
}

#[test]
fn the_page_of_encoding_lists_every_tag() {
    let found: Vec<&str> =
        ENCODING.lines().filter_map(|line| line.strip_prefix("| `inro/1/")).filter_map(|rest| rest.split('`').next()).collect();
    let expected: Vec<&str> = Tag::ALL.iter().filter_map(|tag| tag.text().strip_prefix("inro/1/")).collect();
    assert_eq!(found, expected);
}

/// Each action's section: its number, its name, and its text.
fn sections() -> Vec<(u8, &'static str, &'static str)> {
    TRANSACTIONS
        .split("\n### ")
        .skip(1)
        .map(|section| {
            let section = section.split("\n## ").next().unwrap_or_default();
            let (head, text) = section.split_once('\n').expect("a section has a text");
            let (number, name) = head.split_once(' ').expect("a heading is a number and a name");
            (number.parse().expect("an action's number"), name, text)
        })
        .collect()
}

/// The codes of rules in a text, in order.
fn codes(text: &str) -> Vec<&str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'))
        .filter(|word| Rule::ALL.iter().any(|rule| rule.code() == *word))
        .collect()
}

/// Which rules the page names for each action.
pub fn rules_of_actions() -> BTreeMap<u8, BTreeSet<&'static str>> {
    sections().into_iter().map(|(number, _, text)| (number, codes(text).into_iter().collect())).collect()
}

#[test]
fn the_page_of_transactions_has_every_action_with_its_number_name_and_lane() {
    let mut expected = BTreeMap::<u8, (String, BTreeSet<Lane>)>::new();
    for action in crate::samples::actions() {
        let name = format!("{action:?}").split([' ', '(']).next().unwrap_or_default().to_owned();
        expected.entry(encode(&action)[0]).or_insert((name, BTreeSet::new())).1.insert(action.lane());
    }
    let sections = sections();
    assert_eq!(sections.len(), expected.len());
    for (number, name, text) in sections {
        let (expected_name, lanes) = &expected[&number];
        assert_eq!(name, expected_name);
        for (lane, word) in Lane::ALL.into_iter().zip(["Guard.", "Emergency.", "Access.", "Bulk."]) {
            assert_eq!(text.contains(word), lanes.contains(&lane), "{name} waits in lane {word}");
        }
        assert!(text.contains("\nRules: "), "{name} has its rules in order");
    }
}
