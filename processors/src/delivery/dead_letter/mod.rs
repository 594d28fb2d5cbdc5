//! A dead letter: the original bytes, with origin and reason in the headers.
//!
//! **Invariant:** the value is the record's own, so a resend keeps its identity; the key is the origin's
//! position, so a letter that was sent twice (crash between letter and commit) is known as one.

mod letter;
mod resent;
mod written;

use bytes::Bytes;
use hindsight_engines::log::{NewRecord, Route, StoredRecord};
use hindsight_schemas::ids::{Position, Topic};

pub use letter::{Letter, NotALetter};
pub use resent::Resent;
pub(crate) use written::letters;

use super::materializer::Poison;

/// Headers of a dead letter; the record's own follow them.
pub mod header {
    /// The topic that it was read from.
    pub const TOPIC: &str = "hindsight-origin-topic";
    /// The partition.
    pub const PARTITION: &str = "hindsight-origin-partition";
    /// The offset.
    pub const OFFSET: &str = "hindsight-origin-offset";
    /// The log.
    pub const LOG_ID: &str = "hindsight-origin-log";
    /// The record's key.
    pub const KEY: &str = "hindsight-origin-key";
    /// When it was appended, Unix milliseconds.
    pub const APPENDED_AT_MS: &str = "hindsight-origin-appended-at-ms";
    /// The reason's name.
    pub const REASON: &str = "hindsight-reason";
    /// What the decoder or the engine said; cut at 1 KiB.
    pub const DETAIL: &str = "hindsight-detail";
    /// Which materializer could not take it.
    pub const MATERIALIZER: &str = "hindsight-materializer";
    /// Of a mark instead of a letter: in which partition of the origin's topic the record lies again.
    pub const RESENT_PARTITION: &str = "hindsight-resent-partition";
    /// At which offset.
    pub const RESENT_OFFSET: &str = "hindsight-resent-offset";
    /// In which log.
    pub const RESENT_LOG_ID: &str = "hindsight-resent-log";
}

const LONGEST_DETAIL: usize = 1024;

/// Makes the record for [`Topic::DeadLetters`] of what a materializer refused.
pub fn dead_letter(materializer: &str, poison: &Poison, origin: &StoredRecord) -> NewRecord {
    let position = poison.position;
    let mut detail = poison.detail.clone();
    detail.truncate(detail.floor_char_boundary(LONGEST_DETAIL));
    let text = |name: &str, value: String| (name.to_owned(), Bytes::from(value));
    let mut headers = vec![
        text(header::TOPIC, position.partition.topic.to_string()),
        text(header::PARTITION, position.partition.partition.to_string()),
        text(header::OFFSET, position.offset.to_string()),
        text(header::LOG_ID, position.log_id.to_string()),
        (header::KEY.to_owned(), origin.key.clone()),
        text(header::APPENDED_AT_MS, origin.appended_at_ms.to_string()),
        text(header::REASON, poison.reason.as_str().to_owned()),
        text(header::DETAIL, detail),
        text(header::MATERIALIZER, materializer.to_owned()),
    ];
    headers.extend(origin.headers.iter().cloned());
    NewRecord {
        topic: Topic::DeadLetters,
        to: Route::ByKey,
        key: key(position),
        value: origin.value.clone(),
        headers,
    }
}

/// Under which all that concerns one record lies.
fn key(origin: Position) -> Bytes {
    Bytes::from(format!(
        "{}/{}/{}",
        origin.log_id, origin.partition, origin.offset
    ))
}
