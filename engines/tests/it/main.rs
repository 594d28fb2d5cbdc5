//! The engines through their public seams.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod log;
mod search;
mod search_query;
