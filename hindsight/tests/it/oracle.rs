//! The conservation oracle: everything that was answered 202 is found exactly once in ClickHouse, search and
//! replay, each event's text as it was sent - and nothing else is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::load::Writer;
use crate::server::Server;

/// How long the views may take to catch up after a restart.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(90);

/// Checks every promise; panics with what is missing or double.
pub(crate) async fn check(server: &Server, writers: &[Writer]) {
    let batches: usize = writers.iter().map(|writer| writer.batches.len()).sum();
    let audit: usize = writers.iter().map(|writer| writer.audit.len()).sum();
    until(server, "SELECT count() FROM batches", batches).await;
    until(server, "SELECT count() FROM audit", audit).await;
    clickhouse(server, writers).await;
    search(server, writers, audit).await;
    for writer in writers {
        replay(server, writer).await;
    }
}

/// Waits for a count; more than expected never gets better.
async fn until(server: &Server, statement: &str, expected: usize) {
    let started = Instant::now();
    loop {
        let answer = server.sql(statement).await;
        let found = answer
            .as_ref()
            .ok()
            .and_then(|text| text.trim().parse::<usize>().ok());
        if found == Some(expected) {
            return;
        }
        let late = started.elapsed() > CAUGHT_UP_WITHIN || found.is_some_and(|found| found > expected);
        assert!(!late, "{statement}: expected {expected}, found {answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn clickhouse(server: &Server, writers: &[Writer]) {
    let rows = server
        .sql("SELECT session_id, tab, seq, count(), any(events) FROM batches GROUP BY ALL ORDER BY ALL LIMIT 1000000")
        .await
        .unwrap();
    let mut expected: Vec<String> = Vec::new();
    for writer in writers {
        for (seq, events) in writer.batches.iter().enumerate() {
            expected.push(format!(
                "{}\t{}\t{seq}\t1\t{}",
                writer.session,
                writer.tab,
                events.len()
            ));
        }
    }
    same_lines("batches", &rows, expected);

    let rows = server
        .sql("SELECT name, count() FROM events WHERE name LIKE 'crash-%' GROUP BY name LIMIT 1000000")
        .await
        .unwrap();
    let names = writers.iter().enumerate().flat_map(|(number, writer)| {
        (0..writer.batches.len()).map(move |seq| format!("crash-{number}-{seq}\t1"))
    });
    same_lines("events", &rows, names.collect());

    let rows = server
        .sql("SELECT source_id, count() FROM audit GROUP BY source_id LIMIT 1000000")
        .await
        .unwrap();
    let ids = writers
        .iter()
        .flat_map(|writer| &writer.audit)
        .map(|id| format!("{id}\t1"));
    same_lines("audit rows", &rows, ids.collect());
}

fn same_lines(what: &str, found: &str, mut expected: Vec<String>) {
    let mut found: Vec<&str> = found.lines().collect();
    found.sort_unstable();
    expected.sort_unstable();
    let missing: Vec<_> = expected
        .iter()
        .filter(|line| found.binary_search(&line.as_str()).is_err())
        .take(5)
        .collect();
    let odd: Vec<_> = found
        .iter()
        .filter(|line| expected.binary_search(&(**line).to_string()).is_err())
        .take(5)
        .collect();
    assert!(
        missing.is_empty() && odd.is_empty(),
        "{what}: missing {missing:?}, not expected {odd:?}"
    );
}

async fn search(server: &Server, writers: &[Writer], expected: usize) {
    let started = Instant::now();
    let mut found: BTreeMap<String, usize>;
    loop {
        found = found_by_search(server).await;
        if found.values().sum::<usize>() >= expected || started.elapsed() > CAUGHT_UP_WITHIN {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for id in writers.iter().flat_map(|writer| &writer.audit) {
        assert_eq!(found.remove(id), Some(1), "{id} in search");
    }
    assert!(found.is_empty(), "in search but never answered 202: {found:?}");
}

async fn found_by_search(server: &Server) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = server
            .get(&format!("/v1/audit?limit=1000{cursor}"))
            .await
            .unwrap();
        let page: Value = serde_json::from_str(&page).unwrap();
        for item in page["items"].as_array().unwrap() {
            *found
                .entry(item["source_id"].as_str().unwrap().to_string())
                .or_default() += 1;
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[derive(Deserialize)]
struct Enveloped {
    seq: usize,
    index: usize,
    event: Box<RawValue>,
}

async fn replay(server: &Server, writer: &Writer) {
    let path = format!("/v1/replays/{}/events?envelope=1", writer.session);
    let started = Instant::now();
    let mut lines = String::new();
    let expected: usize = writer.batches.iter().map(Vec::len).sum();
    while started.elapsed() < CAUGHT_UP_WITHIN {
        lines = server.get(&path).await.unwrap_or_default();
        if lines.lines().count() >= expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut found: Vec<Enveloped> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    found.sort_by_key(|event| (event.seq, event.index));
    let sent = writer.batches.iter().enumerate().flat_map(|(seq, events)| {
        events
            .iter()
            .enumerate()
            .map(move |(index, text)| (seq, index, text.as_str()))
    });
    assert_eq!(found.len(), expected, "events of session {}", writer.session);
    for (event, sent) in found.iter().zip(sent) {
        assert_eq!(
            (event.seq, event.index, event.event.get()),
            sent,
            "session {}",
            writer.session
        );
    }
}
