//! The tab that stands for another recorder's window.

use hindsight_schemas::canonical::{hex, sha256};
use hindsight_schemas::ids::Tab;

/// Bytes of the digest that name a window whose own name is no tab.
const NAME_BYTES: usize = 16;

/// The tab of a window: its own name where that is a valid one, else made from it.
pub fn tab_of(window: &str) -> Tab {
    window.parse().unwrap_or_else(|_| {
        let name = hex(&sha256(window.as_bytes())[..NAME_BYTES]);
        name.parse().expect("32 hexadecimal digits are a tab")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_window_gives_a_tab() {
        assert_eq!(tab_of("018f-AB_c").as_str(), "018f-AB_c");
        assert_eq!(tab_of("a window / with spaces").as_str().len(), 32);
        assert_eq!(tab_of("").as_str().len(), 32);
    }
}
