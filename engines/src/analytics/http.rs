//! The analytics engine over ClickHouse's HTTP interface: the embedded child and real servers alike.
//!
//! **Invariant:** an answer is an error whenever the engine said so, also in the middle of a result
//! (the `__exception__` block of ClickHouse 25.11 and later). **Failure**: see [`failure`] for what an error says about
//! an insert. **Bounds**: connect 5 s, a statement by `max_execution_time` plus a margin, and so each piece of a result:
//! a server that hangs is noticed wherever it stops.

mod exception;
mod failure;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::{self, Stream};
use hindsight_schemas::ddl::{self, Dialect};
use reqwest::header::CONTENT_ENCODING;
use reqwest::multipart::Form;
use reqwest::{Client, RequestBuilder, Response};
use tokio::sync::watch;

use super::{
    Analytics, ByteStream, InsertBlock, InsertError, MigrateError, Query, QueryError, check, migrate,
};

/// Where an engine listens; the embedded child may come back at another port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://host:port/`.
    pub url: String,
    /// The engine's user.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// Settings of the client.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Which DDL the engine takes.
    pub dialect: Dialect,
    /// On all nodes of which cluster tables are made; empty (default): on the one that is asked.
    pub cluster: String,
    /// Rows are sent compressed. Default no: worth its processor time over a network only.
    pub compression: bool,
    /// The longest an insert may run in the engine. Default 30 s.
    pub insert_limit: Duration,
    /// The longest a query runs that names no limit of its own. Default 60 s.
    pub query_limit: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            dialect: Dialect::Embedded,
            cluster: String::new(),
            compression: false,
            insert_limit: Duration::from_secs(30),
            query_limit: Duration::from_secs(60),
        }
    }
}

/// How much longer than the engine's own limit we wait for its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(10);
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Rows repeat themselves so much that the fastest level saves most.
const ZSTD_LEVEL: i32 = 1;

/// An [`Analytics`] over HTTP. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpAnalytics {
    client: Client,
    endpoint: watch::Receiver<Endpoint>,
    options: HttpOptions,
}

impl HttpAnalytics {
    /// A client of an engine that may move (the embedded child's supervisor tells where to).
    pub fn new(endpoint: watch::Receiver<Endpoint>, options: HttpOptions) -> Self {
        let client = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .no_proxy()
            // The engine is beside us: the system's certificates, which may be missing, are not asked for.
            .tls_certs_only([])
            .build();
        let client = client.expect("a client without certificates has nothing that can fail");
        Self::by(client, endpoint, options)
    }

    /// By a client that was made elsewhere.
    pub(super) fn by(client: Client, endpoint: watch::Receiver<Endpoint>, options: HttpOptions) -> Self {
        Self {
            client,
            endpoint,
            options,
        }
    }

    /// A client of an engine that stays where it is.
    pub fn at(endpoint: Endpoint, options: HttpOptions) -> Self {
        Self::new(watch::channel(endpoint).1, options)
    }

    /// Whether server and tables are as they must be.
    pub(super) async fn check(&self, view_generation: u32) -> Result<(), MigrateError> {
        check::check(self, self.options.dialect, view_generation).await
    }

    fn post(&self) -> RequestBuilder {
        let Endpoint { url, user, password } = self.endpoint.borrow().clone();
        self.client.post(url).basic_auth(user, Some(password))
    }

    fn limit(&self, query: &Query) -> Duration {
        limit_of(query).unwrap_or(self.options.query_limit)
    }

    async fn send(&self, query: Query) -> Result<Response, QueryError> {
        let limit = self.limit(&query);
        let mut settings = query.settings;
        if limit == self.options.query_limit {
            settings.push(("max_execution_time".into(), limit.as_secs().to_string()));
        }
        if let Some(format) = query.format {
            settings.push(("default_format".into(), format));
        }
        let request = self.post().query(&settings);
        let request = if query.params.is_empty() {
            request.body(query.sql)
        } else {
            // A form, because parameters may be longer than an address.
            let form = Form::new().text("query", query.sql);
            request.multipart(query.params.into_iter().fold(form, |form, (name, value)| {
                form.text(format!("param_{name}"), value.as_str().to_owned())
            }))
        };
        let answer = tokio::time::timeout(limit + ANSWER_MARGIN, request.send()).await;
        let answer = answer.map_err(|_| QueryError::Unavailable("no answer in time".into()))?;
        let answer = answer.map_err(|error| QueryError::Unavailable(failure::chain(&error)))?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(failure::of_answer(answer).await)
        }
    }
}

