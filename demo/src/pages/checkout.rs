//! Paying an order. The card's form is a page of the payment service in a frame, which gives the shop a token; the card
//! itself never reaches the shop.

use maud::{Markup, html};

use super::{Frame, parts};
use crate::order::Order;
use crate::words;

pub(crate) fn page(frame: &Frame<'_>, order: &Order) -> Markup {
    let title = frame.say(words::CHECKOUT);
    frame.page(title, &html! {
        h1 { (title) }
        p { (frame.say(words::ORDER)) " " strong #order-id { (order.id) } " " (parts::state(frame, order)) }
        div.card { (parts::lines(frame, order, |_| None)) }
        form.card.stack #payment data-send={ "/demo/calls/orders/" (order.id) "/pay" } data-card="true" {
            h2 { (frame.say(words::PAYMENT)) }
            iframe src="/demo/payment" title=(frame.say(words::PAYMENT_FRAME)) {}
            label.check {
                input type="checkbox" name="terms" required data-confirms="terms" data-as="left out";
                (frame.say(words::TERMS))
            }
            p.soft #terms { (frame.say(words::TERMS_TEXT)) }
            button #pay { (frame.say(words::PAY)) " " (order.total()) }
            (parts::verdict())
        }
    })
}
