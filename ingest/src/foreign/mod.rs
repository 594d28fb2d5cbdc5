//! Doors for recorders that are in the field already: posthog-js ([`posthog`]) and plain rrweb ([`rrweb`]).
//!
//! The way of a call: `form` (what it is packed in) -> the engines' decoder (`rrweb::foreign`) -> `flush` (one flush of
//! the recorder, its lines) -> `number` (its tab and number, where the recorder counts nothing) -> `keep` (checked,
//! stamped, appended as any batch).
//!
//! **Invariants:** what is kept is rrweb, each event's text as in `rrweb::foreign`; the identity of a flush depends on
//! the flush alone, so a repeated one meets its twin, however calls were cut (`docs/adr/0017`). **Bound:** all that a
//! body is unpacked to counts against `limits.inflated_bytes` and the byte budget ([`workspace`]).

mod flush;
mod form;
mod keep;
mod lz64;
mod number;
pub(crate) mod posthog;
pub(crate) mod rrweb;
mod workspace;
