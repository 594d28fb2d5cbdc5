//! Writes as they are sent, made where conversion has its turn and not while requests wait: a document is its JSON, and
//! nothing else of it is kept. In which index it lies is for the engine that writes it to say, so that what was encoded
//! before a rebuild is written to the view after it.

use bytes::Bytes;
use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::{AuditId, ProjectId, SessionId};

use super::super::encoded::Encoded;
use super::super::{SearchError, SearchWrite};
use super::document;

/// One write.
#[derive(Debug)]
pub(crate) enum EncodedWrite {
    Create(New),
    Stub(DocumentId),
    EraseSession {
        project: ProjectId,
        session_id: SessionId,
    },
}

/// A document that is to be created.
#[derive(Debug)]
pub(crate) struct New {
    pub(super) of: Of,
    pub(super) id: DocumentId,
    pub(super) body: Bytes,
    pub(super) content_sha256: [u8; 32],
}

pub(super) type Visit = (ProjectId, SessionId);

/// What a document is of, which says where it lies.
#[derive(Debug)]
pub(super) enum Of {
    Audit(AuditId),
    /// A batch of a visit.
    Visit(Visit),
}

impl EncodedWrite {
    /// The body is there once more while it is sent.
    pub(crate) fn held(&self) -> usize {
        /// The structures of a write and of its request and answer.
        const WRITE: usize = 512;
        match self {
            Self::Create(new) => WRITE + 2 * new.body.len(),
            Self::Stub(_) | Self::EraseSession { .. } => WRITE,
        }
    }
}

pub(super) fn encode(writes: Vec<SearchWrite>) -> Result<Encoded, SearchError> {
    let mut scratch = Vec::new();
    let mut encoded = Vec::with_capacity(writes.len());
    for write in writes {
        scratch.clear();
        encoded.push(match write {
            SearchWrite::CreateAudit(of) => {
                document::audit(&of, &mut scratch)?;
                EncodedWrite::Create(New {
                    of: Of::Audit(of.id),
                    id: of.document_id(),
                    body: Bytes::copy_from_slice(&scratch),
                    content_sha256: of.content_sha256,
                })
            }
            SearchWrite::CreateActivity(of) => {
                document::activity(&of, &mut scratch)?;
                EncodedWrite::Create(New {
                    of: Of::Visit((of.batch.project.clone(), of.session_id())),
                    id: of.document_id(),
                    body: Bytes::copy_from_slice(&scratch),
                    content_sha256: of.content_sha256,
                })
            }
            SearchWrite::Stub(id) => EncodedWrite::Stub(id),
            SearchWrite::EraseSession { project, session_id } => {
                EncodedWrite::EraseSession { project, session_id }
            }
        });
    }
    Ok(Encoded::elasticsearch(encoded))
}
