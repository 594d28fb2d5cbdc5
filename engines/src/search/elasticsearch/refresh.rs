//! Makes what was written searchable: those who wait at the same time share one request.
//!
//! **Invariant:** who is answered was covered by a refresh that began after they asked. Elasticsearch makes a
//! small segment at each refresh, so one for each write would cost the merges of all of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use elasticsearch::http::Method;
use serde::Deserialize;

use super::super::SearchError;
use super::client::{Client, Request, read};

/// Names in one address, which may have 4,096 bytes.
const NAMES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Refresher {
    asked: Mutex<Asked>,
    /// The number of the last asker that is covered.
    covered: tokio::sync::Mutex<u64>,
}

#[derive(Debug, Default)]
struct Asked {
    askers: u64,
    /// Each with the last who asked for it; gone only when that one is covered, so that an asker who went away
    /// in the middle takes nothing along.
    indices: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "_shards")]
    shards: Shards,
}

#[derive(Deserialize)]
struct Shards {
    failed: u32,
}

impl Refresher {
    pub(super) async fn refresh(
        &self,
        client: &Client,
        indices: impl IntoIterator<Item = String>,
    ) -> Result<(), SearchError> {
        let mine = self.ask(indices);
        let mut covered = self.covered.lock().await;
        if *covered >= mine {
            return Ok(());
        }
        let (all, indices): (u64, Vec<String>) = {
            let asked = self.asked();
            (asked.askers, asked.indices.keys().cloned().collect())
        };
        send(client, &indices).await?;
        self.asked().indices.retain(|_, asker| *asker > all);
        *covered = all;
        Ok(())
    }

    fn ask(&self, indices: impl IntoIterator<Item = String>) -> u64 {
        let mut asked = self.asked();
        asked.askers += 1;
        let mine = asked.askers;
        asked
            .indices
            .extend(indices.into_iter().map(|index| (index, mine)));
        mine
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn send(client: &Client, indices: &[String]) -> Result<(), SearchError> {
    for names in indices.chunks(NAMES) {
        let path = format!("{}/_refresh", names.join(","));
        let answer = client.send(&Request::new(Method::Post, path, None)).await?;
        let failed = read::<Answer>(&answer)?.shards.failed;
        if failed > 0 {
            return Err(SearchError::Engine(format!("refresh failed on {failed} shards")));
        }
    }
    Ok(())
}
