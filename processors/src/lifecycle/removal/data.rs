//! Data objects: those that no claim names go after the grace; those whose session has expired go with the session.
//!
//! Their names carry the month in which the last of them expires, so later months are not read again once an object
//! was found claimed. **Invariant:** a session has expired when the last of its batches has, by the claim that stands.

use hindsight_engines::segments::{Listed, Month, Prefix, SegmentPath, claims_of, footer};

use super::walk::Walk;
use super::{RemovalError, Remover, Round, UNCLAIMED_GRACE, left};

impl Remover {
    pub(super) async fn remove_data(&mut self, round: &mut Round<'_>) -> Result<(), RemovalError> {
        let this_month = Month::of(round.now_s());
        let grace = self.options.grace.max(UNCLAIMED_GRACE);
        let mut walk = Walk::new(&*self.segments, Prefix::Data);
        while let Some(page) = walk.page().await? {
            for listed in page {
                if round.stopped() {
                    return Ok(());
                }
                let SegmentPath::Data { month, .. } = listed.path else {
                    continue;
                };
                let old = round.is_past(listed.modified_ms, grace);
                let new_to_us = old && listed.modified_ms >= self.claimed_before_ms;
                if (month <= this_month || new_to_us)
                    && let Err(error) = self.look_at(round, &listed, old).await
                {
                    left(&listed.path, &error);
                }
            }
        }
        let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        self.claimed_before_ms = round.now_ms.saturating_sub(grace_ms);
        Ok(())
    }

    async fn look_at(&self, round: &mut Round<'_>, listed: &Listed, old: bool) -> Result<(), RemovalError> {
        let SegmentPath::Data {
            project,
            session,
            generation,
            ..
        } = &listed.path
        else {
            return Ok(());
        };
        let claim = SegmentPath::Claim {
            project: project.clone(),
            session: *session,
            generation: *generation,
        };
        let named = match self.data_of(&claim).await {
            Err(RemovalError::Foreign { .. }) => None,
            named => named?,
        };
        if named.as_ref() != Some(&listed.path) {
            return if old {
                Ok(self.remove(round, &listed.path, "unclaimed").await?)
            } else {
                Ok(())
            };
        }
        let expires_at_s = footer(&*self.segments, &claim)
            .await?
            .batches
            .iter()
            .map(|batch| batch.expires_at_s)
            .max();
        let newest = claims_of(&*self.segments, project, *session).await?.pop();
        let stands = newest.is_some_and(|newest| newest.path == claim);
        if stands && expires_at_s.is_some_and(|at| at <= round.now_s()) {
            self.remove_session(round, project, *session, "expired").await?;
        }
        Ok(())
    }
}
