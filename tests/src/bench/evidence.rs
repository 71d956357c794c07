//! The group `evidence`: what it costs to check a ledger, or a part of it, without trusting anybody. A part is a file of its own,
//! prints its figures, and says whether what it measured was sound.

mod audit;
mod serve;
mod verify;

use super::Options;
use super::report::Report;

/// A part of the group.
type Part = fn(&Report, &Options) -> bool;

/// All parts, in the order in which they are measured.
const PARTS: [Part; 3] = [verify::measure, serve::measure, audit::measure];

/// Measures the group.
pub async fn run(options: &Options) -> bool {
    let report = Report::new(4);
    PARTS.iter().map(|part| tokio::task::block_in_place(|| part(&report, options))).fold(true, |sound, one| sound & one)
}
