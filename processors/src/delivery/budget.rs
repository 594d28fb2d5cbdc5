//! One byte budget for the process, divided into named shares. A lane holds the records that wait, and after their
//! conversion what they became until it is written. While records are converted there is more (an inflated body, a
//! compressor): conversions of all lanes take turns, so that this is bounded by the cores and not by the lanes.
//!
//! **Invariant:** the shares together are no more than the whole, so each may be used up without the others
//! being short. A share is over its bound by what one poll brings at most: then nothing more is read until
//! ranges are done. Nothing waits in here, so a full share can't deadlock the thread that would empty it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// More was given away than there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "share {name:?} of {bytes} bytes is over the {left} bytes left of the process's budget: raise it or lower the shares"
)]
pub struct OverBudget {
    name: &'static str,
    bytes: usize,
    left: usize,
}

/// The whole.
#[derive(Debug)]
pub struct ByteBudget {
    left: usize,
    conversions: Arc<Semaphore>,
}

impl ByteBudget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self {
            left: bytes,
            conversions: Arc::new(Semaphore::new(conversions_at_once())),
        }
    }

    /// Gives a part of it away, for good.
    pub fn share(&mut self, name: &'static str, bytes: usize) -> Result<Share, OverBudget> {
        self.left = self.left.checked_sub(bytes).ok_or(OverBudget {
            name,
            bytes,
            left: self.left,
        })?;
        Ok(Share {
            name,
            bytes,
            held: Arc::default(),
            conversions: Arc::clone(&self.conversions),
        })
    }
}

/// A named part of the budget.
#[derive(Debug, Clone)]
pub struct Share {
    name: &'static str,
    bytes: usize,
    held: Arc<AtomicUsize>,
    conversions: Arc<Semaphore>,
}

/// How many ranges are converted at once: more would be no faster.
pub(super) fn conversions_at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Share {
    /// Its name, in metrics and messages.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its bound.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much is held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Says how much is held now.
    pub fn set_held(&self, bytes: usize) {
        self.held.store(bytes, Ordering::Relaxed);
    }

    /// The turns of all shares to convert records.
    pub(super) fn conversions(&self) -> Arc<Semaphore> {
        Arc::clone(&self.conversions)
    }

    /// How much more may be taken in.
    pub fn room(&self) -> usize {
        self.bytes.saturating_sub(self.held())
    }

    /// Whether no more may be taken in.
    pub fn is_used_up(&self) -> bool {
        self.room() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_no_more_than_the_whole() {
        let mut budget = ByteBudget::new(100);
        let share = budget.share("analytics", 60).unwrap();
        assert!(
            budget
                .share("search", 41)
                .unwrap_err()
                .to_string()
                .contains("40 bytes left")
        );
        share.set_held(60);
        assert!(share.is_used_up());
        assert!(!budget.share("search", 40).unwrap().is_used_up());
    }
}
