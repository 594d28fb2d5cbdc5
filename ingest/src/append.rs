//! Hands records to the log and waits until it holds them durably.
//!
//! **Invariant:** `Ok` means kept. After a refusal from here all, part or nothing may be kept; sending the same again
//! is safe, because views drop the second of one identity.

use bytes::Bytes;
use hindsight_engines::failpoint;
use hindsight_engines::log::{AppendError, NewRecord, Route};
use hindsight_schemas::ids::Topic;
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Record;

use crate::edge::Edge;
use crate::{meters, trace};
use hindsight_schemas::problem::Refusal;

/// A record with its key and headers.
pub(crate) struct Stamped {
    pub(crate) topic: Topic,
    pub(crate) key: String,
    pub(crate) record: Record,
    pub(crate) headers: Vec<(String, Bytes)>,
}

/// Encodes a record; over `limits.record_bytes` it is refused.
pub(crate) fn encode(stamped: Stamped, most: usize) -> Result<NewRecord, Refusal> {
    let value = stamped.record.encode().map_err(|error| {
        tracing::error!(%error, "could not encode a record");
        Refusal::plain(Reason::Internal)
    })?;
    if value.len() > most {
        return Err(Refusal::over("limits.record_bytes", most));
    }
    Ok(NewRecord {
        topic: stamped.topic,
        to: Route::ByKey,
        key: Bytes::from(stamped.key),
        value: Some(Bytes::from(value)),
        headers: stamped.headers,
    })
}

/// Appends records of one topic; returns when the log holds them all.
pub(crate) async fn append(edge: &Edge, topic: Topic, mut records: Vec<NewRecord>) -> Result<(), Refusal> {
    let started = std::time::Instant::now();
    let count = records.len();
    let bound = edge.options.append_wait();
    let span = trace::append(topic, &mut records);
    failpoint::step("edge-append");
    let answered = tokio::time::timeout(bound, edge.log.append(records)).await;
    failpoint::step("edge-appended");
    meters::appended(topic, count, started.elapsed(), &answered);
    trace::appended(span, &answered);
    match answered {
        Ok(Ok(_positions)) => Ok(()),
        Ok(Err(AppendError::TooLarge { limit, .. })) => Err(Refusal::over("limits.record_bytes", limit)),
        Ok(Err(error)) => {
            tracing::warn!(%error, records = count, "the log refused an append");
            Err(unavailable())
        }
        Err(_) => {
            tracing::warn!(
                records = count,
                waited_ms = bound.as_millis() as u64,
                "the log did not answer in time"
            );
            Err(unavailable())
        }
    }
}

fn unavailable() -> Refusal {
    Refusal::new(
        Reason::LogUnavailable,
        "the log did not confirm: all, part or nothing may be kept; send the same again",
        "日志未确认：可能全部、部分或未保存；请重新发送相同请求",
    )
}
