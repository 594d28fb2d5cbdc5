//! Audit events to Hindsight from Rust services: what happened is said at once, sent by a thread of its own, and
//! kept on disk while the edge is away. `docs/auditing.md` tells the whole of it.
//!
//! Nothing here fails the business call, with one exception that is asked for: a strict operation is refused
//! ([`OperationRefused`]) before it runs when its event can't be kept.
//!
//! The behaviour is the same as that of the clients for Java and Node, held together by `clients/vectors`.

mod answer;
mod backoff;
mod client;
mod context;
mod courier;
mod event;
mod layer;
mod masking;
mod operation;
mod options;
mod queue;
mod spill;
mod state;
mod transport;
#[cfg(test)]
mod vectors;

pub use client::{HindsightClient, Stats};
pub use context::RequestContext;
pub use event::AuditEvent;
pub use hindsight_client_macros::operation_log;
pub use layer::{VisitLayer, VisitService};
pub use operation::{Operation, OperationRefused};
pub use options::{Options, OptionsError};
