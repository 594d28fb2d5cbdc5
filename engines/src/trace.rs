//! One trace from a request through the log to each view: the W3C trace context in the headers of a record, and the
//! spans that hang from it.
//!
//! **Invariant:** a record carries a sampled context or the one its sender gave, so the trace goes on wherever the record
//! is read. **Cost:** while tracing is off, [`is_on`] is one load and nothing else happens; spans are made of sampled
//! traces alone. **Failure:** spans that can't be exported are lost, records never.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
pub use opentelemetry::KeyValue;
pub use opentelemetry::global::BoxedSpan;
pub use opentelemetry::trace::{Link, Span, SpanContext, SpanKind, Status};
use opentelemetry::trace::{SpanBuilder, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer};
use opentelemetry::{Context, global};

/// The header, of requests and of records (<https://www.w3.org/TR/trace-context/>).
pub const TRACEPARENT: &str = "traceparent";
/// Length of a header of version 00: `00-<trace id>-<span id>-<flags>`.
pub const TRACEPARENT_BYTES: usize = 55;
/// Names the library whose spans these are.
const TRACER: &str = "hindsight";

static ON: AtomicBool = AtomicBool::new(false);

/// From now on spans are made; their provider was set as the global one.
pub fn turn_on() {
    ON.store(true, Ordering::Relaxed);
}

/// Whether spans are made.
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Reads a header of version 00.
pub fn parse(header: &[u8]) -> Option<SpanContext> {
    let text = std::str::from_utf8(header).ok()?;
    if text.len() != TRACEPARENT_BYTES || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut parts = text.split('-');
    if parts.next()? != "00" {
        return None;
    }
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

/// Writes a header.
pub fn header(context: &SpanContext) -> String {
    let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags());
    format!("00-{trace}-{span}-{:02x}", flags.to_u8())
}

/// The context in a record's headers, if its trace is sampled.
pub fn sampled_in(headers: &[(String, Bytes)]) -> Option<SpanContext> {
    let (_, value) = headers.iter().find(|(name, _)| name == TRACEPARENT)?;
    parse(value).filter(SpanContext::is_sampled)
}

/// Puts a context into a record's headers, in place of the one that is there.
pub fn put(headers: &mut Vec<(String, Bytes)>, context: &SpanContext) {
    let value = Bytes::from(header(context));
    match headers.iter_mut().find(|(name, _)| name == TRACEPARENT) {
        Some((_, present)) => *present = value,
        None => headers.push((TRACEPARENT.to_owned(), value)),
    }
}

/// A span that is not begun.
pub fn span(name: impl Into<Cow<'static, str>>, kind: SpanKind) -> SpanBuilder {
    SpanBuilder::from_name(name).with_kind(kind)
}

/// Begins a span beneath a parent; without one it is the first of a trace, which chance may leave out.
pub fn begin(span: SpanBuilder, parent: Option<&SpanContext>) -> BoxedSpan {
    let above = match parent {
        Some(parent) => Context::new().with_remote_span_context(parent.clone()),
        None => Context::new(),
    };
    global::tracer(TRACER).build_with_context(span, &above)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_is_read_back() {
        let context = parse(SAMPLED.as_bytes()).unwrap();
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(header(&context), SAMPLED);
    }

    #[test]
    fn what_is_no_header_is_none() {
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319x-b7ad6b7169203331-01",
            "00-é-------------------------------------------------01",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn one_context_a_record() {
        let mut headers = vec![("project".to_owned(), Bytes::from_static(b"shop"))];
        assert_eq!(sampled_in(&headers), None);
        let context = parse(SAMPLED.as_bytes()).unwrap();
        for _ in 0..2 {
            put(&mut headers, &context);
            assert_eq!((headers.len(), sampled_in(&headers)), (2, Some(context.clone())));
        }
        headers[1].1 = Bytes::from(SAMPLED.replace("-01", "-00"));
        assert_eq!(sampled_in(&headers), None);
    }
}
