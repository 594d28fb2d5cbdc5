//! What the `rdkafka` crate leaves out of librdkafka and this log can't do without: where a partition ended and
//! which partition failed (the crate drops topic and offset), the answer for each partition of a commit (the crate
//! gives the first error only if all failed), what the cluster says about a topic, a queue for records
//! alone, a bell for two queues, and that what it frees goes back to the system.
//!
//! **Invariants:** a queue is destroyed before the client that it belongs to, because it keeps the client alive. What
//! librdkafka lends (messages, lists, names) is copied before the event that holds it is destroyed; nothing borrowed
//! leaves this file.
#![allow(unsafe_code)] // Calls C, as the binding of libchdb does; nothing else of the log does.

pub(super) mod about;

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hindsight_schemas::ids::{LogId, Offset, Partition, Position};
use rdkafka::TopicPartitionList;
use rdkafka::bindings as c;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::bell::Bell;
use super::context::Context;
use super::names::Names;
use crate::log::StoredRecord;

/// Has the C library give back what librdkafka frees of answers of brokers, some MiB each. By itself it keeps memory of that
/// size, once a piece of it was freed, for each thread that ever got an answer.
pub(super) fn give_back_large_pieces() {
    #[cfg(target_env = "gnu")]
    {
        const LARGE: std::ffi::c_int = 256 << 10;
        // SAFETY: it takes two numbers, and may be called at any time.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    }
}

/// What comes out of a consumer's queue.
pub(super) enum Event {
    Record(Record),
    /// The reader stands here at the end.
    End(Partition, Offset),
    Assigned(Vec<Partition>),
    Revoked(Vec<Partition>),
    Failed(Failure),
    Statistics(String),
    Logged(RDKafkaLogLevel, String, String),
    /// Nothing that concerns a reader.
    Other,
}

/// A record, copied out of librdkafka.
pub(super) struct Record {
    pub(super) partition: Partition,
    pub(super) offset: Offset,
    pub(super) appended_at_ms: i64,
    pub(super) key: Bytes,
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<(String, Bytes)>,
}

impl Record {
    /// As the seam has it, from the log of this id.
    pub(super) fn stored(self, log_id: LogId) -> StoredRecord {
        StoredRecord {
            position: Position {
                log_id,
                partition: self.partition,
                offset: self.offset,
            },
            appended_at_ms: self.appended_at_ms,
            key: self.key,
            value: self.value,
            headers: self.headers,
        }
    }
}

/// An error, of a partition or of the client.
pub(super) struct Failure {
    pub(super) partition: Option<Partition>,
    pub(super) code: RDKafkaErrorCode,
    pub(super) words: String,
    pub(super) fatal: bool,
}

/// A queue of a client: the consumer's own, or one made beside it.
pub(super) struct Queue {
    queue: NonNull<c::rd_kafka_queue_t>,
    consumer: Arc<BaseConsumer<Context>>,
    /// Rung when something comes while the queue is empty; its place in memory is lent to librdkafka.
    bell: Option<Arc<Bell>>,
}

// SAFETY: librdkafka's queues may be used from any thread, and so may the client.
unsafe impl Send for Queue {}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the pointer came from librdkafka with a reference of ours, and the client still lives. The callback is
        // taken away under the queue's lock, under which it runs, before the bell can go.
        unsafe {
            if self.bell.is_some() {
                c::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, null_mut());
            }
            c::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

impl Queue {
    /// The queue on which a member of a group gets everything that no other queue has taken over.
    pub(super) fn of_consumer(consumer: &Arc<BaseConsumer<Context>>) -> Option<Self> {
        // SAFETY: the client lives; null comes back for one without a group.
        let queue = unsafe { c::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Self::of(queue, consumer)
    }

    /// A queue beside the consumer's, to which nothing comes by itself.
    pub(super) fn beside(consumer: &Arc<BaseConsumer<Context>>) -> Option<Self> {
        // SAFETY: the client lives.
        let queue = unsafe { c::rd_kafka_queue_new(consumer.client().native_ptr()) };
        Self::of(queue, consumer)
    }

    fn of(queue: *mut c::rd_kafka_queue_t, consumer: &Arc<BaseConsumer<Context>>) -> Option<Self> {
        Some(Self {
            queue: NonNull::new(queue)?,
            consumer: Arc::clone(consumer),
            bell: None,
        })
    }

    /// Has the bell rung whenever something comes while the queue is empty.
    pub(super) fn rings(mut self, bell: &Arc<Bell>) -> Self {
        unsafe extern "C" fn ring(_: *mut c::rd_kafka_t, bell: *mut c_void) {
            // SAFETY: `bell` is what was handed over below; the queue keeps it until the callback is taken away.
            unsafe { &*bell.cast::<Bell>().cast_const() }.ring();
        }
        let lent = Arc::as_ptr(bell).cast_mut().cast();
        // SAFETY: queue and bell live until the drop, which takes the callback away first; ringing takes a lock of the
        // bell's own for a moment and calls nothing of librdkafka.
        unsafe { c::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), Some(ring), lent) };
        self.bell = Some(Arc::clone(bell));
        self
    }

    /// From now on what is fetched of this partition comes here, and no longer to the consumer's queue.
    pub(super) fn take_over(&self, topic: &str, partition: i32) -> Option<()> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: client, name and queue live. The partition's queue is ours to give back; that it forwards stays.
        unsafe {
            let native = self.consumer.client().native_ptr();
            let fetched = c::rd_kafka_queue_get_partition(native, topic.as_ptr(), partition);
            let fetched = NonNull::new(fetched)?;
            c::rd_kafka_queue_forward(fetched.as_ptr(), self.queue.as_ptr());
            c::rd_kafka_queue_destroy(fetched.as_ptr());
        }
        Some(())
    }

    /// The next event, waiting up to `timeout`.
    pub(super) fn next(&self, timeout: Duration, names: &Names) -> Option<Event> {
        let event = self.poll(timeout)?;
        Some(event.decode(names))
    }

    fn poll(&self, timeout: Duration) -> Option<Raw> {
        // SAFETY: the queue lives; what comes back is ours to destroy.
        let event = unsafe { c::rd_kafka_queue_poll(self.queue.as_ptr(), milliseconds(timeout)) };
        NonNull::new(event).map(Raw)
    }

    /// Sends a commit; its answer comes on this queue.
    pub(super) fn commit(&self, offsets: &TopicPartitionList) -> Result<(), RDKafkaErrorCode> {
        // SAFETY: client, list and queue live; the list is copied by the call; without a callback the answer is an
        // event on the queue.
        let error = unsafe {
            c::rd_kafka_commit_queue(
                self.consumer.client().native_ptr(),
                offsets.ptr(),
                self.queue.as_ptr(),
                None,
                null_mut(),
            )
        };
        checked(error)
    }

    /// The answer to a commit: `None` when there is none yet, else the first error of the request or of one of
    /// its partitions.
    pub(super) fn commit_answer(&self, timeout: Duration) -> Option<Result<(), RDKafkaErrorCode>> {
        let event = self.poll(timeout)?;
        // SAFETY: the event lives; the list belongs to it.
        let (error, list) = unsafe {
            (
                c::rd_kafka_event_error(event.ptr()),
                c::rd_kafka_event_topic_partition_list(event.ptr()),
            )
        };
        let of_request = checked(error);
        let of_partitions = elements(list).iter().try_for_each(|element| checked(element.err));
        Some(of_request.and(of_partitions))
    }
}

