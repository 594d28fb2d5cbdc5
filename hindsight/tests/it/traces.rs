//! One trace from a request through the log to each view, as a collector gets it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use crate::metrics::value;
use crate::server::{command, start};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const VIEWS: [&str; 3] = ["analytics", "search", "replay"];

type Spans = Arc<Mutex<Vec<Span>>>;

/// A collector that keeps what it is sent.
async fn collector() -> (String, Spans) {
    let spans = Spans::default();
    let routes = Router::new()
        .route("/v1/traces", post(keep))
        .with_state(spans.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, spans)
}

async fn keep(State(spans): State<Spans>, body: Bytes) {
    let sent = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = sent
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans);
    spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a view has so many records of recordings.
fn done(metrics: &str, view: &str, records: f64) -> bool {
    let labels = format!(r#"materializer="{view}",topic="hindsight.recordings""#);
    value(metrics, &format!("hindsight_lane_records_total{{{labels}}}")) == Some(records)
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
    assert_eq!(found.len(), 1, "{name} among {names:?}");
    found[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampled_request_is_followed_into_every_view() {
    let (collector_url, spans) = collector().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = command(&[], &data);
    command.env("HINDSIGHT_TRACES__ENDPOINT", &collector_url);
    // What begins here is not kept; what the caller samples is.
    command.env("HINDSIGHT_TRACES__SAMPLE", "0");
    let mut server = start(command, &data).await;

    let client = reqwest::Client::new();
    let at = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let at = u64::try_from(at.as_millis()).unwrap();
    let session = hindsight_schemas::ids::SessionId::from_parts(at, [7; 10]);
    let event =
        json!([{"type": 4, "data": {"href": "http://shop/", "width": 1, "height": 1}, "timestamp": at}]);
    for (seq, flags) in [(0, Some("01")), (1, Some("00")), (2, None)] {
        let mut request = client
            .post(format!("{}/v1/recordings/{session}/t/{seq}", server.url))
            .bearer_auth(&server.write_key)
            .body(event.to_string());
        if let Some(flags) = flags {
            request = request.header("traceparent", format!("00-{TRACE}-{CALLER}-{flags}"));
        }
        assert_eq!(request.send().await.unwrap().status(), 202);
    }
    let in_all_views = async {
        loop {
            let metrics = server.get("/metrics").await.unwrap();
            if VIEWS.iter().all(|view| done(&metrics, view, 3.0)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), in_all_views)
        .await
        .expect("written in all views");
    // Draining sends the last spans.
    assert_eq!(server.stop(), Some(0));

    let spans = spans.lock().unwrap();
    let request = named(&spans, "POST /v1/recordings/{session_id}/{tab}/{seq}");
    assert_eq!(hex(&request.parent_span_id), CALLER);
    let append = named(&spans, "append");
    assert_eq!(append.parent_span_id, request.span_id);
    for view in VIEWS {
        let write = named(&spans, &format!("{view} write"));
        assert_eq!(write.parent_span_id, append.span_id, "{view}");
        assert!(
            write.start_time_unix_nano >= append.start_time_unix_nano,
            "{view}"
        );
    }
    for span in spans.iter() {
        assert_eq!(
            hex(&span.trace_id),
            TRACE,
            "{}: only what the caller sampled",
            span.name
        );
        assert!(
            span.end_time_unix_nano >= span.start_time_unix_nano,
            "{}",
            span.name
        );
    }
}

#[test]
fn a_share_over_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = command(&[], &data);
    command.env("HINDSIGHT_TRACES__SAMPLE", "1.5");
    let (code, told) = crate::server::refused(command, &data);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("traces.sample"), "{told}");
}
