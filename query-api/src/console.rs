//! The web console: files that were built into the binary.
//!
//! Unknown paths outside the API get the console's page, which finds its own way. Hashed assets are immutable.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hindsight_schemas::reason::Reason;
use rust_embed::RustEmbed;

use hindsight_schemas::problem::Refusal;

/// Recorded pages are shown in a sandboxed frame; nothing is loaded from elsewhere by the console itself.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; frame-src 'self' blob:; object-src 'none'; base-uri 'self'; \
    frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "../console/dist"]
#[allow_missing = true]
struct Files;

/// A file of the console, or its page.
pub(crate) async fn console(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "v1" || path.starts_with("v1/") {
        return Refusal::new(
            Reason::NotFound,
            "there is no such call; GET /openapi.json lists them",
            "没有这个接口；全部接口见 GET /openapi.json",
        )
        .into_response();
    }
    let (name, file) = match Files::get(path) {
        Some(file) => (path, file),
        None => match Files::get("index.html") {
            Some(file) => ("index.html", file),
            None => {
                return (
                    StatusCode::NOT_FOUND,
                    "this binary was built without the console: make console\n",
                )
                    .into_response();
            }
        },
    };
    let immutable = name.starts_with("assets/");
    let cache = if immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [
        (CONTENT_TYPE, file.metadata.mimetype().to_owned()),
        (CACHE_CONTROL, cache.to_owned()),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (REFERRER_POLICY, "same-origin".to_owned()),
    ];
    (headers, file.data).into_response()
}
