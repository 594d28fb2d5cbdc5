//! The lane: one materializer on one partition, as a state machine without I/O. Inputs are what happened,
//! effects what to do; the runtime carries them out, and so does the simulator in the tests.
//!
//! ```text
//! cut      take records first..last (bytes, records, age)
//! intent   ONE commit: offset = first, metadata = "pending first..last"; says that all before is done
//! write    under the name, the same bytes until answered; the next range is cut and prepared meanwhile,
//!          never written: its intent is the next commit, made only after this write is durable
//! idle     no next range within a tick: commit offset = last + 1, nothing pending
//! assign   a pending range is read again exactly so and settled; only then on
//! ```
//!
//! **Invariants:** nothing is written before its intent is answered, nor past the lease; a range that was cut
//! is never cut otherwise; `done` never passes a record that isn't durable in the view or in dead letters.
//! A failure keeps or repeats the range; only [`Input::Committed`] with `Fenced` drops the lane.
//! Bound: at most one range written, one prepared, and a queue of one cut and one poll.

mod commit;
mod cut;
mod effect;
mod look;
mod open;
mod retry;
mod settings;
mod stages;
mod stop;
mod write;

use std::time::Duration;

use hindsight_engines::log::StoredRecord;
use hindsight_schemas::ids::Offset;
use hindsight_schemas::reason::Reason;

pub use effect::{Alarm, Effect, Input, LaneError, LaneState};
pub use open::Opened;
pub use retry::{Backoff, PoisonLimit};
pub use settings::{Guards, LaneSettings, LaneSpec};
pub use stages::Stages;

use super::clock::Moment;
use super::intent::Intent;
use super::materializer::{Poison, PrepareError, Prepared, Progress};
use super::range::RangeName;
use cut::{Cut, Queue};
use retry::PoisonMeter;
use write::{Current, Next};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Running,
    Leaving,
    Stopped { until: Moment },
    Dropped,
}

/// A range that was cut.
#[derive(Debug, Clone, Copy)]
struct Range {
    name: RangeName,
    records: usize,
    bytes: usize,
    /// What it takes in memory: its records, and once they were converted what became of them.
    held: usize,
    arrived: Option<Moment>,
    stages: Stages,
    appended_at_ms: Option<i64>,
    settle: bool,
    /// It was pending when the partition was assigned.
    recovered: bool,
}

struct Ahead<B> {
    range: Range,
    prepared: Option<Prepared<B>>,
}

/// One materializer on one partition.
pub struct Lane<B> {
    spec: LaneSpec,
    phase: Phase,
    done: Offset,
    acknowledged: Option<Intent>,
    outstanding: Option<Intent>,
    settle_until: Offset,
    repeat: Option<(Offset, Offset)>,
    reader_at: Offset,
    reader_at_end: bool,
    queue: Queue,
    ahead: Option<Ahead<B>>,
    current: Option<Current<B>>,
    lease_until: Moment,
    idle_since: Moment,
    appended_at_ms: Option<i64>,
    meter: PoisonMeter,
    /// Dead letters of ranges that are done, until a commit has passed them.
    letters: Vec<(Offset, Reason)>,
    failures: u32,
    stopping: Option<LaneError>,
    last_error: Option<LaneError>,
    effects: Vec<Effect<B>>,
}

impl<B> Lane<B> {
    /// A lane of a partition that was just assigned; its first effect asks where to begin.
    pub fn new(spec: LaneSpec, lease_until: Moment) -> Self {
        Self {
            spec,
            phase: Phase::Opening,
            done: 0,
            acknowledged: None,
            outstanding: None,
            settle_until: 0,
            repeat: None,
            reader_at: 0,
            reader_at_end: false,
            queue: Queue::default(),
            ahead: None,
            current: None,
            lease_until,
            idle_since: Moment::ZERO,
            appended_at_ms: None,
            meter: PoisonMeter::default(),
            letters: Vec::new(),
            failures: 0,
            stopping: None,
            last_error: None,
            effects: vec![Effect::Open],
        }
    }

