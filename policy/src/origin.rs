//! Origins of pages (RFC 6454) that may use a browser key: `*`, `https://shop.example`,
//! `https://*.shop.example` (any depth of subdomain, not the domain itself), each with an optional port.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One allowed origin, or a pattern of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OriginPattern(Pattern);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Every,
    Exact(String),
    /// `scheme://`, and the rest from the dot on.
    Subdomains(String, String),
}

/// The text is no origin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no origin: write '*', 'https://host[:port]' or 'https://*.host[:port]' without a path")]
pub struct OriginError(String);

impl OriginPattern {
    /// Allows every page.
    pub fn every() -> Self {
        Self(Pattern::Every)
    }

    /// Whether pages of this origin are meant.
    pub fn allows(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        match &self.0 {
            Pattern::Every => true,
            Pattern::Exact(exact) => *exact == origin,
            Pattern::Subdomains(scheme, tail) => origin
                .strip_prefix(scheme.as_str())
                .and_then(|host| host.strip_suffix(tail.as_str()))
                .is_some_and(|label| !label.is_empty() && !label.contains(['/', ':', '@'])),
        }
    }

    /// Whether every origin is allowed, and none, too.
    pub fn is_every(&self) -> bool {
        self.0 == Pattern::Every
    }
}

impl FromStr for OriginPattern {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text == "*" {
            return Ok(Self::every());
        }
        let lower = text.to_ascii_lowercase();
        let (scheme, host) = lower.split_once("://").ok_or_else(|| OriginError(text.into()))?;
        let subdomains = host.strip_prefix('*');
        let named = subdomains.unwrap_or(host);
        let well_formed = !scheme.is_empty()
            && !named.is_empty()
            && !named.contains(['/', '*', '?', '#', '@', ' '])
            && subdomains.is_none_or(|tail| tail.starts_with('.') && tail.len() > 1);
        match (well_formed, subdomains) {
            (false, _) => Err(OriginError(text.into())),
            (true, Some(tail)) => Ok(Self(Pattern::Subdomains(format!("{scheme}://"), tail.into()))),
            (true, None) => Ok(Self(Pattern::Exact(lower))),
        }
    }
}

impl TryFrom<String> for OriginPattern {
    type Error = OriginError;
    fn try_from(text: String) -> Result<Self, OriginError> {
        text.parse()
    }
}

impl From<OriginPattern> for String {
    fn from(pattern: OriginPattern) -> String {
        match pattern.0 {
            Pattern::Every => "*".into(),
            Pattern::Exact(exact) => exact,
            Pattern::Subdomains(scheme, tail) => format!("{scheme}*{tail}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, origin: &str, allowed: bool) {
        let parsed: OriginPattern = pattern.parse().unwrap();
        assert_eq!(parsed.allows(origin), allowed, "{pattern} and {origin}");
        assert_eq!(String::from(parsed), pattern);
    }

    #[test]
    fn origins_match_as_a_whole() {
        check("*", "https://any.example", true);
        check("https://shop.example", "https://shop.example", true);
        check("https://shop.example", "https://SHOP.example", true);
        check("https://shop.example", "http://shop.example", false);
        check("https://shop.example", "https://shop.example:8443", false);
        check("https://shop.example", "https://shop.example.evil.example", false);
        check("https://*.shop.example", "https://a.b.shop.example", true);
        check("https://*.shop.example", "https://shop.example", false);
        check("https://*.shop.example", "https://evilshop.example", false);
        check(
            "https://*.shop.example",
            "https://evil.example/x.shop.example",
            false,
        );
        check("http://localhost:5173", "http://localhost:5173", true);
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in [
            "",
            "shop.example",
            "https://",
            "https://a/b",
            "https://*",
            "https://*shop.example",
            "https://a.*.b",
        ] {
            assert!(bad.parse::<OriginPattern>().is_err(), "{bad}");
        }
    }
}
