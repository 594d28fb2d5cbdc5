//! `hindsight import`: sends recordings and audit events from files through the HTTP front door.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use hindsight_schemas::ids::Reference;

use super::SettingsArgs;
use crate::credentials;
use crate::import::{self, Facts, Options, client::Client, journal::Journal};
use crate::recording::identity::SessionFrom;
use crate::settings::Overrides;

/// Send recordings and audit events from files or folders.
///
/// Recordings: rrweb events as a JSON array, JSON lines, {"events": [...]}, [windowId, event] lines, PostHog
/// exports (compressed events too), rrweb `pack`; plain, gzip, zstd or zip. Files named audit*.jsonl are audit
/// events. Importing the same file again changes nothing: a session's id is made from its first time and its
/// content, and it is always cut into the same batches - so after an interruption just run it again. With
/// --journal it then sends only what was not acknowledged.
///
/// An https:// address is checked against the system's certificates; SSL_CERT_FILE names others (a PEM file).
///
/// Exit codes: 0 all sent (with --dry-run: all playable), 1 some files failed (the rest was sent).
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Files or folders.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Address of the server [default: as in credentials.json of the data folder].
    #[arg(long)]
    url: Option<String>,
    /// A server key [default: as in credentials.json of the data folder].
    #[arg(long, env = "HINDSIGHT_KEY", hide_env_values = true)]
    key: Option<String>,
    /// From what session ids are made. With `name`, files NAME-tab1, NAME-tab2 are tabs of one session.
    #[arg(long, value_enum, default_value = "hash")]
    session_from: SessionFrom,
    /// A business id that all these recordings belong to (may be given several times).
    #[arg(long, value_name = "TYPE:ID", value_parser = parse_reference)]
    reference: Vec<Reference>,
    /// The user who is recorded in all of them.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// All files are audit events, whatever their names.
    #[arg(long)]
    audit: bool,
    /// Send nothing; say what would be sent and whether each recording can be played, and why not.
    #[arg(long)]
    dry_run: bool,
    /// Sessions sent at the same time.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    parallel: u8,
    /// How long a request is tried again while the server is away or busy.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    patience: u64,
    /// Remember in this file what the server acknowledged, and leave it out the next time. For long imports; a
    /// server whose data folder was emptied needs a new one.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Import {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let options = Options {
            paths: self.paths.clone(),
            session_from: self.session_from,
            facts: Facts {
                references: self.reference.clone(),
                user: self.user.clone(),
            },
            all_audit: self.audit,
            parallel: usize::from(self.parallel),
        };
        if self.dry_run {
            return import::dry_run(&options);
        }
        let (url, key) = self.server()?;
        let patience = std::time::Duration::from_secs(self.patience);
        let client = Client::new(&url, &key, patience)?;
        let journal = match &self.journal {
            Some(path) => Journal::open(path, &url)?,
            None => Journal::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(import::send(&options, &client, &journal))
    }

    /// Where to, and the key.
    fn server(&self) -> anyhow::Result<(String, String)> {
        let (url, key) = match (&self.url, &self.key) {
            (Some(url), Some(key)) => (url.clone(), key.clone()),
            (url, key) => {
                let folder = self.settings.load(Overrides::default())?.settings.server.data_dir;
                let known = credentials::read(&folder).context(
                    "give --url and --key, or name the data folder of a running `hindsight up` by --data-dir",
                )?;
                (
                    url.clone().unwrap_or(known.url),
                    key.clone().unwrap_or(known.write_key),
                )
            }
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--url {url:?} does not start with http:// or https://");
        }
        Ok((url, key))
    }
}

fn parse_reference(text: &str) -> Result<Reference, String> {
    match text.split_once(':') {
        Some((kind, id)) if !kind.is_empty() && !id.is_empty() => Ok(Reference {
            kind: kind.into(),
            id: id.into(),
        }),
        _ => Err("expected TYPE:ID, for example order:O-1042".into()),
    }
}
