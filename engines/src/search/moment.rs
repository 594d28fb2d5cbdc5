//! Times as people write them in queries: a year, a month, a day, a minute, a second or a fraction of one.
//!
//! **Invariant:** a time means the whole span that it names (`2026-11-22` is that day), half-open, Unix
//! microseconds. Without an offset it is in the caller's time zone.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, ToSpan};

/// The span of a text (`2026`, `2026-11`, `2026-11-22`, `2026-11-22T12:30[:00[.123456]][Z|+08:00]`), or None if
/// it is no time.
pub fn span_us(text: &str, zone: &TimeZone) -> Option<(i64, i64)> {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let (date, date_length) = date_of(date)?;
    let Some(time) = time else {
        let start = date.to_datetime(Time::midnight());
        return Some((
            unix_us(start, zone)?,
            unix_us(start.checked_add(date_length).ok()?, zone)?,
        ));
    };
    if date_length.get_days() != 1 {
        return None;
    }
    let (time, zone) = split_offset(time, zone)?;
    let (time, length_us) = time_of(time)?;
    let start = unix_us(date.to_datetime(time), &zone)?;
    Some((start, start + length_us))
}

/// RFC 3339 of a time, UTC, 6 digits.
pub fn rfc3339(unix_us: i64) -> String {
    jiff::Timestamp::from_microsecond(unix_us).map_or_else(|_| unix_us.to_string(), |at| format!("{at:.6}"))
}

fn unix_us(at: DateTime, zone: &TimeZone) -> Option<i64> {
    Some(zone.to_timestamp(at).ok()?.as_microsecond())
}

fn date_of(text: &str) -> Option<(Date, Span)> {
    let mut parts = text.split('-').map(digits);
    let year = i16::try_from(parts.next()??).ok()?;
    let (month, day) = (parts.next(), parts.next());
    if parts.next().is_some() || text.find('-').unwrap_or(text.len()) != 4 {
        return None;
    }
    let length = match (month, day) {
        (None, _) => 1.year(),
        (_, None) => 1.month(),
        _ => 1.day(),
    };
    let number = |part: Option<Option<i64>>| part.map_or(Some(1), |part| i8::try_from(part?).ok());
    Some((Date::new(year, number(month)?, number(day)?).ok()?, length))
}

/// The clock time and how long it lasts, microseconds.
fn time_of(text: &str) -> Option<(Time, i64)> {
    let mut parts = text.split(':');
    let mut two = || parts.next().map(|part| digits(part).filter(|_| part.len() == 2));
    let (hour, minute) = (two()??, two()??);
    let Some(second) = parts.next() else {
        return Some((clock(hour, minute, 0, 0)?, 60_000_000));
    };
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    if parts.next().is_some() || second.len() != 2 || fraction.len() > 9 {
        return None;
    }
    let micros = digits(&format!("{:0<6.6}", fraction))?;
    let digits_given = u32::try_from(fraction.len().min(6)).ok()?;
    Some((
        clock(hour, minute, digits(second)?, micros)?,
        10_i64.pow(6 - digits_given),
    ))
}

fn clock(hour: i64, minute: i64, second: i64, micros: i64) -> Option<Time> {
    let part = |number: i64| i8::try_from(number).ok();
    let nanos = i32::try_from(micros * 1000).ok()?;
    Time::new(part(hour)?, part(minute)?, part(second)?, nanos).ok()
}

fn split_offset<'a>(text: &'a str, zone: &TimeZone) -> Option<(&'a str, TimeZone)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, TimeZone::UTC));
    }
    let Some(at) = text.rfind(['+', '-']) else {
        return Some((text, zone.clone()));
    };
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let seconds = i32::try_from(digits(hours)? * 3600 + digits(minutes)? * 60).ok()?;
    let seconds = if text[at..].starts_with('-') {
        -seconds
    } else {
        seconds
    };
    Some((&text[..at], Offset::from_seconds(seconds).ok()?.to_time_zone()))
}

/// A number of 1 to 9 decimal digits and nothing else.
fn digits(text: &str) -> Option<i64> {
    let plain = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, zone: &str, from: &str, to: &str) {
        let (start, end) = span_us(text, &TimeZone::get(zone).unwrap()).unwrap();
        assert_eq!(
            (rfc3339(start), rfc3339(end)),
            (from.to_owned(), to.to_owned()),
            "{text}"
        );
    }

    #[test]
    fn a_time_is_the_span_that_it_names() {
        check(
            "2026",
            "UTC",
            "2026-01-01T00:00:00.000000Z",
            "2027-01-01T00:00:00.000000Z",
        );
        check(
            "2026-02",
            "UTC",
            "2026-02-01T00:00:00.000000Z",
            "2026-03-01T00:00:00.000000Z",
        );
        check(
            "2026-11-22",
            "Asia/Shanghai",
            "2026-11-21T16:00:00.000000Z",
            "2026-11-22T16:00:00.000000Z",
        );
        check(
            "2026-10-25",
            "Europe/Berlin",
            "2026-10-24T22:00:00.000000Z",
            "2026-10-25T23:00:00.000000Z",
        );
        check(
            "2026-11-22T12:30",
            "UTC",
            "2026-11-22T12:30:00.000000Z",
            "2026-11-22T12:31:00.000000Z",
        );
        check(
            "2026-11-22T12:30:05+08:00",
            "UTC",
            "2026-11-22T04:30:05.000000Z",
            "2026-11-22T04:30:06.000000Z",
        );
        check(
            "2026-11-22T12:30:05.12Z",
            "UTC",
            "2026-11-22T12:30:05.120000Z",
            "2026-11-22T12:30:05.130000Z",
        );
        check(
            "2026-11-22 12:30:05.123456789Z",
            "UTC",
            "2026-11-22T12:30:05.123456Z",
            "2026-11-22T12:30:05.123457Z",
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "x",
            "26-11-22",
            "2026-13",
            "2026-02-30",
            "2026-11T12:30",
            "2026-11-22T1:30",
            "2026-11-22T25:00",
            "2026-11-22T12:30+8",
            "2026-11-22T12:30:61",
            "2026-11-22T",
            "2026-11-22-1",
            "-2026",
        ] {
            assert_eq!(span_us(text, &TimeZone::UTC), None, "{text}");
        }
    }
}
