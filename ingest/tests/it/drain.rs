//! Shutdown: what is in flight is answered, what comes is sent elsewhere.

use crate::house::{EVENTS, House, json};
use crate::log::Mood;

#[tokio::test]
async fn a_drain_answers_what_is_in_flight_and_refuses_the_rest() {
    let house = House::new().await;
    house.log.set(Mood::Waits);
    let in_flight = tokio::spawn(house.batch("").body(EVENTS).send());
    house.log.someone_waits().await;
    let edge = house.edge.clone();
    let drain = tokio::spawn(async move { edge.drain().await });
    while !house.edge.is_draining() {
        tokio::task::yield_now().await;
    }
    let refused = house.batch("").body(EVENTS).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.headers()["connection"], "close");
    assert_eq!(json(refused).await["reason"], "draining");
    assert!(!drain.is_finished(), "the first request is still in flight");
    house.log.release();
    assert_eq!(in_flight.await.unwrap().unwrap().status(), 202);
    drain.await.unwrap();
    assert_eq!(house.log.kept().len(), 1);
}
