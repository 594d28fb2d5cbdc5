//! Documents a second into Elasticsearch, beside a bare loop of bulk requests with the same bytes.
//!
//! usage: `search-bulk URL [DOCUMENTS]`; the indices of view generations 90 and 91 are removed.

use std::sync::Arc;
use std::time::Instant;

use hindsight_engines::search::conformance::events;
use hindsight_engines::search::elasticsearch::{ElasticsearchOptions, ElasticsearchSearch};
use hindsight_engines::search::{Search, SearchWrite, WriteOutcome, WriteRange};
use hindsight_schemas::documents::AuditDocument;
use hindsight_schemas::ids::{AuditId, LogId, Partition, Topic};
use serde_json::{Value, json};
use uuid::Uuid;

/// Documents of a range, and of a bulk of the bare loop.
const RANGE: usize = 5_000;
/// Each way is run so often, in turn, and the best of each counts.
const ROUNDS: usize = 3;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: search-bulk URL [DOCUMENTS]")?;
    let count: u32 = arguments.next().map_or(Ok(20_000), |count| count.parse())?;
    let options = ElasticsearchOptions {
        urls: vec![url.clone()],
        replicas: 0,
        ..ElasticsearchOptions::default()
    };
    let (mut bare, mut ours) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        remove(&url).await?;
        let engine = ElasticsearchSearch::open(options.clone(), 90).await?;
        let started = Instant::now();
        write(&engine, count).await?;
        ours = ours.min(started.elapsed().as_secs_f64());
        // Opened for its template, so that both have the same mapping.
        ElasticsearchSearch::open(options.clone(), 91).await?;
        let bodies = bodies(&url).await?;
        let started = Instant::now();
        for body in &bodies {
            bulk(&url, body.clone()).await?;
        }
        bare = bare.min(started.elapsed().as_secs_f64());
    }
    remove(&url).await?;
    let rate = |seconds: f64| f64::from(count) / seconds;
    println!("documents {count}, ranges of {RANGE}, best of {ROUNDS}");
    println!("bare bulk loop  {:>8.0} documents/s", rate(bare));
    println!("engine          {:>8.0} documents/s", rate(ours));
    println!("share           {:>8.0} %", 100.0 * bare / ours);
    Ok(())
}

/// Real fields with other ids; times of one month.
fn documents(count: u32) -> Result<Vec<AuditDocument>, Failure> {
    let project = "bench".parse()?;
    let kinds: Vec<_> = events()
        .into_iter()
        .map(|event| event.document(&project))
        .collect();
    let document = |(number, kind): (u32, &AuditDocument)| AuditDocument {
        id: AuditId::from_parts(
            1_795_305_600_000 + u64::from(number),
            [number.to_be_bytes(), [1; 4]].concat().repeat(2)[..10]
                .try_into()
                .expect("ten of sixteen"),
        ),
        ..kind.clone()
    };
    Ok((0..count).zip(kinds.iter().cycle()).map(document).collect())
}

async fn write(engine: &ElasticsearchSearch, count: u32) -> Result<(), Failure> {
    let writes: Vec<SearchWrite> = documents(count)?
        .into_iter()
        .map(|document| SearchWrite::CreateAudit(Box::new(document)))
        .collect();
    for (number, range) in (0..).zip(writes.chunks(RANGE)) {
        let partition = Partition {
            topic: Topic::Audit,
            partition: 0,
        };
        let name = WriteRange {
            log_id: LogId(Uuid::nil()),
            partition,
            last: number,
        };
        let outcomes = engine.write(name, Arc::new(range.to_vec())).await?;
        if outcomes.iter().any(|outcome| *outcome != WriteOutcome::Created) {
            return Err("not all documents were created".into());
        }
    }
    Ok(())
}

/// What the engine stored, as bodies of bulk requests for the other generation.
async fn bodies(url: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let (mut bodies, mut after) = (Vec::new(), None::<Value>);
    loop {
        let mut search = json!({ "size": RANGE, "sort": ["id"] });
        if let Some(after) = after.take() {
            search["search_after"] = after;
        }
        let request = reqwest::Client::new()
            .post(format!("{url}/hindsight-audit-g90-*/_search"))
            .json(&search);
        let found: Value = request.send().await?.json().await?;
        let hits = found["hits"]["hits"].as_array().ok_or("no hits")?;
        if hits.is_empty() {
            return Ok(bodies);
        }
        let mut body = Vec::new();
        for hit in hits {
            let index = "hindsight-audit-g91-2026.11";
            let line = json!({ "create": { "_index": index, "_id": hit["_id"] } });
            body.extend_from_slice(format!("{line}\n{}\n", hit["_source"]).as_bytes());
            after = Some(hit["sort"].clone());
        }
        bodies.push(body);
    }
}

async fn bulk(url: &str, body: Vec<u8>) -> Result<(), Failure> {
    let request = reqwest::Client::new()
        .post(format!("{url}/_bulk"))
        .header("content-type", "application/x-ndjson")
        .body(body);
    let answer: Value = request.send().await?.json().await?;
    match answer["errors"] {
        Value::Bool(false) => Ok(()),
        _ => Err("the bare loop failed".into()),
    }
}

async fn remove(url: &str) -> Result<(), Failure> {
    let client = reqwest::Client::new();
    for generation in ["90", "91"] {
        let path = format!("{url}/hindsight-*-g{generation}*?ignore_unavailable=true");
        client.delete(path).send().await?;
    }
    Ok(())
}
