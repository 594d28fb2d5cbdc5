//! ClickHouse: the child process on `D/clickhouse`, or a server.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use hindsight_engines::analytics::chdb::{Health, Supervisor, SupervisorOptions};
use hindsight_engines::analytics::{
    Analytics, HttpAnalytics, HttpOptions, OpenError, ServerOptions, open_server, open_server_as_it_is,
};

use super::Tables;
use super::patience::{Patience, Trouble};
use super::pulse::Pulse;
use crate::libchdb;
use crate::settings::Settings;
use crate::settings::engines::ClickHouseKind;

/// How long the child of a killed process may take to let its folder go.
const PREDECESSOR_GONE_WITHIN: Duration = Duration::from_secs(30);
const PREDECESSOR_ASKED_EVERY: Duration = Duration::from_millis(200);
/// What ClickHouse says while another process has the folder.
const FOLDER_LOCKED: &str = "Cannot lock file";

/// ClickHouse, opened.
pub(super) struct OpenedAnalytics {
    engine: Arc<dyn Analytics>,
    runs: Runs,
}

/// What tells how it does.
enum Runs {
    Child(Supervisor),
    Server(Pulse),
}

impl OpenedAnalytics {
    pub(super) async fn open(
        settings: &Settings,
        tables: Tables,
        patience: &Patience,
    ) -> anyhow::Result<Self> {
        match settings.clickhouse.kind {
            ClickHouseKind::Embedded => Self::start(settings, tables).await,
            ClickHouseKind::Server => {
                let options = &settings.clickhouse.server.options;
                let open = || connect(options, tables);
                let engine = Arc::new(patience.open("clickhouse", open).await?);
                let watched = engine.clone();
                let pulse = Pulse::of(move || ask(watched.clone()));
                Ok(Self {
                    engine,
                    runs: Runs::Server(pulse),
                })
            }
        }
    }

    async fn start(settings: &Settings, tables: Tables) -> anyhow::Result<Self> {
        let child = start_child(&settings.server.data_dir, settings).await?;
        let engine = HttpAnalytics::new(child.endpoint(), HttpOptions::default());
        if let Tables::Of(generation) = tables {
            engine
                .migrate(generation)
                .await
                .context("the tables can't be brought up to date")?;
        }
        Ok(Self {
            engine: Arc::new(engine),
            runs: Runs::Child(child),
        })
    }

    pub(super) fn shared(&self) -> Arc<dyn Analytics> {
        self.engine.clone()
    }

    pub(super) fn health(&self) -> Result<(), String> {
        match &self.runs {
            Runs::Child(child) => match child.health() {
                Health::Running { .. } => Ok(()),
                Health::Down { reason, .. } => Err(reason),
                Health::Stopped => Err("stopped".into()),
            },
            Runs::Server(pulse) => pulse.health(),
        }
    }

    pub(super) async fn close(self) {
        if let Runs::Child(child) = self.runs {
            child.stop().await;
        }
    }
}

async fn connect(options: &ServerOptions, tables: Tables) -> Result<HttpAnalytics, Trouble> {
    let opened = match tables {
        Tables::Of(generation) => open_server(options, generation).await,
        Tables::AsTheyAre => open_server_as_it_is(options).await,
    };
    opened.map_err(|error| {
        let words = error.to_string();
        match error {
            OpenError::Away { .. } => Trouble::Away(words),
            OpenError::Settings(_) | OpenError::Denied { .. } | OpenError::Unfit(_) => {
                Trouble::Refused(words)
            }
        }
    })
}

async fn ask(engine: Arc<HttpAnalytics>) -> Result<(), String> {
    engine.ping().await.map_err(|error| error.to_string())
}

/// Starts the child: this program again. After a kill of this process its old child ends by itself, soon but not at
/// once.
async fn start_child(data_dir: &Path, settings: &Settings) -> anyhow::Result<Supervisor> {
    let own = &settings.clickhouse.embedded;
    let library = libchdb::find((!own.libchdb.as_os_str().is_empty()).then_some(&own.libchdb))?;
    let command = libchdb::child_command(&library, &data_dir.join("clickhouse"), own.memory_bytes)?;
    let started = Instant::now();
    loop {
        match Supervisor::start(SupervisorOptions::new(command.clone())).await {
            Err(error)
                if error.to_string().contains(FOLDER_LOCKED)
                    && started.elapsed() < PREDECESSOR_GONE_WITHIN =>
            {
                tokio::time::sleep(PREDECESSOR_ASKED_EVERY).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}
