//! What the visitor is about to buy.

use maud::{Markup, html};

use super::{Frame, parts};
use crate::cart::MOST_OF_ONE;
use crate::words;

pub(crate) fn page(frame: &Frame<'_>) -> Markup {
    let title = frame.say(words::CART);
    let cart = &frame.visitor.cart;
    frame.page(
        title,
        &html! {
            h1 { (title) }
            @if cart.pieces() == 0 {
                p { (frame.say(words::CART_EMPTY)) }
                p { a href="/demo/" { (frame.say(words::BACK_TO_SHOP)) } }
            } @else {
                ul.lines.card {
                    @for (product, count) in cart.lines() {
                        @let name = frame.say(product.name);
                        li {
                            a.name href={ "/demo/products/" (product.id) } { (name) }
                            (change(frame, product.id, name, count))
                            span.money { (product.price.times(count)) }
                        }
                    }
                    li.total { span.name { (frame.say(words::TOTAL)) } span.money #total { (cart.total()) } }
                }
                form.row data-send="/demo/calls/orders" {
                    button #check-out { (frame.say(words::TO_CHECKOUT)) }
                    (parts::verdict())
                }
            }
        },
    )
}

fn change(frame: &Frame<'_>, id: &str, name: &str, count: u32) -> Markup {
    html! {
        form.inline data-send="/demo/calls/cart" {
            input type="hidden" name="product" value=(id);
            input type="number" name="quantity" value=(count) min="0" max=(MOST_OF_ONE) required data-as="number"
                aria-label={ (frame.say(words::QUANTITY)) ": " (name) };
            button.plain { (frame.say(words::CHANGE)) }
        }
    }
}
