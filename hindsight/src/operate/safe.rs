//! Text of strangers on a terminal: what would move the cursor, change colours or turn the writing direction is shown by
//! its number, as JSON writes it.

use std::fmt::Write;

use serde::Serialize;

/// On one line.
pub(crate) fn line(text: &str) -> String {
    shown(text, |_| false)
}

/// As JSON of several lines, which stays the same JSON.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    // Within texts line feeds are escaped already.
    let text = serde_json::to_string_pretty(value)?;
    Ok(shown(&text, |character| character == '\n'))
}

fn shown(text: &str, is_layout: fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if !acts(character) || is_layout(character) {
            safe.push(character);
        } else {
            write!(safe, "\\u{:04x}", u32::from(character)).expect("a string takes all");
        }
    }
    safe
}

/// Whether a terminal does something with it, or shows nothing for it.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_by_its_number() {
        assert_eq!(line("中文, é"), "中文, é");
        assert_eq!(line("\u{1b}[2J\n\u{202e}"), "\\u001b[2J\\u000a\\u202e");
        let value = serde_json::json!({"a": "\u{9b}31m\n\u{1b}"});
        let text = json(&value).unwrap();
        assert_eq!(text, "{\n  \"a\": \"\\u009b31m\\n\\u001b\"\n}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
