//! What the log, its consumers and its watch share: settings, names, the producer, and look-ups over its client.
//!
//! **Bound**: `request_timeout` for each look-up. After one that failed, others fail at once for [`REST`], so that a
//! thread that polls does not stand still for the sum of many.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hindsight_schemas::ids::{Offset, Partition};
use rdkafka::Statistics;

use super::context::Complaints;
use super::identity::Identity;
use super::meters;
use super::names::Names;
use super::native::about::{Untold, describe};
use super::patience::ask_again;
use super::producer::Producer;
use super::readers::Readers;
use super::settings::Settings;
use crate::log::ConsumerError;

/// How long look-ups rest after one that was not answered.
const REST: Duration = Duration::from_secs(2);

pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) names: Names,
    pub(super) complaints: Complaints,
    pub(super) identity: Identity,
    pub(super) producer: Producer,
    pub(super) unanswered: Mutex<Option<Instant>>,
    pub(super) readers: Readers,
}

impl Inner {
    /// First offset kept and the offset after the last committed record.
    pub(super) fn offsets(&self, partition: Partition) -> Result<(Offset, Offset), ConsumerError> {
        if partition.partition >= self.identity.partitions(partition.topic) {
            return Err(ConsumerError::Engine(format!(
                "there is no partition {partition}"
            )));
        }
        self.ask(|| {
            let topic = self.names.topic(partition.topic);
            let number = partition.partition.cast_signed();
            let timeout = self.settings.request_timeout;
            let answer = self.producer.with_client(|client| {
                ask_again(timeout, |left| client.fetch_watermarks(topic, number, left))
            });
            let (first, next) = answer.map_err(|error| error.to_string())?;
            Ok((first.max(0).cast_unsigned(), next.max(0).cast_unsigned()))
        })
    }

    /// Members of a group. The producer's client is asked, which is connected: a new one for each of five groups took four
    /// seconds in a build for tests. Whoever asks acts on the answer, so it does not rest after what others were not told.
    pub(super) fn members(&self, group: &str) -> Result<usize, ConsumerError> {
        self.intact()?;
        let (name, timeout) = (self.names.group(group), self.settings.request_timeout);
        let answer = self
            .producer
            .with_client(|client| ask_again(timeout, |left| client.fetch_group_list(Some(&name), left)));
        let found =
            answer.map_err(|error| ConsumerError::Engine(self.complaints.explain(&error.to_string())))?;
        Ok(found.groups().iter().map(|group| group.members().len()).sum())
    }

    /// Asks what it asks, unless the last question was not answered just now.
    pub(super) fn ask<T>(&self, question: impl FnOnce() -> Result<T, String>) -> Result<T, ConsumerError> {
        self.intact()?;
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        if unanswered.is_some_and(|at| at.elapsed() < REST) {
            let words = self.complaints.explain("the last look-up was not answered");
            return Err(ConsumerError::Engine(words));
        }
        *unanswered = None;
        drop(unanswered);
        question().map_err(|words| {
            *self.unanswered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            ConsumerError::Engine(self.complaints.explain(&words))
        })
    }

    /// An error once the topics are no longer those of the start.
    pub(super) fn intact(&self) -> Result<(), ConsumerError> {
        self.identity.intact().map_err(ConsumerError::Engine)
    }

    /// Asks the cluster for the topics' ids. Without an answer nothing is known.
    pub(super) fn look_at_identity(&self) {
        let timeout = self.settings.request_timeout;
        let found = self
            .producer
            .with_client(|client| describe(client, &self.names.all(), timeout, || None));
        match found {
            Ok(found) => self.identity.compare(&found),
            Err(Untold::Denied(words) | Untold::Unanswered(words)) => {
                tracing::debug!(words, "topics could not be described");
            }
        }
    }

    /// librdkafka's statistics of a member, as it sent them.
    pub(super) fn statistics(&self, client: &str, text: &str) {
        match serde_json::from_str::<Statistics>(text) {
            Ok(statistics) => meters::statistics(client, &statistics),
            Err(error) => tracing::debug!(%error, "statistics are not understood"),
        }
    }
}
