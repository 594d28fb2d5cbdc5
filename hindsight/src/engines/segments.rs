//! Replay segments: the folder `D/segments`, or an S3 bucket.

use std::sync::Arc;

use anyhow::Context;
use hindsight_engines::segments::{
    Access, LocalSegments, Prefix, S3Options, SegmentStore, StoreError, connect_s3, open_s3,
};

use super::Use;
use super::patience::{Patience, Trouble};
use super::pulse::Pulse;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::settings::engines::SegmentsKind;

/// Segments, opened.
pub(super) struct OpenedSegments {
    store: Arc<dyn SegmentStore>,
    watch: Watch,
}

/// How it is known whether they answer.
enum Watch {
    /// A folder answers.
    Folder,
    Asked(Pulse),
    /// Nobody waits for them.
    Unasked,
}

impl OpenedSegments {
    pub(super) async fn open(settings: &Settings, usage: Use, patience: &Patience) -> anyhow::Result<Self> {
        if settings.segments.kind == SegmentsKind::Folder {
            let opened = LocalSegments::open(&settings.server.data_dir.join("segments"));
            return Ok(Self {
                store: Arc::new(opened.context("the replay segments can't be opened")?),
                watch: Watch::Folder,
            });
        }
        let options = &settings.segments.s3.options;
        let access = match usage {
            Use::Erased => return Self::unasked(options),
            Use::Read => Access::Read,
            Use::Write => Access::ReadWrite,
        };
        let store = patience.open("segments", || connect(options, access)).await?;
        let watched = store.clone();
        Ok(Self {
            store,
            watch: Watch::Asked(Pulse::of(move || ask(watched.clone()))),
        })
    }

    fn unasked(options: &S3Options) -> anyhow::Result<Self> {
        let store = connect_s3(options).map_err(|error| Failure::EngineRefused {
            part: "segments",
            reason: error.to_string(),
        })?;
        Ok(Self {
            store: Arc::new(store),
            watch: Watch::Unasked,
        })
    }

    pub(super) fn shared(&self) -> Arc<dyn SegmentStore> {
        self.store.clone()
    }

    /// None where nobody waits for them.
    pub(super) fn health(&self) -> Option<Result<(), String>> {
        match &self.watch {
            Watch::Folder => Some(Ok(())),
            Watch::Asked(pulse) => Some(pulse.health()),
            Watch::Unasked => None,
        }
    }
}

async fn connect(options: &S3Options, access: Access) -> Result<Arc<dyn SegmentStore>, Trouble> {
    match open_s3(options, access).await {
        Ok(store) => Ok(Arc::new(store)),
        Err(StoreError::Engine { path, source }) => Err(Trouble::Away(chain(&path, &*source))),
        Err(other) => Err(Trouble::Refused(other.to_string())),
    }
}

async fn ask(store: Arc<dyn SegmentStore>) -> Result<(), String> {
    let listed = store.list(&Prefix::Erased, None, 1).await;
    listed.map(drop).map_err(|error| match error {
        StoreError::Engine { path, source } => chain(&path, &*source),
        other => other.to_string(),
    })
}

/// An error with its causes, which a client of HTTP keeps out of its own words.
fn chain(path: &str, error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    format!("segment store failed at {path}: {}", words.join(": "))
}
