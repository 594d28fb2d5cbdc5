//! The role: a sample of recordings and one of audit events every interval, from the partitions that are this process's.
//!
//! **Failure:** a look that fails is told and left out; the next comes in its time. **Bound:** [`TOLD`] losses in words a
//! look; all are counted.

use fastrand::Rng;
use hindsight_engines::log::ConsumerError;
use hindsight_schemas::ids::{Partition, Topic};
use tokio::sync::watch;
use tokio::time::Instant;

use super::choice::choose;
use super::examine::Examined;
use super::outcome::Loss;
use super::{Scrubber, meters};
use crate::lifecycle::Held;

/// Losses of one look that are told each.
const TOLD: usize = 20;

impl Scrubber {
    /// Looks until `stop` turns true or is dropped. Nothing is written, so a look may end anywhere.
    pub async fn run(self, held: Held, mut stop: watch::Receiver<bool>) {
        meters::declare();
        let mut random = Rng::new();
        // Processes that were started together don't ask together.
        let mut pause = self.options.interval.mul_f64(random.f64());
        let looking = async {
            loop {
                tokio::time::sleep(pause).await;
                pause = self.options.interval;
                self.round(&held, &mut random).await;
            }
        };
        tokio::select! {
            () = looking => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn round(&self, held: &Held, random: &mut Rng) {
        let started = Instant::now();
        let mut round = Examined::default();
        for topic in [Topic::Recordings, Topic::Audit] {
            match self.sample(self.ours(topic, held), random).await {
                Ok(Some(examined)) => {
                    round.tally += examined.tally;
                    round.losses.extend(examined.losses);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, %topic, "the scrubber can't read the log");
                    return;
                }
            }
        }
        tell(&round.losses);
        meters::looked(&round.tally, started.elapsed());
    }

    /// Membership is of the recordings; whoever holds one of their partitions looks at audit events of that number too.
    fn ours(&self, topic: Topic, held: &Held) -> Vec<Partition> {
        let log = &self.views.log;
        let held: Vec<u32> = held.partitions().iter().map(|held| held.partition).collect();
        let of = log.partitions(Topic::Recordings).max(1);
        let all = (0..log.partitions(topic)).filter(|partition| held.contains(&(partition % of)));
        all.map(|partition| Partition { topic, partition }).collect()
    }

    /// A sample of one of these partitions, any in which there is something; none where there is nothing.
    async fn sample(
        &self,
        mut partitions: Vec<Partition>,
        random: &mut Rng,
    ) -> Result<Option<Examined>, ConsumerError> {
        random.shuffle(&mut partitions);
        for partition in partitions {
            let passed = self.passed(partition).await?;
            let passed_at = Instant::now();
            if let Some(chosen) = choose(random, passed, self.options.records) {
                let mut reader = self.views.log.reader(partition, chosen.start);
                let (sampled, _) = self.read(&mut *reader, chosen.end).await?;
                return Ok(Some(self.examine(&sampled, passed_at).await));
            }
        }
        Ok(None)
    }
}

fn tell(losses: &[Loss]) {
    for loss in losses.iter().take(TOLD) {
        let Loss {
            view,
            outcome,
            position,
            identity,
        } = loss;
        tracing::error!(
            view = view.as_str(),
            outcome = outcome.as_str(),
            topic = %position.partition.topic,
            partition = position.partition.partition,
            offset = position.offset,
            identity,
            remedy = loss.remedy(),
            "a record of the log is not in a view as promised"
        );
    }
    if losses.len() > TOLD {
        tracing::error!(more = losses.len() - TOLD, "and other records");
    }
}
