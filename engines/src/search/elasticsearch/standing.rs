//! What stands under ids. **Bound:** those of a look-up by id ([`super::erase`]).

use hindsight_schemas::canonical::hex;
use hindsight_schemas::documents::DocumentId;

use super::super::{SearchError, Standing, place};
use super::ElasticsearchSearch;
use super::document::{STUB, StoredIdentity};

impl ElasticsearchSearch {
    pub(super) async fn stand(&self, ids: &[(DocumentId, [u8; 32])]) -> Result<Vec<Standing>, SearchError> {
        let indices: Vec<String> = ids
            .iter()
            .map(|(id, _)| self.names.of(id))
            .collect::<Result<_, _>>()?;
        let asked: Vec<(&str, &str)> = indices
            .iter()
            .zip(ids)
            .map(|(index, (id, _))| (index.as_str(), id.as_str()))
            .collect();
        let stored = self.identities(&asked).await?;
        stored
            .into_iter()
            .zip(ids)
            .map(|(stored, (_, content_sha256))| of_stored(stored, content_sha256))
            .collect()
    }
}

/// An id is one document's, in the one index that it belongs to.
fn of_stored(stored: Option<StoredIdentity>, content_sha256: &[u8; 32]) -> Result<Standing, SearchError> {
    Ok(match stored {
        None => Standing::Absent,
        Some(stored) if stored.kind == STUB => Standing::Erased,
        Some(stored) => Standing::Document {
            same_content: stored.content_sha256 == hex(content_sha256),
            position: place::parse(&stored.position)?,
            times: 1,
        },
    })
}
