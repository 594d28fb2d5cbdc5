//! The replay index: what ClickHouse knows of a session's objects. Statements and their rows, nothing decided.
//!
//! **Bounds:** [`MAX_FLUSH_OBJECTS`] objects and [`MAX_LOST`] batches of objects that can't be opened, a session.

use std::collections::BTreeSet;
use std::sync::Arc;

use hindsight_schemas::ddl::database;
use hindsight_schemas::ids::{LogId, Partition, Position, ProjectId, Seq, SessionId, Tab, Topic};
use hindsight_schemas::row_binary::{Digest as RowDigest, Millis};
use serde::Deserialize;
use uuid::Uuid;

use super::ReplayError;
use crate::analytics::{Analytics, Query, QueryError, query_rows};
use crate::segments::format::{Digest, Interval};
use crate::segments::{FrameId, LostBatch, ManifestError, SegmentPath};

/// Flush objects of one session at most: twelve hours at one a second.
pub const MAX_FLUSH_OBJECTS: usize = 50_000;
/// Batches of unreadable objects that are told of one session at most.
const MAX_LOST: usize = 50_000;

const OF_SESSION: &str = "project = {project:String} AND \
    toStartOfHour(started_at) = toStartOfHour({started_at:DateTime64(3, 'UTC')}) AND session_id = {session:UUID}";

pub(super) struct Index {
    analytics: Arc<dyn Analytics>,
    database: String,
}

#[derive(Deserialize)]
struct ObjectRow {
    object: String,
}

/// A batch, and a flush object that holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct IndexedBatch {
    pub(super) object: String,
    pub(super) tab: Tab,
    pub(super) seq: Seq,
}

#[derive(Deserialize)]
struct FrameRow {
    object: String,
    frame: u32,
    tab: String,
    seq_from: Seq,
    seq_to: Seq,
    seqs_missing: Vec<Seq>,
    seqs_held: Vec<Seq>,
    from_at: Millis,
    to_at: Millis,
    generation: u32,
    log_id: Uuid,
    log_partition: u32,
    log_offset: u64,
    content: RowDigest,
}

impl FrameRow {
    /// The numbers of its batches.
    fn held(&self) -> impl Iterator<Item = Seq> + '_ {
        let range = (self.seq_from..=self.seq_to).filter(|seq| !self.seqs_missing.contains(seq));
        // Where the held ones are named, the range may be as wide as numbers are.
        let named = self.seqs_held.iter().copied();
        let range = self.seqs_held.is_empty().then_some(range);
        named.chain(range.into_iter().flatten())
    }
}

impl Index {
    pub(super) fn new(analytics: Arc<dyn Analytics>, view_generation: u32) -> Self {
        Self {
            analytics,
            database: database(view_generation),
        }
    }

    /// The flush objects that hold batches of the session.
    pub(super) async fn flush_objects(
        &self,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<Vec<SegmentPath>, ReplayError> {
        let sql = format!(
            "SELECT DISTINCT object FROM {}.segments WHERE {OF_SESSION} AND generation = 0 \
             ORDER BY object LIMIT {MAX_FLUSH_OBJECTS}",
            self.database
        );
        let rows: Vec<ObjectRow> = self.ask(of_session(sql, project, session)).await?;
        paths(rows)
    }

    /// Which flush objects hold which of these batches.
    pub(super) async fn flush_objects_of(
        &self,
        project: &ProjectId,
        session: SessionId,
        batches: &[(Tab, Seq)],
    ) -> Result<BTreeSet<IndexedBatch>, QueryError> {
        let names: Vec<String> = batches.iter().map(|(tab, seq)| format!("{tab}/{seq}")).collect();
        let sql = format!(
            "SELECT DISTINCT object, tab, seq_from AS seq FROM {}.segments WHERE {OF_SESSION} AND generation = 0 \
             AND concat(tab, '/', toString(seq_from)) IN {{batches:Array(String)}} \
             ORDER BY object LIMIT {MAX_FLUSH_OBJECTS}",
            self.database
        );
        let query = of_session(sql, project, session).param("batches", names.as_slice());
        Ok(self.ask(query).await?.into_iter().collect())
    }

    /// The data object of a generation, as its claim would name it.
    pub(super) async fn data_object(
        &self,
        project: &ProjectId,
        session: SessionId,
        generation: u32,
    ) -> Result<Option<SegmentPath>, ReplayError> {
        let sql = format!(
            "SELECT DISTINCT object FROM {}.segments WHERE {OF_SESSION} AND generation = {{generation:UInt32}} LIMIT 1",
            self.database
        );
        let query = of_session(sql, project, session).param("generation", generation);
        Ok(paths(self.ask(query).await?)?.pop())
    }

    /// What the index knows of the batches in objects that can't be opened.
    pub(super) async fn lost(
        &self,
        project: &ProjectId,
        session: SessionId,
        objects: &[SegmentPath],
    ) -> Result<Vec<LostBatch>, ReplayError> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
        let sql = format!(
            "SELECT object, frame, tab, seq_from, seq_to, seqs_missing, seqs_held, from_at, to_at, generation, log_id, \
             log_partition, log_offset, lower(hex(content_sha256)) AS content \
             FROM {}.segments FINAL WHERE {OF_SESSION} AND object IN {{objects:Array(String)}} \
             ORDER BY object, frame LIMIT {MAX_LOST}",
            self.database
        );
        let query = of_session(sql, project, session).param("objects", names.as_slice());
        let rows: Vec<FrameRow> = self.ask(query).await?;
        let lost = rows.iter().flat_map(|row| batches(row, project, session));
        Ok(lost.take(MAX_LOST).collect())
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, query: Query) -> Result<Vec<T>, QueryError> {
        query_rows(&*self.analytics, query).await
    }
}

fn of_session(sql: String, project: &ProjectId, session: SessionId) -> Query {
    Query::new(sql)
        .param("project", project.as_str())
        .param("started_at", Millis(session.unix_ms()))
        .param("session", session.uuid())
}

fn paths(rows: Vec<ObjectRow>) -> Result<Vec<SegmentPath>, ReplayError> {
    let paths = rows
        .iter()
        .map(|row| row.object.parse())
        .collect::<Result<_, _>>();
    Ok(paths.map_err(ManifestError::Path)?)
}

/// The batches of a frame. Place and content are those of the one batch of a flush frame; a frame of a generation has
/// several, and the index tells neither of each.
fn batches<'a>(
    row: &'a FrameRow,
    project: &'a ProjectId,
    session: SessionId,
) -> impl Iterator<Item = LostBatch> + 'a {
    let path = row.object.parse::<SegmentPath>().ok();
    let frame = path.and_then(|path| FrameId::of(&path, row.frame));
    let known = (row.generation == 0).then(|| {
        let partition = Partition {
            topic: Topic::Recordings,
            partition: row.log_partition,
        };
        let position = Position {
            log_id: LogId(row.log_id),
            partition,
            offset: row.log_offset,
        };
        (position, Digest(row.content.0))
    });
    let tab = row.tab.parse().ok();
    let whose = frame.zip(tab);
    whose.into_iter().flat_map(move |(frame, tab)| {
        row.held().map(move |seq| LostBatch {
            project: project.clone(),
            session_id: session,
            tab: Tab::clone(&tab),
            seq,
            frame,
            known,
            span: Interval {
                from_ms: row.from_at.0,
                to_ms: row.to_at.0,
            },
        })
    })
}
