//! Numbers: the grammar of RFC 8259.

use super::Fault;
use super::cursor::Cursor;

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

    /// Passes one digit at least.
    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) {
            let run = leading_digits(*word);
            self.at += run;
            if run < 8 {
                break;
            }
        }
        // The last bytes of a body are no whole word.
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

/// How many of the first bytes are digits, without a branch for each.
#[inline(always)]
fn leading_digits(bytes: [u8; 8]) -> usize {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    // A digit becomes 0 to 9; what is above 9 sets its byte's high bit, or has it. No carry leaves a byte.
    let values = u64::from_le_bytes(bytes) ^ u64::from_ne_bytes([b'0'; 8]);
    let above_nine = (((values & LOW) + u64::from_ne_bytes([0x76; 8])) | values) & !LOW;
    (above_nine.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_a_digit_or_none_at_each_place() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                let mut bytes = *b"90909090";
                bytes[place] = byte;
                let expected = if byte.is_ascii_digit() { 8 } else { place };
                assert_eq!(leading_digits(bytes), expected, "{byte:#x} at {place}");
            }
        }
    }
}
