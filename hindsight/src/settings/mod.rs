//! Settings: built-in defaults, then one TOML file, then the environment (`HINDSIGHT_SECTION__NAME`), then flags.
//!
//! **Invariant:** a key that isn't known refuses to start, and the message says where it stands and which key
//! may have been meant. Each value remembers where it is from.

mod layers;
mod schema;

pub(crate) use layers::{Effective, Overrides, load};
pub(crate) use schema::{Settings, Traces};
