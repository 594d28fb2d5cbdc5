//! Recorders that are in the field already: each form of what they send is kept as rrweb, under one identity however
//! often and in whatever calls it comes. (With the real packages in a browser: `sdk/e2e/real/foreign.e2e.ts`.)

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hindsight_ingest::{EdgeOptions, Rate};
use hindsight_schemas::ids::{FIRST_CLOCKED, SessionId};
use hindsight_schemas::record::RecordingBatch;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{
    BROWSER, EVENTS, House, ORIGIN, SERVER, erased_session, gzip, json, metrics, now_ms, options, refused,
};
use crate::log::Mood;

const WINDOW: &str = "019ab000-0000-7000-8000-00000000abcd";

fn session() -> SessionId {
    SessionId::from_parts(now_ms() - 10_000, [3; 10])
}

/// `EVENTS`, one a line.
fn lines() -> String {
    let events: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(EVENTS).unwrap();
    events.iter().map(|event| format!("{}\n", event.get())).collect()
}

fn text(batch: &RecordingBatch) -> String {
    String::from_utf8(zstd::decode_all(&batch.body[..]).unwrap()).unwrap()
}

fn rrweb(house: &House, query: &str) -> RequestBuilder {
    house
        .post(&format!("/v1/rrweb?key={BROWSER}&{query}"))
        .header("origin", ORIGIN)
}

/// One `$snapshot` as posthog-js makes it.
pub(crate) fn snapshot(session: SessionId, uuid: &str, data: &str) -> String {
    format!(
        r#"{{"uuid":"{uuid}","event":"$snapshot","properties":{{"$snapshot_bytes":9,"$snapshot_data":{data},"$session_id":"{session}","$window_id":"{WINDOW}","token":"{BROWSER}","distinct_id":"d"}},"timestamp":"2026-11-25T22:00:00.000Z","sent_at":"2026-11-25T22:00:02.000Z"}}"#
    )
}

fn uuid(at_ms: u64, counter: u8) -> String {
    let mut bits = [7; 10];
    bits[5] = counter;
    SessionId::from_parts(at_ms, bits).to_string()
}

pub(crate) fn posthog(house: &House, query: &str) -> RequestBuilder {
    house
        .post(&format!("/s/?ip=0&ver=1.449.2&{query}"))
        .header("origin", ORIGIN)
        .header("content-type", "text/plain")
}

/// Sends it and says what was kept since.
async fn kept(house: &House, request: RequestBuilder) -> Vec<RecordingBatch> {
    let before = house.log.batches().len();
    let response = request.send().await.unwrap();
    let status = response.status();
    let answer = json(response).await;
    assert!(status.is_success(), "{status} {answer}");
    house.log.batches().split_off(before)
}

