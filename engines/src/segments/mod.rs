//! The segments engine: replay frames in objects that are made once and never changed.
//!
//! `format` lays objects out (no I/O), `store` keeps them, and between both: `flush` makes the object of a range of
//! the log, `manifest` says what a session consists of, `events` reads it, `compact` makes one object of it.

pub mod check;
pub mod claims;
pub mod compact;
pub mod conformance;
pub mod events;
pub mod flush;
pub mod footers;
pub mod format;
pub mod frame_id;
pub mod frames;
pub mod holdings;
pub mod local;
pub mod manifest;
pub mod objects;
pub mod path;
pub mod s3;
pub mod store;

pub use check::{Checked, check_frames};
pub use claims::claims_of;
pub use compact::{CompactError, CompactOptions, Compacted, Keep, compact};
pub use events::{SentEvent, Window, read_events};
pub use flush::{FlushBuilder, FlushError, FlushFrame, FlushObject, FrameError, flush_frames, put_flush};
pub use footers::{DatedFooter, ReadError, dated_footer, footer};
pub use frame_id::FrameId;
pub use frames::{Encoded, FrameReader};
pub use holdings::Holdings;
pub use local::LocalSegments;
pub use manifest::{
    Gap, GapReason, LostBatch, Manifest, ManifestError, ManifestFrame, Sources, State, TabManifest,
};
pub use objects::ObjectSegments;
pub use path::{Class, Month, Prefix, SegmentPath};
pub use s3::{Access, S3Options, connect_s3, open_s3};
pub use store::{Listed, ObjectTail, PendingObject, Put, SegmentStore, StoreError};
