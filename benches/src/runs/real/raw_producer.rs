//! librdkafka alone, with the guarantees of the log: idempotent, acks=all, what the log's producer is told besides. It
//! takes records as fast as its queue allows, so its batches are as large as they can be.
//!
//! **Failure:** a record that is not acknowledged ends the run. **Bound:** [`FLUSHED_WITHIN`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use hindsight_benches::process::process_cpu;
use hindsight_engines::log::StoredRecord;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};

const FLUSHED_WITHIN: Duration = Duration::from_secs(60);
const ROOM_WITHIN: Duration = Duration::from_millis(10);
const SETTINGS: [(&str, &str); 6] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("linger.ms", "2"),
    ("message.max.bytes", "9000000"),
    ("queue.buffering.max.kbytes", "65536"),
    ("queue.buffering.max.messages", "0"),
];

/// What it took.
pub(super) struct Produced {
    /// From the first record to the last acknowledgement.
    pub(super) elapsed: Duration,
    /// Of all threads of this process.
    pub(super) cpu: Duration,
}

/// Counts what was acknowledged.
#[derive(Clone, Default)]
struct Acknowledged(Arc<AtomicUsize>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.0.fetch_add(usize::from(result.is_ok()), Ordering::Relaxed);
    }
}

/// Produces these records to this topic, each to the partition that it came from.
pub(super) fn produce(brokers: &str, topic: &str, records: &[StoredRecord]) -> anyhow::Result<Produced> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    for (name, value) in SETTINGS {
        config.set(name, value);
    }
    let acknowledged = Acknowledged::default();
    let producer = BaseProducer::from_config_and_context(&config, acknowledged.clone())?;
    let (started, cpu) = (Instant::now(), process_cpu());
    for record in records {
        send(&producer, topic, record)?;
        producer.poll(Duration::ZERO);
    }
    producer.flush(FLUSHED_WITHIN)?;
    let took = Produced {
        elapsed: started.elapsed(),
        cpu: process_cpu() - cpu,
    };
    let acknowledged = acknowledged.0.load(Ordering::Relaxed);
    anyhow::ensure!(
        acknowledged == records.len(),
        "{acknowledged} of {} records were acknowledged",
        records.len()
    );
    Ok(took)
}

fn send(producer: &BaseProducer<Acknowledged>, topic: &str, record: &StoredRecord) -> anyhow::Result<()> {
    let value = record.value.as_deref().context("a data record has a value")?;
    let headers = record.headers.iter();
    let headers = headers.fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(&value[..]),
        })
    });
    let mut next = BaseRecord::to(topic)
        .key(&record.key[..])
        .payload(value)
        .partition(record.position.partition.partition.cast_signed())
        .headers(headers);
    loop {
        match producer.send(next) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                next = refused;
                producer.poll(ROOM_WITHIN);
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}
