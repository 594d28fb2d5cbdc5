//! Reads the footer of a stored object: its tail in one request, in two if the footer is large.

use super::format::{Footer, FormatError, MAX_FOOTER_BYTES, Tail, read_tail, reader::TAIL_BYTES};
use super::path::SegmentPath;
use super::store::{SegmentStore, StoreError};

/// Why an object can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store can't give its bytes.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its bytes are not what they should be.
    #[error(transparent)]
    Format(#[from] FormatError),
}

impl ReadError {
    /// The object is gone: after a compaction, read the manifest again.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Store(StoreError::NotFound(_)))
    }

    /// The object is there and damaged: no second try helps.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Format(_) | Self::Store(StoreError::Range { .. }))
    }
}

/// A footer, and how old the object is.
#[derive(Debug, Clone)]
pub struct DatedFooter {
    /// The footer.
    pub footer: Footer,
    /// When the object was made, Unix milliseconds, by the store's clock.
    pub modified_ms: i64,
}

/// The footer of a stored object.
pub async fn footer(store: &dyn SegmentStore, path: &SegmentPath) -> Result<Footer, ReadError> {
    Ok(dated_footer(store, path).await?.footer)
}

/// The footer of a stored object and when that was made.
pub async fn dated_footer(store: &dyn SegmentStore, path: &SegmentPath) -> Result<DatedFooter, ReadError> {
    let name = path.to_string();
    let mut wanted = TAIL_BYTES;
    loop {
        let tail = store.get_tail(path, wanted).await?;
        match read_tail(&name, &tail.bytes, tail.object_bytes)? {
            Tail::Footer(footer) => {
                let modified_ms = tail.modified_ms;
                return Ok(DatedFooter { footer, modified_ms });
            }
            Tail::Needs(bytes) if bytes > wanted && bytes <= 2 * MAX_FOOTER_BYTES as u64 => wanted = bytes,
            Tail::Needs(_) => return Err(FormatError::FooterChecksum { object: name }.into()),
        }
    }
}
