//! What every answer goes through: a refusal is counted, and said in the reader's language; calls of the read side are
//! measured, up to the head of their answer.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use hindsight_schemas::problem::{Language, Refusal, spoken};
use hindsight_schemas::reason::Reason;

/// Wraps all routes. What was spoken further in passes as it is.
pub(crate) async fn answer(request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let (response, refused) = spoken(next.run(request).await, language);
    if let Some(reason) = refused {
        metrics::counter!("hindsight_api_refused_total", "reason" => reason.as_str()).increment(1);
    }
    response
}

/// Wraps the calls that read. Not the console's files.
pub(crate) async fn measured(route: MatchedPath, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let response = next.run(request).await;
    let route = route.as_str().to_owned();
    let status = response.status().as_u16().to_string();
    metrics::counter!("hindsight_api_requests_total", "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("hindsight_api_request_seconds", "route" => route)
        .record(started.elapsed().as_secs_f64());
    response
}

/// A path that exists, under a method that doesn't.
pub(crate) async fn method_not_allowed() -> Refusal {
    Refusal::plain(Reason::MethodNotAllowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use hindsight_schemas::problem::Problem;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use crate::extract::Params;

    #[derive(serde::Deserialize)]
    struct Ask {
        limit: Option<u8>,
    }

    /// Status and problem of a call, asked in a language.
    async fn problem(method: &str, path: &str, language: &str) -> (u16, Problem) {
        let list = |Params(ask): Params<Ask>| async move {
            match ask.limit {
                None => Err(hindsight_engines::search::SearchError::CursorMismatch.into()),
                Some(_) => Ok::<_, Refusal>("items"),
            }
        };
        let routes = Router::new()
            .route("/list", get(list))
            .method_not_allowed_fallback(method_not_allowed)
            .layer(axum::middleware::from_fn(answer));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept-language", language)
            .body(Body::empty())
            .expect("a request");
        let answer = routes.oneshot(request).await.expect("routes answer");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).expect("a problem"))
    }

    #[tokio::test]
    async fn every_refusal_is_a_problem_in_the_readers_language() {
        for (method, path, status, reason) in [
            ("GET", "/list", 400, "cursor_mismatch"),
            ("GET", "/list?limit=x", 400, "bad_parameter"),
            ("DELETE", "/list", 405, "method_not_allowed"),
        ] {
            let (found, zh) = problem(method, path, "zh-CN").await;
            let (_, en) = problem(method, path, "de, en;q=0.5").await;
            assert_eq!((found, zh.reason.as_str()), (status, reason));
            assert!(en.title.is_ascii() && en.detail.is_ascii(), "{en:?}");
            assert!(!zh.title.is_ascii() && !zh.detail.is_ascii(), "{zh:?}");
        }
    }
}
