//! What the views do with a range of records: rows, documents, flush objects, the search commit, the compaction of a
//! session; each beside inflating the same bodies, which all of them must.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hindsight_benches::bounds;
use hindsight_benches::corpus::Corpus;
use hindsight_benches::records::{position, recordings, stored};
use hindsight_engines::analytics::{Endpoint, HttpAnalytics, HttpOptions};
use hindsight_engines::log::StoredRecord;
use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
use hindsight_engines::segments::format::LogRange;
use hindsight_engines::segments::{
    CompactOptions, FlushBuilder, Keep, LocalSegments, Manifest, SegmentPath, SegmentStore, Sources, compact,
    flush_frames, put_flush,
};
use hindsight_processors::analytics::AnalyticsView;
use hindsight_processors::delivery::{Materializer, RangeName};
use hindsight_processors::erasure::ErasedSessions;
use hindsight_processors::replay::ReplayView;
use hindsight_processors::search::SearchView;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The folder of recordings; criterion runs in the crate's folder.
fn corpus_folder() -> PathBuf {
    let named = std::env::var_os("CORPUS").map(PathBuf::from);
    named.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/recordings")))
}

struct World {
    corpus: Corpus,
    records: Vec<StoredRecord>,
    name: RangeName,
    segments: Arc<dyn SegmentStore>,
    runtime: Runtime,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let corpus = Corpus::of_flushes(&corpus_folder()).expect("the corpus can be read");
        let records = stored(recordings(&corpus).expect("the ids are well made"));
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let first = position(0);
        Self {
            name: RangeName {
                view_generation: 1,
                log_id: first.log_id,
                partition: first.partition,
                first: 0,
                last: records.len() as u64 - 1,
            },
            segments: Arc::new(
                LocalSegments::open(&folder.path().join("segments")).expect("an empty folder opens"),
            ),
            corpus,
            records,
            runtime: Runtime::new().expect("a runtime can be made"),
            folder,
        }
    }

    fn prepare<M: Materializer>(&self, criterion: &mut Criterion, what: &str, view: &M) {
        let mut group = criterion.benchmark_group("views, raw bytes");
        group.sample_size(10);
        group.throughput(Throughput::Bytes(self.corpus.raw_bytes() as u64));
        group.bench_function(what, |bencher| {
            bencher.iter_batched(
                || self.records.clone(),
                |records| black_box(view.prepare(&self.name, records).expect("the records are ours")),
                BatchSize::LargeInput,
            );
        });
        group.finish();
    }
}

fn conversions(criterion: &mut Criterion) {
    let world = World::new();
    // Nobody is asked: conversion is pure.
    let (_endpoint, nobody) = tokio::sync::watch::channel(Endpoint {
        url: String::new(),
        user: String::new(),
        password: String::new(),
    });
    let analytics = Arc::new(HttpAnalytics::new(nobody, HttpOptions::default()));
    let erased = ErasedSessions::new(world.segments.clone());
    let rows = AnalyticsView::new(analytics.clone(), erased.clone(), 1);
    world.prepare(criterion, "rows in RowBinary", &rows);
    let replay = ReplayView::new(analytics, world.segments.clone(), erased, 1);
    world.prepare(criterion, "flush object", &replay);
    let search = open_search(&world.folder);
    world.prepare(
        criterion,
        "activity documents",
        &SearchView::new(Arc::new(search), 1),
    );
    let mut group = criterion.benchmark_group("views, raw bytes");
    group.throughput(Throughput::Bytes(world.corpus.raw_bytes() as u64));
    group.bench_function("inflate (the bound of each)", |bencher| {
        let mut buffer = Vec::new();
        bencher.iter(|| {
            let batches = world.corpus.batches.iter();
            batches.for_each(|batch| bounds::inflate(batch, &mut buffer));
        });
    });
    group.finish();
}

fn open_search(folder: &TempDir) -> EmbeddedSearch {
    let path = folder.path().join(format!("search-{}", fastrand::u64(..)));
    EmbeddedSearch::open(&path, WriterMemory::default()).expect("an empty folder opens")
}

/// One commit of the activity of all batches, durable.
fn search(criterion: &mut Criterion) {
    let world = World::new();
    let mut group = criterion.benchmark_group("search");
    group.sample_size(10);
    group.throughput(Throughput::Elements(world.records.len() as u64));
    group.bench_function("index and commit the activity of the corpus", |bencher| {
        bencher.iter_batched(
            || {
                let view = SearchView::new(Arc::new(open_search(&world.folder)), 1);
                let prepared = view
                    .prepare(&world.name, world.records.clone())
                    .expect("the records are ours");
                (view, prepared.batch)
            },
            |(view, documents)| {
                world
                    .runtime
                    .block_on(view.write(&world.name, &documents))
                    .expect("the engine takes it");
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// The compaction of the corpus' largest session, at the level that `up` uses.
fn compaction(criterion: &mut Criterion) {
    let world = World::new();
    let batches = recordings(&world.corpus).expect("the ids are well made");
    let raw_of = |tab: usize| -> usize {
        let batches = world.corpus.batches.iter().filter(|batch| batch.tab == tab);
        batches.map(|batch| batch.raw_bytes).sum()
    };
    let largest = (0..world.corpus.tabs)
        .max_by_key(|tab| raw_of(*tab))
        .expect("the corpus is not empty");
    let mut builder = FlushBuilder::new(LogRange {
        log_id: world.name.log_id,
        topic: world.name.partition.topic,
        partition: 0,
        first: 0,
        last: world.name.last,
    });
    for (offset, (batch, cut)) in (0..).zip(batches.iter().zip(&world.corpus.batches)) {
        if cut.tab == largest {
            builder
                .push(batch, position(offset), cut.raw_bytes)
                .expect("the body is whole");
        }
    }
    let object = builder.finish().expect("a footer can be made");
    let path = SegmentPath::Flush {
        view: 1,
        partition: 0,
        first: 0,
        last: world.name.last,
    };
    let mut group = criterion.benchmark_group("replay, raw bytes");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(raw_of(largest) as u64));
    group.bench_function("compaction of the largest session", |bencher| {
        bencher.iter_batched(
            || {
                let folder = tempfile::tempdir().expect("a temporary folder can be made");
                let store: Arc<dyn SegmentStore> =
                    Arc::new(LocalSegments::open(folder.path()).expect("an empty folder opens"));
                let put = put_flush(&*store, &path, &object, &|_, _| false);
                let (_, footer) = world.runtime.block_on(put).expect("the store takes it");
                let sources = Sources {
                    flush: &flush_frames(&path, &footer),
                    closed: true,
                    ..Sources::default()
                };
                let manifest = Manifest::of(sources).expect("the sources are of one session");
                (folder, store, Arc::new(manifest.expect("the session has frames")))
            },
            |(_folder, store, manifest)| {
                let keep = Keep {
                    class: "recordings".parse().expect("it is a class"),
                    month: "2027-11".parse().expect("it is a month"),
                };
                let compacted = compact(store, manifest, &keep, CompactOptions::default());
                black_box(
                    world
                        .runtime
                        .block_on(compacted)
                        .expect("the session can be compacted"),
                );
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, conversions, search, compaction);
criterion_main!(benches);
