//! What operators ask of a running installation: how far the views are, what they refused.
//!
//! The same questions are answered in two places. Where the log is shared (Kafka), or where no process holds the data
//! folder, the command opens the log itself. A process that holds the folder answers them on its operators' routes
//! ([`door`]), to whoever has the admin token. **Invariant:** asking changes nothing.

mod door;
pub(crate) mod lag;
mod place;
pub(crate) mod table;

pub(crate) use door::door;
pub(crate) use place::PlaceArgs;
