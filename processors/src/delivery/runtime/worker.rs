//! The polling thread: one turn polls, hands what came to the lanes, carries out their effects, commits, and
//! pauses the partitions that are full.
//!
//! **Invariant:** the lease of a lane is counted from before the poll that succeeded. Before a revoked
//! partition is given away (by the next poll) its lane is quiet or left pending, and is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use hindsight_engines::failpoint;
use hindsight_engines::log::{Commit, Consumer, ConsumerError, EventLog, Polled, Waker};
use hindsight_schemas::ids::{Offset, Partition};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::pace::Turns;
use super::tasks::{Address, Answer, Tasks};
use super::traces::Traces;
use super::{DeliverySettings, group, shortage};
use crate::delivery::budget::{Share, conversions_at_once};
use crate::delivery::clock::{Clock, Moment};
use crate::delivery::lane::{Effect, Input, Lane, LaneSpec, Opened};
use crate::delivery::materializer::Materializer;
use crate::delivery::meters;
use crate::delivery::status::{LaneStatus, StatusBoard};

/// How often status and lag are made anew.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// How long to wait after the log failed, and between looks while leaving.
const LOG_PAUSE: Duration = Duration::from_millis(250);

struct Slot<B> {
    lane: Lane<B>,
    epoch: u64,
    paused: bool,
    log_end: Offset,
}

pub(super) struct Worker<M: Materializer> {
    consumer: Box<dyn Consumer>,
    tasks: Tasks<M>,
    answers: Receiver<Answer<M::Prepared>>,
    lanes: BTreeMap<Partition, Slot<M::Prepared>>,
    /// Partitions that were sought since the poll: what else that poll brought of them is void.
    sought: BTreeSet<Partition>,
    share: Share,
    turns: Turns,
    settings: DeliverySettings,
    clock: Arc<dyn Clock>,
    status: StatusBoard,
    stopping: Arc<AtomicBool>,
    epochs: u64,
    lease_until: Moment,
    next_commit: Moment,
    next_status: Moment,
    fenced: bool,
}

impl<M: Materializer> Worker<M> {
    pub(super) fn join(
        log: Arc<dyn EventLog>,
        materializer: Arc<M>,
        share: Share,
        settings: DeliverySettings,
        clock: Arc<dyn Clock>,
        status: StatusBoard,
        stopping: Arc<AtomicBool>,
    ) -> Result<Self, ConsumerError> {
        meters::declare(materializer.name(), materializer.topics());
        let consumer = join_group(&*log, &*materializer)?;
        let (sender, answers) = channel();
        let tasks = Tasks {
            materializer,
            log,
            runtime: Handle::current(),
            answers: sender,
            waker: consumer.waker(),
            write_timeout: settings.write_timeout,
            traces: Traces::default(),
            conversions: share.conversions(),
            letters: Arc::new(Semaphore::new(1)),
        };
        Ok(Self {
            consumer,
            tasks,
            answers,
            lanes: BTreeMap::new(),
            sought: BTreeSet::new(),
            share,
            turns: Turns::default(),
            settings,
            clock,
            status,
            stopping,
            epochs: 0,
            lease_until: Moment::ZERO,
            next_commit: Moment::ZERO,
            next_status: Moment::ZERO,
            fenced: false,
        })
    }

    pub(super) fn waker(&self) -> Waker {
        self.tasks.waker.clone()
    }

    pub(super) fn run(mut self) {
        while !self.stopping.load(Ordering::Acquire) {
            self.turn();
        }
        let all: Vec<Partition> = self.lanes.keys().copied().collect();
        self.give_away(&all);
        self.publish();
    }

    fn turn(&mut self) {
        let asked_at = self.clock.now();
        match self.consumer.poll_within(self.poll_timeout(), self.room()) {
            Ok(polled) => {
                self.lease_until = asked_at + self.consumer.session_timeout();
                self.step_all(Input::Lease);
                self.take_in(polled);
            }
            Err(ConsumerError::Fenced(words)) => self.on_fenced(&words),
            Err(error) => self.wait_for_log(&error),
        }
        self.take_answers();
        self.give_turns();
        self.step_all(|_| Input::Tick);
        self.commit(false);
        if self.fenced {
            self.rejoin();
        }
        self.mind_memory();
        if self.clock.now() >= self.next_status {
            self.publish();
        }
    }

