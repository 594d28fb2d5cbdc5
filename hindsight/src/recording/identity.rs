//! The session id and tabs of an imported recording: a function of what is sent, so a second import meets its twin.

use sha2::{Digest, Sha256};

use hindsight_engines::rrweb::foreign;
use hindsight_schemas::ids;

use super::Tab;

/// 2000-01-01: what keys with the import right may go back to. Times before (or ahead of the clock, which the
/// edge refuses for everybody) are moved there: the id's time only orders and partitions, events keep theirs.
const OLDEST_MS: i64 = 946_684_800_000;

/// From what an id's 74 free bits are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SessionFrom {
    /// The events' texts: the same recording under another name is the same session.
    Hash,
    /// The file's name: a recording that grew is still the same session.
    Name,
}

/// The id: the first event's time, and SHA-256 of the texts (each plus a line feed) or of the name. `extra` is
/// what the command line adds to the recording (references, user), which makes it another one.
pub(crate) fn session_id(
    tabs: &[Tab],
    name: &str,
    from: SessionFrom,
    extra: &str,
    latest_ms: i64,
) -> ids::SessionId {
    let mut hash = Sha256::new();
    match from {
        SessionFrom::Name => hash.update(name),
        SessionFrom::Hash => {
            for event in tabs.iter().flat_map(|tab| &tab.events) {
                hash.update(event.text.get());
                hash.update(b"\n");
            }
        }
    }
    hash.update(extra);
    let mut bits = [0; 10];
    bits.copy_from_slice(&hash.finalize()[..10]);
    let first_ms = tabs
        .iter()
        .flat_map(|tab| &tab.events)
        .map(|event| event.at_ms)
        .min()
        .unwrap_or(OLDEST_MS);
    let own_ms = if (OLDEST_MS..=latest_ms).contains(&first_ms) {
        first_ms
    } else {
        OLDEST_MS
    };
    ids::SessionId::from_parts(u64::try_from(own_ms).expect("after 1970"), bits)
}

/// The tab of a window; files that name none have one.
pub(crate) fn tab_id(window: &str) -> ids::Tab {
    foreign::tab_of(if window.is_empty() { "import" } else { window })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording;

    fn id(text: &str, name: &str, from: SessionFrom) -> String {
        let tabs = recording::tabs(text.as_bytes()).unwrap();
        session_id(&tabs, name, from, "", 1_800_000_000_000).to_string()
    }

    #[test]
    fn the_form_does_not_matter_and_the_content_does() {
        let (array, lines) = (
            r#"[{"type":4,"timestamp":1700000000000},{"type":2,"timestamp":1700000000009}]"#,
            "{\"type\":4,\"timestamp\":1700000000000}\n{\"type\":2,\"timestamp\":1700000000009}",
        );
        assert_eq!(
            id(array, "a", SessionFrom::Hash),
            id(lines, "b", SessionFrom::Hash)
        );
        assert_ne!(
            id(array, "a", SessionFrom::Name),
            id(array, "b", SessionFrom::Name)
        );
        // Pinned: tools/make-samples computes the same to tie audit events to sample sessions.
        assert_eq!(
            id(lines, "a", SessionFrom::Hash),
            "018bcfe5-6800-7438-bdcf-4a064afeebc2"
        );
    }

    #[test]
    fn odd_clocks_move_to_the_oldest_time() {
        for at in ["5", "9999999999999"] {
            let text = format!("{{\"type\":4,\"timestamp\":{at}}}");
            let tabs = recording::tabs(text.as_bytes()).unwrap();
            let moved = session_id(&tabs, "", SessionFrom::Hash, "", 1_800_000_000_000);
            assert_eq!(moved.unix_ms(), OLDEST_MS);
        }
    }

    #[test]
    fn any_window_name_gives_a_tab() {
        assert_eq!(tab_id("").as_str(), "import");
        assert_eq!(tab_id("018f-AB_c").as_str(), "018f-AB_c");
    }
}
