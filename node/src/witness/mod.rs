//! A witness: a program without the ledger's data that vouches for its history. It asks nodes for their newest header, checks
//! everything from the founding document on, and cosigns the header's checkpoint if it continues the one that it cosigned last
//! (`docs/spec/witness.md`). Clients that demand the cosignatures of several witnesses cannot be shown a history of their own, not
//! even by a quorum of colluding validators.
//!
//! What it refuses: to cosign before it has written down what it cosigns; a smaller tree, or one that does not continue the last;
//! and anything at all once it saw two blocks of one height.

mod memory;
mod node;
mod observer;
mod serve;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inro_contracts::genesis::Founding;
use inro_contracts::time::Height;
use inro_evidence::checkpoint::{BadVerifierKey, Cosigner};
use inro_evidence::{Anchor, FILE_BYTES_MAX, Proved, Walk};
use inro_genesis::ceremony::{self, CeremonyFault};
use inro_genesis::files::{self, Audience};
use inro_genesis::keyfile::{self, KeyFault, PassphraseSource};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::api::{BoundedListener, CannotListen, bind};
use memory::{Last, MemoryFile};
use node::Node;
use observer::{Fork, Found, Look, Observer};
use serve::{ForkStanding, NodeStanding, Standing};

pub use memory::MemoryFault;
pub use node::BadUrl;

const CONNECTIONS_MAX: usize = 256;

/// What a witness is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The founding document.
    pub genesis: PathBuf,
    /// Its name; policies and cosignatures carry it.
    pub name: String,
    /// Its key file.
    pub key: PathBuf,
    /// Where the passphrase of the key file comes from.
    pub passphrase: PassphraseSource,
    /// The file in which it remembers what it cosigned.
    pub state: PathBuf,
    /// The nodes that it asks.
    pub nodes: Vec<String>,
    /// Where it serves its checkpoint.
    pub listen: SocketAddr,
    /// How long it waits between two looks at the nodes.
    pub every: Duration,
}

