//! What ClickHouse takes for the same rows in another format: RowBinary, Native, ArrowStream.
//!
//! ClickHouse itself writes the other formats, from a table in memory, a block at a time; then each goes into an empty
//! ClickHouse as the role sends its blocks, not compressed on the wire. Making a block is not in the figures: only what the
//! engine saves or not. **Bound:** all blocks in one format are in memory at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_chaos::engines::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER};
use hindsight_engines::analytics::InsertBlock;

use super::stage::Stage;
use super::{IN_FLIGHT, Load};

const FORMATS: [&str; 3] = ["RowBinary", "Native", "ArrowStream"];
/// Beside the tables: one like each, in memory.
const SCRATCH: &str = "scratch";
/// A block is one block of the engine, as for the role.
const WHOLE: [(&str, &str); 3] = [
    ("max_insert_block_size", "1048449"),
    ("min_insert_block_size_rows", "1048449"),
    ("min_insert_block_size_bytes", "1073741824"),
];

pub(super) fn run(
    stage: &Stage,
    blocks: &[InsertBlock],
    load: &Load,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut of_row_binary = None;
    for format in FORMATS {
        let bodies = stage.wait(written(stage, format, blocks))?;
        let took = inserted(stage, format, blocks, bodies)?;
        let wall = load.raw_megabytes / took.elapsed.as_secs_f64();
        let cpu = load.raw_megabytes / took.clickhouse.as_secs_f64();
        let (wall_first, cpu_first) = *of_row_binary.get_or_insert((wall, cpu));
        let name = format!("the same rows in {format}, {:.1} MB", took.bytes as f64 / 1e6);
        report
            .row(format!("{name}: wall"), wall, "MB/s raw")
            .beside("RowBinary", wall_first);
        report
            .row(format!("{name}: per core of ClickHouse"), cpu, "MB/s raw")
            .beside("RowBinary", cpu_first);
    }
    Ok(())
}

/// The blocks in this format.
async fn written(stage: &Stage, format: &str, blocks: &[InsertBlock]) -> anyhow::Result<Vec<Bytes>> {
    if format == FORMATS[0] {
        return Ok(blocks.iter().map(|block| block.rows.clone()).collect());
    }
    let (clickhouse, _tables) = stage.bare_clickhouse(&format!("writes-{format}"), false).await?;
    let server = Server::at(&clickhouse.url);
    server.ask(&format!("CREATE DATABASE {SCRATCH}")).await?;
    let tables: BTreeSet<&str> = blocks.iter().map(|block| &*block.table).collect();
    for table in tables {
        let like = format!("CREATE TABLE {} AS {table} ENGINE = Memory", scratch(table));
        server.ask(&like).await?;
    }
    let mut bodies = Vec::with_capacity(blocks.len());
    for block in blocks {
        let table = scratch(&block.table);
        server
            .insert(&table, block, FORMATS[0], block.rows.clone())
            .await?;
        let all = format!("SELECT {} FROM {table} FORMAT {format}", columns(block));
        bodies.push(server.ask(&all).await?);
        server.ask(&format!("TRUNCATE TABLE {table}")).await?;
    }
    Ok(bodies)
}

/// What the inserts took.
struct Took {
    elapsed: Duration,
    clickhouse: Duration,
    bytes: usize,
}

/// Inserts all blocks into an empty ClickHouse.
fn inserted(stage: &Stage, format: &str, blocks: &[InsertBlock], bodies: Vec<Bytes>) -> anyhow::Result<Took> {
    let bytes = bodies.iter().map(Bytes::len).sum();
    let (clickhouse, _tables) = stage.wait(stage.bare_clickhouse(&format!("takes-{format}"), false))?;
    let (server, process) = (Server::at(&clickhouse.url), Process(clickhouse.id()));
    let (started, before) = (Instant::now(), process.cpu()?);
    let each = stream::iter(blocks.iter().zip(bodies)).map(anyhow::Ok);
    stage.wait(each.try_for_each_concurrent(IN_FLIGHT, |(block, body)| {
        server.insert(&block.table, block, format, body)
    }))?;
    Ok(Took {
        elapsed: started.elapsed(),
        clickhouse: process.cpu()? - before,
        bytes,
    })
}

fn scratch(table: &str) -> String {
    let name = table.rsplit('.').next().unwrap_or(table);
    format!("{SCRATCH}.{name}")
}

fn columns(block: &InsertBlock) -> String {
    let quoted: Vec<String> = block.columns.iter().map(|column| format!("`{column}`")).collect();
    quoted.join(", ")
}

/// ClickHouse's HTTP interface, past the engine's client, which speaks RowBinary alone.
struct Server {
    url: String,
    client: reqwest::Client,
}

impl Server {
    fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            client: reqwest::Client::new(),
        }
    }

    async fn ask(&self, statement: &str) -> anyhow::Result<Bytes> {
        self.post(&[("query", statement)], Bytes::new()).await
    }

    async fn insert(
        &self,
        table: &str,
        block: &InsertBlock,
        format: &str,
        rows: Bytes,
    ) -> anyhow::Result<()> {
        let statement = format!("INSERT INTO {table} ({}) FORMAT {format}", columns(block));
        let mut query = vec![
            ("query", &*statement),
            ("insert_deduplication_token", &*block.token),
        ];
        query.extend(WHOLE);
        self.post(&query, rows).await.map(drop)
    }

    async fn post(&self, query: &[(&str, &str)], body: Bytes) -> anyhow::Result<Bytes> {
        let request = self.client.post(&self.url).query(query).body(body);
        let request = request.basic_auth(CLICKHOUSE_USER, Some(CLICKHOUSE_PASSWORD));
        let answer = request.send().await.context("ClickHouse is there")?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        anyhow::ensure!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }
}
