//! `GET /v1/sessions`: filters to conditions, sorting by a key, pages by a cursor.
//!
//! **Invariant:** values are bound by the engine; only names of this file go into the text.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hindsight_engines::analytics::{Param, Query, query_rows};
use hindsight_engines::search::{Projects, SessionSearch};
use hindsight_schemas::ids::ProjectId;
use hindsight_schemas::row_binary::Millis;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::facts::COLUMNS;
use super::{SessionFacts, project_names};
use crate::Reader;
use crate::access::Caller;
use crate::extract::Params;
use crate::page::{Cursor, Page, limit};
use crate::time::millis;
use hindsight_schemas::problem::{Problem, Refusal};

/// Sessions found by words at most; a narrower question finds the rest.
const MAX_FOUND_BY_WORDS: usize = 1000;

/// What can be asked.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(default)]
pub(crate) struct Filter {
    /// One of the caller's projects.
    project: Option<String>,
    /// Sessions that lasted beyond this moment.
    from: Option<String>,
    /// Sessions that began before this moment.
    to: Option<String>,
    /// The user's id or name.
    user: Option<String>,
    /// `type:id`
    reference: Option<String>,
    /// A part of the address of a page that was seen.
    url: Option<String>,
    /// Where the application ran.
    source: Option<String>,
    /// The device's id.
    device: Option<String>,
    /// The application's release.
    release: Option<String>,
    /// `error`, `rage_click`, or both with a comma.
    has: Option<String>,
    /// Words: addresses, titles, clicked texts, errors.
    q: Option<String>,
    /// receiving, stored, complete, damaged; several with commas.
    state: Option<String>,
    /// started_at, last_at, duration_ms, events or errors; `-` in front: greatest first (default -started_at).
    sort: Option<String>,
    /// Rows of a page, 1 to 1000.
    limit: Option<usize>,
    /// `next` of the page before.
    #[serde(skip_serializing)]
    cursor: Option<String>,
}

const SORTS: &[&str] = &["started_at", "last_at", "duration_ms", "events", "errors"];
const STATES: &[&str] = &["receiving", "stored", "complete", "damaged"];

struct Sort {
    column: &'static str,
    descending: bool,
}

impl Sort {
    fn of(text: Option<&str>) -> Result<Self, Refusal> {
        let text = text.unwrap_or("-started_at");
        let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        let column = SORTS.iter().find(|column| **column == name).ok_or_else(|| {
            let known = SORTS.join(", ");
            Refusal::parameter(
                "sort",
                format!("{text:?} is not one of {known}"),
                format!("{text:?} 不是以下之一：{known}"),
            )
        })?;
        Ok(Self { column, descending })
    }

    /// The sort value as an integer, so that a cursor can hold it.
    fn expression(&self) -> String {
        if self.column.ends_with("_at") {
            format!("toUnixTimestamp64Milli({})", self.column)
        } else {
            format!("toInt64({})", self.column)
        }
    }

    fn value(&self, facts: &SessionFacts) -> i64 {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        match self.column {
            "last_at" => facts.last_at.0,
            "duration_ms" => number(facts.duration_ms),
            "events" => number(facts.events),
            "errors" => i64::from(facts.errors),
            _ => facts.started_at.0,
        }
    }
}

