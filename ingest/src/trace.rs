//! The edge's spans: one of the request, one of the append beneath it, whose context the records carry on.
//!
//! **Invariant:** a request of a trace that isn't sampled passes as it came: its records keep the header that it had.

use hindsight_engines::log::NewRecord;
use hindsight_engines::trace::{self, BoxedSpan, KeyValue, Span, SpanKind, Status, TRACEPARENT};
use hindsight_schemas::ids::Topic;
use http::{HeaderValue, Request, StatusCode};

use crate::meters::Answered;

/// Begins the span of a request; from here on the request's own header names it.
pub(crate) fn request<B>(request: &mut Request<B>, route: &str) -> Option<BoxedSpan> {
    if !trace::is_on() {
        return None;
    }
    let parent = request
        .headers()
        .get(TRACEPARENT)
        .and_then(|header| trace::parse(header.as_bytes()));
    let method = request.method().as_str().to_owned();
    let span = trace::span(format!("{method} {route}"), SpanKind::Server).with_attributes([
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route.to_owned()),
    ]);
    let span = trace::begin(span, parent.as_ref());
    let context = span.span_context();
    if !context.is_sampled() {
        return None;
    }
    let header = HeaderValue::try_from(trace::header(context)).expect("hex digits and dashes");
    request.headers_mut().insert(TRACEPARENT, header);
    Some(span)
}

/// Ends the span of a request.
pub(crate) fn answered(span: Option<BoxedSpan>, status: StatusCode) {
    let Some(mut span) = span else { return };
    span.set_attribute(KeyValue::new(
        "http.response.status_code",
        i64::from(status.as_u16()),
    ));
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
    span.end();
}

/// Begins the span of an append; the records carry its context.
pub(crate) fn append(topic: Topic, records: &mut [NewRecord]) -> Option<BoxedSpan> {
    if !trace::is_on() {
        return None;
    }
    let parent = trace::sampled_in(&records.first()?.headers)?;
    let span = trace::span("append", SpanKind::Producer).with_attributes([
        KeyValue::new("messaging.destination.name", topic.as_str()),
        KeyValue::new(
            "messaging.batch.message_count",
            i64::try_from(records.len()).unwrap_or(i64::MAX),
        ),
    ]);
    let span = trace::begin(span, Some(&parent));
    records
        .iter_mut()
        .for_each(|record| trace::put(&mut record.headers, span.span_context()));
    Some(span)
}

/// Ends the span of an append.
pub(crate) fn appended<T>(span: Option<BoxedSpan>, answered: &Answered<T>) {
    let Some(mut span) = span else { return };
    match answered {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => span.set_status(Status::error(error.to_string())),
        Err(_) => span.set_status(Status::error("no answer in time")),
    }
    span.end();
}
