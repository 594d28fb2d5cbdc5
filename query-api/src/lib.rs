//! The read side: replays, audit search, SQL, and the console's files.
//!
//! **Architecture invariant:** nothing here writes a view; what an answer says was read from the engines for it.

mod access;
mod answer;
mod audit;
mod console;
mod contract;
mod extract;
mod found;
mod keys;
mod page;
mod replays;
mod sessions;
pub mod sql;
mod time;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use hindsight_engines::analytics::Analytics;
use hindsight_engines::replay::ReplayIndex;
use hindsight_engines::search::Search;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Semaphore;

pub use access::Access;
pub use contract::openapi;
pub use keys::{ShownKey, ShownKeys};
use sql::SqlLimits;

/// Bodies that the read side takes: statements, mostly.
const BODY_BYTES: usize = 128 << 10;

/// Up to when the search view is complete; `None` where that isn't known.
pub type CompleteTo = Arc<dyn Fn() -> Option<Timestamp> + Send + Sync>;

/// What the handlers read from.
pub struct Reader {
    access: Access,
    analytics: Arc<dyn Analytics>,
    search: Arc<dyn Search>,
    replays: Arc<ReplayIndex>,
    complete_to: CompleteTo,
    keys: ShownKeys,
    time_zone: TimeZone,
    sql_limits: SqlLimits,
    sql_slots: Arc<Semaphore>,
}

impl Reader {
    /// Over these engines.
    pub fn new(
        access: Access,
        analytics: Arc<dyn Analytics>,
        search: Arc<dyn Search>,
        replays: Arc<ReplayIndex>,
        complete_to: CompleteTo,
    ) -> Self {
        let sql_limits = SqlLimits::default();
        Self {
            access,
            analytics,
            search,
            replays,
            complete_to,
            keys: ShownKeys::default(),
            time_zone: TimeZone::UTC,
            sql_slots: Arc::new(Semaphore::new(sql_limits.at_once)),
            sql_limits,
        }
    }

    /// In which zone dates without offset are meant (default UTC).
    #[must_use]
    pub fn with_time_zone(mut self, zone: TimeZone) -> Self {
        self.time_zone = zone;
        self
    }

    /// The keys to be listed (default none).
    #[must_use]
    pub fn with_keys(mut self, keys: ShownKeys) -> Self {
        self.keys = keys;
        self
    }

    /// Other limits of statements.
    #[must_use]
    pub fn with_sql_limits(mut self, limits: SqlLimits) -> Self {
        self.sql_slots = Arc::new(Semaphore::new(limits.at_once.max(1)));
        self.sql_limits = limits;
        self
    }
}

/// The routes of the read side beside others of the same origin and, on every other path, the console. Refusals of
/// all of them are counted and said in the reader's language.
pub fn router(reader: Arc<Reader>, beside: Router) -> Router {
    routes(reader)
        .merge(beside)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(axum::middleware::from_fn(answer::answer))
}

fn routes(reader: Arc<Reader>) -> Router {
    Router::new()
        .route("/v1/login", post(access::login::login))
        .route("/v1/logout", post(access::login::logout))
        .route("/v1/me", get(access::login::me))
        .route("/v1/tickets", post(access::tickets::ticket))
        .route("/v1/sessions", get(sessions::list::list))
        .route("/v1/sessions/{session_id}", get(sessions::one))
        .route("/v1/references/{type}/{id}", get(sessions::case::case))
        .route("/v1/replays/{session_id}", get(replays::manifest::manifest))
        .route("/v1/replays/{session_id}/events", get(replays::events::events))
        .route(
            "/v1/replays/{session_id}/frames/{frame}",
            get(replays::frames::frame),
        )
        .route("/v1/replays/{session_id}/markers", get(replays::markers::markers))
        .route("/v1/audit", get(audit::list::list))
        .route("/v1/audit/{id}", get(audit::one::one))
        .route("/v1/keys", get(keys::list))
        .route("/v1/sql", post(sql::statement::statement))
        .route_layer(axum::middleware::from_fn(answer::measured))
        .fallback(console::console)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(reader)
}
