//! The support desk: the newest orders, and one of them with what can be given back.

use maud::{Markup, html};

use super::{Frame, parts};
use crate::order::{Order, State};
use crate::words;

pub(crate) fn list(frame: &Frame<'_>, orders: &[Order]) -> Markup {
    let title = frame.say(words::DESK);
    frame.page(
        title,
        &html! {
            h1 { (title) }
            @if orders.is_empty() { p { (frame.say(words::NO_ORDERS)) } } @else {
                p { (frame.say(words::DESK_LEAD)) }
                ul.lines.card {
                    @for order in orders {
                        li {
                            a.name href={ "/demo/desk/" (order.id) } { (order.id) }
                            span { (order.customer) }
                            (parts::state(frame, order))
                            span.money { (order.total()) }
                        }
                    }
                }
            }
        },
    )
}

pub(crate) fn order(frame: &Frame<'_>, order: &Order) -> Markup {
    let title = format!("{} {}", frame.say(words::ORDER), order.id);
    let is_open = matches!(order.state, State::Paid | State::PartlyRefunded);
    let line_refund =
        |at: usize| (is_open && !order.lines[at].refunded).then(|| refund(frame, order, Some(at)));
    frame.page(&title, &html! {
        h1 { (title) }
        p { (frame.say(words::CUSTOMER)) " " strong { (order.customer) } " " (parts::state(frame, order)) }
        div.card {
            (parts::lines(frame, order, line_refund))
            (parts::sums(frame, order))
        }
        @if is_open { (refund(frame, order, None)) }
        p { a href="/demo/desk" { (frame.say(words::DESK)) } }
    })
}

/// The form that gives a line or the whole back.
fn refund(frame: &Frame<'_>, order: &Order, line: Option<usize>) -> Markup {
    let field = line.map_or("reason".to_owned(), |at| format!("reason-{at}"));
    let button = if line.is_some() {
        words::REFUND_LINE
    } else {
        words::REFUND_ALL
    };
    html! {
        form.row.refund data-send={ "/demo/calls/orders/" (order.id) "/refund" } {
            @if let Some(at) = line { input type="hidden" name="line" value=(at) data-as="number"; }
            label for=(field) { (frame.say(words::REASON)) }
            input #(field) name="reason" maxlength="200" placeholder=(frame.say(words::REASON_HINT));
            button { (frame.say(button)) }
            (parts::verdict())
        }
    }
}
