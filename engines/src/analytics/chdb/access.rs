//! Who may speak to the façade: one user with one password, compared in constant time.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::request::{Ask, text};

/// The one account.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) password: String,
}

impl Account {
    /// Whether the request names this account: Basic, `X-ClickHouse-User`/`-Key`, or `user=`/`password=`.
    pub(super) fn admits(&self, ask: &Ask, headers: &HeaderMap) -> bool {
        let (user, password) = basic(headers).unwrap_or_else(|| {
            let given =
                |name: &str, field: &Option<String>| text(headers, name).map(String::from).or(field.clone());
            let user = given("x-clickhouse-user", &ask.user).unwrap_or_else(|| "default".into());
            (user, given("x-clickhouse-key", &ask.password).unwrap_or_default())
        });
        let user = user.as_bytes().ct_eq(self.user.as_bytes());
        let password = password.as_bytes().ct_eq(self.password.as_bytes());
        (user & password).into()
    }
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = text(headers, header::AUTHORIZATION.as_str())?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
