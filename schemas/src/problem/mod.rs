//! Why a request is refused, and what is said then: `application/problem+json` (RFC 9457), the same for writers
//! and readers.
//!
//! **Invariants:** a refusal has one [`Reason`] and its words in every [`Language`] from the moment it is made; which of
//! them are said is decided where it is rendered, from `Accept-Language`. What is said never holds an engine's
//! address, a secret, or a statement that wasn't the caller's.

#[cfg(feature = "axum")]
mod answer;
mod language;

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(feature = "axum")]
pub use answer::{Refused, spoken};
pub use language::{Language, Words};

use crate::reason::{Reason, Retry};

/// When to come again after 429 and 503, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", reason.as_str(), told.detail.en)]
pub struct Refusal {
    reason: Reason,
    told: Box<Told>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    status: u16,
    detail: Words,
    retry_after: Option<Duration>,
    now_ms: Option<i64>,
    position: Option<usize>,
    hint: Option<Words>,
    errors: Vec<ItemFault>,
}

/// What is wrong with one item of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFault {
    /// Its place in the call, from 0.
    pub index: usize,
    /// JSON pointer within the item; empty: the item itself.
    pub pointer: String,
    /// Why.
    pub reason: Reason,
    /// What exactly.
    pub detail: Words,
}

/// The body of a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "axum", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:hindsight:reason:<reason>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short title.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly, which limit, what to do.
    pub detail: String,
    /// From the list shared with metrics and dead letters.
    pub reason: String,
    /// When to send the same again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The server's time, where the sender's clock may be the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now_ms: Option<i64>,
    /// Where in a text that was sent the fault lies, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// What to write there instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Item by item, where a call has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemItem>,
}

/// One item of a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "axum", derive(utoipa::ToSchema))]
pub struct ProblemItem {
    /// Its place in the call, from 0.
    pub index: usize,
    /// JSON pointer within the item.
    pub pointer: String,
    /// From the shared list.
    pub reason: String,
    /// What exactly.
    pub detail: String,
}

impl ItemFault {
    /// In a language.
    pub fn render(&self, language: Language) -> ProblemItem {
        ProblemItem {
            index: self.index,
            pointer: self.pointer.clone(),
            reason: self.reason.as_str().to_owned(),
            detail: self.detail.in_language(language).to_owned(),
        }
    }
}

impl Refusal {
    /// A refusal that says what exactly, in both languages.
    pub fn new(reason: Reason, en: impl Into<String>, zh: impl Into<String>) -> Self {
        let waits = reason.retry() == Retry::Later && matches!(reason.status(), 429 | 503);
        Self {
            reason,
            told: Box::new(Told {
                status: reason.status(),
                detail: Words::new(en, zh),
                retry_after: waits.then_some(RETRY_AFTER),
                now_ms: None,
                position: None,
                hint: None,
                errors: vec![],
            }),
        }
    }

    /// A refusal for which the reason's title says all.
    pub fn plain(reason: Reason) -> Self {
        Self::new(reason, reason.title_en(), reason.title_zh())
    }

    /// Over a limit: names it.
    pub fn over(limit: &str, most: usize) -> Self {
        Self::new(
            Reason::TooLarge,
            format!("the limit {limit} is {most} bytes: send less at once"),
            format!("超过限制 {limit}（{most} 字节）：请减小单次请求"),
        )
    }

    /// A parameter that can't be meant.
    pub fn parameter(name: &str, en: impl std::fmt::Display, zh: impl std::fmt::Display) -> Self {
        Self::new(
            Reason::BadParameter,
            format!("{name}: {en}"),
            format!("{name}：{zh}"),
        )
    }

    /// A query that can't be read; `why` is the parser's word.
    pub fn query(why: impl std::fmt::Display) -> Self {
        Self::parameter("query", &why, format!("查询参数无法解析（{why}）"))
    }

    /// A path that can't be read; `why` is the parser's word.
    pub fn path(why: impl std::fmt::Display) -> Self {
        Self::parameter("path", &why, format!("路径无法解析（{why}）"))
    }

    /// Something went wrong on this side: `en` and `zh` name what can't be done, the log of the process says why.
    pub fn internal(en: &str, zh: &str) -> Self {
        Self::new(
            Reason::Internal,
            format!("{en}; the server's log says why"),
            format!("{zh}；原因见服务器日志"),
        )
    }

    /// Answered with another status than its reason's: for callers that are other people's programs and do the right
    /// thing only then.
    #[must_use]
    pub fn answered(mut self, status: u16) -> Self {
        self.told.status = status;
        self
    }

    /// When to come again.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.told.retry_after = Some(wait);
        self
    }

    /// Tells the server's time.
    #[must_use]
    pub fn at_time(mut self, now_ms: i64) -> Self {
        self.told.now_ms = Some(now_ms);
        self
    }

    /// Names the place in the text that was sent, and what to write there instead.
    #[must_use]
    pub fn at_position(mut self, position: usize, hint: Words) -> Self {
        self.told.position = Some(position);
        self.told.hint = Some(hint);
        self
    }

    /// Says what is wrong item by item.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<ItemFault>) -> Self {
        self.told.errors = errors;
        self
    }

    /// Its reason.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// What exactly, in a language.
    pub fn detail(&self, language: Language) -> &str {
        self.told.detail.in_language(language)
    }

    /// The body in a language.
    pub fn render(&self, language: Language) -> Problem {
        let told = &*self.told;
        Problem {
            kind: format!("urn:hindsight:reason:{}", self.reason.as_str()),
            title: language
                .pick(self.reason.title_en(), self.reason.title_zh())
                .to_owned(),
            status: told.status,
            detail: self.detail(language).to_owned(),
            reason: self.reason.as_str().to_owned(),
            retry_after_ms: told
                .retry_after
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            now_ms: told.now_ms,
            position: told.position,
            hint: told
                .hint
                .as_ref()
                .map(|hint| hint.in_language(language).to_owned()),
            errors: told.errors.iter().map(|fault| fault.render(language)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_speaks_one_language() {
        let refusal = Refusal::new(Reason::QuerySyntax, "quote open", "引号未闭合")
            .at_position(3, Words::new("close it", "请闭合"));
        let shown = |language| serde_json::to_value(refusal.render(language)).unwrap();
        assert_eq!(
            shown(Language::En),
            json!({"type": "urn:hindsight:reason:query_syntax", "title": "The query is not valid", "status": 400,
                   "detail": "quote open", "reason": "query_syntax", "position": 3, "hint": "close it"})
        );
        assert_eq!(
            shown(Language::Zh),
            json!({"type": "urn:hindsight:reason:query_syntax", "title": "查询语法错误", "status": 400,
                   "detail": "引号未闭合", "reason": "query_syntax", "position": 3, "hint": "请闭合"})
        );
    }
}
