//! What one process does: everything (`up`), or some of it over engines that it shares with others. This file has the
//! order of start and stop.
//!
//! Start: settings fit for the role, folder locked, addresses taken, engines opened (asked meanwhile, every door says 503
//! and readiness what is awaited), views running, doors open. Stop is the other way round: doors closed (requests in
//! flight are answered), lanes drained to a commit, engines closed. Whatever fails on the way up ends the process with
//! the reason and nothing half started.

mod doors;
mod edge;
mod lifecycle;
mod listen;
mod ops;
mod reader;
mod replaced;
mod scrub;
mod system;
mod tasks;
mod views;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hindsight_demo::Shop;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use self::doors::Doors;
use self::listen::Listeners;
use self::system::System;
use crate::credentials::{self, Credentials};
use crate::data_folder::DataFolder;
use crate::demo;
use crate::engines::{Engines, Parts, Tables, Use, Waiting, Wanted};
use crate::observe::{self, Traces, Upkeep};
use crate::operate;
use crate::settings::Settings;

pub(crate) use self::scrub::scrubber;
pub(crate) use self::views::{VIEW_GENERATION, View, groups, lifecycle_group, scrub_group};

/// What a process does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roles {
    /// The command's name.
    pub(crate) name: &'static str,
    /// Takes in what writers send.
    pub(crate) ingest: bool,
    /// Makes these views.
    pub(crate) views: Vec<View>,
    /// Closes sessions, removes what nobody needs.
    pub(crate) lifecycle: bool,
    /// Compares the views with the log.
    pub(crate) scrub: bool,
    /// Answers readers.
    pub(crate) serve: bool,
}

impl Roles {
    /// Everything, in a process that has a data folder of its own.
    pub(crate) fn all() -> Self {
        Self {
            name: "up",
            ingest: true,
            views: View::ALL.into(),
            lifecycle: true,
            scrub: true,
            serve: true,
        }
    }

    fn is_all(&self) -> bool {
        self.name == "up"
    }

    /// The engines that this takes.
    fn wanted(&self) -> Wanted {
        let has = |view| self.views.contains(&view);
        let writes_objects = has(View::Replay) || self.lifecycle;
        // Which search view is read is said there.
        let asks_all = self.lifecycle || self.scrub || self.serve;
        let reads_objects = has(View::Analytics) || has(View::Search) || asks_all;
        let tables = has(View::Analytics) || has(View::Replay) || asks_all;
        let documents = has(View::Search) || asks_all;
        let segments = match (writes_objects, reads_objects) {
            (true, _) => Some(Use::Write),
            (false, true) => Some(Use::Read),
            (false, false) => self.ingest.then_some(Use::Erased),
        };
        Wanted {
            log: Some(views::groups()),
            analytics: tables.then_some(Tables::Of(views::VIEW_GENERATION)),
            search: documents,
            segments,
        }
    }
}

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn run(settings: Settings, roles: Roles) -> anyhow::Result<()> {
    let wanted = roles.wanted();
    let folder = if roles.is_all() {
        Some(DataFolder::open(&settings.server.data_dir)?)
    } else {
        wanted.refuse_embedded(&settings, roles.name)?;
        None
    };
    let settings = with_folder(settings, folder.as_ref());
    let listeners = Listeners::bind(&settings, &roles).await?;
    let credentials = credentials(&settings, &roles, folder.as_ref(), &listeners)?;
    let metrics = observe::install()?;
    let traces = Traces::start(&settings.traces)?;
    let mut signal = std::pin::pin!(stop_signal());

    let opened = tokio::select! {
        opened = open(&settings, &roles, wanted, credentials.as_ref(), &listeners, &metrics) => opened?,
        signal = &mut signal => {
            tracing::info!(signal, "stopped before the engines were there");
            return Ok(());
        }
    };
    let system = Arc::new(opened);
    let leaving = CancellationToken::new();
    let look = look(system.clone(), leaving.clone());
    let upkeep = Upkeep {
        metrics: metrics.clone(),
        look: look.clone(),
        places: folder
            .iter()
            .map(|folder| ("data", folder.path().to_owned()))
            .collect(),
    };
    let upkeep = tokio::spawn(upkeep.run());
    let operators = ops::router(look, metrics).merge(door(&system, &folder, credentials.as_ref()));
    let shop = shop(&settings, credentials.as_ref(), folder.as_ref(), &listeners)?;
    let doors = Doors::new(
        listeners,
        system.edge(),
        system.reader(),
        shop.as_ref(),
        operators,
    )?;
    doors.announce(&roles, credentials.as_ref(), folder.as_ref(), shop.is_some());
    let stop = CancellationToken::new();
    let mut served = tokio::spawn(doors.serve(settings.edge.connection_bounds(), stop.clone()));
    let ended = tokio::select! {
        signal = signal => {
            tracing::info!(signal, "draining");
            Ok(())
        }
        ended = &mut served => ended.context("a door fell"),
    };

    leaving.cancel();
    let doors_closed = async {
        if let Some(shop) = &shop {
            shop.close().await;
        }
        if let Some(edge) = system.edge() {
            edge.drain().await;
        }
        stop.cancel();
        if !served.is_finished() {
            let _ = served.await;
        }
    };
    let drain = Duration::from_secs(settings.server.drain_seconds);
    if tokio::time::timeout(drain, doors_closed).await.is_err() {
        tracing::warn!(
            limit_s = drain.as_secs(),
            "connections were still open (server.drain_seconds)"
        );
    }
    system.close().await;
    upkeep.abort();
    if let Some(traces) = traces {
        traces.stop().await;
    }
    ended
}

