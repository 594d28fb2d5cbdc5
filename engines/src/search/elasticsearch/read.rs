//! Pages of audit events, and sessions.
//!
//! **Invariants:** a shard that doesn't answer makes an error, never a shorter list. A page of more than
//! [`SLICE`] events is read in slices under one point in time, so all of it is of one moment; from page to page
//! the cursor names a place in the order. **Bounds:** [`SLICE`] sources in one answer, a page in memory.

use elasticsearch::http::Method;
use hindsight_schemas::templates::IndexFamily;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::cursor::SortKey;
use super::super::{
    AuditHit, AuditPage, AuditSearch, SearchError, SearchHealth, SessionHit, SessionPage, SessionSearch,
    place,
};
use super::ElasticsearchSearch;
use super::client::Request;
use super::document::{StoredActivity, StoredAudit};
use super::indices::WILDCARDS;
use super::translate::{activity_query, audit_query, audit_sort, place_of};

/// Events of one answer.
const SLICE: usize = 1_000;
/// How long Elasticsearch keeps a point in time between two slices.
const KEPT: &str = "1m";
/// What a page shows.
const SHOWN: [&str; 5] = ["project", "id", "occurred_at_us", "position", "source"];

#[derive(Deserialize)]
struct Found<T> {
    hits: Hits<T>,
}

#[derive(Deserialize)]
struct Hits<T> {
    total: Option<Total>,
    hits: Vec<Hit<T>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

#[derive(Deserialize)]
struct Hit<T> {
    #[serde(rename = "_source")]
    source: T,
}

#[derive(Deserialize)]
struct PointInTime {
    id: String,
}

#[derive(Deserialize)]
struct Stats {
    #[serde(rename = "_all")]
    all: Sizes,
}

#[derive(Deserialize)]
struct Sizes {
    primaries: Size,
    total: Size,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Size {
    docs: Documents,
    store: Store,
}

#[derive(Deserialize, Default)]
struct Documents {
    count: u64,
}

#[derive(Deserialize, Default)]
struct Store {
    size_in_bytes: u64,
}

#[derive(Deserialize)]
struct ClusterHealth {
    status: String,
}

impl ElasticsearchSearch {
    pub(super) async fn audit_page(&self, search: &AuditSearch) -> Result<AuditPage, SearchError> {
        let after = search.after()?;
        // One more than asked for tells whether there is a next page.
        let wanted = search.limit + 1;
        let (mut found, total) = if wanted <= SLICE {
            let (hits, total) = self.audit_slice(search, None, after, wanted).await?;
            (hits, total.unwrap_or(0))
        } else {
            self.audit_slices(search, after, wanted).await?
        };
        let more = found.len() > search.limit;
        found.truncate(search.limit);
        let next = found
            .last()
            .filter(|_| more)
            .map(|last| search.cursor_after(key_of(last)));
        let hits = found.into_iter().map(audit_hit).collect::<Result<_, _>>()?;
        Ok(AuditPage { hits, total, next })
    }

    /// A long page, all of it as of one moment.
    async fn audit_slices(
        &self,
        search: &AuditSearch,
        after: Option<SortKey>,
        wanted: usize,
    ) -> Result<(Vec<StoredAudit>, u64), SearchError> {
        let pattern = self.names.pattern(IndexFamily::Audit);
        let path = format!("{pattern}/_pit?keep_alive={KEPT}&{WILDCARDS}");
        let point: PointInTime = self.client.ask(Request::new(Method::Post, path, None)).await?;
        let slices = self.slices_of(search, &point.id, after, wanted).await;
        let closed = Request::new(
            Method::Delete,
            "_pit",
            Some(json!({ "id": point.id }).to_string().into()),
        );
        if let Err(error) = self.client.once(&closed).await {
            tracing::debug!(error = error.words(), "point in time is left to its time-out");
        }
        slices
    }

