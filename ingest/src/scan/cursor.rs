//! A place in a body, and how to pass one JSON value without recursion.
//!
//! **Invariant:** open arrays and objects are remembered in a stack of fixed size, so depth costs no thread stack.

use super::{Fault, MAX_DEPTH};

/// A place in a body.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    /// Deepest nesting allowed, at most [`MAX_DEPTH`].
    deepest: usize,
    /// For each open container, whether it is an object.
    open: [bool; MAX_DEPTH],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], deepest: usize) -> Self {
        Self {
            bytes,
            at: 0,
            deepest: deepest.min(MAX_DEPTH),
            open: [false; MAX_DEPTH],
        }
    }

    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Passes white space and says what follows.
    #[inline(always)]
    pub(super) fn next_token(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            if byte > b' ' || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Passes this byte, after white space.
    #[inline(always)]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.next_token() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(Fault::NotJson)
        }
    }

    /// Passes a value that is no array or object; the cursor stands on its first byte.
    #[inline(always)]
    pub(super) fn scalar(&mut self, first: u8) -> Result<(), Fault> {
        match first {
            b'"' => {
                self.at += 1;
                self.string().map(drop)
            }
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(Fault::NotJson),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Fault::NotJson)
        }
    }

    /// Passes a member's name and its colon.
    #[inline(always)]
    pub(super) fn name(&mut self) -> Result<super::string::RawString<'a>, Fault> {
        self.expect(b'"')?;
        let name = self.string()?;
        self.expect(b':')?;
        Ok(name)
    }

    /// Passes any value; `outside` containers are open around it.
    pub(super) fn value(&mut self, outside: usize) -> Result<(), Fault> {
        let mut depth = outside;
        loop {
            let first = self.next_token().ok_or(Fault::NotJson)?;
            if let b'{' | b'[' = first {
                let is_object = first == b'{';
                if depth == self.deepest {
                    return Err(Fault::NestedTooDeep);
                }
                self.at += 1;
                // `{` and `[` lie two below their closing bytes in ASCII.
                if self.next_token() == Some(first + 2) {
                    self.at += 1;
                } else {
                    self.open[depth] = is_object;
                    depth += 1;
                    if is_object {
                        self.name()?;
                    }
                    continue;
                }
            } else {
                self.scalar(first)?;
            }
            if !self.close(&mut depth, outside)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here. True where another value follows.
    #[inline(always)]
    fn close(&mut self, depth: &mut usize, outside: usize) -> Result<bool, Fault> {
        while *depth > outside {
            let in_object = self.open[*depth - 1];
            match self.next_token() {
                Some(b',') => {
                    self.at += 1;
                    if in_object {
                        self.name()?;
                    }
                    return Ok(true);
                }
                Some(b'}') if in_object => self.at += 1,
                Some(b']') if !in_object => self.at += 1,
                _ => return Err(Fault::NotJson),
            }
            *depth -= 1;
        }
        Ok(false)
    }
}
