//! The HTTP front door as a client sees it: sends, and tries again what the contract says may be sent again.
//!
//! **Bound:** a request is repeated for `patience` at most; waits grow from [`FIRST_WAIT`] to [`LONGEST_WAIT`],
//! or are what `Retry-After` says.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hindsight_schemas::ids::{SessionId, Tab};
use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Fast, and the edge stores what it receives: the ratio is already within a tenth of the next levels.
const ZSTD_LEVEL: i32 = 3;

/// A server and the key to write to it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
    patience: Duration,
}

/// The answer to audit events.
#[derive(Debug, Deserialize)]
pub(super) struct AuditAnswer {
    pub(super) accepted: u64,
    #[serde(default)]
    pub(super) errors: Vec<Refused>,
}

/// What is read of a refusal, of a call or of one event of it. Everything in it may be absent: the server may be of
/// another release, and before it may stand a proxy with words of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) index: usize,
    title: String,
    pub(super) reason: String,
    pub(super) detail: String,
}

impl Client {
    pub(crate) fn new(url: &str, key: &str, patience: Duration) -> anyhow::Result<Self> {
        let builder = reqwest::Client::builder().timeout(REQUEST_TIMEOUT);
        let builder = if url.starts_with("https://") {
            builder.https_only(true)
        } else {
            // Plain HTTP needs no certificates of the system, which may have none.
            builder.no_proxy().tls_certs_only([])
        };
        let http = builder
            .build()
            .context("the system's certificates can't be read (SSL_CERT_FILE names others)")?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').into(),
            key: key.into(),
            patience,
        })
    }

    /// Sends a batch; returns the bytes that went over the wire.
    pub(super) async fn send_batch(
        &self,
        session: SessionId,
        tab: &Tab,
        seq: usize,
        body: &[u8],
        last: bool,
    ) -> anyhow::Result<u64> {
        let packed = bytes::Bytes::from(zstd::encode_all(body, ZSTD_LEVEL)?);
        let end = if last { "&final=1" } else { "" };
        let url = format!(
            "{}/v1/recordings/{session}/{tab}/{seq}?encoding=zstd{end}",
            self.url
        );
        let size = packed.len() as u64;
        self.until_answered(|| {
            self.http
                .post(&url)
                .header("content-type", "text/plain")
                .body(packed.clone())
        })
        .await?;
        Ok(size)
    }

    /// Sends audit events as JSON lines.
    pub(super) async fn send_audit(
        &self,
        body: String,
        idempotency_key: &str,
    ) -> anyhow::Result<AuditAnswer> {
        let url = format!("{}/v1/audit?on_error=skip", self.url);
        let body = bytes::Bytes::from(body);
        let answer = self
            .until_answered(|| {
                self.http
                    .post(&url)
                    .header("content-type", "application/x-ndjson")
                    .header("idempotency-key", idempotency_key)
                    .body(body.clone())
            })
            .await?;
        answer
            .json()
            .await
            .context("the answer is not what the contract says")
    }

    async fn until_answered(&self, request: impl Fn() -> RequestBuilder) -> anyhow::Result<Response> {
        let deadline = Instant::now() + self.patience;
        let mut wait = FIRST_WAIT;
        loop {
            let (pause, trouble) = match request().bearer_auth(&self.key).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) if may_repeat(answer.status()) => (
                    retry_after(&answer).unwrap_or(wait),
                    format!("server answers {}", answer.status()),
                ),
                Ok(answer) => return Err(refusal(answer).await),
                Err(error) => (wait, format!("{:#}", anyhow::Error::from(error))),
            };
            if Instant::now() + pause > deadline {
                bail!(
                    "gave up after {} s (--patience): {trouble}",
                    self.patience.as_secs()
                );
            }
            tokio::time::sleep(pause).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// After a 4xx nothing is kept and nothing will change by repeating, save where the server says 'later'.
fn may_repeat(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn refusal(answer: Response) -> anyhow::Error {
    let status = answer.status();
    let problem = answer.json::<Refused>().await.unwrap_or_default();
    let words = if problem.detail.is_empty() {
        problem.title
    } else {
        problem.detail
    };
    anyhow::anyhow!("server answers {status}: {words} ({})", problem.reason)
}
