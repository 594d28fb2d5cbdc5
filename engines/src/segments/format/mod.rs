//! The segment object: header, frames, footer, trailer (docs/segment-format.md).
//!
//! **Architecture invariant:** no I/O. Writers hand out bytes, readers take them.

mod avro;
pub mod codec;
pub mod describe;
pub mod footer;
pub mod layout;
pub mod reader;
pub mod writer;

pub use avro::{FooterError, MAX_FOOTER_BYTES};
pub use codec::{Compression, FrameEncoder, MAX_FRAME_BYTES, ZstdError};
pub use describe::FrameText;
pub use footer::{
    Batch, Conflict, Digest, Footer, Frame, FrameCodec, Interval, Keyframe, Kind, LogRange, Run,
    SessionGeneration,
};
pub use reader::{FormatError, FrameProblem, ObjectReader, Tail, read_footer, read_frame, read_tail};
pub use writer::{ObjectWriter, Owner, claim};
