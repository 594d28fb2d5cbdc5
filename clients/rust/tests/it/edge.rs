//! Killed and back, refused and kept; nothing lost, nothing twice.

use std::time::Duration;

use axum::body::Body;
use hindsight_client::{AuditEvent, HindsightClient, OperationRefused, Options, VisitLayer, operation_log};
use http::Request;
use serde_json::json;
use tower::{Layer, ServiceExt};

use crate::real_edge::RealEdge;

const SESSION: &str = "01935b6e-7a2c-7d3e-8f10-2b4c6d8e0f12";

fn options(edge: &RealEdge, folder: &std::path::Path) -> Options {
    Options {
        spill_folder: Some(folder.join("spill")),
        batch_wait: Duration::from_millis(200),
        ..Options::to(&edge.url, &edge.write_key)
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let looking = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(60), looking)
            .await
            .is_ok(),
        "not within 60 s: {what}"
    );
}

#[tokio::test]
async fn the_edge_is_killed_and_comes_back() {
    const EVENTS: u64 = 4_000;
    let folder = tempfile::tempdir().unwrap();
    let mut edge = RealEdge::start(folder.path()).await;
    let client = HindsightClient::start(options(&edge, folder.path())).unwrap();
    for number in 0..EVENTS {
        let event = AuditEvent::new("rust.killed").target("order", number);
        client.record(event.after(json!({"number": number})));
        if number == 1_000 {
            edge.kill();
        } else if number == 3_000 {
            until("away", || client.stats().is_away).await;
            edge.restart().await;
        }
    }
    until("all kept", || client.stats().kept == EVENTS).await;
    let stats = client.stats();
    assert_eq!(
        (stats.lost, stats.refused, stats.waiting_bytes_on_disk),
        (0, 0, 0)
    );
    assert!(client.close().await);
    edge.check_once("rust.killed", EVENTS).await;
}

#[tokio::test]
async fn what_one_client_left_on_disk_is_sent_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let edge = RealEdge::start(folder.path()).await;
    let nowhere = Options {
        url: "http://127.0.0.1:1".into(),
        ..options(&edge, folder.path())
    };
    let first = HindsightClient::start(nowhere).unwrap();
    for number in 0..250 {
        first.record(AuditEvent::new("rust.left").target("order", number));
    }
    let begun = first
        .begin(AuditEvent::new("rust.strict").strict(true))
        .await
        .unwrap();
    begun.succeed().await;
    assert!(first.close().await);
    assert!(first.stats().waiting_bytes_on_disk > 0);
    let next = HindsightClient::start(options(&edge, folder.path())).unwrap();
    assert!(next.flush(Duration::from_secs(30)).await);
    assert!(next.close().await);
    edge.check_once("rust.left", 250).await;
    edge.check_once("rust.strict", 1).await;
}

#[derive(Debug, thiserror::Error)]
enum RefundError {
    #[error(transparent)]
    Refused(#[from] OperationRefused),
    #[error("more than was paid: {0}")]
    TooMuch(u32),
}

struct Orders {
    audit: HindsightClient,
    refunded: std::sync::Mutex<u32>,
}

impl Orders {
    async fn find(&self, id: &str) -> serde_json::Value {
        json!({"id": id, "refunded": *self.refunded.lock().unwrap(), "card_number": "4111111111111111"})
    }

    #[operation_log(
        client = self.audit, action = "order.refund", operation = "update", actor = user, target = ("order", id),
        reference = ("order", id), request = json!({"amount": amount}), before = self.find(id).await,
        after = self.find(id).await, strict
    )]
    async fn refund(&self, user: &str, id: &str, amount: u32) -> Result<u32, RefundError> {
        if amount > 100 {
            return Err(RefundError::TooMuch(amount));
        }
        let mut refunded = self.refunded.lock().unwrap();
        *refunded += amount;
        Ok(*refunded)
    }
}

fn orders(options: Options) -> Orders {
    Orders {
        audit: HindsightClient::start(options).unwrap(),
        refunded: std::sync::Mutex::new(0),
    }
}

#[tokio::test]
async fn operations_are_found_with_before_and_after_and_visit() {
    let folder = tempfile::tempdir().unwrap();
    let edge = RealEdge::start(folder.path()).await;
    let orders = std::sync::Arc::new(orders(options(&edge, folder.path())));
    let serving = orders.clone();
    let service = VisitLayer::new()
        .with_ip(|extensions| extensions.get::<std::net::IpAddr>().map(ToString::to_string))
        .layer(tower::service_fn(move |_: Request<Body>| {
            let orders = serving.clone();
            async move { orders.refund("u-17", "O-1", 30).await }
        }));
    let request = Request::post("/")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .header("baggage", format!("hindsight.session={SESSION}"))
        .header("baggage", "hindsight.tab=w1_9")
        .header("user-agent", "Firefox")
        .extension(std::net::IpAddr::from([203, 0, 113, 9]))
        .body(Body::empty())
        .unwrap();
    assert_eq!(service.oneshot(request).await.unwrap(), 30);
    let refused = orders.refund("u-17", "O-1", 101).await.unwrap_err();
    assert_eq!(refused.to_string(), "more than was paid: 101");
    assert!(orders.audit.close().await);

    assert_eq!(edge.audit("user:u-17", 2).await["total"], 2);
    let found = edge.audit("action:order.refund outcome:success", 1).await;
    let id = found["items"][0]["id"].as_str().unwrap();
    let event = edge.get(&format!("/v1/audit/{id}"), &[]).await;
    assert_eq!(
        event["before"],
        json!({"id": "O-1", "refunded": 0, "card_number": "***"})
    );
    assert_eq!(
        event["after"],
        json!({"id": "O-1", "refunded": 30, "card_number": "***"})
    );
    assert_eq!(event["origin"]["ip"], "203.0.113.9");
    assert_eq!(
        (&event["session_id"], &event["tab"]),
        (&SESSION.into(), &"w1_9".into())
    );
    assert_eq!(event["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let failed = edge.audit("action:order.refund outcome:failure", 1).await;
    assert_eq!(failed["items"][0]["error"], "more than was paid: 101");
}

#[tokio::test]
async fn strict_operations_are_refused_where_nothing_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no-folder");
    std::fs::write(&file, "").unwrap();
    let nowhere = Options {
        spill_folder: Some(file),
        close_wait: Duration::ZERO,
        ..Options::to("http://127.0.0.1:1", "k")
    };
    let orders = orders(nowhere);
    let refused = orders.refund("u-17", "O-1", 30).await.unwrap_err();
    assert!(matches!(refused, RefundError::Refused(_)), "{refused}");
    assert_eq!(*orders.refunded.lock().unwrap(), 0, "it didn't run");
    orders.audit.close().await;
}
