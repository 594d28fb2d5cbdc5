//! The elements of a body: of one JSON array, or one a line (JSON lines).
//!
//! **Invariant:** in lines an element never spans a line feed, so that who reads the body back may split it there.
//! Blank lines are passed; nothing may follow the array but white space.

use hindsight_schemas::record::Layout;
use memchr::memchr;

use super::cursor::Cursor;
use super::event::Event;
use super::{Fault, ScanError};

/// Walks over the elements of a body.
pub struct Elements<'a> {
    cursor: Cursor<'a>,
    layout: Layout,
    count: usize,
    ended: bool,
}

/// Starts to walk over a body whose elements are nested at most `deepest` levels (bounded by
/// [`super::MAX_DEPTH`]).
pub fn elements(body: &[u8], deepest: usize) -> Result<Elements<'_>, ScanError> {
    if let Err(error) = simdutf8::compat::from_utf8(body) {
        return Err(ScanError {
            fault: Fault::NotUtf8,
            at: error.valid_up_to(),
            event: 0,
        });
    }
    let mut cursor = Cursor::new(body, deepest);
    let layout = match cursor.next_token() {
        Some(b'[') => Layout::JsonArray,
        _ => Layout::JsonLines,
    };
    if layout == Layout::JsonArray {
        cursor.at += 1;
    }
    Ok(Elements {
        cursor,
        layout,
        count: 0,
        ended: false,
    })
}

impl<'a> Elements<'a> {
    /// Array or lines.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// How many elements were passed.
    pub fn count(&self) -> usize {
        self.count
    }

    /// A fault at the place that was reached.
    pub fn error(&self, fault: Fault) -> ScanError {
        ScanError {
            fault,
            at: self.cursor.at,
            event: self.count,
        }
    }

    /// The next element, which must be an rrweb event.
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, ScanError> {
        self.next_with(|cursor| cursor.event())
    }

    /// The text of the next element, any JSON value.
    pub fn next_text(&mut self) -> Result<Option<&'a [u8]>, ScanError> {
        self.next_with(|cursor| {
            cursor.next_token();
            let start = cursor.at;
            cursor.value(0)?;
            Ok(&cursor.bytes[start..cursor.at])
        })
    }

    fn next_with<T>(
        &mut self,
        pass: impl FnOnce(&mut Cursor<'a>) -> Result<T, Fault>,
    ) -> Result<Option<T>, ScanError> {
        if !self.advance().map_err(|fault| self.error(fault))? {
            return Ok(None);
        }
        let start = self.cursor.at;
        let element = pass(&mut self.cursor).map_err(|fault| self.error(fault))?;
        if self.layout == Layout::JsonLines {
            let spans_lines = memchr(b'\n', &self.cursor.bytes[start..self.cursor.at]).is_some();
            if spans_lines || !self.at_line_end() {
                return Err(self.error(Fault::NotJson));
            }
        }
        self.count += 1;
        Ok(Some(element))
    }

    /// Goes to the next element; false at the end of the body.
    fn advance(&mut self) -> Result<bool, Fault> {
        if self.ended {
            return Ok(false);
        }
        match (self.layout, self.cursor.next_token()) {
            (Layout::JsonLines, next) => return Ok(next.is_some()),
            (Layout::JsonArray, Some(b']')) => return self.end_array(),
            (Layout::JsonArray, Some(_)) if self.count == 0 => {}
            (Layout::JsonArray, Some(b',')) => self.cursor.at += 1,
            (Layout::JsonArray, _) => return Err(Fault::NotJson),
        }
        Ok(true)
    }

    fn end_array(&mut self) -> Result<bool, Fault> {
        self.cursor.at += 1;
        self.ended = true;
        if self.cursor.next_token().is_none() {
            Ok(false)
        } else {
            Err(Fault::NotJson)
        }
    }

    /// Passes what follows an element on its line; false where that is more than white space.
    fn at_line_end(&mut self) -> bool {
        while let Some(b' ' | b'\t' | b'\r') = self.cursor.peek() {
            self.cursor.at += 1;
        }
        matches!(self.cursor.peek(), None | Some(b'\n'))
    }
}
