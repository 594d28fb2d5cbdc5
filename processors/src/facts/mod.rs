//! What an analyst asks of a recording: the few meaningful events of a batch as typed facts.
//!
//! **Invariant:** a fact depends on its batch only, never on another record, the clock or a rule, so every cut
//! of the same records gives the same rows and documents. Mouse moves, scrolls, mutations and snapshots make
//! no fact: they stay in the segments.
//!
//! Unknown shapes inside an event make an empty fact or none, never an error: the edge accepted the event.
//! Bound: every text is cut at [`TEXT_BYTES`], properties at [`PROPERTIES_BYTES`].

mod agent;
mod body;
mod custom;
mod event;
mod mended;

pub use agent::{Agent, agent};
pub use body::{Indexed, facts};
pub use event::{Fact, Kind, fact, is_error, may_matter};

/// The longest text kept of one field; the whole is in the segment.
pub const TEXT_BYTES: usize = 2_048;

/// The longest `properties` kept of one event.
pub const PROPERTIES_BYTES: usize = 16_384;

/// The text, cut at a character's boundary.
pub(crate) fn bounded(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The path of a URL, without query and fragment.
pub fn path_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(url, |at| &url[at + 3..]);
    let path = if after_scheme.len() == url.len() {
        url
    } else {
        after_scheme
            .find(['/', '?', '#'])
            .map_or("/", |at| &after_scheme[at..])
    };
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    if path.is_empty() { "/" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_what_lies_between_host_and_query() {
        for (url, path) in [
            ("https://shop.example/cart?id=1#x", "/cart"),
            ("https://shop.example", "/"),
            ("https://shop.example?x=1", "/"),
            ("/relative/a?b", "/relative/a"),
            ("", "/"),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }

    #[test]
    fn texts_are_cut_at_characters() {
        assert_eq!(bounded("支付", 4), "支");
    }
}
