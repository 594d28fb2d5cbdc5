//! A ClickHouse server by its HTTP interface: `[clickhouse] kind = "server"`.
//!
//! **Failure**: what waiting would mend is [`OpenError::Away`]; everything else names its remedy. **Bounds**: those of
//! [`ServerOptions`].

use std::path::PathBuf;
use std::time::Duration;

use hindsight_schemas::ddl::{Dialect, database};
use reqwest::{Certificate, Client, Url};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::http::CONNECT_LIMIT;
use super::{Analytics, Endpoint, HttpAnalytics, HttpOptions, MigrateError, Query, QueryError, query_rows};
use crate::secret::Secret;

/// Refusals of a user: 192 unknown, 193 wrong password, 194 password needed, 497 access denied, 516 both of the first.
const DENIED: &[i32] = &[192, 193, 194, 497, 516];

/// Where the server is, who we are there, and how its tables are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerOptions {
    /// Its HTTP interface.
    pub url: String,
    /// Who we are there: with rights on the databases `hindsight` and `hindsight_g*`.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// PEM file with the authority that signed its certificate; empty: the public ones.
    pub ca_certificate: PathBuf,
    /// The cluster on whose nodes replicated tables are made; empty: one server with plain tables.
    pub cluster: String,
    /// Rows are compressed on their way (zstd).
    pub compression: bool,
    /// The longest that an insert may run in the server.
    pub insert_seconds: u64,
    /// The longest that a query of ours may run in the server.
    pub query_seconds: u64,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".into(),
            user: "hindsight".into(),
            password: Secret::default(),
            ca_certificate: PathBuf::new(),
            cluster: String::new(),
            compression: true,
            insert_seconds: 30,
            query_seconds: 60,
        }
    }
}

/// Why a server could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A setting that can't be used.
    #[error("{0}")]
    Settings(String),
    /// It knows us not, or lets us do too little.
    #[error(
        "clickhouse refuses user {user} ({words}): check clickhouse.user and clickhouse.password, and grant CREATE \
         DATABASE, CREATE TABLE, CREATE VIEW, DROP VIEW, SELECT, INSERT, ALTER DELETE and SYSTEM SYNC REPLICA on hindsight \
         and hindsight_g*, and SELECT on system.tables and system.columns"
    )]
    Denied {
        /// Who we are.
        user: String,
        /// The server's own.
        words: String,
    },
    /// It, or its tables, are not as they must be.
    #[error(transparent)]
    Unfit(MigrateError),
    /// It does not answer, or not as it should; it may later.
    #[error("clickhouse at {url}: {words}")]
    Away {
        /// Where it should be.
        url: String,
        /// What was heard.
        words: String,
    },
}

/// Opens a server, and leaves its tables as they are: for who makes them anew.
pub async fn open_server_as_it_is(options: &ServerOptions) -> Result<HttpAnalytics, OpenError> {
    let engine = options.client()?;
    let answered = engine.ping().await;
    answered.map_err(|error| options.sorted(error.into()))?;
    Ok(engine)
}

/// Opens a server: its tables are brought up to date, and looked at.
pub async fn open_server(options: &ServerOptions, view_generation: u32) -> Result<HttpAnalytics, OpenError> {
    let engine = open_server_as_it_is(options).await?;
    engine
        .migrate(view_generation)
        .await
        .map_err(|error| options.sorted(error))?;
    Ok(engine)
}

/// Looks at a server without changing anything: whether it lets us in, and whether the tables that are there are as they
/// must be. Says whether there are any.
pub async fn look_at_server(options: &ServerOptions, view_generation: u32) -> Result<bool, OpenError> {
    #[derive(Deserialize)]
    struct Found {
        databases: u64,
    }
    let engine = options.client()?;
    let sql = "SELECT count() AS databases FROM system.databases WHERE name = {database:String}";
    let query = Query::new(sql).param("database", database(view_generation).as_str());
    let found: Vec<Found> = query_rows(&engine, query)
        .await
        .map_err(|error| options.sorted(error.into()))?;
    if found.iter().all(|found| found.databases == 0) {
        return Ok(false);
    }
    engine
        .check(view_generation)
        .await
        .map_err(|error| options.sorted(error))?;
    Ok(true)
}

