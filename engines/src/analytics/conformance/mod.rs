//! What every analytics engine must do, as functions that a test calls with an engine; they panic with what is wrong.
//!
//! Each check works in a view generation of its own, so they can share an engine; those that look at the views for
//! people need the engine for themselves, because the views point at one generation at a time.
#![allow(clippy::missing_panics_doc, reason = "panicking is how a check fails")]

mod samples;
mod statements;
mod tables;
mod views;

use serde::Deserialize;

use super::{Analytics, InsertBlock, Query, blocks_of, query_rows};
use hindsight_schemas::ddl;
use hindsight_schemas::row_binary::Row;

pub use samples::{BASE_MS, audit_row, batch_row, event_row, segment_row, session_id, session_row};

/// Runs all checks.
pub async fn check_all(engine: &dyn Analytics) {
    tables::columns_are_those_of_the_rows(engine).await;
    tables::every_column_survives(engine).await;
    tables::a_token_is_taken_once(engine).await;
    tables::the_lowest_position_wins(engine).await;
    tables::rows_are_found_as_readers_see_them(engine).await;
    tables::ten_megabytes_are_one_part(engine).await;
    tables::bad_data_are_rejected(engine).await;
    tables::migrations_can_be_repeated(engine).await;
    tables::an_altered_table_is_refused(engine).await;
    statements::parameters_arrive_as_they_are(engine).await;
    statements::errors_carry_the_engines_code(engine).await;
    statements::an_error_in_mid_stream_is_not_a_short_result(engine).await;
    statements::formats_are_whole(engine).await;
    statements::reads_and_inserts_run_at_once(engine).await;
    views::twins_are_out(engine).await;
    views::sessions_are_open_then_closed(engine).await;
    views::segments_are_the_newest_generation_and_what_it_lacks(engine).await;
    views::columns_are_those_of_the_contract(engine).await;
    views::what_expired_is_not_shown(engine).await;
}

/// Makes an empty view generation and gives its database.
async fn fresh(engine: &dyn Analytics, view_generation: u32) -> String {
    let database = ddl::database(view_generation);
    execute(engine, &format!("DROP DATABASE IF EXISTS {database} SYNC")).await;
    engine.migrate(view_generation).await.expect("migrations run");
    database
}

async fn execute(engine: &dyn Analytics, sql: &str) {
    engine
        .execute(Query::new(sql))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn insert<R: Row>(engine: &dyn Analytics, database: &str, name: &str, rows: &[R]) {
    for block in blocks_of(database, name, rows) {
        insert_block(engine, &block).await;
    }
}

async fn insert_block(engine: &dyn Analytics, block: &InsertBlock) {
    engine
        .insert(block)
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", block.token));
}

/// One value of each row.
async fn column<T: serde::de::DeserializeOwned>(engine: &dyn Analytics, select: &str) -> Vec<T> {
    #[derive(Deserialize)]
    struct One<T> {
        value: T,
    }
    let rows: Vec<One<T>> = query_rows(engine, Query::new(select))
        .await
        .unwrap_or_else(|error| panic!("{select}: {error}"));
    rows.into_iter().map(|row| row.value).collect()
}

/// How many rows a table, view or `(SELECT ...)` has.
pub async fn count(engine: &dyn Analytics, table: &str) -> u64 {
    column(engine, &format!("SELECT count() AS value FROM {table}")).await[0]
}