    async fn slices_of(
        &self,
        search: &AuditSearch,
        point: &str,
        mut after: Option<SortKey>,
        wanted: usize,
    ) -> Result<(Vec<StoredAudit>, u64), SearchError> {
        let (mut found, mut total) = (Vec::new(), None);
        loop {
            let size = SLICE.min(wanted - found.len());
            let (hits, all) = self.audit_slice(search, Some(point), after, size).await?;
            total = total.or(all);
            let is_last = hits.len() < size;
            found.extend(hits);
            if is_last || found.len() == wanted {
                return Ok((found, total.unwrap_or(0)));
            }
            after = found.last().map(key_of);
        }
    }

    async fn audit_slice(
        &self,
        search: &AuditSearch,
        point: Option<&str>,
        after: Option<SortKey>,
        size: usize,
    ) -> Result<(Vec<StoredAudit>, Option<u64>), SearchError> {
        let mut body = json!({
            "size": size,
            "query": audit_query(search),
            "sort": audit_sort(search.sort),
            "track_total_hits": true,
            "_source": SHOWN,
        });
        if let Some(after) = after {
            body["search_after"] = place_of(after);
        }
        let found: Found<StoredAudit> = match point {
            Some(point) => {
                body["pit"] = json!({ "id": point, "keep_alive": KEPT });
                self.client
                    .ask(Request::post("_search?allow_partial_search_results=false", &body))
                    .await?
            }
            None => self.search(IndexFamily::Audit, &body).await?,
        };
        let total = found.hits.total.map(|total| total.value);
        Ok((found.hits.hits.into_iter().map(|hit| hit.source).collect(), total))
    }

    pub(super) async fn session_page(&self, search: &SessionSearch) -> Result<SessionPage, SearchError> {
        let body = json!({
            "size": search.limit + 1,
            "query": activity_query(search),
            "collapse": { "field": "session_key" },
            "sort": [{ "ended_at_ms": "desc" }, { "session": "desc" }, { "project_hash": "desc" }],
            "track_total_hits": false,
            "_source": ["project", "session", "ended_at_ms"],
        });
        let found: Found<StoredActivity> = self.search(IndexFamily::Activity, &body).await?;
        let mut hits: Vec<SessionHit> = found.hits.hits.into_iter().map(session_hit).collect();
        let more = hits.len() > search.limit;
        hits.truncate(search.limit);
        Ok(SessionPage { hits, more })
    }

    async fn search<T: DeserializeOwned>(&self, family: IndexFamily, body: &Value) -> Result<T, SearchError> {
        let pattern = self.names.pattern(family);
        let path = format!("{pattern}/_search?allow_partial_search_results=false&{WILDCARDS}");
        self.client.ask(Request::post(path, body)).await
    }

    pub(super) async fn state(&self) -> Result<SearchHealth, SearchError> {
        self.check_writable().await?;
        let patterns = [IndexFamily::Audit, IndexFamily::Activity].map(|family| self.names.pattern(family));
        let patterns = patterns.join(",");
        let health: ClusterHealth = self
            .client
            .ask(Request::get(format!(
                "_cluster/health/{patterns}?filter_path=status"
            )))
            .await?;
        if health.status == "red" {
            return Err(SearchError::Engine(
                "a primary shard is away: see GET _cluster/allocation/explain".into(),
            ));
        }
        let path = format!("{patterns}/_stats/docs,store?filter_path=_all");
        let stats: Stats = self.client.ask(Request::get(path)).await?;
        Ok(SearchHealth {
            documents: stats.all.primaries.docs.count,
            stored_bytes: stats.all.total.store.size_in_bytes,
        })
    }
}

fn key_of(stored: &StoredAudit) -> SortKey {
    SortKey::new(stored.occurred_at_us, stored.id, stored.project.as_str())
}

fn audit_hit(stored: StoredAudit) -> Result<AuditHit, SearchError> {
    Ok(AuditHit {
        position: place::parse(&stored.position)?,
        project: stored.project,
        id: stored.id,
        occurred_at_us: stored.occurred_at_us,
        source: stored.source,
    })
}

fn session_hit(hit: Hit<StoredActivity>) -> SessionHit {
    SessionHit {
        project: hit.source.project,
        session_id: hit.source.session,
        last_at_ms: hit.source.ended_at_ms,
    }
}
