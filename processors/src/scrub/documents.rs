//! Records in the search engine: what stands under the id of each.

use hindsight_engines::search::{Search, SearchError, Standing};
use hindsight_schemas::audit::content_sha256;
use hindsight_schemas::documents::{ActivityDocument, DocumentId};
use hindsight_schemas::ids::Position;

use super::outcome::Outcome;
use super::sampled::{Content, Sampled};

/// How each of these stands, in their order.
pub(super) async fn look(engine: &dyn Search, sampled: &[&Sampled]) -> Result<Vec<Outcome>, SearchError> {
    let ids: Vec<Option<(DocumentId, [u8; 32])>> = sampled.iter().map(|sampled| sought(sampled)).collect();
    let standing = engine.standing(ids.iter().flatten().cloned().collect()).await?;
    let mut standing = standing.into_iter();
    let outcomes = sampled.iter().zip(&ids).map(|(sampled, id)| {
        let found = id.as_ref().and_then(|_| standing.next());
        match (&sampled.content, found) {
            (Content::Newer, _) => Outcome::Unknown,
            (_, Some(found)) => judge(found, sampled.position),
            (_, None) => Outcome::Missing,
        }
    });
    Ok(outcomes.collect())
}

/// Whether the engine holds what is left of an erased document there.
pub(super) async fn is_erased(engine: &dyn Search, id: DocumentId) -> Result<bool, SearchError> {
    let standing = engine.standing(vec![(id, [0; 32])]).await?;
    Ok(standing.first() == Some(&Standing::Erased))
}

fn sought(sampled: &Sampled) -> Option<(DocumentId, [u8; 32])> {
    let content = match &sampled.content {
        Content::Batch(batch) => ActivityDocument::new(batch, sampled.position).content_sha256,
        Content::Audit(event) => content_sha256(str::from_utf8(&event.canonical).ok()?).ok()?,
        Content::Unreadable | Content::Newer => return None,
    };
    Some((sampled.identity()?, content))
}

/// Across partitions the first to land stays, so another position with the same content is as good.
fn judge(found: Standing, position: Position) -> Outcome {
    match found {
        Standing::Absent => Outcome::Missing,
        Standing::Erased => Outcome::Erased,
        Standing::Document { times, .. } if times > 1 => Outcome::Twice,
        Standing::Document {
            same_content: false, ..
        } => Outcome::Different,
        Standing::Document { position: of, .. } if of == position => Outcome::Found,
        Standing::Document { .. } => Outcome::Twin,
    }
}

#[cfg(test)]
mod tests {
    use hindsight_schemas::ids::{LogId, Partition, Topic};
    use uuid::Uuid;

    use super::*;

    fn at(offset: u64) -> Position {
        Position {
            log_id: LogId(Uuid::nil()),
            partition: Partition {
                topic: Topic::Audit,
                partition: 0,
            },
            offset,
        }
    }

    #[test]
    fn content_counts_more_than_the_place() {
        let of = |same_content, offset, times| {
            let found = Standing::Document {
                same_content,
                position: at(offset),
                times,
            };
            judge(found, at(5))
        };
        assert_eq!(of(true, 5, 1), Outcome::Found);
        assert_eq!((of(true, 4, 1), of(true, 6, 1)), (Outcome::Twin, Outcome::Twin));
        assert_eq!(
            (of(false, 5, 1), of(false, 4, 1)),
            (Outcome::Different, Outcome::Different)
        );
        assert_eq!(of(true, 5, 2), Outcome::Twice);
        assert_eq!(judge(Standing::Absent, at(5)), Outcome::Missing);
        assert_eq!(judge(Standing::Erased, at(5)), Outcome::Erased);
    }
}
