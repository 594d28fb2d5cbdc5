//! Everything in one process: the order of start and stop.
//!
//! Start: folder locked, addresses taken, engines opened, lanes running, doors open. Stop is the other way round:
//! doors closed (requests in flight are answered), lanes drained to a commit, engines closed. Whatever fails on
//! the way up ends the process with the reason and nothing half started.

mod listen;
mod ops;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::listen::Listeners;
use self::ops::Readiness;
use crate::credentials::{self, Credentials};
use crate::data_folder::DataFolder;
use crate::settings::Settings;

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let folder = DataFolder::open(&settings.server.data_dir)?;
    let listeners = Listeners::bind(&settings).await?;
    let metrics = PrometheusBuilder::new()
        .install_recorder()
        .context("metrics can't be recorded")?;
    let url = listen::url(&listeners.main)?;
    let clickhouse_url = listen::url(&listeners.clickhouse)?;
    let credentials = credentials::establish(folder.path(), &settings.project.id, &url, &clickhouse_url)?;

    let readiness = Readiness::default();
    let stop = CancellationToken::new();
    readiness.set("log", Ok(()));
    let operators = ops::router(readiness, metrics);
    announce(&credentials, &folder);
    let served = serve(listeners, Router::new(), operators, stop.clone());
    tokio::pin!(served);
    tokio::select! {
        ended = &mut served => return ended,
        signal = stop_signal() => tracing::info!(signal, "draining"),
    }
    stop.cancel();
    let drain = Duration::from_secs(settings.server.drain_seconds);
    tokio::time::timeout(drain, served).await.unwrap_or_else(|_| {
        tracing::warn!(
            limit_s = drain.as_secs(),
            "connections were still open (server.drain_seconds)"
        );
        Ok(())
    })
}

/// Serves until stopped and the last request is answered. Operators' routes have a listener of their own, or are
/// on the main one.
async fn serve(
    listeners: Listeners,
    main: Router,
    ops: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Some(apart) = listeners.ops else {
        return listen_on(listeners.main, main.merge(ops), stop).await;
    };
    tokio::try_join!(
        listen_on(listeners.main, main, stop.clone()),
        listen_on(apart, ops, stop)
    )?;
    Ok(())
}

async fn listen_on(listener: TcpListener, routes: Router, stop: CancellationToken) -> anyhow::Result<()> {
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .context("a listener ended")
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
