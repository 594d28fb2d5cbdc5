//! What Hindsight's data look like: Avro records of the log, ClickHouse rows and DDL, search
//! documents, identities, canonical bytes (RFC 8785), the one list of reasons and what is said under each.
//!
//! **Architecture invariant:** no I/O and no dependency on other crates of the workspace.

pub mod audit;
pub mod avro;
pub mod bearer;
pub mod canonical;
pub mod ddl;
pub mod documents;
pub mod ids;
pub mod patch;
pub mod problem;
pub mod reason;
pub mod record;
pub mod row_binary;
pub mod rows;
pub mod templates;
