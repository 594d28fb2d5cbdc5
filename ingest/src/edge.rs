//! The state behind the routes, and its drain.
//!
//! Lifecycle: made once with everything it needs (settings are checked here); shared by all requests; [`Edge::drain`]
//! refuses new requests and waits for those in flight, each of which is bounded by its own time-outs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hindsight_engines::log::EventLog;
use hindsight_policy::{KeyActivity, KeySet, Project, ProjectError};
use hindsight_schemas::ids::ProjectId;
use jiff::tz::TimeZone;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::admission::Budget;
use crate::erased::ErasedSessions;
use crate::meters;
use crate::options::{EdgeOptions, OptionsError};
use crate::rate::Buckets;

/// Why an edge can't be made.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The settings contradict each other.
    #[error("edge settings")]
    Options(#[from] OptionsError),
    /// A project can't be used.
    #[error("project {0}")]
    Project(ProjectId, #[source] ProjectError),
    /// Not in the time zone database.
    #[error("project {0}: time_zone {1:?} is not in the IANA time zone database")]
    TimeZone(ProjectId, String),
    /// A key for a project that isn't there.
    #[error("key {0:?} is for project {1}, which is not configured")]
    KeyWithoutProject(String, ProjectId),
}

/// A project and what the edge keeps for it.
pub(crate) struct Served {
    pub(crate) project: Project,
    pub(crate) zone: TimeZone,
    pub(crate) buckets: Arc<Buckets>,
}

/// The edge.
pub struct Edge {
    pub(crate) options: EdgeOptions,
    pub(crate) keys: KeySet,
    pub(crate) activity: Arc<KeyActivity>,
    projects: HashMap<ProjectId, Served>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) erased: Arc<dyn ErasedSessions>,
    pub(crate) budget: Budget,
    /// What bodies cost whose key stands inside of them, until it is known: all of them together as much as a project.
    pub(crate) keyless: Buckets,
    draining: AtomicBool,
    in_flight: TaskTracker,
}

impl Edge {
    /// Makes an edge; refuses settings that can't work.
    pub fn new(
        options: EdgeOptions,
        projects: Vec<Project>,
        keys: KeySet,
        log: Arc<dyn EventLog>,
        erased: Arc<dyn ErasedSessions>,
    ) -> Result<Self, EdgeError> {
        options.check()?;
        let projects = projects
            .into_iter()
            .map(|project| Ok((project.id.clone(), serve(project, &options)?)))
            .collect::<Result<HashMap<_, _>, EdgeError>>()?;
        if let Some(key) = keys.iter().find(|key| !projects.contains_key(&key.project)) {
            return Err(EdgeError::KeyWithoutProject(key.id.clone(), key.project.clone()));
        }
        let budget = Budget::new(options.edge.budget_bytes);
        let keyless = Buckets::new(&options.rate);
        Ok(Self {
            options,
            activity: Arc::new(KeyActivity::new(&keys)),
            keys,
            projects,
            log,
            erased,
            budget,
            keyless,
            draining: AtomicBool::new(false),
            in_flight: TaskTracker::new(),
        })
    }

    /// Refuses new requests with 503 `draining` and waits until those in flight are answered.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.in_flight.close();
        self.in_flight.wait().await;
    }

    /// What became of the last calls with each key.
    pub fn activity(&self) -> Arc<KeyActivity> {
        self.activity.clone()
    }

    /// Whether new requests are refused.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Counts a request in, until the token is dropped; `None` while draining.
    pub(crate) fn enter(&self) -> Option<TaskTrackerToken> {
        // The token comes first: a drain that starts between the two lines waits for it.
        let token = self.in_flight.token();
        if self.is_draining() { None } else { Some(token) }
    }

    /// The project of a key.
    pub(crate) fn served(&self, id: &ProjectId) -> &Served {
        self.projects
            .get(id)
            .expect("a key's project is checked when the edge is made")
    }
}

fn serve(project: Project, options: &EdgeOptions) -> Result<Served, EdgeError> {
    if let Err(error) = project.check() {
        return Err(EdgeError::Project(project.id, error));
    }
    let zone = TimeZone::get(&project.time_zone)
        .map_err(|_| EdgeError::TimeZone(project.id.clone(), project.time_zone.clone()))?;
    meters::declare(&project);
    Ok(Served {
        zone,
        buckets: Arc::new(Buckets::new(&options.rate)),
        project,
    })
}
