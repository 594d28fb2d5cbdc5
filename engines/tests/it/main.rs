//! The engines through their public seams.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod analytics;
mod log;
mod search;
mod search_query;
mod segments;
mod segments_corruption;
mod segments_store;
mod segments_world;
