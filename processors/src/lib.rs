//! From the log to the views: the delivery runtime (exactly once, by intent commits) and one folder per
//! materializer.
//!
//! **Architecture invariant:** only `delivery` knows about commits, rebalances and retries; a materializer
//! turns records into rows, documents or frames and writes them under the name it is given.

pub mod analytics;
mod decode;
pub mod delivery;
pub mod erasure;
pub mod facts;
pub mod jobs;
pub mod lifecycle;
pub mod rebuild;
pub mod replay;
pub mod scrub;
pub mod search;
