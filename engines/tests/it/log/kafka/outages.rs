//! A broker that dies under the log: what was acknowledged is there once, what was not is refused in time, and
//! everything goes on by itself when the broker is back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hindsight_engines::log::kafka::Settings;
use hindsight_engines::log::{AppendError, EventLog, Polled};

use super::fixture::{KafkaFixture, open};
use super::{AUDIT, PATIENCE, poll_until, reader, record, texts};

#[tokio::test]
async fn without_a_broker_appends_are_refused_in_time_and_go_on_when_it_is_back() {
    let fixture = KafkaFixture::mortal().await;
    let settings = Settings {
        append_timeout: Duration::from_secs(3),
        ..fixture.settings.clone()
    };
    let log = open(Settings {
        append_timeout: fixture.settings.append_timeout,
        ..settings.clone()
    })
    .await
    .unwrap();
    let hasty = open(settings.clone()).await.unwrap();
    hasty.append(vec![record("before")]).await.unwrap();
    let mut consumer = reader(&log, "outage");
    poll_until(&mut *consumer, |item| matches!(item, Polled::EndOfPartition(..))).unwrap();

    fixture.broker.kill();
    let started = Instant::now();
    let refused = hasty.append(vec![record("refused")]).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    assert!(consumer.poll(Duration::from_millis(200)).unwrap().is_empty());

    fixture.broker.revive();
    log.append(vec![record("after")]).await.unwrap();
    let mut seen = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while seen.last().map(String::as_str) != Some("after") {
        assert!(Instant::now() < deadline, "not read: {seen:?}");
        let polled = consumer.poll(Duration::from_millis(200)).unwrap();
        // A broker that is away for longer than the session time-out has the group made anew.
        if polled
            .iter()
            .any(|item| matches!(item, Polled::Assigned(partitions) if partitions.contains(&AUDIT)))
        {
            consumer.seek(AUDIT, 1).unwrap();
            seen.clear();
        }
        seen.extend(texts(&polled));
    }
    // What was refused may have been kept, but only once.
    assert!(seen == ["after"] || seen == ["refused", "after"], "{seen:?}");
}

/// Requests go out while the broker dies and comes back.
#[tokio::test]
async fn appends_across_a_death_are_kept_once() {
    let fixture = KafkaFixture::mortal().await;
    let broker = fixture.broker;
    let death = tokio::task::spawn_blocking(move || {
        broker.kill();
        broker.revive();
    });
    let mut answered = Vec::new();
    let mut number = 0;
    while !death.is_finished() || number < 50 {
        let batch: Vec<String> = (0..4).map(|each| format!("{number}.{each}")).collect();
        let appends = batch.iter().map(|value| fixture.log.append(vec![record(value)]));
        for (value, outcome) in batch.iter().zip(futures::future::join_all(appends).await) {
            if outcome.is_ok() {
                answered.push(value.clone());
            }
        }
        number += 1;
    }
    death.await.unwrap();
    assert!(answered.len() >= 40, "only {} were answered", answered.len());
    let mut consumer = reader(&*fixture.log, "death");
    let seen = poll_until(&mut *consumer, |item| matches!(item, Polled::EndOfPartition(..))).unwrap();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts(&seen) {
        *times.entry(text).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "kept twice: {twice:?}");
    let lost: Vec<_> = answered
        .iter()
        .filter(|text| !times.contains_key(*text))
        .collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
}
