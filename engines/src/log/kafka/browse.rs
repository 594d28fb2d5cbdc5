//! Reading a partition page by page without joining a group: for operators, who look and leave, and for what reads it all.
//!
//! **Failure**: brokers that do not answer, or that refuse, end a page with their words, and the next begins anew at the
//! same place; so does one for which nobody waited. Retention that overtakes it has it go on at what is still kept.
//! **Bound**: one client, made by the first page that has something to read, which goes with the reader; `fetch_bytes`
//! ahead, and one record that did not fit; `request_timeout` from one record to the next.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use hindsight_schemas::ids::{Offset, Partition};
use rdkafka::error::RDKafkaErrorCode;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::context::log_line;
use super::inner::Inner;
use super::member::{Member, engine};
use super::native::{Event, Failure};
use crate::log::{ConsumerError, ReadBounds, Reader, StoredRecord};

/// What the client calls itself. It commits nothing.
const GROUP: &str = "hindsight.operator";

/// A place in a partition, and the client that reads on from there.
pub(super) struct Browser {
    inner: Arc<Inner>,
    partition: Partition,
    next: Offset,
    /// None before the first page, after an error, and when a page was not waited for.
    reading: Option<Reading>,
}

impl Browser {
    pub(super) fn new(inner: Arc<Inner>, partition: Partition, from: Offset) -> Self {
        Self {
            inner,
            partition,
            next: from,
            reading: None,
        }
    }
}

#[async_trait]
impl Reader for Browser {
    async fn page(&mut self, most: ReadBounds) -> Result<Vec<StoredRecord>, ConsumerError> {
        let reading = self.reading.take();
        let (inner, partition, next) = (Arc::clone(&self.inner), self.partition, self.next);
        let page = spawn_blocking(move || {
            let mut reading = match reading {
                Some(reading) => reading,
                None => Reading::begin(inner, partition, next),
            };
            let page = reading.page(most)?;
            Ok::<_, ConsumerError>((reading, page))
        });
        let (reading, page) = page.await.map_err(engine)??;
        self.next = reading.next;
        self.reading = Some(reading);
        Ok(page)
    }
}

impl Drop for Browser {
    /// Closing a client waits for its threads.
    fn drop(&mut self) {
        if let (Some(reading), Ok(runtime)) = (self.reading.take(), Handle::try_current()) {
            runtime.spawn_blocking(move || drop(reading));
        }
    }
}

struct Reading {
    inner: Arc<Inner>,
    partition: Partition,
    /// The record that the next page begins with.
    next: Offset,
    /// The partition ended here when it was last asked for.
    end: Offset,
    /// Made when there is something to read.
    member: Option<Member>,
    /// Came with the last page, and did not fit.
    over: Option<StoredRecord>,
}

impl Reading {
    fn begin(inner: Arc<Inner>, partition: Partition, from: Offset) -> Self {
        Self {
            inner,
            partition,
            next: from,
            end: 0,
            member: None,
            over: None,
        }
    }

    fn page(&mut self, most: ReadBounds) -> Result<Vec<StoredRecord>, ConsumerError> {
        if self.next >= self.end {
            let (first, end) = self.inner.offsets(self.partition)?;
            (self.next, self.end) = (self.next.max(first), end);
        }
        let mut page = Page::new(most);
        while self.next < self.end && !page.is_full() {
            let Some(record) = self.record()? else { break };
            if !page.has_room_for(&record) {
                self.over = Some(record);
                break;
            }
            self.next = record.position.offset + 1;
            page.add(record);
        }
        Ok(page.records)
    }

    /// The next record before the end; none where there are only holes up to it.
    fn record(&mut self) -> Result<Option<StoredRecord>, ConsumerError> {
        if let Some(record) = self.over.take() {
            return Ok(Some(record));
        }
        let began = Instant::now();
        loop {
            let left = self
                .inner
                .settings
                .request_timeout
                .saturating_sub(began.elapsed());
            match self.member()?.next(left) {
                Some(Event::Record(record)) => {
                    return Ok(Some(record.stored(self.inner.identity.id(self.partition.topic))));
                }
                // Told of an end that records have passed since, they come.
                Some(Event::End(_, end)) if end < self.end => {}
                Some(Event::End(_, end)) => {
                    self.next = self.next.max(end);
                    return Ok(None);
                }
                Some(Event::Failed(failure)) => self.fail(failure)?,
                Some(Event::Logged(level, facility, line)) => log_line(GROUP, level, &facility, &line),
                Some(_) => {}
                None if began.elapsed() < self.inner.settings.request_timeout => {}
                None => {
                    let words = format!(
                        "no record of {} came within {:?}",
                        self.partition,
                        began.elapsed()
                    );
                    return Err(ConsumerError::Engine(self.inner.complaints.explain(&words)));
                }
            }
        }
    }

    fn member(&mut self) -> Result<&Member, ConsumerError> {
        let member = match self.member.take() {
            Some(member) => member,
            None => {
                let Inner {
                    settings,
                    names,
                    complaints,
                    ..
                } = &*self.inner;
                let member = Member::apart(settings, names, complaints, GROUP)?;
                member.fetch_only(self.partition, self.next)?;
                member
            }
        };
        Ok(self.member.insert(member))
    }

    fn fail(&mut self, failure: Failure) -> Result<(), ConsumerError> {
        use RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange, TopicAuthorizationFailed};
        let Failure {
            code, words, fatal, ..
        } = failure;
        self.inner.complaints.note(Some(code), &words);
        match code {
            TopicAuthorizationFailed => {
                let remedy = format!("{words}; give the user the right to read the topic");
                Err(ConsumerError::Engine(remedy))
            }
            AutoOffsetReset | OffsetOutOfRange => {
                self.next = self.next.max(self.inner.offsets(self.partition)?.0);
                let (partition, next) = (self.partition, self.next);
                self.member()?.fetch_only(partition, next)
            }
            _ if fatal => Err(ConsumerError::Engine(words)),
            _ => Ok(()),
        }
    }
}

/// Records within bounds.
struct Page {
    most: ReadBounds,
    bytes: usize,
    records: Vec<StoredRecord>,
}

impl Page {
    fn new(most: ReadBounds) -> Self {
        Self {
            most,
            bytes: 0,
            records: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.most.records
    }

    /// For the first there always is.
    fn has_room_for(&self, record: &StoredRecord) -> bool {
        self.records.is_empty() || self.bytes + length(record) <= self.most.bytes
    }

    fn add(&mut self, record: StoredRecord) {
        self.bytes += length(&record);
        self.records.push(record);
    }
}

fn length(record: &StoredRecord) -> usize {
    record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len)
}
