//! SQL for people: the guard, the limits, and the two doors (`POST /v1/sql` and the ClickHouse-HTTP one).

mod door;
mod functions;
pub mod guard;
mod limits;
mod refused;
mod run;
pub(crate) mod statement;

pub use door::door;
pub use limits::SqlLimits;
