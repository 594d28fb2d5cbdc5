//! What goes wrong: crashes, freezes, rebalances, retention, merges, and what people do by hand.

use hindsight_processors::delivery::intent::Intent;
use hindsight_processors::delivery::lane::Input;

use super::log::{Content, PARTITIONS};
use super::sinks::{Kind, LONGEST_REQUEST};
use super::world::{Event, Fault, LEAVE_WAIT, REQUEST_TIMEOUT, World};

impl World {
    pub(super) fn pick_fault(&mut self) -> Fault {
        let number = self.rng.u32(0..PARTITIONS);
        match self.rng.u8(0..20) {
            0..5 => Fault::Crash,
            5..8 => Fault::Freeze(self.rng.u64(500..120_000)),
            8..11 => Fault::FreezeAfterCommit(self.rng.u64(4_000..120_000)),
            11..13 => Fault::Join,
            13..15 => Fault::End,
            15 => Fault::Retention(number),
            16 => Fault::Merge,
            17 => Fault::Lag(self.rng.u64(1_000..200_000)),
            18 => Fault::ResetByHand(number),
            _ if self.plan.kind == Kind::Segments => Fault::Rewrite(number),
            _ => Fault::Crash,
        }
    }

    pub(super) fn pick_process(&mut self) -> Option<u64> {
        let ids: Vec<u64> = self.processes.keys().copied().collect();
        self.rng.choice(ids)
    }

    pub(super) fn on_fault(&mut self, fault: Fault) {
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
            (Fault::Merge, _) => {
                self.sink.merge();
                self.sink.expire();
            }
            (Fault::Lag(lag), _) => self.sink.lag = lag,
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

    pub(super) fn freeze(&mut self, id: u64, time: u64) {
        self.tell(|| format!("process {id} freezes for {time} ms"));
        let until = self.now + time;
        if let Some(process) = self.processes.get_mut(&id) {
            process.frozen_until = process.frozen_until.max(until);
        }
    }

    pub(super) fn expire(&mut self, number: u32) {
        let log = &self.log.partitions[number as usize];
        if self.log.commits.contains_key(&number) && log.start < log.end {
            let start = self.rng.u64(log.start..=log.end);
            self.tell(|| format!("retention: {number} starts at {start}"));
            self.log.retain_from(number, start);
        }
    }

    pub(super) fn on_quiet_fault(&mut self, fault: Fault) {
        assert!(self.processes.is_empty(), "nobody starts during maintenance");
        match fault {
            Fault::ResetByHand(number) => self.reset_by_hand(number),
            Fault::Rewrite(number) => self.rewrite_tail(number),
            _ => {}
        }
        self.after(0, Event::Start);
    }

    pub(super) fn reset_by_hand(&mut self, number: u32) {
        let Some(committed) = self.log.commits.get_mut(&number) else {
            return;
        };
        self.by_hand = true;
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
    pub(super) fn rewrite_tail(&mut self, number: u32) {
        let intent = self.log.commits.get(&number).and_then(Intent::read);
        let Some((first, last)) = intent.and_then(|intent| Some((intent.offset, intent.pending?))) else {
            return;
        };
        if first < self.log.partitions[number as usize].start {
            return;
        }
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

    pub(super) fn end(&mut self, id: u64) {
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
}