/// Conditions with their values.
struct Conditions {
    texts: Vec<&'static str>,
    params: Vec<(&'static str, Param)>,
}

impl Conditions {
    fn add(&mut self, text: &'static str, name: &'static str, value: impl Into<Param>) {
        self.texts.push(text);
        self.params.push((name, value.into()));
    }
}

fn listed(name: &str, text: &str, known: &[&str]) -> Result<Vec<String>, Refusal> {
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
    match words.iter().find(|word| !known.contains(&word.as_str())) {
        None => Ok(words),
        Some(word) => Err(Refusal::parameter(
            name,
            format!("{word:?} is not one of {}", known.join(", ")),
            format!("{word:?} 不是以下之一：{}", known.join(", ")),
        )),
    }
}

fn conditions(filter: &Filter, projects: &[ProjectId]) -> Result<Conditions, Refusal> {
    let mut all = Conditions {
        texts: Vec::new(),
        params: Vec::new(),
    };
    all.add(
        "project IN {projects:Array(String)}",
        "projects",
        project_names(projects).as_slice(),
    );
    if let Some(from) = &filter.from {
        all.add(
            "last_at >= {from:DateTime64(3, 'UTC')}",
            "from",
            Millis(millis("from", from)?),
        );
    }
    if let Some(to) = &filter.to {
        all.add(
            "started_at < {to:DateTime64(3, 'UTC')}",
            "to",
            Millis(millis("to", to)?),
        );
    }
    if let Some(user) = &filter.user {
        all.add(
            "(user_id = {user:String} OR user_name = {user:String})",
            "user",
            user,
        );
    }
    if let Some(reference) = &filter.reference {
        let (kind, id) = reference.split_once(':').ok_or_else(|| {
            Refusal::parameter(
                "reference",
                format!("{reference:?} is not type:id"),
                format!("{reference:?} 不是 类型:编号"),
            )
        })?;
        all.add(
            "arrayExists(r -> r.1 = {kind:String} AND r.2 = {ref:String}, references)",
            "kind",
            kind,
        );
        all.params.push(("ref", id.into()));
    }
    if let Some(url) = &filter.url {
        let seen = "(project, session_id) IN (SELECT project, session_id FROM hindsight.events \
                    WHERE kind = 'page' AND position(url, {url:String}) > 0)";
        all.add(seen, "url", url);
    }
    for (text, name, value) in [
        ("source = {source:String}", "source", &filter.source),
        ("device_id = {device:String}", "device", &filter.device),
        ("release = {release:String}", "release", &filter.release),
    ] {
        if let Some(value) = value {
            all.add(text, name, value);
        }
    }
    if let Some(has) = &filter.has {
        for word in listed("has", has, &["error", "rage_click"])? {
            all.texts.push(if word == "error" {
                "errors > 0"
            } else {
                "rage_clicks > 0"
            });
        }
    }
    if let Some(state) = &filter.state {
        let states = listed("state", state, STATES)?;
        all.add("state IN {states:Array(String)}", "states", states.as_slice());
    }
    Ok(all)
}

async fn found_by_words(reader: &Reader, words: &str, projects: &[ProjectId]) -> Result<Vec<Uuid>, Refusal> {
    let search = SessionSearch {
        text: words.to_owned(),
        reference: None,
        projects: Projects::Only(projects.to_vec()),
        from_ms: None,
        to_ms: None,
        limit: MAX_FOUND_BY_WORDS,
    };
    let page = reader.search.search_sessions(search).await?;
    Ok(page.hits.into_iter().map(|hit| hit.session_id.uuid()).collect())
}

/// The sessions of a filter, a page at a time.
#[utoipa::path(get, path = "/v1/sessions", tag = "replays", params(Filter), responses(
    (status = 200, body = Page<SessionFacts>), (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 401, body = Problem, content_type = "application/problem+json"), (status = 403, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(reader): State<Arc<Reader>>,
    caller: Caller,
    Params(filter): Params<Filter>,
) -> Result<Json<Page<SessionFacts>>, Refusal> {
    let projects = caller.projects(filter.project.as_deref())?;
    let limit = limit(filter.limit)?;
    let sort = Sort::of(filter.sort.as_deref())?;
    let question = serde_json::to_string(&filter).expect("texts and numbers are JSON");

    let mut conditions = conditions(&filter, &projects)?;
    if let Some(words) = filter.q.as_deref().filter(|words| !words.trim().is_empty()) {
        let found = found_by_words(&reader, words, &projects).await?;
        conditions.add("session_id IN {found:Array(UUID)}", "found", found.as_slice());
    }
    let mut texts: Vec<String> = conditions.texts.iter().map(|text| (*text).to_owned()).collect();
    if let Some(cursor) = &filter.cursor {
        let cursor = Cursor::decode(cursor, &question)?;
        let beyond = if sort.descending { '<' } else { '>' };
        texts.push(format!(
            "({}, session_id) {beyond} ({{value:Int64}}, {{id:UUID}})",
            sort.expression()
        ));
        conditions
            .params
            .extend([("value", cursor.value.into()), ("id", cursor.id.into())]);
    }
    let direction = if sort.descending { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM hindsight.sessions WHERE {} ORDER BY {} {direction}, session_id {direction} LIMIT {{rows:UInt64}}",
        texts.join(" AND "),
        sort.expression()
    );
    let query = conditions
        .params
        .into_iter()
        .fold(Query::new(sql), |query, (name, value)| query.param(name, value))
        .param("rows", limit + 1);
    let mut items: Vec<SessionFacts> = query_rows(&*reader.analytics, query).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items
        .last()
        .filter(|_| more)
        .map(|last| Cursor::behind(&question, sort.value(last), last.session_id).encode());
    Ok(Json(Page { items, next }))
}
