//! `GET /sdk.js` and `GET /sdk/{version}/{file}`: the browser recorder, built into the binary.
//!
//! **Invariant:** what lies under a version never changes, so it is cached for ever; the loader, which names the
//! version, is asked for anew each time (and answered 304). A server carries one release: asked for another one the
//! loader brings its own, and files of another are 404.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use hindsight_schemas::reason::Reason;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use rust_embed::RustEmbed;

use hindsight_schemas::problem::Refusal;

const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
const RELEASE_FILE: &str = "release.txt";
const TAG_DIGITS: usize = 16;

#[derive(RustEmbed)]
#[folder = "../sdk/dist/web"]
#[allow_missing = true]
struct Files;

/// The script tag's loader. What the query says is read by the loader itself, from its own address.
#[utoipa::path(
    get,
    path = "/sdk.js",
    tag = "writing",
    params(
        ("id" = Option<String>, Query, description = "the browser key"),
        ("source" = Option<String>, Query, description = "the application's name"),
        ("version" = Option<String>, Query, description = "a release of the recorder, or `latest`"),
    ),
    responses(
        (status = 200, description = "the loader", content_type = "text/javascript"),
        (status = 304, description = "as If-None-Match says"),
        (status = 404, description = "this binary was built without the recorder"),
        (status = 503, description = "drain"),
    )
)]
pub(crate) async fn loader(headers: HeaderMap) -> Response {
    let Some(file) = Files::get("sdk.js") else {
        return without_recorder();
    };
    let digest = hindsight_schemas::canonical::hex(&file.metadata.sha256_hash());
    let tag = format!("\"{}\"", &digest[..TAG_DIGITS]);
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| {
        known
            .to_str()
            .is_ok_and(|tags| tags.split(',').any(|each| each.trim() == tag))
    });
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        script(file.data)
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, ASK_EACH_TIME);
    headers.insert(
        ETAG,
        HeaderValue::from_str(&tag).expect("hexadecimal digits are ASCII"),
    );
    response
}

/// A file of the recorder, immutable.
#[utoipa::path(
    get,
    path = "/sdk/{version}/{file}",
    tag = "writing",
    params(
        ("version" = String, Path, description = "the release that the loader names"),
        ("file" = String, Path, description = "recorder.js and what it fetches beside itself"),
    ),
    responses(
        (status = 200, description = "the file", content_type = "text/javascript"),
        (status = 400, description = "malformed"),
        (status = 404, description = "another release, or no such file"),
        (status = 503, description = "drain"),
    )
)]
pub(crate) async fn file(Path((version, name)): Path<(String, String)>) -> Response {
    let release = Files::get(RELEASE_FILE).map(|file| file.data);
    let is_ours = release.is_some_and(|release| *release == *version.as_bytes());
    match Files::get(&name) {
        Some(file) if is_ours && name != RELEASE_FILE => {
            let mut response = script(file.data);
            response.headers_mut().insert(CACHE_CONTROL, FOR_EVER);
            response
        }
        _ => Refusal::plain(Reason::NotFound).into_response(),
    }
}

fn script(body: std::borrow::Cow<'static, [u8]>) -> Response {
    (
        [(CONTENT_TYPE, SCRIPT), (X_CONTENT_TYPE_OPTIONS, NO_SNIFFING)],
        body,
    )
        .into_response()
}

fn without_recorder() -> Response {
    Refusal::new(
        Reason::NotFound,
        "this binary was built without the recorder: make sdk",
        "此程序未包含录制脚本：请运行 make sdk",
    )
    .into_response()
}
