//! A cluster that is not as it should be: found at the start or at first sight, named with both values or its remedy.

use std::time::{Duration, Instant};

use hindsight_engines::log::kafka::{OpenError, Settings};
use hindsight_engines::log::{AppendError, Commit, Committed, Consumer, ConsumerError, EventLog, Polled};
use hindsight_schemas::ids::Topic;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};

use super::broker::steady;
use super::fixture::{KafkaFixture, admin, open, topic_name};
use super::{AUDIT, PATIENCE, poll_until, reader, record, texts};

async fn refusal(settings: Settings) -> OpenError {
    match open(settings).await {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error,
    }
}

async fn settings() -> Settings {
    tokio::task::spawn_blocking(|| steady().settings()).await.unwrap()
}

#[tokio::test]
async fn wrong_brokers_are_named() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let settings = Settings {
        brokers: closed.to_string(),
        append_timeout: Duration::from_secs(2),
        ..Settings::default()
    };
    let error = refusal(settings).await;
    let words = error.to_string();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{words}");
    assert!(
        words.contains(&closed.to_string()) && words.contains("log.brokers"),
        "{words}"
    );
    assert!(words.contains("Connection refused"), "the cause is said: {words}");
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once() {
    let broker = tokio::task::spawn_blocking(steady).await.unwrap();
    for mechanism in ["PLAIN", "SCRAM-SHA-512"] {
        let settings = broker.secure_settings(mechanism, "wrong");
        let (longest, started) = (settings.append_timeout, Instant::now());
        let words = refusal(settings).await.to_string();
        assert!(words.contains("uthentication failed"), "{mechanism}: {words}");
        assert!(words.contains("log.sasl"), "{mechanism}: {words}");
        assert!(
            started.elapsed() < longest,
            "{mechanism}: it waited for the time-out"
        );
    }
}

/// Rights reach a broker a moment after they are given.
async fn refused_for(settings: &Settings, right: &str) {
    let started = Instant::now();
    loop {
        let error = refusal(settings.clone()).await;
        let words = error.to_string();
        assert!(matches!(error, OpenError::Denied { .. }), "{words}");
        assert!(words.contains("the rights of the user"), "{words}");
        if words.contains(right) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "not for want of {right}: {words}");
    }
}

#[tokio::test]
async fn a_missing_right_is_told_at_once_by_its_name() {
    let broker = tokio::task::spawn_blocking(steady).await.unwrap();
    let settings = broker.settings_of_a_stranger();
    let (prefix, longest) = (settings.prefix.clone(), settings.append_timeout);
    let made = open(Settings {
        prefix: prefix.clone(),
        ..broker.settings()
    });
    drop(made.await.unwrap());
    let allow = async |operation: &'static str| {
        let prefix = prefix.clone();
        let allowed = tokio::task::spawn_blocking(move || broker.allow(&prefix, operation));
        allowed.await.unwrap();
    };

    let started = Instant::now();
    refused_for(&settings, "(DESCRIBE)").await;
    assert!(started.elapsed() < longest, "it waited for the time-out");
    allow("Describe").await;
    refused_for(&settings, "(DESCRIBE_CONFIGS)").await;
    allow("DescribeConfigs").await;

    let started = Instant::now();
    let log = loop {
        match open(settings.clone()).await {
            Ok(log) => break log,
            Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
        }
    };
    let words = log.append(vec![record("lost")]).await.unwrap_err().to_string();
    assert!(words.contains("give the user the right to write"), "{words}");
    allow("Write").await;
    let started = Instant::now();
    while let Err(error) = log.append(vec![record("kept")]).await {
        assert!(started.elapsed() < PATIENCE, "{error}");
    }
    let started = Instant::now();
    let read = || -> Result<(), ConsumerError> {
        let mut consumer = log.consumer("stranger", &[Topic::Audit])?;
        while started.elapsed() < PATIENCE {
            consumer.poll(Duration::from_millis(100))?;
        }
        Ok(())
    };
    let words = read().expect_err("it may not").to_string();
    assert!(
        words.contains("give the user the right to read the group"),
        "{words}"
    );
}

