//! Many writes in few requests.
//!
//! **Invariants:** each operation has one answer, in their order; only those that were not taken are sent again.
//! **Failure:** what is left after `attempts` is an error, and nothing is known about it; a refusal ends all at
//! once. **Bounds:** `bulk_documents` and `bulk_bytes` a request, halved where the server says 413.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;

use super::super::SearchError;
use super::ElasticsearchSearch;
use super::client::{Request, pause, read};
use super::failure::{ErrorBody, Failure};
use super::refusal::Refusal;

/// All that is needed of an answer.
const PATH: &str = "_bulk?filter_path=errors,items.*.status,items.*.error";

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Unless the id is taken.
    Create,
    /// Whatever is there.
    Overwrite,
    /// Unless something with a higher version is there.
    AtVersion(u64),
    /// Removes what a search found, unless it was changed since.
    Delete { seq_no: u64, primary_term: u64 },
}

/// One write.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) action: Action,
    pub(super) index: String,
    pub(super) id: String,
    pub(super) body: Bytes,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Landed {
    Written,
    /// 409.
    Taken,
    /// It blames itself, in the engine's words.
    Unreadable(String),
}

#[derive(Debug, Deserialize)]
struct Answer {
    errors: bool,
    #[serde(default)]
    items: Vec<BTreeMap<String, Item>>,
}

#[derive(Debug, Deserialize)]
struct Item {
    status: u16,
    error: Option<ErrorBody>,
}

