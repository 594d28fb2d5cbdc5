//! One row of each table whose columns all differ from their defaults, so that a column that is lost shows.

use std::collections::BTreeMap;

use hindsight_schemas::row_binary::{Digest, Micros, Millis, Seconds};
use hindsight_schemas::rows::{AuditRow, Batch, RecorderEvent, Reference, Segment, Session, Target};
use uuid::Uuid;

/// 2026-11-22 12:30:00 UTC.
pub const BASE_MS: i64 = 1_795_350_600_000;
/// Far enough that no check meets it.
const NEVER: Seconds = Seconds(u32::MAX - 1);

/// The session id that all sample rows of a project share.
pub fn session_id() -> Uuid {
    Uuid::from_u128((BASE_MS as u128) << 80 | 0x7 << 76 | 0x8 << 60 | 42)
}

fn log_id() -> Uuid {
    Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef)
}

/// A batch of tab `t1` whose columns all differ from their defaults.
pub fn batch_row(seq: u32, log_offset: u64) -> Batch {
    let at = BASE_MS + i64::from(seq) * 1000;
    Batch {
        project: "shop".into(),
        session_id: session_id(),
        started_at: Millis(BASE_MS),
        tab: "t1".into(),
        seq,
        first_at: Millis(at),
        last_at: Millis(at + 900),
        received_at: Micros(at * 1000 + 1_000_007),
        appended_at: Millis(at + 1001),
        events: 3,
        keyframe: true,
        ended: true,
        is_final: true,
        raw_bytes: 5_000_000_000,
        bytes: 70_000,
        clock_offset_ms: Some(-12),
        level: "L4".into(),
        content_sha256: Digest([0xc3; 32]),
        user_id: "u-17".into(),
        user_name: "李".into(),
        device_id: "d1".into(),
        source: "web".into(),
        release: "1.2.3".into(),
        browser: "Chrome 130".into(),
        os: "Linux".into(),
        device: "pc".into(),
        country: "CN".into(),
        screen: "1920x1080".into(),
        entry_url: "https://shop.example/cart?a=1\n\n".into(),
        references: vec![Reference {
            kind: "order".into(),
            id: "O-3".into(),
            by: "page".into(),
        }],
        pages: 1,
        clicks: 2,
        inputs: 3,
        errors: 4,
        expires_at: NEVER,
        log_id: log_id(),
        log_partition: 3,
        log_offset,
    }
}

/// An event of the batch of the same `seq` and `log_offset`.
pub fn event_row(seq: u32, index: u32, log_offset: u64) -> RecorderEvent {
    let at = BASE_MS + i64::from(seq) * 1000 + i64::from(index);
    RecorderEvent {
        project: "shop".into(),
        session_id: session_id(),
        started_at: Millis(BASE_MS),
        tab: "t1".into(),
        seq,
        index,
        at: Millis(at),
        received_at: Micros(at * 1000 + 3),
        kind: "click".into(),
        url: "https://shop.example/cart".into(),
        path: "/cart".into(),
        title: "购物车".into(),
        selector: "#pay".into(),
        text: "Pay".into(),
        x: -1,
        y: 70_000,
        level: "error".into(),
        message: "TypeError: x is \"undefined\"".into(),
        method: "POST".into(),
        status: 502,
        duration_ms: 12.25,
        name: "LCP".into(),
        properties: r#"{"a":"b\n"}"#.into(),
        user_id: String::new(),
        device_id: String::new(),
        source: String::new(),
        release: String::new(),
        browser: "Chrome 130".into(),
        os: "Linux".into(),
        device: "pc".into(),
        country: "CN".into(),
        expires_at: NEVER,
        log_id: log_id(),
        log_partition: 3,
        log_offset,
    }
}

/// A closed session.
pub fn session_row(generation: u32) -> Session {
    Session {
        project: "shop".into(),
        session_id: session_id(),
        id_at: Millis(BASE_MS),
        started_at: Millis(BASE_MS + 1),
        last_at: Millis(BASE_MS + 60_001),
        duration_ms: 60_000,
        active_ms: 4_000,
        source: "web".into(),
        release: "1.2.3".into(),
        user_id: "u-17".into(),
        user_name: "li".into(),
        device_id: "d1".into(),
        references: vec![Reference {
            kind: "order".into(),
            id: "O-3".into(),
            by: "service".into(),
        }],
        entry_url: "https://shop.example/".into(),
        pages: 1,
        tabs: 2,
        batches: 3,
        events: 4,
        clicks: 5,
        inputs: 6,
        errors: 7,
        rage_clicks: 8,
        browser: "Chrome 130".into(),
        os: "Linux".into(),
        device: "pc".into(),
        screen: "1920x1080".into(),
        country: "CN".into(),
        raw_bytes: 9,
        stored_bytes: 10,
        state: "complete".into(),
        clock: "ok".into(),
        generation,
        closed_at: Millis(BASE_MS + 200_000),
        log_partition: 3,
        expires_at: NEVER,
    }
}

/// A frame of the batches `seqs` (generation 0: one batch).
pub fn segment_row(generation: u32, seqs: (u32, u32), log_offset: u64) -> Segment {
    Segment {
        project: "shop".into(),
        session_id: session_id(),
        started_at: Millis(BASE_MS),
        tab: "t1".into(),
        seq_from: seqs.0,
        seq_to: seqs.1,
        seqs_missing: vec![],
        seqs_held: vec![],
        from_at: Millis(BASE_MS),
        to_at: Millis(BASE_MS + 1000),
        keyframe: true,
        object: format!("object-{generation}-{log_offset}"),
        frame: 1,
        offset: 4096,
        bytes: 512,
        raw_bytes: 9000,
        codec: "zstd".into(),
        generation,
        events: 3,
        url: "https://shop.example/".into(),
        dictionary: "d".into(),
        content_sha256: Digest([7; 32]),
        expires_at: NEVER,
        log_id: log_id(),
        log_partition: 3,
        log_offset,
    }
}

/// An audit event.
pub fn audit_row(log_offset: u64) -> AuditRow {
    AuditRow {
        project: "shop".into(),
        id: session_id(),
        id_at: Millis(BASE_MS),
        source_id: "20261122-000017".into(),
        occurred_at: Micros(BASE_MS * 1000 + 123),
        received_at: Micros(BASE_MS * 1000 + 456),
        action: "policy.update".into(),
        operation: "update".into(),
        actor_type: "user".into(),
        user_id: "u-17".into(),
        user_name: "li".into(),
        roles: vec!["agent".into(), "经办".into()],
        targets: vec![Target {
            kind: "policy".into(),
            id: "P-9".into(),
        }],
        outcome: "success".into(),
        error: "none".into(),
        ip: "203.0.113.9".into(),
        user_agent: "curl".into(),
        device: "pc".into(),
        session_id: session_id(),
        tab: "t1".into(),
        trace_id: "abc".into(),
        references: vec![],
        changed: vec!["/amount".into()],
        was: vec!["/amount=1".into()],
        now: vec!["/amount=2".into()],
        measures: BTreeMap::from([("amount".into(), 129.9), ("count".into(), 2.0)]),
        class: "audit".into(),
        expires_at: NEVER,
        log_id: log_id(),
        log_partition: 3,
        log_offset,
    }
}
