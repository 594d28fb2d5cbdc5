//! What the conformance suite does to Kafka from outside.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hindsight_engines::log::EventLog;
use hindsight_engines::log::conformance::Fixture;
use hindsight_engines::log::kafka::{KafkaLog, Settings};
use hindsight_schemas::ids::{Partition, Topic};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::sync::MutexGuard;

use super::PATIENCE;
use super::broker::{Broker, mortal, steady};

/// One log with names of its own.
pub(super) struct KafkaFixture {
    pub(super) broker: &'static Broker,
    pub(super) settings: Settings,
    pub(super) log: Arc<KafkaLog>,
    _alone: Option<MutexGuard<'static, ()>>,
}

impl KafkaFixture {
    /// On the broker that nobody kills.
    pub(super) async fn steady() -> Self {
        let broker = tokio::task::spawn_blocking(steady).await.unwrap();
        Self::on(broker, broker.settings(), None).await
    }

    /// On the broker that may be killed.
    pub(super) async fn mortal() -> Self {
        let (broker, alone) = mortal().await;
        Self::on(broker, broker.settings(), Some(alone)).await
    }

    /// With a session time-out that a test can wait for.
    pub(super) async fn impatient() -> Self {
        let broker = tokio::task::spawn_blocking(steady).await.unwrap();
        let settings = Settings {
            session_timeout: Duration::from_secs(4),
            ..broker.settings()
        };
        Self::on(broker, settings, None).await
    }

    async fn on(broker: &'static Broker, settings: Settings, alone: Option<MutexGuard<'static, ()>>) -> Self {
        let log = open(settings.clone()).await;
        Self {
            broker,
            settings,
            log: Arc::new(log.unwrap()),
            _alone: alone,
        }
    }

    pub(super) fn admin(&self) -> AdminClient<DefaultClientContext> {
        admin(&self.settings)
    }

    pub(super) fn topic(&self, topic: Topic) -> String {
        topic_name(&self.settings, topic)
    }

    /// Deletes every record of a topic, as retention would.
    pub(super) async fn expire(&self, topic: Topic) {
        let mut all = TopicPartitionList::new();
        for number in 0..self.log.partitions(topic) {
            all.add_partition_offset(&self.topic(topic), number.cast_signed(), Offset::End)
                .unwrap();
        }
        let admin = self.admin();
        let deadline = Instant::now() + PATIENCE;
        // A broker that has just come back does not lead its partitions yet.
        loop {
            let answer = admin.delete_records(&all, &AdminOptions::new()).await.unwrap();
            let refused = answer.elements().iter().find_map(|element| element.error().err());
            match refused {
                None => break,
                Some(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        }
    }
}

pub(super) async fn open(settings: Settings) -> Result<KafkaLog, hindsight_engines::log::kafka::OpenError> {
    tokio::task::spawn_blocking(move || KafkaLog::open(settings))
        .await
        .unwrap()
}

pub(super) fn admin(settings: &Settings) -> AdminClient<DefaultClientContext> {
    ClientConfig::new()
        .set("bootstrap.servers", &settings.brokers)
        .create()
        .unwrap()
}

pub(super) fn topic_name(settings: &Settings, topic: Topic) -> String {
    topic.as_str().replace("hindsight.", &settings.prefix)
}

#[async_trait]
impl Fixture for KafkaFixture {
    fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone()
    }

    fn record_bytes(&self) -> usize {
        self.settings.record_bytes
    }

    /// The broker dies and comes back; the log's clients find it again by themselves.
    async fn crash(&mut self) {
        let broker = self.broker;
        tokio::task::spawn_blocking(|| {
            broker.kill();
            broker.revive();
        })
        .await
        .unwrap();
    }

    /// A transaction that is aborted: its records are there and are never read, and its end takes an offset too.
    async fn leave_hole(&mut self, partition: Partition, offsets: u64) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.settings.brokers)
            .set(
                "transactional.id",
                format!("{}hole-{}", self.settings.prefix, fastrand::u64(..)),
            )
            .create()
            .unwrap();
        let before = self.log.offsets(partition).await.unwrap().1;
        let (topic, patience) = (self.topic(partition.topic), Duration::from_secs(30));
        tokio::task::spawn_blocking(move || {
            producer.init_transactions(patience).unwrap();
            producer.begin_transaction().unwrap();
            for _ in 1..offsets {
                let record = BaseRecord::<(), str>::to(&topic)
                    .partition(partition.partition.cast_signed())
                    .payload("aborted");
                producer.send(record).unwrap();
            }
            producer.flush(patience).unwrap();
            producer.abort_transaction(patience).unwrap();
        })
        .await
        .unwrap();
        // The mark at its end is written a little after the abort is answered.
        let deadline = Instant::now() + PATIENCE;
        while self.log.offsets(partition).await.unwrap().1 < before + offsets {
            assert!(Instant::now() < deadline, "the transaction does not end");
        }
    }

    async fn expire_all(&mut self) {
        for topic in [Topic::Recordings, Topic::Audit, Topic::DeadLetters] {
            self.expire(topic).await;
        }
    }

    async fn pass_session_timeout(&mut self) {
        tokio::time::sleep(self.settings.session_timeout + Duration::from_millis(200)).await;
    }

    async fn set_clock_back(&mut self, _: Duration) {
        unreachable!("the broker's clock is not ours to set: see docs/engines.md");
    }

    async fn fill_disk(&mut self, _: bool) {
        unreachable!("a broker whose disk is full stops itself: see docs/engines.md");
    }
}
