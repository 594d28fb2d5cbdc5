//! How a lane ends or begins anew: left in order, stopped by an error, or dropped because the partition is another's.

use super::{Effect, Lane, LaneError, Phase};
use crate::delivery::clock::Moment;

impl<B> Lane<B> {
    pub(super) fn leave(&mut self) {
        if matches!(self.phase, Phase::Running) {
            self.phase = Phase::Leaving;
            self.queue.clear();
            self.ahead = None;
            self.repeat = None;
        } else {
            self.phase = Phase::Dropped;
        }
    }

    /// Stops once what is in flight is done and committed; then it begins anew from the commit.
    pub(super) fn stop(&mut self, error: LaneError) {
        self.ahead = None;
        self.queue.clear();
        self.stopping = Some(error);
    }

    pub(super) fn stop_now(&mut self, now: Moment, error: LaneError) {
        if self.phase == Phase::Dropped {
            return;
        }
        self.forget();
        self.failures += 1;
        self.phase = Phase::Stopped {
            until: now + self.spec.settings.backoff.pause(self.failures),
        };
        self.last_error = Some(error.clone());
        self.effects.push(Effect::Stopped(error));
    }

    pub(super) fn drop_unwritten(&mut self, error: LaneError) {
        self.forget();
        self.phase = Phase::Dropped;
        self.last_error = Some(error.clone());
        self.effects.push(Effect::Stopped(error));
    }

    pub(super) fn forget(&mut self) {
        self.queue.clear();
        self.ahead = None;
        self.current = None;
        self.outstanding = None;
        // The range may be repeated, by this lane or another: whoever passes it counts them.
        self.letters.clear();
        self.repeat = None;
        self.stopping = None;
        self.reader_at_end = false;
    }
}
