//! The edge through its front door: a real listener, a log in memory.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod activity;
mod audit;
mod cases;
mod connections;
mod drain;
mod foreign;
mod house;
mod log;
mod recordings;
mod refusals;
