//! All products.

use maud::{Markup, html};

use super::{Frame, parts};
use crate::catalogue::PRODUCTS;
use crate::words;

pub(crate) fn page(frame: &Frame<'_>) -> Markup {
    frame.page(
        frame.say(words::MOTTO),
        &html! {
            h1 { (frame.say(words::MOTTO)) }
            ul.shelf {
                @for product in &PRODUCTS {
                    li.card {
                        a href={ "/demo/products/" (product.id) } {
                            (parts::picture(product))
                            span.name { (frame.say(product.name)) }
                        }
                        span.money { (product.price) }
                    }
                }
            }
        },
    )
}
