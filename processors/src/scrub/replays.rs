//! Batches in the segment store: the copy that a player would take is found by claim or index, and its bytes are read.

use std::collections::BTreeMap;

use hindsight_engines::replay::{ReplayError, ReplayIndex, StoredBatch};
use hindsight_engines::segments::format::Digest;
use hindsight_schemas::ids::{Position, ProjectId, Seq, SessionId, Tab};

use super::outcome::Outcome;
use super::sampled::{Content, Sampled};

/// How each of these stands, in their order.
pub(super) async fn look(index: &ReplayIndex, sampled: &[&Sampled]) -> Result<Vec<Outcome>, ReplayError> {
    let mut sessions: BTreeMap<(&ProjectId, SessionId), Vec<(Tab, Seq)>> = BTreeMap::new();
    for sampled in sampled {
        if let Content::Batch(batch) = &sampled.content {
            let wanted = sessions.entry((&batch.project, batch.session_id)).or_default();
            wanted.push((batch.tab.clone(), batch.seq));
        }
    }
    let mut stored = BTreeMap::new();
    for ((project, session), wanted) in sessions {
        let found = index.batches(project, session, &wanted).await?;
        stored.insert((project, session), found);
    }
    let outcomes = sampled.iter().map(|sampled| match &sampled.content {
        Content::Batch(batch) => {
            let of_session = stored.get(&(&batch.project, batch.session_id));
            let found = of_session.and_then(|stored| stored.get(&(batch.tab.clone(), batch.seq)));
            judge(found, sampled.position, &batch.content_sha256)
        }
        Content::Newer => Outcome::Unknown,
        Content::Audit(_) | Content::Unreadable => Outcome::Missing,
    });
    Ok(outcomes.collect())
}

/// A player is shown the lowest position's content, wherever a copy of it is read. So another content is the twin's where
/// the twin came first, and else ours is lost.
fn judge(found: Option<&StoredBatch>, position: Position, content: &[u8]) -> Outcome {
    let rank = |position: &Position| (position.offset, position.partition.partition);
    match found {
        None => Outcome::Missing,
        Some(StoredBatch::Unreadable) => Outcome::Unreadable,
        Some(StoredBatch::Whole {
            position: of,
            content_sha256: Digest(of_content),
        }) => match (of_content == content, rank(of).cmp(&rank(&position))) {
            (true, std::cmp::Ordering::Equal) => Outcome::Found,
            (true, _) | (false, std::cmp::Ordering::Less) => Outcome::Twin,
            (false, std::cmp::Ordering::Equal) => Outcome::Different,
            (false, std::cmp::Ordering::Greater) => Outcome::Missing,
        },
    }
}

#[cfg(test)]
mod tests {
    use hindsight_schemas::ids::{LogId, Partition, Topic};
    use uuid::Uuid;

    use super::*;

    fn at(partition: u32, offset: u64) -> Position {
        let topic = Topic::Recordings;
        Position {
            log_id: LogId(Uuid::nil()),
            partition: Partition { topic, partition },
            offset,
        }
    }

    #[test]
    fn of_twins_the_first_content_is_shown() {
        let (same, other) = ([1; 32], [2; 32]);
        let of = |position, content| {
            let found = StoredBatch::Whole {
                position,
                content_sha256: Digest(content),
            };
            judge(Some(&found), at(1, 5), &same)
        };
        assert_eq!(of(at(1, 5), same), Outcome::Found);
        assert_eq!(
            (of(at(1, 4), same), of(at(1, 6), same)),
            (Outcome::Twin, Outcome::Twin)
        );
        assert_eq!(
            (of(at(1, 4), other), of(at(0, 5), other)),
            (Outcome::Twin, Outcome::Twin)
        );
        assert_eq!(of(at(1, 5), other), Outcome::Different);
        assert_eq!(
            (of(at(1, 6), other), of(at(2, 5), other)),
            (Outcome::Missing, Outcome::Missing)
        );
        assert_eq!(judge(None, at(1, 5), &same), Outcome::Missing);
        assert_eq!(
            judge(Some(&StoredBatch::Unreadable), at(1, 5), &same),
            Outcome::Unreadable
        );
    }
}
