//! What JSON's grammar allows and the edge accepts stays readable: served as sent, in the tables, and no answer of
//! its session or of its neighbours breaks.

use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use crate::server::{Server, command, start};

const VISIBLE_WITHIN: Duration = Duration::from_secs(60);

/// Events that typed readers stumble over, in a recording that is whole otherwise.
fn odd_events() -> Vec<String> {
    let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let start = 1_764_000_000_000_u64;
    let mut events = vec![
        format!(
            r#"{{"type":4,"data":{{"href":"https://shop.example/\ud800odd","width":1e999,"height":600}},"timestamp":{start}}}"#
        ),
        format!(
            r#"{{"type":2,"data":{{"node":{{"id":1,"deep":{deep}}},"initialOffset":{{"top":0,"left":0}}}},"timestamp":{}}}"#,
            start + 1
        ),
        r#"{"type":3,"data":{"source":2,"type":2,"id":1,"x":1e999,"y":-1e999},"timestamp":1e999}"#.to_owned(),
        r#"{"type":3,"data":{"source":5,"text":"\udfff\u0000","id":1},"timestamp":-1e400}"#.to_owned(),
        r#"{"type":0.3e1,"data":{"source":2.0,"type":2,"id":1,"x":1,"y":1},"timestamp":1e300}"#.to_owned(),
        r#"{"type":5,"data":{"tag":"odd\ud83d","payload":{"n":-1e999,"a":"\u0000"}},"timestamp":12.5e-1}"#
            .to_owned(),
        format!(
            r#"{{"type":6,"data":{{"plugin":"rrweb/console@1","payload":{{"level":"error","payload":["\udc00"],"trace":{deep}}}}},"timestamp":{}}}"#,
            start + 2
        ),
        format!(
            r#"{{"type":5,"data":{{"tag":"hindsight.identify","payload":{{"user_id":"\ud800u","user_name":"li"}}}},"timestamp":{}}}"#,
            start + 3
        ),
        format!(
            r#"{{"type":4,"type":5,"data":{{"tag":"hindsight.reference","payload":{{"type":"order","id":"O-odd","x":1e999}}}},"timestamp":{}}}"#,
            start + 4
        ),
    ];
    events.push(format!(
        r#"{{"type":5,"data":{{"tag":"hindsight.end","payload":{{"reason":"\ud800"}}}},"timestamp":{}}}"#,
        start + 5
    ));
    events
}

async fn send(server: &Server, session: Uuid, events: &[String]) {
    let answer = reqwest::Client::new()
        .post(format!("{}/v1/recordings/{session}/w_1/0", server.url))
        .bearer_auth(&server.write_key)
        .body(events.join("\n"))
        .send()
        .await
        .unwrap();
    let status = answer.status();
    assert_eq!(status, 202, "{}", answer.text().await.unwrap());
}

async fn json(server: &Server, path: &str) -> Value {
    let text = server
        .get(path)
        .await
        .unwrap_or_else(|why| panic!("{path}: {why}"));
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Waits until a session is in this state.
async fn until_state(server: &Server, session: Uuid, states: &[&str]) {
    let started = Instant::now();
    loop {
        let found = server.get(&format!("/v1/sessions/{session}")).await;
        let state = found
            .as_ref()
            .ok()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        if state.is_some_and(|facts| states.contains(&facts["state"].as_str().unwrap())) {
            return;
        }
        assert!(started.elapsed() < VISIBLE_WITHIN, "{session}: {found:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Every call that shows a session.
async fn is_readable(server: &Server, session: Uuid, events: &[String]) {
    let sent: String = events.iter().map(|event| format!("{event}\n")).collect();
    let served = server
        .get(&format!("/v1/replays/{session}/events?tab=w_1"))
        .await
        .unwrap();
    let mut lines: [Vec<&str>; 2] = [sent.lines().collect(), served.lines().collect()];
    lines.iter_mut().for_each(|lines| lines.sort_unstable());
    assert_eq!(lines[0], lines[1], "each event as sent, once");
    let enveloped = server
        .get(&format!("/v1/replays/{session}/events?envelope=1"))
        .await
        .unwrap();
    assert_eq!(enveloped.lines().count(), events.len());
    while !each_frame_is_served(server, session).await {}
    json(server, &format!("/v1/replays/{session}/markers")).await;
}

/// Whether all frames of the manifest came. The session may be closed meanwhile: a frame that isn't there then is none
/// of the manifest any more.
async fn each_frame_is_served(server: &Server, session: Uuid) -> bool {
    let path = format!("/v1/replays/{session}");
    let manifest = json(server, &path).await;
    for frame in manifest["frames"].as_array().unwrap() {
        let name = frame["frame"].as_str().unwrap();
        match server.get(&format!("{path}/frames/{name}")).await {
            Ok(text) => assert!(!text.is_empty(), "{name}"),
            Err(why) => {
                let now = json(server, &path).await;
                assert_ne!(now["frames"], manifest["frames"], "{name}: {why}");
                return false;
            }
        }
    }
    true
}

#[tokio::test]
async fn what_the_grammar_allows_is_readable_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = start(command(&[], &data), &data).await;
    let (odd, plain) = (Uuid::now_v7(), Uuid::now_v7());
    let odd_sent = odd_events();
    let plain_sent: Vec<String> = [
        r#"{"type":4,"data":{"href":"https://shop.example/plain","width":800,"height":600},"timestamp":1764000000000}"#,
        r#"{"type":2,"data":{"node":{"id":1},"initialOffset":{"top":0,"left":0}},"timestamp":1764000000001}"#,
        r#"{"type":5,"data":{"tag":"hindsight.end","payload":{}},"timestamp":1764000000002}"#,
    ]
    .map(str::to_owned)
    .to_vec();
    send(&server, odd, &odd_sent).await;
    send(&server, plain, &plain_sent).await;
    until_state(&server, odd, &["receiving", "stored", "complete", "damaged"]).await;
    is_readable(&server, odd, &odd_sent).await;
    for session in [odd, plain] {
        until_state(&server, session, &["complete", "damaged"]).await;
    }
    is_readable(&server, odd, &odd_sent).await;
    is_readable(&server, plain, &plain_sent).await;

    let list = json(&server, "/v1/sessions?sort=-duration_ms").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let case = json(&server, "/v1/references/order/O-odd").await;
    assert_eq!(case["sessions"][0]["session_id"], odd.to_string());
    let facts = json(&server, &format!("/v1/sessions/{odd}")).await;
    assert_eq!(facts["user_id"], "\u{fffd}u");
    let kinds = server
        .sql(&format!(
            "SELECT kind, count() FROM events WHERE session_id = '{odd}' GROUP BY kind ORDER BY kind"
        ))
        .await
        .unwrap();
    let expected = "click\t2\nconsole\t1\ncustom\t1\nend\t1\nidentify\t1\ninput\t1\npage\t1\nreference\t1\n";
    assert_eq!(kinds, expected);
    for table in ["events", "batches", "sessions", "segments"] {
        server
            .sql(&format!("SELECT * FROM {table} LIMIT 100"))
            .await
            .unwrap();
    }
    assert_eq!(server.stop(), Some(0));
}
