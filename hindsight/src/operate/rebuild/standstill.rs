//! That no lane runs: neither at the beginning of a rebuild, nor until its end.
//!
//! **Invariant:** a lane that wrote something has committed since, or is a member still; so equal commits and no members
//! mean that nothing was written. (Over an embedded log the lock on the data folder says the same.)

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::bail;
use hindsight_engines::log::{Committed, EventLog};
use hindsight_schemas::ids::{Offset, Partition};

use crate::roles::{View, lifecycle_group, scrub_group};

type Commits = BTreeMap<(&'static str, Partition), Committed>;

/// How the lanes stood.
pub(super) struct Standstill {
    log: Arc<dyn EventLog>,
    commits: Commits,
}

impl Standstill {
    /// Refuses where somebody is at work.
    pub(super) async fn found(log: Arc<dyn EventLog>) -> anyhow::Result<Self> {
        nobody_works(&*log).await?;
        let commits = commits(&*log).await?;
        Ok(Self { log, commits })
    }

    /// Refuses where somebody is at work, or was meanwhile.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        nobody_works(&*self.log).await?;
        if commits(&*self.log).await? != self.commits {
            bail!("a `hindsight process` has run meanwhile: stop it, and begin again");
        }
        Ok(())
    }

    /// Where the lanes of a view go on.
    pub(super) fn commits_of(&self, view: View) -> BTreeMap<Partition, Offset> {
        let of_view = self.commits.iter().filter(|((of, _), _)| *of == view.name());
        of_view
            .map(|((_, partition), committed)| (*partition, committed.offset))
            .collect()
    }
}

async fn nobody_works(log: &dyn EventLog) -> anyhow::Result<()> {
    // A scrubber would look at what is replaced.
    let beside = [lifecycle_group(), scrub_group()];
    let groups = View::ALL.map(View::group).into_iter().chain(beside);
    for group in groups {
        let members = log.members(&group).await?;
        if members > 0 {
            bail!(
                "{members} processes are in the group {group}: stop every `hindsight process` first, and wait until the \
                 log has let them go (log.session_timeout_ms)"
            );
        }
    }
    Ok(())
}

async fn commits(log: &dyn EventLog) -> anyhow::Result<Commits> {
    let mut found = Commits::new();
    for view in View::ALL {
        for &topic in view.topics() {
            for partition in 0..log.partitions(topic) {
                let partition = Partition { topic, partition };
                if let Some(committed) = log.committed(&view.group(), partition).await? {
                    found.insert((view.name(), partition), committed);
                }
            }
        }
    }
    Ok(found)
}
