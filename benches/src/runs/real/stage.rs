//! The engines of `infra/dev` as children of this process, and installations over them, each with topics, a bucket's
//! prefix and a ClickHouse of its own.
//!
//! **Invariant:** everything ends with this process, and its folder goes. Elasticsearch is shared: who writes to it makes
//! ids of its own.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use hindsight_benches::process::Process;
use hindsight_chaos::engines::{
    CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, ClickHouse, Exports, Held, Settings, bucket, log,
};
use hindsight_chaos::installation::Installation;
use hindsight_engines::analytics::{HttpAnalytics, ServerOptions, open_server};
use hindsight_engines::log::kafka::{self, KafkaLog};
use hindsight_engines::log::{EventLog, ReadBounds, StoredRecord};
use hindsight_engines::search::elasticsearch::ElasticsearchOptions;
use hindsight_engines::secret::Secret;
use hindsight_engines::segments::{ObjectSegments, connect_s3};
use hindsight_schemas::ids::{Partition, Topic};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The generation of all views.
pub(super) const VIEW_GENERATION: u32 = 1;
/// The generation under which a bound writes: its names are nobody else's.
pub(super) const BARE_GENERATION: u32 = 91;

const ALL: ReadBounds = ReadBounds {
    records: usize::MAX,
    bytes: usize::MAX,
};

/// Engines that run.
pub(super) struct Stage {
    runtime: Runtime,
    exports: Exports,
    // The servers end before the folder goes.
    _held: Held,
    folder: TempDir,
}

/// An installation over them.
pub(super) struct Site {
    pub(super) name: String,
    pub(super) installation: Installation,
    pub(super) clickhouse: ClickHouse,
    pub(super) log: Arc<KafkaLog>,
    pub(super) store: Arc<ObjectSegments>,
}

impl Stage {
    /// Starts the engines as they run in production: with all compilers of their machines.
    pub(super) fn start() -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("hindsight-bench-")?;
        let only = ["--only", "kafka,elasticsearch,s3"];
        let held = Held::start(
            &only,
            &folder.path().join("engines"),
            &[("ELASTICSEARCH_JVM", "")],
        );
        Ok(Self {
            runtime: Runtime::new()?,
            exports: held.exports.clone(),
            folder,
            _held: held,
        })
    }

    /// Waits for something.
    pub(super) fn wait<T>(&self, of: impl Future<Output = T>) -> T {
        self.runtime.block_on(of)
    }

    /// Does something beside what is waited for.
    pub(super) fn spawn(&self, of: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(of)
    }

    /// An installation with this name.
    pub(super) fn site(&self, name: &str) -> anyhow::Result<Site> {
        self.site_with(name, &[])
    }

    /// Likewise, with settings of its own: section, key and value.
    pub(super) fn site_with(&self, name: &str, more: &[(&str, &str, &str)]) -> anyhow::Result<Site> {
        let folder = self.folder(name)?;
        let clickhouse = ClickHouse::start(&folder.join("clickhouse"));
        let mut settings = Settings::naming(name, &self.exports, &clickhouse.url);
        for (section, key, value) in more {
            settings.set(section, key, value);
        }
        Ok(Site {
            name: name.to_owned(),
            installation: Installation::new(&folder, &mut settings),
            log: self.log(name, kafka::Settings::default().partitions)?,
            store: Arc::new(connect_s3(&bucket(name, &self.exports))?),
            clickhouse,
        })
    }

    /// A log with this name, whose topics have so many partitions.
    pub(super) fn log(&self, name: &str, partitions: u32) -> anyhow::Result<Arc<KafkaLog>> {
        let _within = self.runtime.enter();
        let settings = kafka::Settings {
            partitions,
            replication: 1,
            min_insync: 1,
            ..log(name, &self.exports)
        };
        Ok(Arc::new(
            KafkaLog::open(settings).context("the log can't be opened")?,
        ))
    }

    /// Where the brokers are.
    pub(super) fn brokers(&self) -> &str {
        &self.exports["KAFKA_BROKERS"]
    }

    /// Elasticsearch.
    pub(super) fn elasticsearch(&self) -> ElasticsearchOptions {
        ElasticsearchOptions {
            urls: vec![self.exports["ELASTICSEARCH_URL"].clone()],
            replicas: 0,
            ..ElasticsearchOptions::default()
        }
    }

    /// Its process.
    pub(super) fn elasticsearch_process(&self) -> anyhow::Result<Process> {
        let path = self.folder.path().join("engines/elasticsearch/pid");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        // Behind the number is when it started.
        let number = text.split_whitespace().next().context("no process number")?;
        Ok(Process(number.parse()?))
    }

    /// Another ClickHouse, with empty tables, and a client of it.
    pub(super) async fn bare_clickhouse(
        &self,
        name: &str,
        compression: bool,
    ) -> anyhow::Result<(ClickHouse, HttpAnalytics)> {
        let clickhouse = ClickHouse::start(&self.folder(name)?);
        let options = ServerOptions {
            url: clickhouse.url.clone(),
            user: CLICKHOUSE_USER.into(),
            password: Secret::new(CLICKHOUSE_PASSWORD),
            compression,
            ..ServerOptions::default()
        };
        let engine = open_server(&options, VIEW_GENERATION).await?;
        Ok((clickhouse, engine))
    }

    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder)?;
        Ok(folder)
    }
}

impl Site {
    /// All partitions of a topic.
    pub(super) fn partitions(&self, topic: Topic) -> impl Iterator<Item = Partition> + use<> {
        (0..self.log.partitions(topic)).map(move |partition| Partition { topic, partition })
    }

    /// All records of a topic, partition by partition.
    pub(super) async fn records(&self, topic: Topic) -> anyhow::Result<Vec<StoredRecord>> {
        let mut all = Vec::new();
        for partition in self.partitions(topic) {
            let mut reader = self.log.reader(partition, 0);
            loop {
                let records = reader.page(ALL).await?;
                if records.is_empty() {
                    break;
                }
                all.extend(records);
            }
        }
        Ok(all)
    }

    /// Its ClickHouse.
    pub(super) fn clickhouse(&self) -> Process {
        Process(self.clickhouse.id())
    }
}
