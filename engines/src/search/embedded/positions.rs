//! How far each partition was written: kept in the payload of tantivy's commit, so that it is durable with the
//! documents or not at all. Which partitions there are is asked; how far they were is for people,
//! and never goes back.

use std::collections::BTreeMap;

use hindsight_schemas::ids::{LogId, Offset, Partition, Topic};
use serde::{Deserialize, Serialize};

use super::super::{SearchError, WriteRange, WrittenPartition};

/// Last offset by log and partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Positions(BTreeMap<(LogId, Partition), Offset>);

#[derive(Serialize, Deserialize)]
struct Written {
    log_id: LogId,
    topic: Topic,
    partition: u32,
    last: Offset,
}

impl Positions {
    pub(super) fn note(&mut self, range: WriteRange) {
        let last = self
            .0
            .entry((range.log_id, range.partition))
            .or_insert(range.last);
        *last = range.last.max(*last);
    }

    pub(super) fn list(&self) -> Vec<WrittenPartition> {
        let written = |&(log_id, partition): &(LogId, Partition)| WrittenPartition { log_id, partition };
        self.0.keys().map(written).collect()
    }

    pub(super) fn to_payload(&self) -> Result<String, SearchError> {
        let written = |(&(log_id, of), &last): (&(LogId, Partition), &Offset)| Written {
            log_id,
            topic: of.topic,
            partition: of.partition,
            last,
        };
        let all: Vec<_> = self.0.iter().map(written).collect();
        serde_json::to_string(&all).map_err(|error| SearchError::Engine(error.to_string()))
    }

    /// Of a commit; the first commit of an index has no payload.
    pub(super) fn of_payload(payload: Option<&str>) -> Result<Self, SearchError> {
        let Some(payload) = payload else {
            return Ok(Self::default());
        };
        let all: Vec<Written> = serde_json::from_str(payload).map_err(|error| {
            SearchError::Engine(format!("positions in the commit can't be read: {error}"))
        })?;
        let entry = |of: Written| {
            (
                (
                    of.log_id,
                    Partition {
                        topic: of.topic,
                        partition: of.partition,
                    },
                ),
                of.last,
            )
        };
        Ok(Self(all.into_iter().map(entry).collect()))
    }
}
