//! A node's figures, as it serves them.

use std::collections::BTreeMap;

/// Figures by name with labels, as they stand in the OpenMetrics text.
#[derive(Debug, Clone, Default)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Reads the OpenMetrics text; lines that are no figures are skipped.
    pub fn parse(text: &str) -> Self {
        let figure = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            (!name.starts_with('#')).then_some((name.to_owned(), value.parse().ok()?))
        };
        Self(text.lines().filter_map(figure).collect())
    }

    /// All figures of this name, whatever their labels, together; 0 if there is none.
    pub fn sum(&self, name: &str) -> f64 {
        let same = |found: &str| found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
        self.0.iter().filter(|(found, _)| same(found)).map(|(_, value)| value).sum()
    }

    /// One figure, with its labels in its name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Every name, with labels.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_summed_over_their_labels() {
        let text = "# HELP a x\na_total{cause=\"x\"} 2\na_total{cause=\"y\"} 3\na_total_more 7\nheight 4\n# EOF\n";
        let figures = Figures::parse(text);
        assert_eq!(figures.sum("a_total"), 5.0);
        assert_eq!(figures.get("height"), Some(4.0));
        assert_eq!(figures.sum("absent"), 0.0);
    }
}
