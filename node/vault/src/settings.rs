//! Where a vault lies.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a vault lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The local folder of its wrapped keys.
    pub folder: PathBuf,
    /// Where the encrypted payloads lie.
    pub store: StoreSettings,
}

/// Where the encrypted payloads lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum StoreSettings {
    /// In a local folder.
    Local {
        /// The folder.
        folder: PathBuf,
    },
    /// In an S3-compatible bucket. The credentials come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// …). Let the bucket's lifecycle abort incomplete multipart uploads after a day: a killed program cannot do it.
    S3 {
        /// The bucket.
        bucket: String,
        /// The region, if the store has any.
        #[serde(default)]
        region: Option<String>,
        /// The store's address, if it is not Amazon's.
        #[serde(default)]
        endpoint: Option<String>,
        /// Before each object's name.
        #[serde(default)]
        prefix: Option<String>,
        /// Speak plain HTTP: only for a store on the same machine.
        #[serde(default)]
        allow_http: bool,
    },
}