/// Why a witness does not run.
#[derive(Debug, thiserror::Error)]
pub enum WitnessFault {
    /// The founding document.
    #[error("the founding document: {0}")]
    Genesis(#[from] CeremonyFault),
    /// The key file or its passphrase.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The name.
    #[error("{0}; --name takes something like witness.example.org/1")]
    Name(#[from] BadVerifierKey),
    /// A node's address.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// What it remembers.
    #[error(transparent)]
    Memory(#[from] MemoryFault),
    /// The port.
    #[error(transparent)]
    Listen(#[from] CannotListen),
    /// Serving.
    #[error("the checkpoint cannot be served any more: {0}")]
    Serving(#[from] std::io::Error),
}

impl WitnessFault {
    /// Is it something in what the operator gave, rather than in how things stand?
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Genesis(fault) => fault.is_bad_input(),
            Self::Key(fault) => fault.is_bad_input(),
            Self::Name(_) | Self::Url(_) => true,
            Self::Memory(_) | Self::Listen(_) | Self::Serving(_) => false,
        }
    }
}

/// Runs a witness until `stop` says so or something fails.
pub async fn run(settings: Settings, mut stop: watch::Receiver<bool>) -> Result<(), WitnessFault> {
    let founding = ceremony::verify(&ceremony::read_genesis(&settings.genesis)?)?;
    let nodes = settings.nodes.iter().map(|url| Node::at(url)).collect::<Result<Vec<_>, _>>()?;
    let secret = keyfile::open(&settings.key, &settings.passphrase.read("the witness's key")?)?;
    let cosigner = Cosigner::new(&settings.name, secret)?;
    let file = MemoryFile::take(&settings.state, founding.chain, cosigner.verifier_key().key())?;
    let memory = file.read(&founding)?;
    let listener = bind("witness", settings.listen).await?;
    let first = Standing {
        witness: cosigner.verifier_key().to_string(),
        nodes: nodes.iter().map(|node| unasked(node.url())).collect(),
        fork: found_before(&file.fork_path(), &founding),
        ..Standing::default()
    };
    let (standing, told) = watch::channel(first);
    let mut witness = Witness { observer: Observer::new(&founding, nodes, memory), cosigner, file, standing };
    witness.cosign_again();
    info!(witness = %witness.cosigner.verifier_key(), size = witness.size(), "the witness runs");
    let serving = axum::serve(BoundedListener::new(listener, CONNECTIONS_MAX), serve::router(told));
    tokio::select! {
        served = serving.into_future() => Ok(served?),
        () = witness.watch(settings.every) => Ok(()),
        _ = stop.wait_for(|stop| *stop) => Ok(()),
    }
}

struct Witness {
    observer: Observer,
    cosigner: Cosigner,
    file: MemoryFile,
    standing: watch::Sender<Standing>,
}

impl Witness {
    /// Looks at the nodes for ever.
    async fn watch(&mut self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.standing.borrow().fork.is_none() {
                let look = self.observer.look().await;
                self.conclude(look);
            }
        }
    }

    fn conclude(&mut self, look: Look) {
        self.tell_of_nodes(&look.nodes);
        match look.found {
            Found::Nothing => {}
            Found::Continued(continued) => self.continue_with(continued.0, continued.1),
            Found::Fork(fork) => self.refuse(&fork),
        }
    }

    /// Writes the new tree down, and only then cosigns it.
    fn continue_with(&mut self, walk: Walk, last: Last) {
        match tokio::task::block_in_place(|| self.file.write(&walk, &last)) {
            Ok(()) => {
                self.observer.accept(walk, last);
                self.standing.send_modify(|standing| standing.fault = None);
                self.cosign_again();
            }
            Err(fault) => {
                error!(%fault, "nothing is cosigned, because it cannot be written down");
                self.standing.send_modify(|standing| standing.fault = Some(fault.to_string()));
            }
        }
    }

    /// Cosigns what was written down last, at the time of now.
    fn cosign_again(&mut self) {
        let Some(last) = self.observer.last() else { return };
        let (checkpoint, time) = (last.checkpoint, now_s());
        let note = self.cosigner.cosign(checkpoint, time).to_string();
        self.standing.send_modify(|standing| {
            standing.note = Some(note);
            (standing.size, standing.cosigned) = (checkpoint.size, time);
        });
    }

    /// Keeps the evidence and cosigns nothing any more.
    fn refuse(&mut self, fork: &Fork) {
        let path = self.file.fork_path();
        // Without evidence the empty file still holds a restarted witness back.
        let bytes = fork.evidence.as_deref().unwrap_or_default();
        let kept = tokio::task::block_in_place(|| files::create(&path, bytes, Audience::Everybody));
        let signers = &fork.double_signers;
        error!(height = %fork.height, ?signers, evidence = %path.display(), "a fork: two blocks of one height, each signed by a quorum; nothing is cosigned any more");
        if let Err(fault) = &kept {
            error!(%fault, "the evidence of the fork cannot be kept");
        }
        let evidence = kept.is_ok().then(|| path.display().to_string()).filter(|_| fork.evidence.is_some());
        let fork = ForkStanding { height: Some(fork.height), double_signers: signers.clone(), evidence };
        self.standing.send_modify(|standing| standing.fork = Some(fork));
    }

    /// Says how the nodes are; what changed is logged.
    fn tell_of_nodes(&self, nodes: &[Result<Height, String>]) {
        self.standing.send_modify(|standing| {
            for (told, found) in standing.nodes.iter_mut().zip(nodes) {
                let fault = found.as_ref().err();
                match fault {
                    Some(fault) if told.fault.is_none() => warn!(node = told.url, fault, "a node"),
                    None if told.fault.is_some() => info!(node = told.url, "the node is well again"),
                    _ => {}
                }
                (told.height, told.fault) = (found.as_ref().ok().copied(), fault.cloned());
            }
        });
    }

    fn size(&self) -> u64 {
        self.observer.last().map_or(0, |last| last.checkpoint.size)
    }
}

/// A fork that was found before the last restart.
fn found_before(path: &Path, founding: &Founding) -> Option<ForkStanding> {
    if !path.exists() {
        return None;
    }
    error!(evidence = %path.display(), "this witness saw a fork and cosigns nothing; agree with the consortium what to do");
    // Without sound evidence in it, the file still says that there was a fork.
    let bytes = files::read(path, FILE_BYTES_MAX as u64, Audience::Everybody).ok();
    let proved = bytes.and_then(|bytes| inro_evidence::verify(&bytes, &Anchor::from(founding)).ok());
    let evidence = proved.is_some().then(|| path.display().to_string());
    let double_signers = proved.as_ref().map(Proved::double_signers).unwrap_or_default();
    Some(ForkStanding { height: proved.map(|proved| proved.head().height), double_signers, evidence })
}

fn unasked(url: &str) -> NodeStanding {
    NodeStanding { url: url.into(), height: None, fault: None }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
