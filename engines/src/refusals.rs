//! What a failing engine is to a caller: reason, and words in both languages.
//!
//! **Invariant:** a caller is told what they can do, never an engine's address, path or statement; those go to the log
//! of the process, once, here.

use hindsight_schemas::problem::{Refusal, Words};
use hindsight_schemas::reason::Reason;

use crate::analytics::QueryError;
use crate::replay::ReplayError;
use crate::search::syntax::SyntaxError;
use crate::search::{MAX_PAGE, SearchError};

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        tracing::warn!(%error, "analytics query failed");
        match error {
            QueryError::Unavailable(_) => away("clickhouse"),
            _ => Self::internal("the analytics engine failed", "分析引擎出错"),
        }
    }
}

impl From<ReplayError> for Refusal {
    fn from(error: ReplayError) -> Self {
        tracing::warn!(%error, "replay can't be read");
        match error {
            ReplayError::Index(QueryError::Unavailable(_)) => away("clickhouse"),
            _ => Self::internal("the replay can't be read", "无法读取该回放"),
        }
    }
}

impl From<SearchError> for Refusal {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::CursorMismatch => Self::new(
                error.reason(),
                "the cursor belongs to another query: use `next` of an answer to the same one, or leave cursor away",
                "游标不属于此查询：请使用同一查询返回的 next，或不带 cursor",
            ),
            SearchError::Limit(limit) => Self::parameter(
                "limit",
                format!("{limit} is not within 1 to {MAX_PAGE}"),
                format!("{limit} 不在 1 到 {MAX_PAGE} 之间"),
            ),
            SearchError::Refused(_) | SearchError::Engine(_) | SearchError::Closed => {
                tracing::warn!(%error, "search failed");
                away("search")
            }
            SearchError::Locked(_) | SearchError::OtherLayout(_) | SearchError::Settings(_) => {
                tracing::error!(%error, "search can't be used");
                Self::internal("the search index can't be used", "搜索索引不可用")
            }
        }
    }
}

impl From<SyntaxError> for Refusal {
    fn from(error: SyntaxError) -> Self {
        let hint = Words::new(error.hint_en(), error.hint_zh());
        Self::new(Reason::QuerySyntax, error.message_en(), error.message_zh())
            .at_position(error.position, hint)
    }
}

fn away(engine: &str) -> Refusal {
    Refusal::new(
        Reason::EngineAway,
        format!("{engine} is away; try again"),
        format!("{engine} 暂不可用，请稍后重试"),
    )
}
