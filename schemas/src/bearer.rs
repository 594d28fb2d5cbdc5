//! `Authorization: Bearer`, as every door reads it (RFC 6750, 2.1; the scheme in any case, RFC 9110, 11.1).

use http::HeaderValue;

/// The token of an `Authorization`; none where it is of another scheme or no text.
pub fn token(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_counts_in_any_case_and_no_other_does() {
        let of = |text: &'static str| token(&HeaderValue::from_static(text)).map(str::to_owned);
        assert_eq!(of("Bearer a.b"), Some("a.b".into()));
        assert_eq!(of("bearer  a"), Some("a".into()));
        assert_eq!(of("Basic a"), None);
        assert_eq!(of("Bearer"), None);
    }
}
