//! A member of a group, owned by the thread that polls: what librdkafka tells becomes what the seam promises.
//!
//! **Invariants.** Nothing is read before a seek. A revoked partition is given away by the poll after the one that told
//! it, not sooner. A commit that names a partition that is not ours never leaves. A lease that is over is not renewed
//! (`lease`): all partitions are told as revoked, and the member joins anew.
//!
//! **Failure.** A position that is not in the log is found by asking at the seek. Where retention overtakes a reader
//! later, librdkafka stops the partition, and the member joins anew, so that each position is asked for again. Without
//! brokers a poll brings nothing; librdkafka goes on trying, and itself gives the partitions up when the session time-out
//! has passed without a heartbeat. **Bound**: `poll_items`, `poll_bytes`, `fetch_bytes`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hindsight_schemas::ids::{Offset, Partition, Topic};
use rdkafka::error::RDKafkaErrorCode;

use super::bell::Bell;
use super::context::log_line;
use super::cursors::{Cursor, Cursors};
use super::inner::Inner;
use super::lease::{Lease, since_boot};
use super::member::Member;
use super::native::{Event, Failure, Record};
use crate::log::{Commit, Committed, Consumer, ConsumerError, Polled, Waker};

/// A waiting poll looks at the identity of the topics at least this often.
const LOOK: Duration = Duration::from_secs(1);

/// A consumer on Kafka.
pub(super) struct KafkaConsumer {
    inner: Arc<Inner>,
    group: String,
    topics: Vec<Topic>,
    /// None between a lease that is over and the next poll.
    member: Option<Member>,
    lease: Lease,
    cursors: Cursors,
    /// What is told by the next poll, before anything is read.
    waiting: VecDeque<Polled>,
    bell: Arc<Bell>,
}

impl KafkaConsumer {
    pub(super) fn join(inner: Arc<Inner>, group: &str, topics: &[Topic]) -> Result<Self, ConsumerError> {
        let lease = Lease::new(inner.settings.session_timeout, since_boot());
        let mut consumer = Self {
            inner,
            group: group.to_owned(),
            topics: topics.to_vec(),
            member: None,
            lease,
            cursors: Cursors::new(),
            waiting: VecDeque::new(),
            bell: Arc::default(),
        };
        consumer.member()?;
        Ok(consumer)
    }

    /// The client, which joins the group where there is none.
    fn member(&mut self) -> Result<&mut Member, ConsumerError> {
        if self.member.is_none() {
            let Inner {
                settings,
                names,
                complaints,
                ..
            } = &*self.inner;
            let topics: Vec<&str> = self.topics.iter().map(|topic| names.topic(*topic)).collect();
            let member = Member::join(settings, names, complaints, &self.group, &topics, &self.bell)?;
            self.lease = Lease::new(settings.session_timeout, since_boot());
            self.member = Some(member);
        }
        Ok(self.member.as_mut().expect("made above"))
    }

    /// Leaves the group, to join it anew with the next poll: nothing of this member is ours any more.
    fn start_over(&mut self) -> Option<Polled> {
        self.member = None;
        self.waiting.clear();
        let lost: Vec<_> = std::mem::take(&mut self.cursors).into_keys().collect();
        (!lost.is_empty()).then_some(Polled::Revoked(lost))
    }

    fn start_over_late(&mut self) -> Vec<Polled> {
        tracing::warn!(
            group = self.group,
            "not polled for the session time-out, joining anew"
        );
        self.start_over().into_iter().collect()
    }

    /// Gives away what the last poll told as revoked.
    fn give_away(&mut self) -> Result<(), ConsumerError> {
        if !self.cursors.values().any(|cursor| cursor.revoked) {
            return Ok(());
        }
        let going = self
            .cursors
            .iter()
            .filter(|(_, cursor)| cursor.revoked && cursor.fetched);
        let going: Vec<_> = going.map(|(partition, _)| *partition).collect();
        self.cursors.retain(|_, cursor| !cursor.revoked);
        self.member()?.give_back(&going)
    }

    /// Events until one has to be told, the bounds are reached, or nothing more is there.
    fn read(&mut self, timeout: Duration, room: usize) -> Result<Vec<Polled>, ConsumerError> {
        let deadline = Instant::now() + timeout;
        let mut polled: Vec<Polled> = self.waiting.drain(..).collect();
        let (items, most_bytes) = (self.inner.settings.poll_items, self.inner.settings.poll_bytes);
        let mut bytes = 0;
        while polled.len() < items && bytes < most_bytes {
            let event = self.next(bytes < room)?;
            // The wait before it may have been too long: the whole process can have stood still in it.
            if !self.lease.renew(since_boot()) {
                return Ok(self.start_over_late());
            }
            let Some(event) = event else {
                let left = deadline.saturating_duration_since(Instant::now());
                if self.bell.was_called() || !polled.is_empty() || left.is_zero() {
                    break;
                }
                self.bell.wait(left.min(LOOK));
                self.inner.intact()?;
                continue;
            };
            let rebalanced = matches!(event, Event::Assigned(_) | Event::Revoked(_));
            match self.told_by(event) {
                Ok(Some(item)) => {
                    bytes += length(&item);
                    polled.push(item);
                }
                Ok(None) => {}
                // What was read before it is told first; librdkafka repeats what lasts.
                Err(error) if polled.is_empty() => return Err(error),
                Err(error) => {
                    tracing::warn!(group = self.group, %error, "consumer failed");
                    break;
                }
            }
            if rebalanced || self.member.is_none() {
                break;
            }
        }
        Ok(polled)
    }

