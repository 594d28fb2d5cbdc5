//! What a client sends again is no conflict; what it changed under the same id is one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::metrics::value;
use crate::server::{Server, command, start};

const CONFLICTS: &str =
    r#"hindsight_lane_dead_letters_total{materializer="search",topic="hindsight.audit",reason="conflict"}"#;
const DONE_WITHIN: Duration = Duration::from_secs(60);

async fn send(server: &Server, event: &Value) {
    let answer = reqwest::Client::new()
        .post(format!("{}/v1/audit", server.url))
        .bearer_auth(&server.write_key)
        .json(event)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
}

/// The text of `/metrics` once search has passed so many records.
async fn until_searched(server: &Server, records: f64) -> String {
    let series = r#"hindsight_lane_records_total{materializer="search",topic="hindsight.audit"}"#;
    let started = Instant::now();
    loop {
        let text = server.get("/metrics").await.unwrap();
        if value(&text, series) == Some(records) {
            return text;
        }
        assert!(started.elapsed() < DONE_WITHIN, "not all in search:\n{text}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_event_sent_again_is_no_dead_letter_and_a_changed_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = start(command(&[], &data), &data).await;
    let mut event = json!({
        "id": "O-17/pay", "occurred_at": "2026-11-22T12:30:00.123+08:00", "action": "order.pay",
        "operation": "update", "actor": {"id": "u-1"}, "outcome": "success",
        "before": {"state": "open"}, "after": {"state": "paid"}});
    let conflicts = |text: &str| value(text, CONFLICTS).unwrap_or_default();
    let first = event.clone();
    send(&server, &first).await;
    send(&server, &first).await;
    until_searched(&server, 2.0).await;
    // Dead letters count once a commit has passed them, which the range after theirs begins with.
    send(&server, &first).await;
    let text = until_searched(&server, 3.0).await;
    assert_eq!(conflicts(&text), 0.0, "{text}");

    event["after"]["state"] = "open".into();
    send(&server, &event).await;
    until_searched(&server, 4.0).await;
    send(&server, &first).await;
    let text = until_searched(&server, 5.0).await;
    assert_eq!(conflicts(&text), 1.0, "{text}");
}
