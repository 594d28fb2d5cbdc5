//! One batch to its activity document: what was seen and done, as text to be searched.

use hindsight_engines::rrweb::InflateError;
use hindsight_schemas::documents::ActivityDocument;
use hindsight_schemas::ids::{Position, Reference};
use hindsight_schemas::record::RecordingBatch;

use crate::facts::{Fact, Kind, facts, is_error};

/// The document of a batch.
pub(super) fn document(batch: &RecordingBatch, position: Position) -> Result<ActivityDocument, InflateError> {
    let mut document = ActivityDocument::new(batch, position);
    for indexed in facts(batch)? {
        add(&mut document, indexed.fact);
    }
    Ok(document)
}

fn add(document: &mut ActivityDocument, fact: Fact) {
    if is_error(&fact) {
        document.errors.add(&fact.message);
    }
    document.user_ids.add(&fact.user_id);
    match fact.kind {
        Kind::Page => {
            document.urls.add(&fact.url);
            document.titles.add(&fact.title);
        }
        Kind::ClickTarget => document.clicked.add(&fact.text),
        Kind::Reference if !fact.text.is_empty() => {
            document.add_reference(Reference {
                kind: fact.name,
                id: fact.text,
            });
        }
        _ => {}
    }
}
