//! Good batches: what is answered, what is kept, what a page needs.

use hindsight_schemas::canonical::{ContentHasher, hex};
use hindsight_schemas::ids::SessionId;
use hindsight_schemas::record::{Codec, KeyKind, Layout};
use serde_json::Value;

use crate::house::{
    APP, BROWSER, EVENTS, House, IMPORT, ORIGIN, SERVER, gzip, json, metrics, now_ms, options, zstd,
};

#[tokio::test]
async fn a_batch_is_kept_as_it_was_sent_in_each_encoding() {
    let house = House::new().await;
    let lines = EVENTS
        .trim_matches(['[', ']'])
        .replace("},{\"type\":2", "}\n{\"type\":2");
    let bodies = [
        ("", Codec::Identity, EVENTS.as_bytes().to_vec()),
        ("encoding=gzip", Codec::Gzip, gzip(EVENTS.as_bytes())),
        (
            "encoding=gzip",
            Codec::Gzip,
            [gzip(&EVENTS.as_bytes()[..40]), gzip(&EVENTS.as_bytes()[40..])].concat(),
        ),
        ("encoding=zstd", Codec::Zstd, zstd(EVENTS.as_bytes())),
        ("encoding=identity", Codec::Identity, lines.into_bytes()),
    ];
    for (query, codec, body) in bodies {
        let sent_at = now_ms() - 5_000;
        let response = house
            .batch(&format!("{query}&sent_at={sent_at}&final=1"))
            .body(body.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 202);
        let answer = json(response).await;
        assert_eq!((&answer["accepted"], &answer["level"]), (&2.into(), &"L4".into()));
        let batch = house.log.batches().pop().unwrap();
        assert_eq!((batch.codec, &batch.body), (codec, &body));
        assert_eq!(
            (batch.events, batch.raw_bytes > 0, batch.keyframe, batch.ended),
            (2, true, true, false)
        );
        assert_eq!(
            (batch.first_at_ms, batch.last_at_ms),
            (1_700_000_000_000, 1_700_000_000_010)
        );
        assert!(batch.is_final && (5_000..65_000).contains(&batch.clock_offset_ms.unwrap()));
        assert_eq!(
            (batch.key_id.as_str(), batch.key_kind, batch.source.as_str()),
            ("b", KeyKind::Browser, "web")
        );
        assert_eq!(batch.expires_at_s, batch.received_at_us / 1_000_000 + 90 * 86_400);
        assert_eq!(
            (batch.client_ip.as_str(), batch.retention_class.as_str()),
            ("127.0.0.1", "recordings")
        );
        let canonical: Value = serde_json::from_slice(&batch.canonical).unwrap();
        assert_eq!(canonical["content_sha256"], hex(&batch.content_sha256));
    }
    let batches = house.log.batches();
    let mut hasher = ContentHasher::default();
    let (first, second) = EVENTS
        .trim_matches(['[', ']'])
        .split_once(",{\"type\":2")
        .unwrap();
    hasher.text(first.as_bytes());
    hasher.text(format!("{{\"type\":2{second}").as_bytes());
    let expected = hasher.finish().to_vec();
    assert!(
        batches.iter().all(|batch| batch.content_sha256 == expected),
        "the same events have one hash"
    );
    assert_eq!(batches[4].layout, Layout::JsonLines);
    let keys: Vec<_> = house.log.kept().into_iter().map(|record| record.key).collect();
    assert!(keys[0].starts_with(b"shop/"), "{keys:?}");
}

#[tokio::test]
async fn large_bodies_go_the_same_way() {
    let house = House::new().await;
    let event =
        r#"{"type":3,"data":{"source":1,"positions":[{"x":1,"y":2,"id":3}]},"timestamp":1700000000000}"#;
    let body = vec![event; 20_000].join("\n");
    let response = house
        .batch("encoding=zstd")
        .body(zstd(body.as_bytes()))
        .send()
        .await
        .unwrap();
    assert_eq!(json(response).await["accepted"], 20_000);
    assert_eq!(house.log.batches()[0].raw_bytes, body.len() as i64);
    let response = house.batch("").body(body).send().await.unwrap();
    assert_eq!(json(response).await["accepted"], 20_000);
}

#[tokio::test]
async fn app_and_server_keys_send_without_origin() {
    let house = House::new().await;
    let path = format!("/v1/recordings/{}/w/0", SessionId::from_parts(now_ms(), [2; 10]));
    let app = house
        .post(&format!("{path}?key={APP}"))
        .body(EVENTS)
        .send()
        .await
        .unwrap();
    let server = house
        .post(&path)
        .bearer_auth(SERVER)
        .header("content-encoding", "gzip")
        .body(gzip(EVENTS.as_bytes()));
    assert_eq!(
        (
            app.status().as_u16(),
            server.send().await.unwrap().status().as_u16()
        ),
        (202, 202)
    );
    let kinds: Vec<_> = house.log.batches().iter().map(|batch| batch.key_kind).collect();
    assert_eq!(kinds, [KeyKind::App, KeyKind::Server]);
}