    /// Takes what happened.
    pub fn step(&mut self, now: Moment, input: Input<B>) {
        match input {
            Input::Opened(opened) => self.on_opened(now, &opened),
            Input::OpenFailed(words) => self.stop_now(now, LaneError::Open(words)),
            Input::Record(record) => self.on_record(now, record),
            Input::EndOfPartition(offset) => self.on_end_of_partition(offset),
            Input::OutOfRange { asked, available } => self.on_out_of_range(asked, available),
            Input::Prepared(name, result) => self.on_prepared(now, name, result),
            Input::DeadLettered(result) => self.on_dead_lettered(now, result),
            Input::Written(result) => self.on_written(now, result),
            Input::Committed(result) => self.on_committed(now, result),
            Input::Lease(until) => self.renew_lease(now, until),
            Input::Cut => self.cut(now, true),
            Input::Leave => self.leave(),
            Input::Tick => self.on_tick(now),
        }
        self.advance(now);
    }

    /// What to do, in order.
    pub fn take_effects(&mut self) -> Vec<Effect<B>> {
        std::mem::take(&mut self.effects)
    }

    /// From now on small ranges wait so long before they are cut; [`Duration::MAX`]: until they are no longer small.
    pub fn set_cut_age(&mut self, age: Duration) {
        self.spec.limits.age = age;
    }

    fn on_opened(&mut self, now: Moment, opened: &Opened) {
        if self.phase != Phase::Opening {
            return;
        }
        let start = match open::decide(opened, |version| (self.spec.repeats)(version)) {
            Ok(start) => start,
            Err(error) => return self.stop_now(now, error),
        };
        self.phase = Phase::Running;
        self.acknowledged = start.committed;
        self.done = start.done;
        self.settle_until = start.settle_until;
        self.repeat = start.repeat;
        self.reader_at = start.read_from;
        self.reader_at_end = false;
        self.idle_since = now;
        self.effects.extend(start.alarms.into_iter().map(Effect::Alarm));
        self.effects.push(Effect::Seek(start.read_from));
    }

    fn on_record(&mut self, now: Moment, record: StoredRecord) {
        let offset = record.position.offset;
        if self.phase != Phase::Running || self.stopping.is_some() || offset < self.reader_at {
            return;
        }
        self.reader_at = offset + 1;
        self.reader_at_end = false;
        self.queue.push(now, record);
    }

    fn on_end_of_partition(&mut self, offset: Offset) {
        if self.phase == Phase::Running && self.stopping.is_none() {
            self.reader_at = self.reader_at.max(offset);
            self.reader_at_end = true;
        }
    }

    fn on_out_of_range(&mut self, asked: Offset, available: (Offset, Offset)) {
        if self.phase != Phase::Running || self.stopping.is_some() {
            return;
        }
        if asked > available.1 {
            return self.stop(LaneError::LogIdentity {
                known: asked,
                log_end: available.1,
            });
        }
        let to = available.0;
        self.effects
            .push(Effect::Alarm(Alarm::Expired { from: asked, to }));
        self.reader_at = self.reader_at.max(to);
        self.effects.push(Effect::Seek(self.reader_at));
    }

    fn on_prepared(&mut self, now: Moment, name: RangeName, result: Result<Prepared<B>, PrepareError>) {
        let Some(ahead) = self.ahead.as_mut().filter(|ahead| ahead.range.name == name) else {
            return;
        };
        match result {
            Err(error) => self.stop(LaneError::Prepare(error)),
            Ok(prepared) => {
                let (poison, records) = (prepared.poison.len() as u64, ahead.range.records as u64);
                let told = |each: &Poison| size_of::<Poison>() + each.detail.len();
                ahead.range.held = prepared.bytes + prepared.poison.iter().map(told).sum::<usize>();
                ahead.range.stages.prepared = now;
                ahead.prepared = Some(prepared);
                if self.meter.exceeds(poison, records, &self.spec.settings.poison) {
                    self.stop(LaneError::PoisonRatio {
                        first: name.first,
                        poison,
                        records,
                    });
                }
            }
        }
    }

