//! The current range: from the intent that was won to the write that is durable.
//!
//! **Invariant:** one attempt at a time, each only within the lease. Poison is in dead letters before the range
//! counts as done. An answer that leaves the outcome open is followed by settling, never by a plain write.

use std::sync::Arc;

use hindsight_schemas::ids::Offset;
use hindsight_schemas::reason::Reason;

use super::{Effect, Lane, LaneError, Phase, Range};
use crate::delivery::clock::Moment;
use crate::delivery::materializer::{Poison, Prepared, WriteError};

/// The range whose intent was sent.
pub(super) struct Current<B> {
    pub(super) range: Range,
    pub(super) won: bool,
    pub(super) lease_lost: bool,
    batch: Arc<B>,
    poison: Vec<Poison>,
    /// All of its dead letters.
    letters: Vec<(Offset, Reason)>,
    rejected: u64,
    written: bool,
    settle: bool,
    busy: bool,
    retry_at: Moment,
}

/// What comes next for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    DeadLetter,
    Write,
    Settle,
    Finish,
}

impl<B> Current<B> {
    pub(super) fn new(range: Range, prepared: Prepared<B>) -> Self {
        Self {
            settle: range.settle,
            rejected: prepared.poison.len() as u64,
            letters: letters(&prepared.poison),
            range,
            won: false,
            lease_lost: false,
            batch: Arc::new(prepared.batch),
            poison: prepared.poison,
            written: false,
            busy: false,
            retry_at: Moment::ZERO,
        }
    }

    pub(super) fn next(&self) -> Next {
        match (self.poison.is_empty(), self.written, self.settle) {
            (false, ..) => Next::DeadLetter,
            (true, true, _) => Next::Finish,
            (true, false, true) => Next::Settle,
            (true, false, false) => Next::Write,
        }
    }

    /// Nothing of it is in flight and nothing will be soon: it can be left pending.
    pub(super) fn is_resting(&self, now: Moment) -> bool {
        !self.busy && (!self.won || now < self.retry_at)
    }
}

fn letters(poison: &[Poison]) -> Vec<(Offset, Reason)> {
    let letter = |each: &Poison| (each.position.offset, each.reason);
    poison.iter().map(letter).collect()
}

impl<B> Lane<B> {
    pub(super) fn attempt(&mut self, now: Moment) {
        let due = |current: &Current<B>| current.won && !current.busy && now >= current.retry_at;
        if !matches!(self.phase, Phase::Running | Phase::Leaving) || !self.current.as_ref().is_some_and(due) {
            return;
        }
        if self.next_step() == Some(Next::Finish) {
            return self.finish(now);
        }
        let lost = self.current.as_ref().is_some_and(|current| current.lease_lost);
        if self.spec.settings.guards.lease && (lost || now >= self.lease_until) {
            return self.stop_now(now, LaneError::LeaseLost);
        }
        let Some(current) = self.current.as_mut() else {
            return;
        };
        current.busy = true;
        self.effects.push(match current.next() {
            Next::DeadLetter => Effect::DeadLetter(current.poison.clone()),
            Next::Settle => Effect::Settle(current.range.name, Arc::clone(&current.batch)),
            Next::Write | Next::Finish => Effect::Write(current.range.name, Arc::clone(&current.batch)),
        });
    }

    pub(super) fn on_dead_lettered(&mut self, now: Moment, result: Result<(), String>) {
        let Some(current) = self.current.as_mut() else {
            return;
        };
        current.busy = false;
        match result {
            Ok(()) => current.poison.clear(),
            Err(words) => self.pause(now, LaneError::DeadLetters(words)),
        }
    }

    pub(super) fn on_written(&mut self, now: Moment, result: Result<(), WriteError>) {
        let settles = self.spec.settings.guards.settle;
        let Some(current) = self.current.as_mut() else {
            return;
        };
        current.busy = false;
        match result {
            Ok(()) => current.written = true,
            Err(WriteError::Rejected(poison)) => {
                current.written = true;
                current.rejected += poison.len() as u64;
                current.letters.extend(letters(&poison));
                current.poison = poison;
            }
            Err(WriteError::Refused(words)) => self.pause(now, LaneError::Write(words)),
            Err(WriteError::Ambiguous(words)) => {
                current.settle = settles;
                self.pause(now, LaneError::Write(words));
            }
        }
    }

    fn pause(&mut self, now: Moment, error: LaneError) {
        self.failures += 1;
        let retry_at = now + self.spec.settings.backoff.pause(self.failures);
        if let Some(current) = self.current.as_mut() {
            current.retry_at = retry_at;
        }
        self.last_error = Some(error);
    }

    fn finish(&mut self, now: Moment) {
        let Some(Current {
            range,
            rejected,
            letters,
            ..
        }) = self.current.take()
        else {
            return;
        };
        self.letters.extend(letters);
        debug_assert!(self.done <= range.name.first, "done never goes back");
        self.done = range.name.last + 1;
        self.appended_at_ms = range.appended_at_ms.or(self.appended_at_ms);
        self.meter.add(rejected, range.records as u64);
        self.recover();
        self.idle_since = now;
        let Range {
            name,
            records,
            bytes,
            mut stages,
            recovered,
            ..
        } = range;
        stages.written = now;
        self.effects.push(Effect::Finished {
            name,
            records,
            bytes,
            stages,
            recovered,
        });
        self.report_progress(self.reader_at_end && !self.has_range());
    }
}
