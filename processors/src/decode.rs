//! From a stored record to what it holds, or to the blame.
//!
//! **Invariant:** an unknown schema never blames the record (a newer writer is being rolled out); everything
//! else that can't be read does, and goes to dead letters with its bytes.

use hindsight_engines::log::StoredRecord;
use hindsight_schemas::avro::DecodeError;
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Record;

use crate::delivery::{Poison, PrepareError};

/// Why a record blames itself: the name under which it is counted, and what the decoder said.
pub(crate) type Blame = (Reason, String);

/// Hands each record to `convert`, decoded; what can't be decoded or converted becomes poison.
pub(crate) fn convert_each<F>(records: Vec<StoredRecord>, mut convert: F) -> Result<Vec<Poison>, PrepareError>
where
    F: FnMut(&StoredRecord, Record) -> Result<(), Blame>,
{
    let mut poison = Vec::new();
    for record in records {
        let value = record.value.as_deref().unwrap_or_default();
        let converted = match Record::decode(value) {
            Err(DecodeError::UnknownSchema(fingerprint)) => {
                return Err(PrepareError::UnknownSchema {
                    offset: record.position.offset,
                    fingerprint,
                });
            }
            Err(error) => Err((Reason::PoisonAvro, error.to_string())),
            Ok(decoded) => convert(&record, decoded),
        };
        if let Err((reason, detail)) = converted {
            poison.push(Poison {
                position: record.position,
                reason,
                detail,
            });
        }
    }
    Ok(poison)
}
