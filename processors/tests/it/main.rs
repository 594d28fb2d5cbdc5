//! Integration tests of the processors, one binary.

#![allow(
    clippy::unwrap_used,
    reason = "the lint knows test functions, not what they call"
)]

mod cuts;
mod lifecycle;
mod removal;
mod runtime;
mod scrub;
mod sim;
