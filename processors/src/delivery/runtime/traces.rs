//! The spans of writes, in the traces of the records that were written.
//!
//! A range has as many parents as records, so each sampled record gets a span in its own trace, for each attempt: the
//! first one links to the other records, and they to it. **Bound:** [`RECORDS`] records of a range, the first ones;
//! the two ranges of a lane that can be under way. While tracing is off nothing is looked at.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use hindsight_engines::log::StoredRecord;
use hindsight_engines::trace::{self, KeyValue, Link, Span, SpanContext, SpanKind, Status};
use hindsight_schemas::ids::Partition;

use crate::delivery::materializer::WriteError;
use crate::delivery::range::RangeName;

/// Records of a range whose traces are carried on.
const RECORDS: usize = 32;
/// One that is written and one that is prepared.
const RANGES: usize = 2;

/// The sampled records of the ranges under way.
#[derive(Debug, Default)]
pub(super) struct Traces(BTreeMap<Partition, VecDeque<Traced>>);

#[derive(Debug)]
struct Traced {
    range: RangeName,
    sampled: Arc<[SpanContext]>,
}

impl Traces {
    /// Remembers whose traces a range carries on.
    pub(super) fn cut(&mut self, range: RangeName, records: &[StoredRecord]) {
        if !trace::is_on() {
            return;
        }
        let sampled = records
            .iter()
            .filter_map(|record| trace::sampled_in(&record.headers));
        let sampled = sampled.take(RECORDS).collect();
        let ranges = self.0.entry(range.partition).or_default();
        ranges.push_back(Traced { range, sampled });
        while ranges.len() > RANGES {
            ranges.pop_front();
        }
    }

    /// An attempt to write a range begins.
    pub(super) fn attempt(&self, view: &'static str, name: RangeName, settle: bool) -> Option<Attempt> {
        let under_way = self.0.get(&name.partition)?;
        let parents = &under_way.iter().find(|traced| traced.range == name)?.sampled;
        (!parents.is_empty()).then(|| Attempt {
            what: format!("{view} {}", if settle { "settle" } else { "write" }),
            name,
            parents: parents.clone(),
            began: SystemTime::now(),
        })
    }

    /// The lane is dropped.
    pub(super) fn forget(&mut self, partition: Partition) {
        self.0.remove(&partition);
    }
}

/// An attempt under way.
pub(super) struct Attempt {
    what: String,
    name: RangeName,
    parents: Arc<[SpanContext]>,
    began: SystemTime,
}

impl Attempt {
    /// Ends it, in each of the traces.
    pub(super) fn ended(self, result: &Result<(), WriteError>) {
        let mut first = None;
        for parent in self.parents.iter() {
            let links = match &first {
                None => self.parents[1..].iter().map(link).collect(),
                Some(first) => vec![link(first)],
            };
            let context = self.span(parent, links, result);
            first.get_or_insert(context);
        }
    }

    fn span(&self, parent: &SpanContext, links: Vec<Link>, result: &Result<(), WriteError>) -> SpanContext {
        let partition = self.name.partition;
        let span = trace::span(self.what.clone(), SpanKind::Consumer)
            .with_start_time(self.began)
            .with_links(links)
            .with_attributes([
                KeyValue::new("messaging.destination.name", partition.topic.as_str()),
                KeyValue::new(
                    "messaging.destination.partition.id",
                    partition.partition.to_string(),
                ),
                KeyValue::new("hindsight.range", self.name.to_string()),
            ]);
        let mut span = trace::begin(span, Some(parent));
        if let Err(error) = result {
            span.set_status(Status::error(error.to_string()));
        }
        span.end();
        span.span_context().clone()
    }
}

fn link(to: &SpanContext) -> Link {
    Link::with_context(to.clone())
}