    /// What there is: of the group first, and where there is room of the partitions.
    fn next(&mut self, has_room: bool) -> Result<Option<Event>, ConsumerError> {
        let member = self.member()?;
        let of_group = member.next(Duration::ZERO);
        Ok(match of_group {
            None if has_room => member.next_record(),
            of_group => of_group,
        })
    }

    fn told_by(&mut self, event: Event) -> Result<Option<Polled>, ConsumerError> {
        match event {
            Event::Record(record) => Ok(self.take(record)),
            Event::End(partition, offset) => Ok(self.end(partition, offset)),
            Event::Assigned(partitions) => {
                self.member()?.take()?;
                let new = partitions.iter().map(|partition| (*partition, Cursor::default()));
                self.cursors.extend(new);
                Ok((!partitions.is_empty()).then_some(Polled::Assigned(partitions)))
            }
            Event::Revoked(partitions) => self.revoke(partitions),
            Event::Failed(failure) => self.fail(failure),
            Event::Statistics(text) => {
                self.inner.statistics(&self.group, &text);
                Ok(None)
            }
            Event::Logged(level, facility, line) => {
                log_line(&self.group, level, &facility, &line);
                Ok(None)
            }
            Event::Other => Ok(None),
        }
    }

    fn take(&mut self, record: Record) -> Option<Polled> {
        let cursor = self.cursors.get_mut(&record.partition)?;
        if !cursor.takes(record.offset) {
            return None;
        }
        let log_id = self.inner.identity.id(record.partition.topic);
        Some(Polled::Record(record.stored(log_id)))
    }

    fn end(&mut self, partition: Partition, offset: Offset) -> Option<Polled> {
        let cursor = self.cursors.get_mut(&partition)?;
        if !cursor.reads_at(offset) {
            return None;
        }
        // Behind the last record there may be a hole, which is passed with it.
        cursor.next = Some(offset);
        Some(Polled::EndOfPartition(partition, offset))
    }

    /// Tells what goes. Where nothing goes the group still waits for our answer.
    fn revoke(&mut self, partitions: Vec<Partition>) -> Result<Option<Polled>, ConsumerError> {
        let mut told = Vec::with_capacity(partitions.len());
        for partition in partitions {
            if let Some(cursor) = self.cursors.get_mut(&partition) {
                cursor.revoked = true;
                told.push(partition);
            }
        }
        if told.is_empty() {
            self.member()?.give_back(&[])?;
            return Ok(None);
        }
        Ok(Some(Polled::Revoked(told)))
    }

    fn fail(&mut self, failure: Failure) -> Result<Option<Polled>, ConsumerError> {
        use RDKafkaErrorCode::{
            AutoOffsetReset, GroupAuthorizationFailed, InvalidSessionTimeout, LogTruncation,
            OffsetOutOfRange, TopicAuthorizationFailed, UnknownTopic, UnknownTopicId,
            UnknownTopicOrPartition,
        };
        let Failure {
            partition,
            code,
            words,
            fatal,
        } = failure;
        self.inner.complaints.note(Some(code), &words);
        let refused = |remedy: &str| Err(ConsumerError::Engine(format!("{words}; {remedy}")));
        match code {
            _ if fatal => Err(ConsumerError::Fenced(words)),
            // librdkafka has stopped reading the partition. Joining anew has every position looked at again by
            // the seek that opens it, which tells what is out of range.
            AutoOffsetReset | OffsetOutOfRange | LogTruncation => {
                self.inner.look_at_identity();
                self.inner.intact()?;
                tracing::warn!(
                    group = self.group,
                    ?partition,
                    words,
                    "position is not in the log"
                );
                Ok(self.start_over())
            }
            UnknownTopic | UnknownTopicId | UnknownTopicOrPartition => {
                self.inner.look_at_identity();
                self.inner.intact()?;
                Ok(None)
            }
            TopicAuthorizationFailed => refused("give the user the right to read the topic"),
            GroupAuthorizationFailed => refused("give the user the right to read the group"),
            InvalidSessionTimeout => refused(
                "log.session_timeout_ms has to lie between the broker's group.min.session.timeout.ms and \
                 group.max.session.timeout.ms",
            ),
            _ => {
                tracing::info!(group = self.group, %code, words, "kafka consumer waits");
                Ok(None)
            }
        }
    }

