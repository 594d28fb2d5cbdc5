//! The seam's conformance suite against the embedded engine, by each of its two clients.

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use hindsight_engines::analytics::chdb::Supervisor;
use hindsight_engines::analytics::conformance::{self, batch_row};
use hindsight_engines::analytics::{
    Analytics, OpenError, ServerOptions, blocks_of, look_at_server, open_server,
};
use hindsight_engines::secret::Secret;
use tokio::sync::mpsc;

use super::child;

/// One child for all checks, one after the other: each makes a database of its own, and a start takes a second.
#[tokio::test]
async fn the_embedded_engine_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let running = child::start(dir.path()).await;
    conformance::check_all(&running.engine).await;
    running.supervisor.stop().await;
}

/// As roles open it: by settings, with user and password, and rows that are compressed on their way.
#[tokio::test]
async fn a_server_is_looked_at_opened_and_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::start(child::options(dir.path())).await.unwrap();
    let endpoint = supervisor.endpoint().borrow().clone();
    let options = ServerOptions {
        url: endpoint.url,
        user: endpoint.user,
        password: Secret::new(endpoint.password),
        compression: true,
        ..ServerOptions::default()
    };
    let stranger = ServerOptions {
        password: Secret::new("guess"),
        ..options.clone()
    };
    let refused = look_at_server(&stranger, 1).await;
    assert!(matches!(refused, Err(OpenError::Denied { .. })), "{refused:?}");
    let refused = open_server(&stranger, 1).await;
    assert!(matches!(refused, Err(OpenError::Denied { .. })), "{refused:?}");
    assert_eq!(look_at_server(&options, 1).await, Ok(false), "no tables yet");
    let engine = open_server(&options, 1).await.unwrap();
    assert_eq!(look_at_server(&options, 1).await, Ok(true));
    conformance::check_all(&engine).await;
    supervisor.stop().await;
}

/// The suite can't tell whether rows were compressed: here somebody looks at what is sent.
#[tokio::test]
async fn rows_go_to_a_server_as_zstd_unless_it_is_set_otherwise() {
    let (seen, mut sent) = mpsc::unbounded_channel();
    let app = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
        let seen = seen.clone();
        async move {
            seen.send((headers, body)).unwrap();
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let as_it_is = ServerOptions {
        url,
        compression: false,
        ..ServerOptions::default()
    };
    let by_default = ServerOptions {
        url: as_it_is.url.clone(),
        ..ServerOptions::default()
    };
    let block = blocks_of("db", "wire", &[batch_row(0, 0)]).remove(0);

    by_default.client().unwrap().insert(&block).await.unwrap();
    let (headers, body) = sent.recv().await.unwrap();
    assert_eq!(headers["content-encoding"], "zstd");
    assert_eq!(zstd::decode_all(&body[..]).unwrap(), block.rows);

    as_it_is.client().unwrap().insert(&block).await.unwrap();
    let (headers, body) = sent.recv().await.unwrap();
    assert_eq!(headers["content-encoding"], "identity");
    assert_eq!(body, block.rows);
}
