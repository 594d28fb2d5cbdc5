//! Kafka to Elasticsearch: `process --only search` over a log of audit events, beside a bare loop of bulk requests with the
//! documents that it made, in the order in which the log has them.
//!
//! The machine of Elasticsearch goes on compiling what it runs often, for about two million documents; until then it does a
//! third of what it does later. So the bare loop runs [`WARM_UPS`] times before anything counts. Then both ways run in turn,
//! [`ROUNDS`] times, each into empty indices: first everything on the same cores, then Elasticsearch on one of its own, as
//! it is in production, where `process` takes nothing from it.

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use hindsight_benches::client::Client;
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_benches::spread::median;
use hindsight_chaos::installation::free_address;
use hindsight_engines::search::elasticsearch::ElasticsearchSearch;
use hindsight_schemas::ids::Topic;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::drain::{Drained, begin, drain};
use super::stage::{BARE_GENERATION, Site, Stage, VIEW_GENERATION};

/// What an auditor's day looks like.
const SAMPLE: &str = include_str!("../../../../samples/audit.jsonl");
/// Events of a call to the edge.
const CALL: usize = 500;
/// Documents of a bulk of the bare loop.
const BULK: usize = 1_000;
/// Bulks in flight of the bare loop: two for each thread with which Elasticsearch writes on two cores.
const BULKS_IN_FLIGHT: usize = 4;
/// How long a bulk waits for room, and between two tries.
const ROOM_WITHIN: Duration = Duration::from_secs(30);
const ROOM_PAUSE: Duration = Duration::from_millis(100);
const WARM_UPS: usize = 10;
const ROUNDS: usize = 3;
/// Who did it: so many, because an event without a session finds its partition by its actor.
const ACTORS: usize = 500;

/// A bulk request.
struct Bulk {
    documents: usize,
    body: Bytes,
}

pub(super) fn run(stage: &Stage, events: usize, report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::new(stage);
    // Opened for its template, so that both have the same mapping.
    stage.wait(ElasticsearchSearch::open(stage.elasticsearch(), BARE_GENERATION))?;
    let bulks = warm_up(stage, &cluster, events)?;
    report.note(format!(
        "audit: {events} events of samples/audit.jsonl with ids and actors of their own; after {WARM_UPS} bare loops the median of {ROUNDS} rounds of both ways in turn"
    ));
    let shared = Rounds::run(stage, &cluster, "audited", events, &bulks)?;
    report.row(
        "audit events to acknowledged Kafka: per core of the edge",
        shared.per_core_of_edge,
        "events/s",
    );
    shared.tell("Kafka to Elasticsearch", report);
    shared.drained.tell_cost("Kafka to Elasticsearch", report);
    let cores = std::thread::available_parallelism()?.get();
    if cores > 1 {
        let (server, ourselves) = (stage.elasticsearch_process()?, Process::this());
        server.pin("0")?;
        ourselves.pin(&format!("1-{}", cores - 1))?;
        let apart = Rounds::run(stage, &cluster, "apart", events, &bulks)?;
        apart.tell("Kafka to Elasticsearch on a core of its own", report);
        let all = format!("0-{}", cores - 1);
        server.pin(&all)?;
        ourselves.pin(&all)?;
    }
    Ok(())
}

/// Both ways in turn.
struct Rounds {
    /// The median one.
    drained: Drained,
    bare: f64,
    per_core_of_edge: f64,
}

