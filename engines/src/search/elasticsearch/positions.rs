//! Of which partitions something was written: a document for each, noted before the first document of a partition that
//! this process writes, so that there is none without a note. How far it was then is told for people; the version is the
//! offset, so that it never goes back. An index that somebody deletes stays without the notes of running processes.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use hindsight_schemas::ids::{LogId, Offset, Partition, Topic};
use hindsight_schemas::templates::IndexFamily;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{MAX_PAGE, SearchError, WriteRange, WrittenPartition};
use super::ElasticsearchSearch;
use super::bulk::{Action, Landed, Operation};
use super::client::Request;
use super::indices::WILDCARDS;
use crate::failpoint;

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    log_id: LogId,
    topic: Topic,
    partition: u32,
    last: Offset,
}

#[derive(Deserialize)]
struct Found {
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    #[serde(default)]
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_source")]
    source: Written,
}

/// The partitions that this process has noted.
#[derive(Debug, Default)]
pub(super) struct Noted(Mutex<HashSet<(LogId, Partition)>>);

impl Noted {
    fn has(&self, range: WriteRange) -> bool {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.contains(&(range.log_id, range.partition))
    }

    fn add(&self, range: WriteRange) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.insert((range.log_id, range.partition));
    }
}

impl ElasticsearchSearch {
    /// Notes that something of the range's partition is written.
    pub(super) async fn note(&self, range: WriteRange) -> Result<(), SearchError> {
        if self.noted.has(range) {
            return Ok(());
        }
        failpoint::step("search-note");
        let WriteRange {
            log_id,
            partition,
            last,
        } = range;
        let body = json!(Written {
            log_id,
            topic: partition.topic,
            partition: partition.partition,
            last
        });
        let index = self.names.positions();
        self.ensure_index(&index).await?;
        let id = format!("{log_id}/{partition}");
        let note = Operation {
            action: Action::AtVersion(last),
            index,
            id: id.clone(),
            body: body.to_string().into(),
        };
        if let Some(Landed::Unreadable(words)) = self.bulk(&[note]).await?.pop() {
            return Err(SearchError::Engine(format!("note {id} was not taken: {words}")));
        }
        self.noted.add(range);
        Ok(())
    }

    /// What was noted, by whichever process.
    pub(super) async fn partitions(&self) -> Result<Vec<WrittenPartition>, SearchError> {
        let index = self.names.positions();
        self.ensure_index(&index).await?;
        self.refresher.refresh(&self.client, [index]).await?;
        let pattern = self.names.pattern(IndexFamily::Positions);
        let path = format!("{pattern}/_search?allow_partial_search_results=false&{WILDCARDS}");
        let body = json!({ "size": MAX_PAGE, "query": { "match_all": {} } });
        let found: Found = self.client.ask(Request::post(path, &body)).await?;
        let hits = found.hits.hits.into_iter();
        Ok(hits.map(|hit| hit.source.into()).collect())
    }
}

impl From<Written> for WrittenPartition {
    fn from(written: Written) -> Self {
        Self {
            log_id: written.log_id,
            partition: Partition {
                topic: written.topic,
                partition: written.partition,
            },
        }
    }
}
