//! What topics and groups are called in the cluster: the prefix keeps installations that share one apart.

use hindsight_schemas::ids::{Partition, Topic};

/// All topics of the log.
pub(super) const TOPICS: [Topic; 3] = [Topic::Recordings, Topic::Audit, Topic::DeadLetters];
/// What the own name of every topic and group begins with; the prefix stands in its place.
const OWN_PREFIX: &str = "hindsight.";

/// Names with one prefix.
#[derive(Debug, Clone)]
pub(super) struct Names {
    prefix: String,
    topics: Vec<(Topic, String)>,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        let named = |topic: Topic| (topic, format!("{prefix}{}", bare(topic.as_str())));
        Self {
            prefix: prefix.to_owned(),
            topics: TOPICS.map(named).to_vec(),
        }
    }

    /// The topic's name in the cluster.
    pub(super) fn topic(&self, topic: Topic) -> &str {
        self.topics
            .iter()
            .find(|(of, _)| *of == topic)
            .map_or(topic.as_str(), |(_, name)| name)
    }

    /// All names, in the order of [`TOPICS`].
    pub(super) fn all(&self) -> Vec<String> {
        self.topics.iter().map(|(_, name)| name.clone()).collect()
    }

    /// The group's name in the cluster.
    pub(super) fn group(&self, group: &str) -> String {
        format!("{}{}", self.prefix, bare(group))
    }

    /// The partition that the cluster names so; `None` for one that is not the log's.
    pub(super) fn partition(&self, name: &str, number: i32) -> Option<Partition> {
        let (topic, _) = self.topics.iter().find(|(_, of)| of == name)?;
        Some(Partition {
            topic: *topic,
            partition: u32::try_from(number).ok()?,
        })
    }
}

fn bare(own: &str) -> &str {
    own.strip_prefix(OWN_PREFIX).unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_stands_in_place_of_our_own() {
        let names = Names::new("staging.");
        assert_eq!(names.topic(Topic::DeadLetters), "staging.dead-letters");
        assert_eq!(names.group("hindsight.analytics.g1"), "staging.analytics.g1");
        assert_eq!(names.group("another"), "staging.another");
        let partition = Partition {
            topic: Topic::Audit,
            partition: 3,
        };
        assert_eq!(names.partition("staging.audit", 3), Some(partition));
        assert_eq!(names.partition("hindsight.audit", 3), None);
        assert_eq!(
            Names::new("hindsight.").topic(Topic::Audit),
            Topic::Audit.as_str()
        );
    }
}
