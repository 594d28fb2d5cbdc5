//! Settings: built-in defaults, then one TOML file, then the environment (`HINDSIGHT_SECTION__NAME`), then flags.
//!
//! **Invariant:** a key that isn't known, or that the chosen kind of an engine doesn't have, refuses to start, and the
//! message says where it stands. Each value remembers where it is from. Nothing that is printed holds a secret.

pub(crate) mod engines;
mod environment;
mod kafka;
mod keys;
mod kinds;
mod layers;
mod print;
mod schema;
mod secrets;

pub(crate) use layers::{Effective, Overrides, load};
pub(crate) use schema::{DEFAULT_PROJECT, Demo, Settings, Traces};
