//! What stands in place of flush frames: the newest generation of a session, believed only after its data object was
//! read and each of its frames met its checksum.
//!
//! **Failure:** a data object that is missing or damaged covers nothing, so the flush objects that it was made from stay,
//! and that is counted. **Bound:** [`BATCHES_KEPT`] batches of sessions looked at last are remembered for one round.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use hindsight_engines::segments::format::{Digest, Footer};
use hindsight_engines::segments::{
    Holdings, ReadError, SegmentPath, SegmentStore, StoreError, claims_of, dated_footer, footer,
};
use hindsight_schemas::ids::{ProjectId, SessionId};

/// Batches of which holdings are remembered, about 150 bytes each.
pub(super) const BATCHES_KEPT: usize = 100_000;

/// The generation that stands for a session.
pub(super) struct Standing {
    pub(super) holdings: Holdings,
    /// Since when, Unix milliseconds.
    pub(super) since_ms: i64,
}

type Key = (ProjectId, SessionId);

/// Standing generations that were looked at.
#[derive(Default)]
pub(super) struct Covered {
    known: HashMap<Key, Option<Arc<Standing>>>,
    order: VecDeque<Key>,
    batches: usize,
}

impl Covered {
    /// Forgets all: another round, other claims.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What stands for a session; `None` if nothing that can be believed.
    pub(super) async fn standing(
        &mut self,
        store: &dyn SegmentStore,
        key: &Key,
    ) -> Result<Option<Arc<Standing>>, ReadError> {
        if let Some(known) = self.known.get(key) {
            return Ok(known.clone());
        }
        let found = look(store, key).await?.map(Arc::new);
        self.batches += weight(&found);
        self.known.insert(key.clone(), found.clone());
        self.order.push_back(key.clone());
        while self.batches > BATCHES_KEPT && self.order.len() > 1 {
            let oldest = self.order.pop_front().and_then(|key| self.known.remove(&key));
            self.batches -= oldest.map_or(0, |oldest| weight(&oldest));
        }
        Ok(found)
    }
}

fn weight(standing: &Option<Arc<Standing>>) -> usize {
    1 + standing.as_ref().map_or(0, |standing| standing.holdings.len())
}

async fn look(store: &dyn SegmentStore, (project, session): &Key) -> Result<Option<Standing>, ReadError> {
    let Some(newest) = claims_of(store, project, *session).await?.pop() else {
        return Ok(None);
    };
    let claim = match dated_footer(store, &newest.path).await {
        Ok(claim) => claim,
        Err(error) => return unless_damaged(&newest.path, error),
    };
    match check_data(store, &claim.footer).await {
        Ok(data) => Ok(Some(Standing {
            holdings: Holdings::of(&data),
            since_ms: claim.modified_ms,
        })),
        Err(error) => unless_damaged(&newest.path, error),
    }
}

/// Damage and loss mean that nothing is covered; anything else is the store's and comes again.
fn unless_damaged(claim: &SegmentPath, error: ReadError) -> Result<Option<Standing>, ReadError> {
    if !error.is_damage() && !error.is_not_found() {
        return Err(error);
    }
    metrics::counter!("hindsight_removal_held_back_total").increment(1);
    tracing::error!(%claim, %error, "a session's object is damaged: what it was made from is kept");
    Ok(None)
}

/// Reads a data object whole; its own footer.
async fn check_data(store: &dyn SegmentStore, claim: &Footer) -> Result<Footer, ReadError> {
    let named = claim.session.as_ref().map_or("", |session| &session.data_path);
    let missing = || StoreError::NotFound(format!("{named:?}"));
    let path: SegmentPath = named.parse().map_err(|_| missing())?;
    let data = footer(store, &path).await?;
    for frame in &data.frames {
        let (bytes, expected) = (store.get_range(&path, frame.range()).await?, frame.sha256);
        let found = tokio::task::spawn_blocking(move || Digest::of(&bytes)).await;
        // A checksum that can't be computed because the process ends is none that was met.
        if found.ok() != Some(expected) {
            return Err(StoreError::Range {
                path: path.to_string(),
                range: frame.range(),
            }
            .into());
        }
    }
    Ok(data)
}
