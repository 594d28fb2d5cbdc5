//! Erasure: stubs take the ids of what goes, and a marker takes a session's.
//!
//! **Invariant:** the marker is durable before the session's documents are looked for, so what is created
//! meanwhile is either found here or seen by its creator ([`super::write`]). **Failure:** all of it can be
//! repeated. **Bound:** [`FOUND`] documents at a time. The erased text leaves the disk when Lucene merges.

use std::collections::{BTreeSet, HashSet};

use bytes::Bytes;
use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::{ProjectId, SessionId};
use serde::Deserialize;
use serde_json::json;

use super::super::{SearchError, WriteOutcome};
use super::ElasticsearchSearch;
use super::bulk::{Action, Operation};
use super::client::Request;
use super::document::{ACTIVITY, IDENTITY, STUB, STUB_BODY, StoredIdentity, session_key};
use super::encode::EncodedWrite;

/// Documents of a session that are turned into stubs at a time.
const FOUND: usize = 1_000;
/// Ids in one look-up.
const IDS: usize = 1_000;

#[derive(Deserialize)]
struct Looked {
    docs: Vec<LookedUp>,
}

#[derive(Deserialize)]
struct LookedUp {
    #[serde(rename = "_source")]
    source: Option<StoredIdentity>,
    error: Option<super::failure::ErrorBody>,
}

#[derive(Deserialize)]
struct Found {
    hits: FoundHits,
}

#[derive(Deserialize)]
struct FoundHits {
    hits: Vec<FoundHit>,
}

#[derive(Deserialize)]
struct FoundHit {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
}

/// The write that leaves nothing but the id.
pub(super) fn stub(index: String, id: String) -> Operation {
    Operation {
        action: Action::Overwrite,
        index,
        id,
        body: Bytes::from_static(STUB_BODY),
    }
}

impl ElasticsearchSearch {
    pub(super) async fn stub(
        &self,
        writes: &[EncodedWrite],
        erased_from: &mut BTreeSet<String>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let mut stubs = Vec::new();
        for write in writes {
            if let EncodedWrite::Stub(id) = write {
                let index = self.names.of(id)?;
                self.ensure_index(&index).await?;
                erased_from.insert(index.clone());
                stubs.push(stub(index, id.as_str().to_owned()));
            }
        }
        self.bulk(&stubs).await?;
        Ok(vec![WriteOutcome::Stubbed; stubs.len()])
    }

    pub(super) async fn erase_sessions(
        &self,
        writes: &[EncodedWrite],
        erased_from: &mut BTreeSet<String>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            if let EncodedWrite::EraseSession { project, session_id } = write {
                self.erase_session(project, *session_id).await?;
                erased_from.insert(self.names.activity(*session_id));
                outcomes.push(WriteOutcome::Stubbed);
            }
        }
        Ok(outcomes)
    }

    async fn erase_session(&self, project: &ProjectId, session: SessionId) -> Result<(), SearchError> {
        let index = self.names.activity(session);
        self.ensure_index(&index).await?;
        let marker = DocumentId::erased_session(project, session);
        self.bulk(&[stub(index.clone(), marker.as_str().to_owned())])
            .await?;
        loop {
            self.refresher.refresh(&self.client, [index.clone()]).await?;
            let found = self.documents_of(&index, project, session).await?;
            if found.is_empty() {
                return Ok(());
            }
            self.bulk(&found).await?;
        }
    }

    /// Stubs for some of the documents that a session still has.
    async fn documents_of(
        &self,
        index: &str,
        project: &ProjectId,
        session: SessionId,
    ) -> Result<Vec<Operation>, SearchError> {
        let filter = [
            json!({ "term": { "kind": ACTIVITY } }),
            json!({ "term": { "session_key": session_key(project, session) } }),
        ];
        let body = json!({ "size": FOUND, "_source": false, "query": { "bool": { "filter": filter } } });
        let path = format!("{index}/_search?allow_partial_search_results=false");
        let found: Found = self.client.ask(Request::post(path, &body)).await?;
        let hits = found.hits.hits.into_iter();
        Ok(hits.map(|hit| stub(hit.index, hit.id)).collect())
    }

    /// Which of these sessions have a marker.
    pub(super) async fn erased(
        &self,
        sessions: &HashSet<(ProjectId, SessionId)>,
    ) -> Result<HashSet<(ProjectId, SessionId)>, SearchError> {
        let markers: Vec<_> = sessions
            .iter()
            .map(|of| {
                (
                    of,
                    self.names.activity(of.1),
                    DocumentId::erased_session(&of.0, of.1),
                )
            })
            .collect();
        let asked: Vec<(&str, &str)> = markers
            .iter()
            .map(|(_, index, marker)| (index.as_str(), marker.as_str()))
            .collect();
        let found = self.identities(&asked).await?;
        let erased = markers.iter().zip(found).filter(|(_, found)| {
            let kind = found.as_ref().map(|identity| identity.kind.as_str());
            kind == Some(STUB)
        });
        Ok(erased.map(|((of, ..), _)| (*of).clone()).collect())
    }

    /// What is under these (index, id), as of now: a look-up by id sees what no refresh has shown yet.
    pub(super) async fn identities(
        &self,
        asked: &[(&str, &str)],
    ) -> Result<Vec<Option<StoredIdentity>>, SearchError> {
        let mut found = Vec::with_capacity(asked.len());
        for asked in asked.chunks(IDS) {
            let docs: Vec<_> = asked
                .iter()
                .map(|(index, id)| json!({ "_index": index, "_id": id, "_source": IDENTITY }))
                .collect();
            let path = "_mget?filter_path=docs.found,docs._source,docs.error";
            let looked: Looked = self
                .client
                .ask(Request::post(path, &json!({ "docs": docs })))
                .await?;
            if looked.docs.len() != asked.len() {
                return Err(SearchError::Engine(format!(
                    "{} answers to {} ids",
                    looked.docs.len(),
                    asked.len()
                )));
            }
            for (looked, (index, _)) in looked.docs.into_iter().zip(asked) {
                found.push(identity(looked, index)?);
            }
        }
        Ok(found)
    }
}

/// An index that is not there yet has nobody.
fn identity(looked: LookedUp, index: &str) -> Result<Option<StoredIdentity>, SearchError> {
    use super::failure::Failure;
    use super::refusal::Refusal;
    let Some(error) = looked.error else {
        return Ok(looked.source);
    };
    // The items of a look-up have no status of their own.
    match Failure::of_error(400, &error, Some(index)) {
        Failure::Refused(Refusal::Gone { .. }) => Ok(None),
        other => Err(other.into()),
    }
}
