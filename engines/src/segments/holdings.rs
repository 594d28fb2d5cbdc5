//! What a session generation holds, and whether a flush frame is covered by it: may go without any reader missing it.
//!
//! **Invariant:** covered means that a reader is told the same with the frame and without it. A twin with other content
//! counts only once the generation lists it as conflict; a copy at a lower position than the generation's never does,
//! since that position is the batch's. (Where a twin at a still lower position comes later, repeats of what then lost are
//! listed once instead of each.)

use std::collections::{BTreeMap, BTreeSet};

use hindsight_schemas::ids::{LogId, Offset, Position, Seq, Tab};

use super::format::{Batch, Digest, Footer};

/// Across partitions the lower offset wins, on a tie the lower partition.
pub(super) type Rank = (Offset, u32, LogId);

pub(super) fn rank(position: &Position) -> Rank {
    (position.offset, position.partition.partition, position.log_id)
}

/// The batches of a generation, to look up.
#[derive(Debug, Clone, Default)]
pub struct Holdings {
    batches: BTreeMap<(Tab, Seq), (Rank, Digest)>,
    conflicts: BTreeSet<(Tab, Seq, Rank)>,
}

impl Holdings {
    /// Of a generation's footer.
    pub fn of(footer: &Footer) -> Self {
        let batch = |batch: &Batch| {
            let found = (rank(&batch.position), batch.content_sha256);
            ((batch.tab.clone(), batch.seq), found)
        };
        let conflicts = footer.conflicts.iter();
        Self {
            batches: footer.batches.iter().map(batch).collect(),
            conflicts: conflicts
                .map(|lost| (lost.tab.clone(), lost.seq, rank(&lost.position)))
                .collect(),
        }
    }

    /// Whether nothing of this batch is lost with its flush frame.
    pub fn covers(&self, batch: &Batch) -> bool {
        let Some((held, content)) = self.batches.get(&(batch.tab.clone(), batch.seq)) else {
            return false;
        };
        let position = rank(&batch.position);
        let listed = || self.conflicts.contains(&(batch.tab.clone(), batch.seq, position));
        *held <= position && (*content == batch.content_sha256 || listed())
    }

    /// How many batches there are.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}
