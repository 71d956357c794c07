//! Asks a node as any other program would, with requests signed by hand, and takes every answer as it comes: status, headers, bytes.

use inro_client::NodeClient;
use inro_contracts::id::ChainId;
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::request::{RequestStatement, body_hash};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};

use crate::consortium::now;

/// One node, asked over HTTP.
#[derive(Debug, Clone)]
pub struct Asker {
    http: reqwest::Client,
    url: String,
    chain: ChainId,
    peer: PublicKey,
}

/// An answer, whatever it is.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Asker {
    /// Asks the node that this client asks.
    pub async fn at(client: &NodeClient) -> Self {
        let status = client.status().await.expect("the node says who it is");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client without settings can be made");
        Self { http, url: client.url().to_owned(), chain: status.chain, peer: status.peer }
    }

    /// A question that is signed with this key, with further headers.
    pub async fn get(&self, key: &SecretKey, path: &str, headers: &[(&str, &str)]) -> RawAnswer {
        let statement = RequestStatement {
            chain: self.chain,
            node: self.peer,
            method: "GET".into(),
            path: path.into(),
            body: body_hash(&[]),
            time: now(),
        };
        let request = self.request(Method::GET, path).header(AUTHORIZATION, statement.authorization(key));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.answer(request, path).await
    }

    /// A question that nobody signed.
    pub async fn get_unsigned(&self, path: &str) -> RawAnswer {
        self.answer(self.request(Method::GET, path), path).await
    }

    /// Canonical bytes for a path that needs no signature besides theirs.
    pub async fn post(&self, path: &str, bytes: Vec<u8>) -> RawAnswer {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/octet-stream").body(bytes);
        self.answer(request, path).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    async fn answer(&self, request: RequestBuilder, path: &str) -> RawAnswer {
        let response = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap_or_else(|error| panic!("{path}: {error}")).to_vec();
        RawAnswer { status, headers, body }
    }
}
