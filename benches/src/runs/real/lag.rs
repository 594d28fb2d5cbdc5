//! The memory of each role while a long lag is worked off: `ingest` fills the log while nobody reads it, then one `process`
//! makes all views of it while `serve` is asked for sessions.

use std::sync::mpsc::channel;
use std::time::Duration;

use hindsight_benches::corpus::Corpus;
use hindsight_benches::load::{Load as Sending, Sent, Until, send};
use hindsight_benches::process::Process;
use hindsight_benches::report::Report;
use hindsight_benches::watch::mib;
use hindsight_chaos::installation::free_address;
use hindsight_chaos::reader::Reader;
use hindsight_schemas::ids::Topic;

use super::drain::{begin, drain};
use super::stage::{Site, Stage};
use super::together::VIEWS;
use crate::Roles;

/// What `up` has to stay under, with everything that a role has and more.
const TO_REACH: &str = "under 300 MB";
const ASK_EVERY: Duration = Duration::from_millis(200);

pub(super) fn run(stage: &Stage, roles: &Roles, report: &mut Report) -> anyhow::Result<()> {
    let corpus = Corpus::of_small_events(&roles.source.corpus)?;
    crate::runs::describe(report, "100-event batches", &corpus);
    let site = stage.site("lagging")?;
    begin(stage, &site)?;
    let (sent, ingest_mib) = fill(stage, &site, &corpus, roles)?;
    report.row(
        "lag: events in the log, none in a view",
        sent.events as f64,
        "events",
    );
    report
        .row("lag: peak memory of `ingest` (RSS)", ingest_mib, "MiB")
        .to_reach(TO_REACH);

    let reads = free_address();
    let door = free_address();
    let more = ["--clickhouse-listen", &*door];
    let mut serve = stage.wait(site.installation.start("serve", &reads, &more));
    let reader = Reader {
        url: format!("http://{reads}"),
        admin_token: site.installation.admin_token.clone(),
    };
    let asking = stage.spawn(ask(reader));
    let drained = drain(stage, &site, &VIEWS, &[], Topic::Recordings)?;
    asking.abort();
    let serve_mib = mib(Process(serve.id()).memory()?.peak_rss);
    stage.wait(site.installation.drain(&mut serve))?;
    let events = sent.events as f64 / sent.batches as f64 * drained.per_s;
    report.row("lag: worked off into all views, wall", events, "events/s");
    report
        .row("lag: peak memory of `process` (RSS)", drained.peak_mib, "MiB")
        .to_reach(TO_REACH);
    report
        .row(
            "lag: peak memory of `serve`, asked for sessions meanwhile (RSS)",
            serve_mib,
            "MiB",
        )
        .to_reach(TO_REACH);
    Ok(())
}

/// What the log was given, and the edge's peak memory.
fn fill(stage: &Stage, site: &Site, corpus: &Corpus, roles: &Roles) -> anyhow::Result<(Sent, f64)> {
    let address = free_address();
    let mut role = stage.wait(site.installation.start("ingest", &address, &[]));
    let sending = Sending {
        connections: roles.source.connections,
        bytes_per_s: None,
        until: Until::Events(roles.lag_events),
        watched_every: usize::MAX,
    };
    let key = &site.installation.write_key;
    let sent = send(address.parse()?, key, corpus, sending, &channel().0)?;
    let peak_mib = mib(Process(role.id()).memory()?.peak_rss);
    stage.wait(site.installation.drain(&mut role))?;
    Ok((sent, peak_mib))
}

/// Asks for the list of sessions until it is stopped; what it says is not looked at.
async fn ask(reader: Reader) {
    loop {
        let _ = reader.get("/v1/sessions?limit=200").await;
        tokio::time::sleep(ASK_EVERY).await;
    }
}
