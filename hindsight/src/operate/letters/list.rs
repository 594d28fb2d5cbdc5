//! The letters with what became of each.

use std::collections::{BTreeMap, HashMap};

use hindsight_engines::log::{ConsumerError, EventLog, ReadBounds, StoredRecord};
use hindsight_processors::delivery::dead_letter::{Letter, Resent};
use hindsight_schemas::ids::{Offset, Partition, Position, Topic};
use jiff::Timestamp;

use super::{LetterId, List, Listed, State};
use crate::roles::View;

/// Letters that are listed: the newest.
pub(super) const MOST: usize = 10_000;
const PAGE: ReadBounds = ReadBounds {
    records: 1_000,
    bytes: 8 << 20,
};

/// What a view refused, and which.
type Refused = (Position, String);

/// The topic as it was read, without the records' values.
#[derive(Default)]
pub(super) struct Kept {
    letters: BTreeMap<LetterId, (Letter, usize)>,
    /// The first letter of each.
    ids: HashMap<Refused, LetterId>,
    marks: HashMap<Position, Resent>,
    left_out: usize,
    strange: usize,
}

/// How far the views are.
type Done = HashMap<(&'static str, Partition), Offset>;

/// Reads all.
pub(in super::super) async fn list(log: &dyn EventLog) -> Result<List, ConsumerError> {
    // Before the letters: a view that passes a record has written its letter before.
    let done = done(log).await?;
    let kept = Kept::read(log).await?;
    let letters = kept.letters.iter();
    Ok(List {
        letters: letters
            .map(|(id, (letter, bytes))| kept.listed(log, &done, *id, letter, *bytes))
            .collect(),
        left_out: kept.left_out,
        strange: kept.strange,
    })
}

async fn done(log: &dyn EventLog) -> Result<Done, ConsumerError> {
    let mut done = Done::new();
    for view in View::ALL {
        for &topic in view.topics() {
            for partition in 0..log.partitions(topic) {
                let partition = Partition { topic, partition };
                if let Some(committed) = log.committed(&view.group(), partition).await? {
                    done.insert((view.name(), partition), committed.offset);
                }
            }
        }
    }
    Ok(done)
}

impl Kept {
    pub(super) async fn read(log: &dyn EventLog) -> Result<Self, ConsumerError> {
        let mut kept = Self::default();
        for partition in 0..log.partitions(Topic::DeadLetters) {
            let partition = Partition {
                topic: Topic::DeadLetters,
                partition,
            };
            let (mut from, end) = log.offsets(partition).await?;
            let mut reader = log.reader(partition, from);
            while from < end {
                let page = reader.page(PAGE).await?;
                // Nothing but holes up to the end.
                let Some(last) = page.last() else { break };
                from = last.position.offset + 1;
                page.into_iter().for_each(|record| kept.take(record));
            }
        }
        Ok(kept)
    }

    /// Where the record lies again, if it was sent.
    pub(super) fn mark(&self, origin: Position) -> Option<Resent> {
        self.marks.get(&origin).copied()
    }

    fn take(&mut self, record: StoredRecord) {
        match Resent::read(&record) {
            Ok(Some(mark)) => {
                self.marks.entry(mark.origin).or_insert(mark);
                return;
            }
            Ok(None) => {}
            Err(_) => {
                self.strange += 1;
                return;
            }
        }
        let id = LetterId {
            partition: record.position.partition.partition,
            offset: record.position.offset,
        };
        let Ok(mut letter) = Letter::read(record) else {
            self.strange += 1;
            return;
        };
        let bytes = letter.value.take().map_or(0, |value| value.len());
        letter.headers.clear();
        let refused = (letter.origin, letter.view.clone());
        if self.ids.contains_key(&refused) {
            return;
        }
        self.ids.insert(refused, id);
        self.letters.insert(id, (letter, bytes));
        if self.letters.len() > MOST
            && let Some((_, (oldest, _))) = self.letters.pop_first()
        {
            self.ids.remove(&(oldest.origin, oldest.view));
            self.left_out += 1;
        }
    }

    fn listed(&self, log: &dyn EventLog, done: &Done, id: LetterId, letter: &Letter, bytes: usize) -> Listed {
        let to = self.mark(letter.origin).map(|mark| mark.to);
        let again = to.and_then(|to| self.ids.get(&(to, letter.view.clone())));
        let state = match (to, again) {
            (None, _) => State::Waiting,
            (Some(_), Some(_)) => State::RefusedAgain,
            (Some(to), None) if is_done(log, done, &letter.view, to) => State::Applied,
            (Some(_), None) => State::Resent,
        };
        Listed {
            id: id.to_string(),
            view: letter.view.clone(),
            reason: letter.reason.clone(),
            detail: letter.detail.clone(),
            partition: letter.origin.partition.to_string(),
            offset: letter.origin.offset,
            appended_at: time(letter.appended_at_ms),
            refused_at: time(letter.refused_at_ms),
            bytes,
            state,
            resent_to: to.map(|to| to.offset),
            refused_again_as: again.map(LetterId::to_string),
        }
    }
}

/// Whether the view has passed this position.
fn is_done(log: &dyn EventLog, done: &Done, view: &str, to: Position) -> bool {
    let view = View::ALL.iter().find(|of| of.name() == view);
    let done = view.and_then(|view| done.get(&(view.name(), to.partition)));
    log.id(to.partition.topic) == to.log_id && done.is_some_and(|done| *done > to.offset)
}

pub(super) fn time(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).map_or_else(|_| unix_ms.to_string(), |time| time.to_string())
}
