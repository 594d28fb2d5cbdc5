//! What the shop's forms send: JSON by `fetch`, so that the recorder adds to each which visit it is. An answer says where
//! to go on, or why not, in the visitor's language.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use serde::Deserialize;
use serde_json::json;

use crate::cart::Cart;
use crate::order::{Portion, Refused};
use crate::visitor::{Visitor, keep_cart, keep_language, keep_who};
use crate::words::{self, Language};
use crate::{Counter, catalogue, people};

/// Most characters of a refund's reason.
const REASON_CHARS: usize = 200;
/// Most fields that an account's form has.
const MOST_FIELDS: usize = 8;

#[derive(Deserialize)]
pub(super) struct PutIn {
    product: String,
    quantity: u32,
    /// Added to what is there, instead of set.
    #[serde(default)]
    add: bool,
}

pub(super) async fn cart(visitor: Visitor, Json(asked): Json<PutIn>) -> Response {
    let Some(product) = catalogue::find(&asked.product) else {
        return refuse(&visitor, StatusCode::NOT_FOUND, words::NO_SUCH_PRODUCT);
    };
    let mut cart = visitor.cart.clone();
    let there = if asked.add { cart.count(product) } else { 0 };
    cart.set(product, there.saturating_add(asked.quantity));
    (AppendHeaders([(SET_COOKIE, keep_cart(&cart))]), go("/demo/cart")).into_response()
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    language: String,
}

pub(super) async fn language(visitor: Visitor, Json(chosen): Json<Chosen>) -> Response {
    let language = Language::named(&chosen.language).unwrap_or(visitor.language);
    (AppendHeaders([(SET_COOKIE, keep_language(language))]), go("")).into_response()
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    who: String,
}

pub(super) async fn sign_in(
    State(counter): State<Counter>,
    visitor: Visitor,
    Json(asked): Json<SignIn>,
) -> Response {
    let Some(who) = people::find(&asked.who) else {
        return refuse(&visitor, StatusCode::UNAUTHORIZED, words::NOBODY);
    };
    counter.till.signed_in(who);
    let next = if who.is_support() { "/demo/desk" } else { "/demo/" };
    (AppendHeaders([(SET_COOKIE, keep_who(Some(who)))]), go(next)).into_response()
}

pub(super) async fn sign_out() -> Response {
    (AppendHeaders([(SET_COOKIE, keep_who(None))]), go("/demo/")).into_response()
}

#[derive(Deserialize)]
pub(super) struct Details {
    /// Names of the fields that the page found in order; never what stands in them.
    fields: Vec<String>,
}

pub(super) async fn account(
    State(counter): State<Counter>,
    visitor: Visitor,
    Json(mut sent): Json<Details>,
) -> Response {
    sent.fields.truncate(MOST_FIELDS);
    counter.till.checked(visitor.who, &sent.fields);
    say(&visitor, words::CHECKED)
}

pub(super) async fn open(State(counter): State<Counter>, visitor: Visitor) -> Response {
    match counter.till.open(visitor.who, &visitor.cart).await {
        Ok(order) => go(&format!("/demo/checkout/{}", order.id)).into_response(),
        Err(refused) => refuse_step(&visitor, refused),
    }
}

#[derive(Deserialize)]
pub(super) struct Payment {
    /// What the payment page made of a card.
    card_token: String,
}

pub(super) async fn pay(
    State(counter): State<Counter>,
    visitor: Visitor,
    Path(id): Path<String>,
    Json(payment): Json<Payment>,
) -> Response {
    match counter.till.pay(visitor.who, &id, &payment.card_token).await {
        // For whoever pays twice, it is paid: nothing more was charged.
        Ok(()) | Err(Refused::AlreadyPaid) => {
            let emptied = AppendHeaders([(SET_COOKIE, keep_cart(&Cart::default()))]);
            (emptied, go(&format!("/demo/orders/{id}"))).into_response()
        }
        Err(refused) => refuse_step(&visitor, refused),
    }
}

#[derive(Deserialize)]
pub(super) struct Refund {
    /// None: the whole order.
    line: Option<usize>,
    #[serde(default)]
    reason: String,
}

pub(super) async fn refund(
    State(counter): State<Counter>,
    visitor: Visitor,
    Path(id): Path<String>,
    Json(asked): Json<Refund>,
) -> Response {
    let portion = asked.line.map_or(Portion::Whole, Portion::Line);
    let reason: String = asked.reason.chars().take(REASON_CHARS).collect();
    match counter.till.refund(visitor.who, &id, portion, &reason).await {
        Ok(_) => go(&format!("/demo/desk/{id}")).into_response(),
        Err(refused) => refuse_step(&visitor, refused),
    }
}

/// Where the page goes on; nowhere: it is shown anew.
fn go(to: &str) -> Json<serde_json::Value> {
    Json(json!({ "to": to }))
}

fn say(visitor: &Visitor, text: words::Text) -> Response {
    Json(json!({ "said": visitor.language.say(text) })).into_response()
}

fn refuse(visitor: &Visitor, status: StatusCode, text: words::Text) -> Response {
    (status, Json(json!({ "problem": visitor.language.say(text) }))).into_response()
}

fn refuse_step(visitor: &Visitor, refused: Refused) -> Response {
    let (status, text) = match refused {
        Refused::UnknownOrder => (StatusCode::NOT_FOUND, words::NO_SUCH_ORDER),
        Refused::EmptyCart => (StatusCode::CONFLICT, words::CART_EMPTY),
        Refused::AlreadyPaid => (StatusCode::CONFLICT, words::ALREADY_PAID),
        Refused::Declined => (StatusCode::PAYMENT_REQUIRED, words::DECLINED),
        Refused::NotPaid => (StatusCode::CONFLICT, words::NOT_PAID),
        Refused::NothingLeft => (StatusCode::CONFLICT, words::NOTHING_LEFT),
        Refused::NotSupport => (StatusCode::FORBIDDEN, words::NOT_SUPPORT),
        Refused::NotKept => (StatusCode::SERVICE_UNAVAILABLE, words::NOT_KEPT),
    };
    refuse(visitor, status, text)
}
