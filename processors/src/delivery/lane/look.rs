//! What the runtime sees of a lane: how full, how old, doing what. Nothing here changes it.

use std::time::Duration;

use hindsight_schemas::ids::Offset;

use super::{Lane, LaneError, LaneState, Phase};
use crate::delivery::clock::Moment;

impl<B> Lane<B> {
    /// Whether reading on would only fill memory: the runtime pauses the partition.
    pub fn is_full(&self) -> bool {
        let limits = &self.spec.limits;
        let reading = self.phase == Phase::Running && self.stopping.is_none();
        !reading || (self.repeat.is_none() && self.queue.is_full(limits))
    }

    /// When the oldest record came that it could cut now; `None` where there is none, or a range is prepared already.
    pub fn waits_since(&self) -> Option<Moment> {
        self.queue.oldest().filter(|_| self.could_cut())
    }

    /// Bytes that wait, if it could cut now.
    pub fn cuttable_bytes(&self) -> usize {
        if self.could_cut() { self.queue.bytes() } else { 0 }
    }

    /// Whether a range is being converted: when that ends it holds less.
    pub fn is_converting(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| ahead.prepared.is_none())
    }

    /// Whether a converted range waits or is written: when that ends there is room.
    pub fn has_converted(&self) -> bool {
        self.current.is_some() || self.ahead.as_ref().is_some_and(|ahead| ahead.prepared.is_some())
    }

    fn could_cut(&self) -> bool {
        self.phase == Phase::Running
            && self.stopping.is_none()
            && self.ahead.is_none()
            && self.repeat.is_none()
    }

    /// Whether it reads a pending range again: it is let finish even when memory is short.
    pub fn is_repeating(&self) -> bool {
        self.phase == Phase::Running && self.repeat.is_some()
    }

    /// Whether nothing is in flight any more that the next owner would have to wait for.
    pub fn is_quiet(&self, now: Moment) -> bool {
        match (&self.current, self.phase) {
            (_, Phase::Dropped) => true,
            (Some(current), _) => current.is_resting(now),
            (None, Phase::Leaving) => !self.is_final_due(),
            (None, _) => true,
        }
    }

    /// Whether something waits that needs a tick soon.
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.ahead.is_some() || self.current.is_some() || self.is_final_due()
    }

    /// Bytes that it holds: records that wait or are being converted, and what they became.
    pub fn held_bytes(&self) -> usize {
        let ahead = self.ahead.as_ref().map_or(0, |ahead| ahead.range.held);
        let current = self.current.as_ref().map_or(0, |current| current.range.held);
        self.queue.bytes() + ahead + current
    }

    /// Everything before is durable in the view.
    pub fn done(&self) -> Offset {
        self.done
    }

    /// How long the oldest record that isn't done has waited here.
    pub fn age(&self, now: Moment) -> Duration {
        let current = self.current.as_ref().and_then(|current| current.range.arrived);
        let ahead = self.ahead.as_ref().and_then(|ahead| ahead.range.arrived);
        let oldest = current.or(ahead).or(self.queue.oldest());
        oldest.map_or(Duration::ZERO, |arrived| now.saturating_sub(arrived))
    }

    /// Whether the group's commit names a range that isn't known to be done.
    pub fn is_pending(&self) -> bool {
        self.acknowledged.is_some_and(|intent| intent.pending.is_some())
    }

    /// What it is doing.
    pub fn state(&self) -> LaneState {
        match self.phase {
            Phase::Opening => LaneState::Opening,
            Phase::Stopped { .. } | Phase::Dropped => LaneState::Stopped,
            Phase::Leaving => LaneState::Leaving,
            Phase::Running if self.failures > 0 || self.stopping.is_some() => LaneState::Stopped,
            Phase::Running if self.repeat.is_some() => LaneState::Repeating,
            Phase::Running => LaneState::Running,
        }
    }

    /// Why it stands, or stood last.
    pub fn last_error(&self) -> Option<&LaneError> {
        self.last_error.as_ref()
    }
}
