//! ClickHouse without a server: libchdb in a child process of its own, behind ClickHouse's HTTP interface.
//!
//! ```text
//! parent: Supervisor ── starts, watches, restarts ──▶ child: run_child ─▶ repair ─▶ Engine (libchdb)
//!         HttpAnalytics ─────────── HTTP ───────────▶        facade ─▶ worker (one thread a statement)
//! ```
//!
//! **Architecture invariant:** nothing but the child loads the library: a crash in it takes no other part along.
//! `library` is the one file with `unsafe`; what runs a statement (`worker`) is blocking, what speaks HTTP (`facade`)
//! is not.

mod access;
mod body;
mod child;
mod error;
mod facade;
mod library;
mod native_blocks;
mod options;
mod repair;
mod request;
mod statement;
mod supervisor;
mod worker;

pub use child::{ChildError, ChildOptions, PASSWORD_VARIABLE, USER, run_child};
pub use error::EngineError;
pub use facade::{Facade, FacadeOptions};
pub use library::Engine;
pub use options::EngineOptions;
pub use repair::repair;
pub use supervisor::{ChildCommand, Health, Supervisor, SupervisorError, SupervisorOptions};
