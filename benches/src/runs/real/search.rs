//! Kafka to Elasticsearch: `process --only search` over a log of audit events, beside a bare loop of bulk requests with the
//! documents that it made.
//!
//! Both ways run twice in turn, first with fewer events: the machine of Elasticsearch compiles what it runs often, and the
//! second time counts.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use hindsight_benches::client::Client;
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_chaos::installation::free_address;
use hindsight_engines::search::elasticsearch::ElasticsearchSearch;
use hindsight_schemas::ids::Topic;
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
/// The first time has so much of the events.
const WARM_UP: usize = 4;
/// Who did it: so many, because an event without a session finds its partition by its actor.
const ACTORS: usize = 500;

pub(super) fn run(stage: &Stage, events: usize, report: &mut Report) -> anyhow::Result<()> {
    once(stage, "warm-up", events / WARM_UP)?;
    let measured = once(stage, "audited", events)?;
    let Measured {
        drained,
        per_core_of_edge,
        bare_per_s,
        documents,
    } = measured;
    report.note(format!(
        "audit: {documents} events of samples/audit.jsonl with ids and actors of their own"
    ));
    report.row(
        "audit events to acknowledged Kafka: per core of the edge",
        per_core_of_edge,
        "events/s",
    );
    report.row(
        "bare bulk loop of the same documents, wall",
        bare_per_s,
        "events/s",
    );
    report
        .row("Kafka to Elasticsearch: wall", drained.per_s, "events/s")
        .beside("bare bulk loop of the same documents", bare_per_s)
        .to_reach("at least 0.80 of the bound");
    report.row(
        "Kafka to Elasticsearch: per core of `process`",
        drained.per_core,
        "events/s",
    );
    drained.tell_cost("Kafka to Elasticsearch", report);
    Ok(())
}

struct Measured {
    drained: Drained,
    per_core_of_edge: f64,
    bare_per_s: f64,
    documents: usize,
}

fn once(stage: &Stage, name: &str, events: usize) -> anyhow::Result<Measured> {
    let site = stage.site(name)?;
    let cluster = Cluster::new(stage);
    stage.wait(cluster.forget_all())?;
    begin(stage, &site)?;
    let per_core_of_edge = fill(stage, &site, events)?;
    let drained = drain(stage, &site, &["search"], &["--only", "search"], Topic::Audit)?;
    // Opened for its template, so that both have the same mapping.
    stage.wait(ElasticsearchSearch::open(stage.elasticsearch(), BARE_GENERATION))?;
    let bodies = stage.wait(cluster.bodies())?;
    let documents: usize = bodies.iter().map(|(documents, _)| documents).sum();
    anyhow::ensure!(
        documents == events,
        "{documents} documents were made of {events} events"
    );
    let started = Instant::now();
    stage.wait(cluster.bulk_all(bodies))?;
    let bare_per_s = documents as f64 / started.elapsed().as_secs_f64();
    Ok(Measured {
        drained,
        per_core_of_edge,
        bare_per_s,
        documents,
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
        self.client.delete(path).send().await?.error_for_status()?;
        Ok(())
    }

    /// What the view stored, as bodies of bulk requests for the other generation, each with its number of documents.
    async fn bodies(&self) -> anyhow::Result<Vec<(usize, String)>> {
        let index = format!("{}/hindsight-audit-g{VIEW_GENERATION}-*", self.url);
        let refreshed = self.client.post(format!("{index}/_refresh")).send().await?;
        refreshed.error_for_status()?;
        let (mut bodies, mut after) = (Vec::new(), None::<Value>);
        loop {
            let mut search = json!({ "size": BULK, "sort": ["id"] });
            if let Some(after) = after.take() {
                search["search_after"] = after;
            }
            let asked = self.client.post(format!("{index}/_search")).json(&search);
            let found: Value = asked.send().await?.error_for_status()?.json().await?;
            let hits = found["hits"]["hits"].as_array().context("no hits")?;
            let Some(last) = hits.last() else {
                return Ok(bodies);
            };
            after = Some(last["sort"].clone());
            let lines: String = hits.iter().map(line).collect();
            bodies.push((hits.len(), lines));
        }
    }

    async fn bulk_all(&self, bodies: Vec<(usize, String)>) -> anyhow::Result<()> {
        let each = stream::iter(bodies).map(anyhow::Ok);
        each.try_for_each_concurrent(BULKS_IN_FLIGHT, |(_, body)| self.bulk(body))
            .await
    }

    /// One bulk; where Elasticsearch has no room for it, again after a pause, as the view does.
    async fn bulk(&self, body: String) -> anyhow::Result<()> {
        let url = format!("{}/_bulk", self.url);
        let started = Instant::now();
        loop {
            let request = self
                .client
                .post(&url)
                .header("content-type", "application/x-ndjson");
            let answer = request.body(body.clone()).send().await?;
            let is_full = answer.status() == reqwest::StatusCode::TOO_MANY_REQUESTS;
            let answer: Value = answer.json().await?;
            if !is_full {
                let failed = answer["errors"] != Value::Bool(false);
                anyhow::ensure!(!failed, "the bare loop failed: {answer}");
                return Ok(());
            }
            anyhow::ensure!(
                started.elapsed() < ROOM_WITHIN,
                "the bare loop finds no room: {answer}"
            );
            tokio::time::sleep(ROOM_PAUSE).await;
        }
    }
}

/// A document as it goes into a bulk.
fn line(hit: &Value) -> String {
    let index = hit["_index"].as_str().unwrap_or_default();
    let index = index.replace(&format!("-g{VIEW_GENERATION}-"), &format!("-g{BARE_GENERATION}-"));
    let create = json!({ "create": { "_index": index, "_id": hit["_id"] } });
    format!("{create}\n{}\n", hit["_source"])
}
