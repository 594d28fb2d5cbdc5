//! Numbers: the grammar of RFC 8259, and the two values that an event needs.

use super::Fault;
use super::cursor::Cursor;

/// Greatest time that JavaScript's `Date` knows, Unix milliseconds. Times beyond are kept as this one: an odd clock
/// is never a reason to refuse a recording.
const MAX_TIME_MS: i64 = 8_640_000_000_000_000;

impl<'a> Cursor<'a> {
    /// Passes a number; the cursor stands on its first byte.
    #[inline]
    pub(super) fn number(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.bytes[start..self.at])
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            Err(Fault::NotJson)
        } else {
            Ok(())
        }
    }
}

/// A number's text as whole milliseconds, rounded down, within what `Date` knows.
pub(super) fn time_ms(text: &[u8]) -> i64 {
    let text = std::str::from_utf8(text).expect("the grammar of numbers is ASCII");
    let exact = text.parse::<i64>();
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a cast of a float saturates, which is what is wanted"
    )]
    let ms = exact.unwrap_or_else(|_| text.parse::<f64>().map_or(0, |float| float.floor() as i64));
    ms.clamp(-MAX_TIME_MS, MAX_TIME_MS)
}

/// A number's text as a small whole number (`3`, `3.0`, `0.3e1`).
pub(super) fn small(text: &[u8]) -> Option<u8> {
    if let [digit @ b'0'..=b'9'] = text {
        return Some(digit - b'0');
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (0..=u8::MAX).find(|&whole| f64::from(whole) == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_floored_and_clamped() {
        for (text, ms) in [
            ("1700000000123", 1_700_000_000_123),
            ("1700000000123.9", 1_700_000_000_123),
            ("-1.5", -2),
            ("1.7e12", 1_700_000_000_000),
            ("1e400", MAX_TIME_MS),
            ("99999999999999999999", MAX_TIME_MS),
            ("-1e400", -MAX_TIME_MS),
        ] {
            assert_eq!(time_ms(text.as_bytes()), ms, "{text}");
        }
    }

    #[test]
    fn types_are_whole() {
        for (text, value) in [
            ("3", Some(3)),
            ("3.0", Some(3)),
            ("-0", Some(0)),
            ("3.5", None),
            ("-1", None),
            ("300", None),
        ] {
            assert_eq!(small(text.as_bytes()), value, "{text}");
        }
    }
}
