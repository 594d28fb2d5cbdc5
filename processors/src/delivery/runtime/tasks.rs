//! What runs beside the polling thread: opening, conversion, writes, dead letters. Each answers once.
//!
//! **Invariant:** an answer always comes, also when the code panics or the engine never answers: then it says
//! that the outcome is unknown. Answers carry the lane's epoch, so a lane that was dropped and opened again
//! never takes an answer meant for its predecessor. Bound: one task of each kind per lane.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use hindsight_engines::failpoint;
use hindsight_engines::log::{EventLog, StoredRecord, Waker};
use hindsight_schemas::ids::Partition;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::traces::Traces;
use crate::delivery::dead_letter::letters;
use crate::delivery::lane::{Input, Opened};
use crate::delivery::materializer::{Materializer, Poison, PrepareError, Prepared, WriteError};
use crate::delivery::meters;
use crate::delivery::range::RangeName;

/// An answer for a lane.
pub(super) struct Answer<B> {
    pub(super) to: Address,
    pub(super) input: Input<B>,
}

/// A lane while it is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) partition: Partition,
    pub(super) epoch: u64,
}

pub(super) struct Tasks<M: Materializer> {
    pub(super) materializer: Arc<M>,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) runtime: Handle,
    pub(super) answers: Sender<Answer<M::Prepared>>,
    pub(super) waker: Waker,
    pub(super) write_timeout: Duration,
    pub(super) traces: Traces,
    /// Turns to convert, of the whole process.
    pub(super) conversions: Arc<Semaphore>,
    /// The turn to write dead letters, of which there is one: what was refused is read again, a range at a time.
    pub(super) letters: Arc<Semaphore>,
}

impl<M: Materializer> Tasks<M> {
    pub(super) fn open(&self, to: Address, opened: Opened) {
        let materializer = Arc::clone(&self.materializer);
        self.answer(to, async move {
            let ask = async {
                materializer.on_assigned(to.partition).await?;
                let ask_rows = opened.committed.is_none();
                let has_rows = ask_rows && materializer.has_rows(to.partition).await?;
                Ok::<_, crate::delivery::ViewError>(Opened { has_rows, ..opened })
            };
            match ask.await {
                Ok(opened) => Input::Opened(opened),
                Err(error) => Input::OpenFailed(error.to_string()),
            }
        });
    }

    pub(super) fn prepare(&mut self, to: Address, name: RangeName, records: Vec<StoredRecord>) {
        self.traces.cut(name, &records);
        let materializer = Arc::clone(&self.materializer);
        let (runtime, conversions) = (self.runtime.clone(), Arc::clone(&self.conversions));
        self.answer(to, async move {
            let _turn = conversions.acquire_owned().await;
            let convert = move || materializer.prepare(&name, records);
            let result: Result<Prepared<_>, _> = match runtime.spawn_blocking(convert).await {
                Ok(result) => result,
                Err(error) => Err(PrepareError::Failed(format!(
                    "conversion of {name} died: {error}"
                ))),
            };
            Input::Prepared(name, result)
        });
    }

    pub(super) fn write(&self, to: Address, name: RangeName, batch: Arc<M::Prepared>, settle: bool) {
        let materializer = Arc::clone(&self.materializer);
        let limit = self.write_timeout;
        let view = self.materializer.name();
        let traced = self.traces.attempt(view, name, settle);
        self.answer(to, async move {
            let started = std::time::Instant::now();
            let write = async move {
                failpoint::step(if settle { "lane-settle" } else { "lane-write" });
                let result = match settle {
                    true => materializer.settle(&name, &batch).await,
                    false => materializer.write(&name, &batch).await,
                };
                failpoint::step(if settle { "lane-settled" } else { "lane-written" });
                result
            };
            let attempt = tokio::spawn(tokio::time::timeout(limit, write)).await;
            let result = match attempt {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(WriteError::Ambiguous(format!(
                    "{name} was not answered in {limit:?}"
                ))),
                Err(error) => Err(WriteError::Ambiguous(format!("write of {name} died: {error}"))),
            };
            meters::wrote(view, started.elapsed(), &result);
            if let Some(traced) = traced {
                traced.ended(&result);
            }
            Input::Written(result)
        });
    }

    pub(super) fn dead_letter(&self, to: Address, poison: Vec<Poison>) {
        let log = Arc::clone(&self.log);
        let name = self.materializer.name();
        let turns = Arc::clone(&self.letters);
        self.answer(to, async move {
            let _turn = turns.acquire_owned().await;
            let result = match letters(&*log, name, &poison).await {
                Ok(letters) => log
                    .append(letters)
                    .await
                    .map(drop)
                    .map_err(|error| error.to_string()),
                Err(error) => Err(format!("refused records can't be read again: {error}")),
            };
            Input::DeadLettered(result)
        });
    }

    fn answer(&self, to: Address, task: impl Future<Output = Input<M::Prepared>> + Send + 'static) {
        let (answers, waker) = (self.answers.clone(), self.waker.clone());
        self.runtime.spawn(async move {
            let input = task.await;
            // The receiver is gone only when the thread has ended: then nobody needs the answer.
            if answers.send(Answer { to, input }).is_ok() {
                waker.wake();
            }
        });
    }
}
