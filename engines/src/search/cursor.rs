//! The cursor of a page: the sort key of its last hit, bound to the search that made it.
//!
//! **Invariant:** it stays valid while data is added, because it names a place in the order and no page number;
//! with another query, projects, times or order it is refused.

use hindsight_schemas::canonical::{hex, sha256};
use hindsight_schemas::ids::AuditId;
use uuid::Uuid;

use super::{AuditSearch, Projects, SearchError};

/// The place of an audit event in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortKey {
    /// Unix microseconds.
    pub occurred_at_us: i64,
    /// The event's id.
    pub id: u128,
    /// Tells projects apart that hold one id at one time.
    pub project_hash: u64,
}

impl SortKey {
    /// Of an event.
    pub fn new(occurred_at_us: i64, id: AuditId, project: &str) -> Self {
        Self {
            occurred_at_us,
            id: id.uuid().as_u128(),
            project_hash: project_hash(project),
        }
    }
}

/// The first 8 bytes of the project's SHA-256.
pub fn project_hash(project: &str) -> u64 {
    let digest = sha256(project.as_bytes());
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

impl AuditSearch {
    /// The cursor after this place.
    pub fn cursor_after(&self, key: SortKey) -> String {
        let SortKey {
            occurred_at_us,
            id,
            project_hash,
        } = key;
        format!(
            "{}.{occurred_at_us}.{}.{project_hash:016x}",
            self.fingerprint(),
            Uuid::from_u128(id).simple()
        )
    }

    /// The place after which this page begins.
    pub fn after(&self) -> Result<Option<SortKey>, SearchError> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let key = parse(cursor, &self.fingerprint());
        key.map(Some).ok_or(SearchError::CursorMismatch)
    }

    fn fingerprint(&self) -> String {
        let Self {
            query,
            projects,
            from_us,
            to_us,
            sort,
            ..
        } = self;
        let projects = match projects {
            Projects::All => "*".to_owned(),
            Projects::Only(list) => list.iter().map(|project| format!("{project},")).collect(),
        };
        let text = format!("{query}\n{projects}\n{from_us:?}\n{to_us:?}\n{sort:?}");
        hex(&sha256(text.as_bytes())[..8])
    }
}

fn parse(cursor: &str, fingerprint: &str) -> Option<SortKey> {
    let mut parts = cursor.split('.');
    if parts.next()? != fingerprint {
        return None;
    }
    let key = SortKey {
        occurred_at_us: parts.next()?.parse().ok()?,
        id: Uuid::try_parse(parts.next()?).ok()?.as_u128(),
        project_hash: u64::from_str_radix(parts.next()?, 16).ok()?,
    };
    parts.next().is_none().then_some(key)
}
