//! Looks at stored frames before somebody plays them: their checksums, not their content.
//!
//! **Invariant:** a frame that is told whole had the bytes that were written when it was looked at. **Bound:** as many
//! frames' stored bytes as are looked at at a time ([`AT_ONCE`]). **Failure:** a store that does not answer is an
//! error, and no frame is called damaged for it.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::footers::ReadError;
use super::frame_id::FrameId;
use super::frames::stored;
use super::manifest::ManifestFrame;
use super::store::{SegmentStore, StoreError};

/// Frames that are read at the same time.
const AT_ONCE: usize = 16;

/// What was found of frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Their bytes are as written.
    pub whole: BTreeSet<FrameId>,
    /// Their bytes are other ones, or fewer.
    pub damaged: BTreeSet<FrameId>,
    /// Their objects are not there.
    pub gone: BTreeSet<FrameId>,
}

/// Looks at these frames; says in the log what is damaged.
pub async fn check_frames(
    store: &dyn SegmentStore,
    frames: Vec<ManifestFrame>,
) -> Result<Checked, StoreError> {
    let looked_at = stream::iter(frames)
        .map(|frame| async move {
            let found = stored(store, &frame).await;
            (frame, found.map(drop))
        })
        .buffer_unordered(AT_ONCE);
    looked_at
        .map(Ok)
        .try_fold(Checked::default(), |mut checked, (frame, found)| async move {
            match found {
                Ok(()) => checked.whole.insert(frame.id),
                Err(ReadError::Store(StoreError::NotFound(_))) => checked.gone.insert(frame.id),
                Err(ReadError::Store(error)) if !matches!(error, StoreError::Range { .. }) => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::error!(frame = %frame.id, object = %frame.object, %error, "a frame is damaged");
                    checked.damaged.insert(frame.id)
                }
            };
            Ok(checked)
        })
        .await
}
