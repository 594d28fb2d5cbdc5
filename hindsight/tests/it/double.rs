//! A small stand-in for the front door: keeps what it was sent, and can be told to be busy first.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// (session, tab, seq) -> the inflated body.
    pub(crate) batches: BTreeMap<(String, String, u64), String>,
    /// Batches marked as their tab's last.
    pub(crate) last: Vec<(String, String, u64)>,
    /// Bodies of audit calls with their idempotency keys.
    pub(crate) audit: Vec<(String, String)>,
    /// Requests that came, busy answers too.
    pub(crate) requests: usize,
    /// Answer this many requests with 503 first.
    pub(crate) busy: usize,
}

/// A running double; stops with the test's process.
pub(crate) struct Double {
    /// Its address.
    pub(crate) url: String,
    /// What it keeps.
    pub(crate) kept: Arc<Mutex<Kept>>,
}

type Shared = State<Arc<Mutex<Kept>>>;

fn routes(kept: Arc<Mutex<Kept>>) -> Router {
    Router::new()
        .route("/v1/recordings/{session}/{tab}/{seq}", post(recording))
        .route("/v1/audit", post(audit))
        .with_state(kept)
}

/// A double behind TLS, and the certificate that it shows.
pub(crate) struct TlsDouble {
    pub(crate) double: Double,
    /// PEM.
    pub(crate) certificate: String,
}

struct TlsListener {
    tcp: tokio::net::TcpListener,
    tls: tokio_rustls::TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.tcp.accept().await.unwrap();
            // A client that does not believe us goes away in the handshake.
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// Starts a double that speaks TLS for `localhost`, with a certificate of its own.
pub(crate) fn start_tls() -> TlsDouble {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key =
        tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let kept = Arc::<Mutex<Kept>>::default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let routes = routes(kept.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let tcp = tokio::net::TcpListener::from_std(listener).unwrap();
            let tls = tokio_rustls::TlsAcceptor::from(Arc::new(config));
            axum::serve(TlsListener { tcp, tls }, routes).await.unwrap();
        });
    });
    TlsDouble {
        double: Double { url, kept },
        certificate: made.cert.pem(),
    }
}

/// Starts a double on a free port.
pub(crate) fn start(busy: usize) -> Double {
    let kept = Arc::new(Mutex::new(Kept {
        busy,
        ..Kept::default()
    }));
    let routes = routes(kept.clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, routes).await.unwrap();
        });
    });
    Double { url, kept }
}

fn refuse(kept: &mut Kept, headers: &HeaderMap) -> Option<Response> {
    kept.requests += 1;
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some("Bearer k") {
        let problem = json!({"reason": "unknown_key", "detail": "the key is unknown"});
        return Some((StatusCode::UNAUTHORIZED, Json(problem)).into_response());
    }
    if kept.busy > 0 {
        kept.busy -= 1;
        return Some((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]).into_response());
    }
    None
}

async fn recording(
    State(kept): Shared,
    Path(batch): Path<(String, String, u64)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut kept = kept.lock().unwrap();
    if let Some(refused) = refuse(&mut kept, &headers) {
        return refused;
    }
    assert_eq!(query.get("encoding").map(String::as_str), Some("zstd"));
    let mut text = String::new();
    zstd::Decoder::new(&body[..])
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    if query.contains_key("final") {
        kept.last.push(batch.clone());
    }
    let events = text.lines().count();
    kept.batches.insert(batch, text);
    (StatusCode::ACCEPTED, Json(json!({"accepted": events}))).into_response()
}

async fn audit(State(kept): Shared, headers: HeaderMap, body: String) -> Response {
    let mut kept = kept.lock().unwrap();
    if let Some(refused) = refuse(&mut kept, &headers) {
        return refused;
    }
    let mut errors: Vec<Value> = Vec::new();
    for (index, line) in body.lines().enumerate() {
        if serde_json::from_str::<Value>(line).unwrap()["action"].is_null() {
            errors.push(json!({"index": index, "reason": "invalid_audit", "detail": "no action"}));
        }
    }
    let accepted = body.lines().count() - errors.len();
    let key = headers["idempotency-key"].to_str().unwrap().to_string();
    kept.audit.push((key, body));
    (
        StatusCode::ACCEPTED,
        Json(json!({"accepted": accepted, "ids": [], "errors": errors})),
    )
        .into_response()
}
