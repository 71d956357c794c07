//! The figures as they are printed: one JSON object a line.

use std::io::Write;

use serde::Serialize;

use super::machine::Machine;

/// How durable a committed block is.
const DURABILITY: &str = "fdatasync of one RocksDB batch per block before acknowledging";

/// Prints figures of one cluster on one machine.
#[derive(Debug)]
pub struct Report {
    machine: Machine,
    nodes: usize,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    measure: &'a str,
    value: f64,
    unit: &'a str,
    runs: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    median: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    nodes: usize,
    durability: &'a str,
    machine: &'a Machine,
    note: &'a str,
}

impl Report {
    /// A report on this machine.
    pub fn new(nodes: usize) -> Self {
        Self { machine: Machine::this(), nodes }
    }

    /// The machine's cores.
    pub fn cores(&self) -> usize {
        self.machine.cores
    }

    /// Prints one figure.
    pub fn figure(&self, measure: &str, unit: &str, value: f64, note: &str) {
        self.line(measure, unit, &[value], note);
    }

    /// Prints the median of repeated figures, with the least and the largest.
    pub fn figures(&self, measure: &str, unit: &str, values: &[f64], note: &str) {
        self.line(measure, unit, values, note);
    }

    fn line(&self, measure: &str, unit: &str, values: &[f64], note: &str) {
        let Some(value) = median(values).map(rounded) else { return };
        let is_repeated = values.len() > 1;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let line = Line {
            measure,
            value,
            unit,
            runs: values.len(),
            median: is_repeated.then_some(value),
            min: is_repeated.then_some(rounded(least)),
            max: is_repeated.then_some(rounded(largest)),
            nodes: self.nodes,
            durability: DURABILITY,
            machine: &self.machine,
            note,
        };
        let text = serde_json::to_string(&line).expect("a line of finite numbers and texts can be written");
        // A reader that went away has enough.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}

/// Says on standard error what is being done.
pub fn progress(words: &str) {
    eprintln!("bench: {words}");
}

/// The value in the middle; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which this part of all values lies; `None` of nothing.
pub fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[((last as f64) * part).round() as usize])
}

/// Four significant digits: no measurement here is better than that.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return if value.is_finite() { 0.0 } else { -1.0 };
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    if digits <= 0 { value.round() } else { (value * 10f64.powi(digits)).round() / 10f64.powi(digits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).map(f64::from).rev().collect();
        assert_eq!(quantile(&values, 0.99), Some(99.0));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn figures_keep_four_significant_digits() {
        assert_eq!(rounded(12_345.6), 12_346.0);
        assert_eq!(rounded(0.012_345_6), 0.012_35);
        assert_eq!(rounded(0.0), 0.0);
    }
}
