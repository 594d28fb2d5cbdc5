//! Sends the record of a letter again, to the partition that it came from.
//!
//! The view that refused it reads it there as any other record; views that had it take it for the twin that it is, since
//! identity and content are the same. **Invariant:** the record first, its mark after it; whoever finds a mark sends
//! nothing. **Failure**: a crash between the two leaves no mark, and a resend then sends a twin more, which no view shows.

use hindsight_engines::log::EventLog;
use hindsight_processors::delivery::dead_letter::{Letter, Resent};
use hindsight_processors::erasure::ErasedSessions;
use hindsight_schemas::avro::DecodeError;
use hindsight_schemas::ids::Offset;
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Record;
use serde::{Deserialize, Serialize};

use super::list::Kept;
use super::{LetterId, show};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The record lies again in its partition, here.
    Resent { offset: Offset },
    /// It did already; nothing was sent.
    Already { offset: Offset },
    /// Nothing was sent.
    Refused { why: String },
}

/// Why a record is not sent again.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("there is no such letter: `hindsight dead-letters list` has those that are kept")]
    Missing,
    #[error("another body came first under its identity, so it would be refused again: {0}")]
    Conflict(String),
    #[error(
        "a newer release wrote it: update the process that makes the view, and this command, first ({0})"
    )]
    Newer(DecodeError),
    #[error("it can't be read, so it would be refused again: {0}")]
    Unreadable(DecodeError),
    #[error("it has no value")]
    Empty,
    #[error("its session {0} was erased")]
    Erased(String),
    #[error("the log has no partition {0} any more")]
    NoPartition(String),
}

/// Sends it, if it may be sent and was not.
pub(in super::super) async fn resend(
    log: &dyn EventLog,
    erased: &ErasedSessions,
    id: LetterId,
) -> anyhow::Result<Outcome> {
    let Some(letter) = show::at(log, id).await? else {
        return Ok(refused(&Refusal::Missing));
    };
    if let Some(mark) = Kept::read(log).await?.mark(letter.origin) {
        return Ok(Outcome::Already {
            offset: mark.to.offset,
        });
    }
    let record = match admitted(log, &letter) {
        Ok(record) => record,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    if let Record::Recording(batch) = record
        && erased.ask(&batch.project, batch.session_id).await?
    {
        return Ok(refused(&Refusal::Erased(batch.session_id.to_string())));
    }
    let sent = log.append(vec![letter.again()]).await?;
    let to = *sent.first().expect("one record has one position");
    let marked = log.append(vec![Resent::mark(&letter, to)]).await;
    marked.map_err(|error| {
        anyhow::anyhow!(
            "the record lies again at {} offset {}, but that could not be noted: {error}; to send it once more does no harm",
            to.partition,
            to.offset
        )
    })?;
    Ok(Outcome::Resent { offset: to.offset })
}

fn refused(refusal: &Refusal) -> Outcome {
    Outcome::Refused {
        why: refusal.to_string(),
    }
}

fn admitted(log: &dyn EventLog, letter: &Letter) -> Result<Record, Refusal> {
    if letter.reason == Reason::Conflict.as_str() {
        return Err(Refusal::Conflict(letter.detail.clone()));
    }
    let partition = letter.origin.partition;
    if partition.partition >= log.partitions(partition.topic) {
        return Err(Refusal::NoPartition(partition.to_string()));
    }
    let value = letter.value.as_ref().ok_or(Refusal::Empty)?;
    Record::decode(value).map_err(|error| match error {
        DecodeError::UnknownSchema(_) => Refusal::Newer(error),
        DecodeError::NotAvro | DecodeError::Body { .. } => Refusal::Unreadable(error),
    })
}
