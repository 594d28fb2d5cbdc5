//! Requests to the cluster: one attempt or several, by the `elasticsearch` crate's transport.
//!
//! **Invariant:** an answer is an error whenever its status says so. **Failure:** `Busy` (429, 502 to 504) and
//! `Unknown` (no answer, 500) are tried again with doubling pauses, on the next node where there are several;
//! everything that is sent may be sent twice. **Bounds:** `request_seconds` a request, `attempts` of them.

use std::time::Duration;

use bytes::Bytes;
use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue};
use elasticsearch::http::transport::{MultiNodeConnectionPool, Transport, TransportBuilder};
use elasticsearch::http::{Method, Url};
use serde::de::DeserializeOwned;

use super::super::SearchError;
use super::failure::Failure;
use super::options::ElasticsearchOptions;

/// Pause before the second attempt; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    /// With its query, without a slash before it.
    pub(super) path: String,
    pub(super) body: Option<Bytes>,
    pub(super) lines: bool,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::Get, path, None)
    }

    pub(super) fn post(path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self::new(Method::Post, path, Some(body.to_string().into()))
    }

    pub(super) fn new(method: Method, path: impl Into<String>, body: Option<Bytes>) -> Self {
        Self {
            method,
            path: path.into(),
            body,
            lines: false,
        }
    }

    /// `_bulk`: a document a line.
    pub(super) fn lines(path: &str, body: Bytes) -> Self {
        Self {
            lines: true,
            ..Self::new(Method::Post, path, Some(body))
        }
    }
}

/// The cluster.
#[derive(Debug, Clone)]
pub(super) struct Client {
    transport: Transport,
    limit: Duration,
    attempts: u32,
}

impl Client {
    pub(super) fn new(options: &ElasticsearchOptions) -> Result<Self, SearchError> {
        let nodes: Result<Vec<Url>, SearchError> = options.urls.iter().map(|url| node(url)).collect();
        let nodes = nodes?;
        if nodes.is_empty() {
            return Err(wrong("search.urls is empty: name a node of the cluster"));
        }
        let mut builder = TransportBuilder::new(MultiNodeConnectionPool::round_robin(nodes, None))
            .disable_proxy()
            .enable_meta_header(false)
            .timeout(options.request_limit());
        if let Some(credentials) = credentials(options)? {
            builder = builder.auth(credentials);
        }
        if !options.ca_certificate.as_os_str().is_empty() {
            builder = builder.cert_validation(CertificateValidation::Full(authority(options)?));
        }
        let transport = builder
            .build()
            .map_err(|error| wrong(format!("client can't be made: {error}")))?;
        Ok(Self {
            transport,
            limit: options.request_limit(),
            attempts: options.attempts.max(1),
        })
    }

    /// One attempt.
    pub(super) async fn once(&self, request: &Request) -> Result<Bytes, Failure> {
        let mut headers = HeaderMap::new();
        if request.lines {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        }
        let (path, body) = (request.path.as_str(), request.body.clone());
        let sent = self
            .transport
            .send(request.method, path, headers, None::<&()>, body, Some(self.limit));
        let answer = sent.await.map_err(|error| Failure::Unknown(chain(&error)))?;
        let status = answer.status_code();
        let body = answer
            .bytes()
            .await
            .map_err(|error| Failure::Unknown(chain(&error)))?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(Failure::of_answer(status.as_u16(), &body))
        }
    }

    /// Several attempts, where the next may do better.
    pub(super) async fn send(&self, request: &Request) -> Result<Bytes, Failure> {
        let mut attempt = 1;
        loop {
            match self.once(request).await {
                Err(Failure::Busy(_) | Failure::Unknown(_)) if attempt < self.attempts => {
                    metrics::counter!("hindsight_search_retries_total").increment(1);
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// As [`Self::send`], with the answer read.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, SearchError> {
        let answer = self.send(&request).await?;
        read(&answer)
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// The pause after so many attempts.
pub(super) fn pause(attempts: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << attempts.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE)
}

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, SearchError> {
    serde_json::from_slice(answer)
        .map_err(|error| SearchError::Engine(format!("answer can't be read: {error}")))
}

impl From<Failure> for SearchError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => SearchError::Refused(refusal),
            other => SearchError::Engine(other.words()),
        }
    }
}

fn node(url: &str) -> Result<Url, SearchError> {
    let parsed = Url::parse(url).map_err(|error| wrong(format!("search.urls has {url:?}: {error}")))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(wrong(
            "search.urls holds a password: set search.user and search.password",
        ));
    }
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        other => Err(wrong(format!(
            "search.urls has scheme {other:?}: use http or https"
        ))),
    }
}

fn credentials(options: &ElasticsearchOptions) -> Result<Option<Credentials>, SearchError> {
    if !options.api_key.is_empty() {
        let key = options.api_key.reveal().trim();
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(
                "search.api_key is not the base64 text that Elasticsearch calls encoded",
            ));
        }
        return Ok(Some(Credentials::EncodedApiKey(key.to_owned())));
    }
    let password = options.password.reveal().to_owned();
    Ok((!options.user.is_empty()).then(|| Credentials::Basic(options.user.clone(), password)))
}

fn authority(options: &ElasticsearchOptions) -> Result<Certificate, SearchError> {
    let path = options.ca_certificate.display();
    let pem = std::fs::read(&options.ca_certificate)
        .map_err(|error| wrong(format!("search.ca_certificate {path} can't be read: {error}")))?;
    Certificate::from_pem(&pem).map_err(|error| {
        wrong(format!(
            "search.ca_certificate {path} is no certificate in PEM: {error}"
        ))
    })
}

fn wrong(words: impl Into<String>) -> SearchError {
    SearchError::Settings(words.into())
}

/// An error with its causes: the transport's own words only say that a request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    words.join(": ")
}
