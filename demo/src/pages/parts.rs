//! What several pages draw.

use maud::{Markup, PreEscaped, html};

use super::Frame;
use crate::catalogue::Product;
use crate::order::{Order, State};
use crate::words::{self, Text};

/// A product's picture.
pub(super) fn picture(product: &Product) -> Markup {
    html! {
        svg.picture viewBox="0 0 120 90" aria-hidden="true" { (PreEscaped(product.picture)) }
    }
}

/// How far an order is.
pub(super) fn state(frame: &Frame<'_>, order: &Order) -> Markup {
    let (class, text): (&str, Text) = match order.state {
        State::Created => ("waiting", words::NOT_PAID_YET),
        State::Paid => ("good", words::CHARGED),
        State::PartlyRefunded => ("part", words::PARTLY_REFUNDED),
        State::Refunded => ("part", words::REFUNDED),
    };
    html! { span.tag.(class) { (frame.say(text)) } }
}

/// An order's lines; `more` is drawn behind each.
pub(super) fn lines(frame: &Frame<'_>, order: &Order, more: impl Fn(usize) -> Option<Markup>) -> Markup {
    html! {
        ul.lines {
            @for (at, line) in order.lines.iter().enumerate() {
                li {
                    span.name { (frame.say(line.name())) " × " (line.quantity) }
                    @if line.refunded { span.tag.part { (frame.say(words::REFUNDED)) } }
                    span.money { (line.total()) }
                    @if let Some(more) = more(at) { (more) }
                }
            }
            li.total { span.name { (frame.say(words::TOTAL)) } span.money { (order.total()) } }
        }
    }
}

/// What was charged and given back.
pub(super) fn sums(frame: &Frame<'_>, order: &Order) -> Markup {
    html! {
        dl.sums {
            dt { (frame.say(words::CHARGED)) } dd #charged { (order.charged) }
            dt { (frame.say(words::GIVEN_BACK)) } dd #given-back { (order.refunded) }
        }
    }
}

/// Where a form says what came of it.
pub(super) fn verdict() -> Markup {
    html! { p.verdict role="alert" {} }
}