impl Rounds {
    fn run(
        stage: &Stage,
        cluster: &Cluster,
        name: &str,
        events: usize,
        bulks: &[Bulk],
    ) -> anyhow::Result<Self> {
        let (mut views, mut edge, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..ROUNDS {
            let viewed = view(stage, cluster, &format!("{name}-{number}"), events)?;
            views.push(viewed.drained);
            edge.push(viewed.per_core_of_edge);
            bare.push(stage.wait(cluster.bare_loop(bulks))?);
        }
        views.sort_by(|one, other| one.per_s.total_cmp(&other.per_s));
        Ok(Self {
            drained: views.swap_remove(ROUNDS / 2),
            bare: median(&bare),
            per_core_of_edge: median(&edge),
        })
    }

    fn tell(&self, name: &str, report: &mut Report) {
        report
            .row(format!("{name}: wall"), self.drained.per_s, "events/s")
            .beside("bare bulk loop of the same documents", self.bare)
            .to_reach("at least 0.80 of the bound");
        let per_core = self.drained.per_core;
        report.row(format!("{name}: per core of `process`"), per_core, "events/s");
    }
}

/// Has the view make the documents once, and writes them by themselves until the machine is warm.
fn warm_up(stage: &Stage, cluster: &Cluster, events: usize) -> anyhow::Result<Vec<Bulk>> {
    view(stage, cluster, "warm-up", events)?;
    let bulks = stage.wait(cluster.bulks())?;
    let documents: usize = bulks.iter().map(|bulk| bulk.documents).sum();
    anyhow::ensure!(
        documents == events,
        "{documents} documents were made of {events} events"
    );
    for _ in 0..WARM_UPS {
        stage.wait(cluster.bare_loop(&bulks))?;
    }
    Ok(bulks)
}

struct Viewed {
    drained: Drained,
    per_core_of_edge: f64,
}

/// The view, from a log that the edge has just filled.
fn view(stage: &Stage, cluster: &Cluster, name: &str, events: usize) -> anyhow::Result<Viewed> {
    let site = stage.site(name)?;
    stage.wait(cluster.forget_all())?;
    begin(stage, &site)?;
    let per_core_of_edge = fill(stage, &site, events)?;
    let drained = drain(stage, &site, &["search"], &["--only", "search"], Topic::Audit)?;
    Ok(Viewed {
        drained,
        per_core_of_edge,
    })
}

/// Sends the events; how many the edge takes in a second of its CPU time.
fn fill(stage: &Stage, site: &Site, events: usize) -> anyhow::Result<f64> {
    let address = free_address();
    let mut role = stage.wait(site.installation.start("ingest", &address, &[]));
    let (process, mut client) = (
        Process(role.id()),
        Client::new(address.parse()?, &site.installation.write_key),
    );
    let sample: Vec<Value> = SAMPLE
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let lines: Vec<String> = (0..events)
        .zip(sample.iter().cycle())
        .map(|(number, event)| of_own(event, &site.name, number))
        .collect();
    let before = process.cpu()?;
    for call in lines.chunks(CALL) {
        let answer = client.post("/v1/audit", call.join("\n").as_bytes())?;
        let words = String::from_utf8_lossy(&answer.body);
        anyhow::ensure!(answer.status == 202, "{}: {words}", answer.status);
    }
    let cpu = process.cpu()? - before;
    stage.wait(site.installation.drain(&mut role))?;
    Ok(events as f64 / cpu.as_secs_f64())
}

/// The event with an id and an actor of its own.
fn of_own(event: &Value, name: &str, number: usize) -> String {
    let mut event = event.clone();
    event["id"] = format!("{name}-{number}").into();
    event["actor"]["id"] = format!("u-{}", number % ACTORS).into();
    event.to_string()
}

/// Elasticsearch, past the view.
struct Cluster {
    url: String,
    client: reqwest::Client,
}

impl Cluster {
    fn new(stage: &Stage) -> Self {
        Self {
            url: stage.elasticsearch().urls[0].clone(),
            client: reqwest::Client::new(),
        }
    }

    async fn forget_all(&self) -> anyhow::Result<()> {
        let path = format!("{}/hindsight-*?ignore_unavailable=true", self.url);
        let answer = with_room(|| self.client.delete(&path)).await?;
        answer.error_for_status()?;
        Ok(())
    }

