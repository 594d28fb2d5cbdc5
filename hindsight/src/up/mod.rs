//! Everything in one process: the order of start and stop.
//!
//! Start: folder locked, addresses taken, engines opened, lanes running, doors open. Stop is the other way round:
//! doors closed (requests in flight are answered), lanes drained to a commit, engines closed. Whatever fails on
//! the way up ends the process with the reason and nothing half started.

mod engines;
mod front;
mod lanes;
mod listen;
mod ops;
mod system;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hindsight_ingest::{ConnectionBounds, serve};
use tokio_util::sync::CancellationToken;

use self::listen::Listeners;
use self::system::System;
use crate::credentials::{self, Credentials};
use crate::data_folder::DataFolder;
use crate::observe::{self, Traces, Upkeep};
use crate::settings::Settings;

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let folder = DataFolder::open(&settings.server.data_dir)?;
    let listeners = Listeners::bind(&settings).await?;
    let metrics = observe::install()?;
    let traces = Traces::start(&settings.traces)?;
    let system = Arc::new(System::open(folder.path(), &settings).await?);

    let (url, clickhouse_url) = (listen::url(&listeners.main)?, listen::url(&listeners.clickhouse)?);
    let credentials =
        credentials::establish(folder.path(), settings.project.id.as_str(), &url, &clickhouse_url)?;
    let edge = front::edge(&settings, &credentials, &system)?;
    let looked_at = system.clone();
    let look: observe::Look = Arc::new(move || looked_at.parts());
    let upkeep = Upkeep {
        metrics: metrics.clone(),
        look: look.clone(),
        places: vec![("data", folder.path().to_owned())],
    };
    let upkeep = tokio::spawn(upkeep.run());
    let operators = ops::router(look, metrics);

    let reader = front::reader(&settings, &credentials, &system)?;
    let beside = hindsight_ingest::routes(edge.clone()).merge(front::contract()?);
    let main = hindsight_query_api::router(reader.clone(), beside);
    let doors = Doors {
        listeners,
        main,
        clickhouse: hindsight_query_api::sql::door(reader),
        operators,
    };
    let stop = CancellationToken::new();
    let mut served = tokio::spawn(doors.serve(settings.edge.connection_bounds(), stop.clone()));
    announce(&credentials, &folder);
    let ended = tokio::select! {
        signal = stop_signal() => {
            tracing::info!(signal, "draining");
            Ok(())
        }
        ended = &mut served => ended.context("a door fell"),
    };

    let drain = Duration::from_secs(settings.server.drain_seconds);
    let doors_closed = async {
        edge.drain().await;
        stop.cancel();
        if !served.is_finished() {
            let _ = served.await;
        }
    };
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

/// What is served where.
struct Doors {
    listeners: Listeners,
    main: Router,
    clickhouse: Router,
    operators: Router,
}

impl Doors {
    /// Serves until stopped and the last request is answered. Operators' routes have a listener of their own, or
    /// are on the main one.
    async fn serve(self, bounds: ConnectionBounds, stop: CancellationToken) {
        let Listeners {
            main: main_listener,
            clickhouse,
            ops,
        } = self.listeners;
        let main = if ops.is_some() {
            self.main
        } else {
            self.main.merge(self.operators.clone())
        };
        let operators = async {
            match ops {
                Some(listener) => serve(listener, self.operators, bounds, stop.clone()).await,
                None => stop.cancelled().await,
            }
        };
        tokio::join!(
            serve(main_listener, main, bounds, stop.clone()),
            serve(clickhouse, self.clickhouse, bounds, stop.clone()),
            operators,
        );
    }
}

fn announce(credentials: &Credentials, folder: &DataFolder) {
    println!("console      {}/", credentials.url);
    println!("clickhouse   {}", credentials.clickhouse_url);
    println!("credentials  {}", credentials::path(folder.path()).display());
}

async fn stop_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("a signal handler can be installed");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}
