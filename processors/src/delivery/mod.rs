//! The delivery runtime: takes records from the log, cuts them into named ranges and has each range written
//! exactly once, whatever crashes, rebalances or answers late.
//!
//! **Invariant:** whoever writes a range has first won its intent (one commit: offset = first, metadata =
//! `pending first..last`), so two different cuts of the same records are never both written; a write that is
//! repeated under its name is dropped by the sink.

pub mod budget;
pub mod clock;
pub mod dead_letter;
pub mod intent;
pub mod lane;
pub mod materializer;
pub(crate) mod meters;
pub mod range;
pub mod runtime;
pub mod status;

pub use budget::{ByteBudget, Share};
pub use materializer::{
    CutLimits, Materializer, Poison, PrepareError, Prepared, Progress, ViewError, WriteError,
};
pub use range::RangeName;
pub use runtime::{DeliveryHandle, DeliverySettings, group, longest_wait, start};
pub use status::LaneStatus;
