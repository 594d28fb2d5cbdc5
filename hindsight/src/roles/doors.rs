//! The doors: what is served on which listener, before and after the engines are there.
//!
//! **Invariant:** a listener that is taken is answered: 503 until its own routes are there.

use std::sync::Arc;

use anyhow::Context;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use hindsight_demo::Shop;
use hindsight_ingest::{ConnectionBounds, Edge, serve};
use hindsight_query_api::Reader;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Roles;
use super::listen::{self, Listeners};
use crate::credentials::{self, Credentials};
use crate::data_folder::DataFolder;

/// What is served where.
pub(super) struct Doors {
    listeners: Listeners,
    main: Router,
    clickhouse: Router,
    operators: Router,
}

impl Doors {
    /// The edge, the read side, or both on one origin, with the demo shop beside them; with neither, the operators' routes
    /// alone.
    pub(super) fn new(
        listeners: Listeners,
        edge: Option<Arc<Edge>>,
        reader: Option<Arc<Reader>>,
        shop: Option<&Shop>,
        operators: Router,
    ) -> anyhow::Result<Self> {
        let mut writing = edge.map_or_else(Router::new, hindsight_ingest::routes);
        if let Some(shop) = shop {
            writing = writing.merge(shop.routes());
        }
        let clickhouse = reader
            .clone()
            .map_or_else(Router::new, hindsight_query_api::sql::door);
        let main = match reader {
            Some(reader) => hindsight_query_api::router(reader, writing.merge(contract()?)),
            None => writing,
        };
        Ok(Self {
            main: if listeners.ops.is_some() {
                main
            } else {
                main.merge(operators.clone())
            },
            listeners,
            clickhouse,
            operators,
        })
    }

    /// Says where to go.
    pub(super) fn announce(
        &self,
        roles: &Roles,
        credentials: Option<&Credentials>,
        folder: Option<&DataFolder>,
        with_shop: bool,
    ) {
        if let (Some(folder), Some(credentials)) = (folder, credentials) {
            println!("console      {}/", credentials.url);
            if with_shop {
                println!("demo shop    {}/demo/", credentials.url);
            }
            println!("clickhouse   {}", credentials.clickhouse_url);
            println!("credentials  {}", credentials::path(folder.path()).display());
            return;
        }
        let listeners = [
            (roles.name, &self.listeners.main),
            ("clickhouse", &self.listeners.clickhouse),
            ("operators", &self.listeners.ops),
        ];
        for (name, listener) in listeners {
            if let Some(Ok(url)) = listener.as_ref().map(listen::url) {
                println!("{name:<12} {url}");
            }
        }
    }

    /// Serves until stopped and the last request is answered.
    pub(super) async fn serve(self, bounds: ConnectionBounds, stop: CancellationToken) {
        let Listeners {
            main,
            clickhouse,
            ops,
        } = self.listeners;
        let open = |listener: Option<TcpListener>, routes: Router| {
            let stop = stop.clone();
            async move {
                match listener {
                    Some(listener) => serve(listener, routes, bounds, stop).await,
                    None => stop.cancelled().await,
                }
            }
        };
        tokio::join!(
            open(main, self.main),
            open(clickhouse, self.clickhouse),
            open(ops, self.operators),
        );
    }
}

/// The same doors while the process starts: health and metrics, and 503 to everybody else.
pub(super) struct Closed {
    stop: CancellationToken,
    served: Vec<JoinHandle<()>>,
}

impl Closed {
    pub(super) fn open(
        listeners: &Listeners,
        operators: Router,
        bounds: ConnectionBounds,
    ) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let later = Router::new().fallback(not_yet);
        let with_operators = operators.fallback(not_yet);
        let main = if listeners.ops.is_some() {
            later.clone()
        } else {
            with_operators.clone()
        };
        let doors = [
            (&listeners.main, main),
            (&listeners.clickhouse, later),
            (&listeners.ops, with_operators),
        ];
        let mut served = Vec::new();
        for (listener, routes) in doors {
            if let Some(listener) = listener {
                let listener = again(listener).context("a listener can't be shared")?;
                served.push(tokio::spawn(serve(listener, routes, bounds, stop.clone())));
            }
        }
        Ok(Self { stop, served })
    }

    /// Leaves the listeners to the doors.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        for served in self.served {
            let _ = served.await;
        }
    }
}

/// The same socket once more.
fn again(listener: &TcpListener) -> std::io::Result<TcpListener> {
    use std::os::fd::AsFd;
    let socket = listener.as_fd().try_clone_to_owned()?;
    TcpListener::from_std(socket.into())
}

async fn not_yet() -> impl IntoResponse {
    let problem = json!({
        "type": "about:blank", "title": "starting", "status": 503, "reason": "engine_away",
        "detail": "the server is starting; /health/ready says what it waits for", "retry_after_ms": 1000,
    });
    let headers = [("retry-after", "1"), ("content-type", "application/problem+json")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, Json(problem))
}

/// `GET /openapi.json`: the whole contract, writing and reading.
fn contract() -> anyhow::Result<Router> {
    let json = hindsight_query_api::openapi(hindsight_ingest::openapi())
        .to_json()
        .context("the contract can't be written as JSON")?;
    let answer = move || async move { ([("content-type", "application/json")], json) };
    Ok(Router::new().route("/openapi.json", get(answer)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    const DOCUMENT: &str = include_str!("../../../docs/api.md");

    /// `docs/api.md` has a section for each call that is served, and for no other.
    #[test]
    fn each_call_is_documented() {
        let contract = hindsight_query_api::openapi(hindsight_ingest::openapi());
        let served: BTreeSet<String> = contract
            .paths
            .paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = [("GET", item.get.is_some()), ("POST", item.post.is_some())];
                methods.map(|(method, there)| there.then(|| format!("{method} {path}")))
            })
            .flatten()
            .collect();
        let documented: BTreeSet<String> = DOCUMENT
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .filter(|title| title.contains(" /"))
            .map(str::to_owned)
            .collect();
        assert_eq!(documented, served);
    }
}
