//! `POST /v1/recordings/{session_id}/{tab}/{seq}`: one flush of a recorder becomes one record of the log.
//!
//! **Invariant:** the body is kept as the client packed it, byte for byte, as a whole or not at all.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use hindsight_schemas::ids::{BatchId, Seq, SessionId, Tab, Topic};
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::{Codec, KeyKind};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::append::{append, encode};
use crate::authorize::{Caller, Door, authorize};
use crate::batch::{Batch, check_session_time, note_accepted, stamp};
use crate::body;
use crate::edge::{Edge, Served};
use crate::inflate::{codec, off_thread, with_plain};
use crate::meters;
use crate::pressure;
use crate::rate::{Buckets, Charge};
use crate::scan::{Fault, ScanError, Summary, scan};
use crate::stamp::Received;
use hindsight_schemas::problem::{ItemFault, Problem, Refusal, Words};

/// Who may record.
pub(crate) const DOOR: Door = Door {
    kinds: &[KeyKind::Browser, KeyKind::App, KeyKind::Server],
    origin_may_be_absent: false,
};

/// Query of a batch.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(crate) struct Params {
    /// A browser or app key; servers send theirs as `Authorization: Bearer`.
    key: Option<String>,
    /// How the body is packed: `gzip`, `zstd` or `identity` (default).
    encoding: Option<String>,
    /// The writer's clock when it sent, Unix milliseconds.
    sent_at: Option<i64>,
    /// `1`: this document's last batch.
    #[serde(rename = "final")]
    is_final: Option<String>,
}

/// The answer to a batch that the log holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedBatch {
    /// Number of events.
    accepted: usize,
    /// The capture level to go on with, `L0` to `L4`.
    level: &'static str,
    /// The server's time, Unix milliseconds.
    now_ms: i64,
}

/// A batch before its body is read.
struct Admitted<'e> {
    caller: Caller<'e>,
    id: BatchId,
    codec: Codec,
    is_final: bool,
    sent_at_ms: Option<i64>,
}

type Ids = (String, String, String);

/// Takes a batch of rrweb events.
#[utoipa::path(
    post,
    path = "/v1/recordings/{session_id}/{tab}/{seq}",
    tag = "writing",
    params(
        ("session_id" = String, Path, description = "UUIDv7", example = "018bcfe5-6800-7000-8000-00000000e2e0"),
        ("tab" = String, Path, description = "1 to 40 of A-Z, a-z, 0-9, '-' and '_'", pattern = "^[A-Za-z0-9_-]{1,40}$", example = "w_1"),
        ("seq" = u32, Path, description = "0, 1, 2, ... within the tab", example = 0),
        Params,
    ),
    request_body(
        content = String,
        content_type = "text/plain",
        description = "rrweb events: a JSON array or JSON lines",
        example = json!(r#"[{"type":4,"data":{"href":"https://shop.example/","width":1280,"height":720},"timestamp":1700000000000}]"#)
    ),
    responses(
        (status = 202, description = "the log holds the batch", body = AcceptedBatch),
        (status = 400, description = "malformed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "unknown key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "wrong kind of key or origin", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "slow body", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "the session was erased", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "over a limit", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "unsupported encoding", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not rrweb, or a session id out of time", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "over the project's rate", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "the log is away, overload or drain", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
pub(crate) async fn post(
    State(edge): State<Arc<Edge>>,
    ids: Result<Path<Ids>, PathRejection>,
    params: Result<Query<Params>, QueryRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let received = Received::now();
    let (parts, body) = request.into_parts();
    let admitted = match admit(&edge, &parts, ids, params, received).await {
        Ok(admitted) => admitted,
        Err(refusal) => {
            body::discard(body).await;
            return Err(refusal);
        }
    };
    let (served, key, session_id) = (
        admitted.caller.served,
        admitted.caller.key,
        admitted.id.session_id,
    );
    let in_flight_percent = edge.budget.in_flight_percent();
    let packed = body::read(&edge, &parts.headers, body).await?;
    let (codec, most) = (admitted.codec, edge.options.limits.inflated_bytes);
    let buckets = served.buckets.clone();
    let checked = off_thread(packed.bytes.len(), move || check(packed, codec, most, &buckets)).await?;
    let summary = checked.scanned.map_err(refuse_scan)?;
    let (events, raw_bytes) = (summary.events, checked.raw_bytes);
    let batch = Batch {
        id: admitted.id,
        codec,
        is_final: admitted.is_final,
        sent_at_ms: admitted.sent_at_ms,
        summary,
        raw_bytes,
        body: checked.body.bytes,
    };
    let stamped = stamp(&edge, &parts, &admitted.caller, received, batch)?;
    let record = encode(stamped, edge.options.limits.record_bytes)?;
    // The body is now within the record; its share of the budget is held until the log has answered.
    let _held = checked.body.reservation;
    append(&edge, Topic::Recordings, vec![record]).await?;
    meters::batch(&served.project.id, events, raw_bytes);
    note_accepted(&edge, &parts, key, received, session_id);
    Ok(accepted(served, events, in_flight_percent))
}

/// The answer to a batch that the log holds.
pub(crate) fn accepted(served: &Served, events: usize, in_flight_percent: usize) -> Response {
    let accepted = AcceptedBatch {
        accepted: events,
        level: pressure::level(served.project.recording.level, in_flight_percent).as_str(),
        now_ms: Received::now().ms(),
    };
    (StatusCode::ACCEPTED, axum::Json(accepted)).into_response()
}

async fn admit<'e>(
    edge: &'e Edge,
    parts: &Parts,
    ids: Result<Path<Ids>, PathRejection>,
    params: Result<Query<Params>, QueryRejection>,
    received: Received,
) -> Result<Admitted<'e>, Refusal> {
    let Query(params) = params.map_err(|error| Refusal::query(error.body_text()))?;
    let caller = authorize(edge, &parts.headers, params.key.as_deref(), &DOOR)?;
    let Path(ids) = ids.map_err(|error| Refusal::path(error.body_text()))?;
    let id = batch_id(&caller, ids)?;
    check_session_time(edge, id.session_id, caller.key.import, received)?;
    if edge.erased.is_erased(&id.project, id.session_id).await {
        return Err(Refusal::plain(Reason::Erased));
    }
    caller.served.buckets.admit(Instant::now())?;
    Ok(Admitted {
        codec: codec(&parts.headers, params.encoding.as_deref())?,
        is_final: flag("final", params.is_final.as_deref())?,
        sent_at_ms: params.sent_at,
        caller,
        id,
    })
}

fn batch_id(caller: &Caller<'_>, (session_id, tab, seq): Ids) -> Result<BatchId, Refusal> {
    Ok(BatchId {
        project: caller.key.project.clone(),
        session_id: session(&session_id)?,
        tab: self::tab(&tab)?,
        seq: self::seq(&seq)?,
    })
}

/// A session's id as a sender writes it.
pub(crate) fn session(text: &str) -> Result<SessionId, Refusal> {
    text.parse().map_err(|error| {
        Refusal::new(
            Reason::NotSessionId,
            format!("session_id: {error}"),
            "session_id 必须是 UUIDv7",
        )
    })
}

/// A tab as a sender writes it.
pub(crate) fn tab(text: &str) -> Result<Tab, Refusal> {
    text.parse().map_err(|_| {
        Refusal::parameter(
            "tab",
            "is not 1 to 40 of A-Z, a-z, 0-9, '-' and '_'",
            "须为 1 到 40 个字母、数字、'-' 或 '_'",
        )
    })
}

/// A batch's number as a sender writes it.
pub(crate) fn seq(text: &str) -> Result<Seq, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        Refusal::parameter(
            "seq",
            "is not a whole number from 0 to 4294967295",
            "须为 0 到 4294967295 的整数",
        )
    })
}

