//! Whether the replay index names all that the store holds. Sessions are found by it, so what it leaves out would be left
//! out of every view that is made of objects.
//!
//! **Failure:** something is not named: the index is rebuilt first. **Bound:** a page of names, and the footers of objects
//! that are not named.

use std::collections::BTreeSet;

use hindsight_engines::analytics::{Analytics, Query, query_rows};
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::segments::format::Batch;
use hindsight_engines::segments::{Prefix, SegmentPath, footer};
use hindsight_schemas::ids::{ProjectId, SessionId};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::RebuildError;
use super::fill::LONGEST_S;
use super::reach::Reach;
use crate::erasure::ErasedSessions;
use crate::lifecycle::removal::walk::Walk;

/// Names that are looked up together.
const NAMES: usize = 10_000;

/// The index, and what it must name.
pub(super) struct WholeIndex<'a> {
    pub(super) analytics: &'a dyn Analytics,
    /// The database with its table.
    pub(super) index: &'a str,
    pub(super) replays: &'a ReplayIndex,
    pub(super) erased: &'a ErasedSessions,
    pub(super) reach: &'a Reach,
    pub(super) view_generation: u32,
}

/// A session, and its newest claim.
struct Claimed {
    project: ProjectId,
    session: SessionId,
    claim: SegmentPath,
}

#[derive(Deserialize)]
struct Object {
    object: String,
}

#[derive(Deserialize)]
struct Session {
    session: Uuid,
}

impl WholeIndex<'_> {
    /// Refuses an index that leaves out something that is kept.
    pub(super) async fn or_refuse(&self) -> Result<(), RebuildError> {
        let (sessions, objects) = (self.sessions().await?, self.objects().await?);
        if sessions + objects == 0 {
            return Ok(());
        }
        Err(RebuildError::WouldLose(format!(
            "the replay index leaves out {sessions} sessions and {objects} flush objects that the segment store holds, so \
             what they recorded would not be found: run `hindsight rebuild replay-index` first"
        )))
    }

    /// Sessions with a claim that are not named as closed.
    async fn sessions(&self) -> Result<u64, RebuildError> {
        let (mut missing, mut newest) = (0, Vec::<Claimed>::new());
        let mut walk = Walk::new(&**self.replays.segments(), Prefix::Claims);
        loop {
            let page = walk.page().await?;
            let ended = page.is_none();
            for listed in page.into_iter().flatten() {
                add_claim(&mut newest, listed.path);
            }
            // The last session's next claim may be on the next page.
            let last = if ended { None } else { newest.pop() };
            for of_project in newest.chunk_by(|a, b| a.project == b.project) {
                for part in of_project.chunks(NAMES) {
                    missing += self.unnamed_sessions(part).await?;
                }
            }
            if ended {
                return Ok(missing);
            }
            newest = Vec::from_iter(last);
        }
    }

    async fn unnamed_sessions(&self, claims: &[Claimed]) -> Result<u64, RebuildError> {
        let ids: Vec<Uuid> = claims.iter().map(|claimed| claimed.session.uuid()).collect();
        let sql = format!(
            "SELECT DISTINCT session_id AS session FROM {}.segments \
             WHERE generation > 0 AND project = {{project:String}} AND session_id IN {{ids:Array(UUID)}}",
            self.index
        );
        let query = Query::new(sql)
            .setting("max_execution_time", LONGEST_S)
            .param("project", claims[0].project.as_str())
            .param("ids", &ids[..]);
        let named: Vec<Session> = query_rows(self.analytics, query).await?;
        let named: BTreeSet<Uuid> = named.into_iter().map(|named| named.session).collect();
        let mut missing = 0;
        for Claimed {
            project,
            session,
            claim,
        } in claims
        {
            if named.contains(&session.uuid()) || self.erased.contains(project, *session) {
                continue;
            }
            let batches = self.batches(claim).await?;
            missing += u64::from(batches.iter().any(is_kept));
        }
        Ok(missing)
    }

    /// Flush objects with a batch that neither the index nor the log gives.
    async fn objects(&self) -> Result<u64, RebuildError> {
        let view = self.view_generation;
        let mut missing = 0;
        let mut walk = Walk::new(&**self.replays.segments(), Prefix::Flushes { view });
        while let Some(page) = walk.page().await? {
            for part in page.chunks(NAMES) {
                let names: Vec<String> = part.iter().map(|listed| listed.path.to_string()).collect();
                let named = self.named_objects(&names).await?;
                for (listed, _) in part.iter().zip(&names).filter(|(_, name)| !named.contains(*name)) {
                    missing += u64::from(self.is_missed(&listed.path).await?);
                }
            }
        }
        Ok(missing)
    }

    async fn named_objects(&self, names: &[String]) -> Result<BTreeSet<String>, RebuildError> {
        let sql = format!(
            "SELECT DISTINCT object FROM {}.segments WHERE generation = 0 AND object IN {{objects:Array(String)}}",
            self.index
        );
        let query = Query::new(sql)
            .setting("max_execution_time", LONGEST_S)
            .param("objects", names);
        let named: Vec<Object> = query_rows(self.analytics, query).await?;
        Ok(named.into_iter().map(|named| named.object).collect())
    }

    async fn is_missed(&self, object: &SegmentPath) -> Result<bool, RebuildError> {
        for batch in self.batches(object).await?.iter().filter(|batch| is_kept(batch)) {
            let erased = self.erased.contains(&batch.project, batch.session_id);
            if erased || self.reach.has(batch.position) {
                continue;
            }
            let manifest = self.replays.manifest(&batch.project, batch.session_id).await?;
            let tab = manifest.as_ref().and_then(|manifest| manifest.tab(&batch.tab));
            if !tab.is_some_and(|tab| tab.batches.contains_key(&batch.seq)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a footer tells; nothing, where it can't be read: then the index is all that tells of it.
    async fn batches(&self, object: &SegmentPath) -> Result<Vec<Batch>, RebuildError> {
        match footer(&**self.replays.segments(), object).await {
            Ok(footer) => Ok(footer.batches),
            Err(error) if error.is_damage() || error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Claims of a session follow each other, oldest first.
fn add_claim(newest: &mut Vec<Claimed>, claim: SegmentPath) {
    let SegmentPath::Claim { project, session, .. } = &claim else {
        return;
    };
    let (project, session) = (project.clone(), *session);
    if newest
        .last()
        .is_some_and(|last| last.session == session && last.project == project)
    {
        newest.pop();
    }
    newest.push(Claimed {
        project,
        session,
        claim,
    });
}

fn is_kept(batch: &Batch) -> bool {
    batch.expires_at_s > Timestamp::now().as_second()
}
