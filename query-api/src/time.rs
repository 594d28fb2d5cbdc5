//! `from` and `to`: RFC 3339 or Unix milliseconds, half-open; and times as they are told.

use hindsight_schemas::problem::Refusal;

/// Microseconds since 1970 of a parameter.
pub(crate) fn micros(name: &str, text: &str) -> Result<i64, Refusal> {
    if let Ok(unix_ms) = text.parse::<i64>() {
        return unix_ms.checked_mul(1000).ok_or_else(|| refused(name, text));
    }
    text.parse::<jiff::Timestamp>()
        .map(|time| time.as_microsecond())
        .map_err(|_| refused(name, text))
}

/// The same in milliseconds.
pub(crate) fn millis(name: &str, text: &str) -> Result<i64, Refusal> {
    micros(name, text).map(|micros| micros.div_euclid(1000))
}

/// A time as it is told: RFC 3339 in UTC with 6 digits. A time beyond the years that there are is the nearest.
pub(crate) fn rfc3339(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    format!("{at:.6}")
}

fn refused(name: &str, text: &str) -> Refusal {
    Refusal::parameter(
        name,
        format!("{text:?} is neither RFC 3339 (2026-11-22T12:30:00Z) nor Unix milliseconds"),
        format!("{text:?} 既不是 RFC 3339（2026-11-22T12:30:00Z），也不是 Unix 毫秒"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        assert_eq!(micros("from", "1700000000123").unwrap(), 1_700_000_000_123_000);
        assert_eq!(
            micros("from", "2023-11-14T22:13:20.123456Z").unwrap(),
            1_700_000_000_123_456
        );
        assert_eq!(millis("from", "1970-01-01T00:00:00+00:00").unwrap(), 0);
        assert!(micros("from", "yesterday").is_err());
        assert!(micros("from", "9223372036854775807").is_err());
    }
}
