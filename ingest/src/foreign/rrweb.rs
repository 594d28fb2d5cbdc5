//! `POST /v1/rrweb`: what plain rrweb emits, posted as arrays or `{"events": [...]}`, packed by rrweb's packer or not.
//!
//! A sender that counts says `seq`, and what never came is told as a gap. One that doesn't is kept by time
//! ([`super::number`]).

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use hindsight_schemas::ids::{Seq, SessionId};
use hindsight_schemas::problem::{Problem, Refusal};
use hindsight_schemas::record::Codec;
use http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

use super::flush::{Flush, flush};
use super::keep::{Placed, keep};
use super::number::{Moment, place};
use super::workspace::Workspace;
use crate::admission::Reservation;
use crate::authorize::{Caller, authorize};
use crate::batch::check_session_time;
use crate::body;
use crate::edge::Edge;
use crate::inflate::{codec, off_thread, with_plain};
use crate::rate::{Buckets, Charge};
use crate::recordings::{self, AcceptedBatch, accepted, flag};
use crate::stamp::Received;

/// The tab of a sender that names none.
const TAB: &str = "rrweb";

/// Query of a call.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(crate) struct Params {
    /// A browser or app key; servers send theirs as `Authorization: Bearer`.
    key: Option<String>,
    /// The session's id, a UUIDv7.
    #[serde(alias = "session_id")]
    #[param(required = true, example = "018bcfe5-6800-7000-8000-00000000e2e1")]
    session: Option<String>,
    /// The document load: 1 to 40 of A-Z, a-z, 0-9, '-' and '_'. Without it all of a session is one.
    tab: Option<String>,
    /// 0, 1, 2, ... within the tab. Without it the time of the first event orders, and nothing tells what never came.
    seq: Option<String>,
    /// How the body is packed: `gzip`, `zstd` or `identity` (default).
    encoding: Option<String>,
    /// The writer's clock when it sent, Unix milliseconds.
    sent_at: Option<i64>,
    /// `1`: this document's last batch.
    #[serde(rename = "final")]
    is_final: Option<String>,
}

/// A call before its body is read.
struct Asked<'e> {
    caller: Caller<'e>,
    session_id: SessionId,
    window: String,
    seq: Option<Seq>,
    codec: Codec,
    is_final: bool,
    sent_at_ms: Option<i64>,
}

/// Takes events as plain rrweb emits them.
#[utoipa::path(
    post,
    path = "/v1/rrweb",
    tag = "writing",
    params(Params),
    request_body(
        content = String,
        content_type = "text/plain",
        description = "rrweb events: an array, `{\"events\": [...]}`, JSON lines, or what rrweb's packer makes of them",
        example = json!(r#"{"events":[{"type":4,"data":{"href":"https://shop.example/","width":1280,"height":720},"timestamp":1700000000000}]}"#)
    ),
    responses(
        (status = 202, description = "the log holds the events", body = AcceptedBatch),
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
    params: Result<Query<Params>, QueryRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let received = Received::now();
    let (parts, body) = request.into_parts();
    let asked = match ask(&edge, &parts, params, received).await {
        Ok(asked) => asked,
        Err(refusal) => {
            body::discard(body).await;
            return Err(refusal);
        }
    };
    let served = asked.caller.served;
    let in_flight_percent = edge.budget.in_flight_percent();
    let packed = body::read(&edge, &parts.headers, body).await?;
    let (codec, most) = (asked.codec, edge.options.limits.inflated_bytes);
    let buckets = served.buckets.clone();
    let packed_bytes = packed.bytes.len();
    let unpacking = move || unpack(packed, codec, most, &buckets);
    let (flush, _held) = off_thread(packed_bytes, unpacking).await?;
    let (tab, seq) = match asked.seq {
        Some(seq) => (recordings::tab(&asked.window)?, seq),
        None => {
            let moment = Moment::of_content(flush.summary.first_at_ms, &flush.summary.content_sha256);
            place(asked.session_id, &asked.window, moment)
        }
    };
    let placed = Placed {
        session_id: asked.session_id,
        tab,
        seq,
        is_final: asked.is_final,
        sent_at_ms: asked.sent_at_ms,
        flush,
    };
    let events = keep(&edge, &parts, &asked.caller, received, vec![placed]).await?;
    Ok(accepted(served, events, in_flight_percent))
}

async fn ask<'e>(
    edge: &'e Edge,
    parts: &Parts,
    params: Result<Query<Params>, QueryRejection>,
    received: Received,
) -> Result<Asked<'e>, Refusal> {
    let Query(params) = params.map_err(|error| Refusal::query(error.body_text()))?;
    let caller = authorize(edge, &parts.headers, params.key.as_deref(), &recordings::DOOR)?;
    let session_id = recordings::session(params.session.as_deref().unwrap_or_default())?;
    check_session_time(edge, session_id, caller.key.import, received)?;
    let window = params.tab.unwrap_or_else(|| TAB.to_owned());
    recordings::tab(&window)?;
    caller.served.buckets.admit(Instant::now())?;
    Ok(Asked {
        codec: codec(&parts.headers, params.encoding.as_deref())?,
        seq: params.seq.as_deref().map(recordings::seq).transpose()?,
        is_final: flag("final", params.is_final.as_deref())?,
        sent_at_ms: params.sent_at,
        caller,
        session_id,
        window,
    })
}

fn unpack(
    mut body: body::Received,
    codec: Codec,
    most: usize,
    buckets: &Buckets,
) -> Result<(Flush, Reservation), Refusal> {
    let cost = Charge::to(buckets);
    let reservation = &mut body.reservation;
    let made = with_plain(
        codec,
        &body.bytes,
        most,
        reservation,
        &cost,
        |plain, reservation| {
            let mut workspace = Workspace::new(reservation, most);
            let flush = flush(plain, &mut workspace);
            let (events, bytes) = flush
                .as_ref()
                .map_or((0, 0), |flush| (flush.summary.events, flush.raw_bytes));
            cost.events(events);
            cost.bytes(bytes);
            flush
        },
    )?;
    Ok((made?, body.reservation))
}
