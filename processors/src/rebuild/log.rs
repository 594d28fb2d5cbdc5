//! The log up to where the lanes go on, applied as a lane would have. What can't be read, or was refused, lies among the
//! dead letters already.
//!
//! **Invariants:** records of one partition are written in their order. What retention had taken when a partition's first
//! page was read is not in its stretch ([`Applied::from`]), so objects are read after the log. **Failure:** what passes by
//! itself is tried again; where retention overtakes the reading, the rebuild ends. **Bound:** [`PARTITIONS`] partitions at a
//! time; of each a page of [`PAGE`] that is written, one that is read and converted meanwhile, and what its reader has
//! fetched ahead.

use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt};
use hindsight_engines::failpoint;
use hindsight_engines::log::{EventLog, ReadBounds, Reader, StoredRecord};
use hindsight_schemas::ids::{Offset, Partition};
use hindsight_schemas::reason::Reason;

use super::RebuildError;
use super::again::Tries;
use super::reach::{Reach, Stretch, lost_tail};
use crate::delivery::{Materializer, Poison, RangeName, WriteError};

/// What one look brings.
const PAGE: ReadBounds = ReadBounds {
    records: 10_000,
    bytes: 4 << 20,
};
/// Partitions that are read at the same time.
const PARTITIONS: usize = 4;
/// How often a partition's first page is read anew because retention took its first records meanwhile.
const BEGINNINGS: u32 = 10;

/// What was applied of a partition.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) partition: Partition,
    /// Where its stretch began.
    pub(super) from: Offset,
    /// Offsets that were passed.
    pub(super) passed: u64,
    /// Records among them.
    pub(super) records: u64,
    pub(super) rejected: Rejected,
}

/// Records that are not in the view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Those that can't be read: they lie among the dead letters.
    pub unreadable: u64,
    /// Those whose identity another body has, which came first.
    pub conflicts: u64,
    /// Those that the engine does not take for another reason.
    pub others: u64,
    /// The first of these, and what the engine said.
    words: String,
}

impl Rejected {
    fn of(unreadable: usize, rejected: &[Poison]) -> Self {
        let is_conflict = |poison: &&Poison| poison.reason == Reason::Conflict;
        let conflicts = rejected.iter().filter(is_conflict).count();
        let other = rejected.iter().find(|poison| !is_conflict(poison));
        let words = other.map(|poison| {
            let position = poison.position;
            format!(
                "{} offset {}: {}",
                position.partition, position.offset, poison.detail
            )
        });
        Self {
            unreadable: unreadable as u64,
            conflicts: conflicts as u64,
            others: (rejected.len() - conflicts) as u64,
            words: words.unwrap_or_default(),
        }
    }

    pub(super) fn add(&mut self, more: Self) {
        self.unreadable += more.unreadable;
        self.conflicts += more.conflicts;
        self.others += more.others;
        if self.words.is_empty() {
            self.words = more.words;
        }
    }

    /// Refuses a view that lacks what the engine did not take.
    pub(super) fn refuse(&self) -> Result<(), RebuildError> {
        if self.others == 0 {
            return Ok(());
        }
        Err(RebuildError::WouldLose(format!(
            "{} records are not taken by the engine, the first at {}; they would not be found, so nothing was changed",
            self.others, self.words
        )))
    }
}

/// Applies all that the lanes have passed, and tells of each page.
pub(super) fn each_page<'a, M: Materializer>(
    log: &'a dyn EventLog,
    reach: &Reach,
    view: &'a Arc<M>,
) -> impl Stream<Item = Result<Applied, RebuildError>> + 'a {
    let partitions: Vec<_> = reach.partitions().collect();
    let of_partition = move |(partition, stretch): (Partition, Stretch)| {
        let reading = Reading {
            log,
            reader: log.reader(partition, stretch.from),
            view,
            partition,
            stretch,
            begun: false,
            at: stretch.from,
            ahead: None,
        };
        Box::pin(stream::try_unfold(reading, async |mut reading| {
            let applied = reading.step().await?;
            Ok(applied.map(|applied| (applied, reading)))
        }))
    };
    stream::iter(partitions)
        .map(of_partition)
        .flatten_unordered(PARTITIONS)
}

/// A partition that is being read.
struct Reading<'a, M: Materializer> {
    log: &'a dyn EventLog,
    /// Stands at `at`.
    reader: Box<dyn Reader>,
    view: &'a Arc<M>,
    partition: Partition,
    stretch: Stretch,
    begun: bool,
    /// Where the page behind `ahead` begins.
    at: Offset,
    /// What is written next.
    ahead: Option<Page<M>>,
}

/// Records that are converted.
struct Page<M: Materializer> {
    name: RangeName,
    batch: M::Prepared,
    records: usize,
    unreadable: usize,
}

