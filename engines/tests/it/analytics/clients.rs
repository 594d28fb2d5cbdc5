//! Other people's clients on the child's interface: the `clickhouse` crate with native compressed blocks both ways, and
//! plain HTTP as curl speaks it.

use clickhouse::{Client, Compression, Row};
use hindsight_engines::analytics::chdb::Supervisor;
use serde::{Deserialize, Serialize};

use super::child;

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Line {
    number: u64,
    text: String,
    #[serde(with = "clickhouse::serde::uuid")]
    id: uuid::Uuid,
}

fn line(number: u64) -> Line {
    Line {
        number,
        text: format!("line {number}\n\n"),
        id: uuid::Uuid::from_u64_pair(number, 7),
    }
}

async fn crate_round_trip(client: Client, table: &str) {
    let made = format!(
        "CREATE TABLE {table} (number UInt64, text String, id UUID) ENGINE = MergeTree ORDER BY number"
    );
    client.query(&made).execute().await.unwrap();
    let mut insert = client.insert::<Line>(table).await.unwrap();
    for number in 0..20_000 {
        insert.write(&line(number)).await.unwrap();
    }
    insert.end().await.unwrap();
    let select =
        format!("SELECT ?fields FROM {table} WHERE number >= ? AND text != {{text:String}} ORDER BY number");
    let query = client.query(&select).bind(3_u64).param("text", "line 5\n\n");
    let lines = query.fetch_all::<Line>().await.unwrap();
    assert_eq!(lines.len(), 19_996);
    assert_eq!((&lines[0], &lines[2]), (&line(3), &line(6)));
}

async fn crate_sees_mid_stream_errors(client: &Client) {
    let mut cursor = client
        .query("SELECT throwIf(number = 3000000, 'mid') FROM numbers(4000000)")
        .fetch::<u8>()
        .unwrap();
    let mut rows = 0;
    let error = loop {
        match cursor.next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => panic!("a whole result of {rows} rows"),
            Err(error) => break error,
        }
    };
    // The crate sees the exception's text only where its block comes in one read; the cut it sees always.
    assert!(rows < 3_000_000, "after {rows} rows: {error}");
}

#[tokio::test]
async fn the_clickhouse_crate_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::start(child::options(dir.path())).await.unwrap();
    let endpoint = supervisor.endpoint().borrow().clone();
    let client = Client::default()
        .with_url(endpoint.url)
        .with_user(endpoint.user)
        .with_password(endpoint.password);
    for (table, compression) in [("lz4", Compression::Lz4), ("plain", Compression::None)] {
        let client = client.clone().with_compression(compression);
        crate_round_trip(client.clone(), table).await;
        crate_sees_mid_stream_errors(&client).await;
    }
    supervisor.stop().await;
}

#[tokio::test]
async fn plain_http_is_served_to_those_who_know_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::start(child::options(dir.path())).await.unwrap();
    let endpoint = supervisor.endpoint().borrow().clone();
    let (http, url) = (reqwest::Client::new(), endpoint.url.as_str());

    assert_eq!(
        http.get(format!("{url}ping"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "Ok.\n"
    );
    for (user, password) in [
        ("hindsight", "guess"),
        ("default", ""),
        ("default", endpoint.password.as_str()),
    ] {
        let answer = http
            .post(url)
            .basic_auth(user, Some(password))
            .body("SELECT 1")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 403, "{user}");
    }
    let post = |sql: &'static str| {
        http.post(url)
            .basic_auth(&endpoint.user, Some(&endpoint.password))
            .body(sql)
    };
    let answer = post("SELECT 1 AS a FORMAT CSVWithNames").send().await.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "text/csv; charset=UTF-8; header=present"
    );
    assert_eq!(answer.text().await.unwrap(), "\"a\"\n1\n");
    for (sql, status) in [
        ("SELECT (1", 400),
        ("SELECT * FROM nowhere", 404),
        ("SELECT 1 SETTINGS nothing = 1", 404),
    ] {
        assert_eq!(post(sql).send().await.unwrap().status(), status, "{sql}");
    }
    // A GET may only read.
    let address = format!("{url}?query=CREATE+TABLE+t(a+UInt8)ENGINE=Memory");
    let answer = http
        .get(address)
        .basic_auth(&endpoint.user, Some(&endpoint.password))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-clickhouse-exception-code"], "164");
    supervisor.stop().await;
}
