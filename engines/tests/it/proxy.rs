//! A proxy in front of a real server, at which a test bends requests and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;

/// A request as it came.
#[derive(Clone)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Bytes,
    /// How many of these the rule has seen, from 0.
    pub(crate) number: usize,
}

impl Incoming {
    pub(crate) fn is_bulk(&self) -> bool {
        self.path.starts_with("/_bulk")
    }
}

/// The server behind the proxy.
#[derive(Clone)]
pub(crate) struct Upstream {
    url: String,
    client: reqwest::Client,
}

impl Upstream {
    pub(crate) async fn forward(&self, incoming: &Incoming) -> (StatusCode, Bytes) {
        let url = format!("{}{}", self.url, incoming.path);
        let kind = if incoming.is_bulk() {
            "application/x-ndjson"
        } else {
            "application/json"
        };
        let request = self
            .client
            .request(incoming.method.clone(), url)
            .header("content-type", kind)
            .body(incoming.body.clone());
        let answer = request.send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap())
    }
}

type Rule = Arc<dyn Fn(Incoming, Upstream) -> BoxFuture<'static, Option<Response>> + Send + Sync>;

#[derive(Clone)]
struct Proxy {
    upstream: Upstream,
    rule: Rule,
    bulks: Arc<AtomicUsize>,
}

/// Starts a proxy; what the rule gives no answer to is forwarded. Returns its address.
pub(crate) async fn start<F>(url: &str, rule: F) -> String
where
    F: Fn(Incoming, Upstream) -> BoxFuture<'static, Option<Response>> + Send + Sync + 'static,
{
    let proxy = Proxy {
        upstream: Upstream {
            url: url.to_owned(),
            client: reqwest::Client::new(),
        },
        rule: Arc::new(rule),
        bulks: Arc::default(),
    };
    let app = Router::new()
        .fallback(pass)
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(proxy);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// An answer with a JSON body.
pub(crate) fn answer(status: u16, body: impl Into<Bytes>) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json")], body.into()).into_response()
}

async fn pass(
    State(proxy): State<Proxy>,
    method: Method,
    uri: Uri,
    headers: axum::http::HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().unwrap().to_string();
    let number = if path.starts_with("/_bulk") {
        proxy.bulks.fetch_add(1, Ordering::SeqCst)
    } else {
        0
    };
    let authorization = headers.get("authorization");
    let incoming = Incoming {
        method,
        path,
        authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
        body,
        number,
    };
    if let Some(bent) = (proxy.rule)(incoming.clone(), proxy.upstream.clone()).await {
        return bent;
    }
    let (status, body) = proxy.upstream.forward(&incoming).await;
    answer(status.as_u16(), body)
}