impl<M: Materializer> Reading<'_, M> {
    /// Writes a page, and reads the next one meanwhile.
    async fn step(&mut self) -> Result<Option<Applied>, RebuildError> {
        if !self.begun {
            self.begun = true;
            self.begin().await?;
            return Ok(Some(self.applied(0, 0, Rejected::default())));
        }
        let Some(page) = self.ahead.take() else {
            return Ok(None);
        };
        let (rejected, ahead) = futures::try_join!(write(self.view, &page), self.page())?;
        let passed = page.name.last + 1 - page.name.first;
        self.go_on(ahead);
        Ok(Some(self.applied(passed, page.records as u64, rejected)))
    }

    /// The first page, and where it begins: retention may take records while they are read.
    async fn begin(&mut self) -> Result<(), RebuildError> {
        let mut tries = 1..BEGINNINGS;
        loop {
            match self.page().await {
                Err(RebuildError::Overtaken { from, .. }) if tries.next().is_some() => self.begin_at(from),
                page => {
                    self.go_on(page?);
                    return Ok(());
                }
            }
        }
    }

    fn begin_at(&mut self, from: Offset) {
        (self.stretch.from, self.at) = (from, from);
        self.reader = self.log.reader(self.partition, from);
    }

    fn go_on(&mut self, page: Option<Page<M>>) {
        self.at = page.as_ref().map_or(self.stretch.to, |page| page.name.last + 1);
        self.ahead = page;
    }

    async fn page(&mut self) -> Result<Option<Page<M>>, RebuildError> {
        let at = self.at;
        if at >= self.stretch.to {
            return Ok(None);
        }
        let mut records = self.reader.page(PAGE).await?;
        // A read begins without a word at the first record that is kept.
        let (from, end) = self.log.offsets(self.partition).await?;
        let (partition, to) = (self.partition, self.stretch.to);
        if from > at {
            return Err(RebuildError::Overtaken { partition, at, from });
        }
        if end < to {
            return Err(lost_tail(partition, end, to));
        }
        records.retain(|record| record.position.offset < to);
        prepare(self.view, records).await
    }

    fn applied(&self, passed: u64, records: u64, rejected: Rejected) -> Applied {
        Applied {
            partition: self.partition,
            from: self.stretch.from,
            passed,
            records,
            rejected,
        }
    }
}

/// Writes records, of which each partition's follow each other.
pub(super) async fn apply<M: Materializer>(
    view: &Arc<M>,
    records: Vec<StoredRecord>,
) -> Result<Rejected, RebuildError> {
    match prepare(view, records).await? {
        Some(page) => write(view, &page).await,
        None => Ok(Rejected::default()),
    }
}

async fn prepare<M: Materializer>(
    view: &Arc<M>,
    records: Vec<StoredRecord>,
) -> Result<Option<Page<M>>, RebuildError> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(None);
    };
    let name = RangeName {
        view_generation: view.view_generation(),
        log_id: first.position.log_id,
        partition: first.position.partition,
        first: first.position.offset,
        last: last.position.offset,
    };
    let (converting, count) = (view.clone(), records.len());
    let prepared = tokio::task::spawn_blocking(move || converting.prepare(&name, records)).await;
    let prepared = prepared.expect("converting does not panic")?;
    Ok(Some(Page {
        name,
        batch: prepared.batch,
        records: count,
        unreadable: prepared.poison.len(),
    }))
}

