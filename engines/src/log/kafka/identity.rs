//! Whether the topics are still those of the start. A topic that was deleted and made again counts its offsets from 0,
//! so every position that a view holds would mean another record.
//!
//! **Invariant:** once lost, an identity stays lost until the process starts anew: appends are refused, polls are
//! errors, nothing is committed. **Failure**: a cluster that does not answer says nothing about identity.
//! **Bound**: looked at each `identity_interval`, and at each seek.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use hindsight_schemas::ids::{LogId, Topic};

use super::meters;
use super::names::{Names, TOPICS};
use super::native::about::Description;

/// The topics of the start.
pub(super) struct Identity {
    topics: Vec<Known>,
    lost: OnceLock<String>,
}

struct Known {
    topic: Topic,
    name: String,
    id: LogId,
    /// Grows when an operator adds partitions; never shrinks.
    partitions: AtomicU32,
}

impl Identity {
    /// Of descriptions in the order of [`TOPICS`].
    pub(super) fn new(names: &Names, found: &[Description]) -> Self {
        let known = |(topic, description): (&Topic, &Description)| Known {
            topic: *topic,
            name: names.topic(*topic).to_owned(),
            id: description.id,
            partitions: AtomicU32::new(count(description)),
        };
        Self {
            topics: TOPICS.iter().zip(found).map(known).collect(),
            lost: OnceLock::new(),
        }
    }

    fn known(&self, topic: Topic) -> &Known {
        let known = self.topics.iter().find(|known| known.topic == topic);
        known.expect("all topics are known since the start")
    }

    pub(super) fn id(&self, topic: Topic) -> LogId {
        self.known(topic).id
    }

    pub(super) fn partitions(&self, topic: Topic) -> u32 {
        self.known(topic).partitions.load(Ordering::Relaxed)
    }

    /// An error in the words for people once the identity is lost.
    pub(super) fn intact(&self) -> Result<(), String> {
        self.lost.get().map_or(Ok(()), |words| Err(words.clone()))
    }

    /// Compares with what the cluster says now.
    pub(super) fn compare(&self, found: &[Option<Description>]) {
        for (known, found) in self.topics.iter().zip(found) {
            match found {
                None => self.lose(format!(
                    "topic {} was deleted: what was in it is gone; start again to begin an empty one",
                    known.name
                )),
                Some(found) if found.id != known.id => self.lose(format!(
                    "topic {} was deleted and made again (id {}, at the start {}): its offsets mean other records now; \
                     start again, and rebuild the views if they should keep what only they have",
                    known.name, found.id, known.id
                )),
                Some(found) => {
                    known.partitions.fetch_max(count(found), Ordering::Relaxed);
                }
            }
        }
    }

    fn lose(&self, words: String) {
        if self.lost.set(words.clone()).is_ok() {
            meters::identity_lost();
            tracing::error!(words, "the log is not the same any more");
        }
    }
}

fn count(description: &Description) -> u32 {
    u32::try_from(description.copies.len()).unwrap_or(u32::MAX)
}
