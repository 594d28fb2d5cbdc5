//! One record to its rows. Pure: the same record gives the same rows, whatever stands beside it.

use hindsight_engines::rrweb::InflateError;
use hindsight_schemas::audit::AuditEvent;
use hindsight_schemas::ids::Position;
use hindsight_schemas::patch::Patch;
use hindsight_schemas::record::{AuditRecord, RecordingBatch};
use hindsight_schemas::row_binary::{Digest, Micros, Millis, Seconds};
use hindsight_schemas::rows::{AuditRow, Batch, RecorderEvent, Reference, Target};

use crate::facts::{Agent, Fact, Indexed, Kind, agent, facts, is_error, path_of};

/// The rows of one batch.
#[derive(Debug)]
pub(crate) struct BatchRows {
    pub(crate) batch: Batch,
    pub(crate) events: Vec<RecorderEvent>,
}

/// The rows of a batch.
pub(crate) fn batch_rows(
    record: &RecordingBatch,
    position: Position,
    appended_at_ms: i64,
) -> Result<BatchRows, InflateError> {
    let facts = facts(record)?;
    let agent = agent(&record.user_agent);
    let events = facts
        .iter()
        .map(|indexed| event_row(record, position, &agent, indexed))
        .collect();
    let only: Vec<&Fact> = facts.iter().map(|indexed| &indexed.fact).collect();
    Ok(BatchRows {
        batch: batch_row(record, position, appended_at_ms, agent, &only),
        events,
    })
}

fn seconds(unix: i64) -> Seconds {
    Seconds(u32::try_from(unix).unwrap_or(if unix < 0 { 0 } else { u32::MAX }))
}

fn batch_row(
    record: &RecordingBatch,
    position: Position,
    appended_at_ms: i64,
    agent: Agent,
    facts: &[&Fact],
) -> Batch {
    let count = |wanted: &dyn Fn(&Fact) -> bool| {
        u32::try_from(facts.iter().filter(|fact| wanted(fact)).count()).unwrap_or(u32::MAX)
    };
    let last = |field: &dyn Fn(&Fact) -> &str| {
        facts
            .iter()
            .rev()
            .map(|fact| field(fact))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
            .to_owned()
    };
    let entry_url = facts
        .iter()
        .find(|fact| fact.kind == Kind::Page)
        .map(|fact| fact.url.clone());
    Batch {
        project: record.project.to_string(),
        session_id: record.session_id.uuid(),
        started_at: Millis(record.session_id.unix_ms()),
        tab: record.tab.to_string(),
        seq: record.seq,
        first_at: Millis(record.first_at_ms),
        last_at: Millis(record.last_at_ms),
        received_at: Micros(record.received_at_us),
        appended_at: Millis(appended_at_ms),
        events: u32::try_from(record.events).unwrap_or(u32::MAX),
        keyframe: record.keyframe,
        ended: record.ended,
        is_final: record.is_final,
        raw_bytes: record.raw_bytes.unsigned_abs(),
        bytes: record.body.len() as u64,
        clock_offset_ms: record.clock_offset_ms,
        level: record.level.clone(),
        content_sha256: Digest(record.content_sha256.as_slice().try_into().unwrap_or_default()),
        user_id: last(&|fact| &fact.user_id),
        user_name: last(&|fact| &fact.user_name),
        device_id: non_empty(last(&|fact| &fact.device_id), &record.device),
        source: non_empty(last(&|fact| &fact.source), &record.source),
        release: last(&|fact| &fact.release),
        browser: agent.browser,
        os: agent.os,
        device: agent.device,
        country: record.country.clone(),
        screen: last(&|fact| &fact.screen),
        entry_url: entry_url.unwrap_or_default(),
        references: references(facts),
        pages: count(&|fact| fact.kind == Kind::Page),
        clicks: count(&|fact| fact.kind == Kind::Click),
        inputs: count(&|fact| fact.kind == Kind::Input),
        errors: count(&is_error),
        expires_at: seconds(record.expires_at_s),
        log_id: position.log_id.0,
        log_partition: position.partition.partition,
        log_offset: position.offset,
    }
}

fn non_empty(told: String, stamped: &str) -> String {
    if told.is_empty() { stamped.to_owned() } else { told }
}

fn references(facts: &[&Fact]) -> Vec<Reference> {
    let mut references: Vec<Reference> = facts
        .iter()
        .filter(|fact| fact.kind == Kind::Reference && !fact.text.is_empty())
        .map(|fact| Reference {
            kind: fact.name.clone(),
            id: fact.text.clone(),
            by: "page".into(),
        })
        .collect();
    references.sort();
    references.dedup();
    references
}

fn event_row(record: &RecordingBatch, position: Position, agent: &Agent, indexed: &Indexed) -> RecorderEvent {
    let fact = indexed.fact.clone();
    RecorderEvent {
        project: record.project.to_string(),
        session_id: record.session_id.uuid(),
        started_at: Millis(record.session_id.unix_ms()),
        tab: record.tab.to_string(),
        seq: record.seq,
        index: indexed.index,
        at: Millis(fact.at_ms),
        received_at: Micros(record.received_at_us),
        kind: fact.kind.as_str().to_owned(),
        path: if fact.url.is_empty() {
            String::new()
        } else {
            path_of(&fact.url).to_owned()
        },
        url: fact.url,
        title: fact.title,
        selector: fact.selector,
        text: fact.text,
        x: fact.x,
        y: fact.y,
        level: fact.level,
        message: fact.message,
        method: fact.method,
        status: fact.status,
        duration_ms: fact.duration_ms,
        name: fact.name,
        properties: fact.properties,
        user_id: fact.user_id,
        device_id: non_empty(fact.device_id, &record.device),
        source: non_empty(fact.source, &record.source),
        release: fact.release,
        browser: agent.browser.clone(),
        os: agent.os.clone(),
        device: agent.device.clone(),
        country: record.country.clone(),
        expires_at: seconds(record.expires_at_s),
        log_id: position.log_id.0,
        log_partition: position.partition.partition,
        log_offset: position.offset,
    }
}