    /// Bytes of records that the lanes may still take in. What repeats a range reads on to its end whatever there is.
    fn room(&self) -> usize {
        if self.repeats() {
            usize::MAX
        } else {
            self.share.room()
        }
    }

    fn repeats(&self) -> bool {
        self.lanes.values().any(|slot| slot.lane.is_repeating())
    }

    /// Up to the next commit where something waits for it.
    fn poll_timeout(&self) -> Duration {
        let tick = self.settings.lane.tick;
        let to_commit = self.next_commit.saturating_sub(self.clock.now());
        match self.lanes.values().any(|slot| slot.lane.has_work()) {
            true if to_commit.is_zero() => tick,
            true => to_commit.min(tick),
            false => self.settings.idle_poll,
        }
    }

    fn take_in(&mut self, polled: Vec<Polled>) {
        self.sought.clear();
        for item in polled {
            match item {
                Polled::Assigned(partitions) => partitions.into_iter().for_each(|each| self.open(each)),
                Polled::Revoked(partitions) => self.give_away(&partitions),
                Polled::Record(record) => self.step_read(record.position.partition, Input::Record(record)),
                Polled::EndOfPartition(partition, offset) => {
                    self.step_read(partition, Input::EndOfPartition(offset));
                }
                Polled::OutOfRange {
                    partition,
                    asked,
                    available,
                } => {
                    self.step_read(partition, Input::OutOfRange { asked, available });
                }
            }
        }
    }

    fn open(&mut self, partition: Partition) {
        let materializer = Arc::clone(&self.tasks.materializer);
        let spec = LaneSpec {
            partition,
            log_id: self.tasks.log.id(partition.topic),
            view_generation: materializer.view_generation(),
            version: materializer.version(),
            limits: materializer.limits(),
            repeats: Arc::new(move |version| materializer.repeats(version)),
            settings: self.settings.lane,
        };
        self.epochs += 1;
        let lane = Lane::new(spec, self.lease_until);
        self.lanes.insert(
            partition,
            Slot {
                lane,
                epoch: self.epochs,
                paused: false,
                log_end: 0,
            },
        );
        self.carry_out(partition);
    }

    /// Waits a bounded time for writes in flight and drops the lanes; what isn't done stays pending.
    fn give_away(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.step(*partition, Input::Leave);
        }
        let wait = self.settings.leave_wait.min(self.consumer.session_timeout() / 3);
        let deadline = self.clock.now() + wait;
        loop {
            self.commit(true);
            let now = self.clock.now();
            let loud = |partition: &Partition| {
                self.lanes
                    .get(partition)
                    .is_some_and(|slot| !slot.lane.is_quiet(now))
            };
            if self.fenced || now >= deadline || !partitions.iter().any(loud) {
                break;
            }
            match self
                .answers
                .recv_timeout(LOG_PAUSE.min(deadline.saturating_sub(now)))
            {
                Ok(answer) => self.take_answer(answer),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        for partition in partitions {
            self.drop_lane(*partition);
        }
    }

    fn drop_lane(&mut self, partition: Partition) {
        if self.lanes.remove(&partition).is_some() {
            meters::gone(self.tasks.materializer.name(), partition);
            self.tasks.traces.forget(partition);
            self.tasks.materializer.on_revoked(partition);
        }
    }

    fn on_fenced(&mut self, words: &str) {
        tracing::warn!(
            materializer = self.tasks.materializer.name(),
            words,
            "member fenced, joining anew"
        );
        self.fenced = true;
    }

    fn rejoin(&mut self) {
        for partition in self.lanes.keys().copied().collect::<Vec<_>>() {
            self.drop_lane(partition);
        }
        match join_group(&*self.tasks.log, &*self.tasks.materializer) {
            Ok(consumer) => {
                self.tasks.waker = consumer.waker();
                self.consumer = consumer;
                self.fenced = false;
            }
            Err(error) => self.wait_for_log(&error),
        }
    }

    fn wait_for_log(&mut self, error: &ConsumerError) {
        tracing::warn!(materializer = self.tasks.materializer.name(), %error, "log not answering");
        if let Ok(answer) = self.answers.recv_timeout(LOG_PAUSE) {
            self.take_answer(answer);
        }
    }

    fn take_answers(&mut self) {
        while let Ok(answer) = self.answers.try_recv() {
            self.take_answer(answer);
        }
    }

    fn take_answer(&mut self, Answer { to, input }: Answer<M::Prepared>) {
        let epoch = self.lanes.get(&to.partition).map(|slot| slot.epoch);
        if epoch == Some(to.epoch) {
            self.step(to.partition, input);
        }
    }

    fn step_read(&mut self, partition: Partition, input: Input<M::Prepared>) {
        if !self.sought.contains(&partition) {
            self.step(partition, input);
        }
    }

    fn step_all(&mut self, input: impl Fn(Moment) -> Input<M::Prepared>) {
        for partition in self.lanes.keys().copied().collect::<Vec<_>>() {
            self.step(partition, input(self.lease_until));
        }
    }

    fn step(&mut self, partition: Partition, input: Input<M::Prepared>) {
        let now = self.clock.now();
        if let Some(slot) = self.lanes.get_mut(&partition) {
            slot.lane.step(now, input);
            self.carry_out(partition);
        }
    }

    fn carry_out(&mut self, partition: Partition) {
        while let Some(slot) = self.lanes.get_mut(&partition) {
            let to = Address {
                partition,
                epoch: slot.epoch,
            };
            let effects = slot.lane.take_effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                self.carry_out_one(to, effect);
            }
        }
    }

