//! Records to documents. Pure.

use std::sync::Arc;

use hindsight_engines::log::StoredRecord;
use hindsight_engines::search::SearchWrite;
use hindsight_schemas::documents::{AuditDocument, DocumentId};
use hindsight_schemas::ids::Position;
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::{Erasure, Record};

use super::{Documents, activity};
use crate::decode::{Blame, convert_each};
use crate::delivery::{PrepareError, Prepared};

/// The documents of a range.
pub(super) fn documents(records: Vec<StoredRecord>) -> Result<Prepared<Documents>, PrepareError> {
    let (mut writes, mut origins) = (Vec::new(), Vec::new());
    let poison = convert_each(records, |origin, record| {
        let made = of_record(record, origin.position)?;
        origins.extend(std::iter::repeat_n(origin, made.len()).cloned());
        writes.extend(made);
        Ok(())
    })?;
    let bytes =
        origins.iter().map(record_bytes).sum::<usize>() + writes.iter().map(document_bytes).sum::<usize>();
    Ok(Prepared {
        bytes,
        batch: Documents {
            writes: Arc::new(writes),
            origins,
        },
        poison,
    })
}

/// What a document takes besides its long texts: its keywords and the structures around them.
const DOCUMENT: usize = 2048;

fn record_bytes(record: &StoredRecord) -> usize {
    record.value.as_ref().map_or(0, bytes::Bytes::len)
}

fn document_bytes(write: &SearchWrite) -> usize {
    match write {
        SearchWrite::CreateAudit(document) => {
            let values = [&document.changed, &document.was, &document.now];
            let values: usize = values.into_iter().flatten().map(String::len).sum();
            DOCUMENT + document.source.len() + document.text.len() + values
        }
        SearchWrite::CreateActivity(document) => {
            let texts = [
                &document.urls,
                &document.titles,
                &document.clicked,
                &document.errors,
            ];
            let texts = texts.into_iter().flat_map(|texts| texts.as_slice());
            DOCUMENT + texts.map(String::len).sum::<usize>()
        }
        SearchWrite::Stub(_) | SearchWrite::EraseSession { .. } => DOCUMENT,
    }
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
