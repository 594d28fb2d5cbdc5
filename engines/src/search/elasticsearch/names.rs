//! In which index a document lies: a function of its id alone, so that a repeat always meets what was written.
//!
//! **Invariant:** the month is that of the id's own time (UTC), never of the clock or of the event. Ids of 2000
//! to 9999 give names of one length.

use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::{AuditId, SessionId};
use hindsight_schemas::templates::IndexFamily;
use jiff::Timestamp;

use super::super::SearchError;

/// The indices of one view generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) view_generation: u32,
}

impl Names {
    pub(super) fn audit(self, id: AuditId) -> String {
        self.month(IndexFamily::Audit, id.unix_ms())
    }

    pub(super) fn activity(self, session: SessionId) -> String {
        self.month(IndexFamily::Activity, session.unix_ms())
    }

    pub(super) fn positions(self) -> String {
        IndexFamily::Positions.base(self.view_generation)
    }

    pub(super) fn pattern(self, family: IndexFamily) -> String {
        family.pattern(self.view_generation)
    }

    /// Where the document of an id lies, whatever it is of: `project/audit`, `project/session/tab/seq`.
    pub(super) fn of(self, id: &DocumentId) -> Result<String, SearchError> {
        let unknown = || SearchError::Engine(format!("{:?} is no id of a document", id.as_str()));
        let mut parts = id.as_str().split('/').skip(1);
        let uuid = parts.next().ok_or_else(unknown)?;
        if parts.next().is_some() {
            Ok(self.activity(uuid.parse().map_err(|_| unknown())?))
        } else {
            Ok(self.audit(uuid.parse().map_err(|_| unknown())?))
        }
    }

    /// Whether an index holds audit events or activity.
    pub(super) fn family(self, index: &str) -> Option<IndexFamily> {
        let of = |family: &IndexFamily| {
            let base = family.base(self.view_generation);
            index == base
                || index
                    .strip_prefix(&base)
                    .is_some_and(|rest| rest.starts_with('-'))
        };
        IndexFamily::ALL.into_iter().find(of)
    }

    fn month(self, family: IndexFamily, unix_ms: i64) -> String {
        // 48 bits of milliseconds reach to the year 10889, jiff to 9999: what lies behind shares an index.
        let time = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::MAX);
        format!("{}-{}", family.base(self.view_generation), time.strftime("%Y.%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hindsight_schemas::ids::BatchId;

    #[test]
    fn an_id_tells_its_index() {
        let names = Names { view_generation: 3 };
        // 2026-11-30T23:59:59.999Z
        let audit = AuditId::from_parts(1_796_083_199_999, [1; 10]);
        let session = SessionId::from_parts(1_796_083_200_000, [1; 10]);
        assert_eq!(names.audit(audit), "hindsight-audit-g3-2026.11");
        assert_eq!(names.activity(session), "hindsight-activity-g3-2026.12");
        let project = "shop".parse().unwrap();
        let batch = BatchId {
            project,
            session_id: session,
            tab: "t".parse().unwrap(),
            seq: 4,
        };
        assert_eq!(
            names.of(&DocumentId::audit(&batch.project, audit)).unwrap(),
            names.audit(audit)
        );
        assert_eq!(
            names.of(&DocumentId::activity(&batch)).unwrap(),
            names.activity(session)
        );
        assert_eq!(
            names.family("hindsight-audit-g3-2026.11"),
            Some(IndexFamily::Audit)
        );
        assert_eq!(names.family("hindsight-audit-g33-2026.11"), None);
    }

    #[test]
    fn the_last_millisecond_of_an_id_has_an_index() {
        let names = Names { view_generation: 1 };
        let last = AuditId::from_parts((1 << 48) - 1, [0; 10]);
        assert_eq!(names.audit(last), "hindsight-audit-g1-9999.12");
    }
}
