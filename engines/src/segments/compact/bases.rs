//! Which keyframe the frames of a session are packed with.
//!
//! The session's first keyframe is the base; a page's own first keyframe is packed with it and serves that page; a
//! keyframe much richer than its page's base takes its place, since the first one of a single-page application is
//! often an empty shell (measured: 57 to 63 % of the bytes of one base for all). **Invariant:** a dictionary chain has at
//! most two links. **Bound:** bases of [`Limits`] bytes in all; further pages use the session's.

use std::collections::HashMap;
use std::sync::Arc;

/// How large bases may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// One base's snapshot.
    pub(super) base_bytes: usize,
    /// All that are kept.
    pub(super) all_bytes: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Base {
    /// The frame's number.
    pub(super) frame: u32,
    /// Its unpacked bytes.
    pub(super) raw: Arc<Vec<u8>>,
    snapshot_bytes: usize,
}

/// The bases of one session.
#[derive(Debug)]
pub(super) struct Bases {
    limits: Limits,
    session: Option<Base>,
    pages: HashMap<String, Base>,
    bytes: usize,
}

impl Bases {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            session: None,
            pages: HashMap::new(),
            bytes: 0,
        }
    }

    /// Whether this keyframe is to be a base, in a frame of its own.
    pub(super) fn wants(&self, url: &str, snapshot_bytes: usize) -> bool {
        let fits = snapshot_bytes <= self.limits.base_bytes
            && self.bytes.saturating_add(snapshot_bytes) <= self.limits.all_bytes;
        fits && self
            .pages
            .get(page(url))
            .is_none_or(|base| is_richer(snapshot_bytes, base.snapshot_bytes, 2))
    }

    /// What a frame of this page is packed with.
    pub(super) fn of(&self, url: &str) -> Option<&Base> {
        self.pages.get(page(url)).or(self.session.as_ref())
    }

    /// What a frame that becomes a base is packed with: nothing if it takes the session's place.
    pub(super) fn for_base(&self, snapshot_bytes: usize) -> Option<&Base> {
        self.session
            .as_ref()
            .filter(|session| !is_shell(session, snapshot_bytes))
    }

    /// The keyframe is stored as this frame.
    pub(super) fn add(&mut self, url: &str, frame: u32, raw: Arc<Vec<u8>>, snapshot_bytes: usize) {
        self.bytes += raw.len();
        let base = Base {
            frame,
            raw,
            snapshot_bytes,
        };
        if self
            .session
            .as_ref()
            .is_none_or(|session| is_shell(session, snapshot_bytes))
        {
            self.session = Some(base.clone());
        }
        self.pages.insert(page(url).to_owned(), base);
    }
}

/// More than 1 + 1/`part` times as large.
fn is_richer(bytes: usize, than: usize, part: usize) -> bool {
    bytes > than.saturating_add(than / part)
}

/// The session's base is so poor beside this one that packing with it gains nothing.
fn is_shell(session: &Base, snapshot_bytes: usize) -> bool {
    session.snapshot_bytes.saturating_mul(4) < snapshot_bytes
}

/// Query and fragment do not make another page.
fn page(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}
