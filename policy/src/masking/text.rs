//! Values that a free text gives to sensitive names: `name=value`, `name: value`, query strings, fragments of JSON.
//!
//! A name is what stands right before `=`, `:` or `：`; its value is a quoted text, or what stands up to the next space or
//! mark, with what belongs to it (`Bearer abc`, `6222 0213 0000`). In doubt it is masked: `token: expired` loses a word,
//! `token: abc` would lose a secret.

use super::MASK;

/// Longest name, in bytes: longer ones are text without spaces.
const NAME_BYTES: usize = 64;
/// Words that mean something only with the one before them.
const SECOND_WORDS: &[&str] = &["number", "num", "no", "no.", "code", "key", "id"];
/// What a value may begin with, that isn't the secret itself.
const SCHEMES: &[&str] = &["bearer", "basic", "digest", "token", "apikey"];

/// The text with those values masked; `None` where there are none.
pub(super) fn clean(text: &str, is_sensitive: impl Fn(&str) -> bool) -> Option<String> {
    let mut clean = String::new();
    let mut copied = 0;
    for (at, sign) in text.match_indices(['=', ':', '：']) {
        let name = name_before(&text[..at]);
        if at < copied || name.is_empty() || name.len() > NAME_BYTES || !is_sensitive(name) {
            continue;
        }
        let value = value_from(text, at + sign.len());
        if holds_nothing(&text[value.clone()]) {
            continue;
        }
        clean.push_str(&text[copied..value.start]);
        clean.push_str(MASK);
        copied = value.end;
    }
    (copied > 0).then(|| clean + &text[copied..])
}

fn is_part_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The name at the end of a text, without its quotes: `{"user_pwd"` gives `user_pwd`, `the card number` both words.
fn name_before(text: &str) -> &str {
    let text = text
        .trim_end_matches(' ')
        .trim_end_matches(['"', '\'', '\\', ']']);
    let word = last_word(text);
    let before = text[..text.len() - word.len()].strip_suffix(' ');
    match before.map(last_word) {
        Some(first) if SECOND_WORDS.contains(&word.to_ascii_lowercase().as_str()) => {
            &text[text.len() - word.len() - 1 - first.len()..]
        }
        _ => word,
    }
}

fn last_word(text: &str) -> &str {
    text.rsplit(|c| !is_part_of_name(c)).next().unwrap_or_default()
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || "&;,#?\"'\\)]}<>，。；、）】".contains(c)
}

/// Where the value lies that begins at or behind `from`.
fn value_from(text: &str, from: usize) -> std::ops::Range<usize> {
    let start = from + (text.len() - from - text[from..].trim_start_matches([' ', '\t']).len());
    let rest = &text[start..];
    for quote in ["\\\"", "\"", "'"] {
        if let Some(inner) = rest.strip_prefix(quote) {
            let start = start + quote.len();
            return start..start + quoted_bytes(inner, quote);
        }
    }
    let mut end = start + token_bytes(rest);
    let mut token = &text[start..end];
    // A scheme and groups of digits go on behind a space.
    while let Some(more) = text[end..].strip_prefix(' ') {
        let next = &more[..token_bytes(more)];
        let goes_on =
            SCHEMES.contains(&token.to_ascii_lowercase().as_str()) || (is_digits(token) && is_digits(next));
        if !goes_on || next.is_empty() {
            break;
        }
        end += 1 + next.len();
        token = next;
    }
    start..end
}

/// Up to the closing quote; one behind a backslash closes nothing, unless the quotes themselves are written so.
fn quoted_bytes(inner: &str, quote: &str) -> usize {
    let closes = |at: &usize| quote.starts_with('\\') || !inner[..*at].ends_with('\\');
    let mut ends = inner.match_indices(quote).map(|(at, _)| at);
    ends.find(closes).unwrap_or(inner.len())
}

fn token_bytes(text: &str) -> usize {
    text.find(ends_value).unwrap_or(text.len())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn holds_nothing(value: &str) -> bool {
    matches!(value, "" | "null" | "true" | "false") || value == MASK
}

#[cfg(test)]
mod tests {
    use super::super::Masking;

    fn check(text: &str, expected: &str) {
        let masking = Masking::default();
        let once = masking.clean(text).unwrap_or_else(|| text.to_owned());
        assert_eq!(once, expected);
        assert_eq!(
            masking.clean(&once),
            None,
            "masking twice is masking once: {once}"
        );
    }

    #[test]
    fn values_of_sensitive_names_are_masked_in_prose() {
        check(
            "login of li failed: password=abc&x=1",
            "login of li failed: password=***&x=1",
        );
        check(
            "bad header Authorization: Bearer ey.J0.x, gave up",
            "bad header Authorization: ***, gave up",
        );
        check(
            "your card number: 6222 0213 0000 1111 is blocked",
            "your card number: *** is blocked",
        );
        check(
            "card_number: 6222 0213 0000 1111 is blocked",
            "card_number: *** is blocked",
        );
        check("用户输入的密码：a1b2c3，已锁定", "用户输入的密码：***，已锁定");
        check("身份证号=11010119900307123X 重复", "身份证号=*** 重复");
        check(
            r#"got {"user":"li","user_pwd": "p\"w","n":1}"#,
            r#"got {"user":"li","user_pwd": "***","n":1}"#,
        );
        check(r#"{\"token\":\"abc\"}"#, r#"{\"token\":\"***\"}"#);
        check(
            "https://a.example/p?token=t#top",
            "https://a.example/p?token=***#top",
        );
        check("secret='two words' rest", "secret='***' rest");
    }

    #[test]
    fn other_texts_stay() {
        for text in [
            "",
            "order P-9: not found",
            "https://a.example:8080/p?q=1",
            "password=",
            "password: null, changed=true",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101",
            "a=b=c::::",
            "令牌",
        ] {
            check(text, text);
        }
    }
}
