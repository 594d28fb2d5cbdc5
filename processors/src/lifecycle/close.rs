//! Closes one session: its frames into one object, the claim, the index rows of the generation, the facts.
//!
//! **Invariant:** the claim is the commit point. What comes behind it (index, facts) is made from it and is written
//! again by whoever closes next, so a crash in between costs nothing. Where the standing generation holds all there
//! is, no other one is made; only its index and facts are brought up to date. A session with frames that can't be read
//! gets its facts and no generation: its objects stay as they are, so that one that is restored from a copy is seen again.

use std::sync::Arc;

use hindsight_engines::analytics::{
    Analytics, ExpectedBlock, ExpectedRow, InsertError, QueryError, SettleError, expected_blocks, settle,
};
use hindsight_engines::replay::{ReplayError, ReplayIndex};
use hindsight_engines::segments::format::Footer;
use hindsight_engines::segments::{Class, CompactError, CompactOptions, Keep, Manifest, Month, compact};
use hindsight_schemas::row_binary::{Micros, Millis};

use super::candidates::Candidate;
use super::facts::session_row;
use crate::erasure::ErasedSessions;
use crate::replay::generation_rows;

/// Why a session was not closed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum CloseError {
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Compact(#[from] CompactError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Settle(#[from] SettleError),
    #[error(transparent)]
    Insert(#[from] InsertError),
    #[error("retention class {0:?} can't be part of a path")]
    Class(String),
}

/// What became of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// A new generation stands.
    Generation(u32),
    /// The generation that stood holds all there is.
    AsItWas,
    /// Frames can't be read: the facts say so, nothing was packed anew.
    Damaged,
    /// The index of analytics is ahead of the replay index: later.
    NotYet,
}

pub(super) struct Closing<'a> {
    pub(super) analytics: &'a dyn Analytics,
    pub(super) replays: &'a ReplayIndex,
    pub(super) erased: &'a ErasedSessions,
    pub(super) database: &'a str,
    pub(super) options: CompactOptions,
}

impl Closing<'_> {
    pub(super) async fn close(&self, candidate: &Candidate) -> Result<Closed, CloseError> {
        let Some(manifest) = self
            .replays
            .manifest(&candidate.project, candidate.session)
            .await?
        else {
            return Ok(Closed::NotYet);
        };
        let shown: usize = manifest
            .tabs
            .iter()
            .map(|tab| tab.batches.len() + tab.lost.len())
            .sum();
        if (shown as u64) < candidate.batches {
            return Ok(Closed::NotYet);
        }
        if !manifest.unreadable.is_empty() {
            return self.close_damaged(candidate, &manifest).await;
        }
        let manifest = Arc::new(manifest);
        let before = manifest.generation();
        let claim = match manifest.standing() {
            Some(standing) => Footer::clone(standing),
            None => {
                let store = self.replays.segments().clone();
                compact(store, manifest.clone(), &keep(&manifest)?, self.options)
                    .await
                    .inspect_err(|error| self.look_again_if_damaged(candidate, error))?
                    .claim
            }
        };
        let generation = claim.session.as_ref().map_or(0, |session| session.generation);
        let name = format!("close/{}/{}/{generation}", candidate.project, candidate.session);

        let segments = generation_rows(&claim);
        let stored_bytes = segments.iter().map(|row| row.bytes).sum();
        let now = jiff::Timestamp::now();
        let closed_at = Millis(now.as_millisecond());
        let facts = session_row(
            self.analytics,
            self.database,
            &manifest,
            generation,
            stored_bytes,
            closed_at,
        )
        .await?;

        if generation == before && candidate.closed_batches > 0 {
            // The index stands since that close; its facts were made before analytics knew all of the batches. Of
            // rows of one generation the last to be inserted counts.
            let name = format!("{name}/{}", facts.as_ref().map_or(0, |row| row.batches));
            for facts in expected_blocks(self.database, &name, facts.as_slice()) {
                self.analytics.insert(&facts.block).await?;
            }
            return Ok(Closed::AsItWas);
        }
        let mut blocks = expected_blocks(self.database, &name, &segments);
        blocks.extend(expected_blocks(self.database, &name, facts.as_slice()));
        self.settle(&name, &blocks, Micros(now.as_microsecond())).await?;
        Ok(if generation == before {
            Closed::AsItWas
        } else {
            Closed::Generation(generation)
        })
    }

    async fn settle(&self, name: &str, blocks: &[ExpectedBlock], now: Micros) -> Result<(), SettleError> {
        let is_erased = |row: &ExpectedRow| {
            row.project
                .parse()
                .is_ok_and(|project| self.erased.contains_uuid(&project, row.owner))
        };
        settle(self.analytics, name, blocks, &is_erased, now).await?;
        Ok(())
    }

    /// A frame that was whole when the manifest was made is not: the next manifest goes around it.
    fn look_again_if_damaged(&self, candidate: &Candidate, error: &CompactError) {
        if matches!(error, CompactError::Read(read) if read.is_damage()) {
            self.replays.look_again(&candidate.project, candidate.session);
        }
    }

    /// The facts of a session that can't be packed. They carry the number of the generation that stands, so a later one
    /// replaces them; among facts of one number the last insert wins, so these are not looked for first.
    async fn close_damaged(&self, candidate: &Candidate, manifest: &Manifest) -> Result<Closed, CloseError> {
        let generation = manifest.generation();
        let (project, session, batches) = (&candidate.project, candidate.session, candidate.batches);
        let name = format!("close-damaged/{project}/{session}/{generation}/{batches}");
        let stored_bytes = manifest.frames.iter().map(|frame| frame.described.bytes).sum();
        let closed_at = Millis(jiff::Timestamp::now().as_millisecond());
        let facts = session_row(
            self.analytics,
            self.database,
            manifest,
            generation,
            stored_bytes,
            closed_at,
        )
        .await?;
        for expected in expected_blocks(self.database, &name, facts.as_slice()) {
            self.analytics.insert(&expected.block).await?;
        }
        Ok(Closed::Damaged)
    }
}

/// The class and month of the batch that is kept longest.
fn keep(manifest: &Manifest) -> Result<Keep, CloseError> {
    let longest = manifest.longest_kept();
    let name = longest.map_or("standard", |batch| batch.retention_class.as_str());
    let class: Class = name.parse().map_err(|_| CloseError::Class(name.to_owned()))?;
    Ok(Keep {
        class,
        month: Month::of(longest.map_or(0, |batch| batch.expires_at_s)),
    })
}
