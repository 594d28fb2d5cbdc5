//! Who asks, in which language, with what in the cart: read from the request's cookies.
//!
//! Cookies come from anybody: what isn't valid is as if it weren't there.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::{ACCEPT_LANGUAGE, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::cart::Cart;
use crate::people::{self, GUEST, Person};
use crate::words::Language;

const LANGUAGE: &str = "shop_language";
const WHO: &str = "shop_who";
const CART: &str = "shop_cart";
const DAY_S: u32 = 86_400;

/// What is known of a visitor.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) language: Language,
    pub(crate) who: &'static Person,
    pub(crate) cart: Cart,
}

impl Visitor {
    fn of(headers: &HeaderMap) -> Self {
        let language = cookie(headers, LANGUAGE).and_then(Language::named);
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Self {
            language: language.unwrap_or_else(|| Language::preferred(accepted.unwrap_or_default())),
            who: cookie(headers, WHO).and_then(people::find).unwrap_or(&GUEST),
            cart: cookie(headers, CART).map(Cart::read).unwrap_or_default(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The `Set-Cookie` that remembers a cart.
pub(crate) fn keep_cart(cart: &Cart) -> HeaderValue {
    set(CART, &cart.write())
}

/// The `Set-Cookie` that remembers who is signed in; nobody: forgets it.
pub(crate) fn keep_who(who: Option<&Person>) -> HeaderValue {
    set(WHO, who.map_or("", |who| who.id))
}

/// The `Set-Cookie` that remembers a language.
pub(crate) fn keep_language(language: Language) -> HeaderValue {
    set(LANGUAGE, language.tag())
}

fn set(name: &str, value: &str) -> HeaderValue {
    let text = format!("{name}={value}; Path=/demo; HttpOnly; SameSite=Lax; Max-Age={DAY_S}");
    HeaderValue::from_str(&text).expect("ids, numbers and tags are ASCII")
}
