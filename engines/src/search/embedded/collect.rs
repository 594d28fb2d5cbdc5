//! What a search keeps while it goes over the documents that match: the next page and the exact total, or the
//! sessions with the latest matches.
//!
//! **Bound:** memory grows with the page, never with the number of matches.

use std::collections::{BinaryHeap, HashMap};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use super::super::SortOrder;
use super::super::cursor::SortKey;
use super::layout::{ID_HIGH, ID_LOW, OCCURRED_AT, PROJECT_HASH};

/// The columns of the sort key in one segment. A segment of stubs only has none of them.
struct KeyColumns {
    occurred_at: Option<Column<i64>>,
    id_high: Option<Column<u64>>,
    id_low: Option<Column<u64>>,
    project_hash: Option<Column<u64>>,
}

impl KeyColumns {
    fn open(segment: &SegmentReader) -> tantivy::Result<Self> {
        let columns = segment.fast_fields();
        Ok(Self {
            occurred_at: columns.column_opt(OCCURRED_AT)?,
            id_high: columns.column_opt(ID_HIGH)?,
            id_low: columns.column_opt(ID_LOW)?,
            project_hash: columns.column_opt(PROJECT_HASH)?,
        })
    }

    fn key(&self, doc: DocId) -> SortKey {
        let number =
            |column: &Option<Column<u64>>| column.as_ref().and_then(|column| column.first(doc)).unwrap_or(0);
        SortKey {
            occurred_at_us: self
                .occurred_at
                .as_ref()
                .and_then(|column| column.first(doc))
                .unwrap_or(0),
            id: u128::from(number(&self.id_high)) << 64 | u128::from(number(&self.id_low)),
            project_hash: number(&self.project_hash),
        }
    }
}

/// The first keys of an order after a cursor.
pub(super) struct PageCollector {
    pub(super) order: SortOrder,
    pub(super) after: Option<SortKey>,
    pub(super) limit: usize,
}

/// Keys in order with their documents, and the number of all that match.
pub(super) type Page = (Vec<(SortKey, DocAddress)>, u64);

/// Turns newest-first into smallest-first: complements sort the other way round.
fn in_order(order: SortOrder, key: SortKey) -> SortKey {
    match order {
        SortOrder::OldestFirst => key,
        SortOrder::NewestFirst => SortKey {
            occurred_at_us: !key.occurred_at_us,
            id: !key.id,
            project_hash: !key.project_hash,
        },
    }
}

pub(super) struct SegmentPage {
    columns: KeyColumns,
    order: SortOrder,
    after: Option<SortKey>,
    limit: usize,
    segment: SegmentOrdinal,
    /// The smallest so far; the largest of them on top.
    kept: BinaryHeap<(SortKey, DocAddress)>,
    total: u64,
}

impl Collector for PageCollector {
    type Fruit = Page;
    type Child = SegmentPage;

    fn for_segment(&self, segment: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<SegmentPage> {
        Ok(SegmentPage {
            columns: KeyColumns::open(reader)?,
            order: self.order,
            after: self.after.map(|key| in_order(self.order, key)),
            limit: self.limit,
            segment,
            kept: BinaryHeap::new(),
            total: 0,
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Page>) -> tantivy::Result<Page> {
        let total = segments.iter().map(|(_, total)| total).sum();
        let mut hits: Vec<_> = segments.into_iter().flat_map(|(hits, _)| hits).collect();
        hits.sort_unstable();
        hits.truncate(self.limit);
        let hits = hits
            .into_iter()
            .map(|(key, at)| (in_order(self.order, key), at))
            .collect();
        Ok((hits, total))
    }
}

impl SegmentCollector for SegmentPage {
    type Fruit = Page;

    fn collect(&mut self, doc: DocId, _: Score) {
        self.total += 1;
        let key = in_order(self.order, self.columns.key(doc));
        if self.after.is_some_and(|after| key <= after) {
            return;
        }
        if self.kept.len() == self.limit && self.kept.peek().is_some_and(|(last, _)| key >= *last) {
            return;
        }
        self.kept.push((key, DocAddress::new(self.segment, doc)));
        if self.kept.len() > self.limit {
            self.kept.pop();
        }
    }

    fn harvest(self) -> Page {
        (self.kept.into_vec(), self.total)
    }
}

/// The sessions whose matches are the latest.
pub(super) struct SessionCollector {
    pub(super) limit: usize,
}

/// By (session, project hash): the last match and where it is.
type Sessions = HashMap<(u128, u64), (i64, DocAddress)>;

pub(super) struct SegmentSessions {
    columns: KeyColumns,
    limit: usize,
    segment: SegmentOrdinal,
    latest: Sessions,
}

impl Collector for SessionCollector {
    type Fruit = Vec<(SortKey, DocAddress)>;
    type Child = SegmentSessions;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<SegmentSessions> {
        let columns = KeyColumns::open(reader)?;
        Ok(SegmentSessions {
            columns,
            limit: self.limit,
            segment,
            latest: Sessions::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Sessions>) -> tantivy::Result<Self::Fruit> {
        let mut latest = Sessions::new();
        for (session, hit) in segments.into_iter().flatten() {
            keep_later(&mut latest, session, hit);
        }
        Ok(newest(latest, self.limit))
    }
}

impl SegmentCollector for SegmentSessions {
    type Fruit = Sessions;

    fn collect(&mut self, doc: DocId, _: Score) {
        let key = self.columns.key(doc);
        let hit = (key.occurred_at_us, DocAddress::new(self.segment, doc));
        keep_later(&mut self.latest, (key.id, key.project_hash), hit);
        // What is dropped has `limit` sessions before it, whose last matches only become later.
        if self.latest.len() > 4 * self.limit {
            let kept = newest(std::mem::take(&mut self.latest), self.limit);
            let entry =
                |(key, at): (SortKey, DocAddress)| ((key.id, key.project_hash), (key.occurred_at_us, at));
            self.latest = kept.into_iter().map(entry).collect();
        }
    }

    fn harvest(self) -> Sessions {
        self.latest
    }
}

fn keep_later(latest: &mut Sessions, session: (u128, u64), hit: (i64, DocAddress)) {
    let known = latest.entry(session).or_insert(hit);
    if hit.0 > known.0 {
        *known = hit;
    }
}

fn newest(latest: Sessions, limit: usize) -> Vec<(SortKey, DocAddress)> {
    let key = |((id, project_hash), (occurred_at_us, at))| {
        (
            SortKey {
                occurred_at_us,
                id,
                project_hash,
            },
            at,
        )
    };
    let mut hits: Vec<_> = latest.into_iter().map(key).collect();
    hits.sort_unstable_by(|one, other| other.cmp(one));
    hits.truncate(limit);
    hits
}
