//! From the text of a query to its tree, by hand: one function for each rule of the grammar.
//!
//! ```text
//! query  = and ("OR" and)*            and    = term+  ("AND" between them may be written)
//! term   = ("-" | "NOT ") term | "(" query ")" | field ":" values | word
//! values = value ("," value)*         value  = ("<" | "<=" | ">" | ">=") end | end? ".." end? | end "*"?
//! end    = "quoted, with \" and \\" | characters other than space , ( ) "
//! ```
//!
//! **Invariant:** never panics, whatever the text; an error says the byte at which it was found.
//! **Bounds:** those of [`super::query`].

use jiff::tz::TimeZone;

use super::fields::Field;
use super::query::{NESTING, QUERY_BYTES, Query, TERMS, Words};
use super::syntax::{Problem, SyntaxError};
use super::{tokens, value};

/// Reads a query. Times without an offset are in `zone`.
pub fn parse(text: &str, zone: &TimeZone) -> Result<Query, SyntaxError> {
    let mut parser = Parser {
        text,
        at: 0,
        zone,
        terms: 0,
    };
    if text.len() > QUERY_BYTES {
        return Err(parser.error_at(QUERY_BYTES, Problem::TooLong));
    }
    parser.spaces();
    if parser.rest().is_empty() {
        return Ok(Query::All);
    }
    let query = parser.or(0)?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => Err(parser.error(Problem::GroupNotOpen)),
    }
}

/// Words and quoted phrases that must all be there; nothing else means anything, and nothing is an error.
pub fn text_only(text: &str) -> Query {
    let words = text.split('"').enumerate().flat_map(|(index, part)| {
        let is_phrase = index % 2 == 1;
        let parts: Vec<&str> = if is_phrase {
            vec![part]
        } else {
            part.split_whitespace().collect()
        };
        parts
            .into_iter()
            .filter(|part| tokens::words(part).next().is_some())
            .map(move |part| {
                let prefix = !is_phrase && part.ends_with('*');
                Query::Text(Words {
                    text: part.to_owned(),
                    prefix,
                })
            })
    });
    Query::and(words.take(TERMS))
}

pub(super) struct Parser<'a> {
    text: &'a str,
    pub(super) at: usize,
    pub(super) zone: &'a TimeZone,
    terms: usize,
}

/// Characters as they were written: with or without quotes.
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) quoted: bool,
}

impl<'a> Parser<'a> {
    fn or(&mut self, depth: usize) -> Result<Query, SyntaxError> {
        let mut parts = vec![self.and(depth)?];
        while self.word("OR") {
            parts.push(self.and(depth)?);
        }
        Ok(Query::or(parts))
    }

    fn and(&mut self, depth: usize) -> Result<Query, SyntaxError> {
        let mut parts = vec![self.term(depth)?];
        loop {
            let must = self.word("AND");
            self.spaces();
            if !must && (matches!(self.peek(), None | Some(')')) || self.is_word("OR")) {
                return Ok(Query::and(parts));
            }
            parts.push(self.term(depth)?);
        }
    }

