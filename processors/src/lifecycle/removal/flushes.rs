//! Flush objects: they go when each batch in them is covered by a standing generation for the grace, or has expired, or
//! is erased.
//!
//! **Invariant:** index rows first, then the object, so that no reader who asks now is sent to it. Objects younger than
//! the grace are not even read, and since names sort by position, the rest of their partition is younger.

use std::collections::BTreeSet;

use hindsight_engines::segments::{Listed, Prefix, SegmentPath, footer};
use hindsight_schemas::ids::{ProjectId, SessionId};

use super::rows::FlushRows;
use super::walk::Walk;
use super::{RemovalError, Remover, Round, left};

/// Objects whose index rows go in one statement.
const AT_ONCE: usize = 500;

impl Remover {
    pub(super) async fn remove_flushes(&mut self, round: &mut Round<'_>) -> Result<(), RemovalError> {
        self.covered.clear();
        let view = self.view_generation;
        let store = self.segments.clone();
        let mut walk = Walk::new(&*store, Prefix::Flushes { view });
        while let Some(page) = walk.page().await? {
            let mut young: Option<u32> = None;
            let mut going = Vec::new();
            for listed in page {
                let SegmentPath::Flush { partition, .. } = listed.path else {
                    continue;
                };
                if round.stopped() || young == Some(partition) {
                    continue;
                }
                if !round.is_past(listed.modified_ms, self.options.grace) {
                    young = Some(partition);
                    walk.skip_to(end_of(view, partition));
                    continue;
                }
                going.extend(self.may_go(round, &listed).await);
                if going.len() == AT_ONCE {
                    self.let_go(round, std::mem::take(&mut going)).await?;
                }
            }
            self.let_go(round, going).await?;
            if round.stopped() {
                break;
            }
        }
        self.covered.clear();
        Ok(())
    }

    async fn let_go(&self, round: &mut Round<'_>, going: Vec<FlushRows>) -> Result<(), RemovalError> {
        if going.is_empty() {
            return Ok(());
        }
        self.rows.forget(&going).await?;
        for rows in going {
            self.remove(round, &rows.object, "covered").await?;
        }
        Ok(())
    }

    /// What must be forgotten of this object, if it may go.
    async fn may_go(&mut self, round: &Round<'_>, listed: &Listed) -> Option<FlushRows> {
        match self.is_needless(round, &listed.path).await {
            Ok(rows) => rows,
            Err(error) => {
                left(&listed.path, &error);
                None
            }
        }
    }

    async fn is_needless(
        &mut self,
        round: &Round<'_>,
        path: &SegmentPath,
    ) -> Result<Option<FlushRows>, RemovalError> {
        let flush = footer(&*self.segments, path).await?;
        let starts = || flush.batches.iter().map(|batch| batch.session_id.unix_ms());
        let rows = FlushRows {
            object: path.clone(),
            started_ms: (starts().min().unwrap_or(0), starts().max().unwrap_or(0)),
        };
        let needed: Vec<_> = flush
            .batches
            .iter()
            .filter(|batch| {
                batch.expires_at_s > round.now_s() && !self.erased.contains(&batch.project, batch.session_id)
            })
            .collect();
        let sessions: BTreeSet<(ProjectId, SessionId)> = needed
            .iter()
            .map(|batch| (batch.project.clone(), batch.session_id))
            .collect();
        for key in sessions {
            let standing = self.covered.standing(&*self.segments, &key).await?;
            let mut of_session = needed
                .iter()
                .filter(|batch| batch.session_id == key.1 && batch.project == key.0);
            let covered = standing.is_some_and(|standing| {
                round.is_past(standing.since_ms, self.options.grace)
                    && of_session.all(|batch| standing.holdings.covers(batch))
            });
            if !covered {
                return Ok(None);
            }
        }
        Ok(Some(rows))
    }
}

/// Behind all objects of a partition.
fn end_of(view: u32, partition: u32) -> SegmentPath {
    SegmentPath::Flush {
        view,
        partition,
        first: u64::MAX,
        last: u64::MAX,
    }
}
