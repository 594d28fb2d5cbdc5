//! The facts of a batch's body.
//!
//! Bound: the body inflates to what the edge said of it (`raw_bytes`), or the record blames itself.

use hindsight_engines::rrweb::{EventHead, InflateError, inflate, split};
use hindsight_schemas::record::RecordingBatch;

use super::{Fact, fact, may_matter};

/// A fact and the index of its event in the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Indexed {
    /// Counted from 0 over all events of the batch.
    pub index: u32,
    /// What it says.
    pub fact: Fact,
}

/// All facts of a batch, in the order of its events.
pub fn facts(batch: &RecordingBatch) -> Result<Vec<Indexed>, InflateError> {
    let limit = usize::try_from(batch.raw_bytes).unwrap_or(0);
    let body = inflate(batch.codec, &batch.body, limit)?;
    let facts = split(&body, batch.layout)
        .zip(0_u32..)
        .filter_map(|(text, index)| {
            let head = EventHead::of(text).filter(may_matter)?;
            fact(text, &head).map(|fact| Indexed { index, fact })
        })
        .collect();
    Ok(facts)
}
