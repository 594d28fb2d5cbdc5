//! One product.

use maud::{Markup, html};

use super::{Frame, parts};
use crate::cart::MOST_OF_ONE;
use crate::catalogue::Product;
use crate::words;

pub(crate) fn page(frame: &Frame<'_>, product: &Product) -> Markup {
    frame.page(frame.say(product.name), &html! {
        article.card.product {
            (parts::picture(product))
            div {
                h1 { (frame.say(product.name)) }
                p { (frame.say(product.about)) }
                p.money { (product.price) }
                form.row data-send="/demo/calls/cart" data-track="cart.add" {
                    input type="hidden" name="product" value=(product.id);
                    input type="hidden" name="add" value="true" data-as="flag";
                    label for="quantity" { (frame.say(words::QUANTITY)) }
                    input #quantity type="number" name="quantity" value="1" min="1" max=(MOST_OF_ONE) required data-as="number";
                    button { (frame.say(words::ADD)) }
                    (parts::verdict())
                }
            }
        }
    })
}
