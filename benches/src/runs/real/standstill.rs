//! How long lanes stand still when one of two processes goes: after a drained leave, and after kill -9.
//!
//! A lane stands while its log has records behind its commit and the commit doesn't move; a load at a pace sees to it that
//! each lane always has some. That it stands for the age of a range when nothing happens is told first. **Bound:** the
//! phases end before [`LOADED`] has passed.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use hindsight_benches::corpus::Corpus;
use hindsight_benches::load::{Load as Sending, Until, send};
use hindsight_benches::report::Report;
use hindsight_chaos::installation::{Role, free_address};
use hindsight_engines::log::EventLog;
use hindsight_engines::log::kafka::KafkaLog;
use hindsight_processors::delivery::group;
use hindsight_schemas::ids::{Offset, Partition, Topic};

use super::stage::{Site, Stage, VIEW_GENERATION};
use crate::Roles;

const PACE: f64 = 4e6;
const LOADED: Duration = Duration::from_secs(150);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it is looked at what comes of something.
const AFTERWARDS: Duration = Duration::from_secs(12);
/// A view of recordings alone: where there are two topics a group may give one process all of the other.
const VIEW: [&str; 2] = ["--only", "replay"];

pub(super) fn run(stage: &Stage, corpus: &Corpus, roles: &Roles, report: &mut Report) -> anyhow::Result<()> {
    let timeout = SESSION_TIMEOUT.as_millis().to_string();
    let site = stage.site_with("standing", &[("log", "session_timeout_ms", &timeout)])?;
    let address = free_address();
    let mut ingest = stage.wait(site.installation.start("ingest", &address, &[]));
    let sending = Sending {
        connections: roles.source.connections,
        bytes_per_s: Some(PACE),
        until: Until::Elapsed(LOADED),
        watched_every: usize::MAX,
    };
    let key = &site.installation.write_key;
    let server = address.parse()?;
    std::thread::scope(|scope| {
        let load = scope.spawn(move || send(server, key, corpus, sending, &channel().0));
        let ended = stage.wait(phases(&site, report));
        let over = load.is_finished();
        load.join().expect("the load doesn't panic")?;
        ended?;
        anyhow::ensure!(!over, "the load ended before the last phase (LOADED)");
        anyhow::Ok(())
    })?;
    stage.wait(site.installation.drain(&mut ingest))
}

async fn phases(site: &Site, report: &mut Report) -> anyhow::Result<()> {
    let stays = site.installation.start("process", "", &VIEW).await;
    let mut goes = site.installation.start("process", "", &VIEW).await;
    let lanes = Lanes::watch(site);
    tokio::time::sleep(AFTERWARDS).await;
    lanes.worst()?;
    tokio::time::sleep(AFTERWARDS).await;
    report.row(
        "two processes, nothing happens: the longest that a lane stands",
        lanes.worst()?,
        "s",
    );

    site.installation.drain(&mut goes).await?;
    tokio::time::sleep(AFTERWARDS).await;
    report
        .row(
            "one is drained and leaves: the longest that a lane stands",
            lanes.worst()?,
            "s",
        )
        .to_reach("at most 5");

    again(site, &mut goes).await?;
    tokio::time::sleep(AFTERWARDS).await;
    report.row(
        "it comes again: the longest that a lane stands",
        lanes.worst()?,
        "s",
    );

    goes.kill()?;
    tokio::time::sleep(SESSION_TIMEOUT + AFTERWARDS).await;
    let limit = format!(
        "at most 5 more than the session time-out of {}",
        SESSION_TIMEOUT.as_secs()
    );
    report
        .row(
            "one is killed with kill -9: the longest that a lane stands",
            lanes.worst()?,
            "s",
        )
        .to_reach(&limit);
    drop(stays);
    Ok(())
}

async fn again(site: &Site, role: &mut Role) -> anyhow::Result<()> {
    site.installation.start_again(role, "");
    role.until_ready().await
}

/// Lanes that are watched until this is dropped.
struct Lanes {
    seen: Arc<Mutex<Seen>>,
    watching: tokio::task::JoinHandle<()>,
}

/// The longest standstill in seconds since it was last asked for, or why nobody can say.
struct Seen(anyhow::Result<f64>);

impl Lanes {
    fn watch(site: &Site) -> Self {
        let seen = Arc::new(Mutex::new(Seen(Ok(0.0))));
        let watching = watch(
            site.log.clone(),
            site.partitions(Topic::Recordings).collect(),
            seen.clone(),
        );
        Self {
            seen,
            watching: tokio::spawn(watching),
        }
    }

    fn worst(&self) -> anyhow::Result<f64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut seen.0, Ok(0.0)).context("the lanes can't be watched")
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn watch(log: Arc<KafkaLog>, partitions: Vec<Partition>, seen: Arc<Mutex<Seen>>) {
    let group = group(VIEW[1], VIEW_GENERATION);
    let mut moved: Vec<(Offset, Instant)> = vec![(0, Instant::now()); partitions.len()];
    loop {
        for (partition, (at, since)) in partitions.iter().zip(&mut moved) {
            let stands = match look(&log, &group, *partition).await {
                Ok((committed, end)) => {
                    if committed != *at || committed >= end {
                        (*at, *since) = (committed, Instant::now());
                    }
                    Ok(since.elapsed().as_secs_f64())
                }
                Err(error) => Err(error),
            };
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.0 = match (std::mem::replace(&mut seen.0, Ok(0.0)), stands) {
                (Ok(worst), Ok(stands)) => Ok(worst.max(stands)),
                (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            };
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(log: &KafkaLog, group: &str, partition: Partition) -> anyhow::Result<(Offset, Offset)> {
    let committed = log.committed(group, partition).await?;
    let end = log.offsets(partition).await?.1;
    Ok((committed.map_or(0, |committed| committed.offset), end))
}
