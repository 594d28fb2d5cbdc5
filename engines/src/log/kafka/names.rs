//! What topics and groups are called in the cluster: the prefix keeps installations that share one apart.

use hindsight_schemas::ids::{Partition, Topic};

/// All topics of the log.
pub(super) const TOPICS: [Topic; 3] = [Topic::Recordings, Topic::Audit, Topic::DeadLetters];
/// What every topic's own name begins with; the prefix stands in its place.
const OWN_PREFIX: &str = "hindsight.";

/// Names with one prefix.
#[derive(Debug, Clone)]
pub(super) struct Names {
    prefix: String,
    topics: Vec<(Topic, String)>,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        let named = |topic: Topic| {
            let own = topic.as_str();
            let bare = own.strip_prefix(OWN_PREFIX).unwrap_or(own);
            (topic, format!("{prefix}{bare}"))
        };
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
        format!("{}{group}", self.prefix)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_stands_in_place_of_our_own() {
        let names = Names::new("staging.");
        assert_eq!(names.topic(Topic::DeadLetters), "staging.dead-letters");
        assert_eq!(names.group("analytics-g1"), "staging.analytics-g1");
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
