//! Buying, paying twice, giving back; in both languages.

use serde_json::json;

use crate::visitor::{Visitor, shop};

/// Puts a mug and two teas into the cart and opens an order of them.
async fn order(visitor: &mut Visitor) -> String {
    for (product, quantity) in [("mug", 1), ("tea", 2)] {
        let asked = json!({"product": product, "quantity": quantity, "add": true});
        assert_eq!(visitor.send("/demo/calls/cart", asked).await.0, 200);
    }
    let (status, answer) = visitor.send("/demo/calls/orders", json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let path = answer["to"].as_str().unwrap();
    path.strip_prefix("/demo/checkout/").unwrap().to_owned()
}

#[tokio::test]
async fn a_double_pay_is_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let mut visitor = Visitor::of(&shop, "en");
    let order = order(&mut visitor).await;
    let pay = format!("/demo/calls/orders/{order}/pay");

    let (status, answer) = visitor.send(&pay, json!({"card_token": "tok_declined"})).await;
    assert_eq!(status, 402, "{answer}");
    assert!(answer["problem"].as_str().unwrap().contains("declined"));
    assert!(
        visitor
            .open(&format!("/demo/checkout/{order}"))
            .await
            .1
            .contains("Waiting for payment")
    );

    for _ in 0..2 {
        let (status, answer) = visitor.send(&pay, json!({"card_token": "tok_1"})).await;
        assert_eq!(
            (status, &answer["to"]),
            (200, &json!(format!("/demo/orders/{order}")))
        );
    }
    let (_, page) = visitor.open(&format!("/demo/orders/{order}")).await;
    assert!(page.contains("id=\"charged\">¥304.00<"), "{page}");
    assert!(visitor.open("/demo/cart").await.1.contains("Your cart is empty."));
    shop.close().await;
}

#[tokio::test]
async fn only_support_gives_back_a_line_or_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let mut visitor = Visitor::of(&shop, "zh-CN,zh;q=0.9");
    let order = order(&mut visitor).await;
    let refund = format!("/demo/calls/orders/{order}/refund");
    visitor
        .send(
            &format!("/demo/calls/orders/{order}/pay"),
            json!({"card_token": "tok_1"}),
        )
        .await;
    let (status, answer) = visitor.send(&refund, json!({"line": 0})).await;
    assert_eq!(status, 403);
    assert!(answer["problem"].as_str().unwrap().contains("客服"), "{answer}");

    let (_, answer) = visitor.send("/demo/calls/sign-in", json!({"who": "s-301"})).await;
    assert_eq!(answer["to"], "/demo/desk");
    assert_eq!(
        visitor
            .send(&refund, json!({"line": 1, "reason": "damaged"}))
            .await
            .0,
        200
    );
    assert_eq!(visitor.send(&refund, json!({"line": 1})).await.0, 409);
    let (_, page) = visitor.open(&format!("/demo/desk/{order}")).await;
    assert!(
        page.contains("id=\"given-back\">¥256.00<") && page.contains("部分退款"),
        "{page}"
    );
    assert_eq!(visitor.send(&refund, json!({})).await.0, 200);
    let (_, page) = visitor.open(&format!("/demo/desk/{order}")).await;
    assert!(page.contains("id=\"given-back\">¥304.00<"), "{page}");
    shop.close().await;
}

#[tokio::test]
async fn nothing_is_sold_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let mut visitor = Visitor::of(&shop, "en");
    let order = order(&mut visitor).await;
    shop.close().await;
    let (status, answer) = visitor
        .send(
            &format!("/demo/calls/orders/{order}/pay"),
            json!({"card_token": "tok_1"}),
        )
        .await;
    assert_eq!(status, 503, "{answer}");
    assert!(
        visitor
            .open(&format!("/demo/checkout/{order}"))
            .await
            .1
            .contains("Waiting for payment")
    );
}

#[tokio::test]
async fn each_page_is_there_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let pages = ["", "products/kettle", "cart", "account", "desk", "payment"];
    for (language, lang) in [("en", "<html lang=\"en\""), ("zh", "<html lang=\"zh\"")] {
        let mut visitor = Visitor::of(&shop, language);
        for page in pages {
            let (status, text) = visitor.open(&format!("/demo/{page}")).await;
            assert_eq!(status, 200, "{page}");
            assert!(text.contains(lang), "{page} {language}");
        }
        for nothing in [
            "nothing",
            "products/yacht",
            "orders/O-1",
            "checkout/%3Cb%3E",
            "desk/O-1",
        ] {
            let (status, text) = visitor.open(&format!("/demo/{nothing}")).await;
            assert_eq!(status, 404, "{nothing}");
            assert!(!text.contains("<b>"), "{nothing}");
        }
        let chosen = if language == "en" { "zh" } else { "en" };
        visitor
            .send("/demo/calls/language", json!({"language": chosen}))
            .await;
        assert!(!visitor.open("/demo/").await.1.contains(lang), "{language}");
    }
    shop.close().await;
}
