//! That nobody makes views: neither at the beginning of a rebuild, nor until its end.
//!
//! **Invariants:** a lane that wrote something has committed since, or is a member still, so equal commits and no members
//! mean that no lane wrote. Lifecycle works on partitions that it holds in its group; the rebuild itself holds all of them
//! there, so whoever closes or removes, and a second rebuild, has none until one is taken from this one ([`Held::has_lost`]).
//! (Over an embedded log the lock on the data folder says the same.) **Bound:** [`JOINED_WITHIN`] to become the only member.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hindsight_engines::log::{Committed, EventLog};
use hindsight_processors::lifecycle::{Held, Ownership};
use hindsight_processors::rebuild::Commits;
use hindsight_schemas::ids::{Partition, Topic};

use crate::roles::{View, lifecycle_group, scrub_group};

const JOINED_WITHIN: Duration = Duration::from_secs(60);
const ASKED_EVERY: Duration = Duration::from_millis(100);

type AllCommits = Vec<(View, Partition, Committed)>;

/// How the lanes stood.
pub(super) struct Standstill {
    log: Arc<dyn EventLog>,
    commits: AllCommits,
    ownership: Ownership,
}

impl Standstill {
    /// Refuses where somebody is at work; from then on no second rebuild begins.
    pub(super) async fn found(log: Arc<dyn EventLog>) -> anyhow::Result<Self> {
        nobody_works(&*log, 0).await?;
        let ownership = Ownership::join(log.clone(), lifecycle_group(), Topic::Recordings)
            .context("no thread for the membership that keeps others away")?;
        let found = async {
            alone(&*log, &ownership.held()).await?;
            commits(&*log).await
        };
        match found.await {
            Ok(commits) => Ok(Self {
                log,
                commits,
                ownership,
            }),
            Err(error) => {
                ownership.leave().await;
                Err(error)
            }
        }
    }

    /// Refuses where somebody is at work, or was meanwhile.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        nobody_works(&*self.log, 1).await?;
        if self.ownership.held().has_lost() {
            bail!(
                "this process was not alone in the group {} all the time: a `hindsight process` has run meanwhile, or the \
                 log was away for longer than log.session_timeout_ms; stop it, and begin again",
                lifecycle_group()
            );
        }
        if commits(&*self.log).await? != self.commits {
            bail!("a `hindsight process` has run meanwhile: stop it, and begin again");
        }
        Ok(())
    }

    /// Where the lanes of a view go on.
    pub(super) fn commits_of(&self, view: View) -> Commits {
        let of_view = self.commits.iter().filter(|(of, ..)| *of == view);
        of_view
            .map(|(_, partition, committed)| (*partition, committed.clone()))
            .collect()
    }

    /// Others may work again.
    pub(super) async fn end(self) {
        self.ownership.leave().await;
    }
}

/// Waits until this process has all that lifecycle could work on.
async fn alone(log: &dyn EventLog, held: &Held) -> anyhow::Result<()> {
    let all = log.partitions(Topic::Recordings) as usize;
    let began = Instant::now();
    while held.partitions().len() < all {
        nobody_works(log, 1).await?;
        if began.elapsed() > JOINED_WITHIN {
            bail!(
                "the log does not give this process the group {} within {} s: begin again when it answers",
                lifecycle_group(),
                JOINED_WITHIN.as_secs()
            );
        }
        tokio::time::sleep(ASKED_EVERY).await;
    }
    nobody_works(log, 1).await
}

/// Refuses where a group has members, besides so many of lifecycle's that are this process.
async fn nobody_works(log: &dyn EventLog, own: usize) -> anyhow::Result<()> {
    // A scrubber would look at what is replaced.
    for group in View::ALL.map(View::group).into_iter().chain([scrub_group()]) {
        refuse(&group, log.members(&group).await?)?;
    }
    let group = lifecycle_group();
    refuse(&group, log.members(&group).await?.saturating_sub(own))
}

fn refuse(group: &str, others: usize) -> anyhow::Result<()> {
    if others == 0 {
        return Ok(());
    }
    bail!(
        "{others} processes are in the group {group}: stop every `hindsight process` first, let another `hindsight rebuild` \
         end, and wait until the log has let go those that were killed (log.session_timeout_ms)"
    )
}

async fn commits(log: &dyn EventLog) -> anyhow::Result<AllCommits> {
    let mut found = AllCommits::new();
    for view in View::ALL {
        for &topic in view.topics() {
            for partition in 0..log.partitions(topic) {
                let partition = Partition { topic, partition };
                if let Some(committed) = log.committed(&view.group(), partition).await? {
                    found.push((view, partition, committed));
                }
            }
        }
    }
    Ok(found)
}
