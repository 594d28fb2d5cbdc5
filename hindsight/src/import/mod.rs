//! Importing: plan the sessions, read them, send them in parallel, report.
//!
//! **Bound:** `parallel` sessions are in memory at a time. **Failure:** a file that can't be read or is refused is
//! reported and the rest goes on; a second run sends the same again, which the server answers alike, or with a journal
//! only what was not acknowledged.

mod audit;
pub(crate) mod client;
mod facts;
pub(crate) mod journal;
mod plan;
mod progress;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use futures::{StreamExt, stream};
use hindsight_schemas::ids::SessionId;

use self::client::Client;
pub(crate) use self::facts::Facts;
use self::journal::{Journal, Mark, mark};
use self::plan::{Job, Plan};
use self::progress::Progress;
use self::report::Report;
use crate::recording::identity::{self, SessionFrom};
use crate::recording::{self, Tab, cut, playable, unpack};

/// Ids ahead of the clock by more than this are refused by the edge (API.md 'Conventions').
const AHEAD_MS: i64 = 3_600_000;

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) session_from: SessionFrom,
    pub(crate) facts: Facts,
    pub(crate) all_audit: bool,
    pub(crate) parallel: usize,
}

/// A recording with its identity, ready to be sent.
struct Recording {
    name: String,
    session_id: SessionId,
    tabs: Vec<Tab>,
}

/// Sends everything; recordings first, so that audit events find their sessions.
pub(crate) async fn send(options: &Options, client: &Client, journal: &Journal) -> anyhow::Result<ExitCode> {
    let plan = Plan::make(options)?;
    let progress = Progress::start(plan.bytes());
    let sent: Vec<Report> = stream::iter(&plan.recordings)
        .map(|job| send_job(job, options, client, journal, &progress))
        .buffer_unordered(options.parallel)
        .collect()
        .await;
    let mut report = Report::default();
    for part in sent {
        report.add(part);
    }
    for file in &plan.audit {
        report.add(audit::send(file, client, journal, &progress).await);
    }
    progress.finish();
    report.print(progress.elapsed());
    Ok(report.exit_code())
}

async fn send_job(
    job: &Job,
    options: &Options,
    client: &Client,
    journal: &Journal,
    progress: &Progress,
) -> Report {
    let mut report = Report::default();
    let (owned_job, owned_options) = (job.clone(), options.clone());
    let read = tokio::task::spawn_blocking(move || read(&owned_job, &owned_options)).await;
    let recordings = match read.context("reading was cut short").and_then(|read| read) {
        Ok(recordings) => recordings,
        Err(error) => {
            report.fail(&job.name, &error);
            progress.add(job.bytes(), 0);
            return report;
        }
    };
    let raw: u64 = recordings.iter().map(raw_bytes).sum();
    for recording in &recordings {
        let mark = recording.mark();
        if journal.holds(&mark) {
            report.known += 1;
            progress.add(share(raw_bytes(recording), raw, job.bytes()), 0);
            continue;
        }
        let sent = send_recording(recording, client, &mut report, |bytes| {
            progress.add(share(bytes, raw, job.bytes()), bytes);
        });
        match sent.await.and_then(|()| journal.note(&mark)) {
            Ok(()) => report.sessions += 1,
            Err(error) => report.fail(&recording.name, &error),
        }
    }
    report
}

impl Recording {
    /// What stands for it in the journal: its id and all that would be sent.
    fn mark(&self) -> Mark {
        let id = self.session_id.to_string();
        let events = self.tabs.iter().flat_map(|tab| {
            let texts = tab.events.iter().map(|event| event.text.get().as_bytes());
            std::iter::once(tab.window.as_bytes()).chain(texts)
        });
        mark(std::iter::once(id.as_bytes()).chain(events))
    }
}

/// The part of the file's bytes that stands for these raw bytes.
fn share(bytes: u64, raw: u64, file: u64) -> u64 {
    u64::try_from(u128::from(bytes) * u128::from(file) / u128::from(raw.max(1))).unwrap_or(file)
}

