//! The four seams of Hindsight: event log, analytics, search, segments. Each is a trait with an embedded and
//! a distributed implementation, and one conformance suite that both pass.

pub mod analytics;
pub mod failpoint;
pub mod log;
mod refusals;
pub mod replay;
pub mod rrweb;
pub mod search;
pub mod secret;
pub mod segments;
pub mod trace;
