//! What the shop sells. The pictures are drawn here, so that nothing is fetched from anywhere.

use crate::money::Cents;
use crate::words::Text;

/// Something to buy.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) id: &'static str,
    pub(crate) name: Text,
    pub(crate) about: Text,
    pub(crate) price: Cents,
    /// The inside of an SVG of 120 by 90; its colours come from the style sheet.
    pub(crate) picture: &'static str,
}

const fn product(id: &'static str, name: Text, price: u32, about: Text, picture: &'static str) -> Product {
    Product {
        id,
        name,
        about,
        price: Cents(price),
        picture,
    }
}

pub(crate) static PRODUCTS: [Product; 8] = [
    product(
        "mug",
        Text::new("Stoneware mug", "粗陶马克杯"),
        4_800,
        Text::new(
            "Thrown by hand, holds 320 ml, may go into the dishwasher.",
            "手工拉坯，容量 320 毫升，可用洗碗机清洗。",
        ),
        r#"<path class="a" d="M34 26h42v34a12 12 0 0 1-12 12H46a12 12 0 0 1-12-12z"/><path class="line" d="M76 34h6a9 9 0 0 1 0 20h-6"/><path class="b" d="M34 26h42v9H34z"/>"#,
    ),
    product(
        "kettle",
        Text::new("Gooseneck kettle", "细嘴手冲壶"),
        26_900,
        Text::new(
            "Pours as slowly as you like. Steel, one litre.",
            "出水细缓可控，不锈钢，容量 1 升。",
        ),
        r#"<path class="a" d="M40 34h38l8 38H32z"/><path class="line" d="M34 62C18 58 26 34 16 30"/><path class="line" d="M78 40c18-4 18 22 6 24"/><path class="b" d="M52 24h14v10H52z"/>"#,
    ),
    product(
        "beans",
        Text::new("Yunnan coffee, 250 g", "云南咖啡豆 250 克"),
        6_800,
        Text::new(
            "From Baoshan, washed, roasted on Tuesdays. Plum and brown sugar.",
            "保山产区，水洗处理，每周二烘焙。李子与红糖风味。",
        ),
        r#"<path class="a" d="M38 18h44l4 56H34z"/><path class="b" d="M38 18h44l-3 10H41z"/><ellipse class="c" cx="60" cy="52" rx="11" ry="15"/><path class="line" d="M60 38c-6 9 6 18 0 28"/>"#,
    ),
    product(
        "tea",
        Text::new("Longjing tea, 100 g", "西湖龙井 100 克"),
        12_800,
        Text::new(
            "Picked before the rains of April. Steep at 80 degrees.",
            "明前采摘，建议 80 度水温冲泡。",
        ),
        r#"<rect class="a" x="36" y="28" width="48" height="46" rx="4"/><rect class="b" x="40" y="18" width="40" height="12" rx="3"/><path class="c" d="M48 58c0-16 14-18 24-18 0 14-8 22-24 18z"/>"#,
    ),
    product(
        "lamp",
        Text::new("Reading lamp", "阅读灯"),
        19_900,
        Text::new(
            "Warm light, three steps, an arm that stays where it is put.",
            "暖光，三档亮度，灯臂可任意定位。",
        ),
        r#"<path class="line" d="M60 72V46L40 30"/><path class="a" d="M24 34l20-18 12 16-18 14z"/><rect class="b" x="44" y="70" width="32" height="6" rx="3"/>"#,
    ),
    product(
        "stool",
        Text::new("Ash stool", "白蜡木凳"),
        34_500,
        Text::new(
            "Three legs, so it never wobbles. Oiled, 45 cm high.",
            "三条腿，放哪儿都稳。木蜡油涂装，高 45 厘米。",
        ),
        r#"<ellipse class="a" cx="60" cy="30" rx="32" ry="9"/><path class="line" d="M40 36l-10 38M80 36l10 38M60 39v36"/>"#,
    ),
    product(
        "notebook",
        Text::new("Squared notebook", "方格笔记本"),
        3_600,
        Text::new(
            "160 pages that lie flat. Takes ink well.",
            "160 页，可完全平摊，适合钢笔书写。",
        ),
        r#"<rect class="a" x="36" y="16" width="48" height="60" rx="4"/><path class="b" d="M36 20a4 4 0 0 1 4-4h6v60h-6a4 4 0 0 1-4-4z"/><path class="line" d="M54 32h22M54 42h22M54 52h14"/>"#,
    ),
    product(
        "umbrella",
        Text::new("Folding umbrella", "折叠伞"),
        8_900,
        Text::new(
            "Opens at a press, withstands a gale, fits a bag.",
            "一键开合，抗强风，可放入随身包。",
        ),
        r#"<path class="a" d="M22 46a38 32 0 0 1 76 0c-8-6-16-6-25 0-8-6-17-6-26 0-9-6-17-6-25 0z"/><path class="line" d="M60 44v24a6 6 0 0 1-12 0"/>"#,
    ),
];

/// The product of an id.
pub(crate) fn find(id: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}
