//! Which sessions are erased, as far as this process knows.
//!
//! The create-only object `erased/<project>/<session>` is written before the erasure's records, so what a lane reads
//! on assign covers every record that lies behind it in the log. **Invariant:** the set only grows while the
//! process lives. Bound: one entry (about 100 bytes) an erased session; the objects stay for good, since nothing tells
//! how long the log's oldest record may wait for a lane that stands.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use hindsight_engines::segments::{Prefix, SegmentPath, SegmentStore, StoreError};
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::record::Erasure;
use uuid::Uuid;

/// Names read from the store in one request.
const LIST_PAGE: usize = 1000;

/// The erased sessions; shared by all lanes of a process.
#[derive(Clone)]
pub struct ErasedSessions {
    store: Arc<dyn SegmentStore>,
    known: Arc<RwLock<HashSet<(ProjectId, Uuid)>>>,
}

impl ErasedSessions {
    /// Knows nothing until [`Self::load`].
    pub fn new(store: Arc<dyn SegmentStore>) -> Self {
        Self {
            store,
            known: Arc::default(),
        }
    }

    /// Reads all tombstones of the store.
    pub async fn load(&self) -> Result<(), StoreError> {
        let mut after: Option<SegmentPath> = None;
        loop {
            let page = self
                .store
                .list(&Prefix::Erased, after.as_ref(), LIST_PAGE)
                .await?;
            let full = page.len() == LIST_PAGE;
            after = page.last().map(|listed| listed.path.clone());
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.extend(page.into_iter().filter_map(|listed| match listed.path {
                SegmentPath::Erased { project, session } => Some((project, session.uuid())),
                _ => None,
            }));
            if !full {
                return Ok(());
            }
        }
    }

    /// Whether a session is erased, be it that another process alone was told: its tombstone is looked for.
    pub async fn ask(&self, project: &ProjectId, session: SessionId) -> Result<bool, StoreError> {
        if self.contains(project, session) {
            return Ok(true);
        }
        let tombstone = SegmentPath::Erased {
            project: project.clone(),
            session,
        };
        match self.store.get(&tombstone).await {
            Ok(_) => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                known.insert((project.clone(), session.uuid()));
                Ok(true)
            }
            Err(StoreError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Notes the sessions of an erasure that was read from the log.
    pub fn note(&self, erasure: &Erasure) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(
            erasure
                .sessions
                .iter()
                .map(|session| (erasure.project.clone(), session.uuid())),
        );
    }

    /// Whether a session is erased.
    pub fn contains(&self, project: &ProjectId, session: SessionId) -> bool {
        self.contains_uuid(project, session.uuid())
    }

    /// All that are known.
    pub fn all(&self) -> Vec<(ProjectId, Uuid)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().cloned().collect()
    }

    /// The same for an id that a row holds.
    pub fn contains_uuid(&self, project: &ProjectId, session: Uuid) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && known.contains(&(project.clone(), session))
    }
}
