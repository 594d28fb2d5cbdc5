//! The embedded log: an append and its sync, alone and shared, beside the raw append of the same bytes to a file.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::fs::File;
use std::io::Write;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::future::try_join_all;
use hindsight_engines::log::embedded::{EmbeddedLog, Options};
use hindsight_engines::log::{EventLog, NewRecord, Route};
use hindsight_schemas::ids::Topic;

/// About a flush of a recorder, packed.
const RECORD_BYTES: usize = 8 * 1024;
/// Appends that wait together and so share a sync.
const TOGETHER: usize = 32;

fn record(value: &Bytes) -> NewRecord {
    NewRecord {
        topic: Topic::Recordings,
        to: Route::ByKey,
        key: Bytes::copy_from_slice(&fastrand::u64(..).to_le_bytes()),
        value: Some(value.clone()),
        headers: vec![("project".into(), Bytes::from_static(b"bench"))],
    }
}

fn appends(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let log = EmbeddedLog::open(folder.path(), Options::default()).expect("an empty folder opens");
    let mut raw = File::create(folder.path().join("raw")).expect("a file can be made");
    let mut bytes = vec![0; RECORD_BYTES];
    fastrand::fill(&mut bytes);
    let value = Bytes::from(bytes);

    for count in [1, TOGETHER] {
        let mut group = criterion.benchmark_group(format!("log, {count} appends of 8 KiB at once"));
        group.sample_size(30);
        group.throughput(Throughput::ElementsAndBytes {
            elements: count as u64,
            bytes: (count * RECORD_BYTES) as u64,
        });
        group.bench_function("embedded log", |bencher| {
            bencher.iter(|| {
                let appends = (0..count).map(|_| log.append(vec![record(&value)]));
                let all = runtime.block_on(try_join_all(appends));
                all.expect("the log takes it");
            });
        });
        group.bench_function("file, one write and fdatasync (the bound)", |bencher| {
            let block = value.repeat(count);
            bencher.iter(|| {
                raw.write_all(&block)
                    .and_then(|()| raw.sync_data())
                    .expect("the disk takes it");
            });
        });
        group.finish();
    }
}

criterion_group!(benches, appends);
criterion_main!(benches);
