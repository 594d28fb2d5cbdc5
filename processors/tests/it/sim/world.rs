//! The world: a queue of events in virtual time, one random number generator, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fastrand::Rng;
use hindsight_engines::log::ConsumerError;
use hindsight_processors::delivery::intent::Intent;
use hindsight_processors::delivery::lane::{
    Alarm, Effect, Input, Lane, LaneError, LaneSettings, LaneSpec, Opened,
};
use hindsight_processors::delivery::{CutLimits, RangeName, WriteError};

use super::log::{Content, LOG_ID, ModelLog, PARTITIONS, SESSION_TIMEOUT, Told, partition};
use super::process::{Process, Slot, read};
use super::sinks::{Batch, How, Kind, LONGEST_REQUEST, OtherContent, Row, Sink, token};
use super::{Plan, moment, toy};

/// Rows of a session may come until then after its erasure: the longest life of a zombie.
const ZOMBIE_LIFE: u64 = SESSION_TIMEOUT + LONGEST_REQUEST + 4_000;
const REQUEST_TIMEOUT: u64 = 3_000;
const LEAVE_WAIT: u64 = 1_500;
/// Token epochs that settling may use (DESIGN.md 5: two at most).
const EPOCHS: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) process: u64,
    pub(super) partition: u32,
    pub(super) epoch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Write,
    ReadBack { epoch: u32 },
    Insert { epoch: u32 },
}

struct Request {
    to: Option<Address>,
    name: RangeName,
    batch: Arc<Batch>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    Crash,
    Freeze(u64),
    FreezeAfterCommit(u64),
    Join,
    End,
    Retention(u32),
    ResetByHand(u32),
    Rewrite(u32),
    Merge,
}

enum Event {
    Turn(u64, u64),
    Answer(Address, Input<Batch>),
    CommitAnswered(u64, Vec<(u32, u64)>, Result<(), ConsumerError>),
    Request(Request),
    Append(u32, Content, u64),
    Erase(u32),
    Sweep(u32),
    Fault(Fault),
    Start,
    AfterAll(Fault),
}

pub(super) struct World {
    pub(super) now: u64,
    pub(super) log: ModelLog,
    pub(super) sink: Sink,
    pub(super) accepted: Vec<BTreeMap<u64, Content>>,
    pub(super) letters: BTreeSet<(u32, u64)>,
    pub(super) expired: Vec<(u32, u64, u64)>,
    /// Rows of records that the log itself lost (only where its tail was rewritten).
    pub(super) unwritten: BTreeSet<(u32, u64, u32)>,
    pub(super) stopped_loudly: bool,
    pub(super) rewritten: bool,
    /// What the schedule went through, so that a test sees that nothing became unreachable.
    pub(super) seen: BTreeSet<&'static str>,
    pub(super) story: Option<Vec<String>>,
    plan: Plan,
    rng: Rng,
    queue: BTreeMap<(u64, u64), Event>,
    events: u64,
    processes: BTreeMap<u64, Process>,
    births: u64,
    epochs: u64,
    maintenance_until: u64,
}

impl World {
    pub(super) fn new(plan: Plan, rng: Rng, tell: bool) -> Self {
        let mut world = Self {
            now: 0,
            log: ModelLog::new(),
            sink: Sink::new(plan.kind, plan.check_footer),
            accepted: vec![BTreeMap::new(); PARTITIONS as usize],
            letters: BTreeSet::new(),
            expired: Vec::new(),
            unwritten: BTreeSet::new(),
            stopped_loudly: false,
            rewritten: false,
            seen: BTreeSet::new(),
            story: tell.then(Vec::new),
            plan,
            rng,
            queue: BTreeMap::new(),
            events: 0,
            processes: BTreeMap::new(),
            births: 0,
            epochs: 0,
            maintenance_until: 0,
        };
        world.script();
        world
    }

