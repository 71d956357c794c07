//! What `inro` prints: lines for people, or one JSON document with `--json`. A reader that goes away is no error.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use inro_client::NodeClient;
use serde::Serialize;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::words::{Language, Word, say};

/// Where the answers go.
pub struct Console {
    json: bool,
    language: Language,
    asked: AskedNodes,
}

/// The nodes that a command asked.
#[derive(Debug, Clone, Default)]
pub struct AskedNodes(Arc<Mutex<Vec<NodeClient>>>);

impl AskedNodes {
    /// This one too.
    pub fn note(&self, node: &NodeClient) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(node.clone());
    }

    /// What of the answers is proved; nothing if no node was asked.
    fn standing(&self) -> Option<Standing> {
        let nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let worst = |node: &NodeClient| match (node.is_all_proved(), node.is_verified()) {
            (true, _) => Standing::Proved,
            (false, true) => Standing::PartlyProved,
            (false, false) => Standing::Word,
        };
        nodes.iter().map(worst).max()
    }
}

/// What of a command's answers is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Proved,
    PartlyProved,
    Word,
}

impl Console {
    /// A console that speaks JSON or a language, and knows which nodes were asked.
    pub fn new(json: bool, language: Language, asked: AskedNodes) -> Self {
        Self { json, language, asked }
    }

    /// A sentence in the console's language.
    pub fn say(&self, word: Word, values: &[&dyn std::fmt::Display]) -> String {
        say(word, self.language, values)
    }

    /// Prints lines for people, or `value` for programs. Whatever nodes were asked for says whether it is proved: each object by its
    /// field `verified`, and people by a remark where it is not.
    pub fn print(&self, lines: &[String], value: &Value) {
        let standing = self.asked.standing();
        if standing == Some(Standing::PartlyProved) {
            self.remark(&self.say(Word::PartlyVerified, &[]));
        }
        let text = match (self.json, standing) {
            (true, Some(standing)) => marked(value, standing == Standing::Proved).to_string(),
            (true, None) => value.to_string(),
            (false, _) => lines.join("\n"),
        };
        // Whoever closed the pipe has read enough.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Prints an object of the ledger: as it is with `--json`, otherwise one line per field.
    pub fn print_object(&self, object: &impl Serialize) -> Result<(), Fault> {
        let value = serde_json::to_value(object).map_err(|error| Fault::refused(format!("cannot be printed: {error}")))?;
        let mut lines = Vec::new();
        write_lines(&value, 0, &mut lines);
        if lines.is_empty() {
            lines.push(self.say(Word::NothingThere, &[]));
        }
        self.print(&lines, &value);
        Ok(())
    }

    /// The language of the answers.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Are the answers JSON?
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A bar for work of a known length; nothing where nobody sees it.
    pub fn progress(&self) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        // The template has no field that does not exist.
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    /// A bar for bytes that are on their way; nothing where nobody sees it.
    pub fn transfer(&self) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        // As above.
        let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg}");
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    /// Something that turns while the network is waited for; nothing where nobody sees it.
    pub fn spinner(&self) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
        spinner.set_message(self.say(Word::Waiting, &[]));
        spinner.enable_steady_tick(std::time::Duration::from_millis(100));
        spinner
    }

    /// Says something that is not part of the answer.
    pub fn remark(&self, sentence: &str) {
        let text = if self.json { json!({ "remark": sentence }).to_string() } else { sentence.to_owned() };
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Says why the command failed and gives the exit status.
    pub fn fail(&self, fault: &Fault) -> ExitCode {
        let text = if self.json {
            let kind = if fault.is_bad_input { "bad-input" } else { "refused" };
            json!({ "error": { "kind": kind, "detail": fault.sentence, "rule": fault.rule } }).to_string()
        } else {
            let japanese = fault.japanese.as_ref().filter(|_| self.language == Language::Ja);
            self.say(Word::Error, &[japanese.unwrap_or(&fault.sentence)])
        };
        let _ = writeln!(std::io::stderr().lock(), "{text}");
        ExitCode::from(fault.status())
    }
}

/// The same with a mark on the object, or on each object of a list.
fn marked(value: &Value, verified: bool) -> Value {
    let mut value = value.clone();
    let objects = match &mut value {
        Value::Array(elements) => elements.iter_mut().collect(),
        one => vec![one],
    };
    for object in objects {
        if let Value::Object(fields) = object {
            fields.insert("verified".into(), verified.into());
        }
    }
    value
}

fn write_lines(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match inline(field) {
                    Some(text) => lines.push(format!("{indent}{name:<16}  {text}")),
                    None => {
                        lines.push(format!("{indent}{name}"));
                        write_lines(field, depth + 1, lines);
                    }
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                match inline(element) {
                    Some(text) => lines.push(format!("{indent}- {text}")),
                    None => {
                        lines.push(format!("{indent}-"));
                        write_lines(element, depth + 1, lines);
                    }
                }
            }
        }
        other => lines.extend(inline(other).map(|text| format!("{indent}{text}"))),
    }
}

/// A value that fits behind its name.
fn inline(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("-".into()),
        Value::String(text) if text.is_empty() => Some("-".into()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(elements) if elements.is_empty() => Some("-".into()),
        Value::Object(fields) if fields.is_empty() => Some("-".into()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_printed_one_line_per_field() {
        let mut lines = Vec::new();
        write_lines(&json!({ "a": 1, "b": { "c": [] }, "d": ["x"], "e": null }), 0, &mut lines);
        let expected =
            ["a                 1", "b", "  c                 -", "d", "  - x", "e                 -"].map(str::to_owned);
        assert_eq!(lines, expected);
    }
}