pub(crate) fn flag(name: &str, value: Option<&str>) -> Result<bool, Refusal> {
    match value {
        None | Some("0" | "false") => Ok(false),
        Some("1" | "true" | "") => Ok(true),
        Some(_) => Err(Refusal::parameter(name, "is 1 or 0", "须为 1 或 0")),
    }
}

struct Checked {
    body: body::Received,
    raw_bytes: usize,
    scanned: Result<Summary, ScanError>,
}

/// Inflates and validates a body; it is charged to the project's rate, good or bad.
fn check(mut body: body::Received, codec: Codec, most: usize, buckets: &Buckets) -> Result<Checked, Refusal> {
    let cost = Charge::to(buckets);
    let (raw_bytes, scanned) = with_plain(
        codec,
        &body.bytes,
        most,
        &mut body.reservation,
        &cost,
        |plain, _| {
            let scanned = scan(plain);
            cost.events(scanned.as_ref().map_or(0, |summary| summary.events));
            (plain.len(), scanned)
        },
    )?;
    Ok(Checked {
        body,
        raw_bytes,
        scanned,
    })
}

/// The refusal for a fault of a body.
pub(crate) fn refuse_scan(error: ScanError) -> Refusal {
    let (reason, en, zh) = match error.fault {
        Fault::NotUtf8 => (Reason::NotUtf8, "is not UTF-8", "不是 UTF-8"),
        Fault::NotJson => (
            Reason::NotJson,
            "is not JSON, or not one value a line",
            "不是 JSON，或一行不是一个值",
        ),
        Fault::NestedTooDeep => (Reason::NestedTooDeep, "is nested too deeply", "嵌套过深"),
        Fault::NotAnObject => (Reason::NotRrweb, "is not an object", "不是对象"),
        Fault::NoType => (
            Reason::NotRrweb,
            "has no 'type' from 0 to 7",
            "缺少 0 到 7 的 type",
        ),
        Fault::NoTimestamp => (
            Reason::EventWithoutTime,
            "has no numeric 'timestamp'",
            "缺少数字 timestamp",
        ),
        Fault::NoEvents => return Refusal::plain(Reason::NoEvents),
    };
    let ScanError { at, event: index, .. } = error;
    let detail = Words::new(
        format!("event {index} {en} (byte {at})"),
        format!("第 {index} 个事件{zh}（字节 {at}）"),
    );
    let refusal = Refusal::new(reason, &detail.en, &detail.zh);
    refusal.with_errors(vec![ItemFault {
        index,
        pointer: String::new(),
        reason,
        detail,
    }])
}
