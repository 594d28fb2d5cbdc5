//! What a statement of an analyst may use. The settings go with each statement; the text can't set any.

use hindsight_engines::analytics::Query;

/// Limits of one statement.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqlLimits {
    /// Seconds of running (default 30).
    pub seconds: u32,
    /// Rows of the result (default 1,000,000).
    pub result_rows: u64,
    /// Rows read from tables (default 1,000,000,000).
    pub read_rows: u64,
    /// Bytes of memory (default 512 MiB).
    pub memory_bytes: u64,
    /// Statements at the same time (default 4); more wait.
    pub at_once: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self {
            seconds: 30,
            result_rows: 1_000_000,
            read_rows: 1_000_000_000,
            memory_bytes: 512 << 20,
            at_once: 4,
        }
    }
}

impl SqlLimits {
    /// The query under these limits.
    pub(super) fn apply(&self, query: Query) -> Query {
        query
            .setting("readonly", 2)
            .setting("max_execution_time", self.seconds)
            .setting("max_result_rows", self.result_rows)
            .setting("result_overflow_mode", "throw")
            .setting("max_rows_to_read", self.read_rows)
            .setting("max_memory_usage", self.memory_bytes)
            .setting("max_threads", 2)
    }
}
