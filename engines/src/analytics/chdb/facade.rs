//! ClickHouse's HTTP interface in front of libchdb: what the `clickhouse` crate, clickhouse-connect and curl need.
//!
//! **Invariants:** nothing but `/ping` is answered without the password; a statement that its client no longer waits
//! for is stopped. **Failure**: ClickHouse's own codes, status and headers. **Bounds**: slots for readers and for
//! writers apart, so that slow readers never keep an insert out; a request waits [`SLOT_WAIT`] for one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::access::Account;
use super::body;
use super::error::EngineError;
use super::library::Engine;
use super::request::{Ask, MAX_FORM_BYTES, quoted, text};
use super::statement::begins_insert;
use super::worker::{Head, Output, Piece, work};

/// How long a request waits for a slot before it is told 503.
const SLOT_WAIT: Duration = Duration::from_secs(10);
/// Chunks of a result between worker and network.
const RESULT_CHUNKS: usize = 4;

/// Settings of the façade.
#[derive(Debug, Clone)]
pub struct FacadeOptions {
    /// The one user.
    pub user: String,
    /// Their password.
    pub password: String,
    /// Statements that run at once, inserts apart. Default 16.
    pub read_slots: usize,
    /// Inserts that run at once. Default 8.
    pub write_slots: usize,
}

/// The engine behind HTTP.
#[derive(Clone)]
pub struct Facade {
    engine: Engine,
    account: Account,
    readers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
}

impl Facade {
    /// Puts an opened engine behind the interface.
    pub fn new(engine: Engine, options: &FacadeOptions) -> Self {
        Self {
            engine,
            account: Account {
                user: options.user.clone(),
                password: options.password.clone(),
            },
            readers: Arc::new(Semaphore::new(options.read_slots)),
            writers: Arc::new(Semaphore::new(options.write_slots)),
        }
    }

    /// The routes.
    pub fn router(self) -> Router {
        Router::new()
            .fallback(handle)
            .with_state(self)
            .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
    }

    async fn slot(&self, is_insert: bool) -> Result<OwnedSemaphorePermit, EngineError> {
        let slots = if is_insert { &self.writers } else { &self.readers };
        match tokio::time::timeout(SLOT_WAIT, slots.clone().acquire_owned()).await {
            Ok(permit) => Ok(permit.expect("the slots are never closed")),
            Err(_) => Err(EngineError::new(
                202,
                "TOO_MANY_SIMULTANEOUS_QUERIES",
                "no slot is free",
            )),
        }
    }

    /// Runs a statement and answers as soon as its first chunk, or its error, is there.
    async fn run(&self, ask: Ask, chunks: body::Chunks) -> Result<Response, EngineError> {
        let query_id = ask.query_id.clone().unwrap_or_default();
        let slot = self.slot(begins_insert(ask.query.as_bytes())).await?;
        let (head, begun) = oneshot::channel();
        let (sender, result) = mpsc::channel(RESULT_CHUNKS);
        let tag: String = Uuid::new_v4().simple().to_string()[..16].to_owned();
        let output = Output::new(head, sender, ask.compress, tag.clone());
        let engine = self.engine.clone();
        let mut stopper = Stopper {
            engine: self.engine.clone(),
            query_id: query_id.clone(),
            armed: true,
        };
        let _worker: JoinHandle<()> = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work(&engine, &ask, chunks, output);
        });
        let head = begun.await;
        stopper.armed = false;
        match head {
            Ok(Head::Running { format, summary }) => Ok(running(&query_id, &tag, &format, summary, result)),
            Ok(Head::Failed(error)) => Err(error),
            Err(_) => Err(EngineError::new(
                1001,
                "STD_EXCEPTION",
                "the statement's thread ended without an answer",
            )),
        }
    }
}

/// Stops a statement whose client leaves before the first chunk; later a closed channel does.
struct Stopper {
    engine: Engine,
    query_id: String,
    armed: bool,
}

impl Drop for Stopper {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (engine, comment) = (self.engine.clone(), quoted(&self.query_id));
        tokio::task::spawn_blocking(move || {
            let sql = format!(
                "KILL QUERY WHERE query_id IN (SELECT query_id FROM system.processes WHERE \
                 Settings['log_comment'] = {comment}) ASYNC"
            );
            let killed = engine
                .connect()
                .and_then(|mut connection| connection.query(sql.as_bytes(), "TSV", &[]));
            if let Err(error) = killed {
                tracing::debug!(%error, "a statement that nobody waits for runs on to its limit");
            }
        });
    }
}

async fn handle(State(facade): State<Facade>, request: Request) -> Response {
    let query_id = Uuid::new_v4().to_string();
    match answer(&facade, request, &query_id).await {
        Ok(response) => response,
        Err(error) => failed(&error, &query_id),
    }
}

