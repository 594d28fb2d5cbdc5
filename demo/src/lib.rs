//! The demo: a small shop under `/demo/` that is recorded by the browser recorder and tells what was done by the Rust
//! client, as any other site and service would. It is also the example of how a service in Rust is audited (`till.rs`).
//!
//! **Invariants:** nothing of it is read by any other part; all that is shown is escaped by the templates, and the pages
//! run under a policy without inline scripts, because they share an origin with the console. What a visitor types about
//! themself - card, phone, identity number, password - stays in their browser (`assets/pay.js`, `assets/shop.js`).
//!
//! State is in memory and bounded ([`orders`]): a restart forgets the orders, as a demo may. Cart, language and who is
//! signed in lie in the visitor's cookies.

mod cart;
mod catalogue;
mod money;
mod order;
mod orders;
mod pages;
mod people;
mod routes;
mod till;
mod visitor;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hindsight_client::{HindsightClient, Options, OptionsError, VisitLayer};
use http::Extensions;

use crate::till::Till;

/// Short, so that what was done is found at once.
const BATCH_WAIT: Duration = Duration::from_millis(500);
const CLOSE_WAIT: Duration = Duration::from_secs(3);
/// A demo's share of the disk while the edge is away.
const SPILL_BYTES: u64 = 16 << 20;

/// What the shop needs of the server that it shows.
#[derive(Debug, Clone)]
pub struct ShopOptions {
    /// Where the edge is: audit events go there.
    pub edge_url: String,
    /// The server key, for the shop's own service.
    pub write_key: String,
    /// The browser key, for its pages.
    pub browser_key: String,
    /// Where audit events are kept while the edge is away.
    pub spill_folder: PathBuf,
    /// How the sender's address is found in a request.
    pub find_ip: fn(&Extensions) -> Option<String>,
}

/// The shop.
pub struct Shop {
    till: Arc<Till>,
    browser_key: Arc<str>,
    find_ip: fn(&Extensions) -> Option<String>,
}

/// What the handlers share.
#[derive(Clone)]
struct Counter {
    till: Arc<Till>,
    browser_key: Arc<str>,
}

impl Shop {
    /// Opens the shop. The edge may still be on its way up.
    pub fn open(options: ShopOptions) -> Result<Self, OptionsError> {
        let client = HindsightClient::start(Options {
            batch_wait: BATCH_WAIT,
            close_wait: CLOSE_WAIT,
            spill_folder: Some(options.spill_folder),
            spill_bytes: SPILL_BYTES,
            mask_phones: true,
            ..Options::to(options.edge_url, options.write_key)
        })?;
        Ok(Self {
            till: Arc::new(Till::new(client)),
            browser_key: options.browser_key.into(),
            find_ip: options.find_ip,
        })
    }

    /// Its pages and calls: everything under `/demo`.
    pub fn routes(&self) -> Router {
        let counter = Counter {
            till: self.till.clone(),
            browser_key: self.browser_key.clone(),
        };
        routes::routes(counter).layer(VisitLayer::new().with_ip(self.find_ip))
    }

    /// Sends what is waiting, or keeps it on disk for the next start. Afterwards nothing is sold: an operation whose
    /// event can't be kept is refused.
    pub async fn close(&self) {
        self.till.close().await;
    }
}
