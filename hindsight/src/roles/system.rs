//! What runs behind the doors of one process: its engines, and of views, lifecycle, edge and read side those that its
//! role has.
//!
//! **Invariant:** what writes is stopped before what it writes to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use futures::future::OptionFuture;
use hindsight_engines::replay::ReplayIndex;
use hindsight_ingest::Edge;
use hindsight_processors::erasure::ErasedSessions;
use hindsight_query_api::Reader;

use super::lifecycle::Lifecycle;
use super::scrub::Scrub;
use super::tasks::Tasks;
use super::views::{Lanes, VIEW_GENERATION};
use super::{Roles, edge, reader};
use crate::credentials::Credentials;
use crate::engines::{Engines, Parts};
use crate::operate::Asked;
use crate::settings::Settings;

/// A process at work.
pub(super) struct System {
    edge: Option<Arc<Edge>>,
    reader: Option<Arc<Reader>>,
    /// None once closed.
    running: Mutex<Option<Running>>,
}

/// What runs by itself and must be stopped.
struct Running {
    engines: Engines,
    lanes: Lanes,
    lifecycle: Option<Lifecycle>,
    scrub: Option<Scrub>,
    /// What keeps the doors informed.
    tasks: Tasks,
}

impl System {
    /// Starts what the roles have.
    pub(super) async fn start(
        engines: Engines,
        settings: &Settings,
        roles: &Roles,
        credentials: Option<&Credentials>,
    ) -> anyhow::Result<Self> {
        let makes_views = !roles.views.is_empty() || roles.lifecycle;
        let erased = engines.segments_if_opened().map(ErasedSessions::new);
        if let (true, Some(erased)) = (makes_views || roles.scrub, &erased) {
            erased
                .load()
                .await
                .context("the list of erased sessions can't be read")?;
        }
        let mut tasks = Tasks::new();
        let lanes = Lanes::start(settings, &engines, erased.as_ref(), &roles.views)?;
        let replays = (roles.lifecycle || roles.scrub || roles.serve).then(|| replays(&engines));
        let lifecycle = match (&replays, &erased) {
            (Some(replays), Some(erased)) if roles.lifecycle => {
                Some(Lifecycle::start(settings, &engines, replays.clone(), erased)?)
            }
            _ => None,
        };
        let scrub = match (&replays, &erased) {
            (Some(replays), Some(erased)) if roles.scrub => {
                Scrub::start(settings, &engines, replays.clone(), erased)?
            }
            _ => None,
        };
        let edge = match (erased, credentials) {
            (Some(erased), Some(credentials)) if roles.ingest => {
                if !makes_views {
                    tasks.spawn(|stopped| edge::keep_listed(erased.clone(), stopped));
                }
                Some(edge::edge(settings, credentials, &engines, erased)?)
            }
            _ => None,
        };
        let reader = match (replays, credentials) {
            (Some(replays), Some(credentials)) if roles.serve => Some(reader::reader(
                settings,
                credentials,
                &engines,
                replays,
                edge.as_ref().map(|edge| edge.activity()),
                &mut tasks,
            )?),
            _ => None,
        };
        let running = Mutex::new(Some(Running {
            engines,
            lanes,
            lifecycle,
            scrub,
            tasks,
        }));
        Ok(Self {
            edge,
            reader,
            running,
        })
    }

    pub(super) fn edge(&self) -> Option<Arc<Edge>> {
        self.edge.clone()
    }

    pub(super) fn reader(&self) -> Option<Arc<Reader>> {
        self.reader.clone()
    }

    /// What operators may ask about; none once closed.
    pub(super) fn asked(&self) -> Option<Asked> {
        let running = self.running();
        let engines = &running.as_ref()?.engines;
        Some(Asked::new(engines.log(), engines.segments_if_opened()))
    }

    /// Which part is away, in its own words.
    pub(super) fn parts(&self) -> Parts {
        let running = self.running();
        let Some(Running { engines, lanes, .. }) = &*running else {
            return Parts::from([("process", Err("stopping".into()))]);
        };
        let mut parts = engines.parts();
        for lane in lanes.status() {
            let part = parts.entry(lane.materializer).or_insert(Ok(()));
            if let Some(error) = lane.error {
                *part = Err(format!("{}: {error}", lane.partition));
            }
        }
        parts
    }

    /// Lets the views commit what is done, then closes the engines.
    pub(super) async fn close(&self) {
        let Some(running) = self.running().take() else {
            return;
        };
        running.tasks.stop().await;
        // Each leaves its group, which takes a poll.
        let scrub = running.scrub.map(Scrub::stop);
        let lifecycle = running.lifecycle.map(Lifecycle::stop);
        tokio::join!(OptionFuture::from(scrub), OptionFuture::from(lifecycle));
        running.lanes.stop().await;
        running.engines.close().await;
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replays(engines: &Engines) -> Arc<ReplayIndex> {
    Arc::new(ReplayIndex::new(
        engines.analytics(),
        engines.segments(),
        VIEW_GENERATION,
    ))
}
