//! Each bad input: its name, status, counter, problem document; nothing kept; and the table in docs is current.

use std::fmt::Write;
use std::path::Path;

use hindsight_ingest::Rate;
use hindsight_schemas::reason::{Reason, Retry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cases::{CASES, STAGED, small};
use crate::house::{APP, EVENTS, House, json, now_ms, refused, zstd};

#[tokio::test]
async fn each_bad_input_has_its_name_status_and_counter() {
    for case in CASES {
        let house = House::with(small()).await;
        house.log.set(case.mood);
        let before = refused(case.reason.as_str());
        let response = (case.send)(&house)
            .send()
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", case.name));
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let problem = json(response).await;
        let context = format!("{}: {problem}", case.name);
        assert_eq!(
            (problem["reason"].as_str(), status),
            (Some(case.reason.as_str()), case.reason.status()),
            "{context}"
        );
        assert_eq!(headers["content-type"], "application/problem+json", "{context}");
        assert_eq!(headers["access-control-allow-origin"], "*", "{context}");
        assert_eq!(
            headers.contains_key("retry-after"),
            matches!(status, 429 | 503),
            "{context}"
        );
        assert_eq!(problem["status"], status, "{context}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty()),
            "{context}"
        );
        assert!(refused(case.reason.as_str()) > before, "{context}");
        assert!(house.log.kept().is_empty(), "{context}");
    }
}

#[tokio::test]
async fn each_bad_input_is_told_in_chinese() {
    let house = House::with(small()).await;
    for case in CASES {
        house.log.set(case.mood);
        let response = (case.send)(&house)
            .header("accept-language", "zh-CN,zh;q=0.9,en;q=0.8")
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["content-language"], "zh-CN", "{}", case.name);
        let problem = json(response).await;
        let has_han = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for text in [&problem["title"], &problem["detail"]] {
            assert!(has_han(text.as_str().unwrap()), "{}: {problem}", case.name);
        }
    }
}

#[tokio::test]
async fn a_session_out_of_time_is_told_the_time() {
    let house = House::new().await;
    let old = hindsight_schemas::ids::SessionId::from_parts(1, [0; 10]);
    let response = house
        .post(&format!("/v1/recordings/{old}/w/0?key={APP}"))
        .body(EVENTS)
        .send()
        .await
        .unwrap();
    let told = json(response).await["now_ms"].as_u64().unwrap();
    assert!(now_ms().abs_diff(told) < 60_000, "{told}");
}

/// Sends a request's head by hand; `100 Continue` says that the edge has reserved the body and reads it.
pub(crate) async fn begin(house: &House, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(house.url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let session = hindsight_schemas::ids::SessionId::from_parts(now_ms(), [1; 10]);
    let head = format!(
        "POST /v1/recordings/{session}/w/0?key={APP} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_slow_body_times_out() {
    let mut options = small();
    options.edge.body_wait_ms = 50;
    let house = House::with(options).await;
    let mut stream = begin(&house, 100).await;
    stream.write_all(b"[").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("slow_body"), "{answer}");
}

#[tokio::test]
async fn a_connection_that_ends_within_the_body_keeps_nothing() {
    let house = House::with(small()).await;
    let before = refused("truncated");
    let mut stream = begin(&house, EVENTS.len() + 1).await;
    stream.write_all(EVENTS.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(house.log.kept().is_empty());
    assert!(refused("truncated") > before, "{answer}");
}

#[tokio::test]
async fn a_project_over_its_rate_waits() {
    let mut options = small();
    options.rate = Rate {
        events_per_s: 1,
        burst_s: 1,
        ..Rate::default()
    };
    let house = House::with(options).await;
    let before = refused("rate_limited");
    assert_eq!(house.batch("").body(EVENTS).send().await.unwrap().status(), 202);
    let response = house.batch("").body(EVENTS).send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert!(
        response.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert_eq!(json(response).await["reason"], "rate_limited");
    assert!(refused("rate_limited") > before);
}

#[tokio::test]
async fn bytes_in_flight_are_bounded() {
    let mut options = small();
    options.limits.audit_events = 1_024;
    // The least that is allowed for these limits: 7 MiB; a body holds twice its length.
    options.edge.budget_bytes = 7 << 20;
    options.edge.admission_wait_ms = 20;
    let house = House::with(options).await;
    let before = refused("overloaded");
    let mut held = vec![];
    for length in [1 << 20, 1 << 20, 1 << 20, 1 << 19] {
        held.push(begin(&house, length).await);
    }
    let response = house.batch("").body(EVENTS).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(json(response).await["reason"], "overloaded");
    assert!(refused("overloaded") > before);
    drop(held);
}

/// `docs/refusals.md`: made from the list of reasons and the cases above.
fn table() -> String {
    let mut text = String::from(
        "# Why something is refused\n\nOne list of reasons, shared by answers (`reason`), metrics (`hindsight_refused_total{reason}`) and dead letters.\n\
         Generated from `schemas/src/reason.rs` and the cases of `ingest/tests/it/cases.rs`: `UPDATE_DOCS=1 cargo test -p hindsight-ingest the_table`.\n\n\
         | reason | status | the same again | meaning | shown at the edge by |\n|---|---|---|---|---|\n",
    );
    for &reason in Reason::ALL {
        let cases = CASES
            .iter()
            .map(|case| (case.name, case.reason))
            .chain(STAGED.iter().copied());
        let names: Vec<_> = cases
            .filter(|(_, of)| *of == reason)
            .map(|(name, _)| name)
            .collect();
        let shown = if names.is_empty() {
            "not at the edge".into()
        } else {
            names.join("; ")
        };
        let again = match reason.retry() {
            Retry::Never => "no",
            Retry::Later => "later",
        };
        let (name, status, title) = (reason.as_str(), reason.status(), reason.title_en());
        writeln!(text, "| `{name}` | {status} | {again} | {title} | {shown} |").unwrap();
    }
    text
}

#[test]
fn the_table_in_docs_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/refusals.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, table()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == table(),
        "docs/refusals.md is out of date: UPDATE_DOCS=1 cargo test -p hindsight-ingest the_table"
    );
}

/// A flood of bad bodies is held off as a flood of good ones is.
#[tokio::test]
async fn bad_bodies_are_charged() {
    let bomb = zstd(&vec![b' '; 3 << 20]);
    for (name, body, encoding) in [
        ("not JSON", b"nonsense".to_vec(), "identity"),
        ("a bomb", bomb, "zstd"),
        ("damaged", b"\x28\xb5\x2f\xfdxxxxxxxx".to_vec(), "zstd"),
    ] {
        for audit in [true, false] {
            let mut options = small();
            options.rate = Rate {
                events_per_s: 1,
                bytes_per_s: 1 << 20,
                burst_s: 2,
            };
            let house = House::with(options).await;
            let mut reasons = vec![];
            for _ in 0..4 {
                let request = if audit {
                    house.audit(&format!("?encoding={encoding}"))
                } else {
                    house.batch(&format!("encoding={encoding}"))
                };
                let answer = json(request.body(body.clone()).send().await.unwrap()).await;
                reasons.push(answer["reason"].as_str().unwrap().to_owned());
            }
            assert_ne!(reasons[0], "rate_limited", "{name}");
            assert!(
                reasons.contains(&"rate_limited".into()),
                "{name}, audit: {audit}: {reasons:?}"
            );
        }
    }
}
