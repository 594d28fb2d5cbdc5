//! A server that takes a request and says nothing more: it is noticed in time, wherever it stops.
//!
//! Sockets are real. The clock stands once the request is there, and from then on jumps to the next limit.

use std::time::Duration;

use futures::TryStreamExt;
use hindsight_engines::analytics::conformance::batch_row;
use hindsight_engines::analytics::{
    Analytics, Endpoint, HttpAnalytics, HttpOptions, InsertError, Query, QueryError, blocks_of,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const INSERT_LIMIT: Duration = Duration::from_secs(20);
const QUERY_LIMIT: Duration = Duration::from_secs(40);
/// An answer may come 10 s later than the server's own limit.
const MARGIN: Duration = Duration::from_secs(11);

async fn server() -> (TcpListener, HttpAnalytics) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint {
        url: format!("http://{}/", listener.local_addr().unwrap()),
        user: "u".into(),
        password: "p".into(),
    };
    let options = HttpOptions {
        insert_limit: INSERT_LIMIT,
        query_limit: QUERY_LIMIT,
        ..HttpOptions::default()
    };
    (listener, HttpAnalytics::at(endpoint, options))
}

/// Takes a request. The connection stays for as long as it is held.
async fn take(listener: &TcpListener) -> TcpStream {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut begin = [0; 1024];
    assert!(connection.read(&mut begin).await.unwrap() > 0, "a request");
    connection
}

/// Takes a request that will never be answered, and stops the clock.
async fn hang(listener: &TcpListener) -> (TcpStream, Instant) {
    let connection = take(listener).await;
    tokio::time::pause();
    (connection, Instant::now())
}

/// The end came after the limit and soon.
fn check_waited(since: Instant, limit: Duration) {
    let waited = since.elapsed();
    assert!((limit..limit + MARGIN).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn an_insert_that_is_never_answered_has_an_unknown_outcome() {
    let (listener, engine) = server().await;
    let block = blocks_of("db", "hung", &[batch_row(0, 0)]).remove(0);
    let (inserted, (_connection, since)) = tokio::join!(engine.insert(&block), hang(&listener));
    assert_eq!(inserted, Err(InsertError::Ambiguous("no answer in time".into())));
    check_waited(since, INSERT_LIMIT);
}

#[tokio::test]
async fn a_query_that_is_never_answered_may_work_later() {
    let (listener, engine) = server().await;
    let (answered, (_connection, since)) =
        tokio::join!(engine.execute(Query::new("SELECT 1")), hang(&listener));
    assert_eq!(answered, Err(QueryError::Unavailable("no answer in time".into())));
    check_waited(since, QUERY_LIMIT);
}

#[tokio::test]
async fn a_result_that_stops_in_its_midst_is_not_a_short_one() {
    let (listener, engine) = server().await;
    let begin = async {
        let mut connection = take(&listener).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n1\n";
        connection.write_all(answer).await.unwrap();
        connection
    };
    let (begun, _connection) = tokio::join!(engine.stream(Query::new("SELECT 1")), begin);
    let mut chunks = begun.unwrap();
    assert_eq!(chunks.try_next().await.unwrap().as_deref(), Some(&b"1\n"[..]));

    tokio::time::pause();
    let since = Instant::now();
    let stopped = chunks.try_next().await;
    assert!(matches!(stopped, Err(QueryError::Unreadable(_))), "{stopped:?}");
    check_waited(since, QUERY_LIMIT);
}
