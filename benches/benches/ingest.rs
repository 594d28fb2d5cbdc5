//! The edge's hot path: inflate, validate, the record's encoding, and the whole with the durable append, each beside
//! inflate + validate of the same batches.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hindsight_benches::bounds;
use hindsight_benches::corpus::Corpus;
use hindsight_benches::edge::{KEY, edge};
use hindsight_benches::records::{recordings, stored};
use hindsight_ingest::{router, scan};
use hindsight_schemas::ids::SessionId;
use hindsight_schemas::record::Record;
use http::{Request, StatusCode};
use tower::ServiceExt;

/// Requests in flight, as in the end-to-end benchmark.
const IN_FLIGHT: usize = 32;

/// The folder of recordings; criterion runs in the crate's folder.
fn corpus_folder() -> PathBuf {
    let named = std::env::var_os("CORPUS").map(PathBuf::from);
    named.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/recordings")))
}

fn parts(criterion: &mut Criterion) {
    let corpus = Corpus::of_flushes(&corpus_folder()).expect("the corpus can be read");
    let plain: Vec<Vec<u8>> = corpus
        .batches
        .iter()
        .map(|batch| {
            let mut plain = Vec::new();
            bounds::inflate(batch, &mut plain);
            plain
        })
        .collect();
    let mut group = criterion.benchmark_group("ingest, raw bytes");
    group.throughput(Throughput::Bytes(corpus.raw_bytes() as u64));
    let mut buffer = Vec::new();
    group.bench_function("inflate", |bencher| {
        bencher.iter(|| {
            corpus
                .batches
                .iter()
                .for_each(|batch| bounds::inflate(batch, &mut buffer));
        });
    });
    group.bench_function("validate", |bencher| {
        bencher.iter(|| {
            for body in &plain {
                scan::events(body, |event| {
                    black_box(event);
                })
                .expect("the corpus is rrweb");
            }
        });
    });
    group.bench_function("validate and hash", |bencher| {
        bencher.iter(|| {
            for body in &plain {
                black_box(scan::scan(body).expect("the corpus is rrweb"));
            }
        });
    });
    group.bench_function("inflate and validate (the bound)", |bencher| {
        bencher.iter(|| {
            let batches = corpus.batches.iter();
            batches.for_each(|batch| bounds::inflate_and_validate(batch, &mut buffer));
        });
    });
    group.finish();
}

fn records(criterion: &mut Criterion) {
    let corpus = Corpus::of_flushes(&corpus_folder()).expect("the corpus can be read");
    let batches: Vec<Record> = recordings(&corpus)
        .expect("the ids are well made")
        .into_iter()
        .map(Record::Recording)
        .collect();
    let values = stored(recordings(&corpus).expect("the ids are well made"));
    let mut group = criterion.benchmark_group("avro, packed bytes");
    group.throughput(Throughput::Bytes(corpus.packed_bytes() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            batches
                .iter()
                .for_each(|record| drop(black_box(record.encode().expect("it fits the schema"))));
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            for record in &values {
                let value = record.value.as_deref().unwrap_or_default();
                black_box(Record::decode(value).expect("it was encoded above"));
            }
        });
    });
    group.finish();
}

/// The whole edge without sockets: a round of requests in flight, each answered when the log has synced it.
fn whole(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let cuts = [
        ("edge, durable, flushes", Corpus::of_flushes(&corpus_folder())),
        (
            "edge, durable, 100-event batches",
            Corpus::of_small_events(&corpus_folder()),
        ),
    ];
    for (name, corpus) in cuts {
        let corpus = corpus.expect("the corpus can be read");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let routes = router(edge(folder.path()).expect("the edge opens on an empty folder"));
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        group.throughput(Throughput::ElementsAndBytes {
            elements: corpus.events() as u64,
            bytes: corpus.raw_bytes() as u64,
        });
        group.bench_function("wall time", |bencher| {
            bencher.iter(|| runtime.block_on(pass(&routes, &corpus)));
        });
        group.bench_function("inflate and validate (the bound)", |bencher| {
            let mut buffer = Vec::new();
            bencher.iter(|| {
                let batches = corpus.batches.iter();
                batches.for_each(|batch| bounds::inflate_and_validate(batch, &mut buffer));
            });
        });
        group.finish();
    }
}

async fn pass(routes: &axum::Router, corpus: &Corpus) {
    let now_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
    let session = SessionId::from_parts(now_ms, std::array::from_fn(|_| fastrand::u8(..)));
    let places = Arc::new(tokio::sync::Semaphore::new(IN_FLIGHT));
    let mut flying = tokio::task::JoinSet::new();
    for batch in &corpus.batches {
        let place = places
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let path = format!(
            "/v1/recordings/{session}/w{}_0/{}?encoding=gzip",
            batch.tab, batch.seq
        );
        let request = Request::post(path)
            .header("authorization", format!("Bearer {KEY}"))
            .body(Body::from(batch.packed.clone()))
            .expect("the request is well formed");
        let answer = routes.clone().oneshot(request);
        flying.spawn(async move {
            let answer = answer.await.expect("a router always answers");
            assert_eq!(answer.status(), StatusCode::ACCEPTED);
            drop(place);
        });
    }
    flying.join_all().await;
}

criterion_group!(benches, parts, records, whole);
criterion_main!(benches);
