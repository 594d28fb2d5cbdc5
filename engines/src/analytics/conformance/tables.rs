//! Tables, rows and inserts.

use hindsight_schemas::row_binary::Row;
use hindsight_schemas::rows::{AuditRow, Batch, RecorderEvent, Segment, Session};
use serde::de::DeserializeOwned;

use super::super::{
    Analytics, InsertError, MAX_BLOCK_BYTES, Settles, blocks_of, catch_up, find_rows, table_rows,
};
use super::{
    audit_row, batch_row, column, count, event_row, execute, fresh, insert, insert_block, segment_row,
    session_row,
};

pub(super) async fn columns_are_those_of_the_rows(engine: &dyn Analytics) {
    async fn check<R: Row>(engine: &dyn Analytics, database: &str) {
        let sql = format!(
            "SELECT name AS value FROM system.columns WHERE database = '{database}' AND table = '{}' ORDER BY position",
            R::TABLE
        );
        assert_eq!(column::<String>(engine, &sql).await, R::COLUMNS, "{}", R::TABLE);
    }
    let database = fresh(engine, 901).await;
    check::<RecorderEvent>(engine, &database).await;
    check::<Batch>(engine, &database).await;
    check::<Session>(engine, &database).await;
    check::<Segment>(engine, &database).await;
    check::<AuditRow>(engine, &database).await;
}

pub(super) async fn every_column_survives(engine: &dyn Analytics) {
    async fn check<R>(engine: &dyn Analytics, database: &str, row: R)
    where
        R: Row + DeserializeOwned + PartialEq + std::fmt::Debug + Clone,
    {
        insert(engine, database, "columns", std::slice::from_ref(&row)).await;
        let rows: Vec<R> = table_rows(engine, database, "1").await.expect("rows read back");
        assert_eq!(rows, [row]);
    }
    let database = fresh(engine, 902).await;
    check(engine, &database, event_row(1, 2, 7)).await;
    check(engine, &database, batch_row(1, 7)).await;
    check(engine, &database, session_row(2)).await;
    check(engine, &database, segment_row(0, (1, 1), 7)).await;
    check(engine, &database, audit_row(7)).await;
}

pub(super) async fn a_token_is_taken_once(engine: &dyn Analytics) {
    let database = fresh(engine, 903).await;
    let table = format!("{database}.recorder_events");
    let blocks = blocks_of(&database, "tokens/0-9", &[event_row(0, 0, 3), event_row(0, 1, 3)]);
    for _ in 0..3 {
        insert_block(engine, &blocks[0]).await;
    }
    assert_eq!(count(engine, &table).await, 2, "the same token");
    insert_block(engine, &blocks[0].at_epoch(1)).await;
    assert_eq!(count(engine, &table).await, 4, "the next epoch is another token");
    assert_eq!(
        count(engine, &format!("{table} FINAL")).await,
        2,
        "and adds nothing that is seen"
    );
}

pub(super) async fn the_lowest_position_wins(engine: &dyn Analytics) {
    let database = fresh(engine, 904).await;
    for (name, offset) in [("second", 20), ("first", 10), ("third", 30)] {
        insert(engine, &database, name, &[batch_row(0, offset)]).await;
    }
    let tie = |log_partition| hindsight_schemas::rows::Batch {
        log_partition,
        ..batch_row(1, 10)
    };
    insert(engine, &database, "low partition", &[tie(2)]).await;
    insert(engine, &database, "high partition", &[tie(5)]).await;
    let sql =
        format!("SELECT (log_offset, log_partition) AS value FROM {database}.batches FINAL ORDER BY seq");
    let json = format!("SELECT toString(value) AS value FROM ({sql})");
    assert_eq!(column::<String>(engine, &json).await, ["(10,3)", "(10,2)"]);
}

pub(super) async fn rows_are_found_as_readers_see_them(engine: &dyn Analytics) {
    let database = fresh(engine, 908).await;
    // The same rows under two tokens, and a twin that came before.
    for name in ["once", "again"] {
        insert(engine, &database, name, &[batch_row(0, 20), batch_row(1, 20)]).await;
    }
    insert(engine, &database, "twin", &[batch_row(0, 10)]).await;
    let wanted = [batch_row(0, 20), batch_row(1, 20), batch_row(2, 20)].map(|row| row.expected());
    let found = find_rows::<Batch>(engine, &database, &wanted)
        .await
        .expect("answers");
    let of = |seq: usize| {
        found
            .get(&wanted[seq].identity)
            .map(|row| (row.rank.0, row.times))
    };
    assert_eq!((of(0), of(1), of(2)), (Some((10, 1)), Some((20, 1)), None));
    catch_up(engine, &format!("{database}.batches"))
        .await
        .expect("tables that are not replicated have nothing to catch up with");
}

