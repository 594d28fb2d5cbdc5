//! Addresses: can they be listened on?

use std::net::TcpListener;

use super::{Finding, Status};

/// Tries an address. `running`: a server runs on the folder, so a taken port is most likely its own.
pub(super) fn address(setting: &'static str, address: &str, running: bool) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::new(setting, Status::Ok, format!("{address} is free")),
        Err(error) if running && error.kind() == std::io::ErrorKind::AddrInUse => Finding::new(
            setting,
            Status::Ok,
            format!("{address} is in use, as the running server's own would be"),
        ),
        Err(error) => Finding::new(setting, Status::Fail, format!("{address}: {error}")).remedy(format!(
            "stop what listens there (`ss -ltnp`), or set {setting} to another address"
        )),
    }
}
