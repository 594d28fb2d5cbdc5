//! Somebody at the shop's door, with cookies.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use hindsight_demo::{Shop, ShopOptions};
use http::Request;
use http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, SET_COOKIE};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// A shop whose edge is away: nothing listens at port 9.
pub(crate) fn shop(folder: &Path) -> Shop {
    Shop::open(ShopOptions {
        edge_url: "http://127.0.0.1:9".into(),
        write_key: "server-key".into(),
        browser_key: "browser-key".into(),
        spill_folder: folder.join("spill"),
        find_ip: |_| None,
    })
    .unwrap()
}

/// A visitor.
pub(crate) struct Visitor {
    routes: Router,
    cookies: Vec<(String, String)>,
    language: &'static str,
}

impl Visitor {
    pub(crate) fn of(shop: &Shop, language: &'static str) -> Self {
        Self {
            routes: shop.routes(),
            cookies: vec![],
            language,
        }
    }

    /// A page: its status and text.
    pub(crate) async fn open(&mut self, path: &str) -> (u16, String) {
        self.ask(Request::get(path), Body::empty()).await
    }

    /// A form's call: its status and answer.
    pub(crate) async fn send(&mut self, path: &str, body: Value) -> (u16, Value) {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json");
        let (status, text) = self.ask(request, Body::from(body.to_string())).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn ask(&mut self, request: http::request::Builder, body: Body) -> (u16, String) {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request
            .header(COOKIE, pairs.join("; "))
            .header(ACCEPT_LANGUAGE, self.language)
            .body(body)
            .unwrap();
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        for set in answer.headers().get_all(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }
}
