//! The claims of a session: names only; the last one stands.

use hindsight_schemas::ids::{ProjectId, SessionId};

use super::path::{Prefix, SegmentPath};
use super::store::{Listed, SegmentStore, StoreError};

/// Claims listed in one request; generations beyond that are listed on.
const PAGE: usize = 1000;

/// All claims of a session, oldest generation first.
pub async fn claims_of(
    store: &dyn SegmentStore,
    project: &ProjectId,
    session: SessionId,
) -> Result<Vec<Listed>, StoreError> {
    let prefix = Prefix::Session {
        project: project.clone(),
        session,
    };
    let mut claims: Vec<Listed> = Vec::new();
    loop {
        let after: Option<&SegmentPath> = claims.last().map(|listed| &listed.path);
        let page = store.list(&prefix, after, PAGE).await?;
        let full = page.len() == PAGE;
        claims.extend(page);
        if !full {
            return Ok(claims);
        }
    }
}
