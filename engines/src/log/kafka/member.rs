//! One client of librdkafka in a group: its queue, its commits, and what is answered by the group's coordinator.
//!
//! **Invariants:** one commit in flight; the next is sent only after the answer to the one before, so none can land
//! behind a later one. A commit names only partitions that its caller has checked to be its own.
//! **Failure**: without an answer within `request_timeout` the commit is to be sent again; the answer that comes late is
//! waited for first. A client that does not get out of its group is left to itself: in the midst of rebalances and away
//! brokers librdkafka has been seen to close for ever. **Bound**: `request_timeout` for each call, `session_timeout` for
//! leaving, after which the group gives our partitions to others anyway.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use hindsight_schemas::ids::{Offset, Partition};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset as Place, TopicPartitionList};

use super::bell::Bell;
use super::context::{Complaints, Context};
use super::names::Names;
use super::native::{Event, Queue};
use super::patience::ask_again;
use super::settings::Settings;
use crate::log::{Commit, Committed, ConsumerError};

/// Longest metadata of a commit: the broker's default (`offset.metadata.max.bytes`).
const METADATA_BYTES: usize = 4096;

/// A client in a group.
pub(super) struct Member {
    connection: Leaving,
    unanswered: bool,
    names: Names,
    complaints: Complaints,
    request_timeout: Duration,
}

/// A client and its queues, which leave the group when they are dropped.
struct Leaving {
    open: Option<Connection>,
    within: Duration,
}

struct Connection {
    // The queues go before the client that they keep alive.
    /// What concerns the group and the client.
    queue: Queue,
    /// Records of a member's partitions and what befalls these, so that they can wait without the group waiting.
    records: Queue,
    answers: Queue,
    client: Arc<BaseConsumer<Context>>,
}

impl std::ops::Deref for Leaving {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.open.as_ref().expect("it is taken by the drop alone")
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let open = self.open.take();
        if !is_done_within(self.within, move || drop(open)) {
            tracing::warn!(
                limit_s = self.within.as_secs(),
                "a client did not leave its group in time, going on without it"
            );
        }
    }
}

/// Does something on a thread of its own and waits for it so long; says whether it was done by then.
fn is_done_within(limit: Duration, work: impl FnOnce() + Send + 'static) -> bool {
    let (ends, ended) = channel();
    let working = std::thread::Builder::new()
        .name("kafka-leave".into())
        .spawn(move || {
            work();
            // Nobody may be waiting any more.
            let _ = ends.send(());
        });
    // Without a thread the work was dropped, which closes the client here and now.
    working.is_err() || ended.recv_timeout(limit).is_ok()
}

impl Member {
    /// Joins the group on these topics.
    pub(super) fn join(
        settings: &Settings,
        names: &Names,
        complaints: &Complaints,
        group: &str,
        topics: &[&str],
        bell: &Arc<Bell>,
    ) -> Result<Self, ConsumerError> {
        let member = Self::connect(settings, names, complaints, group, |queue| queue.rings(bell))?;
        member.connection.client.subscribe(topics).map_err(engine)?;
        Ok(member)
    }

    /// One that reads what it is told to, and joins nobody.
    pub(super) fn apart(
        settings: &Settings,
        names: &Names,
        complaints: &Complaints,
        group: &str,
    ) -> Result<Self, ConsumerError> {
        Self::connect(settings, names, complaints, group, |queue| queue)
    }

    fn connect(
        settings: &Settings,
        names: &Names,
        complaints: &Complaints,
        group: &str,
        prepared: impl Fn(Queue) -> Queue,
    ) -> Result<Self, ConsumerError> {
        let client = Arc::new(client(settings, names, complaints, group)?);
        let made = |queue: Option<Queue>| {
            queue.ok_or_else(|| ConsumerError::Engine("the client has no queue".into()))
        };
        Ok(Self {
            connection: Leaving {
                open: Some(Connection {
                    queue: prepared(made(Queue::of_consumer(&client))?),
                    records: prepared(made(Queue::beside(&client))?),
                    answers: made(Queue::beside(&client))?,
                    client,
                }),
                within: settings.session_timeout,
            },
            unanswered: false,
            names: names.clone(),
            complaints: complaints.clone(),
            request_timeout: settings.request_timeout,
        })
    }

    /// What concerns the group; of one that reads apart, records too.
    pub(super) fn next(&self, timeout: Duration) -> Option<Event> {
        self.connection.queue.next(timeout, &self.names)
    }

    /// A record that is there, or what befell a partition.
    pub(super) fn next_record(&self) -> Option<Event> {
        self.connection.records.next(Duration::ZERO, &self.names)
    }

    /// The group has given our partitions to others.
    pub(super) fn is_put_out(&self) -> bool {
        self.connection.client.assignment_lost()
    }

