//! When it happened: RFC 3339, or without an offset in the project's time zone.
//!
//! In the hour that a clock change repeats, the first is meant; in the hour it skips, the time after (as Java and
//! ECMAScript read it). The same text gives the same time, so a retry meets its twin.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::fields::FieldFault;
use crate::stamp::{EARLIEST_MS, Received};
use hindsight_schemas::reason::Reason;

/// How far ahead an audit event's time may lie.
const AHEAD_MS: i64 = 86_400_000;

/// Reads a time as Unix microseconds.
pub(super) fn parse(value: &Value, zone: &TimeZone) -> Result<i64, FieldFault> {
    value
        .as_str()
        .and_then(|text| parse_text(text.trim(), zone))
        .ok_or_else(|| {
            FieldFault::invalid(
                "/occurred_at",
                "is not a time like 2026-11-22T12:30:00.123+08:00",
                "不是形如 2026-11-22T12:30:00.123+08:00 的时间",
            )
        })
}

fn parse_text(text: &str, zone: &TimeZone) -> Option<i64> {
    if !text.contains(':') {
        return None;
    }
    if let Ok(exact) = text.parse::<Timestamp>() {
        return Some(exact.as_microsecond());
    }
    let local: DateTime = text.replace('/', "-").parse().ok()?;
    Some(local.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond())
}

/// Refuses a time that is too old or too far ahead.
pub(super) fn check_range(pointer: &str, ms: i64, received: Received) -> Result<(), FieldFault> {
    if (EARLIEST_MS..=received.ms().saturating_add(AHEAD_MS)).contains(&ms) {
        return Ok(());
    }
    Err(FieldFault::new(
        pointer,
        Reason::TimeRange,
        "lies before 2000-01-01 or more than a day ahead",
        "早于 2000-01-01 或超前一天以上",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_offset_or_in_the_zone() {
        let shanghai = TimeZone::get("Asia/Shanghai").unwrap();
        for text in [
            "2026-11-22T12:30:00.123+08:00",
            "2026-11-22T04:30:00.123Z",
            "2026-11-22 12:30:00.123",
            "2026/11/22 12:30:00.123",
        ] {
            assert_eq!(
                parse(&text.into(), &shanghai),
                Ok(1_795_321_800_123_000),
                "{text}"
            );
        }
        for bad in ["", "2026-11-22", "yesterday", "12:30", "2026-13-01T00:00:00Z"] {
            assert!(parse(&bad.into(), &shanghai).is_err(), "{bad}");
        }
    }
}
