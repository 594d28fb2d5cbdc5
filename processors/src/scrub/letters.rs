//! Which records lie among the dead letters. **Bound:** one page of letters; all of them are read where one is missing, up
//! to [`PAGES`] of each partition.

use std::collections::HashSet;

use hindsight_engines::log::{ConsumerError, EventLog, ReadBounds, StoredRecord};
use hindsight_schemas::ids::{Partition, Position, Topic};

use super::outcome::View;
use crate::delivery::dead_letter::Letter;

const PAGE: ReadBounds = ReadBounds {
    records: 1_000,
    bytes: 8 << 20,
};
/// A million letters a partition.
const PAGES: usize = 1_000;

/// A record, and who refused it.
pub(super) type Refusal = (Position, View);

/// Those of these that have a letter.
pub(super) async fn refused(
    log: &dyn EventLog,
    wanted: &HashSet<Refusal>,
) -> Result<HashSet<Refusal>, ConsumerError> {
    let mut found = HashSet::new();
    let topic = Topic::DeadLetters;
    for partition in 0..log.partitions(topic) {
        let partition = Partition { topic, partition };
        let mut reader = log.reader(partition, 0);
        for _ in 0..PAGES {
            if found.len() == wanted.len() {
                break;
            }
            let page = reader.page(PAGE).await?;
            if page.is_empty() {
                break;
            }
            found.extend(
                page.into_iter()
                    .filter_map(refusal)
                    .filter(|of| wanted.contains(of)),
            );
        }
    }
    Ok(found)
}

fn refusal(record: StoredRecord) -> Option<Refusal> {
    let letter = Letter::read(record).ok()?;
    let view = View::ALL.into_iter().find(|view| view.as_str() == letter.view)?;
    Some((letter.origin, view))
}
