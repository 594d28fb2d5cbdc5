//! How full ClickHouse's disks are, asked of itself: in the distributed size they are other machines'.
//!
//! **Failure:** an engine that doesn't answer leaves the figures as they were; that it is away is said elsewhere.

use std::sync::Arc;
use std::time::Duration;

use hindsight_engines::analytics::{Analytics, Query, QueryError, query_rows};
use serde::Deserialize;
use tokio::sync::watch;

const INTERVAL: Duration = Duration::from_secs(30);

/// Object storage reports no bound; only disks that have one can fill up.
const DISKS: &str = "SELECT name, free_space AS free, total_space AS total FROM system.disks \
                     WHERE type = 'Local' AND total_space > 0";

#[derive(Deserialize)]
struct Disk {
    name: String,
    free: u64,
    total: u64,
}

/// Shows them until `stop` turns true or is dropped.
pub async fn watch_disks(engine: Arc<dyn Analytics>, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(error) = show(&*engine).await {
            tracing::debug!(%error, "ClickHouse's disks can't be asked");
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() { return },
        }
    }
}

async fn show(engine: &dyn Analytics) -> Result<(), QueryError> {
    let disks: Vec<Disk> = query_rows(engine, Query::new(DISKS.to_owned())).await?;
    for Disk { name, free, total } in disks {
        let place = format!("clickhouse {name}");
        metrics::gauge!("hindsight_storage_free_bytes", "place" => place.clone()).set(free as f64);
        metrics::gauge!("hindsight_storage_total_bytes", "place" => place).set(total as f64);
    }
    Ok(())
}
