//! Goes over the names under a prefix, a page at a time. What is added or removed meanwhile is met or not; nothing is met
//! twice.

use hindsight_engines::segments::{Listed, Prefix, SegmentPath, SegmentStore, StoreError};

/// Names of one page: about 2 MiB.
pub(crate) const PAGE: usize = 10_000;

pub(crate) struct Walk<'a> {
    store: &'a dyn SegmentStore,
    prefix: Prefix,
    after: Option<SegmentPath>,
    ended: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(store: &'a dyn SegmentStore, prefix: Prefix) -> Self {
        Self {
            store,
            prefix,
            after: None,
            ended: false,
        }
    }

    /// The next names in order; `None` behind the last.
    pub(crate) async fn page(&mut self) -> Result<Option<Vec<Listed>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let page = self.store.list(&self.prefix, self.after.as_ref(), PAGE).await?;
        self.ended = page.len() < PAGE;
        self.after = page.last().map(|listed| listed.path.clone());
        Ok(Some(page))
    }

    /// Goes on behind this name, never back.
    pub(crate) fn skip_to(&mut self, after: SegmentPath) {
        let name = after.to_string();
        if self.after.as_ref().is_none_or(|at| at.to_string() < name) {
            self.after = Some(after);
        }
    }
}
