//! Flushes become records of the log, as any batch.
//!
//! **Invariant:** a flush is kept or counted under its reason. One that may not be kept (its session was erased, or is
//! too old) doesn't hold up the others of its call; where none may be, the call is refused.

use hindsight_engines::log::NewRecord;
use hindsight_schemas::ids::{BatchId, Seq, SessionId, Tab, Topic};
use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Codec;
use http::request::Parts;

use super::flush::Flush;
use crate::answer::count_refused;
use crate::append::{append, encode};
use crate::authorize::Caller;
use crate::batch::{Batch, check_session_time, note_accepted, stamp};
use crate::edge::Edge;
use crate::meters;
use crate::stamp::Received;

/// A flush with its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) session_id: SessionId,
    pub(super) tab: Tab,
    pub(super) seq: Seq,
    pub(super) is_final: bool,
    pub(super) sent_at_ms: Option<i64>,
    pub(super) flush: Flush,
}

/// Keeps the flushes of a call; how many events the log holds now.
pub(super) async fn keep(
    edge: &Edge,
    parts: &Parts,
    caller: &Caller<'_>,
    received: Received,
    placed: Vec<Placed>,
) -> Result<usize, Refusal> {
    let mut records = Vec::new();
    let mut sizes = Vec::new();
    let mut refused = Vec::new();
    let mut last_kept = None;
    for each in placed {
        let size = (each.flush.summary.events, each.flush.raw_bytes);
        let session_id = each.session_id;
        match record(edge, parts, caller, received, each).await {
            Ok(record) => {
                records.push(record);
                sizes.push(size);
                last_kept = Some(session_id);
            }
            Err(refusal) => refused.push(refusal),
        }
    }
    if records.is_empty() {
        // The answer itself counts as one.
        let answer = refused.pop().unwrap_or_else(|| Refusal::plain(Reason::NoEvents));
        refused.iter().for_each(|refusal| count_refused(refusal.reason()));
        return Err(answer);
    }
    append(edge, Topic::Recordings, records).await?;
    refused.iter().for_each(|refusal| count_refused(refusal.reason()));
    if let Some(session_id) = last_kept {
        note_accepted(edge, parts, caller.key, received, session_id);
    }
    for (events, raw_bytes) in &sizes {
        meters::batch(&caller.key.project, *events, *raw_bytes);
    }
    Ok(sizes.iter().map(|(events, _)| events).sum())
}

async fn record(
    edge: &Edge,
    parts: &Parts,
    caller: &Caller<'_>,
    received: Received,
    placed: Placed,
) -> Result<NewRecord, Refusal> {
    let id = BatchId {
        project: caller.key.project.clone(),
        session_id: placed.session_id,
        tab: placed.tab,
        seq: placed.seq,
    };
    check_session_time(edge, id.session_id, caller.key.import, received)?;
    if edge.erased.is_erased(&id.project, id.session_id).await {
        return Err(Refusal::plain(Reason::Erased));
    }
    let batch = Batch {
        id,
        codec: Codec::Zstd,
        is_final: placed.is_final,
        sent_at_ms: placed.sent_at_ms,
        summary: placed.flush.summary,
        raw_bytes: placed.flush.raw_bytes,
        body: placed.flush.packed,
    };
    let stamped = stamp(edge, parts, caller, received, batch)?;
    encode(stamped, edge.options.limits.record_bytes)
}
