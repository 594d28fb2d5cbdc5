//! Tab and number of a flush whose recorder counts nothing: made of its moment, so that a repeated flush meets its
//! twin and the order of numbers is the order of time (`docs/adr/0017`).
//!
//! ```text
//! number   1 | milliseconds since the session's own time, 26 bits | within the millisecond, 5 bits
//! tab      the window's own name; after 18.6 h (26 bits of milliseconds) with "_1", "_2", ... behind it
//! ```

use hindsight_engines::rrweb::foreign::tab_of;
use hindsight_schemas::ids::{FIRST_CLOCKED, Seq, SessionId, Tab};
use uuid::Uuid;

const WITHIN_BITS: u32 = 5;
/// How much time the numbers of one tab cover.
const SPAN_MS: i64 = 1 << 26;

/// When a flush was made, as its recorder says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    at_ms: i64,
    within: u8,
}

impl Moment {
    /// Of a UUIDv7: its time, and of its counter (RFC 9562, section 6.2: the 42 bits behind the time, counted up
    /// within a millisecond, as posthog-js makes them) the low bits.
    pub(super) fn of_uuid(uuid: Uuid) -> Option<Self> {
        let id = SessionId::new(uuid).ok()?;
        Some(Self {
            at_ms: id.unix_ms(),
            within: uuid.as_bytes()[11] & within_mask(),
        })
    }

    /// Of a flush without an id of its own: the time of its first event, and a few bits of its content.
    pub(super) fn of_content(first_at_ms: i64, content_sha256: &[u8; 32]) -> Self {
        Self {
            at_ms: first_at_ms,
            within: content_sha256[0] & within_mask(),
        }
    }
}

const fn within_mask() -> u8 {
    (1 << WITHIN_BITS) - 1
}

/// Tab and number of a flush of a window.
pub(super) fn place(session: SessionId, window: &str, moment: Moment) -> (Tab, Seq) {
    let since_ms = moment.at_ms.saturating_sub(session.unix_ms());
    let ms = Seq::try_from(since_ms.rem_euclid(SPAN_MS)).expect("26 bits fit");
    let tab = match since_ms.div_euclid(SPAN_MS) {
        0 => tab_of(window),
        span => tab_of(&format!("{window}_{span}")),
    };
    (tab, FIRST_CLOCKED | ms << WITHIN_BITS | Seq::from(moment.within))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: &str = "019ab000-0000-7000-8000-000000000001";

    fn session() -> SessionId {
        SessionId::from_parts(1_790_000_000_000, [1; 10])
    }

    /// As posthog-js counts: time, then a counter of 42 bits.
    fn uuid(at_ms: u64, counter: u64) -> Uuid {
        let mut bits = [0; 10];
        bits[..2].copy_from_slice(&((counter >> 30) as u16).to_be_bytes());
        bits[2..6].copy_from_slice(&((counter & 0x3fff_ffff) as u32).to_be_bytes());
        SessionId::from_parts(at_ms, bits).uuid()
    }

    proptest! {
        #[test]
        fn numbers_follow_time_and_none_comes_twice(
            since_ms in 0u64..86_400_000, later_ms in 0u64..10_000_000, counter in 0u64..1 << 42, more in 1u64..32
        ) {
            let at_ms = 1_790_000_000_000 + since_ms;
            let at = |ms, counter| place(session(), WINDOW, Moment::of_uuid(uuid(ms, counter)).unwrap());
            let first = at(at_ms, counter);
            prop_assert_eq!(&first, &at(at_ms, counter), "a twin");
            prop_assert_ne!(&first, &at(at_ms, counter.wrapping_add(more) % (1 << 42)), "the same millisecond");
            let later = at(at_ms + later_ms + 1, counter);
            prop_assert!(first.0 != later.0 || first.1 < later.1, "{first:?} {later:?}");
            prop_assert!(first.1 >= FIRST_CLOCKED);
        }
    }

    #[test]
    fn a_long_session_goes_on_in_another_tab() {
        let tab = |since_ms| {
            let moment = Moment::of_content(1_790_000_000_000 + since_ms, &[0; 32]);
            place(session(), "w", moment).0.to_string()
        };
        assert_eq!(
            [0, SPAN_MS - 1, SPAN_MS, 3 * SPAN_MS, -1].map(tab),
            ["w", "w", "w_1", "w_3", "w_-1"]
        );
    }

    #[test]
    fn any_time_has_a_place() {
        for at_ms in [i64::MIN, 0, i64::MAX] {
            let (tab, seq) = place(session(), WINDOW, Moment::of_content(at_ms, &[0xff; 32]));
            assert!(seq >= FIRST_CLOCKED && tab.as_str().len() <= 40, "{tab} {seq}");
        }
    }
}