/// An event of ours to destroy.
struct Raw(NonNull<c::rd_kafka_event_t>);

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: came from `rd_kafka_queue_poll`, destroyed once.
        unsafe { c::rd_kafka_event_destroy(self.ptr()) };
    }
}

impl Raw {
    fn ptr(&self) -> *mut c::rd_kafka_event_t {
        self.0.as_ptr()
    }

    fn decode(&self, names: &Names) -> Event {
        // SAFETY: the event lives.
        match unsafe { c::rd_kafka_event_type(self.ptr()) } {
            c::RD_KAFKA_EVENT_FETCH => self.record(names).map_or(Event::Other, Event::Record),
            c::RD_KAFKA_EVENT_ERROR => self.failure(names),
            c::RD_KAFKA_EVENT_REBALANCE => self.rebalance(names),
            // SAFETY: the event lives, and is one of statistics.
            c::RD_KAFKA_EVENT_STATS => {
                Event::Statistics(text(unsafe { c::rd_kafka_event_stats(self.ptr()) }))
            }
            c::RD_KAFKA_EVENT_LOG => self.logged(),
            _ => Event::Other,
        }
    }

    /// A fetch event of a consumer holds one message.
    fn record(&self, names: &Names) -> Option<Record> {
        // SAFETY: the message belongs to the event, which lives until all is copied.
        unsafe {
            let message = c::rd_kafka_event_message_next(self.ptr()).as_ref()?;
            let mut kind = c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
            Some(Record {
                partition: names.partition(&text(c::rd_kafka_topic_name(message.rkt)), message.partition)?,
                offset: u64::try_from(message.offset).ok()?,
                appended_at_ms: c::rd_kafka_message_timestamp(message, &mut kind),
                key: bytes(message.key.cast(), message.key_len).unwrap_or_default(),
                value: bytes(message.payload.cast(), message.len),
                headers: headers(message),
            })
        }
    }

