//! Style and scripts, built into the binary.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

type File = ([(http::HeaderName, &'static str); 3], &'static str);

pub(super) async fn style() -> File {
    file("text/css; charset=utf-8", include_str!("../../assets/shop.css"))
}

pub(super) async fn script() -> File {
    file(
        "text/javascript; charset=utf-8",
        include_str!("../../assets/shop.js"),
    )
}

pub(super) async fn payment_script() -> File {
    file(
        "text/javascript; charset=utf-8",
        include_str!("../../assets/pay.js"),
    )
}

fn file(kind: &'static str, text: &'static str) -> File {
    let headers = [
        (CONTENT_TYPE, kind),
        // Asked for anew each time: they change with the binary, their addresses don't.
        (CACHE_CONTROL, "no-cache"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text)
}
