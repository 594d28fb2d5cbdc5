//! Runs an admitted statement and streams its result. Both doors come here.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use hindsight_engines::analytics::{Param, Query, QueryError};
use hindsight_schemas::ids::ProjectId;
use hindsight_schemas::reason::Reason;

use super::guard::admit;
use crate::Reader;
use hindsight_schemas::problem::Refusal;

/// Codes by which ClickHouse says that a limit was reached.
const LIMIT_CODES: &[i32] = &[158, 159, 160, 241, 307, 396];

/// What a caller sent.
pub(super) struct Ask {
    pub(super) text: String,
    /// `param_<name>` values.
    pub(super) params: Vec<(String, String)>,
    /// Where the text names none.
    pub(super) format: String,
}

/// The result of a statement, limited to these projects.
pub(super) async fn run(reader: &Reader, projects: &[ProjectId], ask: Ask) -> Result<Response, Refusal> {
    let admitted = admit(&ask.text, projects)?;
    let format = admitted.format.unwrap_or(ask.format);
    let query = reader
        .sql_limits
        .apply(Query::new(admitted.sql))
        .format(format.clone());
    let query = ask.params.into_iter().fold(query, |query, (name, value)| {
        query.param(name, Param::from(value))
    });
    let slot = reader
        .sql_slots
        .clone()
        .acquire_owned()
        .await
        .map_err(|_| Refusal::plain(Reason::Draining))?;
    // A statement runs as long as its result is read: the slot goes with the body.
    let body = reader
        .analytics
        .stream(query)
        .await
        .map_err(failed)?
        .inspect(move |_| {
            let _held = &slot;
        });
    Ok((
        [
            (CONTENT_TYPE, media_type(&format)),
            (
                axum::http::HeaderName::from_static("x-clickhouse-format"),
                format.as_str(),
            ),
        ],
        Body::from_stream(body),
    )
        .into_response())
}

fn failed(error: QueryError) -> Refusal {
    match error {
        QueryError::Engine { code, message } if LIMIT_CODES.contains(&code) => {
            Refusal::new(Reason::SqlLimit, message.as_str(), message.as_str())
        }
        QueryError::Engine { message, .. } => {
            Refusal::new(Reason::SqlError, message.as_str(), message.as_str())
        }
        other => other.into(),
    }
}

fn media_type(format: &str) -> &'static str {
    match format {
        "JSON" | "JSONCompact" | "JSONStrings" => "application/json",
        "JSONEachRow" | "JSONCompactEachRow" => "application/x-ndjson",
        "CSV" | "CSVWithNames" => "text/csv; charset=utf-8",
        "TSV" | "TSVWithNames" | "TabSeparated" | "TabSeparatedWithNames" => {
            "text/tab-separated-values; charset=utf-8"
        }
        "Parquet" => "application/vnd.apache.parquet",
        "Arrow" => "application/vnd.apache.arrow.file",
        "ArrowStream" => "application/vnd.apache.arrow.stream",
        "Native" | "RowBinary" | "RowBinaryWithNames" | "RowBinaryWithNamesAndTypes" => {
            "application/octet-stream"
        }
        _ => "text/plain; charset=utf-8",
    }
}

/// The format that an `Accept` header asks for.
pub(super) fn accepted_format(accept: &str) -> Option<&'static str> {
    accept
        .split(',')
        .find_map(|range| match range.split(';').next()?.trim() {
            "application/json" | "*/*" | "application/*" | "" => Some("JSON"),
            "application/x-ndjson" | "application/jsonl" => Some("JSONEachRow"),
            "text/csv" => Some("CSVWithNames"),
            "text/tab-separated-values" => Some("TSVWithNames"),
            "application/vnd.apache.parquet" => Some("Parquet"),
            "application/vnd.apache.arrow.file" => Some("Arrow"),
            "application/vnd.apache.arrow.stream" => Some("ArrowStream"),
            "text/plain" | "text/*" => Some("PrettyCompact"),
            _ => None,
        })
}
