//! `POST /s/`: what posthog-js recorded.
//!
//! The key stands inside the body, so the body is read and unpacked before anybody is known: within the byte budget and
//! a rate of its own ([`Edge::keyless`]). posthog-js takes 200 alone for an answer, repeats after 5xx, and drops
//! what it sent after 4xx; so whatever a repetition may help is answered 503 here.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use hindsight_schemas::problem::{Problem, Refusal};
use hindsight_schemas::reason::Retry;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::Call;
use crate::admission::Reservation;
use crate::authorize::authorize;
use crate::body;
use crate::edge::Edge;
use crate::foreign::form::{self, Packing};
use crate::foreign::keep::keep;
use crate::foreign::workspace::Workspace;
use crate::inflate::{off_thread, with_plain};
use crate::rate::Charge;
use crate::recordings::DOOR;
use crate::sender::{NamedKey, NamedRefusal};
use crate::stamp::Received;

/// Query of a call; what else posthog-js says there is of no use.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(crate) struct Params {
    /// `gzip-js`, `base64` or `lz64`; gzip is also seen by its first bytes.
    compression: Option<String>,
}

/// What posthog-js takes for "kept".
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Taken {
    /// 1.
    status: u8,
}

/// What posthog-js takes for "kept".
pub(super) const TAKEN: Taken = Taken { status: 1 };

/// Takes what posthog-js recorded.
#[utoipa::path(
    post,
    path = "/s/",
    tag = "writing",
    params(Params),
    request_body(
        content = String,
        content_type = "text/plain",
        description = "`$snapshot` captures of posthog-js, whose token is a browser key",
        example = json!(r#"[{"event":"$snapshot","uuid":"018bcfe5-6800-7000-8000-00000000aaaa","properties":{"token":"BROWSER_KEY","$session_id":"018bcfe5-6800-7000-8000-00000000e2e2","$window_id":"w","$snapshot_data":[{"type":4,"data":{"href":"https://shop.example/","width":1280,"height":720},"timestamp":1700000000000}]}}]"#)
    ),
    responses(
        (status = 200, description = "the log holds the flushes", body = Taken),
        (status = 400, description = "malformed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "unknown key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "wrong kind of key or origin", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "the session was erased", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "over a limit", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "unsupported compression", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "not rrweb, or a session id out of time", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "send the same again: slow body, rate, overload, drain, or the log is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post(
    State(edge): State<Arc<Edge>>,
    params: Result<Query<Params>, QueryRejection>,
    request: Request,
) -> Result<Json<Taken>, NamedRefusal> {
    let named = NamedKey::default();
    take(&edge, params, request, &named)
        .await
        .map(|()| Json(TAKEN))
        .map_err(|refusal| named.refused(repeatable(refusal)))
}

/// 503 is the status after which posthog-js sends the same again.
fn repeatable(refusal: Refusal) -> Refusal {
    if refusal.reason().retry() == Retry::Later && refusal.reason().status() < 500 {
        refusal.answered(503)
    } else {
        refusal
    }
}

async fn take(
    edge: &Arc<Edge>,
    params: Result<Query<Params>, QueryRejection>,
    request: Request,
    named: &NamedKey,
) -> Result<(), Refusal> {
    let received = Received::now();
    let (parts, body) = request.into_parts();
    let packing = match admit(edge, params) {
        Ok(packing) => packing,
        Err(refusal) => {
            body::discard(body).await;
            return Err(refusal);
        }
    };
    let packed = body::read(edge, &parts.headers, body).await?;
    let (work, key, packed_bytes) = (edge.clone(), named.clone(), packed.bytes.len());
    let unpacking = move || unpack(&work, packed, packing, &key);
    let (call, _held) = off_thread(packed_bytes, unpacking).await?;
    keep_call(edge, &parts, received, named, call).await
}

fn admit(edge: &Edge, params: Result<Query<Params>, QueryRejection>) -> Result<Packing, Refusal> {
    let Query(params) = params.map_err(|error| Refusal::query(error.body_text()))?;
    edge.keyless.admit(Instant::now())?;
    Packing::named(params.compression.as_deref())
}

fn unpack(
    edge: &Edge,
    mut body: body::Received,
    packing: Packing,
    named: &NamedKey,
) -> Result<(Call, Reservation), Refusal> {
    let most = edge.options.limits.inflated_bytes;
    let cost = Charge::to(&edge.keyless);
    let codec = form::codec(&body.bytes);
    let reservation = &mut body.reservation;
    let call: Result<Call, Refusal> = with_plain(
        codec,
        &body.bytes,
        most,
        reservation,
        &cost,
        |plain, reservation| {
            let mut workspace = Workspace::new(reservation, most);
            let json = form::json(plain, packing, &mut workspace)?;
            cost.bytes(json.len());
            let call = Call::read(&json, named, &mut workspace)?;
            cost.events(call.events());
            cost.bytes(call.raw_bytes());
            Ok(call)
        },
    )?;
    Ok((call?, body.reservation))
}

async fn keep_call(
    edge: &Edge,
    parts: &Parts,
    received: Received,
    named: &NamedKey,
    call: Call,
) -> Result<(), Refusal> {
    let caller = authorize(edge, &parts.headers, named.get(), &DOOR)?;
    let buckets = &caller.served.buckets;
    buckets.admit(Instant::now())?;
    let cost = Charge::to(buckets);
    cost.events(call.events());
    cost.bytes(call.raw_bytes());
    keep(edge, parts, &caller, received, call.placed).await?;
    Ok(())
}
