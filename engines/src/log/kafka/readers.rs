//! Clients that look up what a group committed without joining it: lag, doctor, how far a view is.
//!
//! **Bound**: [`MOST`] groups; librdkafka's log lines and complaints wait in a client's queue until [`Readers::drain`],
//! which the watch calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::BaseConsumer;

use super::context::{Complaints, Context};
use super::member;
use super::names::Names;
use super::settings::Settings;
use crate::log::ConsumerError;

/// Groups whose commits are looked up: one client each.
const MOST: usize = 16;
/// Most events of a client that one drain takes.
const MOST_EVENTS: usize = 256;

/// One client a group.
#[derive(Default)]
pub(super) struct Readers(Mutex<BTreeMap<String, Arc<BaseConsumer<Context>>>>);

impl Readers {
    /// The group's client, made by the first look-up.
    pub(super) fn of(
        &self,
        group: &str,
        settings: &Settings,
        names: &Names,
        complaints: &Complaints,
    ) -> Result<Arc<BaseConsumer<Context>>, ConsumerError> {
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = readers.get(group) {
            return Ok(Arc::clone(reader));
        }
        if readers.len() >= MOST {
            readers.pop_first();
        }
        let reader = Arc::new(member::client(settings, names, complaints, group)?);
        readers.insert(group.to_owned(), Arc::clone(&reader));
        Ok(reader)
    }

    /// Takes what waits in the clients' queues.
    pub(super) fn drain(&self) {
        let readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let readers: Vec<_> = readers.values().cloned().collect();
        for reader in readers {
            for _ in 0..MOST_EVENTS {
                // No records come: the client has subscribed to nothing.
                let _ = reader.poll(Duration::ZERO);
            }
        }
    }
}
