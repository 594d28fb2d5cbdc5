//! Audit files: JSON lines or an array, sent in calls of bounded size.
//!
//! A bad event doesn't hold up its neighbours (`on_error=skip`); it is reported with its place in the file. Each
//! call carries an `Idempotency-Key` made from its content, so events without an id meet their twins too.

use anyhow::{Context, bail};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::client::Client;
use super::journal::{Journal, mark};
use super::progress::Progress;
use super::report::Report;
use super::share;
use crate::recording::unpack::{self, Found};

/// Events of a call (the server's limit is 1,000).
const MAX_EVENTS: usize = 500;
/// Bytes of a call; only a single larger event passes it.
const MAX_BYTES: usize = 4 << 20;
/// Refused events that are named; the rest is counted.
const MAX_NAMED: usize = 20;

/// The events of a file, each on one line.
pub(super) fn read(file: &Found) -> anyhow::Result<Vec<String>> {
    let mut events = Vec::new();
    for text in unpack::texts(file)? {
        for value in serde_json::Deserializer::from_slice(&text.bytes).into_iter::<Box<RawValue>>() {
            let value = value.with_context(|| format!("event {}: not JSON", events.len()))?;
            if value.get().starts_with('[') {
                let items: Vec<Box<RawValue>> = serde_json::from_str(value.get())?;
                events.extend(items.iter().map(|item| on_one_line(item)));
            } else {
                events.push(on_one_line(&value));
            }
        }
    }
    if events.is_empty() {
        bail!("no events");
    }
    Ok(events)
}

fn on_one_line(event: &RawValue) -> String {
    event.get().replace(['\n', '\r'], "")
}

/// Sends a file.
pub(super) async fn send(file: &Found, client: &Client, journal: &Journal, progress: &Progress) -> Report {
    let mut report = Report::default();
    let events = match read(file) {
        Ok(events) => events,
        Err(error) => {
            report.fail(&file.name, &error);
            progress.add(file.bytes, 0);
            return report;
        }
    };
    let raw: u64 = events.iter().map(|event| event.len() as u64 + 1).sum();
    let mut start = 0;
    while start < events.len() {
        let end = end_of_call(&events, start);
        let body = events[start..end].join("\n");
        let key: String = Sha256::digest(&body)[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let bytes = body.len() as u64;
        let mark = mark([body.as_bytes()]);
        if journal.holds(&mark) {
            report.known += 1;
            progress.add(share(bytes, raw, file.bytes), 0);
            start = end;
            continue;
        }
        match client.send_audit(body, &key).await {
            Ok(answer) => {
                report.audit(answer.accepted, bytes);
                for refused in answer.errors.iter().take(MAX_NAMED) {
                    let place = format!("{} event {}", file.name, start + refused.index);
                    report.fail(&place, &anyhow::anyhow!("{}: {}", refused.reason, refused.detail));
                }
                report.refused_more(answer.errors.len().saturating_sub(MAX_NAMED));
                if answer.errors.is_empty()
                    && let Err(error) = journal.note(&mark)
                {
                    report.fail(&file.name, &error);
                }
            }
            Err(error) => report.fail(&format!("{} events {start} to {}", file.name, end - 1), &error),
        }
        progress.add(share(bytes, raw, file.bytes), bytes);
        start = end;
    }
    report
}

fn end_of_call(events: &[String], start: usize) -> usize {
    let mut bytes = 0;
    let fits = events[start..].iter().take(MAX_EVENTS).take_while(|event| {
        bytes += event.len() + 1;
        bytes <= MAX_BYTES
    });
    start + fits.count().max(1)
}
