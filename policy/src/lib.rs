//! What was decided: keys, projects, retention classes, what to record, what to mask.
//!
//! **Architecture invariant:** no I/O and no clock. Any role may use it; the same input gives the same decision,
//! so that a retry of a request is masked, classed and stamped like the first.

pub mod activity;
pub mod key;
pub mod masking;
pub mod origin;
pub mod project;
pub mod recording;

pub use activity::KeyActivity;
pub use key::{Key, KeyError, KeySet, SecretHash};
pub use masking::{MASK, Masking};
pub use origin::OriginPattern;
pub use project::{Project, ProjectError};
pub use recording::{Level, Recording};
