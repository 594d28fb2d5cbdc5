//! The name of a range of records: what every sink drops a second write under.
//!
//! **Invariant:** two ranges with one name hold the same records of the same log, so their rows, documents
//! and frames are the same; a change of rows for old records is a new view generation, hence another name.

use std::fmt;
use std::str::FromStr;

use hindsight_schemas::ids::{LogId, Offset, Partition};
use uuid::Uuid;

/// Records `first..=last` of a partition, for one generation of one view.
///
/// Its text is `g1/<log id>/<topic>/<partition>/<first>-<last>`, with offsets of 20 digits so that names sort
/// by position: used as deduplication token and as the name of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RangeName {
    /// The generation of the view.
    pub view_generation: u32,
    /// The log while its offsets mean the same.
    pub log_id: LogId,
    /// The partition of the log.
    pub partition: Partition,
    /// The first record's offset.
    pub first: Offset,
    /// The last record's offset; there may be holes between the two.
    pub last: Offset,
}

impl fmt::Display for RangeName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            view_generation,
            log_id,
            partition,
            first,
            last,
        } = self;
        write!(
            out,
            "g{view_generation}/{log_id}/{partition}/{first:020}-{last:020}"
        )
    }
}

/// The text is not the name of a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of a range (g<generation>/<log id>/<topic>/<partition>/<first>-<last>)")]
pub struct NotARangeName(String);

impl FromStr for RangeName {
    type Err = NotARangeName;

    fn from_str(text: &str) -> Result<Self, NotARangeName> {
        parse(text)
            .filter(|name| name.first <= name.last)
            .ok_or_else(|| NotARangeName(text.into()))
    }
}

fn parse(text: &str) -> Option<RangeName> {
    let mut parts = text.split('/');
    let view_generation = parts.next()?.strip_prefix('g')?.parse().ok()?;
    let log_id = LogId(Uuid::try_parse(parts.next()?).ok()?);
    let topic = parts.next()?.parse().ok()?;
    let partition = Partition {
        topic,
        partition: parts.next()?.parse().ok()?,
    };
    let (first, last) = parts.next()?.split_once('-')?;
    let name = RangeName {
        view_generation,
        log_id,
        partition,
        first: first.parse().ok()?,
        last: last.parse().ok()?,
    };
    parts.next().is_none().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hindsight_schemas::ids::Topic;

    #[test]
    fn a_name_is_read_back_and_sorts_by_position() {
        let name = |first, last| RangeName {
            view_generation: 1,
            log_id: LogId(Uuid::from_u128(7)),
            partition: Partition {
                topic: Topic::Audit,
                partition: 3,
            },
            first,
            last,
        };
        assert_eq!(name(5, 99).to_string().parse(), Ok(name(5, 99)));
        assert!(name(9, 9).to_string() < name(10, 10).to_string());
        for bad in ["", "g1/x", &name(9, 8).to_string(), &format!("{}/x", name(1, 2))] {
            assert!(bad.parse::<RangeName>().is_err(), "{bad:?}");
        }
    }
}
