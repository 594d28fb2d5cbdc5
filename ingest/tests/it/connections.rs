//! Nobody holds a place of the listener by doing nothing.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use hindsight_ingest::{ConnectionBounds, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// One place, short waits; `/endless` answers more than any socket buffer holds.
const BOUNDS: ConnectionBounds = ConnectionBounds {
    at_once: 1,
    idle_wait: Duration::from_millis(150),
    write_wait: Duration::from_millis(150),
};

async fn door(bounds: ConnectionBounds) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let endless = || async {
        let block = bytes::Bytes::from(vec![b'x'; 1 << 16]);
        Body::from_stream(futures::stream::repeat_with(move || {
            Ok::<_, std::io::Error>(block.clone())
        }))
    };
    let late = || async {
        tokio::time::sleep(BOUNDS.idle_wait * 3).await;
        "late"
    };
    let routes = Router::new()
        .route("/", get(|| async { "here" }))
        .route("/late", get(late))
        .route("/endless", get(endless));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, routes, bounds, stop.clone()));
    (address, stop, serving)
}

/// Somebody holds the only place by `holding`; another is served all the same.
async fn check(holding: impl AsyncFnOnce(&mut TcpStream)) {
    let (address, ..) = door(BOUNDS).await;
    let mut holder = TcpStream::connect(address).await.unwrap();
    let ((), answer) = tokio::join!(holding(&mut holder), ask(address, "/"));
    assert_eq!(answer, "here");
    drop(holder);
}

async fn ask(address: SocketAddr, path: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answering = client.get(format!("http://{address}{path}")).send();
    let answer = tokio::time::timeout(Duration::from_secs(20), answering).await;
    answer.expect("a place comes free").unwrap().text().await.unwrap()
}

/// Sends byte by byte until the other side has had enough.
async fn trickle(stream: &mut TcpStream, head: &[u8]) {
    for byte in head.iter().cycle() {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        let mut end = [0];
        let closed = stream.read(&mut end);
        if let Ok(Ok(0) | Err(_)) = tokio::time::timeout(Duration::from_millis(20), closed).await {
            return;
        }
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    check(async |stream| assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0)).await;
}

#[tokio::test]
async fn a_slow_head_is_closed() {
    check(async |stream| {
        trickle(
            stream,
            b"GET / HTTP/1.1\r\nhost: a\r\nx: yyyyyyyyyyyyyyyyyyyyyyyy",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_slow_preface_of_http2_is_closed() {
    check(async |stream| trickle(stream, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await).await;
}

#[tokio::test]
async fn a_connection_kept_alive_for_nothing_is_closed() {
    check(async |stream| {
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_left() {
    check(async |stream| {
        stream
            .write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_request_in_flight_is_not_idle_and_outlives_a_stop() {
    let (address, stop, serving) = door(BOUNDS).await;
    let (answer, ()) = tokio::join!(ask(address, "/late"), async {
        tokio::time::sleep(BOUNDS.idle_wait).await;
        stop.cancel();
    });
    assert_eq!(answer, "late");
    serving.await.unwrap();
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}