    fn on_tick(&mut self, now: Moment) {
        if let Phase::Stopped { until } = self.phase
            && now >= until
            && now < self.lease_until
        {
            self.forget();
            self.phase = Phase::Opening;
            self.effects.push(Effect::Open);
        }
        if self.phase == Phase::Running && self.reader_at_end && !self.has_range() && self.stopping.is_none()
        {
            if !self.is_final_due() {
                self.recover();
            }
            self.report_progress(true);
        }
    }

    /// A lease that ran out is no longer the range's: a poll can succeed out of a buffer while another member
    /// owns the partition. Only a new intent shows that it is still ours.
    fn renew_lease(&mut self, now: Moment, until: Moment) {
        if now >= self.lease_until
            && let Some(current) = self.current.as_mut()
        {
            current.lease_lost = true;
        }
        self.lease_until = until;
    }

    fn advance(&mut self, now: Moment) {
        self.cut(now, false);
        if !self.spec.settings.guards.intent && self.current.is_none() && self.next_intent().is_some() {
            self.current.as_mut().expect("just promoted").won = true;
        }
        self.attempt(now);
        if self.stopping.is_some() && self.current.is_none() && !self.is_final_due() {
            let error = self.stopping.take().expect("just seen");
            self.stop_now(now, error);
        }
    }

    /// `early`: however little waits.
    fn cut(&mut self, now: Moment, early: bool) {
        if self.phase != Phase::Running || self.ahead.is_some() || self.stopping.is_some() {
            return;
        }
        if let Some((first, last)) = self.repeat {
            if self.reader_at > last {
                self.repeat = None;
                let cut = self.queue.take_through(last);
                self.prepare(now, cut, (first, last), self.spec.settings.guards.settle);
                if let Some(ahead) = self.ahead.as_mut() {
                    ahead.range.recovered = true;
                }
            }
        } else if !self.queue.is_empty() && (early || self.queue.is_due(now, &self.spec.limits)) {
            let cut = self.queue.take(&self.spec.limits);
            let ends = cut.records.first().zip(cut.records.last());
            let (first, last) = ends.expect("a cut has one record at least");
            let (first, last) = (first.position.offset, last.position.offset);
            let settle = first < self.settle_until && self.spec.settings.guards.settle;
            self.prepare(now, cut, (first, last), settle);
        }
    }

    fn prepare(&mut self, now: Moment, cut: Cut, (first, last): (Offset, Offset), settle: bool) {
        debug_assert!(self.done <= first, "ranges follow each other");
        let LaneSpec {
            partition,
            log_id,
            view_generation,
            ..
        } = self.spec;
        let name = RangeName {
            view_generation,
            log_id,
            partition,
            first,
            last,
        };
        let range = Range {
            name,
            records: cut.records.len(),
            bytes: cut.bytes,
            held: cut.bytes,
            arrived: cut.arrived,
            stages: Stages::cut(cut.arrived, now),
            appended_at_ms: cut.records.last().map(|record| record.appended_at_ms),
            settle,
            recovered: false,
        };
        self.ahead = Some(Ahead {
            range,
            prepared: None,
        });
        self.effects.push(Effect::Prepare(name, cut.records));
    }

    fn has_range(&self) -> bool {
        !self.queue.is_empty() || self.ahead.is_some() || self.current.is_some() || self.repeat.is_some()
    }

    fn report_progress(&mut self, at_end: bool) {
        let Self {
            done, appended_at_ms, ..
        } = *self;
        self.effects.push(Effect::Progress(Progress {
            done,
            appended_at_ms,
            at_end,
        }));
    }

    fn next_step(&self) -> Option<Next> {
        self.current.as_ref().map(Current::next)
    }
}
