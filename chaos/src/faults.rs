//! Inflicts one fault, and lets everything come up again.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use hindsight_engines::log::{EventLog, NewRecord, Route};
use hindsight_engines::segments::{SegmentPath, SegmentStore};
use hindsight_schemas::ids::{SessionId, Topic};
use hindsight_schemas::record::{Erasure, Record};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::engines::infra_dev;
use crate::field::{Field, SESSION_TIMEOUT, data_topics, project};
use crate::installation::Role;
use crate::load::{Writer, write_one};
use crate::oracle::tables::Tables;
use crate::proxy::Weather;
use crate::schedule::{Fault, Link, Target, Trouble};

/// How long a process may take to reach a failpoint; after that the fault is a kill.
const REACHED_WITHIN: Duration = Duration::from_secs(25);
/// How late each piece comes where the network is slow.
const LATE: Duration = Duration::from_millis(150);
/// How much longer than the session time-out a step stands still.
const BEYOND: Duration = Duration::from_secs(3);
/// Batches of a session that is erased at once.
const ERASED_BATCHES: usize = 8;
/// What was changed at an engine is changed back within so many tries.
const TRIES: usize = 60;
const TRY_EVERY: Duration = Duration::from_secs(1);

/// What became of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inflicted {
    /// It happened.
    Done,
    /// The process did not come to that step in time, and was killed.
    NotReached,
}

/// Inflicts a fault; returns when what it struck is up again. `number` tells faults of a run apart.
pub async fn inflict(field: &Field, fault: &Fault, number: u64) -> anyhow::Result<Inflicted> {
    match *fault {
        Fault::Kill(target) => kill(field, target).await?,
        Fault::Freeze(process, beyond) => freeze(field, process, SESSION_TIMEOUT + beyond).await?,
        Fault::Rolling => rolling(field).await?,
        Fault::KillClickHouse => {
            let mut clickhouse = field.clickhouse.lock().await;
            tokio::task::block_in_place(|| clickhouse.kill_and_start());
        }
        Fault::KillBroker(broker, away) => kill_broker(field, broker, away).await?,
        Fault::Network(link, trouble, lasts) => {
            let weather = match trouble {
                Trouble::Cut => Weather::Cut,
                Trouble::Delay => Weather::Slow(LATE),
                Trouble::Hang => Weather::Still,
                Trouble::Lose => Weather::AnswersLost,
            };
            bad_weather(field, link, weather, lasts).await;
        }
        Fault::Busy(status, lasts) => {
            bad_weather(field, Link::Elasticsearch, Weather::Answering(status), lasts).await;
        }
        Fault::Forgets(lasts) => forgets(field, lasts).await?,
        Fault::ReadOnly(lasts) => read_only(field, lasts).await?,
        Fault::AddPartition => add_partition(field).await?,
        Fault::Erase => erase(field, number).await?,
        Fault::Dies(target, step, passes) => return dies(field, target, step, passes).await,
        Fault::Stands(process, step, passes) => stands(field, process, step, passes).await?,
    }
    Ok(Inflicted::Done)
}

async fn kill(field: &Field, target: Target) -> anyhow::Result<()> {
    let mut role = field.role(target).lock().await;
    role.kill()?;
    field.installation.start_again(&mut role, &field.throughout);
    field.keep_up(&mut role).await
}

async fn freeze(field: &Field, process: usize, lasts: Duration) -> anyhow::Result<()> {
    let mut role = field.role(Target::Process(process)).lock().await;
    role.signal(Signal::STOP)?;
    tokio::time::sleep(lasts).await;
    role.signal(Signal::CONT)?;
    field.keep_up(&mut role).await
}

async fn rolling(field: &Field) -> anyhow::Result<()> {
    for role in field.roles() {
        restart(field, role).await?;
    }
    Ok(())
}

async fn restart(field: &Field, role: &Mutex<Role>) -> anyhow::Result<()> {
    let mut role = role.lock().await;
    field.installation.drain(&mut role).await?;
    field.installation.start_again(&mut role, &field.throughout);
    field.keep_up(&mut role).await
}

async fn kill_broker(field: &Field, broker: usize, away: Duration) -> anyhow::Result<()> {
    let folder = field.brokers.lock().await;
    let node = |what: &str| {
        let mut command = Command::new(infra_dev("kafka-node"));
        let command = command.arg(what).arg(&*folder).arg((broker + 1).to_string());
        let ended = tokio::task::block_in_place(|| command.status())?;
        ensure!(ended.success(), "{command:?} ended with {ended}");
        anyhow::Ok(())
    };
    node("kill")?;
    tokio::time::sleep(away).await;
    node("start")
}

async fn bad_weather(field: &Field, link: Link, weather: Weather, lasts: Duration) {
    let proxy = field.proxies[&link].lock().await;
    proxy.set(weather);
    tokio::time::sleep(lasts).await;
    proxy.set(Weather::Clear);
}

/// What was written meanwhile and not answered may be written again only after a look whether it is there.
async fn forgets(field: &Field, lasts: Duration) -> anyhow::Result<()> {
    let proxy = field.proxies[&Link::ClickHouse].lock().await;
    proxy.set(Weather::AnswersLost);
    tokio::time::sleep(lasts).await;
    let clickhouse = field.clickhouse.lock().await;
    let forgotten = Tables::new(&clickhouse.url).forget_tokens().await;
    proxy.set(Weather::Clear);
    forgotten
}

