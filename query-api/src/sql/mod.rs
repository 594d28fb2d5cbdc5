//! SQL for people: the guard, the limits, and the two doors (`POST /v1/sql` and the ClickHouse-HTTP one).

mod functions;
pub mod guard;