#[tokio::test]
async fn only_the_import_right_reaches_back() {
    let house = House::new().await;
    let path = format!(
        "/v1/recordings/{}/w/0",
        SessionId::from_parts(1_000_000_000_000, [2; 10])
    );
    let send = |key: &'static str| house.post(&path).bearer_auth(key).body(EVENTS).send();
    assert_eq!(send(SERVER).await.unwrap().status(), 422);
    assert_eq!(send(IMPORT).await.unwrap().status(), 202);
}

#[tokio::test]
async fn one_identity_with_two_bodies_is_kept_twice_for_the_views_to_tell() {
    let house = House::new().await;
    let path = format!(
        "/v1/recordings/{}/w/0?key={APP}",
        SessionId::from_parts(now_ms(), [2; 10])
    );
    for body in [EVENTS, r#"[{"type":4,"timestamp":1}]"#] {
        assert_eq!(house.post(&path).body(body).send().await.unwrap().status(), 202);
    }
    let batches = house.log.batches();
    assert_eq!(batches[0].id(), batches[1].id());
    assert_ne!(batches[0].content_sha256, batches[1].content_sha256);
}

#[tokio::test]
async fn the_client_is_who_the_trusted_proxy_says() {
    let mut options = options();
    options.edge.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    options.edge.country_header = Some("x-country".into());
    let trusting = House::with(options).await;
    let send = |house: &House| {
        house
            .batch("")
            .header("x-forwarded-for", "6.6.6.6, 203.0.113.9")
            .header("x-country", "cn")
            .body(EVENTS)
            .send()
    };
    assert_eq!(send(&trusting).await.unwrap().status(), 202);
    let batch = &trusting.log.batches()[0];
    assert_eq!(
        (batch.client_ip.as_str(), batch.country.as_str()),
        ("203.0.113.9", "CN")
    );
    let wary = House::new().await;
    assert_eq!(send(&wary).await.unwrap().status(), 202);
    let batch = &wary.log.batches()[0];
    assert_eq!(
        (batch.client_ip.as_str(), batch.country.as_str()),
        ("127.0.0.1", "")
    );
}

#[tokio::test]
async fn pages_may_read_answers_and_ask_before() {
    let house = House::new().await;
    let accepted = house.batch("").body(EVENTS).send().await.unwrap();
    assert_eq!(accepted.headers()["access-control-allow-origin"], "*");
    let exposed = accepted.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        exposed.contains("Retry-After") && exposed.contains("ETag"),
        "{exposed}"
    );
    for path in ["/v1/recordings/a/b/0", "/v1/audit", "/v1/config"] {
        let asked = house
            .client
            .request(reqwest::Method::OPTIONS, format!("{}{path}", house.url))
            .send()
            .await
            .unwrap();
        assert_eq!(asked.status(), 204, "{path}");
        let allowed = asked.headers()["access-control-allow-headers"].to_str().unwrap();
        assert!(
            allowed.contains("Authorization") && allowed.contains("Idempotency-Key"),
            "{allowed}"
        );
    }
}

#[tokio::test]
async fn the_configuration_is_told_and_cached() {
    let house = House::new().await;
    let ask = || {
        house
            .get(&format!("/v1/config?key={BROWSER}"))
            .header("origin", ORIGIN)
    };
    let first = ask().send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    assert_eq!(first.headers()["cache-control"], "max-age=60");
    let config = json(first).await;
    assert_eq!(config["limits"]["record_bytes"], 8 * 1024 * 1024);
    assert_eq!(
        (&config["recording"]["level"], &config["recording"]["mask_inputs"]),
        (&"L4".into(), &true.into())
    );
    assert!(config["now_ms"].as_u64().is_some());
    let second = ask().header("if-none-match", tag).send().await.unwrap();
    assert_eq!(second.status(), 304);
    assert_eq!(house.get("/v1/config").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn requests_are_measured() {
    let house = House::new().await;
    house.batch("").body(EVENTS).send().await.unwrap();
    let metrics = metrics();
    for name in [
        r#"hindsight_edge_requests_total{route="/v1/recordings/{session_id}/{tab}/{seq}",status="202"}"#,
        "hindsight_edge_request_seconds",
        "hindsight_edge_append_seconds",
        r#"hindsight_edge_events_total{project="shop",kind="recording"}"#,
        "hindsight_edge_raw_bytes_total",
        r#"hindsight_edge_records_total{topic="hindsight.recordings",outcome="kept"}"#,
        r#"hindsight_edge_audit_outcomes_total{project="shop",outcome="failure"}"#,
    ] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
}

#[test]
fn the_openapi_document_has_the_routes() {
    let document = serde_json::to_value(hindsight_ingest::openapi()).unwrap();
    for (path, method) in [
        ("/v1/recordings/{session_id}/{tab}/{seq}", "post"),
        ("/v1/audit", "post"),
        ("/v1/config", "get"),
    ] {
        let responses = &document["paths"][path][method]["responses"];
        assert!(
            responses["401"].is_object() && responses["503"].is_object(),
            "{path}: {responses}"
        );
    }
}
