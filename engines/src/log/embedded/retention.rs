//! Removing what is old or too much, never what a registered group has not passed.
//!
//! **Invariant:** a partition's first offset only goes up and its next offset never changes here. A group that is
//! registered and has committed nothing holds everything back. **Bound:** one call is one transaction over all
//! partitions and removes at most [`ROWS`] rows, so appends wait for one commit and not for a clean-up.

use hindsight_schemas::ids::{Offset, Partition};
use redb::{Database, ReadableTable, Table};

use super::error::StoreError;
use super::meters;
use super::options::Options;
use super::record::{appended_at_ms, footprint};
use super::state::{Shared, State};
use super::store::Store;
use super::tables::{Ends, RECORDS, code, put_ends};

const ROWS: u64 = 1024;

/// What one call removed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Removed {
    pub(super) records: u64,
    /// There may be more to remove.
    pub(super) more: bool,
}

/// What may go of one partition.
struct Plan {
    partition: Partition,
    ends: Ends,
    /// Records before this offset may go.
    passed: Offset,
    /// Bytes that may go however young they are.
    excess: u64,
}

/// Removes what may go now.
pub(super) fn apply(
    store: &Store,
    database: &Database,
    shared: &Shared,
    options: &Options,
) -> Result<Removed, StoreError> {
    let mut plans = plans(&shared.lock(), options);
    if plans.is_empty() {
        return Ok(Removed::default());
    }
    let oldest_ms =
        options.clock.unix_ms() - i64::try_from(options.retention_age.as_millis()).unwrap_or(i64::MAX);
    let transaction = store.begin_write(database)?;
    let mut left = ROWS;
    {
        let mut rows = transaction.open_table(RECORDS)?;
        for plan in &mut plans {
            left -= plan.trim(&mut rows, oldest_ms, left)?;
        }
    }
    let removed = Removed {
        records: ROWS - left,
        more: left == 0,
    };
    if removed.records == 0 {
        transaction.abort()?;
        return Ok(removed);
    }
    for plan in &plans {
        put_ends(&transaction, plan.partition, plan.ends)?;
    }
    transaction.commit()?;
    shared.change(|state| {
        state
            .ends
            .extend(plans.iter().map(|plan| (plan.partition, plan.ends)));
    });
    meters::removed(removed.records);
    meters::holds(shared.lock().bytes());
    Ok(removed)
}

fn plans(state: &State, options: &Options) -> Vec<Plan> {
    let plans = state.ends.iter().map(|(partition, ends)| Plan {
        partition: *partition,
        ends: *ends,
        passed: passed(state, options, *partition).min(ends.next),
        excess: excess(state, options, *ends),
    });
    plans
        .filter(|plan| plan.ends.records > 0 && plan.ends.first < plan.passed)
        .collect()
}

/// The offset that every registered group has reached; what lies before it may go.
fn passed(state: &State, options: &Options, partition: Partition) -> Offset {
    let readers = options
        .registered_groups
        .iter()
        .filter(|group| group.topics.contains(&partition.topic));
    let committed = readers.map(|group| {
        let group = state.commits.get(&group.name);
        group
            .and_then(|group| group.get(&partition))
            .map_or(0, |committed| committed.offset)
    });
    committed.min().unwrap_or(Offset::MAX)
}

/// How many bytes of a partition are its share of what is over `retention_bytes`.
fn excess(state: &State, options: &Options, ends: Ends) -> u64 {
    let bytes = state.bytes();
    let over = bytes.saturating_sub(options.retention_bytes);
    let share = u128::from(over) * u128::from(ends.bytes) / u128::from(bytes.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

impl Plan {
    /// Removes from the head at most `longest` rows; says how many.
    fn trim(
        &mut self,
        rows: &mut Table<'_, (u32, u64), &'static [u8]>,
        oldest_ms: i64,
        longest: u64,
    ) -> Result<u64, StoreError> {
        let (mut removed, mut bytes_removed) = (0, 0);
        while removed < longest {
            let Some(head) = head(rows, self.partition, self.ends.first, self.passed)? else {
                break;
            };
            let (offset, bytes, appended_ms) = head;
            if appended_ms >= oldest_ms && bytes_removed >= self.excess {
                break;
            }
            rows.remove((code(self.partition), offset))?;
            removed += 1;
            bytes_removed += bytes;
            self.ends.first = offset + 1;
            self.ends.records = self.ends.records.saturating_sub(1);
            self.ends.bytes = self.ends.bytes.saturating_sub(bytes);
        }
        Ok(removed)
    }
}

/// The first record of a partition in a range: offset, bytes on the disk, when it was appended.
fn head(
    rows: &impl ReadableTable<(u32, u64), &'static [u8]>,
    partition: Partition,
    first: Offset,
    end: Offset,
) -> Result<Option<(Offset, u64, i64)>, StoreError> {
    if first >= end {
        return Ok(None);
    }
    let partition = code(partition);
    let Some(row) = rows.range((partition, first)..(partition, end))?.next() else {
        return Ok(None);
    };
    let (key, row) = row?;
    // A row too short to hold its time goes as if it were old: a reader would stop at it for ever.
    Ok(Some((
        key.value().1,
        footprint(row.value().len()),
        appended_at_ms(row.value()).unwrap_or(i64::MIN),
    )))
}
