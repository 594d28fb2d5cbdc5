//! Lists: a page and the cursor of the next (API.md 'Conventions').
//!
//! **Invariant:** a cursor says behind which row to go on (its sort value and id), so it stays valid while data
//! are added; it carries a digest of its query and is refused with another one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hindsight_schemas::canonical::sha256;
use hindsight_schemas::reason::Reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use hindsight_schemas::problem::Refusal;

/// Rows of a page where nothing is said.
pub(crate) const DEFAULT_LIMIT: usize = 50;
/// Rows of a page at most.
pub(crate) const MAX_LIMIT: usize = 1000;

/// A page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The rows.
    pub(crate) items: Vec<T>,
    /// `cursor=` of the next page; null behind the last.
    pub(crate) next: Option<String>,
}

/// How many rows were asked for.
pub(crate) fn limit(asked: Option<usize>) -> Result<usize, Refusal> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        Err(Refusal::parameter(
            "limit",
            format!("{limit} is not within 1 to {MAX_LIMIT}"),
            format!("{limit} 不在 1 到 {MAX_LIMIT} 之间"),
        ))
    }
}

/// The place behind which a list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The first 8 bytes of the query's digest.
    query: u64,
    /// The last row's sort value.
    pub(crate) value: i64,
    /// The last row's id.
    pub(crate) id: String,
}

fn digest(query: &str) -> u64 {
    let bytes = sha256(query.as_bytes());
    u64::from_be_bytes(bytes[..8].try_into().expect("8 of 32 bytes"))
}

impl Cursor {
    /// Behind this row of this query.
    pub(crate) fn behind(query: &str, value: i64, id: impl ToString) -> Self {
        Self {
            query: digest(query),
            value,
            id: id.to_string(),
        }
    }

    /// The text for `next`.
    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("numbers and text are JSON"))
    }

    /// Reads `cursor=`, which must be of this query.
    pub(crate) fn decode(text: &str, query: &str) -> Result<Self, Refusal> {
        let cursor: Option<Self> = URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        cursor
            .filter(|cursor| cursor.query == digest(query))
            .ok_or_else(|| {
                Refusal::new(
                    Reason::CursorMismatch,
                    "use `next` of an answer to the same query, or leave cursor away",
                    "请使用同一查询返回的 next，或不带 cursor",
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_query() {
        let cursor = Cursor::behind("a", 7, "x");
        assert_eq!(Cursor::decode(&cursor.encode(), "a").unwrap(), cursor);
        assert_eq!(
            Cursor::decode(&cursor.encode(), "b").unwrap_err().reason(),
            Reason::CursorMismatch
        );
        assert!(Cursor::decode("nonsense", "a").is_err());
    }
}
