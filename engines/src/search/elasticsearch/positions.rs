//! How far each partition was written: a document for each, whose version is the offset, so that it never goes
//! back. Written after the documents of a range, and only noted: the ids are what makes a repeat harmless.

use hindsight_schemas::ids::{LogId, Offset, Partition, Topic};
use hindsight_schemas::templates::IndexFamily;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{CommittedPosition, MAX_PAGE, SearchError, WriteRange};
use super::ElasticsearchSearch;
use super::bulk::{Action, Operation};
use super::client::Request;
use super::indices::WILDCARDS;

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

impl ElasticsearchSearch {
    /// Notes a range as written.
    pub(super) async fn note(&self, range: WriteRange) -> Result<(), SearchError> {
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
        self.bulk(&[Operation {
            action: Action::AtVersion(last),
            index,
            id: format!("{log_id}/{partition}"),
            body: body.to_string().into(),
        }])
        .await?;
        Ok(())
    }

    /// What was noted, by whichever process.
    pub(super) async fn noted(&self) -> Result<Vec<CommittedPosition>, SearchError> {
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

impl From<Written> for CommittedPosition {
    fn from(written: Written) -> Self {
        Self {
            log_id: written.log_id,
            partition: Partition {
                topic: written.topic,
                partition: written.partition,
            },
            last: written.last,
        }
    }
}