    fn failure(&self, names: &Names) -> Event {
        // SAFETY: the event lives; its partition is a copy of ours to destroy.
        let (code, words, fatal, place) = unsafe {
            let place = c::rd_kafka_event_topic_partition(self.ptr());
            let named = place
                .as_ref()
                .map(|place| (text(place.topic), place.partition, place.offset));
            if !place.is_null() {
                c::rd_kafka_topic_partition_destroy(place);
            }
            (
                RDKafkaErrorCode::from(c::rd_kafka_event_error(self.ptr())),
                text(c::rd_kafka_event_error_string(self.ptr())),
                c::rd_kafka_event_error_is_fatal(self.ptr()) != 0,
                named,
            )
        };
        let partition = place
            .as_ref()
            .and_then(|(topic, number, _)| names.partition(topic, *number));
        let offset = place.and_then(|(_, _, offset)| u64::try_from(offset).ok());
        match (code, partition, offset) {
            (RDKafkaErrorCode::PartitionEOF, Some(partition), Some(offset)) => Event::End(partition, offset),
            _ => Event::Failed(Failure {
                partition,
                code,
                words,
                fatal,
            }),
        }
    }

    fn rebalance(&self, names: &Names) -> Event {
        // SAFETY: the event lives; the list belongs to it.
        let (code, list) = unsafe {
            (
                c::rd_kafka_event_error(self.ptr()),
                c::rd_kafka_event_topic_partition_list(self.ptr()),
            )
        };
        let named = |element: &c::rd_kafka_topic_partition_t| {
            names.partition(&text(element.topic), element.partition)
        };
        let partitions = elements(list).iter().filter_map(named).collect();
        match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Event::Assigned(partitions),
            _ => Event::Revoked(partitions),
        }
    }

    fn logged(&self) -> Event {
        let (mut facility, mut line, mut level) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: the event lives, and is one of logging; the texts belong to it.
        unsafe {
            if c::rd_kafka_event_log(self.ptr(), &mut facility, &mut line, &mut level) != 0 {
                return Event::Other;
            }
        }
        let level = match level {
            0..=3 => RDKafkaLogLevel::Error,
            4 => RDKafkaLogLevel::Warning,
            5 | 6 => RDKafkaLogLevel::Info,
            _ => RDKafkaLogLevel::Debug,
        };
        Event::Logged(level, text(facility), text(line))
    }
}

/// A queue for one answer.
struct Answers(*mut c::rd_kafka_queue_t);

impl Drop for Answers {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_new`, destroyed once; the client outlives this by borrow.
        unsafe { c::rd_kafka_queue_destroy(self.0) };
    }
}

impl Answers {
    fn wait(&self, timeout: Duration, hopeless: impl Fn() -> Option<String>) -> Result<Raw, String> {
        const LOOK_MS: i32 = 50;
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            // SAFETY: the queue lives; what comes back is ours to destroy.
            let event = unsafe { c::rd_kafka_queue_poll(self.0, LOOK_MS) };
            if let Some(event) = NonNull::new(event) {
                return Ok(Raw(event));
            }
            if let Some(words) = hopeless() {
                return Err(words);
            }
        }
        Err(format!("no answer within {timeout:?}"))
    }
}

fn checked(error: RDKafkaRespErr) -> Result<(), RDKafkaErrorCode> {
    match RDKafkaErrorCode::from(error) {
        RDKafkaErrorCode::NoError => Ok(()),
        error => Err(error),
    }
}

fn elements<'a>(list: *mut c::rd_kafka_topic_partition_list_t) -> &'a [c::rd_kafka_topic_partition_t] {
    // SAFETY: callers hold the event that owns the list for as long as they use the slice; a list of no elements
    // may have none allocated.
    unsafe {
        match list.as_ref() {
            Some(list) if list.cnt > 0 && !list.elems.is_null() => {
                std::slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0))
            }
            _ => &[],
        }
    }
}

/// SAFETY: the message lives while this runs.
unsafe fn headers(message: &c::rd_kafka_message_t) -> Vec<(String, Bytes)> {
    let mut found = Vec::new();
    unsafe {
        let mut headers = null_mut();
        let answer = c::rd_kafka_message_headers(message, &mut headers);
        if answer != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return found;
        }
        let (mut name, mut value, mut length) = (std::ptr::null(), std::ptr::null(), 0);
        while c::rd_kafka_header_get_all(headers, found.len(), &mut name, &mut value, &mut length)
            == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            found.push((text(name), bytes(value.cast(), length).unwrap_or_default()));
        }
    }
    found
}

/// SAFETY: `data` is null or points to `length` bytes.
unsafe fn bytes(data: *const u8, length: usize) -> Option<Bytes> {
    if data.is_null() {
        return None;
    }
    Some(Bytes::copy_from_slice(unsafe {
        std::slice::from_raw_parts(data, length)
    }))
}

fn text(of: *const c_char) -> String {
    if of.is_null() {
        return String::new();
    }
    // SAFETY: librdkafka's texts end with a zero byte and live as long as what they came from, which callers hold.
    unsafe { CStr::from_ptr(of) }.to_string_lossy().into_owned()
}

fn milliseconds(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}
