//! What faults are inflicted on: the engines, the proxies before them, the roles.
//!
//! **Invariant:** one fault at a time has a process, a link or a server; others wait for it. Whatever a fault did, it
//! ends with everything up again. What this process asks of engines itself goes past the proxies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use hindsight_engines::log::kafka::{self, KafkaLog};
use hindsight_engines::segments::{ObjectSegments, connect_s3};
use tokio::sync::Mutex;

use crate::engines::{ClickHouse, Exports, Held, QUICK_BROKERS, Settings, bucket, log};
use crate::installation::{Installation, Plan, Role, free_address};
use crate::load::Writer;
use crate::oracle::documents::Documents;
use crate::oracle::stored::Stored;
use crate::oracle::tables::Tables;
use crate::oracle::truth::Truth;
use crate::proxy::Proxy;
use crate::reader::Reader;
use crate::schedule::{BROKERS, INGEST, Link, PROCESS, Target};

/// How long a process may stand still before its partitions are given to another.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// Partitions of each data topic at the start.
const PARTITIONS: u32 = 4;
/// What names of topics, groups and objects begin with.
const PREFIX: &str = "chaos";
const PROJECT: &str = "demo";

/// Everything that runs.
pub struct Field {
    /// Keys and settings of the roles.
    pub installation: Installation,
    /// Where events are taken in.
    pub edges: [String; INGEST],
    /// Beneath the API.
    pub documents: Documents,
    /// The bucket.
    pub store: Arc<ObjectSegments>,
    /// Sessions that faults wrote and erased.
    pub erased: Mutex<Vec<Writer>>,
    pub(crate) proxies: BTreeMap<Link, Mutex<Proxy>>,
    pub(crate) clickhouse: Mutex<ClickHouse>,
    pub(crate) brokers: Mutex<PathBuf>,
    pub(crate) settings: Mutex<Settings>,
    pub(crate) partitions: AtomicU32,
    pub(crate) exports: Exports,
    /// Failpoints that are set in every process throughout.
    pub(crate) throughout: String,
    pub(crate) seed: u64,
    ingest: Vec<Mutex<Role>>,
    process: Vec<Mutex<Role>>,
    serve: Mutex<Role>,
    reader: Reader,
    _held: Held,
}

impl Field {
    /// Starts engines, proxies and roles, everything in this folder, and waits until all are ready.
    pub async fn start(folder: &Path, seed: u64, throughout: &str) -> anyhow::Result<Self> {
        let mut proxies = BTreeMap::new();
        let brokers = (0..BROKERS).map(Link::Kafka);
        for link in brokers.chain([Link::Elasticsearch, Link::S3, Link::ClickHouse]) {
            proxies.insert(link, Proxy::listen().await?);
        }
        let (held, clickhouse) = start_engines(folder, &proxies).await?;
        let exports = held.exports.clone();
        lead(&proxies, &exports, &clickhouse.url)?;
        let mut settings = settings(&proxies, &exports);
        let installation = Installation::new(folder, &mut settings);
        let edges: [String; INGEST] = std::array::from_fn(|_| free_address());
        let reads = free_address();
        let (ingest, process, serve) = launch(&installation, &edges, &reads, throughout);
        let reader = Reader {
            url: format!("http://{reads}"),
            admin_token: installation.admin_token.clone(),
        };
        let field = Self {
            documents: Documents::new(&exports["ELASTICSEARCH_URL"]),
            store: Arc::new(connect_s3(&bucket(PREFIX, &exports))?),
            edges: edges.map(|edge| format!("http://{edge}")),
            erased: Mutex::default(),
            proxies: proxies
                .into_iter()
                .map(|(link, proxy)| (link, Mutex::new(proxy)))
                .collect(),
            clickhouse: Mutex::new(clickhouse),
            brokers: Mutex::new(folder.join("engines/kafka")),
            settings: Mutex::new(settings),
            partitions: AtomicU32::new(PARTITIONS),
            throughout: throughout.into(),
            seed,
            installation,
            exports,
            ingest,
            process,
            serve,
            reader,
            _held: held,
        };
        field.all_up().await?;
        Ok(field)
    }

    /// What people read.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// All engines beneath everything.
    pub async fn stored(&self) -> anyhow::Result<Stored> {
        let url = self.clickhouse.lock().await.url.clone();
        let truth = Truth::new(self.log().await?);
        Ok(Stored::new(
            truth,
            Tables::new(&url),
            self.documents.clone(),
            self.store.clone(),
        ))
    }

    /// The log, past the proxies.
    pub async fn log(&self) -> anyhow::Result<Arc<KafkaLog>> {
        let settings = kafka::Settings {
            partitions: self.partitions.load(Ordering::SeqCst),
            ..log(PREFIX, &self.exports)
        };
        let opened = tokio::task::spawn_blocking(|| KafkaLog::open(settings)).await?;
        Ok(Arc::new(opened.context("the log can't be opened")?))
    }

