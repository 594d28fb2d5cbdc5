//! Topics: made where they are missing, and checked at every start, because a promise that the cluster does not keep
//! is found at the worst moment otherwise.
//!
//! **Failure**: a refusal that names both values. Nothing of a topic that exists is changed: it may be somebody's.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use hindsight_schemas::ids::Topic;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::Client;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode;

use super::context::{Complaints, Context};
use super::error::OpenError;
use super::names::{Names, TOPICS};
use super::native::about::{Description, Untold, configs, describe};
use super::settings::Settings;

/// One wait for a topic that was just made to be known everywhere.
const SETTLE: Duration = Duration::from_millis(50);

/// How a topic is not as the settings say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The property, by Kafka's name.
    pub property: &'static str,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub wanted: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            property,
            found,
            wanted,
            remedy,
        } = self;
        write!(out, "{property} is {found}, {wanted} is needed: {remedy}")
    }
}

/// Describes all topics, in the order of [`TOPICS`], after making what is missing and checking what is there.
pub(super) fn prepare<C: rdkafka::ClientContext>(
    client: &Client<C>,
    settings: &Settings,
    names: &Names,
    complaints: &Complaints,
) -> Result<Vec<Description>, OpenError> {
    let untold = |untold: Untold| {
        let (brokers, hopeless) = (settings.brokers.clone(), complaints.hopeless());
        match (untold, hopeless) {
            (Untold::Denied(words), _) | (Untold::Unanswered(_), Some(words)) => {
                OpenError::Denied { brokers, words }
            }
            (Untold::Unanswered(words), None) => OpenError::Unreachable {
                brokers,
                words: complaints.explain(&words),
            },
        }
    };
    let (all, patience) = (names.all(), settings.append_timeout);
    let hopeless = || complaints.hopeless();
    let unknown = |of: &str| untold(format!("{of} topics that were made are not known yet").into());
    let look = || describe(client, &all, patience, hopeless);
    let admin = admin(settings, complaints)?;
    let mut found = look().map_err(untold)?;
    let deadline = Instant::now() + patience;
    for (topic, _) in TOPICS.iter().zip(&found).filter(|(_, found)| found.is_none()) {
        create(&admin, settings, names, *topic)?;
    }
    while found.iter().any(Option::is_none) {
        if Instant::now() > deadline {
            return Err(unknown("some"));
        }
        std::thread::sleep(SETTLE);
        found = look().map_err(untold)?;
    }
    let look = || configs(client, &all, patience, hopeless);
    let mut configs = look().map_err(untold)?;
    // A broker that has not heard of a new topic yet answers with nothing.
    while configs.iter().any(BTreeMap::is_empty) {
        if Instant::now() > deadline {
            return Err(unknown("the settings of"));
        }
        std::thread::sleep(SETTLE);
        configs = look().map_err(untold)?;
    }
    let found: Vec<Description> = found.into_iter().flatten().collect();
    for ((topic, description), config) in TOPICS.iter().zip(&found).zip(&configs) {
        if let Some(difference) = difference(settings, *topic, description, config) {
            let topic = names.topic(*topic).to_owned();
            return Err(OpenError::Differs { topic, difference });
        }
    }
    Ok(found)
}

fn admin(settings: &Settings, complaints: &Complaints) -> Result<AdminClient<Context>, OpenError> {
    let context = Context {
        client: "admin".into(),
        complaints: complaints.clone(),
    };
    AdminClient::from_config_and_context(&settings.client(), context)
        .map_err(|error| OpenError::Client(error.to_string()))
}

