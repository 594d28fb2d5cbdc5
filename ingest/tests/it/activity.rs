//! What became of the last calls with each key: remembered where a call was kept and where it was refused.

use hindsight_schemas::ids::SessionId;
use hindsight_schemas::reason::Reason;

use crate::foreign::{posthog, snapshot};
use crate::house::{EVENTS, House, ORIGIN, SERVER, now_ms};

#[tokio::test]
async fn the_last_kept_and_the_last_refused_call_of_a_key_are_remembered() {
    let house = House::new().await;
    let activity = house.edge.activity();
    let mut foreign = house.batch("").body(EVENTS).build().unwrap();
    let elsewhere = "https://elsewhere.example";
    foreign.headers_mut().insert("origin", elsewhere.parse().unwrap());
    assert_eq!(house.client.execute(foreign).await.unwrap().status(), 403);
    let refused = activity.of("b").refused.unwrap();
    assert_eq!(refused.reason, Reason::WrongOrigin);
    assert_eq!(refused.origin, elsewhere);
    assert!(refused.detail.en.contains("elsewhere.example"), "{refused:?}");
    assert_eq!(activity.of("b").accepted, None);

    assert_eq!(house.batch("").body(EVENTS).send().await.unwrap().status(), 202);
    let accepted = activity.of("b").accepted.unwrap();
    assert_eq!(accepted.origin, ORIGIN);
    assert!(accepted.session_id.is_some() && accepted.at_ms >= refused.at_ms);

    assert_eq!(house.batch("").body("[1]").send().await.unwrap().status(), 422);
    assert_eq!(activity.of("b").refused.unwrap().reason, Reason::NotRrweb);
    assert_eq!(activity.of("b").accepted.unwrap(), accepted);
}

#[tokio::test]
async fn keys_that_nobody_knows_and_server_keys_are_told_apart() {
    let house = House::new().await;
    let activity = house.edge.activity();
    let mistyped = house.get("/v1/config?key=mistyped").send().await.unwrap();
    assert_eq!(mistyped.status(), 401);
    assert_eq!(activity.unknown().refused.unwrap().reason, Reason::UnknownKey);

    let in_query = house
        .get(&format!("/v1/config?key={SERVER}"))
        .send()
        .await
        .unwrap();
    assert_eq!(in_query.status(), 403);
    assert_eq!(activity.of("s").refused.unwrap().reason, Reason::WrongKeyKind);

    let event = r#"{"action": "order.pay", "actor": {"id": "u-1"}}"#;
    assert_eq!(house.audit("").body(event).send().await.unwrap().status(), 202);
    assert!(activity.of("s").accepted.is_some());
    assert_eq!(activity.of("b"), Default::default());
}

#[tokio::test]
async fn a_call_of_another_recorder_is_remembered_with_its_visit() {
    let house = House::new().await;
    let activity = house.edge.activity();
    let session = SessionId::from_parts(now_ms() - 10_000, [3; 10]);
    let call = format!("[{}]", snapshot(session, &session.to_string(), EVENTS));
    assert_eq!(posthog(&house, "").body(call).send().await.unwrap().status(), 200);
    let accepted = activity.of("b").accepted.unwrap();
    assert_eq!(accepted.origin, ORIGIN);
    assert_eq!(accepted.session_id, Some(session));
}
