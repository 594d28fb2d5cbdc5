//! Reads a body: bounded in size and time, within the byte budget.
//!
//! A body of a refused request is passed without keeping it (bounded), so that the answer reaches the sender and
//! the connection can be used again.

use std::time::Duration;

use axum::body::Body;
use hindsight_schemas::reason::Reason;
use http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::admission::Reservation;
use crate::edge::Edge;
use hindsight_schemas::problem::Refusal;

/// Reserved for a body that doesn't tell its length; grows as it comes.
const UNKNOWN_LENGTH: usize = 64 * 1024;
/// Most that is passed of a refused body, and for how long.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;
const DISCARD_WAIT: Duration = Duration::from_secs(2);

/// A body in memory.
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    /// Covers the body and the record that will be made of it.
    pub(crate) reservation: Reservation,
}

/// Reads a body.
pub(crate) async fn read(edge: &Edge, headers: &HeaderMap, mut body: Body) -> Result<Received, Refusal> {
    match read_within(edge, headers, &mut body).await {
        Err(refusal) if refusal.reason() != Reason::SlowBody => {
            discard(body).await;
            Err(refusal)
        }
        other => other,
    }
}

async fn read_within(edge: &Edge, headers: &HeaderMap, body: &mut Body) -> Result<Received, Refusal> {
    let most = edge.options.limits.record_bytes;
    let declared = content_length(headers);
    if declared.is_some_and(|length| length > most) {
        return Err(Refusal::over("limits.record_bytes", most));
    }
    let expected = declared.unwrap_or(UNKNOWN_LENGTH);
    let reservation = edge
        .budget
        .reserve(2 * expected, edge.options.admission_wait())
        .await?;
    let reading = collect(
        body,
        Received {
            bytes: Vec::with_capacity(expected),
            reservation,
        },
        most,
    );
    tokio::time::timeout(edge.options.body_wait(), reading)
        .await
        .map_err(|_| {
            let wait = edge.options.edge.body_wait_ms;
            Refusal::new(
                Reason::SlowBody,
                format!("the body did not arrive within {wait} ms (edge.body_wait_ms)"),
                format!("请求体未在 {wait} 毫秒内到达（edge.body_wait_ms）"),
            )
        })?
}

async fn collect(body: &mut Body, mut received: Received, most: usize) -> Result<Received, Refusal> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Refusal::new(
                Reason::Truncated,
                "the connection ended within the body",
                "连接在请求体传输中断开",
            )
        })?;
        let Some(data) = frame.data_ref() else { continue };
        let length = received.bytes.len() + data.len();
        if length > most {
            return Err(Refusal::over("limits.record_bytes", most));
        }
        if length > received.bytes.capacity() {
            let room = (2 * length).min(most);
            received.reservation.cover(2 * room)?;
            received.bytes.reserve_exact(room - received.bytes.len());
        }
        received.bytes.extend_from_slice(data);
    }
    Ok(received)
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Passes what is left of a body without keeping it.
pub(crate) async fn discard(mut body: Body) {
    let passing = async {
        let mut passed = 0;
        while let Some(Ok(frame)) = body.frame().await {
            passed += frame.data_ref().map_or(0, bytes::Bytes::len);
            if passed > DISCARDED_BYTES {
                break;
            }
        }
    };
    // Whether it was passed in time makes no difference: the connection is closed where it wasn't.
    let _ = tokio::time::timeout(DISCARD_WAIT, passing).await;
}
