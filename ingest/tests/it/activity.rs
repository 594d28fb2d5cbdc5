//! What became of the last calls with each key: remembered where a call was kept and where it was refused.

use hindsight_schemas::ids::SessionId;
use hindsight_schemas::reason::Reason;
use reqwest::RequestBuilder;

use crate::foreign::{posthog, snapshot};
use crate::house::{BROWSER, EVENTS, House, ORIGIN, SERVER, now_ms};

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
async fn what_another_recorder_sends_in_vain_is_told_of_the_key_that_it_names() {
    let house = House::new().await;
    let activity = house.edge.activity();
    let session = SessionId::from_parts(now_ms() - 10_000, [3; 10]);
    let capture = snapshot(session, &session.to_string(), EVENTS);
    let spoilt = snapshot(session, &session.to_string(), "[1]");
    let enveloped = format!(r#"{{"api_key":"{BROWSER}","batch":[{{"properties":{{}}}},2]}}"#);
    let elsewhere = |call: RequestBuilder| {
        let mut call = call.build().unwrap();
        let origin = "https://elsewhere.example".parse().unwrap();
        call.headers_mut().insert("origin", origin);
        call
    };
    let recorded = |body: &str| posthog(&house, "").body(body.to_owned());
    let told = |path| elsewhere(house.get(&format!("/array/{BROWSER}/{path}")));
    let good = format!("[{capture}]");
    // No two neighbours of one reason, so that each is seen to be remembered.
    let cases = [
        (elsewhere(recorded(&good)), 403, Reason::WrongOrigin),
        (
            recorded(&format!("[{spoilt}]")).build().unwrap(),
            422,
            Reason::NotRrweb,
        ),
        (told("config"), 403, Reason::WrongOrigin),
        (recorded(&enveloped).build().unwrap(), 422, Reason::NotRrweb),
        (told("config.js"), 403, Reason::WrongOrigin),
        (
            recorded(&format!("[{capture},")).build().unwrap(),
            400,
            Reason::NotJson,
        ),
    ];
    for (call, status, reason) in cases {
        let what = format!("{} {reason:?}", call.url());
        assert_eq!(
            house.client.execute(call).await.unwrap().status(),
            status,
            "{what}"
        );
        assert_eq!(activity.of("b").refused.unwrap().reason, reason, "{what}");
    }
    assert_eq!(activity.unknown().refused, None);

    let mistyped = good.replace(BROWSER, "mistyped");
    assert_eq!(recorded(&mistyped).send().await.unwrap().status(), 401);
    assert_eq!(activity.unknown().refused.unwrap().reason, Reason::UnknownKey);
    assert_eq!(activity.of("b").refused.unwrap().reason, Reason::NotJson);
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
