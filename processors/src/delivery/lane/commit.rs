//! What the lane commits: the intent of the next range, or that everything is done.
//!
//! **Invariant:** one commit is outstanding, and it stays the same until it is answered: it may have been kept.

use hindsight_engines::log::ConsumerError;

use super::write::Current;
use super::{Effect, Lane, LaneError, Phase};
use crate::delivery::clock::Moment;
use crate::delivery::intent::Intent;

impl<B> Lane<B> {
    /// The commit that this lane needs now. It is asked again, and answers the same, until the runtime gave
    /// [`Input::Committed`].
    pub fn wanted_commit(&mut self, now: Moment) -> Option<Intent> {
        if matches!(
            self.phase,
            Phase::Opening | Phase::Stopped { .. } | Phase::Dropped
        ) {
            return None;
        }
        if self.outstanding.is_none() && self.current.is_none() {
            self.outstanding = self.next_intent().or_else(|| self.final_commit(now));
        }
        let leaving = self.phase == Phase::Leaving;
        self.outstanding
            .filter(|intent| !(leaving && intent.pending.is_some()))
    }

    pub(super) fn on_committed(&mut self, now: Moment, result: Result<(), ConsumerError>) {
        match result {
            Ok(()) => {
                let Some(intent) = self.outstanding.take() else {
                    return;
                };
                self.acknowledged = Some(intent);
                if !self.letters.is_empty() {
                    let letters = std::mem::take(&mut self.letters);
                    self.effects.push(Effect::LettersSettled(letters));
                }
                if let Some(current) = self.current.as_mut() {
                    current.won = true;
                    current.range.stages.won = now;
                }
            }
            Err(ConsumerError::Fenced(words)) => self.drop_unwritten(LaneError::Fenced(words)),
            // The same intent is sent again at the next tick: it may have been kept, so nothing else may be.
            Err(error) => self.last_error = Some(LaneError::Commit(error.to_string())),
        }
    }

    /// Makes the prepared range the current one; its intent also says that everything before is done.
    pub(super) fn next_intent(&mut self) -> Option<Intent> {
        if self.phase != Phase::Running || self.stopping.is_some() {
            return None;
        }
        let ahead = self.ahead.take_if(|ahead| ahead.prepared.is_some())?;
        let prepared = ahead.prepared.expect("just seen");
        let name = ahead.range.name;
        self.current = Some(Current::new(ahead.range, prepared));
        Some(Intent {
            offset: name.first,
            pending: Some(name.last),
            version: self.spec.version,
            settle_until: self.settle_until,
        })
    }

    pub(super) fn final_commit(&self, now: Moment) -> Option<Intent> {
        let hurried = self.phase == Phase::Leaving || self.stopping.is_some();
        let idle = self.ahead.is_none() && now.saturating_sub(self.idle_since) >= self.spec.settings.tick;
        (self.is_final_due() && (hurried || idle)).then_some(Intent {
            offset: self.done,
            pending: None,
            version: self.spec.version,
            settle_until: self.settle_until,
        })
    }

    /// Whether more is done than the group knows. A pending range that isn't done never is. Where the group
    /// knows nothing the beginning is committed, so that what expires from then on is missed and counted.
    pub(super) fn is_final_due(&self) -> bool {
        let opened = matches!(self.phase, Phase::Running | Phase::Leaving);
        opened && self.acknowledged.is_none_or(|intent| self.done > intent.offset)
    }
}
