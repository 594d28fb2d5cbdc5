//! Kafka, the ClickHouse server, Elasticsearch, S3: do they answer, let us in, and are they as the promises need them?
//!
//! **Invariant:** nothing of theirs is changed, save for an object that is put into the bucket and removed again.

use std::time::Instant;

use hindsight_engines::analytics::{self, look_at_server};
use hindsight_engines::log::kafka::{self, KafkaLog, OpenError};
use hindsight_engines::search::SearchError;
use hindsight_engines::search::elasticsearch::ElasticsearchSearch;
use hindsight_engines::segments::{Access, StoreError, open_s3};

use super::{Finding, Status};
use crate::engines::{kafka_settings, search_generation_of};
use crate::roles::VIEW_GENERATION;
use crate::settings::Settings;
use crate::settings::engines::{ClickHouseKind, LogKind, SearchKind, SegmentsKind};

/// Below this, a view that stands still over a weekend misses records for good.
const SHORT_RETENTION_HOURS: u64 = 72;

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::new("engines", Status::Fail, error.to_string())],
    };
    let mut findings = Vec::new();
    if settings.log.kind == LogKind::Kafka {
        findings.extend(kafka(settings));
    }
    if settings.clickhouse.kind == ClickHouseKind::Server {
        findings.push(runtime.block_on(clickhouse(settings)));
    }
    if settings.search.kind == SearchKind::Elasticsearch {
        findings.push(runtime.block_on(elasticsearch(settings)));
    }
    if settings.segments.kind == SegmentsKind::S3 {
        findings.push(runtime.block_on(s3(settings)));
    }
    findings
}

fn kafka(settings: &Settings) -> Vec<Finding> {
    let (log, kafka) = (&settings.log, &settings.log.kafka);
    let looked = kafka::Settings {
        create_topics: false,
        ..kafka_settings(settings)
    };
    let opened = match KafkaLog::open(looked) {
        Ok(_) => Finding::new(
            "log",
            Status::Ok,
            format!("kafka at {} has all topics", kafka.brokers),
        ),
        Err(OpenError::Missing { topic }) if kafka.create_topics => Finding::new(
            "log",
            Status::Ok,
            format!(
                "kafka at {} answers; the first start makes {topic} and others",
                kafka.brokers
            ),
        ),
        Err(error) => failed("log", &error),
    };
    let copies = format!(
        "{} copies, {} of them before an answer of 202",
        kafka.replication, kafka.min_insync
    );
    let copies = if kafka.replication >= 3 && kafka.min_insync >= 2 {
        Finding::new("copies", Status::Ok, copies)
    } else {
        Finding::new("copies", Status::Warn, copies).remedy(
            "log.replication = 3 and log.min_insync = 2 keep what was promised when a broker and its disk are lost",
        )
    };
    let retention = format!("{} h", log.retention_hours);
    let retention = if log.retention_hours >= SHORT_RETENTION_HOURS {
        Finding::new("retention", Status::Ok, retention)
    } else {
        Finding::new("retention", Status::Warn, retention).remedy(
            "raise log.retention_hours above the longest time that a view may stand still: later it has lost records",
        )
    };
    vec![opened, copies, retention]
}

async fn clickhouse(settings: &Settings) -> Finding {
    let options = &settings.clickhouse.server.options;
    let started = Instant::now();
    match look_at_server(options, VIEW_GENERATION).await {
        Ok(has_tables) => {
            let tables = if has_tables {
                "its tables are as they must be"
            } else {
                "the first start makes the tables"
            };
            answered("clickhouse", &options.url, started, tables)
        }
        Err(error @ analytics::OpenError::Away { .. }) => away("clickhouse", &error, "clickhouse.url"),
        Err(error) => failed("clickhouse", &error),
    }
}

async fn elasticsearch(settings: &Settings) -> Finding {
    let options = settings.search.elasticsearch.options.clone();
    let (urls, started) = (options.urls.join(", "), Instant::now());
    let generation = match search_generation_of(settings).await {
        Ok(generation) => generation,
        Err(error) => return store_failed("search", &error),
    };
    match ElasticsearchSearch::look(options, generation).await {
        Ok(()) => answered("search", &urls, started, "its indices can be written"),
        Err(error @ SearchError::Engine(_)) => away("search", &error, "search.urls"),
        Err(error) => failed("search", &error),
    }
}

async fn s3(settings: &Settings) -> Finding {
    let options = &settings.segments.s3.options;
    let started = Instant::now();
    match open_s3(options, Access::ReadWrite).await {
        Ok(_) => answered(
            "segments",
            &options.bucket,
            started,
            "puts, reads and conditions do as they must",
        ),
        Err(error) => store_failed("segments", &error),
    }
}

fn answered(check: &'static str, place: &str, started: Instant, what: &str) -> Finding {
    let took_ms = started.elapsed().as_millis();
    Finding::new(
        check,
        Status::Ok,
        format!("{place} answered in {took_ms} ms; {what}"),
    )
}

/// The engines' own words name the remedy.
fn failed(check: &'static str, error: &dyn std::error::Error) -> Finding {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    Finding::new(check, Status::Fail, words.join(": "))
}

/// One that does not answer has no words of its own for what to do.
fn away(check: &'static str, error: &dyn std::error::Error, setting: &str) -> Finding {
    let remedy = format!("see that it runs and can be reached from here, or correct {setting}");
    failed(check, error).remedy(remedy)
}

fn store_failed(check: &'static str, error: &StoreError) -> Finding {
    match error {
        StoreError::Engine { .. } => away(check, error, "segments.endpoint"),
        refused => failed(check, refused),
    }
}
