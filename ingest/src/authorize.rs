//! Who sends: the key, its kind, the page's origin.
//!
//! **Invariant:** a server key in a query is refused even where it is right: queries end up in logs and histories.

use hindsight_policy::{Key, OriginPattern};
use hindsight_schemas::bearer::token;
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::KeyKind;
use http::{HeaderMap, HeaderValue, header};

use crate::edge::{Edge, Served};
use hindsight_schemas::problem::Refusal;

/// A sender whose key, kind and origin are in order.
pub(crate) struct Caller<'e> {
    pub(crate) key: &'e Key,
    pub(crate) served: &'e Served,
}

/// Which keys a route takes, and whether a browser sends no `Origin` there (GET within one origin).
pub(crate) struct Door {
    pub(crate) kinds: &'static [KeyKind],
    pub(crate) origin_may_be_absent: bool,
}

/// Finds the key and checks kind and origin.
pub(crate) fn authorize<'e>(
    edge: &'e Edge,
    headers: &HeaderMap,
    query_key: Option<&str>,
    door: &Door,
) -> Result<Caller<'e>, Refusal> {
    let bearer = bearer(headers.get(header::AUTHORIZATION))?;
    let secret = bearer.or(query_key).ok_or_else(|| {
        Refusal::new(
            Reason::UnknownKey,
            "send the key as 'Authorization: Bearer ...', browser and app keys also as ?key=",
            "请以 Authorization: Bearer 发送密钥，浏览器和应用密钥也可用 ?key=",
        )
    })?;
    let key = edge
        .keys
        .find(secret)
        .ok_or_else(|| Refusal::plain(Reason::UnknownKey))?;
    if key.kind == KeyKind::Server && bearer.is_none() {
        return Err(Refusal::new(
            Reason::WrongKeyKind,
            "a server key must never be in a query: send it as 'Authorization: Bearer ...', and replace this one",
            "服务端密钥不得放在查询串中：请用 Authorization: Bearer 发送，并更换该密钥",
        ));
    }
    if !door.kinds.contains(&key.kind) {
        return Err(Refusal::new(
            Reason::WrongKeyKind,
            format!("a key of kind {} may not do that", key.kind.as_str()),
            format!("类型为 {} 的密钥无权执行该操作", key.kind.as_str()),
        ));
    }
    let served = edge.served(&key.project);
    check_origin(key, &served.project.origins, headers, door)?;
    Ok(Caller { key, served })
}

/// The token of an `Authorization`.
pub(crate) fn bearer(value: Option<&HeaderValue>) -> Result<Option<&str>, Refusal> {
    let Some(value) = value else {
        return Ok(None);
    };
    token(value)
        .map(Some)
        .ok_or_else(|| Refusal::plain(Reason::UnknownKey))
}

/// A page's origin as it is told.
pub(crate) fn origin_text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("(unreadable)")
}

fn check_origin(
    key: &Key,
    of_project: &[OriginPattern],
    headers: &HeaderMap,
    door: &Door,
) -> Result<(), Refusal> {
    let origin = headers.get(header::ORIGIN).map(origin_text);
    let allowed = if key.origins.is_empty() {
        of_project
    } else {
        &key.origins
    };
    let passes = match (key.kind, origin) {
        (KeyKind::Server, _) => true,
        // Native web views send `null`, `file://` or a scheme of their own; a page of the web is none of them.
        (KeyKind::App, origin) => !origin.is_some_and(|text| text.starts_with("http")),
        (KeyKind::Browser, Some(origin)) => allowed.iter().any(|pattern| pattern.allows(origin)),
        (KeyKind::Browser, None) => door.origin_may_be_absent || allowed.iter().any(OriginPattern::is_every),
    };
    if passes {
        return Ok(());
    }
    let origin = origin.unwrap_or("(none)");
    Err(Refusal::new(
        Reason::WrongOrigin,
        format!("origin {origin} may not use this key: add it to the project's origins"),
        format!("来源 {origin} 不允许使用此密钥：请将其加入项目的 origins"),
    ))
}
