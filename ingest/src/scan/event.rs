//! One rrweb event: an object whose `type`, `timestamp`, `data.source` and `data.tag` are noticed in passing.
//!
//! A name that comes twice counts by its last value, as in every browser.

use super::Fault;
use super::cursor::Cursor;
use hindsight_engines::rrweb::{small, time_ms};

/// Greatest `type` of rrweb.
const LAST_TYPE: u8 = 7;
const FULL_SNAPSHOT: u8 = 2;
const CUSTOM: u8 = 5;

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its text as sent, without the white space around it.
    pub text: &'a [u8],
    /// `type`: 0 DomContentLoaded, 1 Load, 2 FullSnapshot, 3 Incremental, 4 Meta, 5 Custom, 6 Plugin, 7 Asset.
    pub kind: u8,
    /// `timestamp`, Unix milliseconds.
    pub timestamp_ms: i64,
    /// `data.source`, of incremental events.
    pub source: Option<u8>,
    /// `data.tag` as written, of custom events; escapes are not resolved.
    pub tag: Option<&'a [u8]>,
}

impl Event<'_> {
    /// Whether it is the second half of a keyframe.
    pub fn is_full_snapshot(&self) -> bool {
        self.kind == FULL_SNAPSHOT
    }

    /// Whether it is a custom event.
    pub fn is_custom(&self) -> bool {
        self.kind == CUSTOM
    }
}

#[derive(Default)]
struct Noticed<'a> {
    kind: Option<u8>,
    timestamp_ms: Option<i64>,
    source: Option<u8>,
    tag: Option<&'a [u8]>,
}

impl<'a> Cursor<'a> {
    /// Passes one event.
    pub(super) fn event(&mut self) -> Result<Event<'a>, Fault> {
        let first = self.next_token().ok_or(Fault::NotJson)?;
        let start = self.at;
        if first != b'{' {
            self.value(0)?;
            return Err(Fault::NotAnObject);
        }
        let mut noticed = Noticed::default();
        self.members(|cursor, name| {
            if name.is(b"type") {
                noticed.kind = cursor
                    .number_value(1)?
                    .and_then(small)
                    .filter(|&kind| kind <= LAST_TYPE);
            } else if name.is(b"timestamp") {
                noticed.timestamp_ms = cursor.number_value(1)?.and_then(time_ms);
            } else if name.is(b"data") {
                (noticed.source, noticed.tag) = cursor.data()?;
            } else {
                cursor.value(1)?;
            }
            Ok(())
        })?;
        Ok(Event {
            text: &self.bytes[start..self.at],
            kind: noticed.kind.ok_or(Fault::NoType)?,
            timestamp_ms: noticed.timestamp_ms.ok_or(Fault::NoTimestamp)?,
            source: noticed.source,
            tag: noticed.tag,
        })
    }

    /// Passes the value of `data`.
    fn data(&mut self) -> Result<(Option<u8>, Option<&'a [u8]>), Fault> {
        if self.next_token() != Some(b'{') {
            self.value(1)?;
            return Ok((None, None));
        }
        let (mut source, mut tag) = (None, None);
        self.members(|cursor, name| {
            if name.is(b"source") {
                source = cursor.number_value(2)?.and_then(small);
            } else if name.is(b"tag") {
                tag = cursor.string_value(2)?;
            } else {
                cursor.value(2)?;
            }
            Ok(())
        })?;
        Ok((source, tag))
    }

    /// Passes an object, giving each name to `member`, which passes its value. The cursor stands on the brace.
    #[inline(always)]
    fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, super::string::RawString<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.at += 1;
        if self.next_token() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let name = self.name()?;
            member(self, name)?;
            match self.next_token() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Fault::NotJson),
            }
        }
    }

    /// Passes any value and gives its text where it is a number.
    fn number_value(&mut self, outside: usize) -> Result<Option<&'a [u8]>, Fault> {
        match self.next_token() {
            Some(b'-' | b'0'..=b'9') => self.number().map(Some),
            _ => self.value(outside).map(|()| None),
        }
    }

    /// Passes any value and gives its raw content where it is a string.
    fn string_value(&mut self, outside: usize) -> Result<Option<&'a [u8]>, Fault> {
        match self.next_token() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(|string| Some(string.raw))
            }
            _ => self.value(outside).map(|()| None),
        }
    }
}
