//! The page and the program say the same.

use inro_evidence::{CHANGES_MAX, EARLIER_MAX, EVENTS_MAX, FACTS_MAX, FILE_BYTES_MAX, HISTORY_PATH_MAX, Step, Verdict};

const PAGE: &str = include_str!("../../../docs/spec/evidence.md");

#[test]
fn the_page_has_every_step_in_order_with_how_it_fails() {
    let rows: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| V-")).collect();
    let expected: Vec<(&str, &str)> = Step::ALL
        .iter()
        .map(|step| (step.code(), if step.fails() == Verdict::Malformed { "malformed" } else { "false" }))
        .collect();
    let found: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            (cells[0], cells[cells.len() - 1])
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_page_has_every_bound() {
    let bounds = [
        format!("List<change, {CHANGES_MAX}>"),
        format!("List<event, {EVENTS_MAX}>"),
        format!("List<fact, {FACTS_MAX}>"),
        format!("List<located entry, {EARLIER_MAX}>"),
        format!("List<32, {HISTORY_PATH_MAX}>"),
    ];
    for bound in bounds {
        assert!(PAGE.contains(&bound), "the page does not say {bound}");
    }
    assert_eq!(FILE_BYTES_MAX, 67_108_864);
    assert!(PAGE.contains("67,108,864 bytes"));
}
