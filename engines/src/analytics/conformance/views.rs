//! The views for people (API.md 'Analytics').

use hindsight_schemas::row_binary::Seconds;
use hindsight_schemas::rows::{AuditRow, Batch, RecorderEvent, Segment, Session};

use super::super::Analytics;
use super::{audit_row, batch_row, column, count, event_row, fresh, insert, segment_row, session_row};

pub(super) async fn twins_are_out(engine: &dyn Analytics) {
    let database = fresh(engine, 921).await;
    // Batch 0 at offset 10 has two events; its twin at 20 has three, one of them at an index of its own.
    let late = [event_row(0, 0, 20), event_row(0, 1, 20), event_row(0, 2, 20)];
    insert(engine, &database, "late events", &late).await;
    insert(engine, &database, "late batch", &[batch_row(0, 20)]).await;
    assert_eq!(
        count(engine, "hindsight.events").await,
        3,
        "no winner is known but this"
    );
    insert(
        engine,
        &database,
        "early events",
        &late[..2]
            .iter()
            .map(|row| event_row(0, row.index, 10))
            .collect::<Vec<_>>(),
    )
    .await;
    insert(engine, &database, "early batch", &[batch_row(0, 10)]).await;
    insert(engine, &database, "audit", &[audit_row(5)]).await;
    insert(engine, &database, "audit twin", &[audit_row(4)]).await;

    for merged in [false, true] {
        if merged {
            for table in ["recorder_events", "batches", "audit_events"] {
                super::execute(engine, &format!("OPTIMIZE TABLE {database}.{table} FINAL")).await;
            }
        }
        let indexes = column::<u32>(
            engine,
            "SELECT `index` AS value FROM hindsight.events ORDER BY `index`",
        )
        .await;
        assert_eq!(indexes, [0, 1], "merged: {merged}");
        assert_eq!(
            column::<u64>(engine, "SELECT log_offset AS value FROM hindsight.batches").await,
            [10]
        );
        assert_eq!(
            column::<u64>(engine, "SELECT log_offset AS value FROM hindsight.audit").await,
            [4]
        );
        let users = column::<String>(engine, "SELECT DISTINCT user_id AS value FROM hindsight.events").await;
        assert_eq!(users, ["u-17"], "filled from the session's facts");
    }
}

pub(super) async fn sessions_are_open_then_closed(engine: &dyn Analytics) {
    let database = fresh(engine, 922).await;
    let other_tab = Batch {
        tab: "t2".into(),
        user_id: String::new(),
        ..batch_row(0, 12)
    };
    insert(
        engine,
        &database,
        "batches",
        &[batch_row(0, 10), batch_row(1, 11), other_tab],
    )
    .await;
    insert(engine, &database, "twin", &[batch_row(1, 99)]).await;
    let facts = "SELECT toString((state, tabs, batches, events, clicks, user_id, duration_ms, length(references))) AS value \
                 FROM hindsight.sessions";
    assert_eq!(
        column::<String>(engine, facts).await,
        ["('receiving',2,3,9,6,'u-17',1900,1)"]
    );
    insert(engine, &database, "first close", &[session_row(1)]).await;
    insert(engine, &database, "second close", &[session_row(2)]).await;
    assert_eq!(
        column::<String>(engine, facts).await,
        ["('complete',2,3,4,5,'u-17',60000,1)"]
    );
}

pub(super) async fn segments_are_the_newest_generation_and_what_it_lacks(engine: &dyn Analytics) {
    let database = fresh(engine, 923).await;
    let flush: Vec<Segment> = (0..5)
        .map(|seq| segment_row(0, (seq, seq), u64::from(seq)))
        .collect();
    insert(engine, &database, "flush", &flush).await;
    insert(engine, &database, "twin of 1", &[segment_row(0, (1, 1), 77)]).await;
    let shown = async || {
        let sql = "SELECT concat(toString(generation), ':', toString(seq_from), '-', toString(seq_to)) AS value \
                   FROM hindsight.segments ORDER BY seq_from";
        column::<String>(engine, sql).await
    };
    assert_eq!(shown().await, ["0:0-0", "0:1-1", "0:2-2", "0:3-3", "0:4-4"]);
    insert(
        engine,
        &database,
        "first generation",
        &[segment_row(1, (0, 1), 0)],
    )
    .await;
    assert_eq!(shown().await, ["1:0-1", "0:2-2", "0:3-3", "0:4-4"]);
    let with_gap = Segment {
        seqs_missing: vec![2],
        ..segment_row(2, (0, 3), 0)
    };
    insert(engine, &database, "second generation", &[with_gap]).await;
    assert_eq!(shown().await, ["2:0-3", "0:2-2", "0:4-4"]);
    let of_few = Segment {
        seqs_held: vec![0, 4],
        ..segment_row(3, (0, 4), 0)
    };
    insert(engine, &database, "third generation", &[of_few]).await;
    assert_eq!(shown().await, ["3:0-4", "0:1-1", "0:2-2", "0:3-3"]);
}

