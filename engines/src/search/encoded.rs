//! Writes in the form in which one kind of engine takes them.

use super::elasticsearch::EncodedWrite;
use super::{SearchError, SearchWrite};

/// What [`Search::encode`](super::Search::encode) made: for engines of its kind, of whichever view generation.
#[derive(Debug)]
pub struct Encoded {
    form: Form,
    bytes: usize,
}

/// The kinds.
#[derive(Debug)]
enum Form {
    /// As they are.
    Documents(Vec<SearchWrite>),
    /// As they are sent.
    Elasticsearch(Vec<EncodedWrite>),
}

impl Encoded {
    pub(super) fn documents(writes: Vec<SearchWrite>) -> Self {
        Self {
            bytes: writes.iter().map(held).sum(),
            form: Form::Documents(writes),
        }
    }

    pub(super) fn elasticsearch(writes: Vec<EncodedWrite>) -> Self {
        Self {
            bytes: writes.iter().map(EncodedWrite::held).sum(),
            form: Form::Elasticsearch(writes),
        }
    }

    /// What it takes in memory until it is written, and while it is.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many writes there are.
    pub(super) fn len(&self) -> usize {
        match &self.form {
            Form::Documents(writes) => writes.len(),
            Form::Elasticsearch(writes) => writes.len(),
        }
    }

    pub(super) fn as_documents(&self) -> Result<&[SearchWrite], SearchError> {
        match &self.form {
            Form::Documents(writes) => Ok(writes),
            Form::Elasticsearch(_) => Err(other_kind()),
        }
    }

    pub(super) fn as_elasticsearch(&self) -> Result<&[EncodedWrite], SearchError> {
        match &self.form {
            Form::Elasticsearch(writes) => Ok(writes),
            Form::Documents(_) => Err(other_kind()),
        }
    }
}

fn other_kind() -> SearchError {
    SearchError::Engine("these writes were encoded for another kind of engine".into())
}

/// What a document takes besides its long texts: its keywords and the structures around them.
const DOCUMENT: usize = 2048;

fn held(write: &SearchWrite) -> usize {
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