    /// Answers the group that the partitions it gave us are taken; fetching begins with [`Member::fetch`].
    pub(super) fn take(&self) -> Result<(), ConsumerError> {
        self.connection
            .client
            .incremental_assign(&TopicPartitionList::new())
            .map_err(engine)
    }

    /// Gives back partitions; those that are fetched have to be named.
    pub(super) fn give_back(&self, fetched: &[Partition]) -> Result<(), ConsumerError> {
        self.connection
            .client
            .incremental_unassign(&self.list(fetched))
            .map_err(engine)
    }

    /// Begins to fetch a partition.
    pub(super) fn fetch(&self, partition: Partition, from: Offset) -> Result<(), ConsumerError> {
        let (topic, number) = self.named(partition);
        let taken = self.connection.records.take_over(topic, number);
        taken.ok_or_else(|| ConsumerError::Engine(format!("the client has no queue for {partition}")))?;
        self.connection
            .client
            .incremental_assign(&self.list_at(&[(partition, from)])?)
            .map_err(engine)
    }

    /// Fetches this alone, whatever was fetched before; not for a member that has joined.
    pub(super) fn fetch_only(&self, partition: Partition, from: Offset) -> Result<(), ConsumerError> {
        let list = self.list_at(&[(partition, from)])?;
        self.connection.client.assign(&list).map_err(engine)
    }

    /// Fetches on from these offsets.
    pub(super) fn fetch_from(&self, places: &[(Partition, Offset)]) -> Result<(), ConsumerError> {
        if places.is_empty() {
            return Ok(());
        }
        let list = self.list_at(places)?;
        let answer = self
            .connection
            .client
            .seek_partitions(list, self.request_timeout)
            .map_err(engine)?;
        answer
            .elements()
            .iter()
            .try_for_each(|element| element.error())
            .map_err(engine)
    }

    pub(super) fn pause(&self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        self.connection
            .client
            .pause(&self.list(partitions))
            .map_err(engine)
    }

    pub(super) fn resume(&self, partitions: &[Partition]) -> Result<(), ConsumerError> {
        self.connection
            .client
            .resume(&self.list(partitions))
            .map_err(engine)
    }

    /// What the group committed.
    pub(super) fn committed(
        &self,
        partitions: &[Partition],
    ) -> Result<Vec<(Partition, Option<Committed>)>, ConsumerError> {
        let asked = self.list(partitions);
        committed_of(&self.connection.client, &self.names, asked, self.request_timeout)
            .map_err(|error| self.explained(error))
    }

    /// Where partitions end, asked for in one request to each broker; without those that the cluster does not know.
    pub(super) fn ends(&self, partitions: &[Partition]) -> Result<Vec<(Partition, Offset)>, String> {
        let mut asked = self.list(partitions);
        // In place of a time: ListOffsets takes it for the latest.
        asked
            .set_all_offsets(Place::End)
            .map_err(|error| error.to_string())?;
        let client = &self.connection.client;
        let answer = ask_again(self.request_timeout, |left| {
            client.offsets_for_times(asked.clone(), left)
        });
        let answer = answer.map_err(|error| error.to_string())?;
        let elements = answer.elements();
        let known = elements.iter().filter_map(|element| {
            let partition = self.names.partition(element.topic(), element.partition())?;
            match (element.error(), element.offset()) {
                (Ok(()), Place::Offset(end)) => Some((partition, end.cast_unsigned())),
                _ => None,
            }
        });
        Ok(known.collect())
    }

    /// Commits several partitions in one request.
    pub(super) fn commit(&mut self, commits: &[Commit]) -> Result<(), ConsumerError> {
        self.settle()?;
        let offsets = self.commit_list(commits)?;
        self.connection
            .answers
            .commit(&offsets)
            .map_err(|code| self.explained(commit_error(code)))?;
        self.unanswered = true;
        match self.connection.answers.commit_answer(self.request_timeout) {
            Some(answer) => {
                self.unanswered = false;
                answer.map_err(|code| self.explained(commit_error(code)))
            }
            None => Err(self.unanswered_for()),
        }
    }

    /// Waits for the answer that is still out.
    fn settle(&mut self) -> Result<(), ConsumerError> {
        if self.unanswered
            && self
                .connection
                .answers
                .commit_answer(self.request_timeout)
                .is_none()
        {
            return Err(self.unanswered_for());
        }
        self.unanswered = false;
        Ok(())
    }

    fn unanswered_for(&self) -> ConsumerError {
        let words = format!("no answer within {:?}", self.request_timeout);
        ConsumerError::Retriable(self.complaints.explain(&words))
    }

    fn explained(&self, error: ConsumerError) -> ConsumerError {
        match error {
            ConsumerError::Retriable(words) => ConsumerError::Retriable(self.complaints.explain(&words)),
            ConsumerError::Engine(words) => ConsumerError::Engine(self.complaints.explain(&words)),
            fenced @ ConsumerError::Fenced(_) => fenced,
        }
    }

