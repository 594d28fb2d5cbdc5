//! The corpus as records of the log, as the edge stamps them: what the benchmarks of the views begin with.

use hindsight_engines::log::StoredRecord;
use hindsight_ingest::scan::scan;
use hindsight_schemas::ids::{IdError, LogId, Partition, Position, SessionId, Topic};
use hindsight_schemas::record::{Codec, KeyKind, Record, RecordingBatch};
use uuid::Uuid;

use crate::bounds;
use crate::corpus::{Batch, Corpus};

/// When the visits of the records began, Unix milliseconds.
const STARTED_MS: u64 = 1_795_350_600_000;
const YEAR_S: i64 = 365 * 86_400;

/// The batches of a corpus, all in one partition; each tab is a session.
pub fn recordings(corpus: &Corpus) -> Result<Vec<RecordingBatch>, IdError> {
    corpus.batches.iter().map(recording).collect()
}

fn recording(batch: &Batch) -> Result<RecordingBatch, IdError> {
    let mut plain = Vec::new();
    bounds::inflate(batch, &mut plain);
    let summary = scan(&plain).expect("the corpus is rrweb");
    let received_at_us = i64::try_from(STARTED_MS).unwrap_or(i64::MAX) * 1_000;
    Ok(RecordingBatch {
        project: "bench".parse()?,
        session_id: SessionId::from_parts(STARTED_MS, [u8::try_from(batch.tab).unwrap_or(u8::MAX); 10]),
        tab: format!("w{}_0", batch.tab).parse()?,
        seq: batch.seq,
        received_at_us,
        sent_at_ms: None,
        clock_offset_ms: None,
        first_at_ms: summary.first_at_ms,
        last_at_ms: summary.last_at_ms,
        events: i64::try_from(summary.events).unwrap_or(i64::MAX),
        raw_bytes: i64::try_from(plain.len()).unwrap_or(i64::MAX),
        keyframe: summary.keyframe,
        ended: summary.ended,
        is_final: false,
        layout: summary.layout,
        codec: Codec::Gzip,
        body: batch.packed.clone(),
        content_sha256: summary.content_sha256.to_vec(),
        canonical: vec![b'c'; 300],
        key_id: "bench".into(),
        key_kind: KeyKind::Server,
        level: "L4".into(),
        retention_class: "recordings".into(),
        expires_at_s: received_at_us / 1_000_000 + YEAR_S,
        rules_version: 0,
        source: "web".into(),
        device: String::new(),
        client_ip: "203.0.113.9".into(),
        user_agent: "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36".into(),
        country: String::new(),
        encryption_key_id: String::new(),
        encryption_suite: String::new(),
    })
}

/// As the log hands them out, from offset 0.
pub fn stored(batches: Vec<RecordingBatch>) -> Vec<StoredRecord> {
    let records = batches.into_iter().enumerate();
    records
        .map(|(offset, batch)| StoredRecord {
            position: position(offset as u64),
            appended_at_ms: batch.received_at_us / 1_000,
            key: batch.id().log_key().into(),
            value: Some(
                Record::Recording(batch)
                    .encode()
                    .expect("it was made for the schema")
                    .into(),
            ),
            headers: vec![("project".into(), "bench".into())],
        })
        .collect()
}

/// A place in the one partition.
pub fn position(offset: u64) -> Position {
    Position {
        log_id: LogId(Uuid::from_u128(1)),
        partition: Partition {
            topic: Topic::Recordings,
            partition: 0,
        },
        offset,
    }
}