async fn answer(facade: &Facade, request: Request, query_id: &str) -> Result<Response, EngineError> {
    match request.uri().path() {
        "/ping" => return Ok(Response::new(Body::from("Ok.\n"))),
        "/" => {}
        other => {
            return Err(EngineError::new(
                404,
                "NO_HANDLE",
                format!("There is no handle {other}"),
            ));
        }
    }
    if request.method() == Method::GET && request.uri().query().is_none() {
        return Ok(Response::new(Body::from("Ok.\n")));
    }
    let (parts, body) = request.into_parts();
    let mut ask = Ask::of_head(&parts)?;
    if !facade.account.admits(&ask, &parts.headers) {
        return Err(EngineError::new(
            516,
            "AUTHENTICATION_FAILED",
            "Authentication failed",
        ));
    }
    ask.query_id.get_or_insert_with(|| query_id.to_owned());
    let is_form = text(&parts.headers, header::CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("multipart/form-data"));
    let chunks = if is_form {
        ask.add_form(Request::from_parts(parts, body)).await?;
        body::nothing()
    } else {
        body::chunks_of(body)
    };
    facade.run(ask, chunks).await
}

fn running(
    query_id: &str,
    tag: &str,
    format: &str,
    summary: Option<String>,
    result: mpsc::Receiver<Piece>,
) -> Response {
    let mut response = Response::builder()
        .header("X-ClickHouse-Query-Id", query_id)
        .header("X-ClickHouse-Server-Display-Name", "hindsight-embedded")
        .header("X-ClickHouse-Timezone", "UTC")
        .header("X-ClickHouse-Exception-Tag", tag)
        .header(header::CONTENT_TYPE, content_type(format));
    if !format.is_empty() {
        response = response.header("X-ClickHouse-Format", format);
    }
    if let Some(summary) = summary {
        response = response.header("X-ClickHouse-Summary", summary);
    }
    response
        .body(Body::from_stream(pieces(result)))
        .unwrap_or_else(|error| failed(&EngineError::new(36, "BAD_ARGUMENTS", error), ""))
}

/// The body; an error, which breaks the connection off, where the result is not whole.
fn pieces(result: mpsc::Receiver<Piece>) -> impl Stream<Item = io::Result<Bytes>> {
    futures::stream::unfold(Some(result), |state| async {
        let mut result = state?;
        match result.recv().await {
            Some(Piece::Data(chunk)) => Some((Ok(chunk), Some(result))),
            Some(Piece::End) => None,
            Some(Piece::Exception(block)) => {
                // Closed, so that the next turn is the cut; what is out by then reaches the client first.
                result.close();
                Some((Ok(block), Some(result)))
            }
            None => {
                tokio::task::yield_now().await;
                Some((Err(io::Error::other("the statement failed midway")), None))
            }
        }
    })
}

fn failed(error: &EngineError, query_id: &str) -> Response {
    let mut response = Response::new(Body::from(format!("{}\n", error.message.trim_end())));
    *response.status_mut() = status(error.code);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain; charset=UTF-8"),
    );
    headers.insert("X-ClickHouse-Exception-Code", error.code.into());
    if let Ok(query_id) = query_id.try_into() {
        headers.insert("X-ClickHouse-Query-Id", query_id);
    }
    response
}

/// ClickHouse's own mapping (`HTTPHandler::exceptionCodeToHTTPStatus`).
fn status(code: i32) -> StatusCode {
    match code {
        6 | 26 | 27 | 33 | 36 | 38 | 41 | 43 | 53 | 62 | 70 | 72 | 117 | 130 | 131 | 169 | 386 | 456
        | 457 => StatusCode::BAD_REQUEST,
        192 | 193 | 497 | 516 => StatusCode::FORBIDDEN,
        16 | 46 | 47 | 50 | 56 | 60 | 81 | 115 | 404 => StatusCode::NOT_FOUND,
        159 | 160 => StatusCode::REQUEST_TIMEOUT,
        48 => StatusCode::NOT_IMPLEMENTED,
        202 | 209 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn content_type(format: &str) -> &'static str {
    match format {
        "JSON" | "JSONCompact" | "JSONStrings" | "JSONColumns" => "application/json; charset=UTF-8",
        "JSONEachRow" | "JSONLines" | "NDJSON" => "application/x-ndjson; charset=UTF-8",
        "TSV" | "TabSeparated" => "text/tab-separated-values; charset=UTF-8",
        "CSV" => "text/csv; charset=UTF-8; header=absent",
        "CSVWithNames" => "text/csv; charset=UTF-8; header=present",
        "Parquet" => "application/vnd.apache.parquet",
        "RowBinary" | "RowBinaryWithNamesAndTypes" | "Native" | "Arrow" | "ArrowStream" => {
            "application/octet-stream"
        }
        _ => "text/plain; charset=UTF-8",
    }
}