    pub(crate) fn role(&self, target: Target) -> &Mutex<Role> {
        match target {
            Target::Ingest(number) => &self.ingest[number],
            Target::Process(number) => &self.process[number],
        }
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = &Mutex<Role>> {
        let views = self.process.iter().chain([&self.serve]);
        self.ingest.iter().chain(views)
    }

    /// Waits until every role is ready.
    pub async fn all_up(&self) -> anyhow::Result<()> {
        for role in self.roles() {
            self.keep_up(&mut *role.lock().await).await?;
        }
        Ok(())
    }

    /// Waits until a role is ready. One that ended meanwhile is started again, as whoever runs services does.
    pub(crate) async fn keep_up(&self, role: &mut Role) -> anyhow::Result<()> {
        let since = Instant::now();
        while let Err(error) = role.until_ready().await {
            if role.ended()?.is_none() || since.elapsed() > UP_WITHIN {
                return Err(error);
            }
            eprintln!("  {error:#}, starting it again");
            self.installation.start_again(role, &self.throughout);
        }
        Ok(())
    }
}

/// So long a role may end before it is ready, and be started again: its engines have faults as well.
const UP_WITHIN: Duration = Duration::from_secs(180);

async fn start_engines(folder: &Path, proxies: &BTreeMap<Link, Proxy>) -> anyhow::Result<(Held, ClickHouse)> {
    let listed = |number| proxies[&Link::Kafka(number)].address.to_string();
    let advertised: Vec<String> = (0..BROKERS).map(listed).collect();
    let folder = folder.to_owned();
    let starting = tokio::task::spawn_blocking(move || {
        let only = ["--only", "kafka,elasticsearch,s3", "--brokers", "3"];
        let advertised = advertised.join(",");
        let environment = [QUICK_BROKERS, ("HOLD_KEEP", "1"), ("KAFKA_PROXIES", &advertised)];
        let held = Held::start(&only, &folder.join("engines"), &environment);
        (held, ClickHouse::start(&folder.join("clickhouse")))
    });
    Ok(starting.await?)
}

/// Where each proxy leads.
fn lead(proxies: &BTreeMap<Link, Proxy>, exports: &Exports, clickhouse: &str) -> anyhow::Result<()> {
    let host = |url: &str| {
        let bare = url.trim_start_matches("http://").trim_end_matches('/');
        bare.parse().with_context(|| format!("no address: {url}"))
    };
    for (number, broker) in exports["KAFKA_PROXIED"].split(',').enumerate() {
        proxies[&Link::Kafka(number)].lead_to(host(broker)?);
    }
    proxies[&Link::Elasticsearch].lead_to(host(&exports["ELASTICSEARCH_URL"])?);
    proxies[&Link::S3].lead_to(host(&exports["S3_ENDPOINT"])?);
    proxies[&Link::ClickHouse].lead_to(host(clickhouse)?);
    Ok(())
}

/// Of roles that reach every engine through its proxy.
fn settings(proxies: &BTreeMap<Link, Proxy>, exports: &Exports) -> Settings {
    let url = |link| format!("http://{}", proxies[&link].address);
    let brokers: Vec<String> = (0..BROKERS)
        .map(|number| proxies[&Link::Kafka(number)].address.to_string())
        .collect();
    let seen: Exports = exports
        .clone()
        .into_iter()
        .chain([
            ("KAFKA_BROKERS".into(), brokers.join(",")),
            ("ELASTICSEARCH_URL".into(), url(Link::Elasticsearch)),
            ("S3_ENDPOINT".into(), url(Link::S3)),
        ])
        .collect();
    let mut settings = Settings::naming(PREFIX, &seen, &format!("{}/", url(Link::ClickHouse)));
    settings
        .set("log", "replication", "3")
        .set("log", "min_insync", "2")
        .set("log", "partitions", &PARTITIONS.to_string())
        .set(
            "log",
            "session_timeout_ms",
            &SESSION_TIMEOUT.as_millis().to_string(),
        )
        .set("replay", "close_after_seconds", "2")
        .set("lifecycle", "grace_seconds", "4")
        .set("lifecycle", "interval_seconds", "1");
    settings
}

/// Starts all roles at once; none is ready yet.
fn launch(
    installation: &Installation,
    edges: &[String; INGEST],
    reads: &str,
    throughout: &str,
) -> (Vec<Mutex<Role>>, Vec<Mutex<Role>>, Mutex<Role>) {
    let start = |plan| Mutex::new(installation.launch(plan, throughout));
    let ingest = edges.iter().enumerate();
    let ingest =
        ingest.map(|(number, edge)| start(Plan::new(&format!("ingest-{number}"), "ingest", edge, &[])));
    let process =
        (0..PROCESS).map(|number| start(Plan::new(&format!("process-{number}"), "process", "", &[])));
    let door = free_address();
    let serve = Plan::new("serve", "serve", reads, &["--clickhouse-listen", &door]);
    (ingest.collect(), process.collect(), start(serve))
}

/// The one project.
pub(crate) fn project() -> hindsight_schemas::ids::ProjectId {
    PROJECT.parse().expect("it is made of letters")
}

/// The topics that events lie in, by their names in this cluster.
pub(crate) fn data_topics() -> [String; 2] {
    ["recordings", "audit"].map(|topic| format!("{PREFIX}.{topic}"))
}
