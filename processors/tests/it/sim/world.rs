//! The world: a queue of events in virtual time, one random number generator, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fastrand::Rng;
use hindsight_engines::log::ConsumerError;
use hindsight_processors::delivery::RangeName;
use hindsight_processors::delivery::intent::Intent;
use hindsight_processors::delivery::lane::Input;

use super::Plan;
use super::log::{Content, ModelLog, PARTITIONS, SESSION_TIMEOUT};
use super::process::Process;
use super::sinks::{Batch, LONGEST_HOLD_UP, LONGEST_REQUEST, Sink};

/// Rows of a session may come until then after its erasure: the longest life of a zombie.
pub(super) const ZOMBIE_LIFE: u64 = SESSION_TIMEOUT + LONGEST_REQUEST + LONGEST_HOLD_UP + 4_000;
pub(super) const REQUEST_TIMEOUT: u64 = 3_000;
pub(super) const LEAVE_WAIT: u64 = 1_500;
/// Token epochs that settling may use (DESIGN.md 5: two at most).
pub(super) const EPOCHS: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) process: u64,
    pub(super) partition: u32,
    pub(super) epoch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Write,
    ReadBack { epoch: u32 },
    Insert { epoch: u32 },
}

pub(super) struct Request {
    pub(super) to: Option<Address>,
    pub(super) name: RangeName,
    pub(super) batch: Arc<Batch>,
    pub(super) stage: Stage,
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
    Lag(u64),
}

pub(super) enum Event {
    Turn(u64, u64),
    Answer(Address, Input<Batch>),
    CommitAnswered(u64, Vec<(u32, u64)>, Result<(), ConsumerError>),
    Request(Request),
    Send(Request),
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
    /// How often each was counted.
    pub(super) counted: BTreeMap<(u32, u64), u32>,
    /// Somebody moved a commit back: what lies behind it is delivered, and counted, again.
    pub(super) by_hand: bool,
    pub(super) expired: Vec<(u32, u64, u64)>,
    /// Rows of records that the log itself lost (only where its tail was rewritten).
    pub(super) unwritten: BTreeSet<(u32, u64, u32)>,
    pub(super) stopped_loudly: bool,
    pub(super) rewritten: bool,
    /// What the schedule went through, so that a test sees that nothing became unreachable.
    pub(super) seen: BTreeSet<&'static str>,
    pub(super) story: Option<Vec<String>>,
    pub(super) plan: Plan,
    pub(super) rng: Rng,
    pub(super) queue: BTreeMap<(u64, u64), Event>,
    pub(super) events: u64,
    pub(super) processes: BTreeMap<u64, Process>,
    pub(super) births: u64,
    pub(super) epochs: u64,
    pub(super) maintenance_until: u64,
}

impl World {
    pub(super) fn new(plan: Plan, rng: Rng, tell: bool) -> Self {
        let mut world = Self {
            now: 0,
            log: ModelLog::new(),
            sink: Sink::new(plan.kind, plan.sink),
            accepted: vec![BTreeMap::new(); PARTITIONS as usize],
            letters: BTreeSet::new(),
            counted: BTreeMap::new(),
            by_hand: false,
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

    pub(super) fn script(&mut self) {
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

    /// Runs until all is delivered and every zombie has had its say; false if that takes forever.
    pub(super) fn run(&mut self) -> bool {
        const FOREVER: u64 = 1_200_000;
        while let Some((&(at, event), _)) = self.queue.first_key_value() {
            if at > FOREVER {
                return false;
            }
            let happened = self.queue.remove(&(at, event)).expect("just seen");
            self.now = at;
            self.sink.now = at;
            self.happen(happened);
            let rest = self.queue.values().all(|event| matches!(event, Event::Turn(..)));
            if rest && at > self.plan.trouble_until && (self.is_drained() || self.stopped_loudly) {
                return true;
            }
        }
        false
    }

    pub(super) fn is_drained(&self) -> bool {
        let thawed = self
            .processes
            .values()
            .all(|process| process.frozen_until <= self.now);
        thawed
            && (0u32..).zip(&self.log.partitions).all(|(number, log)| {
                let last = log
                    .records
                    .last_key_value()
                    .map_or(log.start, |(offset, _)| offset + 1);
                let intent = self.log.commits.get(&number).and_then(Intent::read);
                intent.is_some_and(|intent| intent.pending.is_none() && intent.offset >= last)
            })
    }

    pub(super) fn at(&mut self, at: u64, event: Event) {
        self.events += 1;
        self.queue.insert((at, self.events), event);
    }

    pub(super) fn after(&mut self, delay: u64, event: Event) {
        self.at(self.now + delay, event);
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>7} {}", self.now, line()));
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Turn(id, turn) => self.on_turn(id, turn),
            Event::Answer(to, input) => self.on_answer(to, input),
            Event::CommitAnswered(id, lanes, result) => self.on_commit_answered(id, lanes, result),
            Event::Request(request) => self.on_request(request),
            Event::Send(request) => self.on_send(request),
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

    pub(super) fn start_process(&mut self) {
        if self.now < self.maintenance_until {
            return self.at(self.maintenance_until, Event::Start);
        }
        self.births += 1;
        let (id, member) = (self.births, self.log.join(self.now));
        self.tell(|| format!("process {id} starts as member {member}"));
        self.processes.insert(id, Process::new(member));
        self.schedule_turn(id, 0);
    }

    /// 0 to 19; under 5 something goes wrong, but not any more once the trouble is over.
    pub(super) fn chance(&mut self) -> u8 {
        let chance = self.rng.u8(0..20);
        if self.now < self.plan.trouble_until {
            chance
        } else {
            chance.max(5)
        }
    }
}
