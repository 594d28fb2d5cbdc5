//! A materializer as small as can be: a record becomes a row, or poison, or an erasure.

use hindsight_engines::log::StoredRecord;
use hindsight_processors::delivery::{Poison, Prepared};
use hindsight_schemas::reason::Reason;

use super::log::Content;
use super::sinks::{Batch, Row};

pub(super) fn prepare(records: &[StoredRecord]) -> Prepared<Batch> {
    let mut prepared = Prepared {
        batch: Batch::default(),
        poison: Vec::new(),
        bytes: 0,
    };
    for record in records {
        let (partition, offset) = (record.position.partition.partition, record.position.offset);
        match Content::decode(record) {
            Content::Batch { identity, session } => {
                prepared.batch.rows.push(Row {
                    partition,
                    offset,
                    identity,
                    session,
                });
            }
            Content::Erasure { session } => prepared.batch.erasures.push(session),
            Content::Poison => prepared.poison.push(Poison {
                position: record.position,
                reason: Reason::PoisonBody,
                detail: "not a batch".into(),
            }),
        }
    }
    prepared
}
