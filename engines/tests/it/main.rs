//! The engines through their public seams.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod analytics;
mod log;
mod proxy;
mod search;
mod search_elasticsearch;
mod search_query;
mod segments;
mod segments_corruption;
mod segments_s3;
mod segments_store;
mod segments_world;
mod servers;
mod tls;