    fn term(&mut self, depth: usize) -> Result<Query, SyntaxError> {
        self.spaces();
        if depth > NESTING {
            return Err(self.error(Problem::TooDeep));
        }
        if self.eat('-') || self.word("NOT") {
            return Ok(Query::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.peek() == Some('(') {
            return self.group(depth);
        }
        if self.is_word("OR") || self.is_word("AND") {
            return Err(self.error(Problem::TermMissing));
        }
        let start = self.at;
        let piece = self
            .piece(&[':'])?
            .ok_or_else(|| self.error(Problem::TermMissing))?;
        let query = match self.field_of(start, &piece)? {
            Some(field) => Query::Field {
                field,
                any: value::values(self, field)?,
            },
            None => {
                self.count_term()?;
                Query::Text(self.words(start, piece)?)
            }
        };
        self.end_of_term()?;
        Ok(query)
    }

    /// The field that a piece names, with its colon taken. A full-width colon, which input methods for Chinese
    /// give, counts behind a field's name only: elsewhere it is part of the text.
    fn field_of(&mut self, start: usize, piece: &Piece) -> Result<Option<Field>, SyntaxError> {
        if piece.quoted {
            return Ok(None);
        }
        if let Some((name, _)) = piece.text.split_once('：')
            && let Some(field) = Field::named(name)
        {
            self.at = start + name.len() + '：'.len_utf8();
            return Ok(Some(field));
        }
        if !self.eat(':') {
            return Ok(None);
        }
        Field::named(&piece.text)
            .map(Some)
            .ok_or_else(|| self.unknown_field(start, &piece.text))
    }

    fn group(&mut self, depth: usize) -> Result<Query, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let query = self.or(depth + 1)?;
        self.spaces();
        if !self.eat(')') {
            return Err(self.error_at(start, Problem::GroupOpen));
        }
        self.end_of_term()?;
        Ok(query)
    }

    fn words(&mut self, start: usize, piece: Piece) -> Result<Words, SyntaxError> {
        let (text, prefix) = self.prefix(start, piece)?;
        Ok(Words { text, prefix })
    }

    /// Takes the `*` at the end of a piece.
    pub(super) fn prefix(&mut self, start: usize, piece: Piece) -> Result<(String, bool), SyntaxError> {
        if piece.quoted {
            let prefix = self.eat('*');
            return Ok((piece.text, prefix));
        }
        let (text, prefix) = match piece.text.strip_suffix('*') {
            Some(text) => (text.to_owned(), true),
            None => (piece.text, false),
        };
        match text.find('*') {
            Some(star) => Err(self.error_at(start + star, Problem::InnerStar)),
            None => Ok((text, prefix)),
        }
    }

    /// Characters up to a space, a parenthesis, a comma in values, one of `stops`, or "..", or a quoted text.
    /// None if there are none.
    pub(super) fn piece(&mut self, stops: &[char]) -> Result<Option<Piece>, SyntaxError> {
        if self.peek() == Some('"') {
            return self.quoted().map(|text| Some(Piece { text, quoted: true }));
        }
        let is_end =
            |char: char| char.is_whitespace() || matches!(char, '(' | ')' | '"') || stops.contains(&char);
        let rest = self.rest();
        let mut length = rest.find(is_end).unwrap_or(rest.len());
        if stops.contains(&',') {
            length = rest[..length].find("..").unwrap_or(length);
        }
        let text = rest[..length].to_owned();
        self.at += length;
        Ok((length > 0).then_some(Piece { text, quoted: false }))
    }

    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.text[start..].char_indices().skip(1);
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.at = start + at + 1;
                    return Ok(text);
                }
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                other => text.push(other),
            }
        }
        Err(self.error_at(start, Problem::QuoteOpen))
    }

    /// A term ends at a space, the end or a closing parenthesis.
    fn end_of_term(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            None | Some(')') => Ok(()),
            Some(char) if char.is_whitespace() => {
                self.spaces();
                Ok(())
            }
            Some(_) => Err(self.error(Problem::NotSeparated)),
        }
    }

    pub(super) fn count_term(&mut self) -> Result<(), SyntaxError> {
        self.terms += 1;
        if self.terms > TERMS {
            Err(self.error(Problem::TooManyTerms))
        } else {
            Ok(())
        }
    }

    fn is_word(&self, word: &str) -> bool {
        self.rest().strip_prefix(word).is_some_and(|rest| {
            rest.chars()
                .next()
                .is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')'))
        })
    }

    /// Takes a word of the language, with the spaces before it.
    fn word(&mut self, word: &str) -> bool {
        self.spaces();
        let is = self.is_word(word);
        if is {
            self.at += word.len();
        }
        is
    }

    fn unknown_field(&self, start: usize, name: &str) -> SyntaxError {
        let name: String = name.chars().take(64).collect();
        let like = Field::ALL
            .iter()
            .copied()
            .find(|field| alike(field.name(), &name));
        self.error_at(start, Problem::UnknownField { name, like })
    }

    fn spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub(super) fn eat(&mut self, char: char) -> bool {
        let is = self.peek() == Some(char);
        if is {
            self.at += char.len_utf8();
        }
        is
    }

    pub(super) fn eat_text(&mut self, text: &str) -> bool {
        let is = self.rest().starts_with(text);
        if is {
            self.at += text.len();
        }
        is
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn error(&self, problem: Problem) -> SyntaxError {
        self.error_at(self.at, problem)
    }

    pub(super) fn error_at(&self, position: usize, problem: Problem) -> SyntaxError {
        SyntaxError {
            position: self.text.floor_char_boundary(position),
            problem,
        }
    }
}

/// One name begins as the other does, or one letter is wrong, missing or too many.
fn alike(known: &str, written: &str) -> bool {
    let written = written.to_lowercase();
    if written.len() < 2 {
        return false;
    }
    let (one, other) = (known.as_bytes(), written.as_bytes());
    let before = one
        .iter()
        .zip(other)
        .take_while(|(one, other)| one == other)
        .count();
    let (one, other) = (&one[before..], &other[before..]);
    let after = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(|(one, other)| one == other)
        .count();
    let differ = one.len().max(other.len()) - after;
    known.starts_with(&written) || written.starts_with(known) || differ <= 1
}
