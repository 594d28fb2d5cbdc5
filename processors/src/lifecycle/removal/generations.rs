//! Claims with what they name: superseded generations, and all of a session that has expired or is erased.
//!
//! **Invariant:** a superseded generation loses its data first and its claim last, because the claim is what says that
//! there is something left to do. A session that goes whole loses its claims first, oldest to newest, so that nobody is
//! sent to data that is gone; data that a crash leaves then has no claim and is removed as such.

use hindsight_engines::segments::{Listed, Prefix, ReadError, SegmentPath, claims_of, footer};
use hindsight_schemas::ids::{ProjectId, SessionId};

use super::walk::Walk;
use super::{RemovalError, Remover, Round, left};

/// Erased sessions whose rows are asked for in one statement.
const ERASED_AT_ONCE: usize = 1000;

impl Remover {
    /// Generations that are not the newest of their session, if that one stands for the grace.
    pub(super) async fn remove_superseded(&self, round: &mut Round<'_>) -> Result<(), RemovalError> {
        let mut walk = Walk::new(&*self.segments, Prefix::Claims);
        let mut of_session: Vec<Listed> = Vec::new();
        while let Some(page) = walk.page().await? {
            for listed in page {
                if round.stopped() {
                    return Ok(());
                }
                let another = of_session
                    .last()
                    .is_some_and(|last| session_of(&last.path) != session_of(&listed.path));
                if another {
                    self.remove_older(round, std::mem::take(&mut of_session)).await;
                }
                of_session.push(listed);
            }
        }
        self.remove_older(round, of_session).await;
        Ok(())
    }

    async fn remove_older(&self, round: &mut Round<'_>, claims: Vec<Listed>) {
        let Some((newest, older)) = claims.split_last() else {
            return;
        };
        if !round.is_past(newest.modified_ms, self.options.grace) {
            return;
        }
        for claim in older {
            if let Err(error) = self.remove_generation(round, &claim.path).await {
                left(&claim.path, &error);
            }
        }
    }

    async fn remove_generation(
        &self,
        round: &mut Round<'_>,
        claim: &SegmentPath,
    ) -> Result<(), RemovalError> {
        if let Some(data) = self.data_of(claim).await? {
            self.remove(round, &data, "superseded").await?;
        }
        Ok(self.remove(round, claim, "superseded").await?)
    }

    /// The data object that a claim names; `None` if the claim is gone.
    pub(super) async fn data_of(&self, claim: &SegmentPath) -> Result<Option<SegmentPath>, RemovalError> {
        let read = match footer(&*self.segments, claim).await {
            Err(error) if error.is_not_found() => return Ok(None),
            read => read?,
        };
        let named = read.session.map_or_else(String::new, |session| session.data_path);
        let data = named.parse().ok().filter(|data| is_of(data, claim));
        let foreign = || RemovalError::Foreign {
            claim: claim.to_string(),
            data: named.clone(),
        };
        Ok(Some(data.ok_or_else(foreign)?))
    }

    /// Removes all generations of a session.
    pub(super) async fn remove_session(
        &self,
        round: &mut Round<'_>,
        project: &ProjectId,
        session: SessionId,
        why: &'static str,
    ) -> Result<(), RemovalError> {
        let claims = claims_of(&*self.segments, project, session).await?;
        let mut data = Vec::new();
        for claim in &claims {
            match self.data_of(&claim.path).await {
                Ok(named) => data.extend(named),
                // Its data object has no claim afterwards and goes as such.
                Err(RemovalError::Read(ReadError::Format(_))) => {}
                Err(error) => return Err(error),
            }
        }
        for claim in &claims {
            self.remove(round, &claim.path, why).await?;
        }
        for object in &data {
            self.remove(round, object, why).await?;
        }
        Ok(())
    }

    /// Generations and rows of erased sessions, without grace: whatever was written after the erasure was carried out.
    pub(super) async fn remove_erased(&self, round: &mut Round<'_>) -> Result<(), RemovalError> {
        let mut walk = Walk::new(&*self.segments, Prefix::Erased);
        while let Some(page) = walk.page().await? {
            let mut erased: Vec<(ProjectId, SessionId)> = Vec::new();
            for listed in page {
                if round.stopped() {
                    return Ok(());
                }
                if let SegmentPath::Erased { project, session } = listed.path {
                    self.remove_session(round, &project, session, "erased").await?;
                    erased.push((project, session));
                }
            }
            for of_project in erased.chunk_by(|(a, _), (b, _)| a == b) {
                for part in of_project.chunks(ERASED_AT_ONCE) {
                    let sessions: Vec<SessionId> = part.iter().map(|(_, session)| *session).collect();
                    let found = self.rows.forget_sessions(&part[0].0, &sessions).await?;
                    metrics::counter!("hindsight_erased_rows_found_total").increment(found);
                }
            }
        }
        Ok(())
    }
}

fn session_of(path: &SegmentPath) -> Option<(&ProjectId, SessionId)> {
    match path {
        SegmentPath::Claim { project, session, .. } | SegmentPath::Data { project, session, .. } => {
            Some((project, *session))
        }
        _ => None,
    }
}

fn generation_of(path: &SegmentPath) -> Option<u32> {
    match path {
        SegmentPath::Claim { generation, .. } | SegmentPath::Data { generation, .. } => Some(*generation),
        _ => None,
    }
}

/// Whether an object is data of the claim's own session and generation.
fn is_of(data: &SegmentPath, claim: &SegmentPath) -> bool {
    matches!(data, SegmentPath::Data { .. })
        && session_of(data) == session_of(claim)
        && generation_of(data) == generation_of(claim)
}
