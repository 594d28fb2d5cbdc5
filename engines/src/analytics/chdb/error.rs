//! An error of libchdb: its text, and the code that ClickHouse's clients act upon.

/// An error of the engine, with ClickHouse's code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// ClickHouse's error code; 1002 where the text has none.
    pub code: i32,
    /// The text, `Code: 60. DB::Exception: ...`.
    pub message: String,
}

impl EngineError {
    /// One of our own in ClickHouse's form.
    pub(super) fn new(code: i32, name: &str, text: impl std::fmt::Display) -> Self {
        Self {
            code,
            message: format!("Code: {code}. DB::Exception: {text}. ({name})"),
        }
    }

    /// What libchdb said.
    pub(super) fn of(message: String) -> Self {
        let digits = message
            .split("Code: ")
            .nth(1)
            .and_then(|rest| rest.split('.').next());
        Self {
            code: digits.and_then(|digits| digits.parse().ok()).unwrap_or(1002),
            message,
        }
    }
}
