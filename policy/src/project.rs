//! A project: one recorded application with its time zone, retention classes, rules.
//!
//! **Invariant** (by [`Project::check`]): the two default classes exist and each class keeps something for a
//! bounded time. The zone of a project with data isn't changed, because audit ids are made from times read in it.

use std::collections::BTreeMap;

use hindsight_schemas::ids::ProjectId;
use serde::{Deserialize, Serialize};

use crate::masking::Masking;
use crate::origin::OriginPattern;
use crate::recording::Recording;

/// The class of recordings that name none.
pub const RECORDINGS_CLASS: &str = "recordings";
/// The class of audit events that name none.
pub const AUDIT_CLASS: &str = "audit";
/// Longest retention that a class may have: a century.
pub const MAX_RETENTION_DAYS: u32 = 36_525;
/// Most classes in a project.
pub const MAX_CLASSES: usize = 64;

const RECORDINGS_DAYS: u32 = 90;
const FIVE_YEARS_DAYS: u32 = 1_827;
const SECONDS_PER_DAY: i64 = 86_400;

/// One recorded application.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// IANA name of the zone of times that come without an offset. Default `UTC`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Stamped as `source` on records: the application's name for people. Default: empty.
    #[serde(default)]
    pub source: String,
    /// Origins of pages that may use the project's browser keys. Default: every one (`*`), fit for a trial.
    #[serde(default = "every_origin")]
    pub origins: Vec<OriginPattern>,
    /// Days by retention class. Default: recordings 90 days, audit 5 years; classes named here are added.
    #[serde(default)]
    pub retention: BTreeMap<String, u32>,
    /// What is masked in audit events.
    #[serde(default)]
    pub masking: Masking,
    /// What the browser recorder does.
    #[serde(default)]
    pub recording: Recording,
    /// Counts up with each change of the project's rules.
    #[serde(default)]
    pub rules_version: i64,
}

fn utc() -> String {
    "UTC".into()
}

fn every_origin() -> Vec<OriginPattern> {
    vec![OriginPattern::every()]
}

/// Why a project can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProjectError {
    /// A class that keeps nothing, or too long.
    #[error("retention class {class:?} has {days} days, allowed are 1 to {MAX_RETENTION_DAYS}")]
    Days {
        /// The class.
        class: String,
        /// Its days.
        days: u32,
    },
    /// A class name that isn't a plain word.
    #[error("retention class {0:?} is not 1 to 40 of a-z, 0-9, '-' and '_'")]
    ClassName(String),
    /// More than [`MAX_CLASSES`].
    #[error("{0} retention classes are over the limit of {MAX_CLASSES}")]
    TooManyClasses(usize),
    /// A setting of the recorder out of range.
    #[error("recording.{0}")]
    Recording(#[from] crate::recording::RecordingError),
}

impl Project {
    /// A project with all defaults.
    pub fn new(id: ProjectId) -> Self {
        Self {
            id,
            time_zone: utc(),
            source: String::new(),
            origins: every_origin(),
            retention: BTreeMap::new(),
            masking: Masking::default(),
            recording: Recording::default(),
            rules_version: 0,
        }
    }

    /// Whether the settings can be used.
    pub fn check(&self) -> Result<(), ProjectError> {
        if self.retention.len() > MAX_CLASSES {
            return Err(ProjectError::TooManyClasses(self.retention.len()));
        }
        for (class, &days) in &self.retention {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            if !(1..=40).contains(&class.len()) || !class.bytes().all(plain) {
                return Err(ProjectError::ClassName(class.clone()));
            }
            if !(1..=MAX_RETENTION_DAYS).contains(&days) {
                return Err(ProjectError::Days {
                    class: class.clone(),
                    days,
                });
            }
        }
        Ok(self.recording.check()?)
    }

    /// Days that a class keeps; `None` for a class that the project doesn't have.
    pub fn retention_days(&self, class: &str) -> Option<u32> {
        self.retention.get(class).copied().or(match class {
            RECORDINGS_CLASS => Some(RECORDINGS_DAYS),
            AUDIT_CLASS => Some(FIVE_YEARS_DAYS),
            _ => None,
        })
    }

    /// When something of a class that was received at a time expires, Unix seconds.
    pub fn expires_at_s(&self, class: &str, received_at_s: i64) -> Option<i64> {
        let days = self.retention_days(class)?;
        Some(received_at_s.saturating_add(i64::from(days) * SECONDS_PER_DAY))
    }

    /// The names of all classes.
    pub fn classes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.retention.keys().map(String::as_str).collect();
        names.extend([RECORDINGS_CLASS, AUDIT_CLASS]);
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(json: &str) -> Project {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn defaults_are_there_and_can_be_overridden() {
        let plain = project(r#"{"id": "shop"}"#);
        assert_eq!(plain.retention_days(RECORDINGS_CLASS), Some(90));
        assert_eq!(plain.retention_days(AUDIT_CLASS), Some(1_827));
        assert_eq!(plain.retention_days("long"), None);
        let own = project(r#"{"id": "shop", "retention": {"recordings": 7, "long": 3650}}"#);
        assert_eq!(
            own.expires_at_s(RECORDINGS_CLASS, 1_000),
            Some(1_000 + 7 * 86_400)
        );
        assert_eq!(own.classes(), ["audit", "long", "recordings"]);
        assert_eq!(own.check(), Ok(()));
    }

    #[test]
    fn what_keeps_nothing_is_refused() {
        for bad in [r#"{"recordings": 0}"#, r#"{"a b": 1}"#, r#"{"x": 99999}"#] {
            let text = format!(r#"{{"id": "shop", "retention": {bad}}}"#);
            assert!(project(&text).check().is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Project>(r#"{"id": "shop", "retentoin": {}}"#).is_err());
    }
}
