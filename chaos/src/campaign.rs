//! A run: rounds of load and faults; after each everything is drained and counted.
//!
//! **Failure:** the first round that does not add up ends the run; what else stops it is an error. Either way the folder
//! with all logs stays.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::watch;

use crate::faults::{Inflicted, inflict};
use crate::field::Field;
use crate::load::{Sends, Writer, write_until};
use crate::oracle::stored::{self, Stored};
use crate::oracle::{Findings, seen};
use crate::schedule::{Planned, schedule};

/// Writers of a round, each with a session of its own.
const WRITERS: u64 = 4;
/// Between two sends of one writer.
const PAUSE: Duration = Duration::from_millis(60);
/// Load after the last fault of a round.
const AFTER: Duration = Duration::from_secs(1);

/// A safeguard of the lane that a run takes away, to see that it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Guard {
    /// Win the intent before writing.
    Intent,
    /// Settle what nobody knows instead of writing it again.
    Settle,
    /// Write nothing past the lease.
    Lease,
}

impl Guard {
    /// The failpoint that takes it away.
    fn failpoint(self) -> &'static str {
        match self {
            Self::Intent => "without-intent=return",
            Self::Settle => "without-settle=return",
            Self::Lease => "without-lease=return",
        }
    }
}

/// What a run came to: one line.
#[derive(Debug, Default)]
pub struct Figures {
    seed: u64,
    faults: BTreeMap<&'static str, u64>,
    not_reached: u64,
    rounds: usize,
    sends: Sends,
    records: usize,
    /// What does not add up.
    pub findings: Findings,
    seconds: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self
            .faults
            .iter()
            .map(|(kind, times)| format!("{kind} {times}"))
            .collect();
        let Self {
            seed,
            not_reached,
            rounds,
            sends,
            records,
            findings,
            seconds,
            ..
        } = self;
        write!(
            out,
            "chaos seed={seed} faults={} ({}) not_reached={not_reached} rounds={rounds} sent={} accepted={} refused={} \
             unanswered={} records={records} missing={} double={} odd={} seconds={seconds}",
            self.faults.values().sum::<u64>(),
            kinds.join(", "),
            sends.tried(),
            sends.accepted,
            sends.refused,
            sends.unanswered,
            findings.missing,
            findings.double,
            findings.odd,
        )
    }
}

/// Runs the schedule of a seed, everything in this folder.
pub async fn run(folder: &Path, seed: u64, faults: usize, without: Option<Guard>) -> anyhow::Result<Figures> {
    let started = Instant::now();
    let rounds = schedule(seed, faults);
    eprintln!("starting engines and roles in {}", folder.display());
    let throughout = without.map_or("", Guard::failpoint);
    let field = Field::start(folder, seed, throughout).await?;
    eprintln!("all ready after {} s", started.elapsed().as_secs());
    let mut campaign = Campaign {
        stored: field.stored().await?,
        writers: Vec::new(),
        figures: Figures {
            seed,
            ..Figures::default()
        },
        field,
    };
    for (number, faults) in rounds.iter().enumerate() {
        campaign.round(number, rounds.len(), faults).await?;
        if !campaign.figures.findings.is_clean() {
            break;
        }
    }
    if campaign.figures.findings.is_clean() {
        campaign.all_is_seen().await;
    }
    campaign.figures.seconds = started.elapsed().as_secs();
    Ok(campaign.figures)
}

struct Campaign {
    field: Field,
    stored: Stored,
    writers: Vec<Writer>,
    figures: Figures,
}

impl Campaign {
    async fn round(&mut self, number: usize, rounds: usize, faults: &[Planned]) -> anyhow::Result<()> {
        let started = Instant::now();
        eprintln!("round {}/{rounds}", number + 1);
        let first = number as u64 * WRITERS;
        let mut writers: Vec<Writer> = (first..first + WRITERS)
            .map(|number| Writer::new(number, self.field.seed))
            .collect();
        let doubles = self.fire(&mut writers, faults).await?;
        self.field.all_up().await?;
        let drained = self.stored.drained().await;
        let drained = drained.with_context(|| format!("after round {}", number + 1))?;

        writers.append(&mut *self.field.erased.lock().await);
        self.stored.truth.reopen(self.field.log().await?);
        let mut found = self.stored.look().await?;
        found.add(doubles);
        let played: Vec<&Writer> = writers.iter().collect();
        found.add(seen::replays(self.field.reader(), &played).await);
        for writer in &writers {
            self.figures.sends += writer.sends;
        }
        self.writers.extend(writers);
        self.figures.rounds = number + 1;
        self.figures.records = self.stored.truth.records();
        eprintln!(
            "  {} records so far; drained in {:.1} s; {found}; {:.0} s",
            self.figures.records,
            drained.as_secs_f64(),
            started.elapsed().as_secs_f64()
        );
        self.figures.findings.add(found);
        Ok(())
    }

    /// Load, and meanwhile the faults; what was seen to be written twice.
    async fn fire(&mut self, writers: &mut [Writer], faults: &[Planned]) -> anyhow::Result<Findings> {
        let field = &self.field;
        let (done, told) = watch::channel(false);
        let doubles = Arc::new(Mutex::new(Findings::default()));
        let watching = stored::watch(
            self.stored.tables.clone(),
            field.store.clone(),
            doubles.clone(),
            told.clone(),
        );
        let key = &field.installation.write_key;
        let load = writers
            .iter_mut()
            .map(|writer| write_until(writer, &field.edges, key, PAUSE, told.clone()));
        let before = self.figures.faults.values().sum::<u64>() + self.figures.not_reached;
        let inflicting = async {
            let each = faults.iter().zip(before..);
            let each = each.map(|(planned, number)| one(field, planned, number));
            let inflicted = futures::future::try_join_all(each).await;
            tokio::time::sleep(AFTER).await;
            done.send_replace(true);
            inflicted
        };
        let (inflicted, _, ()) = tokio::join!(inflicting, futures::future::join_all(load), watching);
        for (planned, inflicted) in faults.iter().zip(inflicted?) {
            match inflicted {
                Inflicted::Done => *self.figures.faults.entry(planned.fault.kind()).or_default() += 1,
                Inflicted::NotReached => self.figures.not_reached += 1,
            }
        }
        let mut doubles = doubles.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *doubles))
    }

    /// At the end everything as people see it.
    async fn all_is_seen(&mut self) {
        let writers: Vec<&Writer> = self.writers.iter().collect();
        let found = seen::look(self.field.reader(), &writers, &[]).await;
        eprintln!("by the API: {found}");
        self.figures.findings.add(found);
    }
}

async fn one(field: &Field, planned: &Planned, number: u64) -> anyhow::Result<Inflicted> {
    tokio::time::sleep(planned.at).await;
    eprintln!("  {:?}", planned.fault);
    let inflicted = inflict(field, &planned.fault, number).await;
    inflicted.with_context(|| format!("{:?}", planned.fault))
}
