//! Where operators' questions are answered: by the log itself, or by the process that holds it.
//!
//! **Failure**: what can't be reached is named with the address and what to do. **Bound**: [`ANSWERED_WITHIN`] a call.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use hindsight_processors::jobs::Job;
use hindsight_schemas::problem::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::lag::LaneLag;
use super::letters::{LetterId, List, Outcome};
use super::{Asked, door};
use crate::credentials;
use crate::data_folder::{self, DataFolder};
use crate::engines::{Engines, Use, Waiting, Wanted};
use crate::failure::Failure;
use crate::roles;
use crate::settings::Settings;
use crate::settings::engines::LogKind;

/// A look at every partition of a large log takes its time.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);

/// The flag that names the process to ask.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The operators' address of the process that holds the data folder [default: as in its credentials.json, or
    /// server.ops_listen].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// What the engines are opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The log alone.
    Look,
    /// The list of erased sessions, or the jobs, too.
    WithSegments,
}

/// Where the log is.
pub(crate) enum Place {
    /// Opened here; a data folder stays locked meanwhile.
    Here(Box<Here>),
    /// Behind the door of another process.
    There(Door),
}

/// Opened engines, and what is asked of them.
pub(crate) struct Here {
    asked: Asked,
    engines: Engines,
    _lock: Option<DataFolder>,
}

/// The operators' routes of a process.
pub(crate) struct Door {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// Refuses a folder in which no server ever ran.
pub(super) fn has_log(folder: &Path) -> Result<(), Failure> {
    if folder.join("log").exists() {
        return Ok(());
    }
    Err(Failure::Configuration(format!(
        "there is no log in {}: name the folder of your server by --data-dir, or the settings file of your installation \
         by --config",
        folder.display()
    )))
}

impl PlaceArgs {
    /// Finds out where, and opens it.
    pub(crate) async fn open(&self, settings: &Settings, purpose: Purpose) -> anyhow::Result<Place> {
        let folder = &settings.server.data_dir;
        let embedded = settings.log.kind == LogKind::Embedded;
        if embedded && (self.url.is_some() || data_folder::holder(folder).is_some()) {
            return Ok(Place::There(self.door(settings)?));
        }
        if embedded {
            has_log(folder)?;
        }
        let lock = embedded.then(|| DataFolder::open(folder)).transpose()?;
        let mut settings = settings.clone();
        // A mistyped name must not leave topics behind.
        settings.log.kafka.create_topics = false;
        let wanted = Wanted {
            log: Some(roles::groups()),
            segments: (purpose == Purpose::WithSegments).then_some(Use::Read),
            ..Wanted::default()
        };
        let engines = Engines::open(&settings, wanted, &Waiting::default()).await?;
        Ok(Place::Here(Box::new(Here {
            asked: Asked::new(engines.log(), engines.segments_if_opened()),
            engines,
            _lock: lock,
        })))
    }

    fn door(&self, settings: &Settings) -> anyhow::Result<Door> {
        let server = &settings.server;
        let known = credentials::read(&server.data_dir)?;
        let url = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if server.ops_listen.is_empty() => known.url,
            None => format!("http://{}", server.ops_listen),
        };
        // A door of this machine: plain HTTP, no proxy between.
        let builder = reqwest::Client::builder().timeout(ANSWERED_WITHIN).no_proxy();
        let http = builder.tls_certs_only([]).build()?;
        Ok(Door {
            http,
            url,
            token: known.admin_token,
        })
    }
}

impl Place {
    /// How far the views are.
    pub(crate) async fn lag(&self) -> anyhow::Result<Vec<LaneLag>> {
        match self {
            Place::Here(here) => Ok(here.asked.lag().await?),
            Place::There(door) => door.get(door::LAG).await,
        }
    }

    /// What the views refused.
    pub(crate) async fn letters(&self) -> anyhow::Result<List> {
        match self {
            Place::Here(here) => Ok(here.asked.letters().await?),
            Place::There(door) => door.get(door::LETTERS).await,
        }
    }

    /// One letter with its record, if there is one.
    pub(crate) async fn letter(&self, id: LetterId) -> anyhow::Result<Option<Value>> {
        match self {
            Place::Here(here) => Ok(here.asked.letter(id).await?),
            Place::There(door) => door.get(&format!("{}/{id}", door::LETTERS)).await,
        }
    }

    /// Sends the record of a letter again.
    pub(crate) async fn resend(&self, id: LetterId) -> anyhow::Result<Outcome> {
        match self {
            Place::Here(here) => here.asked.resend(id).await,
            Place::There(door) => door.post(&format!("{}/{id}/resend", door::LETTERS)).await,
        }
    }

    /// What long work there is.
    pub(crate) async fn jobs(&self) -> anyhow::Result<Vec<Job>> {
        match self {
            Place::Here(here) => Ok(here.asked.jobs().await?),
            Place::There(door) => door.get(door::JOBS).await,
        }
    }

    /// Lets go of it.
    pub(crate) async fn close(self) {
        if let Place::Here(here) = self {
            let Here {
                asked,
                engines,
                _lock,
            } = *here;
            drop(asked);
            engines.close().await;
        }
    }
}

impl Door {
    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.answer(self.http.get(format!("{}{path}", self.url))).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.answer(self.http.post(format!("{}{path}", self.url))).await
    }

    async fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> anyhow::Result<T> {
        let sent = request.bearer_auth(&self.token).send().await;
        let answer = sent.with_context(|| {
            format!(
                "{} does not answer, though a process holds the data folder; --url names its operators' address",
                self.url
            )
        })?;
        let status = answer.status();
        let text = answer.text().await?;
        if status.is_success() {
            return serde_json::from_str(&text)
                .with_context(|| format!("{} is no operators' address: --url names it", self.url));
        }
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => bail!("{} answers {status}: {}", self.url, problem.detail),
            Err(_) => bail!(
                "{} answers {status}: --url names the operators' address (--ops-listen) of the process",
                self.url
            ),
        }
    }
}