#[tokio::test]
async fn each_form_of_plain_rrweb_is_kept_as_its_events() {
    let house = House::new().await;
    let session = session();
    let wrapped = format!(r#"{{"events":{EVENTS},"user":"u-17"}}"#);
    let query = format!("session={session}&tab=page-1");
    let forms = [
        (EVENTS.to_owned().into_bytes(), ""),
        (lines().into_bytes(), ""),
        (wrapped.clone().into_bytes(), ""),
        (gzip(wrapped.as_bytes()), "&encoding=gzip"),
    ];
    let mut ids = Vec::new();
    for (body, encoding) in forms {
        let kept = kept(&house, rrweb(&house, &format!("{query}{encoding}")).body(body)).await;
        assert_eq!(text(&kept[0]), lines());
        // The clock of these events is years behind the session's own.
        assert!(kept[0].tab.as_str().starts_with("page-1_-"), "{}", kept[0].tab);
        assert_eq!(kept[0].events, 2);
        ids.push(kept[0].id());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "the same events are the same batch: {ids:?}");
    assert!(ids[0].seq >= FIRST_CLOCKED);
}

#[tokio::test]
async fn a_sender_that_counts_is_counted() {
    let house = House::new().await;
    let query = format!("session_id={}&seq=7&final=1", session());
    let kept = kept(&house, rrweb(&house, &query).body(EVENTS)).await;
    assert_eq!(
        (kept[0].seq, kept[0].tab.as_str(), kept[0].is_final),
        (7, "rrweb", true)
    );
}

#[tokio::test]
async fn what_the_packer_of_rrweb_makes_is_unpacked() {
    let house = House::new().await;
    let packed = |event: &str| {
        use std::io::Write;
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(format!("{},\"v\":\"v1\"}}", event.strip_suffix('}').unwrap()).as_bytes())
            .unwrap();
        let bytes = zlib.finish().unwrap();
        Value::from(bytes.into_iter().map(char::from).collect::<String>())
    };
    let events: Vec<Value> = lines().lines().map(packed).collect();
    let query = format!("session={}", session());
    let kept = kept(&house, rrweb(&house, &query).json(&events)).await;
    assert_eq!(text(&kept[0]), lines());
}

#[tokio::test]
async fn each_packing_of_posthog_is_kept_as_its_events() {
    let house = House::new().await;
    let session = session();
    let call = format!("[{}]", snapshot(session, &uuid(now_ms(), 1), EVENTS));
    let base64: String = form_urlencoded::byte_serialize(BASE64_STANDARD.encode(&call).as_bytes()).collect();
    let field = format!("data={base64}").into_bytes();
    let enveloped =
        format!(r#"{{"api_key":"{BROWSER}","batch":{call},"sent_at":"2026-11-25T22:00:02.000Z"}}"#);
    let single = snapshot(session, &uuid(now_ms(), 1), EVENTS);
    for (query, body) in [
        ("", gzip(call.as_bytes())),
        ("compression=gzip-js", gzip(call.as_bytes())),
        ("compression=base64", field),
        ("", call.clone().into_bytes()),
        ("", enveloped.into_bytes()),
        ("", single.into_bytes()),
    ] {
        let kept = kept(&house, posthog(&house, query).body(body)).await;
        assert_eq!(text(&kept[0]), lines(), "{query}");
        let [batch] = &kept[..] else {
            panic!("{} batches", kept.len())
        };
        assert_eq!((batch.session_id, batch.tab.as_str()), (session, WINDOW));
        assert_eq!(batch.sent_at_ms, Some(1_795_644_002_000));
    }
}

/// Made by lz-string 1.5.0 of a call with session 018bcfe5-6800-7000-8000-00000000e2e0, sent with the import right.
#[tokio::test]
async fn lz_string_of_old_releases_is_read() {
    let house = House::new().await;
    let packed: String =
        form_urlencoded::byte_serialize(include_str!("foreign.lz64").trim().as_bytes()).collect();
    let call = posthog(&house, "compression=lz64")
        .bearer_auth(crate::house::IMPORT)
        .body(format!("data={packed}"));
    let kept = kept(&house, call).await;
    assert_eq!(text(&kept[0]), lines());
}

#[tokio::test]
async fn packed_members_are_unpacked() {
    let house = House::new().await;
    let gz = |text: &str| -> Value {
        gzip(text.as_bytes())
            .into_iter()
            .map(char::from)
            .collect::<String>()
            .into()
    };
    let data = json!([
        {"type": 2, "cv": "2024-10", "timestamp": 1, "data": gz(r#"{"node":{"id":1},"initialOffset":{"top":0,"left":0}}"#)},
        {"type": 3, "cv": "2024-10", "timestamp": 2, "data":
            {"source": 0, "texts": gz("[]"), "attributes": [], "removes": gz("[]"), "adds": gz(r#"[{"parentId":1}]"#)}},
    ]);
    let call = format!("[{}]", snapshot(session(), &uuid(now_ms(), 1), &data.to_string()));
    let kept = kept(&house, posthog(&house, "").body(gzip(call.as_bytes()))).await;
    let events: Vec<Value> = text(&kept[0])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["data"]["node"]["id"], 1);
    assert_eq!(events[1]["data"]["adds"][0]["parentId"], 1);
    assert!(kept[0].keyframe && !text(&kept[0]).contains("cv"));
}

/// posthog-js sends what wasn't answered together with later flushes, and cuts calls in two for beacons.
#[tokio::test]
async fn a_flush_is_the_same_in_whatever_call_it_comes() {
    let house = House::new().await;
    let (session, now) = (session(), now_ms());
    // Two in one millisecond, as when a large buffer is split, and one later.
    let captures = [(now, 1), (now, 2), (now + 9, 1)]
        .map(|(at_ms, counter)| snapshot(session, &uuid(at_ms, counter), EVENTS));
    let call = |captures: &[String]| posthog(&house, "").body(format!("[{}]", captures.join(",")));
    let first = kept(&house, call(&captures)).await;
    let seqs: Vec<u32> = first.iter().map(|batch| batch.seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "in the order of time: {seqs:?}");
    let mut again = kept(&house, call(&captures[2..])).await;
    again.extend(kept(&house, call(&captures[..2])).await);
    for twin in again {
        let own = first.iter().find(|batch| batch.id() == twin.id()).unwrap();
        assert_eq!(
            (own.content_sha256.clone(), own.body.clone()),
            (twin.content_sha256, twin.body)
        );
    }
}

#[tokio::test]
async fn a_session_that_may_not_be_kept_does_not_hold_up_another() {
    let house = House::new().await;
    let old = SessionId::from_parts(now_ms() - 9 * 86_400_000, [1; 10]);
    let captures = [old, erased_session(), session()].map(|id| snapshot(id, &uuid(now_ms(), 1), EVENTS));
    let (aged, erased) = (refused("session_time"), refused("erased"));
    let batches = kept(
        &house,
        posthog(&house, "").body(format!("[{}]", captures.join(","))),
    )
    .await;
    assert_eq!(batches.len(), 1);
    assert!(refused("session_time") > aged && refused("erased") > erased);
    let alone = posthog(&house, "")
        .body(captures[1].clone())
        .send()
        .await
        .unwrap();
    assert_eq!(alone.status(), StatusCode::GONE);
}

/// posthog-js drops what it sent after any 4xx.
#[tokio::test]
async fn what_a_repetition_may_help_is_answered_503() {
    let tight = EdgeOptions {
        rate: Rate {
            events_per_s: 1,
            burst_s: 1,
            ..Rate::default()
        },
        ..options()
    };
    let house = House::with(tight).await;
    let call = || posthog(&house, "").body(snapshot(session(), &uuid(now_ms(), 1), EVENTS));
    assert_eq!(call().send().await.unwrap().status(), StatusCode::OK);
    let refused = call().send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    let problem = json(refused).await;
    assert_eq!(
        (&problem["reason"], &problem["status"]),
        (&"rate_limited".into(), &503.into())
    );
    let house = House::new().await;
    house.log.set(Mood::Unavailable);
    let away = posthog(&house, "").body(snapshot(session(), &uuid(now_ms(), 1), EVENTS));
    assert_eq!(
        away.send().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn posthog_is_told_what_to_record() {
    let house = House::new().await;
    let path = format!("/array/{BROWSER}/config");
    let told = json(house.get(&path).header("origin", ORIGIN).send().await.unwrap()).await;
    assert_eq!(told["sessionRecording"]["endpoint"], "/s/");
    assert_eq!(told["sessionRecording"]["masking"]["maskAllInputs"], true);
    assert_eq!(told["supportedCompression"], json!(["gzip-js"]));
    let script = house.get(&format!("{path}.js")).send().await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    let text = script.text().await.unwrap();
    let entry = text
        .split_once("] = ")
        .unwrap()
        .1
        .trim_end()
        .trim_end_matches(';');
    assert_eq!(serde_json::from_str::<Value>(entry).unwrap()["config"], told);
    for (wrong, status) in [("nobody", 401), (SERVER, 403)] {
        let refused = house.get(&format!("/array/{wrong}/config")).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), status);
    }
}

#[tokio::test]
async fn posthog_finds_no_flags_and_its_analytics_are_counted() {
    let house = House::new().await;
    for path in ["/flags/?v=2", "/decide/?v=3"] {
        let answer = json(house.post(path).body("{}").send().await.unwrap()).await;
        assert_eq!(answer["featureFlags"], json!({}), "{path}");
    }
    for path in ["/e/?ip=0", "/i/v0/e/?ip=0"] {
        let answer = json(house.post(path).body("[]").send().await.unwrap()).await;
        assert_eq!(answer, json!({"status": 1}), "{path}");
    }
    assert!(metrics().contains("hindsight_edge_posthog_dropped_total"));
    assert!(house.log.kept().is_empty());
}

#[tokio::test]
async fn a_uuid_that_is_none_is_no_reason_to_refuse() {
    let house = House::new().await;
    let v4 = Uuid::from_u128(0x7f9c_24e8_3b12_4fef_91e0_56a2_d5a4_d0b1).to_string();
    let one = kept(&house, posthog(&house, "").body(snapshot(session(), &v4, EVENTS))).await;
    assert!(one[0].seq >= FIRST_CLOCKED);
}
