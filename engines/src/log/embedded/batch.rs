//! One group commit before it touches the disk: which requests are in it, at which offsets, and who was refused.
//!
//! **Invariants:** a request is in the batch as a whole or refused as a whole; within a partition offsets go up
//! by arrival and the append time never goes back; a commit of a member that does not own the partition at this
//! moment is refused, so that what the next owner reads behind a barrier is final.

use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;

use hindsight_schemas::ids::{LogId, Offset, Partition, Position};
use tokio::sync::oneshot;

use super::options::Options;
use super::queue::{Append, GroupCommit};
use super::record::{encoded_len, footprint};
use super::state::State;
use super::tables::Ends;
use crate::log::{AppendError, Commit, ConsumerError, NewRecord};

/// A record with its place.
pub(super) struct Placed {
    pub(super) partition: Partition,
    pub(super) offset: Offset,
    pub(super) appended_at_ms: i64,
    pub(super) record: NewRecord,
}

type AppendReply = oneshot::Sender<Result<Vec<Position>, AppendError>>;
type CommitReply = SyncSender<Result<(), ConsumerError>>;

/// What one transaction is going to hold.
pub(super) struct Batch {
    log_id: LogId,
    now_ms: i64,
    /// The ends as they will be, of partitions that change.
    pub(super) ends: BTreeMap<Partition, Ends>,
    /// Bytes of the whole log as they will be.
    bytes: u64,
    pub(super) records: Vec<Placed>,
    pub(super) commits: Vec<(String, Vec<Commit>)>,
    append_replies: Vec<(AppendReply, Vec<Position>)>,
    commit_replies: Vec<CommitReply>,
    /// Bytes of the rows.
    pub(super) row_bytes: u64,
}

impl Batch {
    pub(super) fn new(log_id: LogId, now_ms: i64, bytes: u64) -> Self {
        Self {
            log_id,
            now_ms,
            bytes,
            ends: BTreeMap::new(),
            records: Vec::new(),
            commits: Vec::new(),
            append_replies: Vec::new(),
            commit_replies: Vec::new(),
            row_bytes: 0,
        }
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.commits.is_empty()
    }

    /// Takes an append in, or hands it back with the bound that it does not fit under.
    pub(super) fn append(
        &mut self,
        append: Append,
        state: &State,
        options: &Options,
    ) -> Result<(), (Append, u64)> {
        let mut bytes = self.bytes;
        for (partition, record) in &append.records {
            bytes += footprint(encoded_len(record));
            let bound = options.max_bytes_of(partition.topic);
            if bytes > bound {
                return Err((append, bound));
            }
        }
        self.bytes = bytes;
        let positions = append
            .records
            .into_iter()
            .map(|(partition, record)| self.place(partition, record, state));
        let positions = positions.collect();
        self.append_replies.push((append.reply, positions));
        Ok(())
    }

    fn place(&mut self, partition: Partition, record: NewRecord, state: &State) -> Position {
        let now_ms = self.now_ms;
        let ends = self.ends_of(partition, state);
        let (offset, len) = (ends.next, encoded_len(&record));
        ends.next += 1;
        ends.last_append_ms = ends.last_append_ms.max(now_ms);
        ends.records += 1;
        ends.bytes += footprint(len);
        let appended_at_ms = ends.last_append_ms;
        self.row_bytes += len as u64;
        self.records.push(Placed {
            partition,
            offset,
            appended_at_ms,
            record,
        });
        Position {
            log_id: self.log_id,
            partition,
            offset,
        }
    }

    /// Leaves a hole.
    pub(super) fn skip(&mut self, partition: Partition, offsets: u64, reply: CommitReply, state: &State) {
        self.ends_of(partition, state).next += offsets;
        self.commit_replies.push(reply);
    }

    /// Takes a commit in, or refuses it.
    pub(super) fn commit(&mut self, commit: GroupCommit, state: &State) {
        let GroupCommit {
            group,
            member,
            commits,
            reply,
        } = commit;
        let strange = commits
            .iter()
            .find(|commit| !state.groups.owns(&group, member, commit.partition));
        if let Some(strange) = strange {
            let generation = state.groups.generation(&group);
            let error = format!(
                "member {member} does not own {} in generation {generation} of group {group}",
                strange.partition
            );
            let _ = reply.send(Err(ConsumerError::Fenced(error)));
            return;
        }
        self.commits.push((group, commits));
        self.commit_replies.push(reply);
    }

    fn ends_of(&mut self, partition: Partition, state: &State) -> &mut Ends {
        self.ends
            .entry(partition)
            .or_insert_with(|| state.ends.get(&partition).copied().unwrap_or_default())
    }

    /// Makes the shared state say what is durable now.
    pub(super) fn publish(&self, state: &mut State) {
        state
            .ends
            .extend(self.ends.iter().map(|(partition, ends)| (*partition, *ends)));
        for (group, commits) in &self.commits {
            let group = state.commits.entry(group.clone()).or_default();
            group.extend(
                commits
                    .iter()
                    .map(|commit| (commit.partition, commit.committed.clone())),
            );
        }
    }

    /// Answers everybody. Who no longer waits is not answered: the records are kept all the same.
    pub(super) fn answer(self, outcome: Result<(), (AppendError, ConsumerError)>) {
        for (reply, positions) in self.append_replies {
            let _ = reply.send(outcome.clone().map(|()| positions).map_err(|(error, _)| error));
        }
        for reply in self.commit_replies {
            let _ = reply.send(outcome.clone().map_err(|(_, error)| error));
        }
    }
}