/// Rows as they go over the wire, with their `Content-Encoding`.
async fn packed(rows: Bytes, compression: bool) -> std::io::Result<(Bytes, &'static str)> {
    if !compression {
        return Ok((rows, "identity"));
    }
    let pack = move || zstd::encode_all(&rows[..], ZSTD_LEVEL);
    let packed = tokio::task::spawn_blocking(pack)
        .await
        .map_err(std::io::Error::other)??;
    Ok((packed.into(), "zstd"))
}

/// Chunks none of which may take longer than this.
fn bounded<S>(chunks: S, limit: Duration) -> impl Stream<Item = Result<Bytes, QueryError>> + Send + 'static
where
    S: Stream<Item = Result<Bytes, QueryError>> + Send + 'static,
{
    stream::try_unfold(Box::pin(chunks), move |mut chunks| async move {
        let next = tokio::time::timeout(limit, chunks.try_next()).await;
        let late = || QueryError::Unreadable(format!("nothing more came for {} s", limit.as_secs()));
        Ok(next.map_err(|_| late())??.map(|chunk| (chunk, chunks)))
    })
}

fn limit_of(query: &Query) -> Option<Duration> {
    let (_, seconds) = query
        .settings
        .iter()
        .find(|(name, _)| name == "max_execution_time")?;
    Some(Duration::from_secs_f64(
        seconds.parse::<f64>().ok()?.clamp(1.0, 86_400.0),
    ))
}

#[async_trait]
impl Analytics for HttpAnalytics {
    async fn ping(&self) -> Result<(), QueryError> {
        self.execute(Query::new("SELECT 1").setting("max_execution_time", 5))
            .await
    }

    async fn migrate(&self, view_generation: u32) -> Result<(), MigrateError> {
        let HttpOptions { dialect, cluster, .. } = &self.options;
        migrate::migrate(self, *dialect, cluster, view_generation).await?;
        self.check(view_generation).await
    }

    async fn make_tables(&self, database: &str) -> Result<(), MigrateError> {
        let HttpOptions { dialect, cluster, .. } = &self.options;
        migrate::make_tables(self, *dialect, cluster, database).await
    }

    async fn alter(&self, statement: String) -> Result<(), QueryError> {
        for statement in ddl::on_cluster(vec![statement], &self.options.cluster) {
            // What is dropped here was made to be dropped, however large it became.
            let query = Query::new(statement)
                .setting("max_table_size_to_drop", 0)
                .setting("max_partition_size_to_drop", 0);
            self.execute(query).await?;
        }
        Ok(())
    }

    async fn insert(&self, block: &InsertBlock) -> Result<(), InsertError> {
        let columns: Vec<String> = block.columns.iter().map(|column| format!("`{column}`")).collect();
        let statement = format!(
            "INSERT INTO {} ({}) FORMAT RowBinary",
            block.table,
            columns.join(", ")
        );
        let limit = self.options.insert_limit;
        let (body, encoding) = packed(block.rows.clone(), self.options.compression)
            .await
            .map_err(|error| InsertError::Unavailable(format!("rows can't be compressed: {error}")))?;
        let request = self
            .post()
            .header(CONTENT_ENCODING, encoding)
            .query(&[
                ("query", statement.as_str()),
                ("insert_deduplication_token", block.token.as_str()),
            ])
            .query(&[("async_insert", "0"), ("insert_deduplicate", "1")])
            // One block whatever its size, so that its token stands for all of it.
            .query(&[
                ("max_insert_block_size", "1048449"),
                ("min_insert_block_size_rows", "1048449"),
            ])
            .query(&[
                ("min_insert_block_size_bytes", 1_u64 << 30),
                ("max_execution_time", limit.as_secs()),
            ])
            .body(body);
        let answer = tokio::time::timeout(limit + ANSWER_MARGIN, request.send()).await;
        let answer = answer.map_err(|_| InsertError::Ambiguous("no answer in time".into()))?;
        let answer = answer.map_err(|error| failure::of_insert_transport(&error))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(failure::of_insert(failure::of_answer(answer).await))
    }

    async fn stream(&self, query: Query) -> Result<ByteStream, QueryError> {
        let limit = self.limit(&query) + ANSWER_MARGIN;
        let answer = self.send(query).await?;
        let tag = answer
            .headers()
            .get("x-clickhouse-exception-tag")
            .and_then(|tag| tag.to_str().ok())
            .map(String::from);
        let chunks = answer
            .bytes_stream()
            .map_err(|error| QueryError::Unreadable(failure::chain(&error)));
        Ok(exception::surfaced(bounded(chunks, limit), tag))
    }

    async fn execute(&self, query: Query) -> Result<(), QueryError> {
        let mut rest = self.stream(query).await?;
        while rest.try_next().await?.is_some() {}
        Ok(())
    }

    fn replicated(&self) -> bool {
        self.options.dialect == Dialect::Replicated
    }
}