impl ServerOptions {
    /// A client of the server, which is not asked for anything yet.
    pub fn client(&self) -> Result<HttpAnalytics, OpenError> {
        let endpoint = Endpoint {
            url: self.checked_url()?,
            user: self.user.clone(),
            password: self.password.reveal().into(),
        };
        let options = HttpOptions {
            dialect: if self.cluster.is_empty() {
                Dialect::Embedded
            } else {
                Dialect::Replicated
            },
            cluster: self.cluster.clone(),
            compression: self.compression,
            insert_limit: Duration::from_secs(self.insert_seconds.max(1)),
            query_limit: Duration::from_secs(self.query_seconds.max(1)),
        };
        let endpoint = watch::channel(endpoint).1;
        Ok(HttpAnalytics::by(self.connection()?, endpoint, options))
    }

    fn checked_url(&self) -> Result<String, OpenError> {
        let wrong = |why: String| OpenError::Settings(format!("clickhouse.url {:?}: {why}", self.url));
        let url = Url::parse(&self.url).map_err(|error| wrong(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "set clickhouse.user and clickhouse.password instead".into(),
            ));
        }
        match url.scheme() {
            "http" | "https" => Ok(url.into()),
            other => Err(wrong(format!("has scheme {other}, use http or https"))),
        }
    }

    fn connection(&self) -> Result<Client, OpenError> {
        let builder = Client::builder().connect_timeout(CONNECT_LIMIT).no_proxy();
        let builder = if !self.ca_certificate.as_os_str().is_empty() {
            builder.tls_certs_only(self.authority()?)
        } else if self.url.starts_with("https:") {
            builder
        } else {
            // The system's certificates, which may be missing, are not asked for.
            builder.tls_certs_only([])
        };
        builder
            .build()
            .map_err(|error| OpenError::Settings(format!("clickhouse client can't be made: {error}")))
    }

    fn authority(&self) -> Result<Vec<Certificate>, OpenError> {
        let wrong = |error: &dyn std::fmt::Display| {
            let path = self.ca_certificate.display();
            OpenError::Settings(format!("clickhouse.ca_certificate {path}: {error}"))
        };
        let pem = std::fs::read(&self.ca_certificate).map_err(|error| wrong(&error))?;
        Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))
    }

    /// What an error of the start means.
    fn sorted(&self, error: MigrateError) -> OpenError {
        match error {
            MigrateError::Query(QueryError::Engine { code, message }) if DENIED.contains(&code) => {
                OpenError::Denied {
                    user: self.user.clone(),
                    words: format!("code {code}: {message}"),
                }
            }
            // Roles that start together make the same tables: what fails for that is made the next time.
            MigrateError::Query(error) => OpenError::Away {
                url: self.url.clone(),
                words: error.to_string(),
            },
            other => OpenError::Unfit(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut ServerOptions)) -> String {
        let mut options = ServerOptions::default();
        options.client().expect("the defaults are fine");
        change(&mut options);
        options.client().expect_err("it is wrong").to_string()
    }

    #[test]
    fn what_cannot_be_is_named_with_its_key() {
        let words = refusal(|options| options.url = "localhost:8123".into());
        assert!(
            words.contains("clickhouse.url") && words.contains("http or https"),
            "{words}"
        );
        let words = refusal(|options| options.url = "http://u:secret@ch:8123".into());
        assert!(words.contains("clickhouse.password"), "{words}");
        let words = refusal(|options| options.ca_certificate = "/nowhere".into());
        assert!(words.contains("clickhouse.ca_certificate /nowhere"), "{words}");
    }
}
