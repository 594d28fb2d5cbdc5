//! Pages.

use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use maud::Markup;

use crate::order::{Order, State as Step};
use crate::pages::{self, Frame};
use crate::visitor::Visitor;
use crate::{Counter, catalogue};

/// Only what the server itself serves, and nothing inline: the pages share an origin with the console.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";
/// Orders on the support desk's list.
const LISTED: usize = 50;

pub(super) async fn list(State(counter): State<Counter>, visitor: Visitor) -> Response {
    page(pages::list::page(&Frame::new(&counter.browser_key, &visitor)))
}

pub(super) async fn product(
    State(counter): State<Counter>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    match catalogue::find(&id) {
        Some(product) => page(pages::product::page(
            &Frame::new(&counter.browser_key, &visitor),
            product,
        )),
        None => missing(&counter, &visitor),
    }
}

pub(super) async fn cart(State(counter): State<Counter>, visitor: Visitor) -> Response {
    page(pages::cart::page(&Frame::new(&counter.browser_key, &visitor)))
}

pub(super) async fn checkout(
    State(counter): State<Counter>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    with_order(&counter, &visitor, &id, |frame, order| match order.state {
        Step::Created => pages::checkout::page(frame, order),
        _ => pages::order::page(frame, order),
    })
}

pub(super) async fn order(
    State(counter): State<Counter>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    with_order(&counter, &visitor, &id, pages::order::page)
}

pub(super) async fn account(State(counter): State<Counter>, visitor: Visitor) -> Response {
    page(pages::account::page(&Frame::new(&counter.browser_key, &visitor)))
}

pub(super) async fn desk(State(counter): State<Counter>, visitor: Visitor) -> Response {
    let orders = counter.till.orders().newest(LISTED);
    page(pages::desk::list(
        &Frame::new(&counter.browser_key, &visitor),
        &orders,
    ))
}

pub(super) async fn desk_order(
    State(counter): State<Counter>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    with_order(&counter, &visitor, &id, pages::desk::order)
}

pub(super) async fn payment(visitor: Visitor) -> Response {
    page(pages::payment::page(visitor.language))
}

pub(super) async fn nothing(State(counter): State<Counter>, visitor: Visitor) -> Response {
    missing(&counter, &visitor)
}

fn with_order(
    counter: &Counter,
    visitor: &Visitor,
    id: &str,
    show: impl FnOnce(&Frame<'_>, &Order) -> Markup,
) -> Response {
    let frame = Frame::new(&counter.browser_key, visitor);
    match counter.till.orders().get(id) {
        Some(order) => page(show(&frame.about_order(id), &order)),
        None => missing(counter, visitor),
    }
}

fn missing(counter: &Counter, visitor: &Visitor) -> Response {
    let shown = page(pages::missing(&Frame::new(&counter.browser_key, visitor)));
    (StatusCode::NOT_FOUND, shown).into_response()
}

fn page(markup: Markup) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(markup.into_string())).into_response()
}