pub(super) async fn ten_megabytes_are_one_part(engine: &dyn Analytics) {
    let database = fresh(engine, 905).await;
    let rows: Vec<RecorderEvent> = (0..50_000)
        .map(|index| event_row(index / 100, index % 100, 7))
        .collect();
    let blocks = blocks_of(&database, "large", &rows);
    assert_eq!(blocks.len(), 1);
    assert!(
        (10 << 20..MAX_BLOCK_BYTES).contains(&blocks[0].rows.len()),
        "{} bytes",
        blocks[0].rows.len()
    );
    insert_block(engine, &blocks[0]).await;
    insert_block(engine, &blocks[0]).await;
    let table = format!("{database}.recorder_events");
    assert_eq!(count(engine, &table).await, 50_000);
    assert_eq!(
        column::<u64>(engine, &format!("SELECT uniqExact(_part) AS value FROM {table}")).await,
        [1]
    );
}

pub(super) async fn bad_data_are_rejected(engine: &dyn Analytics) {
    let database = fresh(engine, 906).await;
    let mut blocks = blocks_of(&database, "cut", &[event_row(0, 0, 7), event_row(0, 1, 7)]);
    let whole = blocks[0].rows.len();
    blocks[0].rows.truncate(whole - 3);
    let error = engine
        .insert(&blocks[0])
        .await
        .expect_err("a block that ends in a row");
    assert!(matches!(error, InsertError::Rejected { .. }), "{error:?}");
    assert_eq!(count(engine, &format!("{database}.recorder_events")).await, 0);

    let mut block = blocks_of(&database, "nowhere", &[event_row(0, 0, 7)]).remove(0);
    block.table = format!("{database}.nowhere");
    let error = engine
        .insert(&block)
        .await
        .expect_err("a table that is not there");
    assert!(matches!(error, InsertError::Unavailable(_)), "{error:?}");
}

pub(super) async fn migrations_can_be_repeated(engine: &dyn Analytics) {
    let database = fresh(engine, 907).await;
    insert(engine, &database, "kept", &[batch_row(0, 1)]).await;
    engine.migrate(907).await.expect("a second time");
    assert_eq!(count(engine, &format!("{database}.batches")).await, 1);
    let recorded = count(engine, &format!("{database}.schema_migrations FINAL")).await;
    assert_eq!(recorded, hindsight_schemas::ddl::MIGRATIONS.len() as u64);
}

/// What somebody altered by hand is told with both values, and is fine again when it is altered back.
pub(super) async fn an_altered_table_is_refused(engine: &dyn Analytics) {
    let database = fresh(engine, 909).await;
    for (altered, back, told) in [
        (
            "MODIFY COLUMN received_at DateTime64(3, 'UTC')",
            "MODIFY COLUMN received_at DateTime64(6, 'UTC')",
            "the type of column received_at is DateTime64(3, 'UTC'), DateTime64(6, 'UTC') is needed",
        ),
        (
            "MODIFY TTL received_at + INTERVAL 1 DAY",
            "MODIFY TTL expires_at",
            "expires_at is needed",
        ),
        ("REMOVE TTL", "MODIFY TTL expires_at", "its TTL is not set"),
        (
            "MODIFY COLUMN entry_url String TTL received_at",
            "MODIFY COLUMN entry_url REMOVE TTL",
            "the TTL of a column is set",
        ),
        (
            "MODIFY SETTING non_replicated_deduplication_window = 0",
            "MODIFY SETTING non_replicated_deduplication_window = 10000",
            "non_replicated_deduplication_window is 0, 10000 is needed",
        ),
    ] {
        execute(engine, &format!("ALTER TABLE {database}.batches {altered}")).await;
        let refused = engine.migrate(909).await.expect_err(altered).to_string();
        assert!(
            refused.contains(told) && refused.contains("batches"),
            "{altered}: {refused}"
        );
        execute(engine, &format!("ALTER TABLE {database}.batches {back}")).await;
        engine.migrate(909).await.expect(back);
    }
}
