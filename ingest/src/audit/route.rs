//! The HTTP side of audit events.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use hindsight_engines::log::NewRecord;
use hindsight_policy::Key;
use hindsight_schemas::audit::Outcome;
use hindsight_schemas::ids::Topic;
use hindsight_schemas::record::{Codec, KeyKind, Record};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::fields::FieldFault;
use super::normalise::{Call, Normal, normalise};
use super::split::{object, split};
use crate::admission::Reservation;
use crate::answer::count_refused;
use crate::append::{Stamped, append, encode};
use crate::authorize::{Caller, Door, authorize};
use crate::body;
use crate::edge::Edge;
use crate::inflate::{codec, off_thread, with_plain};
use crate::meters;
use crate::options::STAMPS_BYTES;
use crate::rate::Charge;
use crate::stamp::{Received, record_headers};
use hindsight_schemas::problem::{ItemFault, Language, Problem, ProblemItem, Refusal, Words};

const DOOR: Door = Door {
    kinds: &[KeyKind::Server],
    origin_may_be_absent: true,
};
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const IDEMPOTENCY_KEY_BYTES: usize = 255;

/// Query of a call.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(crate) struct Params {
    /// `skip`: keep the good events of a call and name the bad ones; else one bad event refuses the call.
    on_error: Option<String>,
    /// How the body is packed: `gzip`, `zstd` or `identity` (default).
    encoding: Option<String>,
    /// Not for server keys: they are sent as `Authorization: Bearer`.
    #[param(ignore)]
    key: Option<String>,
}

/// The answer to events that the log holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedEvents {
    /// Number of events kept.
    accepted: usize,
    /// Their ids, in the order of the call.
    ids: Vec<String>,
    /// With `on_error=skip`: what was not kept, and why.
    errors: Vec<ProblemItem>,
}

/// Takes audit events.
#[utoipa::path(
    post,
    path = "/v1/audit",
    tag = "writing",
    params(Params, ("Idempotency-Key" = Option<String>, Header, description = "makes the ids of events without one")),
    request_body(
        content = serde_json::Value,
        content_type = "application/json",
        description = "one event, an array, or JSON lines",
        example = json!({"id": "contract-1", "occurred_at": "2023-11-14T22:13:20Z", "action": "contract.example", "actor": {"id": "u-17"},
            "targets": [{"type": "policy", "id": "P-9"}], "outcome": "success"})
    ),
    responses(
        (status = 202, description = "the log holds the events", body = AcceptedEvents),
        (status = 400, description = "malformed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "unknown key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "wrong kind of key", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "slow body", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "over a limit", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "unsupported encoding", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "an event is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "over the project's rate", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "the log is away, overload or drain", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn post(
    State(edge): State<Arc<Edge>>,
    params: Result<Query<Params>, QueryRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let received = Received::now();
    let (parts, body) = request.into_parts();
    let asked = match ask(&edge, &parts, params) {
        Ok(asked) => asked,
        Err(refusal) => {
            body::discard(body).await;
            return Err(refusal);
        }
    };
    let packed = body::read(&edge, &parts.headers, body).await?;
    let served = asked.caller.served;
    let (work, headers) = (edge.clone(), parts.headers.clone());
    let sender = Sender {
        key: asked.caller.key.clone(),
        codec: asked.codec,
        idempotency_key: asked.idempotency_key,
    };
    let unpacking = off_thread(packed.bytes.len(), move || {
        unpack(&work, &headers, &sender, packed, received)
    });
    let (made, _held) = unpacking.await?;
    if !asked.skip && !made.faults.is_empty() {
        return Err(refuse_call(made));
    }
    for fault in &made.faults {
        count_refused(fault.reason);
    }
    let language = Language::of(&parts.headers);
    let errors = made.faults.iter().map(|fault| fault.render(language)).collect();
    if !made.records.is_empty() {
        append(&edge, Topic::Audit, made.records).await?;
        edge.activity
            .accepted(&asked.caller.key.id, received.ms(), "", None);
    }
    meters::audit(&served.project.id, made.ids.len(), made.failures);
    let accepted = AcceptedEvents {
        accepted: made.ids.len(),
        ids: made.ids,
        errors,
    };
    Ok((StatusCode::ACCEPTED, axum::Json(accepted)).into_response())
}

/// A call before its body is read.
struct Asked<'e> {
    caller: Caller<'e>,
    codec: Codec,
    skip: bool,
    idempotency_key: Option<String>,
}

