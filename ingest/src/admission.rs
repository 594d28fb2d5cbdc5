//! Admission by bytes: one budget for all bodies, inflated bodies and records in flight.
//!
//! **Invariant:** a request first has its bytes, then fills them. To begin it may wait a bounded time; to grow it
//! never waits, since two that wait for each other would never end: it gives up with 503 `overloaded`.

use std::sync::Arc;
use std::time::Duration;

use hindsight_schemas::reason::Reason;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use hindsight_schemas::problem::Refusal;

/// The budget counts in KiB.
const UNIT: usize = 1024;

/// The edge's share of the process' byte budget.
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    units: usize,
}

/// Bytes that a request holds; given back when dropped.
pub(crate) struct Reservation {
    permit: OwnedSemaphorePermit,
    budget: Arc<Semaphore>,
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

fn overloaded() -> Refusal {
    Refusal::new(
        Reason::Overloaded,
        "the bytes in flight have reached edge.budget_bytes: send the same again later",
        "处理中的数据已达 edge.budget_bytes 上限：请稍后重新发送相同请求",
    )
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = bytes / UNIT;
        Self {
            free: Arc::new(Semaphore::new(units)),
            units,
        }
    }

    /// How much of it is held by requests in flight, in percent.
    pub(crate) fn in_flight_percent(&self) -> usize {
        (self.units - self.free.available_permits()) * 100 / self.units.max(1)
    }

    /// Waits for some bytes.
    pub(crate) async fn reserve(&self, bytes: usize, wait: Duration) -> Result<Reservation, Refusal> {
        let acquire = self.free.clone().acquire_many_owned(units(bytes));
        match tokio::time::timeout(wait, acquire).await {
            Ok(Ok(permit)) => Ok(Reservation {
                permit,
                budget: self.free.clone(),
            }),
            _ => Err(overloaded()),
        }
    }
}

impl Reservation {
    /// Makes it cover at least this many bytes in all, without waiting.
    pub(crate) fn cover(&mut self, bytes: usize) -> Result<(), Refusal> {
        let missing = (units(bytes) as usize).saturating_sub(self.permit.num_permits());
        if missing == 0 {
            return Ok(());
        }
        let more = self
            .budget
            .clone()
            .try_acquire_many_owned(units(missing * UNIT))
            .map_err(|_| overloaded())?;
        self.permit.merge(more);
        Ok(())
    }

    /// What it covers.
    pub(crate) fn held_bytes(&self) -> usize {
        self.permit.num_permits() * UNIT
    }

    /// Gives back what is over this many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let over = self.permit.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.permit.split(over));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_budget_is_shared_and_given_back() {
        let budget = Budget::new(100 * UNIT);
        let wait = Duration::from_millis(5);
        let mut first = budget.reserve(60 * UNIT, wait).await.ok().unwrap();
        assert!(budget.reserve(60 * UNIT, wait).await.is_err());
        assert_eq!(budget.in_flight_percent(), 60);
        assert!(first.cover(101 * UNIT).is_err());
        assert!(first.cover(100 * UNIT).is_ok());
        first.shrink_to(10 * UNIT);
        let second = budget.reserve(90 * UNIT, wait).await;
        assert!(second.is_ok());
        drop((first, second));
        assert_eq!(budget.free.available_permits(), 100);
    }
}