async fn read_only(field: &Field, lasts: Duration) -> anyhow::Result<()> {
    let block = |on: Value| json!({"index.blocks.read_only_allow_delete": on});
    for family in ["audit", "activity"] {
        field.documents.set(family, &block(Value::Bool(true))).await?;
    }
    tokio::time::sleep(lasts).await;
    for family in ["audit", "activity"] {
        field.documents.set(family, &block(Value::Null)).await?;
    }
    Ok(())
}

/// One partition more in each data topic, the settings that say so, and roles that read them.
async fn add_partition(field: &Field) -> anyhow::Result<()> {
    let partitions = {
        let mut settings = field.settings.lock().await;
        let partitions = field.partitions.load(Ordering::SeqCst) + 1;
        let admin: AdminClient<DefaultClientContext> = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", &field.exports["KAFKA_BROKERS"])
            .create()?;
        let topics = data_topics();
        for topic in &topics {
            let wanted = [NewPartitions::new(topic, partitions as usize)];
            grow(&admin, &wanted).await?;
        }
        settings.set("log", "partitions", &partitions.to_string());
        field.installation.rewrite(&settings);
        partitions
    };
    rolling(field).await?;
    field.partitions.store(partitions, Ordering::SeqCst);
    Ok(())
}

/// Asked until it is so: a broker may be away.
async fn grow(admin: &AdminClient<DefaultClientContext>, wanted: &[NewPartitions<'_>]) -> anyhow::Result<()> {
    let mut told = String::new();
    for _ in 0..TRIES {
        match admin.create_partitions(wanted, &AdminOptions::new()).await {
            Ok(answers) if answers.iter().all(Result::is_ok) => return Ok(()),
            // A try whose answer was lost has made them.
            Ok(answers)
                if answers
                    .iter()
                    .all(|answer| matches!(answer, Err((_, INVALID_PARTITIONS)))) =>
            {
                return Ok(());
            }
            Ok(answers) => told = format!("{answers:?}"),
            Err(error) => told = error.to_string(),
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
    bail!("no partition could be added: {told}")
}

/// The topic has as many.
const INVALID_PARTITIONS: rdkafka::error::RDKafkaErrorCode =
    rdkafka::error::RDKafkaErrorCode::InvalidPartitions;

/// Writes a session, and erases it while it is on its way into the views.
async fn erase(field: &Field, number: u64) -> anyhow::Result<()> {
    let mut writer = Writer::new(ERASED_WRITERS + number, field.seed);
    while writer.batches.len() < ERASED_BATCHES {
        write_one(&mut writer, &field.edges, &field.installation.write_key).await;
    }
    let tombstone = SegmentPath::Erased {
        project: project(),
        session: writer.session,
    };
    field
        .store
        .put_create(&tombstone, Bytes::from_static(b"{}"))
        .await?;
    append_erasure(field, writer.session).await?;
    writer.erased = true;
    field.erased.lock().await.push(writer);
    Ok(())
}

/// Writers of sessions that are erased have numbers of their own.
const ERASED_WRITERS: u64 = 1 << 32;

/// One record in each partition of the data topics.
async fn append_erasure(field: &Field, session: SessionId) -> anyhow::Result<()> {
    let erasure = Record::Erasure(Erasure {
        project: project(),
        id: format!("erasure-{session}"),
        requested_at_us: 0,
        sessions: vec![session],
        audit_ids: Vec::new(),
        canonical: format!(r#"{{"session":"{session}"}}"#).into_bytes(),
    });
    let value = Bytes::from(erasure.encode()?);
    let mut told = None;
    for _ in 0..TRIES {
        // Opened each time: partitions may have been added.
        let appended = match field.log().await {
            Ok(log) => {
                let records = [Topic::Recordings, Topic::Audit].into_iter().flat_map(|topic| {
                    let value = value.clone();
                    (0..log.partitions(topic)).map(move |partition| NewRecord {
                        topic,
                        to: Route::Partition(partition),
                        key: Bytes::new(),
                        value: Some(value.clone()),
                        headers: Vec::new(),
                    })
                });
                log.append(records.collect()).await.map_err(anyhow::Error::from)
            }
            Err(error) => Err(error),
        };
        match appended {
            Ok(_) => return Ok(()),
            // All, part or nothing was kept: sending it again is safe, as it is for the edge.
            Err(error) => told = Some(error),
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
    Err(told.context("tried at least once")?)
}

/// Sets a failpoint: the process passes it so often, and then it acts.
fn failpoint(field: &Field, step: &str, passes: u32, action: &str) -> String {
    let passed = match passes {
        0 => String::new(),
        passes => format!("{passes}*off->"),
    };
    let armed = format!("{step}={passed}1*{action}");
    match field.throughout.as_str() {
        "" => armed,
        throughout => format!("{throughout};{armed}"),
    }
}

async fn dies(field: &Field, target: Target, step: &str, passes: u32) -> anyhow::Result<Inflicted> {
    let mut role = field.role(target).lock().await;
    role.kill()?;
    let armed = failpoint(field, step, passes, "return(die)");
    field.installation.start_again(&mut role, &armed);
    let reached = role.until_ended(REACHED_WITHIN).await.is_ok();
    if !reached {
        role.kill()?;
    }
    field.installation.start_again(&mut role, &field.throughout);
    field.keep_up(&mut role).await?;
    Ok(if reached {
        Inflicted::Done
    } else {
        Inflicted::NotReached
    })
}

async fn stands(field: &Field, process: usize, step: &str, passes: u32) -> anyhow::Result<()> {
    let mut role = field.role(Target::Process(process)).lock().await;
    role.kill()?;
    let stand = format!("sleep({})", (SESSION_TIMEOUT + BEYOND).as_millis());
    let armed = failpoint(field, step, passes, &stand);
    field.installation.start_again(&mut role, &armed);
    field.keep_up(&mut role).await
}
