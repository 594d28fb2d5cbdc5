//! The shop through its front door; the edge is away, so its events wait on disk, as they would in any service.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod selling;
mod visitor;
