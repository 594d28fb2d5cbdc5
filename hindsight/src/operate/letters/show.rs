//! One letter with its record. A recording's events are counted, not shown: the player is made for them.

use bytes::Bytes;
use hindsight_engines::log::{ConsumerError, EventLog, ReadBounds};
use hindsight_processors::delivery::dead_letter::Letter;
use hindsight_schemas::canonical::hex;
use hindsight_schemas::record::Record;
use serde_json::{Value, json};

use super::LetterId;
use super::list::time;

/// Of what can't be read so much is shown.
const BEGINNING: usize = 256;

/// The letter that lies there, if one does.
pub(super) async fn at(log: &dyn EventLog, id: LetterId) -> Result<Option<Letter>, ConsumerError> {
    if id.partition >= log.partitions(id.place().topic) {
        return Ok(None);
    }
    let found = log.read(id.place(), id.offset, ReadBounds::ONE).await?.pop();
    let found = found.filter(|record| record.position.offset == id.offset);
    Ok(found.and_then(|record| Letter::read(record).ok()))
}

/// All that is known of a letter, if there is one.
pub(in super::super) async fn show(log: &dyn EventLog, id: LetterId) -> Result<Option<Value>, ConsumerError> {
    let Some(letter) = at(log, id).await? else {
        return Ok(None);
    };
    let headers = letter.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| json!([name, String::from_utf8_lossy(value)]))
        .collect();
    Ok(Some(json!({
        "id": id.to_string(),
        "view": letter.view,
        "reason": letter.reason,
        "detail": letter.detail,
        "log_id": letter.origin.log_id.to_string(),
        "partition": letter.origin.partition.to_string(),
        "offset": letter.origin.offset,
        "appended_at": time(letter.appended_at_ms),
        "refused_at": time(letter.refused_at_ms),
        "key": String::from_utf8_lossy(&letter.key),
        "headers": headers,
        "record": record(letter.value.as_ref()),
    })))
}

fn record(value: Option<&Bytes>) -> Value {
    let Some(value) = value else {
        return Value::Null;
    };
    match Record::decode(value) {
        Ok(Record::Recording(batch)) => json!({
            "form": "recording",
            "project": batch.project.as_str(),
            "session_id": batch.session_id.to_string(),
            "tab": batch.tab.as_str(),
            "seq": batch.seq,
            "received_at": time(batch.received_at_us / 1000),
            "events": batch.events,
            "raw_bytes": batch.raw_bytes,
            "codec": batch.codec.as_str(),
            "source": batch.source,
        }),
        Ok(Record::Audit(event)) => json!({
            "form": "audit",
            "received_at": time(event.received_at_us / 1000),
            "event": serde_json::from_slice(&event.canonical)
                .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&event.canonical))),
        }),
        Ok(Record::Erasure(erasure)) => json!({
            "form": "erasure",
            "project": erasure.project.as_str(),
            "id": erasure.id,
            "sessions": erasure.sessions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
        Err(error) => json!({
            "form": "unreadable",
            "error": error.to_string(),
            "bytes": value.len(),
            "begins_hex": hex(&value[..value.len().min(BEGINNING)]),
        }),
    }
}
