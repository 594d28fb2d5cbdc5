//! Segments in an S3 bucket, or in a store that speaks S3.
//!
//! **Invariant:** no bucket is opened that would let one put replace another's object, or that this key can't use:
//! each thing that the store must do is tried at the start ([`probe`]). **Failure:** an error says what to mend.
//! **Bounds:** those of [`S3Options`]; a start removes [`probe::SWEPT`] leftovers at most.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;

use super::{ObjectSegments, StoreError};

mod options;
mod probe;

pub use options::S3Options;

/// What a process does with the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only reads: its key needs no right to write, and nothing is tried that would need one.
    Read,
    /// Makes objects too.
    ReadWrite,
}

/// Opens the bucket, once it has shown that it does all that is needed. It is asked without patience: whoever opens it
/// knows whether and how long to ask again.
pub async fn open_s3(options: &S3Options, access: Access) -> Result<ObjectSegments, StoreError> {
    let impatient = S3Options {
        retries: 1,
        ..options.clone()
    };
    let bucket = impatient.bucket()?;
    probe::probe(&*bucket, &options.bucket, access).await?;
    Ok(ObjectSegments::in_order(options.bucket()?))
}

/// The bucket without having asked it anything: for those who can do without it, and only read.
pub fn connect_s3(options: &S3Options) -> Result<ObjectSegments, StoreError> {
    Ok(ObjectSegments::in_order(options.bucket()?))
}

impl S3Options {
    /// The part of the bucket that is ours.
    fn bucket(&self) -> Result<Arc<dyn ObjectStore>, StoreError> {
        if self.bucket.is_empty() {
            return Err(StoreError::Settings(
                "segments.bucket is empty: name a bucket".into(),
            ));
        }
        let bucket = self.client()?;
        if self.prefix.is_empty() {
            return Ok(Arc::new(bucket));
        }
        let prefix = Path::parse(&self.prefix)
            .map_err(|error| StoreError::Settings(format!("segments.prefix: {error}")))?;
        Ok(Arc::new(PrefixStore::new(bucket, prefix)))
    }
}
