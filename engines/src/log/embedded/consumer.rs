//! A member of a group: cursors over the partitions that it owns, read by bounded scans.
//!
//! **Invariants:** a scan ends at the durable end as the shared state has it, and holds no lock of the writer, so
//! a slow reader slows nobody. A commit names only partitions that the coordinator gave to this member.
//! **Bound:** `poll_items` and `poll_bytes` for each poll; partitions take turns, so none starves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hindsight_schemas::ids::{Offset, Partition, Topic};

use super::assignment::MemberId;
use super::groups::Turn;
use super::inner::{Budget, Inner};
use super::queue::{GroupCommit, Request};
use crate::log::{Commit, Committed, Consumer, ConsumerError, Polled, Waker};

/// Longest metadata of a commit: Kafka's default (`offset.metadata.max.bytes`).
const METADATA_BYTES: usize = 4096;
/// A waiting poll looks at leases at least this often.
const LOOK: Duration = Duration::from_secs(1);

/// A consumer of the embedded log.
pub(super) struct EmbeddedConsumer {
    inner: Arc<Inner>,
    group: String,
    topics: Vec<Topic>,
    member: MemberId,
    cursors: BTreeMap<Partition, Cursor>,
    /// Where the next poll begins its round over the cursors.
    turn: Option<Partition>,
    woken: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Cursor {
    /// The next offset to read; `None` before the first seek and after a position that is not in the log.
    next: Option<Offset>,
    paused: bool,
    /// The end that was told last.
    end_told: Option<Offset>,
    /// Told that it is going: nothing is read any more.
    revoked: bool,
}

impl EmbeddedConsumer {
    pub(super) fn join(inner: Arc<Inner>, group: &str, topics: &[Topic]) -> Self {
        let now = inner.options.clock.monotonic();
        let member = inner.shared.change(|state| state.groups.join(group, topics, now));
        Self {
            inner,
            group: group.to_owned(),
            topics: topics.to_vec(),
            member,
            cursors: BTreeMap::new(),
            turn: None,
            woken: Arc::default(),
        }
    }

    fn now(&self) -> Duration {
        self.inner.options.clock.monotonic()
    }

    /// Takes part in the group: what was revoked and assigned since the last look.
    fn membership(&mut self) -> Vec<Polled> {
        let now = self.now();
        self.cursors.retain(|_, cursor| !cursor.revoked);
        let mut state = self.inner.shared.lock();
        let turn = state.groups.turn(&self.group, self.member, now);
        drop(state);
        match turn {
            Turn::Unknown => self.join_again(now),
            Turn::Member {
                revoked,
                assigned,
                freed,
            } => {
                if freed {
                    self.inner.shared.change(|_| ());
                }
                for partition in &revoked {
                    self.cursors.entry(*partition).or_default().revoked = true;
                }
                self.cursors
                    .extend(assigned.iter().map(|partition| (*partition, Cursor::default())));
                let revoked = (!revoked.is_empty()).then_some(Polled::Revoked(revoked));
                let assigned = (!assigned.is_empty()).then_some(Polled::Assigned(assigned));
                revoked.into_iter().chain(assigned).collect()
            }
        }
    }

    fn join_again(&mut self, now: Duration) -> Vec<Polled> {
        let (group, topics) = (&self.group, &self.topics);
        self.member = self
            .inner
            .shared
            .change(|state| state.groups.join(group, topics, now));
        let lost: Vec<_> = std::mem::take(&mut self.cursors).into_keys().collect();
        if lost.is_empty() {
            self.membership()
        } else {
            vec![Polled::Revoked(lost)]
        }
    }

    /// One round over the cursors, beginning behind the one that was first last time.
    fn read(&mut self, room: usize) -> Result<Vec<Polled>, ConsumerError> {
        let mut polled = Vec::new();
        if room == 0 {
            return Ok(polled);
        }
        let options = &self.inner.options;
        let mut budget = Budget::new(options.poll_items, options.poll_bytes.min(room));
        for partition in self.round() {
            if budget.is_spent() {
                break;
            }
            match self.read_partition(partition, &mut budget, &mut polled) {
                // One partition's failure comes back when its turn is first; the others go on.
                Err(_) if !polled.is_empty() => break,
                read => read?,
            }
        }
        Ok(polled)
    }

    fn round(&mut self) -> Vec<Partition> {
        let all: Vec<_> = self.cursors.keys().copied().collect();
        let begin = self
            .turn
            .map_or(0, |last| all.partition_point(|partition| *partition <= last));
        let round: Vec<_> = all.iter().cycle().skip(begin).take(all.len()).copied().collect();
        self.turn = round.first().copied();
        round
    }

