//! Replay objects: no record was written in two of them, and of each batch the winner is in a flush object or in the
//! newest generation of its session.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hindsight_engines::segments::format::Footer;
use hindsight_engines::segments::{Prefix, SegmentPath, SegmentStore, footer};
use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::Offset;

use super::Findings;
use super::tables::held;
use super::truth::{Truth, VIEW_GENERATION, place};

const PAGE: usize = 1000;
/// Objects go while they are looked at; the list is then read again, so often at most.
const LOOKS: usize = 20;

/// The bucket, read beneath everything.
pub struct Objects {
    store: Arc<dyn SegmentStore>,
    /// Objects never change.
    footers: HashMap<SegmentPath, Arc<Footer>>,
}

impl Objects {
    /// Of this store.
    pub fn new(store: Arc<dyn SegmentStore>) -> Self {
        Self {
            store,
            footers: HashMap::new(),
        }
    }

    /// Compares every object with the log.
    pub(super) async fn compare(&mut self, truth: &Truth, findings: &mut Findings) -> anyhow::Result<()> {
        let mut looks = 0;
        let footers = loop {
            looks += 1;
            match self.standing().await {
                Err(error) if error.is_not_found() && looks < LOOKS => {}
                found => break found?,
            }
        };
        let mut rows: BTreeMap<(String, String), u64> = BTreeMap::new();
        for footer in footers {
            for batch in &footer.batches {
                let id = DocumentId::activity(&batch.id()).as_str().to_owned();
                if !truth.is_erased(&id) {
                    rows.insert((id, place(&batch.position)), 1);
                }
            }
        }
        held("segments", &rows, truth.batches(), |_| false, findings);
        Ok(())
    }

    /// The footers of all flush objects, and of each session's newest claim.
    async fn standing(&mut self) -> Result<Vec<Arc<Footer>>, hindsight_engines::segments::ReadError> {
        let flushes = Prefix::Flushes {
            view: VIEW_GENERATION,
        };
        let mut paths = list(&*self.store, &flushes).await?;
        let mut newest = BTreeMap::new();
        for path in list(&*self.store, &Prefix::Claims).await? {
            if let SegmentPath::Claim { session, .. } = &path {
                // Generations sort by number.
                newest.insert(*session, path);
            }
        }
        paths.extend(newest.into_values());
        let mut footers = Vec::with_capacity(paths.len());
        for path in paths {
            let read = match self.footers.get(&path) {
                Some(known) => known.clone(),
                None => Arc::new(footer(&*self.store, &path).await?),
            };
            self.footers.insert(path, read.clone());
            footers.push(read);
        }
        Ok(footers)
    }
}

async fn list(
    store: &dyn SegmentStore,
    prefix: &Prefix,
) -> Result<Vec<SegmentPath>, hindsight_engines::segments::StoreError> {
    let mut paths: Vec<SegmentPath> = Vec::new();
    loop {
        let page = store.list(prefix, paths.last(), PAGE).await?;
        let full = page.len() == PAGE;
        paths.extend(page.into_iter().map(|listed| listed.path));
        if !full {
            return Ok(paths);
        }
    }
}

/// The ranges of flush objects that were ever seen: objects go, what was written twice stays known.
#[derive(Default)]
pub(super) struct Cuts(BTreeMap<u32, BTreeMap<Offset, Offset>>);

impl Cuts {
    /// Notes what is there now; two ranges that overlap are a record that was written twice.
    pub(super) async fn look(
        &mut self,
        store: &dyn SegmentStore,
        findings: &mut Findings,
    ) -> anyhow::Result<()> {
        for path in list(
            store,
            &Prefix::Flushes {
                view: VIEW_GENERATION,
            },
        )
        .await?
        {
            if let SegmentPath::Flush {
                partition,
                first,
                last,
                ..
            } = path
            {
                self.note(partition, first, last, findings);
            }
        }
        Ok(())
    }

    fn note(&mut self, partition: u32, first: Offset, last: Offset, findings: &mut Findings) {
        let known = self.0.entry(partition).or_default();
        let others = known.range(..=last).rev();
        let overlapping = others
            .take_while(|(_, end)| **end >= first)
            .find(|(begin, end)| (**begin, **end) != (first, last));
        let doubled = overlapping.map(|(begin, end)| {
            format!("records of {partition}/{first}..{last} in the flush object of {begin}..{end} too")
        });
        match known.entry(first) {
            Entry::Occupied(mut same) if *same.get() < last => {
                same.insert(last);
            }
            Entry::Occupied(_) => return,
            Entry::Vacant(new) => {
                new.insert(last);
            }
        }
        if let Some(words) = doubled {
            findings.double(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubles(cuts: &[(Offset, Offset)]) -> u64 {
        let (mut seen, mut findings) = (Cuts::default(), Findings::default());
        for (first, last) in cuts {
            seen.note(0, *first, *last, &mut findings);
        }
        findings.double
    }

    #[test]
    fn ranges_that_share_a_record_are_doubles() {
        assert_eq!(doubles(&[(0, 4), (5, 9), (0, 4), (10, 10)]), 0);
        assert_eq!(doubles(&[(0, 4), (4, 9)]), 1);
        assert_eq!(doubles(&[(0, 9), (3, 4)]), 1);
        assert_eq!(doubles(&[(3, 4), (0, 9)]), 1);
        assert_eq!(doubles(&[(0, 4), (0, 9)]), 1);
        assert_eq!(doubles(&[(0, 9), (0, 4), (0, 4)]), 0);
    }
}
