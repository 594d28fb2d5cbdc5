//! The visitor's own details: fields that nobody else may ever see. `assets/shop.js` checks them in the page and sends
//! which of them were in order.

use maud::{Markup, html};

use super::{Frame, parts};
use crate::words;

pub(crate) fn page(frame: &Frame<'_>) -> Markup {
    let title = frame.say(words::ACCOUNT);
    frame.page(title, &html! {
        h1 { (title) }
        p { (frame.say(words::ACCOUNT_LEAD)) }
        form.card.stack #details data-send="/demo/calls/account" data-details="true" {
            label for="phone" { (frame.say(words::PHONE)) }
            input #phone name="phone" type="tel" autocomplete="tel" required pattern="[0-9 +]{8,20}";
            label for="id-number" { (frame.say(words::ID_NUMBER)) }
            input #id-number name="id_number" autocomplete="off" required pattern="[0-9]{17}[0-9Xx]";
            label for="password" { (frame.say(words::PASSWORD)) }
            input #password name="password" type="password" autocomplete="new-password" required minlength="8";
            button { (frame.say(words::CHECK)) }
            (parts::verdict())
        }
    })
}