    fn own(&mut self, partition: Partition) -> Result<&mut Cursor, ConsumerError> {
        let cursor = self.cursors.get_mut(&partition);
        cursor.ok_or_else(|| ConsumerError::Fenced(format!("{partition} is not assigned to this member")))
    }

    /// Whether we may act for the group at all.
    fn check_standing(&self) -> Result<(), ConsumerError> {
        self.inner.intact()?;
        if !self.lease.holds(since_boot()) {
            return Err(ConsumerError::Fenced(
                "not polled for the session time-out".into(),
            ));
        }
        match &self.member {
            None => Err(ConsumerError::Fenced("joining anew".into())),
            Some(member) if member.is_put_out() => Err(ConsumerError::Fenced(
                "the group has given the partitions to others".into(),
            )),
            Some(_) => Ok(()),
        }
    }

    fn begin_at(&mut self, partition: Partition, offset: Offset) -> Result<(), ConsumerError> {
        let (fetched, paused) = {
            let cursor = self.own(partition)?;
            (cursor.fetched, cursor.paused)
        };
        let member = self.member()?;
        if fetched {
            member.fetch_from(&[(partition, offset)])?;
            if !paused {
                member.resume(&[partition])?;
            }
        } else {
            member.fetch(partition, offset)?;
            if paused {
                member.pause(&[partition])?;
            }
        }
        let cursor = self.own(partition)?;
        (cursor.fetched, cursor.next) = (true, Some(offset));
        Ok(())
    }

    /// Sets the flag of partitions that are ours, and gives those that are fetched.
    fn set_paused(
        &mut self,
        partitions: &[Partition],
        paused: bool,
    ) -> Result<Vec<Partition>, ConsumerError> {
        let mut fetched = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let cursor = self.own(*partition)?;
            cursor.paused = paused;
            if cursor.fetched {
                fetched.push(*partition);
            }
        }
        Ok(fetched)
    }
}

impl Consumer for KafkaConsumer {
    fn poll_within(&mut self, timeout: Duration, room: usize) -> Result<Vec<Polled>, ConsumerError> {
        self.inner.intact()?;
        if self.member.is_some() && !self.lease.renew(since_boot()) {
            return Ok(self.start_over_late());
        }
        self.give_away()?;
        self.read(timeout, room)
    }

    fn committed(
        &mut self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, ConsumerError> {
        self.inner.intact()?;
        self.member()?.committed(partitions)
    }

    fn seek(&mut self, partition: Partition, offset: Offset) -> Result<(), ConsumerError> {
        self.check_standing()?;
        let available = self.inner.offsets(partition)?;
        let fetched = self.own(partition)?.fetched;
        if (available.0..=available.1).contains(&offset) {
            return self.begin_at(partition, offset);
        }
        if fetched {
            self.member()?.pause(&[partition])?;
        }
        self.own(partition)?.next = None;
        self.waiting.push_back(Polled::OutOfRange {
            partition,
            asked: offset,
            available,
        });
        Ok(())
    }

    fn offsets(&mut self, partition: Partition) -> Result<(Offset, Offset), ConsumerError> {
        self.inner.offsets(partition)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Result<Vec<(Partition, Offset)>, ConsumerError> {
        match &self.member {
            // librdkafka refuses to ask for nothing, which is no reason to give other questions a rest.
            Some(member) if !partitions.is_empty() => self.inner.ask(|| member.ends(partitions)),
            _ => Ok(Vec::new()),
        }
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), ConsumerError> {
        self.check_standing()?;
        for commit in commits {
            self.own(commit.partition)?;
        }
        self.member()?.commit(commits)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        let fetched = self.set_paused(partitions, true)?;
        if fetched.is_empty() {
            Ok(())
        } else {
            self.member()?.pause(&fetched)
        }
    }

    fn resume(&mut self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        let fetched = self.set_paused(partitions, false)?;
        if fetched.is_empty() {
            return Ok(());
        }
        let from = fetched
            .iter()
            .filter_map(|partition| Some((*partition, self.cursors.get(partition)?.next?)));
        let from: Vec<_> = from.collect();
        let member = self.member()?;
        member.resume(&fetched)?;
        // A resumed partition is fetched when librdkafka's thread of its broker next looks, which can be a second later;
        // a seek wakes it. What was fetched ahead is gone since the pause anyway. Without it they go on, only later.
        if let Err(error) = member.fetch_from(&from) {
            tracing::debug!(group = self.group, %error, "resumed partitions are not fetched at once");
        }
        Ok(())
    }

    fn session_timeout(&self) -> Duration {
        self.inner.settings.session_timeout
    }

    fn waker(&self) -> Waker {
        let bell = Arc::clone(&self.bell);
        Waker::new(move || bell.call())
    }
}

/// What an item counts against the bound of a poll.
fn length(item: &Polled) -> usize {
    match item {
        Polled::Record(record) => record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len),
        _ => 0,
    }
}
