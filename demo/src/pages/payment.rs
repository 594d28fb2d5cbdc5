//! The payment service's page in the checkout's frame. It has no recorder of its own: the page around it records it.

use maud::{DOCTYPE, Markup, html};

use crate::words::{self, Language};

pub(crate) fn page(language: Language) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (language.say(words::PAYMENT)) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/demo/shop.css";
                script src="/demo/pay.js" defer {}
            }
            body.bare {
                form.stack #card-form data-wrong=(language.say(words::CARD_WRONG)) {
                    label for="card" { (language.say(words::CARD)) }
                    input #card name="card" inputmode="numeric" autocomplete="cc-number" placeholder="4242 4242 4242 4242";
                    div.row {
                        div { label for="expiry" { (language.say(words::EXPIRY)) }
                            input #expiry name="expiry" inputmode="numeric" autocomplete="cc-exp" placeholder="12/30"; }
                        div { label for="code" { (language.say(words::CODE)) }
                            input #code name="code" inputmode="numeric" autocomplete="cc-csc" placeholder="123"; }
                    }
                    p.soft { (language.say(words::CARD_HINT)) }
                    p.verdict role="alert" {}
                }
            }
        }
    }
}
