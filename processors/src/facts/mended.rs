//! JSON that only its grammar allows, made readable for typed readers: half a surrogate pair becomes U+FFFD, a number
//! beyond any double the greatest one. The text itself stays as it is in the segments.

/// The text, mended. It must be valid by the grammar, which is what the edge checked.
pub(super) fn mended(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        mended.push_str(&rest[..at]);
        rest = if rest[at..].starts_with('"') {
            string(&rest[at..], &mut mended)
        } else {
            number(&rest[at..], &mut mended)
        };
    }
    mended.push_str(rest);
    mended
}

/// Passes a number; gives what is behind it.
fn number<'a>(text: &'a str, mended: &mut String) -> &'a str {
    let ends = |c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E');
    let (number, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
    match number.parse::<f64>() {
        Ok(value) if value.is_infinite() => mended.push_str(&format!("{:e}", f64::MAX.copysign(value))),
        _ => mended.push_str(number),
    }
    rest
}

/// Passes a string with its quotes; gives what is behind it.
fn string<'a>(text: &'a str, mended: &mut String) -> &'a str {
    mended.push('"');
    let mut rest = &text[1..];
    while let Some(at) = rest.find(['"', '\\']) {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix('"') {
            mended.push('"');
            return behind;
        }
        let length = match (surrogate(rest), rest.get(6..).and_then(surrogate)) {
            (Some(Half::High), Some(Half::Low)) => 12,
            (Some(_), _) => {
                mended.push('\u{fffd}');
                rest = &rest[6..];
                continue;
            }
            (None, _) => rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at),
        };
        mended.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    mended.push_str(rest);
    ""
}

enum Half {
    High,
    Low,
}

/// Which half of a pair the escape is with which a text begins, if it is one.
fn surrogate(text: &str) -> Option<Half> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn check(text: &str, expected: &str) {
        let mended = mended(text);
        assert_eq!(mended, expected);
        serde_json::from_str::<Value>(&mended).expect("a typed reader takes it");
    }

    #[test]
    fn what_is_readable_stays() {
        for text in [
            r#"{"a":[1,-2.5e10,"x\ud83d\ude00\\u\"y"],"b":null}"#,
            r#""1e999 in a text""#,
            "true",
            r#""\\ud800""#,
        ] {
            check(text, text);
        }
    }

    #[test]
    fn halves_and_huge_numbers_are_mended() {
        check(
            r#"["\ud800","a\udc00b","\ud800\ud83d\ude00"]"#,
            "[\"\u{fffd}\",\"a\u{fffd}b\",\"\u{fffd}\\ud83d\\ude00\"]",
        );
        check(
            "[1e999,-1e999,1]",
            "[1.7976931348623157e308,-1.7976931348623157e308,1]",
        );
    }
}
