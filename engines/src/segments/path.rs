//! Names of objects, typed.
//!
//! ```text
//! flush/g<view generation>/<partition>/<first>-<last>                    offsets of 20 digits: names sort by position
//! data/<class>/<expiry month>/<project>/<session>/<generation>           generations of 10 digits
//! sessions/<project>/<session>/<generation>                              claims
//! erased/<project>/<session>
//! views/search/<generation>                                               which search view is read; 10 digits
//! jobs/<id>/<step>                                                        what became of long work; steps of 10 digits
//! ```

use std::fmt;
use std::str::FromStr;

use hindsight_schemas::ids::{Offset, ProjectId, SessionId};
use uuid::Uuid;

/// Where an object lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SegmentPath {
    /// The frames of one range of one partition.
    Flush {
        /// Generation of the view.
        view: u32,
        /// The partition.
        partition: u32,
        /// First offset of the range.
        first: Offset,
        /// Last offset of the range.
        last: Offset,
    },
    /// The frames of one session generation.
    Data {
        /// The retention class.
        class: Class,
        /// The month after which all in it has expired.
        month: Month,
        /// The project.
        project: ProjectId,
        /// The session.
        session: SessionId,
        /// The session generation.
        generation: u32,
    },
    /// Claims a session generation.
    Claim {
        /// The project.
        project: ProjectId,
        /// The session.
        session: SessionId,
        /// The session generation.
        generation: u32,
    },
    /// Says that a session is erased.
    Erased {
        /// The project.
        project: ProjectId,
        /// The session.
        session: SessionId,
    },
    /// Says that the search view of this generation is read, from the next start of a process on.
    SearchView {
        /// Its generation, from 2: the first needs no saying.
        generation: u32,
    },
    /// A step of long work that somebody started.
    Job {
        /// The work; its time orders the names.
        id: Uuid,
        /// The step, from 0.
        step: u32,
    },
}

/// A part of the names, to list by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// Flush objects of one partition.
    Flush {
        /// Generation of the view.
        view: u32,
        /// The partition.
        partition: u32,
    },
    /// Flush objects of all partitions.
    Flushes {
        /// Generation of the view.
        view: u32,
    },
    /// All data objects.
    Data,
    /// The claims of one session, oldest generation first.
    Session {
        /// The project.
        project: ProjectId,
        /// The session.
        session: SessionId,
    },
    /// All claims.
    Claims,
    /// All erased sessions.
    Erased,
    /// All search views that were rebuilt, oldest first.
    SearchViews,
    /// All steps of long work, oldest work first.
    Jobs,
}

/// A retention class: 1 to 64 of `a-z0-9_-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class(String);

/// A calendar month, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month in which this moment lies, Unix seconds. Moments out of the calendar's range count as its ends.
    pub fn of(unix_s: i64) -> Self {
        let clamped = unix_s.clamp(0, jiff::Timestamp::MAX.as_second());
        let date = jiff::Timestamp::from_second(clamped)
            .expect("clamped to the calendar")
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        Self {
            year: date.year(),
            month: date.month(),
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The text is no name of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a segment object")]
pub struct PathError(String);

impl FromStr for Class {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(PathError(text.to_owned()))
        }
    }
}

impl FromStr for Month {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        let error = || PathError(text.to_owned());
        let (year, month) = text.split_once('-').ok_or_else(error)?;
        let parsed = Self {
            year: year.parse().map_err(|_| error())?,
            month: month.parse().map_err(|_| error())?,
        };
        let round_trips = parsed.to_string() == text && (1..=12).contains(&parsed.month);
        if round_trips { Ok(parsed) } else { Err(error()) }
    }
}

impl fmt::Display for SegmentPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flush {
                view,
                partition,
                first,
                last,
            } => {
                write!(out, "flush/g{view}/{partition}/{first:020}-{last:020}")
            }
            Self::Data {
                class,
                month,
                project,
                session,
                generation,
            } => {
                write!(out, "data/{class}/{month}/{project}/{session}/{generation:010}")
            }
            Self::Claim {
                project,
                session,
                generation,
            } => {
                write!(out, "sessions/{project}/{session}/{generation:010}")
            }
            Self::Erased { project, session } => write!(out, "erased/{project}/{session}"),
            Self::SearchView { generation } => write!(out, "views/search/{generation:010}"),
            Self::Job { id, step } => write!(out, "jobs/{id}/{step:010}"),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flush { view, partition } => write!(out, "flush/g{view}/{partition}"),
            Self::Flushes { view } => write!(out, "flush/g{view}"),
            Self::Data => out.write_str("data"),
            Self::Session { project, session } => write!(out, "sessions/{project}/{session}"),
            Self::Claims => out.write_str("sessions"),
            Self::Erased => out.write_str("erased"),
            Self::SearchViews => out.write_str("views/search"),
            Self::Jobs => out.write_str("jobs"),
        }
    }
}

impl FromStr for SegmentPath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        // One spelling a path: what does not print as it was read is no name.
        parse(text)
            .filter(|path| path.to_string() == text)
            .ok_or_else(|| PathError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<SegmentPath> {
    let parts: Vec<&str> = text.split('/').collect();
    Some(match parts[..] {
        ["flush", view, partition, range] => {
            let (first, last) = range.split_once('-')?;
            SegmentPath::Flush {
                view: view.strip_prefix('g')?.parse().ok()?,
                partition: partition.parse().ok()?,
                first: first.parse().ok()?,
                last: last.parse().ok()?,
            }
        }
        ["data", class, month, project, session, generation] => SegmentPath::Data {
            class: class.parse().ok()?,
            month: month.parse().ok()?,
            project: project.parse().ok()?,
            session: session.parse().ok()?,
            generation: generation.parse().ok()?,
        },
        ["sessions", project, session, generation] => SegmentPath::Claim {
            project: project.parse().ok()?,
            session: session.parse().ok()?,
            generation: generation.parse().ok()?,
        },
        ["erased", project, session] => SegmentPath::Erased {
            project: project.parse().ok()?,
            session: session.parse().ok()?,
        },
        ["views", "search", generation] => SegmentPath::SearchView {
            generation: generation.parse().ok()?,
        },
        ["jobs", id, step] => SegmentPath::Job {
            id: id.parse().ok()?,
            step: step.parse().ok()?,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_written() {
        let project: ProjectId = "shop".parse().unwrap();
        let session = SessionId::from_parts(1_700_000_000_000, [3; 10]);
        let month = Month::of(1_795_322_603);
        assert_eq!(month.to_string(), "2026-11");
        for path in [
            SegmentPath::Flush {
                view: 1,
                partition: 7,
                first: 0,
                last: u64::MAX,
            },
            SegmentPath::Data {
                class: "long".parse().unwrap(),
                month,
                project: project.clone(),
                session,
                generation: 3,
            },
            SegmentPath::Claim {
                project: project.clone(),
                session,
                generation: u32::MAX,
            },
            SegmentPath::Erased { project, session },
            SegmentPath::SearchView { generation: 2 },
            SegmentPath::Job {
                id: Uuid::from_u128(7),
                step: 12,
            },
        ] {
            assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn other_texts_are_no_paths() {
        for text in [
            "",
            "flush",
            "flush/g1/0/1-2",
            "flush/g1/0/../x",
            "erased/shop/x",
            "sessions/shop",
            "data/../2026-01/a/b/c",
        ] {
            assert!(text.parse::<SegmentPath>().is_err(), "{text}");
        }
        assert!("2026-13".parse::<Month>().is_err());
        assert!("../x".parse::<Class>().is_err());
    }
}