#[tokio::test]
async fn the_right_password_over_tls_opens() {
    let broker = tokio::task::spawn_blocking(steady).await.unwrap();
    for mechanism in ["PLAIN", "SCRAM-SHA-512"] {
        let log = open(broker.secure_settings(mechanism, "hindsight-secret"))
            .await
            .unwrap();
        log.append(vec![record("kept")]).await.unwrap();
        let mut consumer = reader(&log, "secure");
        let seen = poll_until(&mut *consumer, |item| matches!(item, Polled::EndOfPartition(..))).unwrap();
        assert_eq!(texts(&seen), ["kept"], "{mechanism}");
    }
}

#[tokio::test]
async fn a_certificate_of_nobody_is_refused() {
    let broker = tokio::task::spawn_blocking(steady).await.unwrap();
    let mut settings = broker.secure_settings("PLAIN", "hindsight-secret");
    settings.tls = Some(Default::default());
    let words = refusal(settings).await.to_string();
    assert!(words.contains("certificate verify failed"), "{words}");
}

#[tokio::test]
async fn a_missing_topic_is_refused_where_none_may_be_made() {
    let settings = Settings {
        create_topics: false,
        ..settings().await
    };
    let words = refusal(settings.clone()).await.to_string();
    assert!(
        words.contains(&topic_name(&settings, Topic::Recordings)),
        "{words}"
    );
    assert!(words.contains("log.create_topics is false"), "{words}");
}

#[tokio::test]
async fn more_copies_than_brokers_are_refused() {
    let settings = Settings {
        replication: 3,
        min_insync: 2,
        ..settings().await
    };
    let words = refusal(settings).await.to_string();
    assert!(
        words.contains("3 copies") && words.contains("fewer brokers than log.replication"),
        "{words}"
    );
}

/// What a topic that somebody made otherwise is refused with.
async fn check_difference(properties: &[(&str, &str)], partitions: i32, expected: &[&str]) {
    let settings = settings().await;
    let name = topic_name(&settings, Topic::Audit);
    let fine = [
        ("retention.ms", "604800000"),
        ("max.message.bytes", "9000000"),
        ("message.timestamp.type", "LogAppendTime"),
    ];
    let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    let topic = fine
        .iter()
        .chain(properties)
        .fold(topic, |topic, (name, value)| topic.set(name, value));
    let made = admin(&settings)
        .create_topics(&[topic], &AdminOptions::new())
        .await
        .unwrap();
    made[0].clone().unwrap();
    let words = refusal(settings).await.to_string();
    for part in expected.iter().chain(&[name.as_str()]) {
        assert!(words.contains(part), "{part:?} is not in {words:?}");
    }
}

#[tokio::test]
async fn a_topic_that_takes_too_small_messages_is_refused() {
    let expected = [
        "max.message.bytes is 1000000, at least 8458240 is needed",
        "limits.record_bytes",
    ];
    check_difference(&[("max.message.bytes", "1000000")], 8, &expected).await;
}

#[tokio::test]
async fn a_topic_with_other_partitions_is_refused() {
    let expected = [
        "the number of partitions is 4, 8 is needed",
        "set log.partitions to 4",
    ];
    check_difference(&[], 4, &expected).await;
}

#[tokio::test]
async fn a_topic_that_forgets_sooner_is_refused() {
    let expected = ["retention.ms is 1000, 604800000 is needed", "log.retention_hours"];
    check_difference(&[("retention.ms", "1000")], 8, &expected).await;
}

#[tokio::test]
async fn a_topic_that_is_compacted_is_refused() {
    let expected = ["cleanup.policy is compact, delete is needed"];
    check_difference(&[("cleanup.policy", "compact")], 8, &expected).await;
}

#[tokio::test]
async fn a_topic_with_clients_times_is_refused() {
    let expected = ["message.timestamp.type is CreateTime, LogAppendTime is needed"];
    check_difference(&[("message.timestamp.type", "CreateTime")], 8, &expected).await;
}

