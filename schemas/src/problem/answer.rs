//! A refusal as an HTTP answer.
//!
//! A handler returns the refusal; the layer that knows the reader's language renders it by [`spoken`]. An answer that no
//! such layer passes is in English, so none is ever empty.

use std::sync::Arc;

use axum_core::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Language, MEDIA_TYPE, Refusal};
use crate::reason::Reason;

/// Carries the refusal to where it is rendered.
#[derive(Debug, Clone)]
pub struct Refused(pub Arc<Refusal>);

/// The answer in a language, and why it is a refusal, if it is one.
pub fn spoken(mut response: Response, language: Language) -> (Response, Option<Reason>) {
    let Some(Refused(refusal)) = response.extensions_mut().remove::<Refused>() else {
        return (response, None);
    };
    (rendered(&refusal, language), Some(refusal.reason()))
}

impl Language {
    /// What a request's `Accept-Language` asks for.
    pub fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE);
        Self::preferred(accepted.and_then(|value| value.to_str().ok()).unwrap_or_default())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = rendered(&self, Language::En);
        response.extensions_mut().insert(Refused(Arc::new(self)));
        response
    }
}

fn rendered(refusal: &Refusal, language: Language) -> Response {
    let problem = refusal.render(language);
    let status = StatusCode::from_u16(problem.status).expect("the list of reasons holds statuses");
    let body = serde_json::to_vec(&problem).expect("texts and numbers are JSON");
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    if let Some(wait) = refusal.told.retry_after {
        let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if refusal.reason() == Reason::UnknownKey {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
