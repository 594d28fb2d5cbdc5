//! What a failure says: for a query whether it may work later, for an insert what may have been written.
//!
//! **Invariant:** only codes that the engine gives before it begins to write are `Unavailable`, only those that blame
//! the block's data are `Rejected`; all else is `Ambiguous`, which costs a read-back and never a row.

use reqwest::Response;

use super::super::{InsertError, QueryError};

/// The data or their types: 6 27 33 117 parse, 53 70 type, 43 argument, 128 131 too large, 349 null, 691 enum.
const REJECTED: &[i32] = &[6, 26, 27, 33, 38, 41, 43, 53, 70, 72, 117, 128, 131, 349, 691];
/// Refused before the write: 16 60 81 schema, 62 syntax, 115 setting, 164 read-only, 202 slots, 241 memory,
/// 242 read-only table, 252 parts, 193 497 516 access.
const UNAVAILABLE: &[i32] = &[16, 60, 62, 81, 115, 164, 193, 202, 241, 242, 252, 497, 516];
/// The most of an error's text that is kept.
const MESSAGE_BYTES: usize = 4096;

/// An error with its causes, which reqwest keeps out of its own text.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The error that an answer with an error status tells.
pub(super) async fn of_answer(mut answer: Response) -> QueryError {
    let status = answer.status();
    let code = answer
        .headers()
        .get("x-clickhouse-exception-code")
        .and_then(|code| code.to_str().ok()?.parse().ok());
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        text.extend_from_slice(&chunk[..chunk.len().min(MESSAGE_BYTES - text.len())]);
        if text.len() == MESSAGE_BYTES {
            break;
        }
    }
    let message = String::from_utf8_lossy(&text).trim().to_owned();
    match code {
        Some(code) => QueryError::Engine { code, message },
        None => QueryError::Unavailable(format!("status {status}: {message}")),
    }
}

/// What an engine's error says about an insert.
pub(super) fn of_insert(error: QueryError) -> InsertError {
    match error {
        QueryError::Engine { code, message } if REJECTED.contains(&code) => {
            InsertError::Rejected { code, message }
        }
        QueryError::Engine { code, message } if UNAVAILABLE.contains(&code) => {
            InsertError::Unavailable(format!("code {code}: {message}"))
        }
        other => InsertError::Ambiguous(other.to_string()),
    }
}

/// What a broken connection says about an insert: nothing, unless there never was one.
pub(super) fn of_insert_transport(error: &reqwest::Error) -> InsertError {
    if error.is_connect() || error.is_builder() {
        InsertError::Unavailable(chain(error))
    } else {
        InsertError::Ambiguous(chain(error))
    }
}
