//! Audit events: both ways of writing them, ids, masking, skipping.

use hindsight_schemas::audit::{AuditEvent, Operation, Outcome};
use hindsight_schemas::ids::AuditId;
use serde_json::{Value, json};

use crate::house::{House, gzip, json, refused};

fn example() -> Value {
    json!({
        "id": "20261122-000017", "occurred_at": "2026-11-22T12:30:00.123+08:00", "action": "policy.update",
        "operation": "update", "actor": {"type": "user", "id": "u-17", "name": "li", "roles": ["agent"]},
        "targets": [{"type": "policy", "id": "P-9"}], "outcome": "success", "error": null, "request": {},
        "response": {}, "before": {"a": 1}, "after": {"a": 2}, "measures": {"amount": 129.90},
        "origin": {"ip": "203.0.113.9", "user_agent": "ua", "device": "d"}, "session_id": "s-1", "tab": "t",
        "trace_id": "x", "references": [{"type": "order", "id": "O-3"}], "class": "audit",
    })
}

fn kept(house: &House) -> Vec<AuditEvent> {
    house
        .log
        .audit()
        .iter()
        .map(|record| serde_json::from_slice(&record.canonical).unwrap())
        .collect()
}

async fn accept(house: &House, body: &Value) -> Value {
    let response = house.audit("").json(body).send().await.unwrap();
    let status = response.status();
    let answer = json(response).await;
    assert_eq!(status, 202, "{answer}");
    answer
}

#[tokio::test]
async fn the_example_of_the_contract_is_kept() {
    let house = House::new().await;
    let answer = accept(&house, &example()).await;
    assert_eq!((&answer["accepted"], &answer["errors"]), (&1.into(), &json!([])));
    let event = kept(&house).remove(0);
    assert_eq!(answer["ids"], json!([event.id]));
    assert_eq!(event.id.unix_ms(), 1_795_321_800_123);
    assert_eq!(
        (event.source_id.as_str(), event.occurred_at.as_str()),
        ("20261122-000017", "2026-11-22T04:30:00.123000Z")
    );
    assert_eq!(
        (event.operation, event.outcome, event.error),
        (Operation::Update, Outcome::Success, None)
    );
    assert_eq!(
        (event.actor.name.as_str(), event.actor.roles),
        ("li", vec!["agent".to_owned()])
    );
    assert_eq!(
        (event.targets[0].id.as_str(), event.references[0].id.as_str()),
        ("P-9", "O-3")
    );
    assert_eq!((event.before, event.after), (json!({"a": 1}), json!({"a": 2})));
    assert_eq!(event.measures["amount"], 129.9);
    let record = house.log.audit().remove(0);
    assert_eq!(
        (record.session_id.as_str(), record.retention_class.as_str()),
        ("s-1", "audit")
    );
    assert_eq!(house.log.kept()[0].key, "shop/s-1");
}

#[tokio::test]
async fn plain_operation_logs_are_kept_in_chinese_too() {
    let house = House::new().await;
    let plain = json!({
        "log_id": 17, "user_id": "u-1", "username": "李雷", "operation_type": "下单", "operation_time": "2026-11-22 12:30:00",
        "ip_address": "203.0.113.9", "device_info": {"os": "HarmonyOS"}, "request_params": "{\"sku\":\"A\",\"password\":\"x\"}",
        "response_data": {"ok": true}, "before_state": null, "after_state": {"状态": "已支付"}, "status": "失败",
        "error_message": "余额不足", "department": "华东",
    });
    accept(&house, &plain).await;
    let event = kept(&house).remove(0);
    assert_eq!(
        (event.source_id.as_str(), event.action.as_str(), event.operation),
        ("17", "下单", Operation::Create)
    );
    assert_eq!(
        event.occurred_at, "2026-11-22T04:30:00.000000Z",
        "in the project's zone"
    );
    assert_eq!(
        (event.outcome, event.error.as_deref()),
        (Outcome::Failure, Some("余额不足"))
    );
    assert_eq!(
        (event.actor.name.as_str(), event.origin.ip.as_str()),
        ("李雷", "203.0.113.9")
    );
    assert_eq!(
        event.request,
        json!({"sku": "A", "password": "***"}),
        "JSON in a text is unpacked and masked"
    );
    assert_eq!(event.extra["department"], "华东");
    assert_eq!(event.extra["origin.device"], json!({"os": "HarmonyOS"}));
    assert_eq!(house.log.kept()[0].key, "shop/u-1");
}

#[tokio::test]
async fn nothing_that_is_unknown_is_lost() {
    let house = House::new().await;
    let mut event = example();
    event["actor"]["department"] = json!("east");
    event["targets"][0]["version"] = json!(3);
    event["custom"] = json!({"deep": [1, 2]});
    event["origin"]["ip"] = json!("not an address");
    event["after"] = json!({"order_no": 1234567890123456789u64});
    accept(&house, &event).await;
    let event = kept(&house).remove(0);
    assert_eq!(event.extra["actor"], json!({"department": "east"}));
    assert_eq!(event.extra["targets.0"], json!({"version": 3}));
    assert_eq!(event.extra["custom"], json!({"deep": [1, 2]}));
    assert_eq!(event.extra["origin.ip"], "not an address");
    assert_eq!(
        event.after["order_no"], "1234567890123456789",
        "a double would lose digits"
    );
}

