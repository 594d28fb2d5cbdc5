//! The letters of records that a view refused. Their bytes are read from the log again: views let go of records when they
//! have converted them, so that what is refused once in a long while doesn't take memory all the time.
//!
//! **Failure:** without an answer of the log there are no letters, nor where it ends before a record. Of one that retention
//! has taken meanwhile the letter says so, and has no bytes. **Bound:** a [`PAGE`], and the records that were refused, a
//! range's at most; the lanes of a view take turns.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hindsight_engines::log::{ConsumerError, EventLog, NewRecord, ReadBounds, StoredRecord};
use hindsight_schemas::ids::{Offset, Partition, Position};

use super::dead_letter;
use crate::delivery::materializer::Poison;

const PAGE: ReadBounds = ReadBounds {
    records: 1_000,
    bytes: 4 << 20,
};

/// Makes the letters of what a view refused of one partition.
pub(crate) async fn letters(
    log: &dyn EventLog,
    view: &str,
    poison: &[Poison],
) -> Result<Vec<NewRecord>, ConsumerError> {
    let Some(first) = poison.first() else {
        return Ok(Vec::new());
    };
    let wanted: BTreeSet<Offset> = poison.iter().map(|each| each.position.offset).collect();
    let partition = first.position.partition;
    let found = read_again(log, partition, &wanted).await?;
    if let Some(missing) = wanted.iter().rfind(|offset| !found.contains_key(offset)) {
        let (kept_from, _) = log.offsets(partition).await?;
        if *missing >= kept_from {
            let words = format!(
                "the record at {partition} offset {missing} is not in the log that it was read from: the log has lost its \
                 tail, or an older one was put in its place"
            );
            return Err(ConsumerError::Engine(words));
        }
    }
    let letter = |each: &Poison| match found.get(&each.position.offset) {
        Some(record) => dead_letter(view, each, record),
        None => {
            tracing::error!(partition = %each.position.partition, offset = each.position.offset, "retention took a record before its dead letter was written");
            let detail = format!("its bytes were no longer in the log; {}", each.detail);
            let told = Poison {
                detail,
                ..each.clone()
            };
            dead_letter(view, &told, &gone(each.position))
        }
    };
    Ok(poison.iter().map(letter).collect())
}

async fn read_again(
    log: &dyn EventLog,
    partition: Partition,
    wanted: &BTreeSet<Offset>,
) -> Result<BTreeMap<Offset, StoredRecord>, ConsumerError> {
    let mut found = BTreeMap::new();
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else {
        return Ok(found);
    };
    let mut reader = log.reader(partition, *first);
    loop {
        let page = reader.page(PAGE).await?;
        let at = page.last().map(|record| record.position.offset);
        let refused = page
            .into_iter()
            .map(|record| (record.position.offset, record))
            .filter(|(offset, _)| wanted.contains(offset));
        found.extend(refused);
        if at.is_none_or(|at| at >= *last) {
            return Ok(found);
        }
    }
}

fn gone(position: Position) -> StoredRecord {
    StoredRecord {
        position,
        appended_at_ms: 0,
        key: Bytes::new(),
        value: None,
        headers: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hindsight_engines::log::Route;
    use hindsight_engines::log::embedded::{EmbeddedLog, Options};
    use hindsight_schemas::ids::Topic;
    use hindsight_schemas::reason::Reason;

    use super::*;
    use crate::delivery::dead_letter::Letter;

    /// Where a letter lies is of no matter here.
    const NOWHERE: Position = Position {
        log_id: hindsight_schemas::ids::LogId(uuid::Uuid::nil()),
        partition: Partition {
            topic: Topic::DeadLetters,
            partition: 0,
        },
        offset: 0,
    };

    fn options() -> Options {
        Options {
            partitions: 1,
            ..Options::default()
        }
    }

    async fn append(log: &EmbeddedLog, text: &'static str) -> Position {
        let record = NewRecord {
            topic: Topic::Audit,
            to: Route::Partition(0),
            key: Bytes::from_static(b"key"),
            value: Some(Bytes::from_static(text.as_bytes())),
            headers: vec![("header".into(), Bytes::from_static(b"own"))],
        };
        log.append(vec![record]).await.unwrap()[0]
    }

    fn poison(position: Position) -> Poison {
        Poison {
            position,
            reason: Reason::PoisonBody,
            detail: "refused".into(),
        }
    }

    /// What the letters tell: offset, value, detail.
    async fn told(log: &EmbeddedLog, poison: &[Poison]) -> Vec<(Offset, Option<Bytes>, String)> {
        let letters = letters(log, "search", poison).await.unwrap();
        let read = letters.into_iter().map(|letter| {
            let letter = Letter::read(StoredRecord {
                position: NOWHERE,
                appended_at_ms: 0,
                key: letter.key,
                value: letter.value,
                headers: letter.headers,
            });
            let Letter {
                origin,
                value,
                detail,
                ..
            } = letter.unwrap();
            (origin.offset, value, detail)
        });
        read.collect()
    }

    #[tokio::test]
    async fn letters_have_the_bytes_that_the_log_has() {
        let folder = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(folder.path(), options()).unwrap();
        let mut positions = Vec::new();
        for text in ["a", "b", "c", "d"] {
            positions.push(append(&log, text).await);
        }
        let refused = [poison(positions[3]), poison(positions[1])];
        let expected = [(3, "d"), (1, "b")].map(|(offset, text)| {
            (
                offset,
                Some(Bytes::from_static(text.as_bytes())),
                "refused".to_owned(),
            )
        });
        assert_eq!(told(&log, &refused).await, expected);
        assert_eq!(told(&log, &[]).await, []);
    }

    #[tokio::test]
    async fn a_record_that_retention_took_has_a_letter_without_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(folder.path(), options()).unwrap();
        let gone = append(&log, "a").await;
        log.close();
        drop(log);
        let forgets = Options {
            retention_age: Duration::ZERO,
            ..options()
        };
        let log = EmbeddedLog::open(folder.path(), forgets).unwrap();
        log.retain().unwrap();
        let kept = append(&log, "b").await;
        let letters = told(&log, &[poison(gone), poison(kept)]).await;
        let (lost, found) = (&letters[0], &letters[1]);
        assert_eq!((lost.0, &lost.1), (gone.offset, &None));
        assert!(
            lost.2.starts_with("its bytes were no longer in the log"),
            "{lost:?}"
        );
        assert_eq!(found.1.as_deref(), Some(&b"b"[..]));
    }
}
