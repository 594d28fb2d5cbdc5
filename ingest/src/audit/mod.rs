//! `POST /v1/audit`: audit events become records of the log, normalised, masked and stamped.
//!
//! **Invariant:** what a sender wrote is kept: a field that the contract doesn't know goes to `extra`, a value that
//! can't be kept exactly refuses its event. One bad event refuses the call, unless `on_error=skip`.
//!
//! `route` (HTTP) -> `split` (body to trees, bounded) -> `dialect` (the plain operation-log names) -> `fields`
//! (typed reading) -> `normalise` (one event) with `time`, `identity` and `mask`.

mod dialect;
mod fields;
mod identity;
mod mask;
mod normalise;
mod route;
mod split;
mod time;

pub(crate) use route::{__path_post, post};