    fn carry_out_one(&mut self, to: Address, effect: Effect<M::Prepared>) {
        let (name, partition) = (self.tasks.materializer.name(), to.partition);
        match effect {
            Effect::Open => self.ask_where_to_begin(to),
            Effect::Seek(offset) => self.seek(partition, offset),
            Effect::Prepare(range, records) => self.tasks.prepare(to, range, records),
            Effect::DeadLetter(poison) => self.tasks.dead_letter(to, poison),
            Effect::Write(range, batch) => self.tasks.write(to, range, batch, false),
            Effect::Settle(range, batch) => self.tasks.write(to, range, batch, true),
            Effect::LettersSettled(letters) => meters::lettered(name, partition.topic, &letters),
            Effect::Progress(progress) => self.tasks.materializer.on_progress(partition, progress),
            Effect::Finished {
                records,
                bytes,
                stages,
                recovered,
                ..
            } => {
                let range = meters::Finished {
                    records,
                    bytes,
                    stages,
                    recovered,
                };
                meters::finished(name, partition.topic, &range);
            }
            Effect::Alarm(alarm) => {
                tracing::error!(materializer = name, %partition, %alarm, "lane alarm");
                meters::alarmed(name, &alarm);
            }
            Effect::Stopped(error) => {
                tracing::error!(materializer = name, %partition, %error, "lane stopped");
                self.next_status = Moment::ZERO;
            }
        }
    }

    fn ask_where_to_begin(&mut self, to: Address) {
        let asked = self.consumer.committed(&[to.partition]).and_then(|committed| {
            let committed = committed
                .into_iter()
                .find_map(|(partition, each)| each.filter(|_| partition == to.partition));
            Ok(Opened {
                committed,
                available: self.consumer.offsets(to.partition)?,
                has_rows: false,
            })
        });
        match asked {
            Ok(opened) => self.tasks.open(to, opened),
            Err(error) => self.refuse_opening(to.partition, &error),
        }
    }

    fn seek(&mut self, partition: Partition, offset: Offset) {
        self.sought.insert(partition);
        if let Err(error) = self.consumer.seek(partition, offset) {
            self.refuse_opening(partition, &error);
        }
    }

    fn refuse_opening(&mut self, partition: Partition, error: &ConsumerError) {
        let now = self.clock.now();
        if let Some(slot) = self.lanes.get_mut(&partition) {
            slot.lane.step(now, Input::OpenFailed(error.to_string()));
        }
    }

    /// All lanes' commits in one request, so often at most.
    fn commit(&mut self, hurried: bool) {
        let now = self.clock.now();
        if now < self.next_commit && !hurried {
            return;
        }
        let commits: Vec<Commit> = self
            .lanes
            .iter_mut()
            .filter_map(|(partition, slot)| {
                let committed = slot.lane.wanted_commit(now)?.to_committed();
                Some(Commit {
                    partition: *partition,
                    committed,
                })
            })
            .collect();
        if commits.is_empty() {
            return;
        }
        failpoint::step("lane-commit");
        let result = self.consumer.commit(&commits);
        failpoint::step("lane-committed");
        self.next_commit = now
            + match result {
                Ok(()) => self.settings.commit_every,
                Err(_) => self.settings.lane.tick,
            };
        if let Err(ConsumerError::Fenced(words)) = &result {
            self.on_fenced(words);
        }
        for commit in commits {
            self.step(commit.partition, Input::Committed(result.clone()));
        }
    }