impl Operation {
    /// Its line of a bulk, and its body's.
    fn write(&self, lines: &mut Vec<u8>) {
        let action: &[u8] = match self.action {
            Action::Create => br#"{"create":{"_index":"#,
            Action::Overwrite | Action::AtVersion(_) => br#"{"index":{"_index":"#,
            Action::Delete { .. } => br#"{"delete":{"_index":"#,
        };
        lines.extend_from_slice(action);
        json_text(&self.index, lines);
        lines.extend_from_slice(br#","_id":"#);
        json_text(&self.id, lines);
        let condition = match self.action {
            Action::Create | Action::Overwrite => String::new(),
            Action::AtVersion(version) => format!(r#","version":{version},"version_type":"external_gte""#),
            Action::Delete { seq_no, primary_term } => {
                format!(r#","if_seq_no":{seq_no},"if_primary_term":{primary_term}"#)
            }
        };
        lines.extend_from_slice(condition.as_bytes());
        lines.extend_from_slice(b"}}\n");
        if !matches!(self.action, Action::Delete { .. }) {
            lines.extend_from_slice(&self.body);
            lines.push(b'\n');
        }
    }
}

/// A text in JSON, with its quotation marks.
fn json_text(text: &str, lines: &mut Vec<u8>) {
    serde_json::to_writer(lines, text).expect("memory takes any text");
}

impl ElasticsearchSearch {
    /// Writes all, in order.
    pub(super) async fn bulk(&self, operations: &[Operation]) -> Result<Vec<Landed>, SearchError> {
        let mut landed = Vec::with_capacity(operations.len());
        for chunk in chunks(operations, self.options.bulk_documents, self.options.bulk_bytes) {
            landed.extend(self.chunk(&operations[chunk]).await?);
        }
        Ok(landed)
    }

    async fn chunk(&self, operations: &[Operation]) -> Result<Vec<Landed>, SearchError> {
        let mut landed: Vec<Option<Landed>> = vec![None; operations.len()];
        let mut words = String::new();
        for attempt in 1..=self.client.attempts() {
            let open: Vec<usize> = (0..operations.len()).filter(|at| landed[*at].is_none()).collect();
            if open.is_empty() {
                break;
            }
            if attempt > 1 {
                metrics::counter!("hindsight_search_retries_total").increment(1);
                tokio::time::sleep(pause(attempt - 1)).await;
            }
            let outcomes = match self.request(operations, &open).await {
                Err(Failure::TooLarge(_)) if operations.len() > 1 => return self.halves(operations).await,
                Err(Failure::TooLarge(words)) => {
                    let bytes = operations[0].body.len();
                    return Err(Refusal::TooLarge { bytes, words }.into());
                }
                Err(failure @ (Failure::Busy(_) | Failure::Unknown(_))) => {
                    words = failure.words();
                    continue;
                }
                other => other?,
            };
            self.verify_blamed(operations, &open, &outcomes).await?;
            for (at, outcome) in open.into_iter().zip(outcomes) {
                match sorted(outcome)? {
                    Ok(outcome) => landed[at] = Some(outcome),
                    Err(busy) => words = busy,
                }
            }
        }
        let left = landed.iter().filter(|landed| landed.is_none()).count();
        let whole: Option<Vec<Landed>> = landed.into_iter().collect();
        whole.ok_or_else(|| {
            let attempts = self.client.attempts();
            SearchError::Engine(format!(
                "{left} documents were not taken in {attempts} attempts: {words}"
            ))
        })
    }

    async fn halves(&self, operations: &[Operation]) -> Result<Vec<Landed>, SearchError> {
        let (first, second) = operations.split_at(operations.len() / 2);
        let mut landed = Box::pin(self.chunk(first)).await?;
        landed.extend(Box::pin(self.chunk(second)).await?);
        Ok(landed)
    }

    /// One request with the operations that are still open.
    async fn request(
        &self,
        operations: &[Operation],
        open: &[usize],
    ) -> Result<Vec<Result<(), Failure>>, Failure> {
        let bytes: usize = open.iter().map(|at| operations[*at].body.len() + 160).sum();
        let mut body = Vec::with_capacity(bytes);
        for operation in open.iter().map(|at| &operations[*at]) {
            operation.write(&mut body);
        }
        let answer = self.client.once(&Request::lines(PATH, body.into())).await?;
        let unreadable = |words| Failure::Unknown(format!("answer of a bulk can't be read: {words}"));
        let answer: Answer = read(&answer).map_err(|error| unreadable(error.to_string()))?;
        if answer.items.len() != open.len() {
            return Err(unreadable(format!(
                "{} items for {}",
                answer.items.len(),
                open.len()
            )));
        }
        if !answer.errors {
            return Ok(open.iter().map(|_| Ok(())).collect());
        }
        let items = answer.items.into_iter().zip(open);
        Ok(items
            .map(|(item, at)| outcome(item.into_values().next(), &operations[*at].index))
            .collect())
    }

    /// What blames a document is believed only while its index is mapped as we made it.
    async fn verify_blamed(
        &self,
        operations: &[Operation],
        open: &[usize],
        outcomes: &[Result<(), Failure>],
    ) -> Result<(), SearchError> {
        let blamed = open.iter().zip(outcomes);
        let blamed = blamed.filter(|(_, outcome)| matches!(outcome, Err(Failure::Document(_))));
        let indices: BTreeSet<&str> = blamed.map(|(at, _)| operations[*at].index.as_str()).collect();
        for index in indices {
            self.verify(index).await?;
        }
        Ok(())
    }
}

/// What is settled, or the words of what is to be sent again.
fn sorted(outcome: Result<(), Failure>) -> Result<Result<Landed, String>, SearchError> {
    match outcome {
        Ok(()) => Ok(Ok(Landed::Written)),
        Err(Failure::Taken) => Ok(Ok(Landed::Taken)),
        Err(Failure::Document(words)) => Ok(Ok(Landed::Unreadable(words))),
        Err(Failure::Busy(words) | Failure::Unknown(words)) => Ok(Err(words)),
        Err(other) => Err(other.into()),
    }
}

fn outcome(item: Option<Item>, index: &str) -> Result<(), Failure> {
    match item {
        Some(Item { status, error: None }) if (200..300).contains(&status) => Ok(()),
        Some(Item { status, error }) => {
            Err(Failure::of_error(status, &error.unwrap_or_default(), Some(index)))
        }
        None => Err(Failure::Unknown("an item without an answer".into())),
    }
}

/// Runs of operations within both bounds, one operation at least.
fn chunks(operations: &[Operation], documents: usize, bytes: usize) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let (mut from, mut held) = (0, 0);
    for (at, operation) in operations.iter().enumerate() {
        let with_this = held + operation.body.len();
        if at > from && (at - from >= documents || with_this > bytes) {
            chunks.push(from..at);
            (from, held) = (at, operation.body.len());
        } else {
            held = with_this;
        }
    }
    if from < operations.len() {
        chunks.push(from..operations.len());
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_within_both_bounds() {
        let sizes = [3, 3, 3, 90, 1, 1];
        let operations: Vec<Operation> = sizes
            .iter()
            .map(|size| Operation {
                action: Action::Create,
                index: "i".into(),
                id: "d".into(),
                body: vec![b'x'; *size].into(),
            })
            .collect();
        assert_eq!(chunks(&operations, 2, 100), [0..2, 2..4, 4..6]);
        assert_eq!(chunks(&operations, 9, 6), [0..2, 2..3, 3..4, 4..6]);
        assert_eq!(chunks(&[], 9, 6), Vec::<Range<usize>>::new());
    }
}