async fn send_recording(
    recording: &Recording,
    client: &Client,
    report: &mut Report,
    mut sent: impl FnMut(u64),
) -> anyhow::Result<()> {
    for tab in &recording.tabs {
        let id = identity::tab_id(&tab.window);
        let batches = cut::batches(tab);
        let last = batches.len() - 1;
        for (seq, range) in batches.into_iter().enumerate() {
            let events = range.len();
            let body = cut::body(&tab.events[range]);
            let raw = body.len() as u64;
            let packed = client
                .send_batch(recording.session_id, &id, seq, &body, seq == last)
                .await
                .with_context(|| format!("session {} tab {id} batch {seq}", recording.session_id))?;
            report.batch(events, raw, packed);
            sent(raw);
        }
    }
    Ok(())
}

fn raw_bytes(recording: &Recording) -> u64 {
    let events = recording.tabs.iter().flat_map(|tab| &tab.events);
    events.map(|event| event.text.get().len() as u64 + 1).sum()
}

/// The last part of a name: an id made from it is the same from whichever folder the import was started.
fn own_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Reads the sessions of a job: one, or one for each entry of a zip.
fn read(job: &Job, options: &Options) -> anyhow::Result<Vec<Recording>> {
    let latest_ms = jiff::Timestamp::now().as_millisecond() + AHEAD_MS;
    let finish = |name: &str, mut tabs: Vec<Tab>| -> anyhow::Result<Recording> {
        if tabs.is_empty() {
            bail!("no events");
        }
        let extra = options.facts.salt();
        let session_id = identity::session_id(&tabs, own_name(name), options.session_from, &extra, latest_ms);
        options.facts.splice(&mut tabs)?;
        Ok(Recording {
            name: name.into(),
            session_id,
            tabs,
        })
    };
    if job.windows.is_empty() {
        let texts = job
            .files
            .iter()
            .map(unpack::texts)
            .collect::<Result<Vec<_>, _>>()?;
        let named = texts.into_iter().flatten();
        return named
            .map(|text| {
                let tabs = recording::tabs(&text.bytes).with_context(|| text.name.clone())?;
                finish(plan::stem(&text.name), tabs).with_context(|| text.name.clone())
            })
            .collect();
    }
    let mut all = Vec::new();
    for (file, window) in job.files.iter().zip(&job.windows) {
        for text in unpack::texts(file)? {
            let mut tabs = recording::tabs(&text.bytes).with_context(|| text.name.clone())?;
            for tab in &mut tabs {
                tab.window = format!("{window}{}", tab.window);
            }
            all.extend(tabs);
        }
    }
    Ok(vec![finish(&job.name, all)?])
}

/// Says what would be sent, and whether it can be played.
pub(crate) fn dry_run(options: &Options) -> anyhow::Result<ExitCode> {
    let plan = Plan::make(options)?;
    let mut all_playable = true;
    for job in &plan.recordings {
        match read(job, options) {
            Ok(recordings) => {
                for recording in &recordings {
                    all_playable &= describe(recording);
                }
            }
            Err(error) => {
                all_playable = false;
                println!("UNREADABLE    {}: {error:#}", job.name);
            }
        }
    }
    for file in &plan.audit {
        match audit::read(file) {
            Ok(events) => println!("AUDIT         {}: {} event(s)", file.name, events.len()),
            Err(error) => {
                all_playable = false;
                println!("UNREADABLE    {}: {error:#}", file.name);
            }
        }
    }
    Ok(ExitCode::from(u8::from(!all_playable)))
}

fn describe(recording: &Recording) -> bool {
    let mut playable = true;
    for tab in &recording.tabs {
        let verdict = playable::judge(tab);
        let word = if verdict.faults.is_empty() {
            "PLAYABLE"
        } else {
            "NOT PLAYABLE"
        };
        let first = tab.events.iter().map(|event| event.at_ms).min().unwrap_or(0);
        let last = tab.events.iter().map(|event| event.at_ms).max().unwrap_or(0);
        println!(
            "{word:<13} {} session {} tab {}: {} events, {} batches, {:.1} s",
            recording.name,
            recording.session_id,
            identity::tab_id(&tab.window),
            tab.events.len(),
            cut::batches(tab).len(),
            (last - first) as f64 / 1000.0
        );
        for words in verdict.faults.iter().chain(&verdict.remarks) {
            println!("              {words}");
        }
        playable &= verdict.faults.is_empty();
    }
    playable
}
