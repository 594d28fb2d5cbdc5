//! Listening: every address is taken before anything is opened, so that a port in use costs nothing.

use tokio::net::TcpListener;

use super::Roles;
use crate::failure::Failure;
use crate::settings::Settings;

/// The listeners of a process.
pub(super) struct Listeners {
    /// Edge, API, console; health and metrics too where those have none of their own. None where that is all there
    /// would be and they have.
    pub(super) main: Option<TcpListener>,
    /// The read-only ClickHouse door.
    pub(super) clickhouse: Option<TcpListener>,
    /// Health and metrics, where they are apart.
    pub(super) ops: Option<TcpListener>,
}

impl Listeners {
    /// Takes all addresses.
    pub(super) async fn bind(settings: &Settings, roles: &Roles) -> Result<Self, Failure> {
        let server = &settings.server;
        let has_ops = !server.ops_listen.is_empty();
        let has_main = roles.ingest || roles.serve || !has_ops;
        let (main, clickhouse, ops) = (&server.listen, &server.clickhouse_listen, &server.ops_listen);
        Ok(Self {
            ops: bind(has_ops, ops, "server.ops_listen", "--ops-listen").await?,
            main: bind(has_main, main, "server.listen", "--listen").await?,
            clickhouse: bind(
                roles.serve,
                clickhouse,
                "server.clickhouse_listen",
                "--clickhouse-listen",
            )
            .await?,
        })
    }

    /// The addresses of the main and the ClickHouse door; empty where there is none.
    pub(super) fn urls(&self) -> std::io::Result<(String, String)> {
        let url = |listener: &Option<TcpListener>| listener.as_ref().map_or(Ok(String::new()), url);
        Ok((url(&self.main)?, url(&self.clickhouse)?))
    }
}

async fn bind(
    wanted: bool,
    address: &str,
    setting: &'static str,
    flag: &'static str,
) -> Result<Option<TcpListener>, Failure> {
    if !wanted {
        return Ok(None);
    }
    let bound = TcpListener::bind(address).await.map_err(|error| Failure::Listen {
        address: address.into(),
        setting,
        flag,
        reason: error.to_string(),
    });
    bound.map(Some)
}

/// The address as people open it in a browser on this machine.
pub(super) fn url(listener: &TcpListener) -> std::io::Result<String> {
    let address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        return Ok(format!("http://127.0.0.1:{}", address.port()));
    }
    Ok(format!("http://{address}"))
}
