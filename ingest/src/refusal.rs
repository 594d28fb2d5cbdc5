//! What is answered where nothing is kept: `application/problem+json` (RFC 9457) in the reader's language.
//!
//! **Invariant:** a refusal is rendered and counted at one place, [`crate::answer`]; a handler only returns it.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use hindsight_schemas::reason::{Reason, Retry};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The language of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    En,
    Zh,
}

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub(crate) reason: Reason,
    en: String,
    zh: String,
    retry_after: Option<Duration>,
    now_ms: Option<i64>,
    errors: Vec<ItemFault>,
}

/// What is wrong with one item of a call.
#[derive(Debug, Clone)]
pub struct ItemFault {
    /// Its place in the call, from 0.
    pub index: usize,
    /// JSON pointer within the item; empty: the item itself.
    pub pointer: String,
    /// Why.
    pub reason: Reason,
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

/// The body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
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
    pub reason: &'static str,
    /// When to send the same again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The server's time, where the sender's clock may be the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now_ms: Option<i64>,
    /// Item by item, where a call has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemItem>,
}

/// One item of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemItem {
    /// Its place in the call, from 0.
    pub index: usize,
    /// JSON pointer within the item.
    pub pointer: String,
    /// From the shared list.
    pub reason: &'static str,
    /// What exactly.
    pub detail: String,
}

impl ItemFault {
    pub(crate) fn render(&self, language: Language) -> ProblemItem {
        ProblemItem {
            index: self.index,
            pointer: self.pointer.clone(),
            reason: self.reason.as_str(),
            detail: pick(language, &self.en, &self.zh).to_owned(),
        }
    }
}

fn pick<'a>(language: Language, en: &'a str, zh: &'a str) -> &'a str {
    match language {
        Language::En => en,
        Language::Zh => zh,
    }
}

impl Refusal {
    /// A refusal that says what exactly, in both languages.
    pub fn new(reason: Reason, en: impl Into<String>, zh: impl Into<String>) -> Self {
        let retry_after =
            (reason.retry() == Retry::Later && matches!(reason.status(), 429 | 503)).then_some(RETRY_AFTER);
        Self {
            reason,
            en: en.into(),
            zh: zh.into(),
            retry_after,
            now_ms: None,
            errors: vec![],
        }
    }

    /// A refusal for which the reason's title says all.
    pub fn plain(reason: Reason) -> Self {
        Self::new(reason, reason.title_en(), reason.title_zh())
    }

    /// Over a limit: names it.
    pub(crate) fn over(limit: &str, most: usize) -> Self {
        Self::new(
            Reason::TooLarge,
            format!("the limit limits.{limit} is {most} bytes: send less at once"),
            format!("超过限制 limits.{limit}（{most} 字节）：请减小单次请求"),
        )
    }

    pub(crate) fn parameter(name: &str, en: &str, zh: &str) -> Self {
        Self::new(
            Reason::BadParameter,
            format!("{name}: {en}"),
            format!("{name}：{zh}"),
        )
    }

    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub(crate) fn at(mut self, now_ms: i64) -> Self {
        self.now_ms = Some(now_ms);
        self
    }

    pub(crate) fn with_errors(mut self, errors: Vec<ItemFault>) -> Self {
        self.errors = errors;
        self
    }

    /// The answer in a language.
    pub(crate) fn render(&self, language: Language) -> Response {
        let problem = Problem {
            kind: format!("urn:hindsight:reason:{}", self.reason.as_str()),
            title: pick(language, self.reason.title_en(), self.reason.title_zh()).to_owned(),
            status: self.reason.status(),
            detail: pick(language, &self.en, &self.zh).to_owned(),
            reason: self.reason.as_str(),
            retry_after_ms: self
                .retry_after
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            now_ms: self.now_ms,
            errors: self.errors.iter().map(|fault| fault.render(language)).collect(),
        };
        let mut response = (
            self.status(),
            serde_json::to_vec(&problem).expect("texts and numbers are JSON"),
        )
            .into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        let tag = pick(language, "en", "zh");
        headers.insert(
            header::CONTENT_LANGUAGE,
            HeaderValue::from_str(tag).expect("a language tag is ASCII"),
        );
        if let Some(wait) = self.retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_millis().div_ceil(1000).max(1) as u64),
            );
        }
        if self.reason == Reason::UnknownKey {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.reason.status()).expect("the list of reasons holds statuses")
    }
}

/// Carries the refusal to where it is rendered.
#[derive(Clone)]
pub(crate) struct Refused(pub(crate) Arc<Refusal>);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Refused(Arc::new(self)));
        response
    }
}
