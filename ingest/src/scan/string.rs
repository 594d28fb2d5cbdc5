//! Strings: finds the closing quote [`CHUNK`] bytes at a time, checks escapes.
//!
//! Most strings of a recording end within the first chunk, so the way through one is the same for nearly all of them,
//! which the CPU foresees. The body is known to be UTF-8 before, so bytes from 0x80 on need no look.

use super::Fault;
use super::chunk::{CHUNK, special_bytes};
use super::cursor::Cursor;

/// A string's raw content, between the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawString<'a> {
    pub(super) raw: &'a [u8],
    pub(super) escaped: bool,
}

impl RawString<'_> {
    /// Whether the string, with escapes resolved, is this text.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        if !self.escaped {
            return self.raw == text;
        }
        // An escaped spelling is at most six bytes a character: longer ones need no look.
        self.raw.len() <= text.len() * 6 && self.unescaped().is_some_and(|plain| plain == text)
    }

    /// The string with escapes resolved; `None` where it has a lone surrogate.
    fn unescaped(&self) -> Option<Vec<u8>> {
        let quoted = [b"\"", self.raw, b"\""].concat();
        serde_json::from_slice::<String>(&quoted)
            .ok()
            .map(String::into_bytes)
    }
}

/// Length of the run of plain bytes at the start: up to a quote, a backslash or a control character.
#[inline(always)]
fn plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let special = special_bytes(chunk);
        if special != 0 {
            return at + special.trailing_zeros() as usize;
        }
        at += CHUNK;
    }
    let tail = bytes[at..]
        .iter()
        .position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\');
    at + tail.unwrap_or(bytes.len() - at)
}

impl<'a> Cursor<'a> {
    /// Passes a string; the cursor stands behind its opening quote.
    #[inline]
    pub(super) fn string(&mut self) -> Result<RawString<'a>, Fault> {
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_run(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    let raw = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(RawString { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                _ => return Err(Fault::NotJson),
            }
        }
    }

    /// Passes an escape; the cursor stands behind the backslash. A lone surrogate (`\ud800`) is JSON by the grammar
    /// and browsers do send it (`JSON.stringify` of broken text), so it is kept.
    #[inline]
    fn escape(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 1..self.at + 5).ok_or(Fault::NotJson)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Fault::NotJson);
                }
                self.at += 5;
            }
            _ => return Err(Fault::NotJson),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_special_or_plain_at_each_place() {
        for byte in 0..=255u8 {
            for place in 0..2 * CHUNK + 3 {
                let mut bytes = [b'a'; 2 * CHUNK + 3];
                bytes[place] = byte;
                let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(
                    plain_run(&bytes),
                    if special { place } else { bytes.len() },
                    "{byte:#x} at {place}"
                );
            }
        }
    }
}