    fn commit_list(&self, commits: &[Commit]) -> Result<TopicPartitionList, ConsumerError> {
        let mut list = TopicPartitionList::with_capacity(commits.len());
        for Commit { partition, committed } in commits {
            let bytes = committed.metadata.len();
            if bytes > METADATA_BYTES {
                return Err(ConsumerError::Engine(format!(
                    "metadata of {bytes} bytes is over {METADATA_BYTES} (the broker's offset.metadata.max.bytes)"
                )));
            }
            let (topic, number) = self.named(*partition);
            list.add_partition(topic, number)
                .set_metadata(committed.metadata.as_str());
            list.set_partition_offset(topic, number, place(committed.offset)?)
                .map_err(engine)?;
        }
        Ok(list)
    }

    fn named(&self, partition: Partition) -> (&str, i32) {
        (
            self.names.topic(partition.topic),
            partition.partition.cast_signed(),
        )
    }

    fn list(&self, partitions: &[Partition]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let (topic, number) = self.named(*partition);
            list.add_partition(topic, number);
        }
        list
    }

    fn list_at(&self, places: &[(Partition, Offset)]) -> Result<TopicPartitionList, ConsumerError> {
        let mut list = TopicPartitionList::with_capacity(places.len());
        for (partition, offset) in places {
            let (topic, number) = self.named(*partition);
            list.add_partition_offset(topic, number, place(*offset)?)
                .map_err(engine)?;
        }
        Ok(list)
    }
}

/// A client with a group, which has not joined it.
pub(super) fn client(
    settings: &Settings,
    names: &Names,
    complaints: &Complaints,
    group: &str,
) -> Result<BaseConsumer<Context>, ConsumerError> {
    let context = Context {
        client: group.to_owned(),
        complaints: complaints.clone(),
    };
    BaseConsumer::from_config_and_context(&settings.member(&names.group(group)), context).map_err(engine)
}

/// What a client's group committed for a list of partitions.
pub(super) fn committed_of(
    client: &BaseConsumer<Context>,
    names: &Names,
    asked: TopicPartitionList,
    timeout: Duration,
) -> Result<Vec<(Partition, Option<Committed>)>, ConsumerError> {
    let answer = ask_again(timeout, |left| client.committed_offsets(asked.clone(), left)).map_err(engine)?;
    let mut found = Vec::with_capacity(answer.count());
    for element in answer.elements() {
        element.error().map_err(engine)?;
        let Some(partition) = names.partition(element.topic(), element.partition()) else {
            continue;
        };
        let committed = match element.offset() {
            Place::Offset(offset) => Some(Committed {
                offset: offset.cast_unsigned(),
                metadata: element.metadata().to_owned(),
            }),
            _ => None,
        };
        found.push((partition, committed));
    }
    Ok(found)
}

fn place(offset: Offset) -> Result<Place, ConsumerError> {
    i64::try_from(offset)
        .map(Place::Offset)
        .map_err(|_| ConsumerError::Engine(format!("offset {offset} is beyond what Kafka counts")))
}

pub(super) fn engine(error: impl std::fmt::Display) -> ConsumerError {
    ConsumerError::Engine(error.to_string())
}

/// What a refused commit means: send it again, we are out, or the engine's own words.
fn commit_error(code: RDKafkaErrorCode) -> ConsumerError {
    use RDKafkaErrorCode::{
        AssignmentLost, BrokerTransportFailure, CoordinatorLoadInProgress, CoordinatorNotAvailable, Fatal,
        FencedInstanceId, FencedMemberEpoch, IllegalGeneration, InvalidSessionTimeout, NotCoordinator,
        OperationTimedOut, RebalanceInProgress, RequestTimedOut, StaleMemberEpoch, UnknownMemberId,
        WaitingForCoordinator,
    };
    match code {
        RebalanceInProgress
        | StaleMemberEpoch
        | OperationTimedOut
        | RequestTimedOut
        | BrokerTransportFailure
        | NotCoordinator
        | CoordinatorNotAvailable
        | CoordinatorLoadInProgress
        | WaitingForCoordinator => ConsumerError::Retriable(code.to_string()),
        UnknownMemberId | IllegalGeneration | FencedInstanceId | FencedMemberEpoch | AssignmentLost
        | Fatal => ConsumerError::Fenced(code.to_string()),
        InvalidSessionTimeout => ConsumerError::Engine(format!(
            "{code}: log.session_timeout_ms is outside the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"
        )),
        _ => ConsumerError::Engine(code.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_waited_for_no_longer_than_it_may_take() {
        let (never, waits) = channel::<()>();
        let limit = Duration::from_millis(20);
        assert!(!is_done_within(limit, move || {
            let _ = waits.recv();
        }));
        drop(never);
        assert!(is_done_within(Duration::from_secs(60), || {}));
    }
}
