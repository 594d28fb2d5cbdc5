//! The demo shop of an all-in-one process: whether it is open, and what it is given.
//!
//! By default it is open where somebody tries Hindsight out - the process listens to this machine alone and serves the
//! project that nobody named - and nowhere else: visitors of the shop are recorded into that project.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use axum::extract::ConnectInfo;
use axum::http::Extensions;
use hindsight_demo::{Shop, ShopOptions};
use hindsight_ingest::PeerAddr;

use crate::credentials::Credentials;
use crate::settings::{DEFAULT_PROJECT, Demo, Settings};

/// Opens the shop, where the settings want one.
pub(crate) fn open(
    settings: &Settings,
    credentials: &Credentials,
    data_dir: &Path,
    listening: SocketAddr,
) -> anyhow::Result<Option<Shop>> {
    if !is_open(settings, listening) {
        return Ok(None);
    }
    let options = ShopOptions {
        edge_url: credentials.url.clone(),
        write_key: credentials.write_key.clone(),
        browser_key: credentials.browser_key.clone(),
        spill_folder: data_dir.join("demo-spill"),
        find_ip: peer,
    };
    let shop = Shop::open(options)
        .context("the demo shop can't be opened (server.demo = \"off\" does without it)")?;
    Ok(Some(shop))
}

fn is_open(settings: &Settings, listening: SocketAddr) -> bool {
    match settings.server.demo {
        Demo::On => true,
        Demo::Off => false,
        Demo::Auto => listening.ip().is_loopback() && settings.project.id.as_str() == DEFAULT_PROJECT,
    }
}

fn peer(extensions: &Extensions) -> Option<String> {
    let ConnectInfo(PeerAddr(address)) = extensions.get::<ConnectInfo<PeerAddr>>()?;
    Some(address.ip().to_canonical().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(demo: Demo, project: &str, listening: &str, expected: bool) {
        let mut settings = Settings::default();
        settings.server.demo = demo;
        settings.project.id = project.parse().unwrap();
        let found = is_open(&settings, listening.parse().unwrap());
        assert_eq!(found, expected, "{demo:?} {project} {listening}");
    }

    #[test]
    fn it_is_open_where_somebody_tries_it_out() {
        check(Demo::Auto, DEFAULT_PROJECT, "127.0.0.1:8080", true);
        check(Demo::Auto, DEFAULT_PROJECT, "[::1]:8080", true);
        check(Demo::Auto, DEFAULT_PROJECT, "0.0.0.0:8080", false);
        check(Demo::Auto, "shop", "127.0.0.1:8080", false);
        check(Demo::On, "shop", "0.0.0.0:8080", true);
        check(Demo::Off, DEFAULT_PROJECT, "127.0.0.1:8080", false);
    }
}
