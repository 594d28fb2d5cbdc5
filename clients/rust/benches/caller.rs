//! What a call costs the caller, beside the same order without a client, and beside reading it as JSON without masking; and
//! whether 10,000 events a second arrive. `tools/bench-clients` runs it; what was found goes to the file
//! `HINDSIGHT_FIGURES`, one JSON object a line, from which the report is made.

#![allow(clippy::unwrap_used, reason = "a benchmark may end where it fails")]

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use hindsight_client::{AuditEvent, HindsightClient, Options};
use serde_json::{Value, json};

#[path = "../tests/it/real_edge.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod real_edge;

const RATE: u32 = 10_000;
const SECONDS: u32 = 10;

fn order(state: &str) -> Value {
    json!({
        "id": "O-20261122-1001", "state": state, "customer": "u-17", "createdAt": "1970-01-01T00:00:00Z",
        "amount": "318.60", "currency": "CNY", "cardNumber": "4111111111111111", "address": "南京西路 1 号, 上海",
        "gift": false, "lines": [
            {"product": "stool, oak", "count": 2, "price": "64.95"},
            {"product": "桌子", "count": 1, "price": "129.00"},
            {"product": "lamp", "count": 3, "price": "19.90"},
        ],
    })
}

fn event(before: &Value, after: &Value) -> AuditEvent {
    AuditEvent::new("order.refund")
        .operation("update")
        .user("u-17")
        .target("order", "O-20261122-1001")
        .reference("order", "O-20261122-1001")
        .measure("amount", 29.9)
        .before(before)
        .after(after)
}

/// Times each call, `RATE` a second.
fn time(calls: u32, mut work: impl FnMut()) -> Value {
    let start = Instant::now();
    let mut took: Vec<f64> = (0..calls)
        .map(|call| {
            if call % 10 == 0 {
                let due = Duration::from_secs_f64(f64::from(call) / f64::from(RATE));
                std::thread::sleep(due.saturating_sub(start.elapsed()));
            }
            let before = Instant::now();
            work();
            before.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[(f64::from(calls) * share) as usize];
    json!({
        "calls": calls, "mean_us": took.iter().sum::<f64>() / f64::from(calls),
        "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999),
    })
}

fn tell(figure: &str, mut values: Value) {
    values["client"] = "rust".into();
    values["figure"] = figure.into();
    println!("{values}");
    if let Some(path) = std::env::var_os("HINDSIGHT_FIGURES") {
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        writeln!(file, "{values}").unwrap();
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let edge = real_edge::RealEdge::start(folder.path()).await;
    let client = HindsightClient::start(Options {
        spill_folder: Some(folder.path().join("spill")),
        memory_bytes: 256 << 20,
        ..Options::to(&edge.url, &edge.write_key)
    })
    .unwrap();
    let (before, after) = (order("paid"), order("refunded"));
    time(RATE, || client.record(event(&before, &after)));
    tell(
        "without_client",
        time(RATE * SECONDS, || drop(std::hint::black_box(order("refunded")))),
    );
    tell(
        "json_alone",
        time(RATE * SECONDS, || {
            std::hint::black_box((before.to_string(), after.to_string()));
        }),
    );
    let recorded = client.stats().recorded;
    let start = Instant::now();
    tell(
        "call",
        time(RATE * SECONDS, || client.record(event(&before, &after))),
    );
    assert!(client.flush(Duration::from_secs(180)).await, "not all was kept");
    let seconds = start.elapsed().as_secs_f64();
    let stats = client.stats();
    tell(
        "kept",
        json!({"per_s": (stats.kept - recorded) as f64 / seconds, "lost": stats.lost}),
    );
    client.close().await;
}
