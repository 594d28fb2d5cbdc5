//! Words of a text: runs of letters and digits, in lower case; Chinese characters and hiragana one by one.
//!
//! **Invariant:** the same as Elasticsearch's standard tokenizer behind a character filter that turns all that
//! is neither letter nor digit into spaces; so a run of Chinese is searched as a phrase, and `policy.update` is
//! found by `update`. **Bound:** a word longer than [`WORD_CHARS`] is split there, as Elasticsearch does.

/// Characters of one word.
pub const WORD_CHARS: usize = 255;

/// The words of a text, in lower case.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let mut rest = Spans::new(text);
    std::iter::from_fn(move || {
        let (from, to) = rest.next()?;
        let mut word = String::with_capacity(to - from);
        push_word(&mut word, &text[from..to]);
        Some(word)
    })
}

/// Adds a word of a text, in lower case.
pub fn push_word(to: &mut String, word: &str) {
    if word.is_ascii() {
        let from = to.len();
        to.push_str(word);
        to[from..].make_ascii_lowercase();
    } else {
        to.push_str(&word.to_lowercase());
    }
}

/// Where the words of a text are, in bytes.
#[derive(Debug, Clone)]
pub struct Spans<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Spans<'a> {
    /// Of this text.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Spans<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let rest = &self.text[self.at..];
        let from = self.at + rest.find(char::is_alphanumeric)?;
        let mut to = from;
        for (count, char) in self.text[from..].chars().enumerate() {
            let alone = stands_alone(char);
            if count > 0 && alone || count == WORD_CHARS || !char.is_alphanumeric() {
                break;
            }
            to += char.len_utf8();
            if alone {
                break;
            }
        }
        self.at = to;
        Some((from, to))
    }
}

/// Characters that are a word each: ideographs and hiragana (Unicode blocks; UAX 29 breaks between them).
fn stands_alone(char: char) -> bool {
    matches!(char, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{309f}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(words(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn words_are_runs_and_ideographs() {
        check("Policy.update O-3", &["policy", "update", "o", "3"]);
        check("订单A12已付款!", &["订", "单", "a12", "已", "付", "款"]);
        check("li@example.com", &["li", "example", "com"]);
        check(" ,.-_ ", &[]);
        check("Ünï ÇA", &["ünï", "ça"]);
        check(&"x".repeat(300), &[&"x".repeat(255), &"x".repeat(45)]);
    }
}
