//! Records to documents. Pure.

use hindsight_engines::log::StoredRecord;
use hindsight_engines::search::SearchWrite;
use hindsight_schemas::documents::{AuditDocument, DocumentId};
use hindsight_schemas::ids::Position;
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::{Erasure, Record};

use super::activity;
use crate::decode::{Blame, convert_each};
use crate::delivery::{Poison, PrepareError};

/// What the records of a range are to the engine.
pub(super) struct Converted {
    pub(super) writes: Vec<SearchWrite>,
    pub(super) poison: Vec<Poison>,
}

pub(super) fn writes(records: Vec<StoredRecord>) -> Result<Converted, PrepareError> {
    let mut writes = Vec::new();
    let poison = convert_each(records, |origin, record| {
        writes.extend(of_record(record, origin.position)?);
        Ok(())
    })?;
    Ok(Converted { writes, poison })
}

fn of_record(record: Record, position: Position) -> Result<Vec<SearchWrite>, Blame> {
    let unreadable = |error: &dyn std::error::Error| (Reason::PoisonBody, error.to_string());
    match record {
        Record::Recording(batch) => {
            let document = activity::document(&batch, position).map_err(|error| unreadable(&error))?;
            Ok(vec![SearchWrite::CreateActivity(Box::new(document))])
        }
        Record::Audit(event) => {
            let document = AuditDocument::new(event, position).map_err(|error| unreadable(&error))?;
            Ok(vec![SearchWrite::CreateAudit(Box::new(document))])
        }
        Record::Erasure(erasure) => Ok(stubs(&erasure)),
    }
}

/// Sessions lose their activity; an audit event goes only where the erasure names its id, never for its
/// session's sake.
fn stubs(erasure: &Erasure) -> Vec<SearchWrite> {
    let project = &erasure.project;
    let sessions = erasure
        .sessions
        .iter()
        .map(|&session_id| SearchWrite::EraseSession {
            project: project.clone(),
            session_id,
        });
    let audit_ids = erasure.audit_ids.iter();
    let events = audit_ids.map(|id| SearchWrite::Stub(DocumentId::audit(project, *id)));
    sessions.chain(events).collect()
}
