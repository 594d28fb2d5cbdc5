//! Pages, as HTML: everything that is shown is escaped by the templates. A page tells the recorder who is there and which
//! order it is about by attributes of its body, which `assets/shop.js` reads.

pub(crate) mod account;
pub(crate) mod cart;
pub(crate) mod checkout;
pub(crate) mod desk;
pub(crate) mod list;
pub(crate) mod order;
mod parts;
pub(crate) mod payment;
pub(crate) mod product;

use maud::{DOCTYPE, Markup, html};

use crate::people::{PEOPLE, Person};
use crate::visitor::Visitor;
use crate::words::{self, Language, Text};

/// What surrounds a page.
pub(crate) struct Frame<'a> {
    browser_key: &'a str,
    pub(crate) visitor: &'a Visitor,
    order: Option<&'a str>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(browser_key: &'a str, visitor: &'a Visitor) -> Self {
        Self {
            browser_key,
            visitor,
            order: None,
        }
    }

    /// The same, of a page about an order.
    pub(crate) fn about_order(self, order: &'a str) -> Self {
        Self {
            order: Some(order),
            ..self
        }
    }

    pub(crate) fn language(&self) -> Language {
        self.visitor.language
    }

    pub(crate) fn say(&self, text: Text) -> &'static str {
        self.language().say(text)
    }

    /// A whole page.
    fn page(&self, title: &str, content: &Markup) -> Markup {
        let who = self.visitor.who;
        let signed_in = !who.is_guest();
        html! {
            (DOCTYPE)
            html lang=(self.language().tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) " · " (self.say(words::SHOP)) }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href="/demo/shop.css";
                    script src={ "/sdk.js?id=" (self.browser_key) "&source=corner-shop" } data-release=(env!("CARGO_PKG_VERSION")) {}
                    script src="/demo/shop.js" defer {}
                }
                body data-user=[signed_in.then_some(who.id)] data-user-name=[signed_in.then_some(who.name)]
                    data-order=[self.order] {
                    a.skip href="#content" { (self.say(words::SKIP)) }
                    (self.header())
                    main #content tabindex="-1" { (content) }
                    footer { p { (self.say(words::RECORDED)) } }
                }
            }
        }
    }

    fn header(&self) -> Markup {
        let who = self.visitor.who;
        html! {
            header {
                a.brand href="/demo/" { span.dot aria-hidden="true" {} (self.say(words::SHOP)) }
                nav aria-label=(self.say(words::MENU)) {
                    a href="/demo/account" { (self.say(words::ACCOUNT)) }
                    @if who.is_support() { a href="/demo/desk" { (self.say(words::DESK)) } }
                    a href="/demo/cart" { (self.say(words::CART)) " " span.count #cart-count { (self.visitor.cart.pieces()) } }
                }
                (self.person())
                form.inline data-send="/demo/calls/language" {
                    @let (tag, name) = if self.language() == Language::Zh { ("en", "English") } else { ("zh", "中文") };
                    input type="hidden" name="language" value=(tag);
                    button.plain lang=(tag) { (name) }
                }
            }
        }
    }

    fn person(&self) -> Markup {
        let who = self.visitor.who;
        if !who.is_guest() {
            return html! {
                form.inline data-send="/demo/calls/sign-out" data-ends="signed_out" {
                    span.who { (who.name) }
                    button.plain { (self.say(words::SIGN_OUT)) }
                }
            };
        }
        html! {
            form.inline data-send="/demo/calls/sign-in" {
                select name="who" aria-label=(self.say(words::SIGN_IN_AS)) {
                    @for person in &PEOPLE { option value=(person.id) { (person.name) " · " (self.say(role(person))) } }
                }
                button.plain { (self.say(words::SIGN_IN)) }
            }
        }
    }
}

fn role(person: &Person) -> Text {
    if person.is_support() {
        words::SUPPORT_ROLE
    } else {
        words::CUSTOMER_ROLE
    }
}

/// Nothing is here.
pub(crate) fn missing(frame: &Frame<'_>) -> Markup {
    let title = frame.say(words::MISSING);
    frame.page(
        title,
        &html! {
            h1 { (title) }
            p { a href="/demo/" { (frame.say(words::BACK_TO_SHOP)) } }
        },
    )
}
