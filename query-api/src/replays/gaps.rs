//! What a recording lacks, and why: told alike in the manifest, among the markers and by the header of `/events`.
//!
//! Three kinds: batches that never came, frames that can't be read, and what the recorder itself says that it did not
//! record (`hindsight.gap`). The last is no fault of what was kept, so it does not make a session damaged.
//! **Bound:** [`MOST_TOLD`] gaps that recorders told; [`MOST_IN_HEADER`] in the header.

use hindsight_engines::analytics::{Query, query_rows};
use hindsight_engines::segments::{Gap, Manifest};
use hindsight_schemas::ids::Tab;
use hindsight_schemas::row_binary::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Whose;
use crate::Reader;
use hindsight_schemas::problem::Refusal;

/// Gaps told by recorders that are listed at most.
const MOST_TOLD: usize = 1_000;
/// Gaps in the header of `/events` at most; the manifest has all.
const MOST_IN_HEADER: usize = 20;

/// Something that is not in the recording.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GapView {
    pub(super) tab: String,
    /// The first batch that is missing; null where a recorder told the gap.
    pub(super) seq_from: Option<u32>,
    /// The last one.
    pub(super) seq_to: Option<u32>,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// missing_batches: they never came; unreadable_frames: they came and are damaged; recorder: it says so itself.
    pub(super) reason: &'static str,
    /// The recorder's own reason.
    pub(super) detail: Option<String>,
    /// How many events the recorder left out, where it knows.
    pub(super) events: Option<u64>,
}

#[derive(Deserialize)]
struct ToldRow {
    at: Millis,
    tab: String,
    name: String,
    properties: String,
}

/// The payload of `hindsight.gap` besides its reason. JavaScript has no integers, so they may come as 1.5.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Told {
    from_ms: Option<f64>,
    to_ms: Option<f64>,
    events: Option<f64>,
}

/// What recorders told of a session.
pub(super) async fn told(reader: &Reader, of: &Whose) -> Result<Vec<GapView>, Refusal> {
    let sql = format!(
        "SELECT at, tab, name, properties FROM hindsight.events WHERE project = {{project:String}} \
         AND session_id = {{session:UUID}} AND id_at = {{id_at:DateTime64(3, 'UTC')}} AND kind = 'gap' \
         ORDER BY at, seq, `index` LIMIT {MOST_TOLD}"
    );
    let query = Query::new(sql)
        .param("project", of.project.as_str())
        .param("session", of.session.uuid())
        .param("id_at", Millis(of.session.unix_ms()));
    let rows: Vec<ToldRow> = query_rows(&*reader.analytics, query).await?;
    Ok(rows.into_iter().map(told_gap).collect())
}

/// All gaps of a session, by time.
pub(super) fn gaps(manifest: &Manifest, told: Vec<GapView>) -> Vec<GapView> {
    let mut gaps: Vec<GapView> = stored(manifest).chain(told).collect();
    gaps.sort_by_key(|gap| (gap.from_ms, gap.to_ms));
    gaps
}

/// Those of what was sent: they never came or can't be read.
pub(super) fn stored(manifest: &Manifest) -> impl Iterator<Item = GapView> + '_ {
    manifest.gaps.iter().map(|gap| GapView {
        tab: gap.tab.to_string(),
        seq_from: Some(gap.seq_from),
        seq_to: Some(gap.seq_to),
        from_ms: gap.from_ms.unwrap_or(manifest.span.from_ms),
        to_ms: gap.to_ms.unwrap_or(manifest.span.to_ms),
        reason: gap.reason.as_str(),
        detail: None,
        events: None,
    })
}

/// A gap without times, or with times in the wrong order, is a moment.
fn told_gap(row: ToldRow) -> GapView {
    let told: Told = serde_json::from_str(&row.properties).unwrap_or_default();
    let from_ms = told.from_ms.map_or(row.at.0, |ms| ms as i64);
    let to_ms = told.to_ms.map_or(row.at.0, |ms| ms as i64).max(from_ms);
    GapView {
        tab: row.tab,
        seq_from: None,
        seq_to: None,
        from_ms,
        to_ms,
        reason: "recorder",
        detail: Some(row.name).filter(|name| !name.is_empty()),
        events: told.events.map(|events| events as u64),
    }
}

/// The header's value: `tab/from-to reason, ...`; `None` without gaps of what was sent in these tabs.
pub(super) fn header(manifest: &Manifest, tabs: &[Tab]) -> Option<String> {
    let of_tabs = manifest.gaps.iter().filter(|gap| tabs.contains(&gap.tab));
    let words = |gap: &Gap| {
        format!(
            "{}/{}-{} {}",
            gap.tab,
            gap.seq_from,
            gap.seq_to,
            gap.reason.as_str()
        )
    };
    let mut told: Vec<String> = of_tabs.map(words).collect();
    let all = told.len();
    if all > MOST_IN_HEADER {
        told.truncate(MOST_IN_HEADER);
        told.push(format!("{} more", all - MOST_IN_HEADER));
    }
    (all > 0).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(properties: &str, expected: (i64, i64, Option<u64>)) {
        let gap = told_gap(ToldRow {
            at: Millis(500),
            tab: "w_1".into(),
            name: "offline".into(),
            properties: properties.into(),
        });
        assert_eq!((gap.from_ms, gap.to_ms, gap.events), expected, "{properties}");
        assert_eq!((gap.reason, gap.detail.as_deref()), ("recorder", Some("offline")));
    }

    #[test]
    fn a_recorders_gap_lies_where_it_says_or_where_it_says_it() {
        check(r#"{"from_ms":100,"to_ms":400.5,"events":7}"#, (100, 400, Some(7)));
        check(r#"{"from_ms":100}"#, (100, 500, None));
        check(r#"{"from_ms":900,"to_ms":100}"#, (900, 900, None));
        check("", (500, 500, None));
        check(r#"{"from_ms":"soon"}"#, (500, 500, None));
    }
}
