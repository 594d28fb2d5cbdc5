//! What people see: rows by SQL, audit events by search, each event's text in replays.
//!
//! **Bound:** views may take [`CAUGHT_UP_WITHIN`] to come; what is missing then is missing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Findings;
use crate::load::Writer;
use crate::reader::Reader;

/// How long the views may take to catch up after a restart.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Compares everything of all writers, and the replays of some.
pub async fn look(reader: &Reader, writers: &[&Writer], played: &[&Writer]) -> Findings {
    let mut findings = Findings::default();
    let batches = recorded(writers).map(|writer| writer.batches.len()).sum();
    let audit = writers.iter().map(|writer| writer.audit.len()).sum();
    until(reader, "SELECT count() FROM batches", batches).await;
    until(reader, "SELECT count() FROM audit", audit).await;
    rows(reader, writers, &mut findings).await;
    documents(reader, writers, audit, &mut findings).await;
    findings.add(replays(reader, played).await);
    findings
}

/// Compares the replays of some writers.
pub async fn replays(reader: &Reader, played: &[&Writer]) -> Findings {
    let mut findings = Findings::default();
    for writer in played {
        replay(reader, writer, &mut findings).await;
    }
    findings
}

/// Those whose session was not erased.
fn recorded<'a>(writers: &'a [&Writer]) -> impl Iterator<Item = &'a Writer> {
    writers.iter().copied().filter(|writer| !writer.erased)
}

/// Waits for a count, within the bound; more than expected never gets better.
async fn until(reader: &Reader, statement: &str, expected: usize) {
    let started = Instant::now();
    while started.elapsed() < CAUGHT_UP_WITHIN {
        let answer = reader.sql(statement).await;
        let found = answer.ok().and_then(|text| text.trim().parse::<usize>().ok());
        if found.is_some_and(|found| found >= expected) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Asks until there is an answer, within the bound.
async fn asked(reader: &Reader, statement: &str) -> String {
    let started = Instant::now();
    loop {
        match reader.sql(statement).await {
            Ok(rows) => return rows,
            Err(words) => assert!(started.elapsed() < CAUGHT_UP_WITHIN, "{statement}: {words}"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn rows(reader: &Reader, writers: &[&Writer], findings: &mut Findings) {
    let rows = asked(
        reader,
        "SELECT session_id, tab, seq, any(events), count() FROM batches GROUP BY ALL LIMIT 1000000",
    )
    .await;
    let batches =
        recorded(writers).flat_map(|writer| {
            writer.batches.iter().enumerate().map(move |(seq, events)| {
                format!("{}\t{}\t{seq}\t{}", writer.session, writer.tab, events.len())
            })
        });
    findings.compare("batches", counted(&rows), batches);

    let rows = asked(
        reader,
        "SELECT name, count() FROM events WHERE name LIKE 'crash-%' GROUP BY name LIMIT 1000000",
    )
    .await;
    let names =
        recorded(writers).flat_map(|writer| (0..writer.batches.len()).map(move |seq| writer.event_name(seq)));
    findings.compare("events", counted(&rows), names);

    let rows = asked(
        reader,
        "SELECT source_id, count() FROM audit GROUP BY source_id LIMIT 1000000",
    )
    .await;
    findings.compare("audit rows", counted(&rows), audit_ids(writers));
}

fn audit_ids(writers: &[&Writer]) -> impl Iterator<Item = String> {
    writers.iter().flat_map(|writer| writer.audit.iter().cloned())
}

/// Rows whose last column is a count.
fn counted(rows: &str) -> BTreeMap<String, u64> {
    rows.lines()
        .filter_map(|line| line.rsplit_once('\t'))
        .map(|(row, count)| (row.to_owned(), count.parse().unwrap()))
        .collect()
}

async fn documents(reader: &Reader, writers: &[&Writer], expected: usize, findings: &mut Findings) {
    let started = Instant::now();
    let mut found = found_by_search(reader).await;
    while found.values().sum::<u64>() < expected as u64 && started.elapsed() < CAUGHT_UP_WITHIN {
        tokio::time::sleep(LOOK_EVERY).await;
        found = found_by_search(reader).await;
    }
    findings.compare("search", found, audit_ids(writers));
}

async fn found_by_search(reader: &Reader) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = reader.get(&format!("/v1/audit?limit=1000{cursor}")).await;
        let page: Value = serde_json::from_str(&page.unwrap()).unwrap();
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

async fn replay(reader: &Reader, writer: &Writer, findings: &mut Findings) {
    let expected: usize = match writer.erased {
        true => 0,
        false => writer.batches.iter().map(Vec::len).sum(),
    };
    let lines = played(reader, writer, expected).await;
    let mut found: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for line in lines.lines() {
        let event: Enveloped = serde_json::from_str(line).unwrap();
        let texts = found.entry((event.seq, event.index)).or_default();
        texts.push(event.event.get().to_owned());
    }
    let batches = writer.batches.iter().enumerate().filter(|_| !writer.erased);
    for (seq, events) in batches {
        for (index, sent) in events.iter().enumerate() {
            let place = format_args!("event {seq}/{index} of session {}", writer.session);
            match found.remove(&(seq, index)).as_deref() {
                None => findings.missing(place),
                Some([text]) if text == sent => {}
                Some([text]) => findings.odd(format_args!("{place}: {text}")),
                Some(_) => findings.double(place),
            }
        }
    }
    for (seq, index) in found.keys() {
        findings.odd(format_args!(
            "event {seq}/{index} of session {}, which nobody was promised",
            writer.session
        ));
    }
}

/// The session's events, once they are as many as expected, within the bound.
async fn played(reader: &Reader, writer: &Writer, expected: usize) -> String {
    let path = format!("/v1/replays/{}/events?envelope=1", writer.session);
    let started = Instant::now();
    loop {
        let answer = reader.get(&path).await;
        let lines = answer.unwrap_or_default();
        let enough = lines.lines().count() >= expected;
        if enough || started.elapsed() > CAUGHT_UP_WITHIN {
            return lines;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
