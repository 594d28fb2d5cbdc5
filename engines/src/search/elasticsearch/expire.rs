//! Removes documents whose time is over, [`PART`] at a time.
//!
//! **Invariant:** a document goes only as it was found: one that an erasure turned into a stub meanwhile stays
//! (`if_seq_no`), and stubs have no time. Their ids are free afterwards.

use bytes::Bytes;
use hindsight_schemas::templates::IndexFamily;
use serde::Deserialize;
use serde_json::json;

use super::super::SearchError;
use super::ElasticsearchSearch;
use super::bulk::{Action, Landed, Operation};
use super::client::Request;
use super::indices::WILDCARDS;

/// Documents of one call.
const PART: usize = 5_000;

#[derive(Deserialize)]
struct Found {
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_seq_no")]
    seq_no: u64,
    #[serde(rename = "_primary_term")]
    primary_term: u64,
}

impl From<Hit> for Operation {
    fn from(hit: Hit) -> Self {
        Self {
            action: Action::Delete {
                seq_no: hit.seq_no,
                primary_term: hit.primary_term,
            },
            index: hit.index,
            id: hit.id,
            body: Bytes::new(),
        }
    }
}

impl ElasticsearchSearch {
    /// Removes some of what expired before this moment, Unix seconds, and says how many went.
    pub(super) async fn remove_expired(&self, now_s: i64) -> Result<u64, SearchError> {
        let patterns = [IndexFamily::Audit, IndexFamily::Activity].map(|family| self.names.pattern(family));
        let body = json!({
            "size": PART,
            "_source": false,
            "seq_no_primary_term": true,
            "sort": ["_doc"],
            "query": { "range": { "expires_at_s": { "lt": now_s } } },
        });
        let path = format!(
            "{}/_search?allow_partial_search_results=false&{WILDCARDS}",
            patterns.join(",")
        );
        let found: Found = self.client.ask(Request::post(path, &body)).await?;
        let operations: Vec<Operation> = found.hits.hits.into_iter().map(Operation::from).collect();
        let landed = self.bulk(&operations).await?;
        let indices = operations.into_iter().map(|operation| operation.index);
        self.refresher.refresh(&self.client, indices).await?;
        Ok(landed.iter().filter(|landed| **landed == Landed::Written).count() as u64)
    }
}