    /// What the view stored, as bulk requests for the other generation: of one partition each, as a lane's are.
    async fn bulks(&self) -> anyhow::Result<Vec<Bulk>> {
        let index = format!("{}/hindsight-audit-g{VIEW_GENERATION}-*", self.url);
        let refreshed = self.client.post(format!("{index}/_refresh")).send().await?;
        refreshed.error_for_status()?;
        let (mut documents, mut after) = (Vec::new(), None::<Value>);
        loop {
            let mut search = json!({ "size": BULK, "sort": ["id"] });
            if let Some(after) = after.take() {
                search["search_after"] = after;
            }
            let asked = self.client.post(format!("{index}/_search")).json(&search);
            let found: Value = asked.send().await?.error_for_status()?.json().await?;
            let hits = found["hits"]["hits"].as_array().context("no hits")?;
            let Some(last) = hits.last() else {
                return Ok(in_order(documents));
            };
            after = Some(last["sort"].clone());
            for hit in hits {
                documents.push((place(hit)?, line(hit)));
            }
        }
    }

    /// Writes them into empty indices: documents a second.
    async fn bare_loop(&self, bulks: &[Bulk]) -> anyhow::Result<f64> {
        self.forget_all().await?;
        let documents: usize = bulks.iter().map(|bulk| bulk.documents).sum();
        let started = Instant::now();
        stream::iter(bulks)
            .map(anyhow::Ok)
            .try_for_each_concurrent(BULKS_IN_FLIGHT, |bulk| self.bulk(bulk.body.clone()))
            .await?;
        Ok(documents as f64 / started.elapsed().as_secs_f64())
    }

    async fn bulk(&self, body: Bytes) -> anyhow::Result<()> {
        let url = format!("{}/_bulk", self.url);
        let request = || {
            let request = self.client.post(&url).body(body.clone());
            request.header("content-type", "application/x-ndjson")
        };
        let answer: Value = with_room(request).await?.json().await?;
        let failed = answer["errors"] != Value::Bool(false);
        anyhow::ensure!(!failed, "the bare loop failed: {answer}");
        Ok(())
    }
}

/// Sends a request; where Elasticsearch has no room for it, again after a pause, as the view does.
async fn with_room(request: impl Fn() -> RequestBuilder) -> anyhow::Result<Response> {
    let started = Instant::now();
    loop {
        let answer = request().send().await?;
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            return Ok(answer);
        }
        anyhow::ensure!(
            started.elapsed() < ROOM_WITHIN,
            "Elasticsearch finds no room: {}",
            answer.text().await?
        );
        tokio::time::sleep(ROOM_PAUSE).await;
    }
}

/// Partition and offset of the record of which a document was made.
fn place(hit: &Value) -> anyhow::Result<(u32, u64)> {
    let position = hit["_source"]["position"].as_str().context("no position")?;
    let mut parts = position.rsplit('/');
    let mut part = || parts.next().context("a position has four parts");
    let (offset, partition) = (part()?.parse()?, part()?.parse()?);
    Ok((partition, offset))
}

/// Bulks of each partition's documents in their order, those of all partitions in turn.
fn in_order(mut documents: Vec<((u32, u64), String)>) -> Vec<Bulk> {
    documents.sort_unstable_by_key(|(place, _)| *place);
    let of_partitions = documents.chunk_by(|((one, _), _), ((other, _), _)| one == other);
    let mut bulks: Vec<(usize, Bulk)> = of_partitions
        .flat_map(|of_partition| of_partition.chunks(BULK).enumerate())
        .map(|(turn, chunk)| {
            let lines: String = chunk.iter().map(|(_, line)| line.as_str()).collect();
            let documents = chunk.len();
            let body = Bytes::from(lines);
            (turn, Bulk { documents, body })
        })
        .collect();
    bulks.sort_by_key(|(turn, _)| *turn);
    bulks.into_iter().map(|(_, bulk)| bulk).collect()
}

/// A document as it goes into a bulk.
fn line(hit: &Value) -> String {
    let index = hit["_index"].as_str().unwrap_or_default();
    let index = index.replace(&format!("-g{VIEW_GENERATION}-"), &format!("-g{BARE_GENERATION}-"));
    let create = json!({ "create": { "_index": index, "_id": hit["_id"] } });
    format!("{create}\n{}\n", hit["_source"])
}
