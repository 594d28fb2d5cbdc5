//! The event log: `D/log`, or Kafka.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hindsight_engines::log::EventLog;
use hindsight_engines::log::embedded::{EmbeddedLog, Options, RegisteredGroup};
use hindsight_engines::log::kafka::{self, KafkaLog, OpenError};
use hindsight_schemas::ids::{Partition, Topic};

use super::patience::{Patience, Trouble};
use super::pulse::Pulse;
use crate::settings::Settings;
use crate::settings::engines::LogKind;

/// The log, opened.
pub(super) enum OpenedLog {
    Embedded(Arc<EmbeddedLog>),
    Kafka(Arc<KafkaLog>, Pulse),
}

impl OpenedLog {
    pub(super) async fn open(
        settings: &Settings,
        groups: Vec<RegisteredGroup>,
        patience: &Patience,
    ) -> anyhow::Result<Self> {
        match settings.log.kind {
            LogKind::Embedded => open_embedded(settings, groups).map(Self::Embedded),
            LogKind::Kafka => {
                let engine = kafka_settings(settings);
                let log = patience.open("log", || connect(engine.clone())).await?;
                if log.acknowledged_copies() < 2 {
                    tracing::warn!(
                        "one copy of a record is all that is waited for (log.min_insync): a broken disk loses what was \
                         promised"
                    );
                }
                let watched = log.clone();
                let pulse = Pulse::of(move || ask(watched.clone()));
                Ok(Self::Kafka(log, pulse))
            }
        }
    }

    pub(super) fn shared(&self) -> Arc<dyn EventLog> {
        match self {
            Self::Embedded(log) => log.clone(),
            Self::Kafka(log, _) => log.clone(),
        }
    }

    pub(super) fn health(&self) -> Result<(), String> {
        match self {
            Self::Embedded(log) => log.stats().refusal.map_or(Ok(()), Err),
            Self::Kafka(_, pulse) => pulse.health(),
        }
    }

    pub(super) async fn close(self) {
        let closing = move || match self {
            Self::Embedded(log) => log.close(),
            // Its threads are joined when the last that holds it lets go.
            Self::Kafka(log, pulse) => drop((log, pulse)),
        };
        if tokio::task::spawn_blocking(closing).await.is_err() {
            tracing::error!("closing the log was cut short");
        }
    }
}

fn open_embedded(settings: &Settings, groups: Vec<RegisteredGroup>) -> anyhow::Result<Arc<EmbeddedLog>> {
    let (log, own) = (&settings.log, &settings.log.embedded);
    let options = Options {
        partitions: log.partitions,
        record_bytes: settings.limits.record_bytes,
        max_bytes: own.max_bytes,
        min_free_bytes: own.min_free_bytes,
        retention_age: Duration::from_secs(log.retention_hours * 3600),
        retention_bytes: own.retention_bytes,
        cache_bytes: own.cache_bytes,
        registered_groups: groups,
        ..Options::default()
    };
    let opened = EmbeddedLog::open(&settings.server.data_dir.join("log"), options);
    Ok(Arc::new(opened.context("the event log can't be opened")?))
}

/// What Kafka is told by these settings.
pub(crate) fn kafka_settings(settings: &Settings) -> kafka::Settings {
    let log = &settings.log;
    log.kafka
        .engine(log.partitions, log.retention_hours, settings.limits.record_bytes)
}

async fn connect(settings: kafka::Settings) -> Result<Arc<KafkaLog>, Trouble> {
    let opening = tokio::task::spawn_blocking(move || KafkaLog::open(settings)).await;
    let opened = opening.map_err(|error| Trouble::Refused(format!("opening it was cut short: {error}")))?;
    opened.map(Arc::new).map_err(trouble)
}

fn trouble(error: OpenError) -> Trouble {
    let words = error.to_string();
    match error {
        // A cluster whose brokers are still coming up has too few of them for a topic's copies, for a while.
        OpenError::Unreachable { .. } | OpenError::TooFewBrokers { .. } => Trouble::Away(words),
        OpenError::Settings(_)
        | OpenError::Client(_)
        | OpenError::Denied { .. }
        | OpenError::Missing { .. }
        | OpenError::Create { .. }
        | OpenError::Differs { .. } => Trouble::Refused(words),
    }
}

/// Each partition has a leader of its own.
async fn ask(log: Arc<KafkaLog>) -> Result<(), String> {
    for topic in [Topic::Recordings, Topic::Audit] {
        for partition in 0..log.partitions(topic) {
            let asked = log.offsets(Partition { topic, partition }).await;
            asked.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
