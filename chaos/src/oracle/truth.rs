//! The log itself, read whole: which identity lies at which positions, and what was erased.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use hindsight_engines::log::kafka::KafkaLog;
use hindsight_engines::log::{EventLog, ReadBounds, StoredRecord};
use hindsight_processors::delivery::dead_letter::header;
use hindsight_processors::delivery::group;
use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::{Offset, Partition, Position, Topic};
use hindsight_schemas::record::Record;

use super::Findings;

/// The generation of all views.
pub(super) const VIEW_GENERATION: u32 = 1;
const DATA: [Topic; 2] = [Topic::Recordings, Topic::Audit];
const AT_ONCE: ReadBounds = ReadBounds {
    records: 1000,
    bytes: 8 << 20,
};
/// What each view reads.
const VIEWS: [(&str, &[Topic]); 3] = [
    ("analytics", &DATA),
    ("search", &DATA),
    ("replay", &[Topic::Recordings]),
];

/// What the log holds, as far as it was read.
pub struct Truth {
    log: Arc<KafkaLog>,
    read_to: BTreeMap<Partition, Offset>,
    batches: BTreeMap<String, Known>,
    audit: BTreeMap<String, Known>,
    erased: BTreeSet<String>,
}

/// An identity, and where its records lie.
#[derive(Debug, Default)]
pub(super) struct Known {
    session: String,
    positions: Vec<Position>,
}

impl Known {
    #[cfg(test)]
    pub(super) fn at(positions: Vec<Position>) -> Self {
        let session = String::new();
        Self { session, positions }
    }

    /// The lowest: of the lower offset, on a tie of the lower partition.
    pub(super) fn winner(&self) -> String {
        let rank = |position: &&Position| (position.offset, position.partition.partition);
        let lowest = self.positions.iter().min_by_key(rank);
        place(lowest.expect("it was read somewhere"))
    }

    /// Whether the record there has the lowest offset.
    pub(super) fn wins(&self, place_text: &str) -> bool {
        let lowest = self.positions.iter().map(|position| position.offset).min();
        let of = |position: &&Position| place(position) == place_text;
        self.positions.iter().find(of).map(|found| found.offset) == lowest
    }

    /// Whether some record of it lies there.
    pub(super) fn is_at(&self, place_text: &str) -> bool {
        self.positions
            .iter()
            .any(|position| place(position) == place_text)
    }

    /// The lowest of each partition: what search may hold, where the first to land stays.
    pub(super) fn may_be_first(&self, place_text: &str) -> bool {
        let of = |position: &&Position| place(position) == place_text;
        self.positions.iter().find(of).is_some_and(|found| {
            let mut same = self.positions.iter();
            same.all(|other| other.partition != found.partition || other.offset >= found.offset)
        })
    }
}

/// A position as search keeps it: `log/topic/partition/offset`.
pub(super) fn place(position: &Position) -> String {
    let Position {
        log_id,
        partition,
        offset,
    } = position;
    format!("{log_id}/{partition}/{offset}")
}

impl Truth {
    /// Nothing is read yet.
    pub fn new(log: Arc<KafkaLog>) -> Self {
        Self {
            log,
            read_to: BTreeMap::new(),
            batches: BTreeMap::new(),
            audit: BTreeMap::new(),
            erased: BTreeSet::new(),
        }
    }

    /// Goes on with a log that was opened anew, for instance with more partitions.
    pub fn reopen(&mut self, log: Arc<KafkaLog>) {
        self.log = log;
    }

    /// Batches by identity; of erased sessions none.
    pub(super) fn batches(&self) -> impl Iterator<Item = (&String, &Known)> {
        let kept = |(_, known): &(&String, &Known)| !self.erased.contains(&known.session);
        self.batches.iter().filter(kept)
    }

    /// Audit events by identity.
    pub(super) fn audit(&self) -> impl Iterator<Item = (&String, &Known)> {
        self.audit.iter()
    }

    /// Whether a batch is of an erased session.
    pub(super) fn is_erased(&self, identity: &str) -> bool {
        let session = identity.split('/').nth(1);
        session.is_some_and(|session| self.erased.contains(session))
    }

    /// Records that were read.
    pub fn records(&self) -> usize {
        let positions = |known: &BTreeMap<String, Known>| -> usize {
            known.values().map(|known| known.positions.len()).sum()
        };
        positions(&self.batches) + positions(&self.audit)
    }

    /// Lanes that are not at the end of the log, or have something pending.
    pub async fn behind(&self) -> anyhow::Result<Vec<String>> {
        let mut behind = Vec::new();
        for (view, topics) in VIEWS {
            for partition in topics.iter().flat_map(|topic| self.partitions(*topic)) {
                let (first, end) = self.log.offsets(partition).await?;
                let committed = self
                    .log
                    .committed(&group(view, VIEW_GENERATION), partition)
                    .await?;
                let at = committed.as_ref().map_or(first, |committed| committed.offset);
                let metadata = committed.map(|committed| committed.metadata).unwrap_or_default();
                if at < end || metadata.starts_with("pending") {
                    behind.push(format!("{view} on {partition}: {at} of {end}, {metadata:?}"));
                }
            }
        }
        Ok(behind)
    }

    fn partitions(&self, topic: Topic) -> impl Iterator<Item = Partition> + use<> {
        (0..self.log.partitions(topic)).map(move |partition| Partition { topic, partition })
    }

    /// Reads what came since the last time. Dead letters are findings: nothing here is unreadable.
    pub async fn read_on(&mut self, findings: &mut Findings) -> anyhow::Result<()> {
        for topic in [Topic::Recordings, Topic::Audit, Topic::DeadLetters] {
            for partition in self.partitions(topic) {
                self.read_partition(partition, findings).await?;
            }
        }
        Ok(())
    }

    async fn read_partition(&mut self, partition: Partition, findings: &mut Findings) -> anyhow::Result<()> {
        let mut from = self.read_to.get(&partition).copied().unwrap_or_default();
        let mut reader = self.log.reader(partition, from);
        loop {
            let records = reader.page(AT_ONCE).await?;
            let Some(last) = records.last() else {
                self.read_to.insert(partition, from);
                return Ok(());
            };
            from = last.position.offset + 1;
            for record in &records {
                self.take(record, findings)?;
            }
        }
    }

    fn take(&mut self, record: &StoredRecord, findings: &mut Findings) -> anyhow::Result<()> {
        let place_text = place(&record.position);
        if record.position.partition.topic == Topic::DeadLetters {
            let told = |header| record.headers.iter().find(|(name, _)| name == header);
            let (reason, detail) = (told(header::REASON), told(header::DETAIL));
            findings.odd(format_args!("dead letter {place_text}, {reason:?}, {detail:?}"));
            return Ok(());
        }
        let value = record.value.as_ref().context("a data record has a value")?;
        match Record::decode(value)? {
            Record::Recording(batch) => {
                let id = batch.id();
                let known = self.batches.entry(DocumentId::activity(&id).as_str().to_owned());
                let known = known.or_default();
                known.session = batch.session_id.to_string();
                known.positions.push(record.position);
            }
            Record::Audit(event) => {
                let id = DocumentId::audit(&event.project, event.id);
                let known = self.audit.entry(id.as_str().to_owned()).or_default();
                known.positions.push(record.position);
            }
            Record::Erasure(erasure) => {
                let sessions = erasure.sessions.iter().map(ToString::to_string);
                self.erased.extend(sessions);
            }
        }
        Ok(())
    }
}
