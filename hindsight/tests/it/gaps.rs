//! What a recorder left out and what never came are told as gaps, in the manifest and among the markers, and the rest
//! is given as it was sent.

use std::time::{Duration, Instant};

use hindsight_chaos::load::Writer;
use serde_json::{Value, json};

use crate::server::{self, Server};

const WITHIN: Duration = Duration::from_secs(60);
const START_MS: i64 = 1_700_000_000_000;

fn batch(from_ms: i64) -> String {
    let meta =
        json!({"type": 4, "data": {"href": "http://shop/", "width": 8, "height": 6}, "timestamp": from_ms});
    let full = json!({"type": 2, "data": {"node": {"type": 0, "childNodes": [], "id": 1},
        "initialOffset": {"left": 0, "top": 0}}, "timestamp": from_ms + 1});
    format!("{meta}\n{full}\n")
}

async fn send(running: &Server, session: &str, seq: u32, body: String) {
    let url = format!("{}/v1/recordings/{session}/w_1/{seq}", running.url);
    let request = reqwest::Client::new().post(url).bearer_auth(&running.write_key);
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 202, "{}", answer.text().await.unwrap());
}

async fn json_of(running: &Server, path: &str) -> Value {
    serde_json::from_str(&running.get(path).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_out_and_what_never_came_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let running = server::start(server::command(&[], &data), &data).await;
    let session = Writer::new(0, 1).session.to_string();
    let told = json!({"type": 5, "timestamp": START_MS + 9_000, "data": {"tag": "hindsight.gap", "payload":
        {"reason": "offline", "from_ms": START_MS + 2_000, "to_ms": START_MS + 8_000, "events": 41}}});
    let (first, last) = (format!("{}{told}\n", batch(START_MS)), batch(START_MS + 30_000));
    send(&running, &session, 0, first.clone()).await;
    send(&running, &session, 3, last.clone()).await;

    let replay = format!("/v1/replays/{session}");
    let started = Instant::now();
    while running
        .sql("SELECT count(), countIf(kind = 'gap') FROM events")
        .await
        != Ok("3\t1\n".into())
        || running.sql("SELECT count() FROM segments").await != Ok("2\n".into())
    {
        assert!(started.elapsed() < WITHIN, "the views do not catch up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let manifest = json_of(&running, &replay).await;
    let expected = json!([
        {"tab": "w_1", "seq_from": null, "seq_to": null, "from_ms": START_MS + 2_000, "to_ms": START_MS + 8_000,
         "reason": "recorder", "detail": "offline", "events": 41},
        {"tab": "w_1", "seq_from": 1, "seq_to": 2, "from_ms": START_MS + 9_000, "to_ms": START_MS + 30_000,
         "reason": "missing_batches", "detail": null, "events": null},
    ]);
    assert_eq!(manifest["gaps"], expected);
    assert_eq!(manifest["state"], "receiving", "batches may still come");

    let markers = json_of(&running, &format!("{replay}/markers")).await;
    let gaps: Vec<Value> = markers["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|marker| marker["kind"] == "gap")
        .map(|marker| {
            json!([
                marker["label"],
                marker["seq"],
                marker["seq_to"],
                marker["offset_ms"]
            ])
        })
        .collect();
    assert_eq!(
        gaps,
        [
            json!(["offline", 0, null, 9_000]),
            json!(["missing_batches", 1, 2, 9_000])
        ]
    );

    let events = running.get(&format!("{replay}/events")).await.unwrap();
    assert_eq!(events, format!("{first}{last}"));

    // What comes late closes its gap.
    send(&running, &session, 1, batch(START_MS + 10_000)).await;
    send(&running, &session, 2, batch(START_MS + 20_000)).await;
    while json_of(&running, &replay).await["gaps"].as_array().unwrap().len() != 1 {
        assert!(started.elapsed() < WITHIN, "late batches do not show");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
