//! Removing what is old or too much, never what a registered group has not passed.
//!
//! **Invariant:** a partition's first offset only goes up and its next offset never changes here. A group that is
//! registered and has committed nothing holds everything back. **Bound:** one transaction removes at most
//! [`ROWS`] rows; the rest goes in the next.

use hindsight_schemas::ids::{Offset, Partition};
use redb::{Database, ReadableTable};

use super::error::StoreError;
use super::meters;
use super::options::Options;
use super::record::{appended_at_ms, footprint};
use super::state::{Shared, State};
use super::tables::{Ends, RECORDS, code, put_ends};

const ROWS: u64 = 1024;

/// Removes everything that may go now; says how many records that were.
pub(super) fn apply(database: &Database, shared: &Shared, options: &Options) -> Result<u64, StoreError> {
    let partitions: Vec<Partition> = shared.lock().ends.keys().copied().collect();
    let mut total = 0;
    for partition in partitions {
        loop {
            let removed = trim(database, shared, options, partition)?;
            total += removed;
            if removed < ROWS {
                break;
            }
        }
    }
    meters::removed(total);
    meters::holds(shared.lock().bytes());
    Ok(total)
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

fn trim(
    database: &Database,
    shared: &Shared,
    options: &Options,
    partition: Partition,
) -> Result<u64, StoreError> {
    let (mut ends, passed, excess) = {
        let state = shared.lock();
        let ends = state.ends.get(&partition).copied().unwrap_or_default();
        (
            ends,
            passed(&state, options, partition).min(ends.next),
            excess(&state, options, ends),
        )
    };
    let oldest_ms =
        options.clock.unix_ms() - i64::try_from(options.retention_age.as_millis()).unwrap_or(i64::MAX);
    if ends.first >= passed {
        return Ok(0);
    }
    let before = ends;
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.open_table(RECORDS)?;
        while before.records - ends.records < ROWS {
            let Some((offset, bytes, appended_ms)) = head(&rows, partition, ends.first, passed)? else {
                break;
            };
            let over = before.bytes - ends.bytes < excess;
            if appended_ms >= oldest_ms && !over {
                break;
            }
            rows.remove((code(partition), offset))?;
            ends.first = offset + 1;
            ends.records -= 1;
            ends.bytes = ends.bytes.saturating_sub(bytes);
        }
    }
    if ends == before {
        transaction.abort()?;
        return Ok(0);
    }
    put_ends(&transaction, partition, ends)?;
    transaction.commit()?;
    shared.change(|state| state.ends.insert(partition, ends));
    Ok(before.records - ends.records)
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