/// Its offsets mean other records: nothing more is appended, read or committed under the old name.
#[tokio::test]
async fn a_topic_deleted_and_made_again_stops_the_log() {
    let mut fixture = KafkaFixture::steady().await;
    fixture.settings.identity_interval = Duration::from_millis(200);
    let log = open(fixture.settings.clone()).await.unwrap();
    log.append(vec![record("old")]).await.unwrap();
    let before = log.id(Topic::Audit);
    let mut consumer = reader(&log, "again");
    poll_until(&mut *consumer, |item| matches!(item, Polled::EndOfPartition(..))).unwrap();
    let name = fixture.topic(Topic::Audit);
    fixture
        .admin()
        .delete_topics(&[&name], &AdminOptions::new())
        .await
        .unwrap();

    let deadline = Instant::now() + PATIENCE;
    let words = loop {
        assert!(Instant::now() < deadline, "it went on");
        match consumer.poll(Duration::from_millis(100)) {
            Ok(_) => {}
            Err(ConsumerError::Engine(words)) => break words,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(words.contains(&name) && words.contains("start again"), "{words}");
    let refused = log.append(vec![record("lost")]).await;
    assert!(
        matches!(&refused, Err(AppendError::Unavailable(words)) if words.contains("was deleted")),
        "{refused:?}"
    );
    let commit = Commit {
        partition: AUDIT,
        committed: Committed {
            offset: 1,
            metadata: String::new(),
        },
    };
    assert!(consumer.commit(&[commit]).is_err());

    let anew = open(fixture.settings.clone()).await.unwrap();
    assert_ne!(anew.id(Topic::Audit), before);
    assert_eq!(
        anew.id(Topic::Recordings),
        log.id(Topic::Recordings),
        "this one is the same"
    );
    assert_eq!(anew.committed("again", AUDIT).await.unwrap(), None);
}

/// Somebody set the group's offset behind the end: told, not reset.
#[tokio::test]
async fn an_offset_set_by_hand_behind_the_end_is_told() {
    let fixture = KafkaFixture::steady().await;
    fixture.log.append(vec![record("a")]).await.unwrap();
    let committed = Committed {
        offset: 1000,
        metadata: String::new(),
    };
    let mut consumer = reader(&*fixture.log, "by-hand");
    let commit = Commit {
        partition: AUDIT,
        committed: committed.clone(),
    };
    consumer.commit(&[commit]).unwrap();
    drop(consumer);
    let mut consumer = reader(&*fixture.log, "by-hand");
    assert_eq!(consumer.committed(&[AUDIT]).unwrap(), [(AUDIT, Some(committed))]);
    consumer.seek(AUDIT, 1000).unwrap();
    let seen = poll_until(&mut *consumer, |item| matches!(item, Polled::OutOfRange { .. })).unwrap();
    let Some(Polled::OutOfRange { asked, available, .. }) = seen.last() else {
        unreachable!("it was polled for")
    };
    assert_eq!((*asked, *available), (1000, (0, 1)));
}

/// Retention overtakes a reader that stands still: it joins anew, and is told both ends where it seeks its position.
#[tokio::test]
async fn a_reader_that_retention_overtakes_is_told() {
    let fixture = KafkaFixture::steady().await;
    fixture.log.append(vec![record("a")]).await.unwrap();
    let mut consumer = reader(&*fixture.log, "overtaken");
    poll_until(&mut *consumer, |item| matches!(item, Polled::EndOfPartition(..))).unwrap();
    consumer.pause(&[AUDIT]).unwrap();
    fixture.log.append(vec![record("b"), record("c")]).await.unwrap();
    fixture.expire(Topic::Audit).await;
    fixture.log.append(vec![record("d")]).await.unwrap();
    consumer.resume(&[AUDIT]).unwrap();
    let assigned =
        |item: &Polled| matches!(item, Polled::Assigned(partitions) if partitions.contains(&AUDIT));
    let seen = poll_until(&mut *consumer, assigned).unwrap();
    assert!(matches!(&seen[0], Polled::Revoked(_)), "{seen:?}");
    assert_eq!(texts(&seen), [] as [&str; 0], "nothing was skipped silently");
    check_out_of_range(&mut *consumer, 1);
    for _ in 0..2 {
        consumer.seek(AUDIT, 3).unwrap();
        let seen = poll_until(&mut *consumer, |item| matches!(item, Polled::EndOfPartition(..))).unwrap();
        assert_eq!(texts(&seen), ["d"]);
        check_out_of_range(&mut *consumer, 1000);
    }
}

/// Of a log that has offset 3 alone.
fn check_out_of_range(consumer: &mut dyn Consumer, offset: u64) {
    consumer.seek(AUDIT, offset).unwrap();
    let seen = poll_until(consumer, |item| matches!(item, Polled::OutOfRange { .. })).unwrap();
    let [Polled::OutOfRange { asked, available, .. }] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!((*asked, *available), (offset, (3, 4)));
}