pub(super) async fn what_expired_is_not_shown(engine: &dyn Analytics) {
    let database = fresh(engine, 924).await;
    for table in [
        "recorder_events",
        "batches",
        "sessions",
        "segments",
        "audit_events",
    ] {
        super::execute(engine, &format!("SYSTEM STOP TTL MERGES {database}.{table}")).await;
    }
    let past = Seconds(1_700_000_000);
    let event = RecorderEvent {
        expires_at: past,
        ..event_row(0, 1, 10)
    };
    insert(engine, &database, "events", &[event_row(0, 0, 10), event]).await;
    let batch = Batch {
        expires_at: past,
        ..batch_row(1, 11)
    };
    insert(engine, &database, "batches", &[batch_row(0, 10), batch]).await;
    let segment = Segment {
        expires_at: past,
        ..segment_row(0, (1, 1), 11)
    };
    insert(
        engine,
        &database,
        "segments",
        &[segment_row(0, (0, 0), 10), segment],
    )
    .await;
    let event = AuditRow {
        expires_at: past,
        ..audit_row(4)
    };
    insert(engine, &database, "audit", &[event]).await;
    for (view, shown) in [
        ("events", 1),
        ("batches", 1),
        ("segments", 1),
        ("audit", 0),
        ("sessions", 1),
    ] {
        assert_eq!(count(engine, &format!("hindsight.{view}")).await, shown, "{view}");
    }
    let closed = Session {
        expires_at: past,
        ..session_row(1)
    };
    insert(engine, &database, "close", &[closed]).await;
    assert_eq!(
        count(engine, "hindsight.sessions").await,
        0,
        "what was closed is not open again"
    );
}

pub(super) async fn columns_are_those_of_the_contract(engine: &dyn Analytics) {
    let contract = [
        (
            "events",
            "project, session_id, tab, seq, index, at, received_at, kind, url, path, title, selector, text, x, y, level, \
             message, method, status, duration_ms, name, properties, user_id, device_id, source, release, browser, os, \
             device, country, id_at",
        ),
        (
            "batches",
            "project, session_id, tab, seq, first_at, last_at, received_at, events, keyframe, raw_bytes, bytes, \
             clock_offset_ms, level, log_partition, log_offset, id_at",
        ),
        (
            "sessions",
            "project, session_id, source, release, started_at, last_at, duration_ms, active_ms, user_id, user_name, \
             device_id, references, entry_url, pages, tabs, batches, events, clicks, inputs, errors, rage_clicks, \
             browser, os, device, screen, country, raw_bytes, stored_bytes, state, clock, id_at",
        ),
        (
            "segments",
            "project, session_id, tab, seq_from, seq_to, from_at, to_at, keyframe, object, offset, bytes, raw_bytes, \
             codec, generation",
        ),
        (
            "audit",
            "project, id, source_id, occurred_at, received_at, action, operation, actor_type, user_id, user_name, roles, \
             targets, outcome, error, ip, user_agent, device, session_id, tab, trace_id, references, changed, was, now, \
             measures, class, log_partition, log_offset",
        ),
    ];
    for (view, columns) in contract {
        let sql = format!(
            "SELECT name AS value FROM system.columns WHERE database = 'hindsight' AND table = '{view}' ORDER BY position"
        );
        assert_eq!(column::<String>(engine, &sql).await.join(", "), columns, "{view}");
    }
}