#[tokio::test]
async fn secrets_do_not_reach_the_log() {
    let house = House::new().await;
    let mut event = example();
    event["request"] =
        json!({"user": "li", "password": "hunter2", "cards": [{"card_no": "4111", "cvv": 123}]});
    event["extra_token"] = json!("hunter2");
    accept(&house, &event).await;
    let record = house.log.audit().remove(0);
    let text = String::from_utf8(record.canonical).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("4111"), "{text}");
    let mut masked = record.masked;
    masked.sort();
    assert_eq!(
        masked,
        [
            "/extra/extra_token",
            "/request/cards/0/card_no",
            "/request/cards/0/cvv",
            "/request/password"
        ]
    );
}

#[tokio::test]
async fn a_retry_makes_the_same_ids() {
    let house = House::new().await;
    let first = accept(&house, &example()).await;
    assert_eq!(accept(&house, &example()).await["ids"], first["ids"]);
    let call = json!([{"action": "a", "occurred_at": "2026-11-22T00:00:00Z"}, {"action": "a", "occurred_at": "2026-11-22T00:00:00Z"}]);
    let mut answers = vec![];
    for key in ["k-1", "k-1", "k-2"] {
        let response = house
            .audit("")
            .header("idempotency-key", key)
            .json(&call)
            .send()
            .await
            .unwrap();
        answers.push(json(response).await["ids"].clone());
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0], answers[2]);
    assert_ne!(answers[0][0], answers[0][1]);
}

#[tokio::test]
async fn an_event_of_its_own_uuid_needs_no_time() {
    let house = House::new().await;
    let id = AuditId::from_parts(1_700_000_000_123, [4; 10]);
    accept(&house, &json!({"id": id, "action": "login"})).await;
    let event = kept(&house).remove(0);
    assert_eq!(
        (event.id, event.occurred_at.as_str()),
        (id, "2023-11-14T22:13:20.123000Z")
    );
    assert_eq!(event.operation, Operation::Login);
}

#[tokio::test]
async fn skipping_keeps_the_good_and_names_the_bad() {
    let house = House::new().await;
    let mut events: Vec<Value> = (0..100)
        .map(|n| json!({"id": format!("e-{n}"), "occurred_at": "2026-11-22T00:00:00Z", "action": "a"}))
        .collect();
    events[42]["outcome"] = json!("perhaps");
    let refused_call = json(house.audit("").json(&events).send().await.unwrap()).await;
    assert_eq!(refused_call["errors"][0]["index"], 42);
    assert_eq!(refused_call["errors"][0]["pointer"], "/outcome");
    assert!(house.log.kept().is_empty());
    let before = refused("invalid_audit");
    let answer = json(house.audit("?on_error=skip").json(&events).send().await.unwrap()).await;
    assert_eq!(
        (&answer["accepted"], answer["ids"].as_array().unwrap().len()),
        (&99.into(), 99)
    );
    assert_eq!(
        (&answer["errors"][0]["index"], &answer["errors"][0]["reason"]),
        (&42.into(), &"invalid_audit".into())
    );
    assert_eq!(house.log.kept().len(), 99);
    assert!(refused("invalid_audit") > before);
}

#[tokio::test]
async fn lines_arrays_and_packed_bodies_are_taken() {
    let house = House::new().await;
    let one = r#"{"action":"a","occurred_at":"2026-11-22T00:00:00Z"}"#;
    for (body, count) in [
        (one.to_owned(), 1),
        (one.replace(',', ",\n"), 1),
        (format!("{one}\n{one}\n"), 2),
        (format!("[{one},\n{one},{one}]"), 3),
    ] {
        let sent = house
            .audit("")
            .header("content-encoding", "gzip")
            .body(gzip(body.as_bytes()))
            .send()
            .await
            .unwrap();
        assert_eq!(json(sent).await["accepted"], count, "{body}");
    }
}

#[tokio::test]
async fn free_texts_types_and_measures_are_masked() {
    let house = House::new().await;
    let event = json!({
        "id": "m-1", "occurred_at": "2026-11-22T12:30:00Z", "action": "login", "actor": {"id": "u-1", "name": "li"},
        "targets": [{"type": "bank_card", "id": "6222021300001111", "name": "card of li"}, {"type": "order", "id": "O-1"}],
        "references": [{"type": "id_card", "id": "11010119900307123X"}, {"type": "order", "id": "O-1"}],
        "outcome": "failure", "error": "li gave password=abc123 to /login?token=t1&x=1",
        "measures": {"amount": 1, "pin": 4711},
        "origin": {"ip": "203.0.113.9", "user_agent": "app/1 (Authorization: Bearer ey.J0)", "device": "密码：a1b2"},
    });
    accept(&house, &event).await;
    let event = kept(&house).remove(0);
    let targets: Vec<_> = event
        .targets
        .iter()
        .map(|it| (it.id.as_str(), it.name.as_str()))
        .collect();
    assert_eq!(targets, [("***", "***"), ("O-1", "")]);
    let references: Vec<_> = event.references.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(references, ["***", "O-1"]);
    assert_eq!(
        event.error.as_deref(),
        Some("li gave password=*** to /login?token=***&x=1")
    );
    assert_eq!(event.origin.user_agent, "app/1 (Authorization: ***)");
    assert_eq!(event.origin.device, "密码：***");
    assert_eq!(event.measures.keys().collect::<Vec<_>>(), ["amount"]);
    assert_eq!(event.extra["measures.pin"], "***");
    let record = house.log.audit().remove(0);
    assert_eq!(record.device, "密码：***", "the stamped device, too");
    let text = String::from_utf8(record.canonical).unwrap();
    for secret in ["6222", "110101", "abc123", "t1&", "4711", "ey.J0", "a1b2"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(record.masked.len(), 7, "{:?}", record.masked);
}
