//! What waits in memory: bounded in bytes; what doesn't fit is refused, never waited for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::spill::journal::Entry;

/// One event on its way.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) line: Vec<u8>,
    pub(crate) at: Instant,
    /// Its place in the journal of strict operations; dropped when it is kept elsewhere.
    pub(crate) entry: Option<Entry>,
}

/// When a batch is due, and how much goes into it (`clients/vectors/batches.json`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchRule {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) wait: Duration,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct MemoryQueue {
    rule: BatchRule,
    most_bytes: usize,
    items: VecDeque<Item>,
    bytes: usize,
    is_closed: bool,
}

impl MemoryQueue {
    pub(crate) fn new(rule: BatchRule, most_bytes: usize) -> Self {
        Self {
            rule,
            most_bytes,
            items: VecDeque::new(),
            bytes: 0,
            is_closed: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Refuses events from now on.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        !self.is_closed && self.bytes + bytes <= self.most_bytes
    }

    /// Adds an event, or gives it back. What has a place in the journal was promised one here, too.
    pub(crate) fn offer(&mut self, item: Item) -> Result<(), Item> {
        if self.is_closed || (item.entry.is_none() && !self.has_room(item.line.len())) {
            return Err(item);
        }
        self.bytes += item.line.len();
        self.items.push_back(item);
        Ok(())
    }

    /// Puts back what could be neither sent nor kept on disk: in front, above the bound if need be.
    pub(crate) fn put_back(&mut self, returned: Vec<Item>) {
        for item in returned.into_iter().rev() {
            self.bytes += item.line.len();
            self.items.push_front(item);
        }
    }

    /// When a batch will be due if nothing more comes.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        let oldest = self.items.front()?.at;
        let is_full = self.items.len() >= self.rule.events || self.bytes >= self.rule.bytes;
        Some(if is_full { oldest } else { oldest + self.rule.wait })
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due_at().is_some_and(|due| due <= now)
    }

    /// Takes the oldest events, at most so many and so many bytes, at least one.
    pub(crate) fn take(&mut self, most_events: usize, most_bytes: usize) -> Vec<Item> {
        let mut taken = Vec::with_capacity(most_events.min(self.items.len()));
        let mut bytes = 0;
        while taken.len() < most_events
            && let Some(next) = self.items.front().map(|item| item.line.len())
            && (taken.is_empty() || bytes + next <= most_bytes)
        {
            taken.extend(self.items.pop_front());
            bytes += next;
        }
        self.bytes -= bytes;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::cases;

    #[test]
    fn batches_are_cut_as_the_cases_say() {
        for case in cases("batches") {
            let number = |name: &str| case["settings"][name].as_u64().unwrap();
            let rule = BatchRule {
                events: usize::try_from(number("batch_events")).unwrap(),
                bytes: usize::try_from(number("batch_bytes")).unwrap(),
                wait: Duration::from_millis(number("batch_wait_ms")),
            };
            let mut queue = MemoryQueue::new(rule, usize::MAX);
            let (start, mut cut) = (Instant::now(), vec![]);
            for step in case["steps"].as_array().unwrap() {
                let at_ms = step["at_ms"].as_u64().unwrap();
                let now = start + Duration::from_millis(at_ms);
                for bytes in step["add"].as_array().into_iter().flatten() {
                    let line = vec![0; usize::try_from(bytes.as_u64().unwrap()).unwrap()];
                    let item = Item {
                        line,
                        at: now,
                        entry: None,
                    };
                    queue.offer(item).unwrap();
                }
                while queue.is_due(now) {
                    let events = queue.take(rule.events, rule.bytes).len();
                    cut.push(serde_json::json!({"at_ms": at_ms, "events": events}));
                }
            }
            assert_eq!(serde_json::json!(cut), case["expect"], "{}", case["name"]);
        }
    }
}
