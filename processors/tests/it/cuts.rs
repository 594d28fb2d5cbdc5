//! Property: however the same records are cut, the union of what is written is the same, each record once and
//! in order. The real lane cuts; limits, arrival and ticks are chosen by chance.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hindsight_engines::log::StoredRecord;
use hindsight_processors::delivery::lane::{Effect, Input, Lane, LaneSettings, LaneSpec, Opened};
use hindsight_processors::delivery::{CutLimits, Prepared};
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, Topic};
use proptest::prelude::*;
use uuid::Uuid;

const PARTITION: Partition = Partition {
    topic: Topic::Audit,
    partition: 0,
};
const LOG_ID: LogId = LogId(Uuid::from_u128(9));

fn record(offset: Offset, bytes: usize) -> StoredRecord {
    StoredRecord {
        position: Position {
            log_id: LOG_ID,
            partition: PARTITION,
            offset,
        },
        appended_at_ms: 0,
        key: Bytes::new(),
        value: Some(vec![b'x'; bytes].into()),
        headers: Vec::new(),
    }
}

/// Delivers and answers the offsets in the order in which they were written, and the ranges' names.
fn deliver(records: &[StoredRecord], limits: CutLimits, steps: &[u64]) -> (Vec<Offset>, usize) {
    let spec = LaneSpec {
        partition: PARTITION,
        log_id: LOG_ID,
        view_generation: 1,
        version: 1,
        repeats: Arc::new(|_| true),
        limits,
        settings: LaneSettings::default(),
    };
    let mut lane: Lane<Vec<Offset>> = Lane::new(spec, Duration::MAX);
    let (mut written, mut ranges, mut now) = (Vec::new(), 0, Duration::ZERO);
    let end = records.last().map_or(0, |record| record.position.offset + 1);
    let mut records = records.iter();
    let mut steps = steps.iter().cycle();
    while lane.done() < end {
        now += Duration::from_millis(*steps.next().expect("a cycle"));
        for effect in lane.take_effects() {
            let input = match effect {
                Effect::Open => Input::Opened(Opened {
                    committed: None,
                    available: (0, end),
                    has_rows: false,
                }),
                Effect::Prepare(name, records) => {
                    let batch = records.iter().map(|record| record.position.offset).collect();
                    Input::Prepared(
                        name,
                        Ok(Prepared {
                            batch,
                            poison: Vec::new(),
                            bytes: 0,
                        }),
                    )
                }
                Effect::Write(_, batch) | Effect::Settle(_, batch) => {
                    written.extend(batch.iter().copied());
                    ranges += 1;
                    Input::Written(Ok(()))
                }
                _ => continue,
            };
            lane.step(now, input);
        }
        if !lane.is_full()
            && let Some(record) = records.next()
        {
            lane.step(now, Input::Record(record.clone()));
        }
        if lane.wanted_commit(now).is_some() {
            lane.step(now, Input::Committed(Ok(())));
        }
        lane.step(now, Input::Tick);
    }
    (written, ranges)
}

/// The clock stands at the age's first millisecond: only enough records make a cut.
#[test]
fn enough_records_are_cut_however_young() {
    let records: Vec<_> = (0..300).map(|offset| record(offset, 10)).collect();
    let limits = CutLimits {
        bytes: 1 << 20,
        records: 5_000,
        enough: 100,
        age: Duration::from_hours(1),
    };
    let (written, ranges) = deliver(&records, limits, &[1]);
    assert_eq!(written.len(), 300);
    assert!(
        (1..=3).contains(&ranges),
        "{ranges} ranges of 100 records at least"
    );
}

proptest! {
    #[test]
    fn every_cut_gives_the_same_union(
        sizes in prop::collection::vec((1u64..4, 0usize..5_000), 1..60),
        bytes in 1usize..20_000,
        most in 1usize..20,
        age_ms in 1u64..500,
        steps in prop::collection::vec(1u64..300, 1..10),
    ) {
        let mut next = 0;
        let records: Vec<_> = sizes.iter().map(|(gap, bytes)| {
            next += gap;
            record(next - 1, *bytes)
        }).collect();
        let limits = CutLimits { bytes, records: most, enough: most.div_ceil(2), age: Duration::from_millis(age_ms) };
        let (written, ranges) = deliver(&records, limits, &steps);
        let offsets: Vec<_> = records.iter().map(|record| record.position.offset).collect();
        prop_assert_eq!(written, offsets);
        prop_assert!(ranges >= records.len().div_ceil(most));
    }
}

/// What a lane holds is what its records weigh until they are converted, then what they became, until that is written.
#[test]
fn a_lane_weighs_what_its_records_became() {
    let mut lane: Lane<Vec<Offset>> = Lane::new(
        LaneSpec {
            partition: PARTITION,
            log_id: LOG_ID,
            view_generation: 1,
            version: 1,
            repeats: Arc::new(|_| true),
            limits: CutLimits {
                records: 1,
                ..CutLimits::default()
            },
            settings: LaneSettings::default(),
        },
        Duration::MAX,
    );
    let now = Duration::ZERO;
    let opened = Opened {
        committed: None,
        available: (0, 1),
        has_rows: false,
    };
    lane.step(now, Input::Opened(opened));
    lane.step(now, Input::Record(record(0, 1000)));
    let waiting = lane.held_bytes();
    assert!((1000..2000).contains(&waiting), "{waiting}");
    let name = lane.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Prepare(name, _) => Some(name),
        _ => None,
    });
    let prepared = Prepared {
        batch: vec![0],
        poison: Vec::new(),
        bytes: 70_000,
    };
    lane.step(
        now,
        Input::Prepared(name.expect("a full range is cut"), Ok(prepared)),
    );
    assert_eq!(lane.held_bytes(), 70_000);
    lane.wanted_commit(now).expect("the intent");
    lane.step(now, Input::Committed(Ok(())));
    assert_eq!(lane.held_bytes(), 70_000, "until it is written");
    lane.step(now, Input::Written(Ok(())));
    assert_eq!(lane.held_bytes(), 0);
}
