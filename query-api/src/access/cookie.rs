//! The console's cookie: the moment it ends, signed (HMAC-SHA-256, RFC 2104) by a key made of the admin token.
//!
//! **Invariants:** no state on the server, so a restart signs nobody out; a new admin token signs everybody out;
//! the token can't be computed from a cookie. HttpOnly, and SameSite=Strict against requests of other sites.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The cookie's name.
const NAME: &str = "hindsight_console";

/// How long one sign-in lasts.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3600);

#[derive(Debug)]
pub(super) struct Signer(Hmac<Sha256>);

impl Signer {
    pub(super) fn new(admin_token: &str) -> Self {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(admin_token.as_bytes()).expect("a key of any length is taken");
        mac.update(b"hindsight console cookie\n");
        Self(mac)
    }

    fn mac(&self, ends_at_s: u64) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(&ends_at_s.to_be_bytes());
        mac
    }

    /// The `Set-Cookie` of a sign-in at this moment.
    pub(super) fn set(&self) -> String {
        let ends_at_s = now_s() + LIFETIME.as_secs();
        let signature = hindsight_schemas::canonical::hex(&self.mac(ends_at_s).finalize().into_bytes());
        format!(
            "{NAME}={ends_at_s}.{signature}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}",
            LIFETIME.as_secs()
        )
    }

    /// The `Set-Cookie` of a sign-out.
    pub(super) fn clear() -> String {
        format!("{NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }

    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let cookies = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
            .any(|value| self.valid(value))
    }

    fn valid(&self, value: &str) -> bool {
        let Some((ends, signature)) = value.split_once('.') else {
            return false;
        };
        let (Ok(ends_at_s), Some(signature)) = (ends.parse::<u64>(), unhex(signature)) else {
            return false;
        };
        ends_at_s > now_s() && self.mac(ends_at_s).verify_slice(&signature).is_ok()
    }
}

fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, value.parse().unwrap())])
    }

    #[test]
    fn a_cookie_is_good_for_its_signer_only() {
        let signer = Signer::new("secret");
        let set = signer.set();
        let pair = set.split(';').next().unwrap();
        assert!(signer.admits(&headers(&format!("other=1; {pair}"))));
        assert!(!Signer::new("another").admits(&headers(pair)));
        assert!(
            !signer.admits(&headers(&pair.replace("=1", "=2"))),
            "the end is signed"
        );
        assert!(!signer.admits(&headers(&format!("{NAME}=nonsense"))));
    }
}
