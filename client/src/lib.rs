//! The SDK: how any program talks to a node over HTTP.
//!
//! [`NodeClient`] asks and submits; [`light`] proves its answers from the founding document, so that no node need be believed;
//! [`model`] holds the shapes of the answers; [`problem`] the errors; [`verify`] checks that a block's parts belong together; [`desk`]
//! asks for consent, records and payloads with signed requests; [`evidence`] makes files that prove things to anybody; [`transfer`]
//! puts payloads into files; [`wallet`] is the patient's secret and what follows from it. The command `inro` is built on nothing else.
//!
//! ```no_run
//! # async fn example() -> Result<(), inro_client::ClientError> {
//! let node = inro_client::NodeClient::new("http://127.0.0.1:8500")?;
//! println!("block {}", node.status().await?.height);
//! # Ok(()) }
//! ```

pub mod desk;
pub mod evidence;
pub mod light;
pub mod model;
mod node_client;
pub mod problem;
pub mod transfer;
pub mod verify;
pub mod wallet;

pub use node_client::NodeClient;
pub use problem::{ClientError, Problem};
