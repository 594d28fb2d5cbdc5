//! Listening: every address is taken before anything is opened, so that a port in use costs nothing.

use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::settings::Settings;

/// The listeners of an all-in-one process.
pub(super) struct Listeners {
    /// Edge, API, console.
    pub(super) main: TcpListener,
    /// The read-only ClickHouse door.
    pub(super) clickhouse: TcpListener,
    /// Health and metrics, where they are apart.
    pub(super) ops: Option<TcpListener>,
}

impl Listeners {
    /// Takes all addresses.
    pub(super) async fn bind(settings: &Settings) -> Result<Self, Failure> {
        let server = &settings.server;
        let ops = match server.ops_listen.as_str() {
            "" => None,
            address => Some(bind(address, "server.ops_listen", "--ops-listen").await?),
        };
        Ok(Self {
            main: bind(&server.listen, "server.listen", "--listen").await?,
            clickhouse: bind(
                &server.clickhouse_listen,
                "server.clickhouse_listen",
                "--clickhouse-listen",
            )
            .await?,
            ops,
        })
    }
}

async fn bind(address: &str, setting: &'static str, flag: &'static str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| Failure::Listen {
        address: address.into(),
        setting,
        flag,
        reason: error.to_string(),
    })
}

/// The address as people open it in a browser on this machine.
pub(super) fn url(listener: &TcpListener) -> std::io::Result<String> {
    let address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        return Ok(format!("http://127.0.0.1:{}", address.port()));
    }
    Ok(format!("http://{address}"))
}
