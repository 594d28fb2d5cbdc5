//! How a frame is named to the outside: `g<session generation>-<frame>` or
//! `f<view>-<partition>-<first>-<last>-<frame>`. What a name stands for never changes, so it can be cached for ever.

use std::fmt;
use std::str::FromStr;

use hindsight_schemas::ids::Offset;

use super::path::SegmentPath;

/// Names a frame within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FrameId {
    /// Of the data object of a session generation.
    Generation {
        /// The session generation.
        generation: u32,
        /// Number in the object.
        frame: u32,
    },
    /// Of a flush object.
    Flush {
        /// Generation of the view.
        view: u32,
        /// The partition.
        partition: u32,
        /// First offset of the object's range.
        first: Offset,
        /// Last offset of the object's range.
        last: Offset,
        /// Number in the object.
        frame: u32,
    },
}

impl FrameId {
    /// The frame `number` of the object at `path`; `None` for objects without frames.
    pub fn of(path: &SegmentPath, number: u32) -> Option<Self> {
        match *path {
            SegmentPath::Flush {
                view,
                partition,
                first,
                last,
            } => Some(Self::Flush {
                view,
                partition,
                first,
                last,
                frame: number,
            }),
            SegmentPath::Data { generation, .. } => Some(Self::Generation {
                generation,
                frame: number,
            }),
            SegmentPath::Claim { .. }
            | SegmentPath::Erased { .. }
            | SegmentPath::SearchView { .. }
            | SegmentPath::Job { .. } => None,
        }
    }
}

/// The text names no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a frame")]
pub struct FrameIdError(String);

impl fmt::Display for FrameId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation { generation, frame } => write!(out, "g{generation}-{frame}"),
            Self::Flush {
                view,
                partition,
                first,
                last,
                frame,
            } => {
                write!(out, "f{view}-{partition}-{first}-{last}-{frame}")
            }
        }
    }
}

impl FromStr for FrameId {
    type Err = FrameIdError;
    fn from_str(text: &str) -> Result<Self, FrameIdError> {
        parse(text)
            .filter(|id| id.to_string() == text)
            .ok_or_else(|| FrameIdError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<FrameId> {
    let kind = text.get(..1)?;
    let parts: Vec<&str> = text.get(1..)?.split('-').collect();
    Some(match (kind, &parts[..]) {
        ("g", [generation, frame]) => FrameId::Generation {
            generation: generation.parse().ok()?,
            frame: frame.parse().ok()?,
        },
        ("f", [view, partition, first, last, frame]) => FrameId::Flush {
            view: view.parse().ok()?,
            partition: partition.parse().ok()?,
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            frame: frame.parse().ok()?,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["g1-0", "f1-7-0-18446744073709551615-3"] {
            assert_eq!(text.parse::<FrameId>().unwrap().to_string(), text);
        }
        for text in ["", "g", "g1", "g01-0", "f1-7-0-1", "x1-0", "é", "g1-0-0"] {
            assert!(text.parse::<FrameId>().is_err(), "{text}");
        }
    }
}