fn create(
    admin: &AdminClient<Context>,
    settings: &Settings,
    names: &Names,
    topic: Topic,
) -> Result<(), OpenError> {
    let name = names.topic(topic);
    if !settings.create_topics {
        return Err(OpenError::Missing { topic: name.into() });
    }
    let partitions = settings.partitions_of(topic);
    let wanted = wanted(settings, topic);
    let copies = TopicReplication::Fixed(i32::try_from(settings.replication).unwrap_or(i32::MAX));
    let new = NewTopic::new(name, i32::try_from(partitions).unwrap_or(i32::MAX), copies);
    let new = wanted
        .iter()
        .fold(new, |new, (property, value)| new.set(property, value));
    let options = AdminOptions::new().operation_timeout(Some(settings.append_timeout));
    let refused = |words: String| OpenError::Create {
        topic: name.into(),
        copies: settings.replication,
        partitions,
        words,
    };
    let answers =
        block_on(admin.create_topics(&[new], &options)).map_err(|error| refused(error.to_string()))?;
    for answer in answers {
        match answer {
            Ok(_) => tracing::info!(
                topic = name,
                partitions,
                copies = settings.replication,
                "topic created"
            ),
            // Another process was faster; it is checked like any other.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, RDKafkaErrorCode::InvalidReplicationFactor)) => {
                return Err(OpenError::TooFewBrokers {
                    topic: name.into(),
                    copies: settings.replication,
                });
            }
            Err((
                _,
                RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed,
            )) => {
                return Err(refused(
                    "the user lacks the right to create topics: grant it, or create the topics yourself"
                        .into(),
                ));
            }
            Err((_, code)) => return Err(refused(code.to_string())),
        }
    }
    Ok(())
}

/// What a new topic is made with.
fn wanted(settings: &Settings, topic: Topic) -> Vec<(&'static str, String)> {
    vec![
        ("cleanup.policy", "delete".into()),
        ("retention.ms", settings.retention.as_millis().to_string()),
        ("retention.bytes", "-1".into()),
        ("max.message.bytes", settings.message_bytes_of(topic).to_string()),
        ("min.insync.replicas", settings.min_insync.to_string()),
        ("message.timestamp.type", "LogAppendTime".into()),
        ("unclean.leader.election.enable", "false".into()),
    ]
}

/// The first thing about a topic that would break a promise.
fn difference(
    settings: &Settings,
    topic: Topic,
    found: &Description,
    config: &BTreeMap<String, String>,
) -> Option<Difference> {
    let (partitions, copies) = (settings.partitions_of(topic), settings.replication);
    if found.copies.len() != partitions as usize {
        return Some(Difference {
            property: "the number of partitions",
            found: found.copies.len().to_string(),
            wanted: partitions.to_string(),
            remedy: match topic {
                Topic::DeadLetters => "move the topic away, hindsight makes a new one".into(),
                _ => format!("set log.partitions to {}, or add partitions", found.copies.len()),
            },
        });
    }
    let fewest = found.copies.iter().min().copied().unwrap_or(0);
    if fewest < copies as usize {
        return Some(Difference {
            property: "the number of copies",
            found: fewest.to_string(),
            wanted: copies.to_string(),
            remedy: format!("reassign its partitions, or set log.replication to {fewest}"),
        });
    }
    wanted(settings, topic)
        .into_iter()
        .find_map(|(property, wanted)| {
            let found = config.get(property).cloned().unwrap_or_default();
            let (fine, setting) = match property {
                "max.message.bytes" => (at_least(&found, &wanted), Some("limits.record_bytes")),
                "min.insync.replicas" => (at_least(&found, &wanted), Some("log.min_insync")),
                "retention.ms" => (found == wanted, Some("log.retention_hours")),
                _ => (found == wanted, None),
            };
            let alter = format!("alter the topic's {property}");
            let remedy = setting.map_or(alter.clone(), |setting| format!("{alter}, or change {setting}"));
            (!fine).then_some(Difference {
                property,
                found,
                wanted: if matches!(property, "max.message.bytes" | "min.insync.replicas") {
                    format!("at least {wanted}")
                } else {
                    wanted
                },
                remedy,
            })
        })
}

fn at_least(found: &str, wanted: &str) -> bool {
    match (found.parse::<u64>(), wanted.parse::<u64>()) {
        (Ok(found), Ok(wanted)) => found >= wanted,
        _ => false,
    }
}
