//! What operators see of a process: its metrics, described and with the same buckets in every role, and its traces.

mod catalogue;
mod recorder;
mod traces;

pub(crate) use recorder::{Look, Upkeep, install};
pub(crate) use traces::Traces;
