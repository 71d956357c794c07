//! One node, asked over HTTP for what a witness needs. Answers are read within a bound and a time; nothing of them is believed here.

use std::time::Duration;

use inro_contracts::block::Header;
use inro_contracts::bytes::List;
use inro_contracts::id::Hash;
use inro_contracts::time::Height;
use inro_evidence::{Certified, Change, HISTORY_PATH_MAX};
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A page of changes with large validator sets; everything else is a hundredth of it.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an address is no node's.
#[derive(Debug, thiserror::Error)]
#[error("{url:?} is not a node's address ({why}); write it as http://HOST:PORT")]
pub struct BadUrl {
    url: String,
    why: String,
}

/// Why a node did not answer as it should. The words are for the log and for `/health`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unanswered(String);

/// A node.
#[derive(Debug, Clone)]
pub(super) struct Node {
    base: String,
    http: reqwest::Client,
}

/// That an older block and the tree up to it are in a newer tree.
#[derive(Debug, Deserialize)]
pub(super) struct HistoryProof {
    pub(super) inclusion: List<Hash, HISTORY_PATH_MAX>,
    pub(super) consistency: List<Hash, HISTORY_PATH_MAX>,
}

impl Node {
    /// The node at this address. Nothing is sent yet.
    pub(super) fn at(url: &str) -> Result<Self, BadUrl> {
        let bad = |why: String| BadUrl { url: url.into(), why };
        let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
        if parsed.scheme() != "http" || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(bad("only plain http is spoken, and nothing follows the path".into()));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self { base: url.trim_end_matches('/').into(), http })
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        &self.base
    }

    /// Its last block.
    pub(super) async fn head(&self) -> Result<Certified, Unanswered> {
        let header: Header = self.read("/v1/headers/latest").await?;
        let certificate = self.read(&format!("/v1/certificates/{}", header.height)).await?;
        Ok(Certified { header, certificate })
    }

    /// Its block of this height.
    pub(super) async fn block(&self, height: Height) -> Result<Certified, Unanswered> {
        let header = self.read(&format!("/v1/headers/{height}")).await?;
        let certificate = self.read(&format!("/v1/certificates/{height}")).await?;
        Ok(Certified { header, certificate })
    }

    /// The changes of the validator set after this height, or the first of them.
    pub(super) async fn changes(&self, after: Height) -> Result<Vec<Change>, Unanswered> {
        self.read(&format!("/v1/changes?after={after}")).await
    }

    /// That the block of height `older`, and the tree of as many ids, are in the tree of `size` ids.
    pub(super) async fn history(&self, older: u64, size: u64) -> Result<HistoryProof, Unanswered> {
        self.read(&format!("/v1/history/{older}/{size}")).await
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Unanswered> {
        let failed = |error: reqwest::Error| Unanswered(format!("no answer to {path}: {}", innermost(&error)));
        let mut response = self.http.get(format!("{}{path}", self.base)).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(Unanswered(format!("{path} was answered with status {}", response.status().as_u16())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Unanswered(format!("the answer to {path} is longer than {ANSWER_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|error| Unanswered(format!("the answer to {path} cannot be read: {error}")))
    }
}

/// What the system said, without the layers around it.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_a_node_is_refused() {
        for url in ["", "127.0.0.1:8500", "https://127.0.0.1", "http://h/?a=1", "http://h/#a"] {
            assert!(Node::at(url).is_err(), "{url}");
        }
        assert_eq!(Node::at("http://127.0.0.1:8500/").unwrap().url(), "http://127.0.0.1:8500");
    }
}
