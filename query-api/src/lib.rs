//! The read side: replays, audit search, SQL, health, and the console's files.

pub mod sql;
