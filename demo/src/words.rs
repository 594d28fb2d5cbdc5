//! What the shop says, in both languages.

/// A text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    en: &'static str,
    zh: &'static str,
}

impl Text {
    pub(crate) const fn new(en: &'static str, zh: &'static str) -> Self {
        Self { en, zh }
    }
}

/// The language of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    En,
    Zh,
}

impl Language {
    pub(crate) fn named(tag: &str) -> Option<Self> {
        match tag {
            "en" => Some(Self::En),
            "zh" => Some(Self::Zh),
            _ => None,
        }
    }

    /// The first of an `Accept-Language` that the shop speaks.
    pub(crate) fn preferred(accepted: &str) -> Self {
        let tags = accepted.split(',').filter_map(|tag| tag.trim().get(..2));
        tags.filter_map(|tag| Self::named(&tag.to_ascii_lowercase()))
            .next()
            .unwrap_or(Self::En)
    }

    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    pub(crate) fn say(self, text: Text) -> &'static str {
        match self {
            Self::En => text.en,
            Self::Zh => text.zh,
        }
    }
}

macro_rules! texts {
    ($($name:ident $en:literal $zh:literal;)+) => {
        $(pub(crate) const $name: Text = Text::new($en, $zh);)+
    };
}

texts! {
    SHOP "Corner Shop" "街角小店";
    MOTTO "Few things, made well." "少而精的好物。";
    SKIP "Skip to content" "跳到正文";
    MENU "Shop" "店铺";
    CART "Cart" "购物车";
    ACCOUNT "Account" "账户";
    DESK "Support desk" "客服台";
    SIGN_IN "Sign in" "登录";
    SIGN_OUT "Sign out" "退出";
    SIGN_IN_AS "Sign in as" "登录身份";
    SUPPORT_ROLE "support desk" "客服";
    CUSTOMER_ROLE "customer" "顾客";
    RECORDED "This is the demo of Hindsight: your visit is recorded. What you type about yourself stays in your browser."
        "这是 Hindsight 的演示店铺：您的访问会被录制，您填写的个人信息不会离开浏览器。";
    QUANTITY "Quantity" "数量";
    ADD "Add to cart" "加入购物车";
    CHANGE "Change" "修改";
    TOTAL "Total" "合计";
    TO_CHECKOUT "Check out" "去结算";
    CART_EMPTY "Your cart is empty." "购物车是空的。";
    BACK_TO_SHOP "Back to the shop" "返回店铺";
    CHECKOUT "Checkout" "结算";
    ORDER "Order" "订单";
    PAYMENT "Payment" "支付";
    PAYMENT_FRAME "Card form of the payment service" "支付服务的银行卡表单";
    TERMS "I agree to the terms of sale." "我同意销售条款。";
    TERMS_TEXT "Goods may be returned within 30 days. The demo charges nobody." "商品可在 30 天内退货。演示店铺不会真正扣款。";
    PAY "Pay" "支付";
    CARD "Card number" "银行卡号";
    EXPIRY "Expires (MM/YY)" "有效期（月/年）";
    CODE "Security code" "安全码";
    CARD_HINT "Try 4242 4242 4242 4242; 4000 0000 0000 0002 is declined." "可用 4242 4242 4242 4242；4000 0000 0000 0002 会被拒绝。";
    CARD_WRONG "The card's details are not complete." "银行卡信息不完整。";
    PAID "Paid. Thank you!" "支付成功，谢谢！";
    REFUNDED "Refunded" "已退款";
    PARTLY_REFUNDED "Partly refunded" "部分退款";
    NOT_PAID_YET "Waiting for payment" "等待支付";
    CHARGED "Charged" "已支付";
    GIVEN_BACK "Given back" "已退回";
    ACCOUNT_LEAD "Prove who you are to collect points. The fields are checked in this page and never sent." "完成实名认证即可积分。所有信息仅在本页校验，不会发送。";
    PHONE "Phone" "手机号";
    ID_NUMBER "Identity number" "身份证号";
    PASSWORD "New password" "新密码";
    CHECK "Check" "校验";
    CHECKED "Checked: thank you." "校验通过，谢谢。";
    DESK_LEAD "The newest orders." "最新订单。";
    NO_ORDERS "No orders yet." "暂无订单。";
    REASON "Reason" "原因";
    REASON_HINT "arrived damaged" "收到时已损坏";
    REFUND_LINE "Refund this line" "退此行";
    REFUND_ALL "Refund the whole order" "整单退款";
    CUSTOMER "Customer" "顾客";
    NO_SUCH_PRODUCT "There is no such product." "没有这件商品。";
    NO_SUCH_ORDER "There is no such order." "没有这个订单。";
    NOBODY "Nobody has this name." "没有这个用户。";
    ALREADY_PAID "It was paid already; nothing more was charged." "订单已支付，未重复扣款。";
    DECLINED "The bank declined the card. Nothing was charged." "银行拒绝了此卡，未扣款。";
    NOT_PAID "The order isn't paid." "订单尚未支付。";
    NOTHING_LEFT "There is nothing left to refund." "没有可退的款项。";
    NOT_SUPPORT "Only the support desk may refund: sign in as 赵敏." "只有客服可以退款：请以赵敏的身份登录。";
    NOT_KEPT "The shop can't keep a record now, so nothing was done. Try again." "暂时无法留存记录，操作未执行，请重试。";
    MISSING "There is nothing here." "页面不存在。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_the_shop_speaks_is_taken() {
        for (accepted, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("de-DE, en;q=0.7, zh;q=0.5", Language::En),
            ("fr", Language::En),
            ("", Language::En),
            ("中", Language::En),
        ] {
            assert_eq!(Language::preferred(accepted), expected, "{accepted}");
        }
    }
}
