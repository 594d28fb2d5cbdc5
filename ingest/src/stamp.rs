//! Time and trace context, as the edge stamps them.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hindsight_engines::trace::{TRACEPARENT, TRACEPARENT_BYTES};
use hindsight_schemas::ids::ProjectId;
use http::HeaderMap;
use jiff::Timestamp;

/// 2000-01-01T00:00:00Z, Unix milliseconds: nothing that is kept is older.
pub(crate) const EARLIEST_MS: i64 = 946_684_800_000;

/// When a request was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    /// Unix microseconds.
    pub(crate) us: i64,
}

impl Received {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            us: i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        }
    }

    pub(crate) fn ms(self) -> i64 {
        self.us.div_euclid(1_000)
    }

    pub(crate) fn s(self) -> i64 {
        self.us.div_euclid(1_000_000)
    }
}

/// RFC 3339, UTC, 6 digits.
pub(crate) fn rfc3339(us: i64) -> String {
    let at = Timestamp::from_microsecond(us).expect("times are checked to lie within centuries");
    format!("{at:.6}")
}

/// Headers of a record: project, schema, trace context.
pub(crate) fn record_headers(
    project: &ProjectId,
    schema: &'static str,
    request: &HeaderMap,
) -> Vec<(String, Bytes)> {
    let mut headers = vec![
        (
            "project".to_owned(),
            Bytes::copy_from_slice(project.as_str().as_bytes()),
        ),
        ("schema".to_owned(), Bytes::from_static(schema.as_bytes())),
    ];
    let trace = request.get(TRACEPARENT).map(http::HeaderValue::as_bytes);
    if let Some(trace) = trace.filter(|value| value.len() == TRACEPARENT_BYTES) {
        headers.push((TRACEPARENT.to_owned(), Bytes::copy_from_slice(trace)));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_given() {
        assert_eq!(rfc3339(1_700_000_000_000_000), "2023-11-14T22:13:20.000000Z");
        assert_eq!(rfc3339(1_700_000_000_120_001), "2023-11-14T22:13:20.120001Z");
    }
}
