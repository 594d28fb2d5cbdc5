//! An order after it was paid, as its customer sees it.

use maud::{Markup, html};

use super::{Frame, parts};
use crate::order::{Order, State};
use crate::words;

pub(crate) fn page(frame: &Frame<'_>, order: &Order) -> Markup {
    let title = format!("{} {}", frame.say(words::ORDER), order.id);
    frame.page(
        &title,
        &html! {
            h1 { (title) }
            p { (parts::state(frame, order)) }
            @if order.state == State::Paid { p.thanks { (frame.say(words::PAID)) } }
            div.card {
                (parts::lines(frame, order, |_| None))
                (parts::sums(frame, order))
            }
            @if order.state == State::Created {
                p { a href={ "/demo/checkout/" (order.id) } { (frame.say(words::CHECKOUT)) } }
            }
            p { a href="/demo/" { (frame.say(words::BACK_TO_SHOP)) } }
        },
    )
}