    fn script(&mut self) {
        for _ in 0..=self.rng.u8(0..2) {
            let at = self.rng.u64(0..300);
            self.at(at, Event::Start);
        }
        let sessions = self.rng.u32(1..6);
        let records = self.rng.u32(4..40);
        for identity in 0..records {
            let session = self.rng.u32(0..sessions);
            let content = Content::Batch { identity, session };
            let (mut at, holes) = (self.rng.u64(0..8_000), self.rng.u64(0..4).saturating_sub(2));
            self.at(at, Event::Append(session % PARTITIONS, content, holes));
            while self.rng.u8(0..8) == 0 {
                at += self.rng.u64(1..4_000);
                self.at(at, Event::Append(session % PARTITIONS, content, holes));
            }
        }
        for _ in 0..self.rng.u8(0..3) {
            let (at, number) = (self.rng.u64(0..8_000), self.rng.u32(0..PARTITIONS));
            self.at(at, Event::Append(number, Content::Poison, 0));
        }
        if self.rng.u8(0..4) == 0 {
            let (at, session) = (self.rng.u64(2_000..12_000), self.rng.u32(0..sessions));
            self.at(at, Event::Erase(session));
        }
        for _ in 0..self.rng.u8(0..6) {
            let (at, fault) = (self.rng.u64(100..10_000), self.pick_fault());
            self.at(at, Event::Fault(fault));
        }
        // Whatever happened, somebody works in the end.
        self.at(self.plan.trouble_until, Event::Start);
    }

    fn pick_fault(&mut self) -> Fault {
        let number = self.rng.u32(0..PARTITIONS);
        match self.rng.u8(0..20) {
            0..5 => Fault::Crash,
            5..8 => Fault::Freeze(self.rng.u64(500..120_000)),
            8..11 => Fault::FreezeAfterCommit(self.rng.u64(4_000..120_000)),
            11..13 => Fault::Join,
            13..15 => Fault::End,
            15 => Fault::Retention(number),
            16..18 => Fault::Merge,
            18 => Fault::ResetByHand(number),
            _ if self.plan.kind == Kind::Segments => Fault::Rewrite(number),
            _ => Fault::Crash,
        }
    }

    /// Runs until all is delivered and every zombie has had its say; false if that takes forever.
    pub(super) fn run(&mut self) -> bool {
        const FOREVER: u64 = 1_200_000;
        while let Some((&(at, event), _)) = self.queue.first_key_value() {
            if at > FOREVER {
                return false;
            }
            let happened = self.queue.remove(&(at, event)).expect("just seen");
            self.now = at;
            self.happen(happened);
            let rest = self.queue.values().all(|event| matches!(event, Event::Turn(..)));
            if rest && at > self.plan.trouble_until && (self.is_drained() || self.stopped_loudly) {
                return true;
            }
        }
        false
    }

    fn is_drained(&self) -> bool {
        let thawed = self
            .processes
            .values()
            .all(|process| process.frozen_until <= self.now);
        thawed
            && (0u32..).zip(&self.log.partitions).all(|(number, log)| {
                let last = log.records.last_key_value().map_or(0, |(offset, _)| offset + 1);
                let intent = self.log.commits.get(&number).and_then(Intent::read);
                intent.is_some_and(|intent| intent.pending.is_none() && intent.offset >= last)
            })
    }

    fn at(&mut self, at: u64, event: Event) {
        self.events += 1;
        self.queue.insert((at, self.events), event);
    }

