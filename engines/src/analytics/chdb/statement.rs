//! Just enough of a tokenizer to find where an INSERT's data begin and which format a statement names.
//!
//! **Invariant:** words in strings, quoted names, comments and parentheses are never taken for keywords. Whether the
//! statement is allowed is not decided here.

/// A word outside strings and comments.
#[derive(Debug, Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    depth: u32,
}

struct Words<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Words<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    fn starts_with(&self, mark: &[u8]) -> bool {
        self.text[self.at..].starts_with(mark)
    }

    fn skip_past(&mut self, mark: &[u8]) {
        let found = memchr::memmem::find(&self.text[self.at..], mark);
        self.at = found.map_or(self.text.len(), |offset| self.at + offset + mark.len());
    }

    fn skip_quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == quote {
                break;
            }
        }
        self.at = self.at.min(self.text.len());
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\'' | b'"' | b'`' => self.skip_quoted(byte),
                b'-' if self.starts_with(b"--") => self.skip_past(b"\n"),
                b'/' if self.starts_with(b"/*") => self.skip_past(b"*/"),
                b'(' | b'[' | b'{' => (self.at, self.depth) = (self.at + 1, self.depth + 1),
                b')' | b']' | b'}' => (self.at, self.depth) = (self.at + 1, self.depth.saturating_sub(1)),
                byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                    let start = self.at;
                    let length = self.text[start..]
                        .iter()
                        .take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'_');
                    self.at += length.count();
                    return Some(Word {
                        start,
                        end: self.at,
                        depth: self.depth,
                    });
                }
                _ => self.at += 1,
            }
        }
        None
    }
}

fn is(text: &[u8], word: Word, keyword: &str) -> bool {
    word.depth == 0 && text[word.start..word.end].eq_ignore_ascii_case(keyword.as_bytes())
}

/// Where an INSERT's own text ends and its data begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InsertHead {
    /// The statement up to FORMAT or VALUES.
    pub(super) statement_end: usize,
    /// The data's format.
    pub(super) format: String,
    /// The first byte of data.
    pub(super) data_start: usize,
}

/// The head of `INSERT ... FORMAT f LF data` or `INSERT ... VALUES data`; none for any other statement (also INSERT
/// SELECT), and while the head is not whole.
pub(super) fn insert_head(text: &[u8]) -> Option<InsertHead> {
    let mut words = Words::of(text);
    if !is(text, words.next()?, "INSERT") {
        return None;
    }
    while let Some(word) = words.next() {
        if is(text, word, "SELECT") || is(text, word, "WITH") {
            return None;
        }
        if is(text, word, "VALUES") {
            return Some(InsertHead {
                statement_end: word.start,
                format: "Values".into(),
                data_start: word.end,
            });
        }
        if is(text, word, "FORMAT") {
            let name = words.next()?;
            let format = String::from_utf8_lossy(&text[name.start..name.end]).into_owned();
            return Some(InsertHead {
                statement_end: word.start,
                format,
                data_start: after_line(text, name.end),
            });
        }
    }
    None
}

/// Blanks and one line end after the format's name are not data.
fn after_line(text: &[u8], mut at: usize) -> usize {
    at += text[at..]
        .iter()
        .take_while(|&&byte| byte == b' ' || byte == b'\t')
        .count();
    at += usize::from(text[at..].starts_with(b"\r"));
    at + usize::from(text[at..].starts_with(b"\n"))
}

/// Whether a text begins as an INSERT.
pub(super) fn begins_insert(text: &[u8]) -> bool {
    Words::of(text)
        .next()
        .is_some_and(|word| is(text, word, "INSERT"))
}

/// The format that a statement names at its end.
pub(super) fn format_clause(text: &[u8]) -> Option<String> {
    let mut words = Words::of(text);
    let mut format = None;
    while let Some(word) = words.next() {
        if is(text, word, "FORMAT") {
            let name = words.next()?;
            format = Some(String::from_utf8_lossy(&text[name.start..name.end]).into_owned());
        }
    }
    format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str, &str)>) {
        let head = insert_head(text.as_bytes());
        let parts = head.as_ref().map(|head| {
            (
                &text[..head.statement_end],
                head.format.as_str(),
                &text[head.data_start..],
            )
        });
        assert_eq!(parts, expected);
    }

    #[test]
    fn data_begin_after_the_head() {
        check(
            "INSERT INTO t FORMAT RowBinary\n\nx",
            Some(("INSERT INTO t ", "RowBinary", "\nx")),
        );
        check(
            "insert into t (`format`) /* FORMAT a */ values (1)",
            Some(("insert into t (`format`) /* FORMAT a */ ", "Values", " (1)")),
        );
        check(
            "INSERT INTO t -- VALUES\n FORMAT CSV",
            Some(("INSERT INTO t -- VALUES\n ", "CSV", "")),
        );
        check("INSERT INTO t SELECT 'VALUES'", None);
        check("SELECT 1 FORMAT CSV", None);
        check("INSERT INTO t FORMAT", None);
    }

    #[test]
    fn formats_are_found_outside_strings() {
        assert_eq!(format_clause(b"SELECT 'FORMAT CSV'"), None);
        assert_eq!(
            format_clause(b"SELECT formatDateTime(now(), '%F') FORMAT JSON"),
            Some("JSON".into())
        );
        assert_eq!(
            format_clause(b"SELECT 'it\\'s' FORMAT\nCSV SETTINGS a=1"),
            Some("CSV".into())
        );
    }
}
