//! What the engines need to know of rrweb without trees: where each event of a body begins and ends, and the few
//! facts at its head.
//!
//! **Invariant:** an event's text is a slice of the body, byte for byte as it was sent. The edge validated the
//! body; nothing here panics, recurses or allocates by what a body says, valid or not. ([`foreign`], which reads what
//! others wrote, has bounds of its own.)

mod blocks;
pub mod foreign;
pub mod gunzip;
pub mod head;
pub mod inflate;
pub mod number;
pub mod split;

pub use gunzip::{GunzipError, gunzip};
pub use head::{EventHead, EventKind};
pub use inflate::{InflateError, inflate};
pub use number::{small, time_ms};
pub use split::{Split, split};
