//! A process's turn, as the runtime's polling thread makes it: poll, hand on, commit, give away; and what the
//! lanes then ask for.

use std::sync::Arc;

use hindsight_engines::log::ConsumerError;
use hindsight_processors::delivery::lane::{
    Alarm, Effect, Input, Lane, LaneError, LaneSettings, LaneSpec, Opened,
};
use hindsight_processors::delivery::{CutLimits, RangeName};

use super::log::{LOG_ID, SESSION_TIMEOUT, Told, partition};
use super::process::{Process, Slot, read};
use super::sinks::Batch;
use super::world::{Address, Event, LEAVE_WAIT, Stage, World};
use super::{moment, toy};

impl World {
    /// Postpones an event for a process that is frozen; `None` if it is gone.
    pub(super) fn thawed(&mut self, id: u64, event: impl FnOnce() -> Event) -> Option<()> {
        let frozen_until = self.processes.get(&id)?.frozen_until;
        if self.now < frozen_until {
            self.at(frozen_until, event());
            return None;
        }
        Some(())
    }

    /// The next turn; it replaces the one that was to come (an answer wakes a waiting poll).
    pub(super) fn schedule_turn(&mut self, id: u64, delay: u64) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.turn += 1;
        let turn = process.turn;
        self.after(delay, Event::Turn(id, turn));
    }

    pub(super) fn on_turn(&mut self, id: u64, turn: u64) {
        if self.thawed(id, || Event::Turn(id, turn)).is_none() {
            return;
        }
        let process = &self.processes[&id];
        if turn != process.turn {
            return;
        }
        if process.leaving.is_empty() && !process.ending {
            self.poll(id);
        }
        self.step_all(id, || Input::Tick);
        self.commit(id);
        if self
            .processes
            .get(&id)
            .is_some_and(|process| process.frozen_until <= self.now)
        {
            self.give_away(id);
        }
        let busy = self.processes.get(&id).is_some_and(Process::has_work);
        let pause = if busy {
            self.rng.u64(20..90)
        } else {
            self.rng.u64(300..900)
        };
        self.schedule_turn(id, pause);
    }

    pub(super) fn poll(&mut self, id: u64) {
        let member = self.processes[&id].member;
        match self.log.poll(self.now, member) {
            // A client may answer out of its buffer before it knows that it is out of the group.
            Err(_) if self.rng.u8(0..4) > 0 => return self.rejoin(id),
            told => {
                let told = told.unwrap_or_default();
                let until = moment(self.now + SESSION_TIMEOUT);
                self.step_all(id, || Input::Lease(until));
                told.into_iter().for_each(|each| self.on_told(id, each));
            }
        }
        for number in self.processes[&id].lanes.keys().copied().collect::<Vec<_>>() {
            let most = self.rng.usize(1..6);
            let slot = self
                .processes
                .get_mut(&id)
                .and_then(|process| process.lanes.get_mut(&number));
            let inputs = read(
                slot.expect("just listed"),
                &self.log.partitions[number as usize],
                most,
            );
            for input in inputs {
                self.step(id, number, input);
            }
            if self.rng.u8(0..16) == 0 {
                self.step(id, number, Input::Cut);
            }
        }
    }

    pub(super) fn rejoin(&mut self, id: u64) {
        let member = self.log.join(self.now);
        self.tell(|| format!("process {id} is fenced and joins as member {member}"));
        let process = self.processes.get_mut(&id).expect("polled");
        process.lanes.clear();
        process.leaving.clear();
        process.member = member;
    }

    pub(super) fn on_told(&mut self, id: u64, told: Told) {
        self.tell(|| format!("process {id}: {told:?}"));
        match told {
            Told::Assigned(number) => {
                self.epochs += 1;
                let lane = Lane::new(self.spec(number), moment(self.now + SESSION_TIMEOUT));
                let slot = Slot::new(lane, self.epochs);
                self.processes
                    .get_mut(&id)
                    .expect("told")
                    .lanes
                    .insert(number, slot);
                self.carry_out(id, number);
            }
            Told::Revoked(number) => {
                let process = self.processes.get_mut(&id).expect("told");
                process.leaving.push(number);
                process.leave_deadline = self.now + LEAVE_WAIT;
                self.step(id, number, Input::Leave);
            }
        }
    }

    pub(super) fn spec(&self, number: u32) -> LaneSpec {
        LaneSpec {
            partition: partition(number),
            log_id: LOG_ID,
            view_generation: 1,
            version: 1,
            repeats: Arc::new(|version| version == 1),
            limits: CutLimits {
                bytes: 1_000,
                records: 5,
                enough: 4,
                age: std::time::Duration::from_millis(200),
            },
            settings: LaneSettings {
                guards: self.plan.guards,
                ..LaneSettings::default()
            },
        }
    }

    pub(super) fn give_away(&mut self, id: u64) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let done = process.is_quiet(self.now) || self.now >= process.leave_deadline;
        if !done {
            return;
        }
        for number in std::mem::take(&mut process.leaving) {
            process.lanes.remove(&number);
        }
        if process.ending {
            self.log.leave(process.member);
            self.processes.remove(&id);
            self.tell(|| format!("process {id} ends"));
        }
    }

    pub(super) fn commit(&mut self, id: u64) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let commits = process.wanted_commits(self.now);
        if commits.is_empty() {
            return;
        }
        let member = process.member;
        let lanes: Vec<(u32, u64)> = commits
            .iter()
            .map(|commit| {
                (
                    commit.partition.partition,
                    process.lanes[&commit.partition.partition].epoch,
                )
            })
            .collect();
        let chance = self.chance();
        let mut result = Err(ConsumerError::Retriable("rebalance in progress".into()));
        if chance != 0 {
            result = self.log.commit(self.now, member, &commits);
            self.tell(|| format!("process {id} commits {commits:?}: {result:?}"));
        }
        if chance == 1 && result.is_ok() {
            result = Err(ConsumerError::Retriable("the answer was lost".into()));
        }
        let freeze = self
            .processes
            .get_mut(&id)
            .and_then(|process| process.freeze_after_commit.take_if(|_| result.is_ok()));
        match freeze {
            None => self.on_commit_answered(id, lanes, result),
            Some(time) => {
                self.freeze(id, time);
                self.after(time, Event::CommitAnswered(id, lanes, result));
            }
        }
    }

    pub(super) fn on_commit_answered(
        &mut self,
        id: u64,
        lanes: Vec<(u32, u64)>,
        result: Result<(), ConsumerError>,
    ) {
        if self
            .thawed(id, || Event::CommitAnswered(id, lanes.clone(), result.clone()))
            .is_none()
        {
            return;
        }
        for (number, epoch) in lanes {
            let to = Address {
                process: id,
                partition: number,
                epoch,
            };
            if self.is_current(to) {
                self.step(id, number, Input::Committed(result.clone()));
            }
        }
        if matches!(result, Err(ConsumerError::Fenced(_))) && self.processes.contains_key(&id) {
            self.rejoin(id);
        }
    }

    pub(super) fn is_current(&self, to: Address) -> bool {
        let slot = self
            .processes
            .get(&to.process)
            .and_then(|process| process.lanes.get(&to.partition));
        slot.is_some_and(|slot| slot.epoch == to.epoch)
    }

    /// Whether a process was told that records of this range are gone.
    pub(super) fn has_expired(&self, name: &RangeName) -> bool {
        let told = |(number, from, until): &(u32, u64, u64)| {
            *number == name.partition.partition && *from <= name.last && name.first < *until
        };
        self.expired.iter().any(told)
    }

    /// Whether the group takes this lane for the partition's own.
    pub(super) fn owns(&self, to: Address) -> bool {
        let process = self.processes.get(&to.process);
        process.is_some_and(|process| self.log.is_owned_by(to.partition, process.member))
    }

    pub(super) fn on_answer(&mut self, to: Address, input: Input<Batch>) {
        let Some(process) = self.processes.get(&to.process) else {
            return;
        };
        if self.now < process.frozen_until {
            return self.at(process.frozen_until, Event::Answer(to, input));
        }
        if self.is_current(to) {
            self.step(to.process, to.partition, input);
            self.schedule_turn(to.process, 1);
        }
    }

    pub(super) fn step_all(&mut self, id: u64, input: impl Fn() -> Input<Batch>) {
        for number in self.processes[&id].lanes.keys().copied().collect::<Vec<_>>() {
            self.step(id, number, input());
        }
    }

    pub(super) fn step(&mut self, id: u64, number: u32, input: Input<Batch>) {
        let now = moment(self.now);
        let slot = self
            .processes
            .get_mut(&id)
            .and_then(|process| process.lanes.get_mut(&number));
        let Some(slot) = slot else { return };
        slot.lane.step(now, input);
        self.carry_out(id, number);
    }

    pub(super) fn carry_out(&mut self, id: u64, number: u32) {
        let Some(slot) = self
            .processes
            .get_mut(&id)
            .and_then(|process| process.lanes.get_mut(&number))
        else {
            return;
        };
        let to = Address {
            process: id,
            partition: number,
            epoch: slot.epoch,
        };
        for effect in slot.lane.take_effects() {
            self.carry_out_one(to, effect);
        }
    }

    pub(super) fn carry_out_one(&mut self, to: Address, effect: Effect<Batch>) {
        let delay = self.rng.u64(1..60);
        match effect {
            Effect::Open => self.open(to, delay),
            Effect::Seek(offset) => {
                let slot = self
                    .processes
                    .get_mut(&to.process)
                    .and_then(|each| each.lanes.get_mut(&to.partition));
                let slot = slot.expect("the lane that asks is there");
                (slot.reader, slot.end_told) = (Some(offset), false);
            }
            Effect::Prepare(name, records) => {
                let prepared = toy::prepare(&records);
                self.after(delay, Event::Answer(to, Input::Prepared(name, Ok(prepared))));
            }
            Effect::DeadLetter(poison) => {
                let positions = poison.iter().map(|each| (to.partition, each.position.offset));
                self.letters.extend(positions);
                if !self.plan.count_when_settled {
                    self.count(to.partition, poison.iter().map(|each| each.position.offset));
                }
                let lost = self.chance() < 2;
                let result = if lost { Err("no answer".to_owned()) } else { Ok(()) };
                self.after(delay, Event::Answer(to, Input::DeadLettered(result)));
            }
            Effect::Write(name, batch) => self.send(to, name, &batch, Stage::Write, delay),
            Effect::Settle(name, batch) => {
                self.seen.insert("settle");
                self.send(to, name, &batch, Stage::ReadBack { epoch: 0 }, delay);
            }
            Effect::Alarm(alarm) => {
                self.seen.insert(alarm.as_str());
                self.tell(|| format!("{to:?}: {alarm}"));
                if let Alarm::Expired { from, to: until } = alarm {
                    self.expired.push((to.partition, from, until));
                }
            }
            Effect::Stopped(error) => {
                self.seen.insert(match error {
                    LaneError::LeaseLost => "lease lost",
                    LaneError::Fenced(_) => "fenced at a commit",
                    _ => "stopped",
                });
                self.tell(|| format!("{to:?} stops: {error}"));
            }
            Effect::LettersSettled(letters) if self.plan.count_when_settled => {
                self.seen.insert("letters settled");
                self.count(to.partition, letters.iter().map(|(offset, _)| *offset));
            }
            Effect::LettersSettled(_) | Effect::Progress(_) | Effect::Finished { .. } => {}
        }
    }

    /// Dead letters are counted, in whatever process.
    pub(super) fn count(&mut self, number: u32, offsets: impl Iterator<Item = u64>) {
        for offset in offsets {
            *self.counted.entry((number, offset)).or_default() += 1;
        }
    }

    pub(super) fn open(&mut self, to: Address, delay: u64) {
        let log = &self.log.partitions[to.partition as usize];
        let committed = self.log.commits.get(&to.partition).cloned();
        let available = (log.start, log.end);
        let has_rows = self.sink.has_rows(to.partition);
        let input = match self.chance() {
            0 => Input::OpenFailed("the view is away".into()),
            _ => Input::Opened(Opened {
                committed,
                available,
                has_rows,
            }),
        };
        self.after(delay, Event::Answer(to, input));
    }
}
