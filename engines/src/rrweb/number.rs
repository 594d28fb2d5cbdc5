//! An event's numbers (`timestamp`, `type`, `source`) as every reader takes them: the edge, segments and tables alike.

/// Greatest time that JavaScript's `Date` knows, Unix milliseconds. Times beyond are kept as this one: an odd clock
/// is never a reason to refuse a recording.
pub const MAX_TIME_MS: i64 = 8_640_000_000_000_000;

/// A JSON number's text as whole milliseconds, rounded down, within what `Date` knows; `None` if it is no number.
pub fn time_ms(number: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(number).ok()?.trim_ascii();
    let ms = match text.parse::<i64>() {
        Ok(exact) => exact,
        Err(_) => whole(text.parse().ok()?),
    };
    Some(ms.clamp(-MAX_TIME_MS, MAX_TIME_MS))
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a cast of a float saturates, which is what is wanted"
)]
fn whole(float: f64) -> i64 {
    float.floor() as i64
}

/// A JSON number's text as a small whole number (`3`, `3.0`, `0.3e1`).
pub fn small(number: &[u8]) -> Option<u8> {
    if let [digit @ b'0'..=b'9'] = number {
        return Some(digit - b'0');
    }
    let value: f64 = std::str::from_utf8(number).ok()?.trim_ascii().parse().ok()?;
    (0..=u8::MAX).find(|&whole| f64::from(whole) == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_whole() {
        for (text, value) in [
            ("3", Some(3)),
            ("3.0", Some(3)),
            ("0.3e1", Some(3)),
            ("17", Some(17)),
            ("-0", Some(0)),
            ("3.5", None),
            ("-1", None),
            ("300", None),
            ("\"3\"", None),
        ] {
            assert_eq!(small(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn times_are_floored_and_clamped() {
        for (text, ms) in [
            ("1700000000123", Some(1_700_000_000_123)),
            ("1700000000123.9", Some(1_700_000_000_123)),
            ("-1.5", Some(-2)),
            ("1.7e12", Some(1_700_000_000_000)),
            ("1e400", Some(MAX_TIME_MS)),
            ("99999999999999999999", Some(MAX_TIME_MS)),
            ("-1e400", Some(-MAX_TIME_MS)),
            (" 17 ", Some(17)),
            ("\"17\"", None),
            ("", None),
        ] {
            assert_eq!(time_ms(text.as_bytes()), ms, "{text}");
        }
    }
}
