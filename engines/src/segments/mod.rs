//! The segments engine: replay frames in objects that are made once and never changed.
//!
//! `format` lays objects out (no I/O), `store` keeps them, and between both: `flush` makes the object of a range of
//! the log, `manifest` says what a session consists of, `events` reads it, `compact` makes one object of it.

pub mod conformance;
pub mod flush;
pub mod footers;
pub mod format;
pub mod local;
pub mod objects;
pub mod path;
pub mod store;

pub use flush::{FlushBuilder, FlushError, FlushFrame, FlushObject, FrameError, flush_frames, put_flush};
pub use footers::{ReadError, footer};
pub use local::LocalSegments;
pub use objects::ObjectSegments;
pub use path::{Class, Month, Prefix, SegmentPath};
pub use store::{Listed, ObjectTail, PendingObject, Put, SegmentStore, StoreError};
