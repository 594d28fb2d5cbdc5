//! What the engines hold beneath the API, compared with the log by identity and by position; and a watch beside the
//! faults, because merges and lifecycle take away what shows that something was written twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use hindsight_engines::segments::SegmentStore;
use tokio::sync::watch;

use super::Findings;
use super::documents::Documents;
use super::segments::{Cuts, Objects};
use super::tables::Tables;
use super::truth::{Truth, VIEW_GENERATION};

/// How long lanes may take until nothing is behind and nothing pending, once all is up again: a session time-out, a
/// write that hangs until its own time-out, and what lies before it.
const DRAINED_WITHIN: Duration = Duration::from_secs(180);
/// How long what is erased may still be seen: lifecycle's rounds.
const ERASED_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(500);
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// All engines, read beneath everything.
pub struct Stored {
    /// The log.
    pub truth: Truth,
    /// ClickHouse.
    pub tables: Tables,
    /// Elasticsearch.
    pub documents: Documents,
    objects: Objects,
}

impl Stored {
    /// Of these engines.
    pub fn new(truth: Truth, tables: Tables, documents: Documents, store: Arc<dyn SegmentStore>) -> Self {
        Self {
            truth,
            tables,
            documents,
            objects: Objects::new(store),
        }
    }

    /// Waits until each lane is at the end of the log with nothing pending; how long that took.
    pub async fn drained(&self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        loop {
            let looked = self.truth.behind().await;
            if looked.as_ref().is_ok_and(Vec::is_empty) {
                return Ok(started.elapsed());
            }
            if started.elapsed() > DRAINED_WITHIN {
                bail!("lanes are behind after {DRAINED_WITHIN:?}: {looked:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Compares everything with the log. What is erased may take a while to go.
    pub async fn look(&mut self) -> anyhow::Result<Findings> {
        let started = Instant::now();
        let mut letters = Findings::default();
        self.truth.read_on(&mut letters).await?;
        loop {
            let mut found = Findings::default();
            self.tables.compare(&self.truth, &mut found).await?;
            self.documents.compare(&self.truth, &mut found).await?;
            self.objects.compare(&self.truth, &mut found).await?;
            let may_go = found.missing + found.double == 0 && started.elapsed() < ERASED_WITHIN;
            if found.is_clean() || !may_go {
                found.add(letters);
                return Ok(found);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Looks again and again for what was written twice, until it is told to stop; then gives what it found.
pub async fn watch(
    tables: Tables,
    store: Arc<dyn SegmentStore>,
    findings: Arc<Mutex<Findings>>,
    mut stop: watch::Receiver<bool>,
) {
    let (mut cuts, mut known) = (Cuts::default(), BTreeSet::new());
    while !*stop.borrow() {
        let mut found = Findings::default();
        // An engine that is away is a fault of the moment: what it holds is looked at when it is back.
        let _ = cuts.look(&*store, &mut found).await;
        for table in ["batches", "recorder_events", "audit_events"] {
            let _ = rows_twice(&tables, table, &mut known, &mut found).await;
        }
        findings.lock().unwrap_or_else(PoisonError::into_inner).add(found);
        let _ = tokio::time::timeout(WATCH_EVERY, stop.changed()).await;
    }
}

/// Rows of one record that lie there twice, while no merge has joined them.
async fn rows_twice(
    tables: &Tables,
    table: &str,
    known: &mut BTreeSet<String>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let within = if table == "recorder_events" {
        ", `index`"
    } else {
        ""
    };
    let statement = format!(
        "SELECT log_id, log_partition, log_offset{within}, count() AS times FROM hindsight_g{VIEW_GENERATION}.{table} \
         WHERE received_at > now() - 120 GROUP BY ALL HAVING times > 1 LIMIT 20"
    );
    for line in tables.ask(&statement).await?.lines() {
        let words = format!("rows of {line} in {table}");
        if known.insert(words.clone()) {
            findings.double(words);
        }
    }
    Ok(())
}
