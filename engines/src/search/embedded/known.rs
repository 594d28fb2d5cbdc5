//! What is under an id, as of a commit.

use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::Position;
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::{DocAddress, DocSet, Searcher, TERMINATED, TantivyDocument, Term};

use super::super::{SearchError, Standing};
use super::engine;
use super::layout::{Layout, STUB};

/// One document.
#[derive(Clone, Copy)]
pub(super) enum Known {
    Document {
        content_sha256: [u8; 32],
        position: Position,
    },
    Stub,
}

impl Layout {
    pub(super) fn id_term(&self, id: &DocumentId) -> Term {
        Term::from_field_text(self.document_id, id.as_str())
    }

    /// What is under an id: one document at most, unless the index is damaged.
    pub(super) fn known(&self, searcher: &Searcher, id: &DocumentId) -> Result<Vec<Known>, SearchError> {
        let found = addresses(searcher, &self.id_term(id)).map_err(engine)?;
        found.into_iter().map(|at| self.read(searcher, at)).collect()
    }

    fn read(&self, searcher: &Searcher, at: DocAddress) -> Result<Known, SearchError> {
        let stored: TantivyDocument = searcher.doc(at).map_err(engine)?;
        if self.text_of(&stored, self.kind) == STUB {
            return Ok(Known::Stub);
        }
        let digest = stored
            .get_first(self.content_sha256)
            .and_then(|value| value.as_bytes());
        let content_sha256 = digest
            .and_then(|digest| digest.try_into().ok())
            .unwrap_or_default();
        Ok(Known::Document {
            content_sha256,
            position: self.position_of(&stored)?,
        })
    }

    /// The same as those ask who write nothing.
    pub(super) fn standing(
        &self,
        searcher: &Searcher,
        (id, wanted): &(DocumentId, [u8; 32]),
    ) -> Result<Standing, SearchError> {
        let known = self.known(searcher, id)?;
        Ok(match known.first() {
            None => Standing::Absent,
            Some(Known::Stub) => Standing::Erased,
            Some(Known::Document {
                content_sha256,
                position,
            }) => Standing::Document {
                same_content: content_sha256 == wanted,
                position: *position,
                times: known.len() as u64,
            },
        })
    }
}

/// The documents under an id that were not deleted.
fn addresses(searcher: &Searcher, id: &Term) -> tantivy::Result<Vec<DocAddress>> {
    let mut found = Vec::new();
    for (ordinal, segment) in (0..).zip(searcher.segment_readers()) {
        let index = segment.inverted_index(id.field())?;
        let Some(mut postings) = index.read_postings(id, IndexRecordOption::Basic)? else {
            continue;
        };
        let mut doc = postings.doc();
        while doc != TERMINATED {
            if !segment.is_deleted(doc) {
                found.push(DocAddress::new(ordinal, doc));
            }
            doc = postings.advance();
        }
    }
    Ok(found)
}
