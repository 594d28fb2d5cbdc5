//! An operation under way: says at its end what came of it, exactly once. Dropped without a word (a panic, a future that
//! is dropped) it failed.

use std::fmt::Display;

use serde::Serialize;

use crate::client::Inner;
use crate::event::AuditEvent;
use crate::spill::journal::Entry;
use std::sync::Arc;

/// A strict operation must not run, because its audit event can't be kept. Told before the operation, never after it.
#[derive(Debug, thiserror::Error)]
#[error("the operation is refused, because its audit event can't be kept: {0}")]
pub struct OperationRefused(pub(crate) String);

/// An operation under way.
#[derive(Debug)]
#[must_use = "an operation that is dropped at once has failed"]
pub struct Operation {
    client: Arc<Inner>,
    /// None: it has ended.
    under_way: Option<(AuditEvent, Option<Entry>)>,
}

impl Operation {
    pub(crate) fn new(client: Arc<Inner>, event: AuditEvent, entry: Option<Entry>) -> Self {
        Self {
            client,
            under_way: Some((event, entry)),
        }
    }

    /// Says what is known only now: a target, a measure.
    pub fn say(&mut self, more: impl FnOnce(AuditEvent) -> AuditEvent) {
        if let Some((event, entry)) = self.under_way.take() {
            self.under_way = Some((more(event), entry));
        }
    }

    /// The state before, read now.
    pub fn before(&mut self, state: impl Serialize) {
        self.say(|event| event.before(state));
    }

    /// The state after, read now.
    pub fn after(&mut self, state: impl Serialize) {
        self.say(|event| event.after(state));
    }

    /// The result, read now.
    pub fn response(&mut self, result: impl Serialize) {
        self.say(|event| event.response(result));
    }

    /// It succeeded. Done when a strict operation's end is on disk.
    pub async fn succeed(mut self) {
        if let Some((event, entry)) = self.under_way.take() {
            Inner::complete(self.client.clone(), event, entry).await;
        }
    }

    /// It failed.
    pub async fn fail(mut self, why: impl Display) {
        let why = why.to_string();
        self.say(|event| event.error(why));
        self.succeed().await;
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if let Some((event, entry)) = self.under_way.take() {
            let event = event.error("the operation ended without saying how");
            self.client.offer(event, entry);
        }
    }
}