async fn write<M: Materializer>(view: &Arc<M>, page: &Page<M>) -> Result<Rejected, RebuildError> {
    let (name, mut tries) = (&page.name, Tries::default());
    failpoint::step("rebuild-log");
    let mut written = view.write(name, &page.batch).await;
    loop {
        written = match written {
            Ok(()) => return Ok(Rejected::of(page.unreadable, &[])),
            Err(WriteError::Rejected(rejected)) => return Ok(Rejected::of(page.unreadable, &rejected)),
            Err(error) if !tries.again(&error).await => return Err(error.into()),
            Err(WriteError::Ambiguous(_)) => view.settle(name, &page.batch).await,
            Err(WriteError::Refused(_)) => view.write(name, &page.batch).await,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use bytes::Bytes;
    use futures::TryStreamExt;
    use hindsight_engines::log::embedded::{EmbeddedLog, Options};
    use hindsight_engines::log::{Committed, NewRecord, Route};
    use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
    use hindsight_schemas::ids::{Position, Topic};

    use super::*;
    use crate::search::SearchView;

    const PARTITION: Partition = Partition {
        topic: Topic::Recordings,
        partition: 0,
    };

    fn options() -> Options {
        Options {
            partitions: 1,
            ..Options::default()
        }
    }

    /// A log of one partition.
    async fn log_of(folder: &Path, records: u8) -> EmbeddedLog {
        let log = EmbeddedLog::open(&folder.join("log"), options()).unwrap();
        for number in 0..records {
            let record = NewRecord {
                topic: PARTITION.topic,
                to: Route::Partition(0),
                key: Bytes::new(),
                value: Some(vec![number].into()),
                headers: Vec::new(),
            };
            log.append(vec![record]).await.unwrap();
        }
        log
    }

    /// The same log, when retention has taken all that it holds.
    fn forgotten(folder: &Path, log: EmbeddedLog) -> EmbeddedLog {
        log.close();
        drop(log);
        let options = Options {
            retention_age: Duration::ZERO,
            ..options()
        };
        let log = EmbeddedLog::open(&folder.join("log"), options).unwrap();
        log.retain().unwrap();
        log
    }

    fn view_of(folder: &Path) -> Arc<SearchView> {
        let engine = EmbeddedSearch::open(&folder.join("search"), WriterMemory::default()).unwrap();
        Arc::new(SearchView::new(Arc::new(engine), 1))
    }

    async fn reach_of(log: &EmbeddedLog, to: Offset) -> Reach {
        let committed = Committed {
            offset: to,
            metadata: "done v1".into(),
        };
        let commits = [(PARTITION, committed)].into();
        Reach::of(log, &[PARTITION.topic], &commits).await.unwrap()
    }

    fn position(log: &EmbeddedLog, offset: Offset) -> Position {
        Position {
            log_id: log.id(PARTITION.topic),
            partition: PARTITION,
            offset,
        }
    }

    #[tokio::test]
    async fn records_up_to_the_commit_are_applied_and_those_that_cannot_be_read_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (log, view) = (log_of(folder.path(), 5).await, view_of(folder.path()));
        let (mut records, mut passed, mut rejected) = (0, 0, Rejected::default());
        let reach = reach_of(&log, 4).await;
        let mut pages = std::pin::pin!(each_page(&log, &reach, &view));
        while let Some(applied) = pages.try_next().await.unwrap() {
            records += applied.records;
            passed += applied.passed;
            rejected.add(applied.rejected);
        }
        assert_eq!((records, passed, rejected.unreadable), (4, 4, 4));
    }

    #[tokio::test]
    async fn what_retention_takes_before_it_is_read_is_left_to_the_objects() {
        let folder = tempfile::tempdir().unwrap();
        let (log, view) = (log_of(folder.path(), 3).await, view_of(folder.path()));
        let mut reach = reach_of(&log, 3).await;
        assert!(reach.has(position(&log, 0)));
        let log = forgotten(folder.path(), log);
        let pages: Vec<Applied> = each_page(&log, &reach, &view).try_collect().await.unwrap();
        assert!(pages.iter().all(|applied| applied.records == 0), "{pages:?}");
        for applied in pages {
            reach.read_from(applied.partition, applied.from);
        }
        assert!(!reach.has(position(&log, 2)), "objects are asked for all of it");
    }

    #[tokio::test]
    async fn a_log_that_loses_its_beginning_or_its_end_meanwhile_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (log, view) = (log_of(folder.path(), 3).await, view_of(folder.path()));
        let (partition, stretch) = reach_of(&log, 3).await.partitions().next().unwrap();
        let page = async |log: &EmbeddedLog, stretch| {
            let mut reading = Reading {
                log,
                reader: log.reader(partition, 1),
                view: &view,
                partition,
                stretch,
                begun: true,
                at: 1,
                ahead: None,
            };
            reading.page().await
        };
        assert!(page(&log, stretch).await.unwrap().is_some());
        let mut longer = stretch;
        longer.to += 2;
        let lost = page(&log, longer).await.err().expect("something is missing");
        assert!(lost.to_string().contains("lost its tail"), "{lost}");
        let log = forgotten(folder.path(), log);
        let overtaken = page(&log, stretch).await.err().expect("something is missing");
        assert!(
            overtaken.to_string().contains("the records 1 to 3 of partition"),
            "{overtaken}"
        );
    }

    #[test]
    fn only_a_conflict_is_no_reason_to_refuse() {
        let poison = |reason, detail: &str| Poison {
            position: Position {
                log_id: hindsight_schemas::ids::LogId(uuid::Uuid::nil()),
                partition: PARTITION,
                offset: 7,
            },
            reason,
            detail: detail.into(),
        };
        let conflict = poison(Reason::Conflict, "another body came first");
        let mut rejected = Rejected::of(0, std::slice::from_ref(&conflict));
        assert!(rejected.refuse().is_ok());
        rejected.add(Rejected::of(
            1,
            &[conflict, poison(Reason::PoisonBody, "field too long")],
        ));
        assert_eq!(
            (rejected.unreadable, rejected.conflicts, rejected.others),
            (1, 2, 1)
        );
        let words = rejected.refuse().unwrap_err().to_string();
        assert!(words.contains("offset 7: field too long"), "{words}");
    }
}
