//! Batches by HTTP, as gzip; bad events are named by the edge and don't refuse the others.
//!
//! Redirects aren't followed: a key must not go to an address that nobody set.

use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::answer::Response;

/// An answer to come.
pub(crate) type Sending = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Takes JSON lines to the edge; never fails: no answer is a response of status 0.
pub(crate) trait Transport: Send {
    /// Sends.
    fn send(&self, lines: Vec<u8>) -> Sending;
}

/// The edge by HTTP.
pub(crate) struct HttpTransport {
    client: reqwest::Client,
    address: String,
    key: String,
}

impl HttpTransport {
    pub(crate) fn new(url: &str, key: &str, wait: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(wait)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let address = format!("{}/v1/audit?on_error=skip", url.trim_end_matches('/'));
        Ok(Self {
            client,
            address,
            key: key.to_owned(),
        })
    }
}

impl Transport for HttpTransport {
    fn send(&self, lines: Vec<u8>) -> Sending {
        let request = self
            .client
            .post(&self.address)
            .bearer_auth(&self.key)
            .header("content-type", "application/jsonl")
            .header("content-encoding", "gzip")
            .body(packed(&lines));
        Box::pin(async move {
            match answered(request).await {
                Ok(response) => response,
                Err(error) => Response {
                    error: reason(&error),
                    ..Response::default()
                },
            }
        })
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Result<Response, reqwest::Error> {
    let answer = request.send().await?;
    let retry_after = answer.headers().get("retry-after");
    Ok(Response {
        status: answer.status().as_u16(),
        retry_after: retry_after
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        body: answer.bytes().await?.to_vec(),
        error: String::new(),
    })
}

/// The innermost cause says most.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    packed.write_all(plain).expect("memory can be written");
    packed.finish().expect("memory can be written")
}
