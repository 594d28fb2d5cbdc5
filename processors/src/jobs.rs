//! What long work was started, how far it is, what became of it: a few small objects in the segment store, which every
//! role reaches and nothing forgets.
//!
//! Each step is an object of its own, since objects are never changed; a newer step takes the place of the one before,
//! the first stays. **Invariant:** work that has not said how it ended has not ended well. **Failure:** whoever works
//! goes on only if a step can be written. **Bound:** [`KEPT`] jobs; one step every [`STEP_EVERY`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use hindsight_engines::segments::{Prefix, SegmentPath, SegmentStore, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Jobs that are remembered.
pub const KEPT: usize = 100;
/// How often progress is written at most.
pub const STEP_EVERY: Duration = Duration::from_secs(5);
/// Work that was silent for so long is over.
const SILENT_FOR_MS: i64 = 60_000;
/// Names read in one request: two steps of each job, and one that is just replaced.
const PAGE: usize = 1_000;

/// How work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Somebody is at it.
    Running,
    /// It did what it should.
    Done,
    /// It ended with an error, which says so if it has changed what is read.
    Failed,
    /// Nothing was heard of it for a minute: its process was killed.
    Stopped,
}

impl JobState {
    /// The name in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// How far it is: what it does, and how much of that is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which part of the work.
    pub phase: String,
    /// Things that are done.
    pub done: u64,
    /// Of so many, where that is known.
    pub of: Option<u64>,
}

impl Progress {
    /// The beginning of a part.
    pub fn of(phase: &str, of: Option<u64>) -> Self {
        Self {
            phase: phase.to_owned(),
            done: 0,
            of,
        }
    }
}

/// Work as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: Uuid,
    /// What it is, for example `rebuild replay-index`.
    pub kind: String,
    /// How it is.
    pub state: JobState,
    /// When it began, RFC 3339.
    pub began_at: Timestamp,
    /// When it was last heard of.
    pub heard_at: Timestamp,
    /// How far it is, or was.
    pub progress: Progress,
    /// What came of it, or why it failed.
    pub words: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    kind: String,
    state: JobState,
    at_ms: i64,
    progress: Progress,
    words: String,
}

