//! What the benchmarks share: the corpus cut into batches, a load generator, readings of `/proc`, and the report.
//!
//! `src/main.rs` is the end-to-end program, `benches/*.rs` are criterion's. `README.md` says what each figure means.
//!
//! **Invariant:** a figure is CPU time or a ratio to a bound measured in the same run, never a wall time that a test
//! would depend on.

pub mod bounds;
pub mod client;
pub mod corpus;
pub mod edge;
pub mod load;
pub mod machine;
pub mod probe;
pub mod process;
pub mod records;
pub mod report;
pub mod server;
pub mod spread;
pub mod watch;
