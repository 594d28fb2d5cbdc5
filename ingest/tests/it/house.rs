//! An edge over a real listener on port 0, with known keys, and what tests send to it.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use hindsight_ingest::{Edge, EdgeOptions, ErasedSessions, router, serve};
use hindsight_policy::{Key, KeySet, Project, SecretHash};
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::record::KeyKind;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::log::MemoryLog;

pub(crate) const BROWSER: &str = "browser-key-0123456789";
pub(crate) const APP: &str = "app-key-0123456789";
pub(crate) const SERVER: &str = "server-key-0123456789";
pub(crate) const IMPORT: &str = "import-key-0123456789";
pub(crate) const ORIGIN: &str = "https://shop.example";
pub(crate) const EVENTS: &str = r#"[{"type":4,"data":{"href":"https://shop.example/"},"timestamp":1700000000000},{"type":2,"data":{"node":{}},"timestamp":1700000000010}]"#;

/// The process' one recorder of metrics: tests look at sums that only grow.
static METRICS: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    PrometheusBuilder::new()
        .install_recorder()
        .expect("no other recorder in this binary")
});

pub(crate) struct House {
    pub(crate) url: String,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) client: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
}

/// The one session that was erased.
pub(crate) fn erased_session() -> SessionId {
    SessionId::from_parts(now_ms(), [0xEE; 10])
}

struct ByMark;

#[async_trait]
impl ErasedSessions for ByMark {
    async fn is_erased(&self, _: &ProjectId, session_id: SessionId) -> bool {
        session_id.uuid().as_bytes().ends_with(&[0xEE; 7])
    }
}

pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    since.as_millis() as u64
}

pub(crate) fn options() -> EdgeOptions {
    EdgeOptions::default()
}

fn key(id: &str, secret: &str, kind: KeyKind, import: bool) -> Key {
    Key {
        id: id.into(),
        secret: SecretHash::of(secret),
        kind,
        project: "shop".parse().unwrap(),
        origins: vec![],
        import,
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: EdgeOptions) -> Self {
        LazyLock::force(&METRICS);
        let mut project = Project::new("shop".parse().unwrap());
        project.time_zone = "Asia/Shanghai".into();
        project.source = "web".into();
        project.origins = vec![ORIGIN.parse().unwrap()];
        let keys = KeySet::new(vec![
            key("b", BROWSER, KeyKind::Browser, false),
            key("a", APP, KeyKind::App, false),
            key("s", SERVER, KeyKind::Server, false),
            key("i", IMPORT, KeyKind::Server, true),
        ])
        .unwrap();
        let log = Arc::new(MemoryLog::new());
        let bounds = options.edge.connection_bounds();
        let edge = Arc::new(Edge::new(options, vec![project], keys, log.clone(), Arc::new(ByMark)).unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve(
            listener,
            router(edge.clone()),
            bounds,
            CancellationToken::new(),
        ));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            url,
            log,
            edge,
            client,
            server,
        }
    }

    /// A fresh session's batch, as a page sends it.
    pub(crate) fn batch(&self, query: &str) -> RequestBuilder {
        let session = SessionId::from_parts(now_ms(), [1; 10]);
        self.post(&format!("/v1/recordings/{session}/w_1/0?key={BROWSER}&{query}"))
            .header("origin", ORIGIN)
            .header("content-type", "text/plain")
    }

    pub(crate) fn audit(&self, query: &str) -> RequestBuilder {
        self.post(&format!("/v1/audit{query}")).bearer_auth(SERVER)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// How often something was refused for a reason, in this process.
pub(crate) fn refused(reason: &str) -> u64 {
    let start = format!("hindsight_refused_total{{reason=\"{reason}\"}} ");
    METRICS
        .render()
        .lines()
        .find_map(|line| line.strip_prefix(&start)?.parse().ok())
        .unwrap_or(0)
}

pub(crate) fn metrics() -> String {
    METRICS.render()
}

pub(crate) async fn json(response: Response) -> Value {
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}
