//! The edge through its front door: a real listener, a log in memory.

mod audit;
mod cases;
mod drain;
mod house;
mod log;
mod recordings;
mod refusals;