    fn read_partition(
        &mut self,
        partition: Partition,
        budget: &mut Budget,
        polled: &mut Vec<Polled>,
    ) -> Result<(), ConsumerError> {
        let Some(cursor) = self.cursors.get_mut(&partition) else {
            return Ok(());
        };
        let Some(next) = cursor.readable() else {
            return Ok(());
        };
        let (first, end) = self.inner.offsets(partition)?;
        if !(first..=end).contains(&next) {
            polled.push(cursor.out_of_range(partition, next, (first, end)));
            return Ok(());
        }
        if next < end {
            let scan = self.inner.scan(partition, next..end, budget)?;
            if scan.first > next {
                polled.push(cursor.out_of_range(partition, next, (scan.first, end)));
                return Ok(());
            }
            let behind_last = scan.records.last().map(|record| record.position.offset + 1);
            cursor.next = if scan.complete {
                Some(end)
            } else {
                behind_last.or(cursor.next)
            };
            polled.extend(scan.records.into_iter().map(Polled::Record));
        }
        if cursor.next == Some(end) && cursor.end_told != Some(end) {
            cursor.end_told = Some(end);
            polled.push(Polled::EndOfPartition(partition, end));
        }
        Ok(())
    }

    fn cursor(&mut self, partition: Partition) -> Result<&mut Cursor, ConsumerError> {
        let owned = self.cursors.get_mut(&partition);
        owned.ok_or_else(|| ConsumerError::Fenced(format!("{partition} is not assigned to this member")))
    }

    fn check_open(&self) -> Result<(), ConsumerError> {
        if self.inner.shared.lock().closed {
            Err(closed())
        } else {
            Ok(())
        }
    }
}

impl Cursor {
    fn readable(&self) -> Option<Offset> {
        self.next.filter(|_| !self.paused && !self.revoked)
    }

    fn out_of_range(&mut self, partition: Partition, asked: Offset, available: (Offset, Offset)) -> Polled {
        self.next = None;
        Polled::OutOfRange {
            partition,
            asked,
            available,
        }
    }
}

fn closed() -> ConsumerError {
    ConsumerError::Engine("the log is closed".into())
}

impl Consumer for EmbeddedConsumer {
    fn poll_within(&mut self, timeout: Duration, room: usize) -> Result<Vec<Polled>, ConsumerError> {
        let deadline = Instant::now() + timeout;
        let longest_look = LOOK.min(self.inner.options.session_timeout / 3);
        loop {
            let version = self.inner.shared.lock().version();
            self.check_open()?;
            let mut polled = self.membership();
            if polled.is_empty() {
                polled = self.read(room)?;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !polled.is_empty() || left.is_zero() || self.woken.swap(false, Ordering::AcqRel) {
                let now = self.now();
                self.inner
                    .shared
                    .lock()
                    .groups
                    .touch(&self.group, self.member, now);
                return Ok(polled);
            }
            self.inner.shared.wait_beyond(version, left.min(longest_look));
        }
    }

    fn committed(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, ConsumerError> {
        for partition in partitions {
            self.cursor(*partition)?;
        }
        // A commit of the last owner may still be on its way: behind the barrier it is there or refused.
        self.inner.ask(Request::Barrier).ok_or_else(closed)?;
        let state = self.inner.shared.lock();
        let group = state.commits.get(&self.group);
        let of = |partition: &Partition| group.and_then(|group| group.get(partition)).cloned();
        Ok(partitions
            .iter()
            .map(|partition| (*partition, of(partition)))
            .collect())
    }

    fn seek(&mut self, partition: Partition, offset: Offset) -> Result<(), ConsumerError> {
        let cursor = self.cursor(partition)?;
        cursor.next = Some(offset);
        cursor.end_told = None;
        Ok(())
    }

    fn offsets(&mut self, partition: Partition) -> Result<(Offset, Offset), ConsumerError> {
        self.inner.offsets(partition)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Result<Vec<(Partition, Offset)>, ConsumerError> {
        let end = |partition: &Partition| Ok((*partition, self.inner.offsets(*partition)?.1));
        partitions.iter().map(end).collect()
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), ConsumerError> {
        if commits.is_empty() {
            return Ok(());
        }
        for commit in commits {
            self.cursor(commit.partition)?;
            let bytes = commit.committed.metadata.len();
            if bytes > METADATA_BYTES {
                let partition = commit.partition;
                let error =
                    format!("metadata of {partition} has {bytes} bytes, the limit is {METADATA_BYTES}");
                return Err(ConsumerError::Engine(error));
            }
        }
        let (group, member, commits) = (self.group.clone(), self.member, commits.to_vec());
        let answer = self.inner.ask(|reply| {
            Request::Commit(GroupCommit {
                group,
                member,
                commits,
                reply,
            })
        });
        answer.ok_or_else(closed)?
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        partitions.iter().try_for_each(|partition| {
            self.cursor(*partition)?.paused = true;
            Ok(())
        })
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        partitions.iter().try_for_each(|partition| {
            self.cursor(*partition)?.paused = false;
            Ok(())
        })
    }

    fn session_timeout(&self) -> Duration {
        self.inner.options.session_timeout
    }

    fn waker(&self) -> Waker {
        let (woken, shared) = (Arc::clone(&self.woken), Arc::clone(&self.inner.shared));
        Waker::new(move || {
            woken.store(true, Ordering::Release);
            shared.change(|_| ());
        })
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        self.inner
            .shared
            .change(|state| state.groups.leave(&self.group, self.member));
    }
}
