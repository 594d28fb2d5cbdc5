//! [`crate::search::tokens`] as a tokenizer of tantivy. **Bound:** one word of
//! [`WORD_CHARS`](crate::search::tokens::WORD_CHARS) characters in memory.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::super::tokens::Spans;

#[derive(Clone, Default)]
pub(super) struct WordTokenizer;

pub(super) struct WordStream<'a> {
    text: &'a str,
    spans: Spans<'a>,
    token: Token,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        WordStream {
            text,
            spans: Spans::new(text),
            token: Token::default(),
        }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((from, to)) = self.spans.next() else {
            return false;
        };
        self.token.position = self.token.position.wrapping_add(1);
        (self.token.offset_from, self.token.offset_to) = (from, to);
        self.token.text.clear();
        let word = &self.text[from..to];
        if word.is_ascii() {
            self.token
                .text
                .extend(word.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
        } else {
            self.token.text.push_str(&word.to_lowercase());
        }
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
