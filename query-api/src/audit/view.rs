//! An audit event as it is shown: its canonical content, and where a replay shows it.

use hindsight_engines::search::AuditHit;
use hindsight_schemas::audit::AuditEvent;
use hindsight_schemas::ids::SessionId;
use hindsight_schemas::patch::Patch;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use hindsight_schemas::problem::Refusal;

/// Where a replay shows an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Moment {
    /// The session.
    #[schema(value_type = String)]
    pub(crate) session_id: SessionId,
    /// The document load, where it is known.
    pub(crate) tab: Option<String>,
    /// From the session's first event.
    pub(crate) offset_ms: i64,
    /// How the two were matched: `trace` or `clock`.
    #[serde(rename = "match")]
    pub(crate) matched: &'static str,
}

/// One difference between `before` and `after`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Difference {
    /// Where.
    path: String,
    /// The value before; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<String>,
    /// The value after; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<String>,
}

/// An audit event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// The event as it was kept (API.md 'Audit event').
    #[serde(flatten)]
    #[schema(value_type = Object)]
    event: Value,
    /// What differs; only in the answer for one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Vec<Difference>>,
    /// Where a replay shows it.
    moment: Option<Moment>,
    #[serde(skip)]
    pub(super) occurred_at_us: i64,
    #[serde(skip)]
    pub(super) project: String,
}

/// Members that a list leaves out.
const ONLY_IN_ONE: &[&str] = &["before", "after", "request", "response"];

impl AuditView {
    /// As kept.
    pub(crate) fn of(hit: AuditHit) -> Result<Self, Refusal> {
        let event: Value = serde_json::from_str(&hit.source).map_err(|error| {
            tracing::error!(%error, id = %hit.id, "audit event can't be read");
            Refusal::internal("the audit event can't be read", "无法读取该审计事件")
        })?;
        let project = hit.project.to_string();
        Ok(Self {
            event,
            patch: None,
            moment: None,
            occurred_at_us: hit.occurred_at_us,
            project,
        })
    }

    /// Without the bulky members, for lists.
    #[must_use]
    pub(super) fn short(mut self) -> Self {
        if let Some(members) = self.event.as_object_mut() {
            ONLY_IN_ONE.iter().for_each(|name| drop(members.remove(*name)));
        }
        self
    }

    /// With the differences between before and after.
    #[must_use]
    pub(super) fn with_patch(mut self) -> Self {
        if let Ok(event) = serde_json::from_value::<AuditEvent>(self.event.clone()) {
            self.patch = Some(differences(&Patch::between(&event.before, &event.after)));
        }
        self
    }

    #[must_use]
    pub(super) fn with_moment(mut self, moment: Option<Moment>) -> Self {
        self.moment = moment;
        self
    }

    /// The session during which it was done.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.event.get("session_id")?.as_str()?.parse().ok()
    }

    /// A member that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.event
            .get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }
}

fn differences(patch: &Patch) -> Vec<Difference> {
    let value_of = |pairs: &[String], path: &str| {
        pairs
            .iter()
            .find_map(|pair| pair.strip_prefix(path)?.strip_prefix('=').map(str::to_owned))
    };
    let (was, now) = (patch.was(), patch.now());
    let paths = patch.changed().into_iter();
    paths
        .map(|path| Difference {
            was: value_of(&was, &path),
            now: value_of(&now, &path),
            path,
        })
        .collect()
}
