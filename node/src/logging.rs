//! The node's log: what it writes about itself, for people or for machines.
//!
//! Nothing that names a person, an account or a record is ever written; the types of such values print nothing. The engine and
//! the network library are held to warnings, and their two lines for every dial that fails are left out: a peer that is away is
//! seen in the figures, and the engine would otherwise write whole entries of its own log at `info`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{Log, LogFormat, LogLevel};

/// The environment variable that replaces the filter.
pub const VARIABLE: &str = "INRO_LOG";

/// Libraries that are held to warnings, by the beginnings of their targets.
const QUIET: [&str; 8] = ["arc_malachitebft", "libp2p", "multistream", "yamux", "ractor", "hyper", "h2", "netlink"];

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// The file cannot be appended to.
    #[error("the log file {} cannot be opened: {cause}; give the node's user write permission there, or change log.file", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The filter in the environment is not one.
    #[error("{VARIABLE} is not a filter: {why}; an example is {VARIABLE}=info,inro_node::admission=debug")]
    Filter {
        /// What is wrong with it.
        why: String,
    },
    /// Another log was opened before, in the same process.
    #[error("the log was opened before")]
    Twice,
}

/// Opens the log for the whole process.
pub fn start(log: &Log) -> Result<(), LogFault> {
    let replaced = std::env::var(VARIABLE).ok().filter(|filter| !filter.is_empty());
    let layer = match &log.file {
        None => layer(log, replaced.as_deref(), io::stderr, io::stderr().is_terminal())?,
        Some(file) => layer(log, replaced.as_deref(), Arc::new(append(file)?), false)?,
    };
    tracing_subscriber::registry().with(layer).try_init().map_err(|_| LogFault::Twice)
}

/// The filter's directives for a level.
fn directives(level: LogLevel) -> String {
    let quiet = if level == LogLevel::Error { "error" } else { "warn" };
    let mut directives = level.name().to_owned();
    for library in QUIET {
        directives.push_str(&format!(",{library}={quiet}"));
    }
    directives
}

fn append(file: &Path) -> Result<File, LogFault> {
    let open = OpenOptions::new().create(true).append(true).open(file);
    open.map_err(|cause| LogFault::File { file: file.to_owned(), cause })
}

fn layer<W>(
    log: &Log,
    replaced: Option<&str>,
    writer: W,
    colours: bool,
) -> Result<Box<dyn Layer<Registry> + Send + Sync>, LogFault>
where
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = match replaced {
        None => EnvFilter::new(directives(log.level)),
        Some(filter) => EnvFilter::try_new(filter).map_err(|error| LogFault::Filter { why: error.to_string() })?,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let layer = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let layer = layer.with_filter(filter);
    Ok(if replaced.is_none() { layer.with_filter(WithoutFailedDials).boxed() } else { layer.boxed() })
}

/// Leaves out what the engine says about every dial that fails, at its level for errors.
struct WithoutFailedDials;

impl<S: Subscriber> Filter<S> for WithoutFailedDials {
    fn enabled(&self, _metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _context: &Context<'_, S>) -> bool {
        if !event.metadata().target().starts_with("arc_malachitebft") {
            return true;
        }
        let mut dial = IsFailedDial(false);
        event.record(&mut dial);
        !dial.0
    }
}

struct IsFailedDial(bool);

impl Visit for IsFailedDial {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let message = format!("{value:?}");
            self.0 = message.starts_with("Error dialing peer") || message.starts_with("Failed to dial peer");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing::subscriber::with_default;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(log: &Log, replaced: Option<&str>, say: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let layer = layer(log, replaced, move || writer.clone(), false).unwrap();
        with_default(tracing_subscriber::registry().with(layer), say);
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_engine_is_held_to_warnings_and_its_failed_dials_are_left_out() {
        let text = written(&Log::default(), None, || {
            tracing::info!("ours");
            tracing::debug!("too small");
            tracing::info!(target: "arc_malachitebft_engine::consensus", "Replaying entry: …");
            tracing::warn!(target: "arc_malachitebft_engine::consensus", "worth knowing");
            tracing::error!(target: "arc_malachitebft_network", "Error dialing peer: {}", "refused");
            tracing::error!(target: "arc_malachitebft_discovery::handlers::dial", "Failed to dial peer {:?}", 1);
            tracing::error!(target: "arc_malachitebft_network", "Error listening on {}", "x");
        });
        assert!(text.contains("ours") && text.contains("worth knowing") && text.contains("Error listening"), "{text}");
        for silent in ["too small", "Replaying", "dialing", "Failed to dial"] {
            assert!(!text.contains(silent), "{silent} in {text}");
        }
    }

    #[test]
    fn json_is_one_object_a_line() {
        let log = Log { format: LogFormat::Json, ..Log::default() };
        let text = written(&log, None, || tracing::info!(height = 7, "committed"));
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!((line["message"].as_str(), line["height"].as_u64()), (Some("committed"), Some(7)));
    }

    #[test]
    fn the_environment_replaces_the_filter_and_nonsense_in_it_is_named() {
        let text = written(&Log::default(), Some("arc_malachitebft=debug"), || {
            tracing::debug!(target: "arc_malachitebft_engine", "shown");
            tracing::info!("hidden");
        });
        assert!(text.contains("shown") && !text.contains("hidden"));
        let Err(error) = layer(&Log::default(), Some("info,inro_node=loudly"), io::stderr, false) else { panic!("accepted") };
        assert!(error.to_string().contains("INRO_LOG is not a filter"), "{error}");
    }

    #[test]
    fn an_unwritable_file_is_a_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = append(&folder.path().join("none").join("log")).unwrap_err().to_string();
        assert!(error.contains("cannot be opened") && error.contains("log.file"), "{error}");
        append(&folder.path().join("log")).unwrap();
    }
}
