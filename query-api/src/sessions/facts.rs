//! The facts of a session, as API.md 'Replays' names them; the row of `hindsight.sessions` and the answer alike.

use hindsight_schemas::row_binary::Millis;
use hindsight_schemas::rows::Reference;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The columns in the order of the fields.
pub(super) const COLUMNS: &str = "project, session_id, source, release, started_at, last_at, duration_ms, active_ms, \
    user_id, user_name, device_id, references, entry_url, pages, tabs, batches, events, clicks, inputs, errors, \
    rage_clicks, browser, os, device, screen, country, raw_bytes, stored_bytes, state, clock";

/// One session.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs, reason = "API.md says what they are")]
pub(crate) struct SessionFacts {
    pub(crate) project: String,
    pub(crate) session_id: Uuid,
    pub(crate) source: String,
    pub(crate) release: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) started_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_at: Millis,
    pub(crate) duration_ms: u64,
    pub(crate) active_ms: u64,
    pub(crate) user_id: String,
    pub(crate) user_name: String,
    pub(crate) device_id: String,
    #[schema(value_type = Vec<Object>)]
    pub(crate) references: Vec<Reference>,
    pub(crate) entry_url: String,
    pub(crate) pages: u32,
    pub(crate) tabs: u32,
    pub(crate) batches: u32,
    pub(crate) events: u64,
    pub(crate) clicks: u32,
    pub(crate) inputs: u32,
    pub(crate) errors: u32,
    pub(crate) rage_clicks: u32,
    pub(crate) browser: String,
    pub(crate) os: String,
    pub(crate) device: String,
    pub(crate) screen: String,
    pub(crate) country: String,
    pub(crate) raw_bytes: u64,
    pub(crate) stored_bytes: u64,
    pub(crate) state: String,
    pub(crate) clock: String,
}
