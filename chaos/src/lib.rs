//! The real binary by roles over real engines, under load, with a memory of what it promised: what the chaos suite and
//! the tests of the binary share.
//!
//! ```text
//! schedule (seed) ──▶ faults ──▶ roles, engines, the network between them
//! writers (seed)  ──▶ edges ──▶ log ──▶ views ──▶ oracle: what is missing, what is double
//! ```
//!
//! **Invariant:** writers remember every 202, the oracle finds what became of each, by identity and by position in the
//! log. **On failure** folders and logs stay. **Bound:** every wait has a limit with a name; one that runs out is told.

#![allow(
    clippy::unwrap_used,
    reason = "like a test, a run that cannot go on may stop where it is"
)]

pub mod campaign;
pub mod engines;
pub mod faults;
pub mod field;
pub mod installation;
pub mod load;
pub mod oracle;
pub mod proxy;
pub mod reader;
pub mod schedule;
