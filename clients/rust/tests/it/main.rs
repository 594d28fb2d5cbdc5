//! The client with the real edge.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod edge;
mod real_edge;
