//! Reading some records of a partition without joining a group: for operators, who look and leave.
//!
//! **Failure**: brokers that do not answer, or that refuse, end it with their words. Retention that overtakes it has it
//! begin at what is still kept. **Bound**: a client for each call, which goes with it; `request_timeout` from one
//! record to the next.

use std::time::Instant;

use hindsight_schemas::ids::{Offset, Partition};
use rdkafka::error::RDKafkaErrorCode;

use super::context::log_line;
use super::inner::Inner;
use super::member::Member;
use super::native::{Event, Failure};
use crate::log::{ConsumerError, ReadBounds, StoredRecord};

/// What the client calls itself. It commits nothing.
const GROUP: &str = "hindsight.operator";

/// The records from an offset on.
pub(super) fn read(
    inner: &Inner,
    partition: Partition,
    from: Offset,
    most: ReadBounds,
) -> Result<Vec<StoredRecord>, ConsumerError> {
    let (first, end) = inner.offsets(partition)?;
    let mut records = Vec::new();
    if from.max(first) >= end || most.records == 0 {
        return Ok(records);
    }
    let member = Member::apart(&inner.settings, &inner.names, &inner.complaints, GROUP)?;
    member.fetch_only(partition, from.max(first))?;
    let (log_id, mut bytes) = (inner.identity.id(partition.topic), 0);
    let mut heard = Instant::now();
    loop {
        let left = inner.settings.request_timeout.saturating_sub(heard.elapsed());
        match member.next(left) {
            Some(Event::Record(record)) => {
                let record = record.stored(log_id);
                bytes += record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len);
                if bytes > most.bytes && !records.is_empty() {
                    return Ok(records);
                }
                let is_last = record.position.offset + 1 >= end;
                records.push(record);
                if is_last || records.len() >= most.records {
                    return Ok(records);
                }
                heard = Instant::now();
            }
            Some(Event::End(..)) => return Ok(records),
            Some(Event::Failed(failure)) => match failed(inner, failure)? {
                Next::Wait => {}
                Next::BeginAnew => {
                    let first = inner.offsets(partition)?.0;
                    member.fetch_only(partition, from.max(first))?;
                }
            },
            Some(Event::Logged(level, facility, line)) => log_line(GROUP, level, &facility, &line),
            Some(_) => {}
            None if heard.elapsed() < inner.settings.request_timeout => {}
            None => {
                let words = format!("no record of {partition} came within {:?}", heard.elapsed());
                return Err(ConsumerError::Engine(inner.complaints.explain(&words)));
            }
        }
    }
}

enum Next {
    Wait,
    BeginAnew,
}

fn failed(inner: &Inner, failure: Failure) -> Result<Next, ConsumerError> {
    use RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange, TopicAuthorizationFailed};
    let Failure {
        code, words, fatal, ..
    } = failure;
    inner.complaints.note(Some(code), &words);
    match code {
        TopicAuthorizationFailed => {
            let remedy = format!("{words}; give the user the right to read the topic");
            Err(ConsumerError::Engine(remedy))
        }
        AutoOffsetReset | OffsetOutOfRange => Ok(Next::BeginAnew),
        _ if fatal => Err(ConsumerError::Engine(words)),
        _ => Ok(Next::Wait),
    }
}