/// Opens the engines and starts what runs on them; doors answer 503 until then.
async fn open(
    settings: &Settings,
    roles: &Roles,
    wanted: Wanted,
    credentials: Option<&Credentials>,
    listeners: &Listeners,
    metrics: &PrometheusHandle,
) -> anyhow::Result<System> {
    let waiting = Waiting::default();
    let asked = waiting.clone();
    let operators = ops::router(Arc::new(move || asked.parts()), metrics.clone());
    let closed = doors::Closed::open(listeners, operators, settings.edge.connection_bounds())?;
    let engines = Engines::open(settings, wanted, &waiting).await?;
    let system = System::start(engines, settings, roles, credentials).await?;
    closed.stop().await;
    Ok(system)
}

/// What operators ask of a process that has its engines for itself; elsewhere they ask the engines.
fn door(system: &System, folder: &Option<DataFolder>, credentials: Option<&Credentials>) -> Router {
    match (folder, credentials, system.asked()) {
        (Some(_), Some(credentials), Some(asked)) => operate::door(asked, &credentials.admin_token),
        _ => Router::new(),
    }
}

/// The demo shop, beside everything else in one process.
fn shop(
    settings: &Settings,
    credentials: Option<&Credentials>,
    folder: Option<&DataFolder>,
    listeners: &Listeners,
) -> anyhow::Result<Option<Shop>> {
    match (credentials, folder, &listeners.main) {
        (Some(credentials), Some(folder), Some(main)) => {
            demo::open(settings, credentials, folder.path(), main.local_addr()?)
        }
        _ => Ok(None),
    }
}

/// The settings with the data folder's one spelling.
fn with_folder(mut settings: Settings, folder: Option<&DataFolder>) -> Settings {
    if let Some(folder) = folder {
        settings.server.data_dir = folder.path().to_path_buf();
    }
    settings
}

/// The keys of the file that all roles share, or of the data folder, for roles whose doors ask for keys.
fn credentials(
    settings: &Settings,
    roles: &Roles,
    folder: Option<&DataFolder>,
    listeners: &Listeners,
) -> anyhow::Result<Option<Credentials>> {
    if !roles.ingest && !roles.serve {
        return Ok(None);
    }
    let project = settings.project.id.as_str();
    let shared = &settings.server.credentials_file;
    let named = !shared.as_os_str().is_empty();
    let credentials = match folder {
        Some(folder) if !named => {
            let (url, clickhouse_url) = listeners.urls()?;
            credentials::establish(folder.path(), project, &url, &clickhouse_url)
        }
        _ if named => credentials::shared(shared, project),
        _ => credentials::shared(&credentials::path(&settings.server.data_dir), project),
    };
    credentials.map(Some)
}

/// What readiness is told.
fn look(system: Arc<System>, leaving: CancellationToken) -> observe::Look {
    Arc::new(move || {
        if leaving.is_cancelled() {
            return Parts::from([("process", Err("draining".into()))]);
        }
        system.parts()
    })
}

async fn stop_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("a signal handler can be installed");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}