    fn after(&mut self, delay: u64, event: Event) {
        self.at(self.now + delay, event);
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>7} {}", self.now, line()));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Turn(id, turn) => self.on_turn(id, turn),
            Event::Answer(to, input) => self.on_answer(to, input),
            Event::CommitAnswered(id, lanes, result) => self.on_commit_answered(id, lanes, result),
            Event::Request(request) => self.on_request(request),
            Event::Append(number, content, holes) => {
                let offset = self.log.append(self.now, number, content, holes);
                self.accepted[number as usize].insert(offset, content);
                self.tell(|| format!("append {number}/{offset} {content:?}"));
            }
            Event::Erase(session) => {
                self.sink.erased.insert(session);
                (0..PARTITIONS).for_each(|number| {
                    self.after(0, Event::Append(number, Content::Erasure { session }, 0));
                });
                self.after(ZOMBIE_LIFE, Event::Sweep(session));
            }
            Event::Sweep(session) => {
                self.tell(|| format!("lifecycle sweeps session {session}"));
                self.sink.erase(session);
            }
            Event::Fault(fault) => self.on_fault(fault),
            Event::Start => self.start_process(),
            Event::AfterAll(fault) => self.on_quiet_fault(fault),
        }
    }

    fn start_process(&mut self) {
        if self.now < self.maintenance_until {
            return self.at(self.maintenance_until, Event::Start);
        }
        self.births += 1;
        let (id, member) = (self.births, self.log.join(self.now));
        self.tell(|| format!("process {id} starts as member {member}"));
        self.processes.insert(id, Process::new(member));
        self.schedule_turn(id, 0);
    }

    fn pick_process(&mut self) -> Option<u64> {
        let ids: Vec<u64> = self.processes.keys().copied().collect();
        self.rng.choice(ids)
    }

    fn on_fault(&mut self, fault: Fault) {
        self.tell(|| format!("fault {fault:?}"));
        let restart = self.rng.u64(50..9_000);
        let picked = self.pick_process();
        match (fault, picked) {
            (Fault::Crash, Some(id)) => {
                self.tell(|| format!("process {id} crashes"));
                self.processes.remove(&id);
                self.after(restart, Event::Start);
            }
            (Fault::Freeze(time), Some(id)) => self.freeze(id, time),
            (Fault::FreezeAfterCommit(time), Some(id)) => {
                let process = self.processes.get_mut(&id).expect("picked");
                process.freeze_after_commit = Some(time);
            }
            (Fault::End, Some(id)) => {
                self.end(id);
                self.after(restart, Event::Start);
            }
            (Fault::Join, _) => self.start_process(),
            (Fault::Merge, _) => self.sink.merge(),
            (Fault::Retention(number), _) => self.expire(number),
            (Fault::ResetByHand(_) | Fault::Rewrite(_), _) => {
                // People stop everything, wait for the last request, and only then lay hands on the log.
                self.processes.clear();
                self.log.evict_all();
                let until = self.now + LONGEST_REQUEST + REQUEST_TIMEOUT;
                self.at(until, Event::AfterAll(fault));
                self.maintenance_until = until + 1;
            }
            _ => {}
        }
    }

    fn freeze(&mut self, id: u64, time: u64) {
        self.tell(|| format!("process {id} freezes for {time} ms"));
        let until = self.now + time;
        if let Some(process) = self.processes.get_mut(&id) {
            process.frozen_until = process.frozen_until.max(until);
        }
    }

    fn expire(&mut self, number: u32) {
        let log = &self.log.partitions[number as usize];
        if self.log.commits.contains_key(&number) && log.start < log.end {
            let start = self.rng.u64(log.start..=log.end);
            self.tell(|| format!("retention: {number} starts at {start}"));
            self.log.retain_from(number, start);
        }
    }

    fn on_quiet_fault(&mut self, fault: Fault) {
        assert!(self.processes.is_empty(), "nobody starts during maintenance");
        match fault {
            Fault::ResetByHand(number) => self.reset_by_hand(number),
            Fault::Rewrite(number) => self.rewrite_tail(number),
            _ => {}
        }
        self.after(0, Event::Start);
    }

    fn reset_by_hand(&mut self, number: u32) {
        let Some(committed) = self.log.commits.get_mut(&number) else {
            return;
        };
        if self.rng.bool() {
            self.log.commits.remove(&number);
            // Without a commit nobody can know any more what had expired before.
            self.expired
                .push((number, 0, self.log.partitions[number as usize].start));
        } else {
            committed.offset = self.rng.u64(0..=committed.offset);
            committed.metadata.clear();
        }
        let committed = self.log.commits.get(&number).cloned();
        self.tell(|| format!("commit of {number} is now {committed:?}"));
    }

    /// The log loses what was pending and grows anew past it: same id, other records.
    fn rewrite_tail(&mut self, number: u32) {
        let intent = self.log.commits.get(&number).and_then(Intent::read);
        let Some((first, last)) = intent.and_then(|intent| Some((intent.offset, intent.pending?))) else {
            return;
        };
        self.rewritten = true;
        self.tell(|| format!("the tail of {number} from {first} is lost and written anew"));
        for record in self.log.truncate(number, first) {
            if let Content::Batch { identity, .. } = Content::decode(&record) {
                self.unwritten.insert((number, record.position.offset, identity));
            }
            self.accepted[number as usize].remove(&record.position.offset);
        }
        for offset in first..=last + 1 {
            let content = Content::Batch {
                identity: 1_000 + 100 * number + offset as u32,
                session: 900,
            };
            self.happen(Event::Append(number, content, 0));
        }
    }

    fn end(&mut self, id: u64) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.ending = true;
        process.leaving = process.lanes.keys().copied().collect();
        process.leave_deadline = self.now + LEAVE_WAIT;
        for number in process.leaving.clone() {
            self.step(id, number, Input::Leave);
        }
    }

    /// Postpones an event for a process that is frozen; `None` if it is gone.
    fn thawed(&mut self, id: u64, event: impl FnOnce() -> Event) -> Option<()> {
        let frozen_until = self.processes.get(&id)?.frozen_until;
        if self.now < frozen_until {
            self.at(frozen_until, event());
            return None;
        }
        Some(())
    }

    /// The next turn; it replaces the one that was to come (an answer wakes a waiting poll).
    fn schedule_turn(&mut self, id: u64, delay: u64) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.turn += 1;
        let turn = process.turn;
        self.after(delay, Event::Turn(id, turn));
    }

    fn on_turn(&mut self, id: u64, turn: u64) {
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

    fn poll(&mut self, id: u64) {
        let member = self.processes[&id].member;
        match self.log.poll(self.now, member) {
            Err(_) => return self.rejoin(id),
            Ok(told) => {
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
            let pressure = self.rng.u8(0..16) == 0;
            self.step(id, number, Input::Pressure(pressure));
        }
    }

    fn rejoin(&mut self, id: u64) {
        let member = self.log.join(self.now);
        self.tell(|| format!("process {id} is fenced and joins as member {member}"));
        let process = self.processes.get_mut(&id).expect("polled");
        process.lanes.clear();
        process.leaving.clear();
        process.member = member;
    }

    fn on_told(&mut self, id: u64, told: Told) {
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

    fn spec(&self, number: u32) -> LaneSpec {
        LaneSpec {
            partition: partition(number),
            log_id: LOG_ID,
            view_generation: 1,
            version: 1,
            repeats: Arc::new(|version| version == 1),
            limits: CutLimits {
                bytes: 1_000,
                records: 5,
                age: std::time::Duration::from_millis(200),
            },
            settings: LaneSettings {
                guards: self.plan.guards,
                ..LaneSettings::default()
            },
        }
    }

    fn give_away(&mut self, id: u64) {
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

    fn commit(&mut self, id: u64) {
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

    fn on_commit_answered(&mut self, id: u64, lanes: Vec<(u32, u64)>, result: Result<(), ConsumerError>) {
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

    fn is_current(&self, to: Address) -> bool {
        let slot = self
            .processes
            .get(&to.process)
            .and_then(|process| process.lanes.get(&to.partition));
        slot.is_some_and(|slot| slot.epoch == to.epoch)
    }

    fn on_answer(&mut self, to: Address, input: Input<Batch>) {
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

    fn step_all(&mut self, id: u64, input: impl Fn() -> Input<Batch>) {
        for number in self.processes[&id].lanes.keys().copied().collect::<Vec<_>>() {
            self.step(id, number, input());
        }
    }

    fn step(&mut self, id: u64, number: u32, input: Input<Batch>) {
        let now = moment(self.now);
        let slot = self
            .processes
            .get_mut(&id)
            .and_then(|process| process.lanes.get_mut(&number));
        let Some(slot) = slot else { return };
        slot.lane.step(now, input);
        self.carry_out(id, number);
    }

    fn carry_out(&mut self, id: u64, number: u32) {
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

    fn carry_out_one(&mut self, to: Address, effect: Effect<Batch>) {
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
                let positions = poison
                    .iter()
                    .map(|each| (to.partition, each.record.position.offset));
                self.letters.extend(positions);
                let lost = self.chance() < 2;
                let result = if lost { Err("no answer".to_owned()) } else { Ok(()) };
                self.after(delay, Event::Answer(to, Input::DeadLettered(result)));
            }
            Effect::Write(name, batch) => self.request(to, name, &batch, Stage::Write, delay),
            Effect::Settle(name, batch) => {
                self.seen.insert("settle");
                self.request(to, name, &batch, Stage::ReadBack { epoch: 0 }, delay);
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
            Effect::Progress(_) | Effect::Finished { .. } => {}
        }
    }

    fn open(&mut self, to: Address, delay: u64) {
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

    fn request(&mut self, to: Address, name: RangeName, batch: &Arc<Batch>, stage: Stage, delay: u64) {
        self.tell(|| {
            format!(
                "{to:?} {stage:?} {name} {:?}",
                batch.rows.iter().map(|row| row.offset).collect::<Vec<_>>()
            )
        });
        // What is known to be erased isn't sent; a zombie may have looked before.
        let gone = |row: &&Row| !self.sink.erased.contains(&row.session);
        let rows = batch.rows.iter().filter(gone).copied().collect();
        let batch = Arc::new(Batch {
            rows,
            erasures: batch.erasures.clone(),
        });
        self.after(
            delay,
            Event::Request(Request {
                to: Some(to),
                name,
                batch,
                stage,
            }),
        );
    }

    /// 0 to 19; under 5 something goes wrong, but not any more once the trouble is over.
    fn chance(&mut self) -> u8 {
        let chance = self.rng.u8(0..20);
        if self.now < self.plan.trouble_until {
            chance
        } else {
            chance.max(5)
        }
    }

    fn on_request(&mut self, request: Request) {
        let Some(to) = request.to else {
            // Nobody waits any more, but the server has it.
            let _ = self.execute(&request, How::Whole);
            return;
        };
        match self.chance() {
            0 => self.answer(to, Err(WriteError::Refused("table is read-only".into())), 5),
            1 => self.answer(to, Err(ambiguous("connection refused")), REQUEST_TIMEOUT),
            2 => {
                self.answer(to, Err(ambiguous("timed out")), REQUEST_TIMEOUT);
                let late = self.rng.u64(0..LONGEST_REQUEST);
                self.after(late, Event::Request(Request { to: None, ..request }));
            }
            3 => {
                let _ = self.execute(&request, How::Crashed);
                self.answer(to, Err(ambiguous("connection reset")), 5);
            }
            4 => {
                let _ = self.execute(&request, How::Whole);
                self.answer(to, Err(ambiguous("the answer was lost")), REQUEST_TIMEOUT);
            }
            _ => self.on_request_done(to, request),
        }
    }

    fn on_request_done(&mut self, to: Address, request: Request) {
        let delay = self.rng.u64(1..200);
        let outcome = self.execute(&request, How::Whole);
        let stage = request.stage;
        let next = |stage| Event::Request(Request { stage, ..request });
        match (outcome, stage) {
            (Err(OtherContent), _) => {
                self.stopped_loudly = true;
                self.seen.insert("other content");
                self.answer(
                    to,
                    Err(WriteError::Refused("the object holds other records".into())),
                    5,
                );
            }
            (Ok(0), _) | (Ok(_), Stage::Write) => self.answer(to, Ok(()), delay),
            (Ok(_), Stage::ReadBack { epoch }) if epoch > EPOCHS => {
                self.answer(to, Err(WriteError::Refused("rows don't stay".into())), delay);
            }
            (Ok(_), Stage::ReadBack { epoch }) => self.after(delay, next(Stage::Insert { epoch })),
            (Ok(_), Stage::Insert { epoch }) => {
                if epoch > 0 {
                    self.seen.insert("token epoch");
                }
                self.after(delay, next(Stage::ReadBack { epoch: epoch + 1 }));
            }
        }
    }

    /// What the server does; answers how many rows are still to be made sure of.
    fn execute(&mut self, request: &Request, how: How) -> Result<usize, OtherContent> {
        let Request {
            name, batch, stage, ..
        } = request;
        match *stage {
            Stage::ReadBack { .. } => {
                let absent = self.sink.read_back(&token(name, 0), &batch.rows)?;
                if absent.is_empty() {
                    // The rows are there; whether the erasures were made nobody knows.
                    self.sink
                        .write(self.now, &token(name, 0), &[], batch, How::Whole)?;
                }
                Ok(absent.len())
            }
            Stage::Insert { epoch } => {
                let absent = self.sink.read_back(&token(name, 0), &batch.rows)?;
                self.sink
                    .write(self.now, &token(name, epoch), &absent, batch, how)?;
                Ok(absent.len())
            }
            Stage::Write => {
                self.sink
                    .write(self.now, &token(name, 0), &batch.rows, batch, how)?;
                Ok(batch.rows.len())
            }
        }
    }

    fn answer(&mut self, to: Address, result: Result<(), WriteError>, delay: u64) {
        self.tell(|| format!("{to:?} will hear {result:?}"));
        self.after(delay, Event::Answer(to, Input::Written(result)));
    }
}

fn ambiguous(words: &str) -> WriteError {
    WriteError::Ambiguous(words.to_owned())
}
