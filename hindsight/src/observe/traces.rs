//! Sends spans to a collector by OTLP over HTTP, where `traces.endpoint` names one.
//!
//! **Failure:** a collector that is away costs its spans and one line in the log, nothing else waits for it. **Bound:** the
//! queue of OpenTelemetry's batch processor (2,048 spans, 512 a request), one request at a time, [`EXPORT_WITHIN`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use hindsight_engines::trace;
use http::{Request, Response};
use opentelemetry::{KeyValue, global};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;

use crate::failure::Failure;
use crate::settings;

const EXPORT_WITHIN: Duration = Duration::from_secs(10);
/// How long a stop waits for the last spans.
const LAST_WITHIN: Duration = Duration::from_secs(3);

/// Tracing that is on.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to make spans, where a collector is named. A trace that its caller samples goes on; of new ones `sample`.
    pub(crate) fn start(settings: &settings::Traces) -> anyhow::Result<Option<Self>> {
        if !(0.0..=1.0).contains(&settings.sample) {
            let reason = format!("traces.sample is {}: it is a share, from 0 to 1", settings.sample);
            return Err(Failure::Configuration(reason).into());
        }
        if settings.endpoint.is_empty() {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new()?)
            .with_endpoint(&settings.endpoint)
            .with_timeout(EXPORT_WITHIN)
            .build()
            .with_context(|| format!("traces.endpoint {:?} can't be used", settings.endpoint))?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder()
            .with_service_name("hindsight")
            .with_attribute(version);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
                settings.sample,
            ))))
            .with_resource(resource.build())
            .build();
        global::set_tracer_provider(provider.clone());
        trace::turn_on();
        Ok(Some(Self(provider)))
    }

    /// Sends what is left, within a bound.
    pub(crate) async fn stop(self) {
        let last = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST_WITHIN));
        if !matches!(last.await, Ok(Ok(()))) {
            tracing::warn!(limit_s = LAST_WITHIN.as_secs(), "the last spans were not sent");
        }
    }
}

/// The client of the collector. OpenTelemetry asks from a thread of its own; the request runs on our runtime.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
    failing: AtomicBool,
}

impl Sender {
    fn new() -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(EXPORT_WITHIN).build();
        Ok(Self {
            client: client.context("no client for traces.endpoint")?,
            runtime: Handle::current(),
            failing: AtomicBool::new(false),
        })
    }

    /// One line when it begins to fail and one when that ends.
    fn note(&self, outcome: &Result<Response<Bytes>, HttpError>) {
        let failure = match outcome {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(answer.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let failed_before = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !failed_before => {
                tracing::warn!(error, "the collector takes no spans (traces.endpoint)");
            }
            None if failed_before => tracing::info!("the collector takes spans again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sending = self
            .runtime
            .spawn(async move { exchange(&client, request).await });
        let outcome = sending.await.unwrap_or_else(|died| Err(died.into()));
        self.note(&outcome);
        outcome
    }
}

async fn exchange(client: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let answer = client.execute(request.try_into()?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut whole = Response::new(answer.bytes().await?);
    *whole.status_mut() = status;
    *whole.headers_mut() = headers;
    Ok(whole)
}