fn ask<'e>(
    edge: &'e Edge,
    parts: &Parts,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Asked<'e>, Refusal> {
    let Query(params) = params.map_err(|error| Refusal::query(error.body_text()))?;
    let caller = authorize(edge, &parts.headers, params.key.as_deref(), &DOOR)?;
    caller.served.buckets.admit(Instant::now())?;
    let skip = match params.on_error.as_deref() {
        None | Some("refuse") => false,
        Some("skip") => true,
        Some(_) => {
            return Err(Refusal::parameter(
                "on_error",
                "is skip or refuse",
                "须为 skip 或 refuse",
            ));
        }
    };
    Ok(Asked {
        codec: codec(&parts.headers, params.encoding.as_deref())?,
        idempotency_key: idempotency_key(&parts.headers)?,
        skip,
        caller,
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key) if (1..=IDEMPOTENCY_KEY_BYTES).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Refusal::parameter(
            "Idempotency-Key",
            "is not 1 to 255 ASCII characters",
            "须为 1 到 255 个 ASCII 字符",
        )),
    }
}

/// Who sends and how, for work on another thread.
struct Sender {
    key: Key,
    codec: Codec,
    idempotency_key: Option<String>,
}

/// What a call came to.
struct Made {
    records: Vec<NewRecord>,
    ids: Vec<String>,
    faults: Vec<ItemFault>,
    /// Operations told of that had failed.
    failures: usize,
}

/// Inflates a body and makes its records, charged to the project's rate, good or bad; the reservation covers them until the log has answered.
fn unpack(
    edge: &Edge,
    headers: &HeaderMap,
    sender: &Sender,
    mut body: body::Received,
    received: Received,
) -> Result<(Made, Reservation), Refusal> {
    let served = edge.served(&sender.key.project);
    let call = Call {
        project: &served.project,
        zone: &served.zone,
        key: &sender.key,
        idempotency_key: sender.idempotency_key.as_deref(),
        received,
        most_bytes: edge.options.limits.audit_event_bytes,
    };
    let most = edge.options.limits.inflated_bytes;
    let cost = Charge::to(&served.buckets);
    let made = with_plain(
        sender.codec,
        &body.bytes,
        most,
        &mut body.reservation,
        &cost,
        |plain, reservation| {
            let texts = split(plain, edge.options.limits.audit_events)?;
            cost.events(texts.len());
            let stamps = texts.len() * STAMPS_BYTES;
            reservation.cover(reservation.held_bytes() + plain.len() + stamps)?;
            make(edge, texts, &call, headers)
        },
    )??;
    Ok((made, body.reservation))
}

/// Makes the records, one tree at a time.
fn make(edge: &Edge, texts: Vec<&[u8]>, call: &Call<'_>, headers: &HeaderMap) -> Result<Made, Refusal> {
    let most = edge.options.limits.record_bytes;
    let mut made = Made {
        records: Vec::with_capacity(texts.len()),
        ids: vec![],
        faults: vec![],
        failures: 0,
    };
    for (index, text) in texts.into_iter().enumerate() {
        let normal = object(index, text)
            .and_then(|sent| normalise(sent, index, call).map_err(|fault| at(index, fault)));
        match normal {
            Ok(normal) => {
                made.ids.push(normal.record.id.to_string());
                made.failures += usize::from(normal.outcome == Outcome::Failure);
                made.records.push(encode(stamped(normal, headers), most)?);
            }
            Err(fault) => made.faults.push(fault),
        }
    }
    Ok(made)
}

fn stamped(Normal { record, log_key, .. }: Normal, headers: &HeaderMap) -> Stamped {
    Stamped {
        topic: Topic::Audit,
        key: log_key,
        headers: record_headers(&record.project, "hindsight.AuditRecord", headers),
        record: Record::Audit(record),
    }
}

fn at(
    index: usize,
    FieldFault {
        pointer,
        reason,
        en,
        zh,
    }: FieldFault,
) -> ItemFault {
    ItemFault {
        index,
        detail: Words::new(
            format!("event {index}: {pointer} {en}"),
            format!("第 {index} 个事件：{pointer} {zh}"),
        ),
        pointer,
        reason,
    }
}

/// One bad event refuses the call, under the first one's reason.
fn refuse_call(made: Made) -> Refusal {
    let (bad, all) = (made.faults.len(), made.faults.len() + made.ids.len());
    let reason = made.faults[0].reason;
    Refusal::new(
        reason,
        format!("{bad} of {all} events are not valid, nothing was kept: mend them, or send on_error=skip"),
        format!("{all} 个事件中有 {bad} 个无效，均未保存：请修正，或使用 on_error=skip"),
    )
    .with_errors(made.faults)
}