/// Why a job can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store failed.
    #[error("segments: {0}")]
    Store(#[from] StoreError),
    /// An object among the jobs is none.
    #[error("{path} is no step of a job")]
    Unreadable {
        /// Which.
        path: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Work that is being done.
pub struct JobLog {
    store: Arc<dyn SegmentStore>,
    id: Uuid,
    kind: String,
    next: u32,
    written: Instant,
    progress: Progress,
}

impl JobLog {
    /// Begins, and forgets the oldest of many.
    pub async fn begin(store: Arc<dyn SegmentStore>, kind: &str) -> Result<Self, JobError> {
        forget_old(&*store).await?;
        let mut log = Self {
            store,
            id: Uuid::now_v7(),
            kind: kind.to_owned(),
            next: 0,
            written: Instant::now(),
            progress: Progress::default(),
        };
        log.write(JobState::Running, String::new()).await?;
        Ok(log)
    }

    /// Its name.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Writes how far it is, if a step is due or another part has begun.
    pub async fn note(&mut self, progress: Progress) -> Result<(), JobError> {
        let is_due = progress.phase != self.progress.phase || self.written.elapsed() >= STEP_EVERY;
        self.progress = progress;
        if is_due {
            self.write(JobState::Running, String::new()).await?;
        }
        Ok(())
    }

    /// Writes how it ended.
    pub async fn end(mut self, state: JobState, words: String) -> Result<(), JobError> {
        self.write(state, words).await
    }

    async fn write(&mut self, state: JobState, words: String) -> Result<(), JobError> {
        let step = Step {
            kind: self.kind.clone(),
            state,
            at_ms: Timestamp::now().as_millisecond(),
            progress: self.progress.clone(),
            words,
        };
        let bytes = serde_json::to_vec(&step).expect("texts and numbers can be written");
        self.store.put_create(&self.path(self.next), bytes.into()).await?;
        if self.next > 1 {
            self.store.delete(&self.path(self.next - 1)).await?;
        }
        self.next += 1;
        self.written = Instant::now();
        Ok(())
    }

    fn path(&self, step: u32) -> SegmentPath {
        SegmentPath::Job { id: self.id, step }
    }
}

/// All jobs that are remembered, oldest first.
pub async fn jobs(store: &dyn SegmentStore) -> Result<Vec<Job>, JobError> {
    let mut found = Vec::new();
    for steps in steps(store).await? {
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
            continue;
        };
        // A step that was replaced while we looked is found under its next name in the next look.
        if let (Some(first), Some(last)) = (read(store, first).await?, read(store, last).await?) {
            found.push(told(steps[0].0, &first, last, Timestamp::now()));
        }
    }
    Ok(found)
}

fn told(id: Uuid, first: &Step, last: Step, now: Timestamp) -> Job {
    let at = |ms| Timestamp::from_millisecond(ms).unwrap_or_default();
    let silent = now.as_millisecond().saturating_sub(last.at_ms) > SILENT_FOR_MS;
    let state = match last.state {
        JobState::Running if silent => JobState::Stopped,
        state => state,
    };
    Job {
        id,
        kind: last.kind,
        state,
        began_at: at(first.at_ms),
        heard_at: at(last.at_ms),
        progress: last.progress,
        words: last.words,
    }
}

type StepName = (Uuid, u32);

async fn read(store: &dyn SegmentStore, (id, step): &StepName) -> Result<Option<Step>, JobError> {
    let path = SegmentPath::Job { id: *id, step: *step };
    let bytes = match store.get(&path).await {
        Err(StoreError::NotFound(_)) => return Ok(None),
        found => found?,
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| JobError::Unreadable {
            path: path.to_string(),
            source,
        })
}

/// The steps of each job, oldest job first.
async fn steps(store: &dyn SegmentStore) -> Result<Vec<Vec<StepName>>, StoreError> {
    let mut names: Vec<StepName> = Vec::new();
    let mut after: Option<SegmentPath> = None;
    loop {
        let page = store.list(&Prefix::Jobs, after.as_ref(), PAGE).await?;
        let full = page.len() == PAGE;
        after = page.last().map(|listed| listed.path.clone());
        names.extend(page.into_iter().filter_map(|listed| match listed.path {
            SegmentPath::Job { id, step } => Some((id, step)),
            _ => None,
        }));
        if !full {
            break;
        }
    }
    let of_one = names.chunk_by(|(a, _), (b, _)| a == b);
    Ok(of_one.map(<[StepName]>::to_vec).collect())
}

async fn forget_old(store: &dyn SegmentStore) -> Result<(), StoreError> {
    let known = steps(store).await?;
    let too_many = (known.len() + 1).saturating_sub(KEPT);
    for (id, step) in known.into_iter().take(too_many).flatten() {
        store.delete(&SegmentPath::Job { id, step }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hindsight_engines::segments::ObjectSegments;
    use object_store::memory::InMemory;

    use super::*;

    fn store() -> Arc<dyn SegmentStore> {
        Arc::new(ObjectSegments::new(Arc::new(InMemory::new())))
    }

    #[tokio::test]
    async fn a_job_is_told_from_its_first_and_its_last_step() {
        let store = store();
        let mut log = JobLog::begin(store.clone(), "rebuild x").await.unwrap();
        for phase in ["objects", "facts", "switch"] {
            log.note(Progress::of(phase, Some(3))).await.unwrap();
        }
        let running = jobs(&*store).await.unwrap();
        assert_eq!((running.len(), running[0].state), (1, JobState::Running));
        assert_eq!(running[0].progress, Progress::of("switch", Some(3)));
        assert_eq!(
            steps(&*store).await.unwrap()[0].len(),
            2,
            "the first and the last"
        );
        log.end(JobState::Done, "3 rows".into()).await.unwrap();
        let done = jobs(&*store).await.unwrap().remove(0);
        assert_eq!((done.state, done.words.as_str()), (JobState::Done, "3 rows"));
        assert_eq!((done.id, done.began_at), (running[0].id, running[0].began_at));
    }

    #[tokio::test]
    async fn one_that_fell_silent_is_no_longer_running_and_old_ones_are_forgotten() {
        let store = store();
        for number in 0..=KEPT {
            JobLog::begin(store.clone(), &format!("job {number}"))
                .await
                .unwrap();
        }
        let kept = jobs(&*store).await.unwrap();
        assert_eq!((kept.len(), kept[0].kind.as_str()), (KEPT, "job 1"));
        let step = read(&*store, &(kept[0].id, 0)).await.unwrap().unwrap();
        let at = |after_ms| Timestamp::from_millisecond(step.at_ms + after_ms).unwrap();
        let told = |now| told(kept[0].id, &step, step.clone(), now).state;
        assert_eq!(told(at(SILENT_FOR_MS)), JobState::Running);
        assert_eq!(told(at(SILENT_FOR_MS + 1)), JobState::Stopped);
    }
}