/// The row of an audit event.
pub(crate) fn audit_row(record: &AuditRecord, position: Position) -> Result<AuditRow, serde_json::Error> {
    let event: AuditEvent = serde_json::from_slice(&record.canonical)?;
    let patch = Patch::between(&event.before, &event.after);
    Ok(AuditRow {
        project: record.project.to_string(),
        id: record.id.uuid(),
        id_at: Millis(record.id.unix_ms()),
        source_id: record.source_id.clone(),
        occurred_at: Micros(record.occurred_at_us),
        received_at: Micros(record.received_at_us),
        operation: event.operation.as_str().to_owned(),
        outcome: event.outcome.as_str().to_owned(),
        action: event.action,
        actor_type: event.actor.kind,
        user_id: event.actor.id,
        user_name: event.actor.name,
        roles: event.actor.roles,
        targets: event
            .targets
            .into_iter()
            .map(|target| Target {
                kind: target.kind,
                id: target.id,
            })
            .collect(),
        error: event.error.unwrap_or_default(),
        ip: event.origin.ip,
        user_agent: event.origin.user_agent,
        device: event.origin.device,
        session_id: record.session_id.parse().unwrap_or_default(),
        tab: record.tab.clone(),
        trace_id: record.trace_id.clone(),
        references: event
            .references
            .into_iter()
            .map(|of| Reference {
                kind: of.kind,
                id: of.id,
                by: "service".into(),
            })
            .collect(),
        changed: patch.changed(),
        was: patch.was(),
        now: patch.now(),
        measures: event
            .measures
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
            .collect(),
        class: event.class,
        expires_at: seconds(record.expires_at_s),
        log_id: position.log_id.0,
        log_partition: position.partition.partition,
        log_offset: position.offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hindsight_schemas::ids::{LogId, Partition, SessionId, Topic};
    use hindsight_schemas::record::{Codec, KeyKind, Layout};

    fn record(events: &str) -> RecordingBatch {
        RecordingBatch {
            project: "shop".parse().unwrap(),
            session_id: SessionId::from_parts(1_700_000_000_000, [1; 10]),
            tab: "w_1".parse().unwrap(),
            seq: 3,
            received_at_us: 1_700_000_001_000_000,
            sent_at_ms: None,
            clock_offset_ms: None,
            first_at_ms: 1_700_000_000_100,
            last_at_ms: 1_700_000_000_900,
            events: 4,
            raw_bytes: events.len() as i64,
            keyframe: false,
            ended: false,
            is_final: false,
            layout: Layout::JsonArray,
            codec: Codec::Identity,
            body: events.as_bytes().to_vec(),
            content_sha256: vec![9; 32],
            canonical: Vec::new(),
            key_id: "k".into(),
            key_kind: KeyKind::Browser,
            level: "L4".into(),
            retention_class: "standard".into(),
            expires_at_s: 1_800_000_000,
            rules_version: 0,
            source: "stamped".into(),
            device: String::new(),
            client_ip: String::new(),
            user_agent: String::new(),
            country: String::new(),
            encryption_key_id: String::new(),
            encryption_suite: String::new(),
        }
    }

    fn position() -> Position {
        let partition = Partition {
            topic: Topic::Recordings,
            partition: 2,
        };
        Position {
            log_id: LogId(uuid::Uuid::nil()),
            partition,
            offset: 77,
        }
    }

    const EVENTS: &str = r#"[{"type":2,"data":{"node":{}},"timestamp":1},
        {"type":4,"data":{"href":"https://shop.example/cart?x=1"},"timestamp":2},
        {"type":5,"data":{"tag":"hindsight.reference","payload":{"type":"order","id":"O-3"}},"timestamp":3},
        {"type":5,"data":{"tag":"hindsight.error","payload":{"message":"boom"}},"timestamp":4}]"#;

    #[test]
    fn only_meaningful_events_become_rows_and_keep_their_index() {
        let rows = batch_rows(&record(EVENTS), position(), 5).unwrap();
        let kinds: Vec<_> = rows
            .events
            .iter()
            .map(|row| (row.index, row.kind.as_str()))
            .collect();
        assert_eq!(kinds, [(1, "page"), (2, "reference"), (3, "error")]);
        assert_eq!(rows.events[0].path, "/cart");
        assert_eq!(
            (rows.batch.pages, rows.batch.errors, rows.batch.log_offset),
            (1, 1, 77)
        );
        assert_eq!(
            rows.batch.references,
            [Reference {
                kind: "order".into(),
                id: "O-3".into(),
                by: "page".into()
            }]
        );
        assert_eq!(rows.batch.source, "stamped");
    }

    #[test]
    fn a_body_longer_than_the_edge_said_blames_the_record() {
        let mut batch = record(EVENTS);
        batch.raw_bytes = 10;
        assert!(batch_rows(&batch, position(), 5).is_err());
    }
}
