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

    /// What failed is over: a range went through, or nothing is left to do.
    pub(super) fn recover(&mut self) {
        self.failures = 0;
        self.last_error = None;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use hindsight_engines::log::Committed;
    use hindsight_schemas::ids::{LogId, Partition, Topic};
    use uuid::Uuid;

    use super::super::{Input, LaneSettings, LaneSpec, LaneState, Opened};
    use super::*;
    use crate::delivery::CutLimits;

    fn lane() -> Lane<()> {
        let partition = Partition {
            topic: Topic::Audit,
            partition: 0,
        };
        let spec = LaneSpec {
            partition,
            log_id: LogId(Uuid::from_u128(1)),
            view_generation: 1,
            version: 1,
            limits: CutLimits::default(),
            repeats: Arc::new(|_| true),
            settings: LaneSettings::default(),
        };
        Lane::new(spec, Moment::ZERO + Duration::from_secs(3600))
    }

    fn opened() -> Opened {
        Opened {
            committed: Some(Committed {
                offset: 4,
                metadata: "done v1".into(),
            }),
            available: (0, 4),
            has_rows: false,
        }
    }

    #[test]
    fn an_error_is_over_once_the_lane_has_begun_and_nothing_is_left() {
        let mut lane = lane();
        let mut now = Moment::ZERO;
        lane.step(now, Input::OpenFailed("the log is away".into()));
        assert_eq!(lane.state(), LaneState::Stopped);
        now += Duration::from_secs(1);
        lane.step(now, Input::Tick);
        lane.step(now, Input::Opened(opened()));
        lane.step(now, Input::Tick);
        assert!(lane.last_error().is_some(), "what is left is not known yet");
        lane.step(now, Input::EndOfPartition(4));
        lane.step(now, Input::Tick);
        assert_eq!((lane.state(), lane.last_error()), (LaneState::Running, None));
    }
}