    /// Small ranges are cut by age only in a lane whose turn it is; without a bound on their number always.
    fn give_turns(&mut self) {
        let materializer = &self.tasks.materializer;
        let Some(per_second) = materializer.ranges_per_second() else {
            return;
        };
        let (now, least) = (self.clock.now(), materializer.limits().age);
        for topic in materializer.topics() {
            let lanes = || self.lanes.iter().filter(|(lane, _)| lane.topic == *topic);
            let waiting = lanes().filter_map(|(lane, slot)| Some((*lane, slot.lane.waits_since()?)));
            let whose = self.turns.take(now, *topic, per_second, least, waiting);
            for (lane, slot) in self.lanes.iter_mut().filter(|(lane, _)| lane.topic == *topic) {
                let its_turn = whose == Some(*lane);
                slot.lane
                    .set_cut_age(if its_turn { least } else { Duration::MAX });
            }
        }
    }

    /// Without room nothing is read. Partitions are paused only where others have to be read on: what was fetched of them
    /// ahead is fetched again afterwards.
    fn mind_memory(&mut self) {
        let held = self.lanes.values().map(|slot| slot.lane.held_bytes()).sum();
        self.share.set_held(held);
        let used_up = self.share.is_used_up();
        if used_up {
            self.cut_largest();
        }
        let repeating_alone = used_up && self.repeats();
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        for (partition, slot) in &mut self.lanes {
            let full = slot.lane.is_full() || (repeating_alone && !slot.lane.is_repeating());
            if full != slot.paused {
                slot.paused = full;
                if full { &mut pause } else { &mut resume }.push(*partition);
            }
        }
        let result = self
            .consumer
            .pause(&pause)
            .and_then(|()| self.consumer.resume(&resume));
        if let Err(error) = result {
            tracing::warn!(%error, "partitions could not be paused or resumed");
        }
    }

    /// As many as are converted at once. While something is written, none cuts less than its part of the share: when that
    /// ends there is room.
    fn cut_largest(&mut self) {
        let lanes = || self.lanes.values().map(|slot| &slot.lane);
        let converting = lanes().filter(|lane| lane.is_converting()).count();
        let is_writing = lanes().any(Lane::has_converted);
        let least = if is_writing {
            self.share.bytes() / self.lanes.len()
        } else {
            0
        };
        let waiting = self
            .lanes
            .iter()
            .map(|(partition, slot)| (*partition, slot.lane.cuttable_bytes()));
        let most = conversions_at_once().saturating_sub(converting);
        for partition in shortage::largest(waiting, least, most) {
            self.step(partition, Input::Cut);
        }
    }

    fn publish(&mut self) {
        let now = self.clock.now();
        self.next_status = now + STATUS_EVERY;
        let partitions: Vec<_> = self.lanes.keys().copied().collect();
        // Without an answer the last one stays: lag is a figure for people, not a decision.
        for (partition, log_end) in self.consumer.ends(&partitions).unwrap_or_default() {
            if let Some(slot) = self.lanes.get_mut(&partition) {
                slot.log_end = log_end;
            }
        }
        let mut lanes = Vec::with_capacity(self.lanes.len());
        for (partition, slot) in &self.lanes {
            lanes.push(LaneStatus {
                materializer: self.tasks.materializer.name(),
                partition: *partition,
                state: slot.lane.state(),
                done: slot.lane.done(),
                log_end: slot.log_end,
                age: slot.lane.age(now),
                held_bytes: slot.lane.held_bytes(),
                pending: slot.lane.is_pending(),
                error: slot.lane.last_error().map(ToString::to_string),
            });
        }
        meters::lanes(self.tasks.materializer.name(), &lanes);
        self.status.publish(lanes);
    }
}

fn join_group<M: Materializer>(
    log: &dyn EventLog,
    materializer: &M,
) -> Result<Box<dyn Consumer>, ConsumerError> {
    log.consumer(
        &group(materializer.name(), materializer.view_generation()),
        materializer.topics(),
    )
}
