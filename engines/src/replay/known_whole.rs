//! Which frames were found whole, so that the next manifest need not look at them again.
//!
//! Damage is not remembered: an object that is restored is seen at once. **Bound:** [`MAX_FRAMES`] frames; the
//! sessions that were looked at first are forgotten first.

use std::collections::{BTreeSet, HashMap, VecDeque};

use hindsight_schemas::ids::{ProjectId, SessionId};

use crate::segments::FrameId;

/// Frames that are remembered (about 100 bytes each).
const MAX_FRAMES: usize = 65_536;

type Key = (ProjectId, SessionId);

#[derive(Debug, Default)]
pub(super) struct KnownWhole {
    frames: HashMap<Key, BTreeSet<FrameId>>,
    order: VecDeque<Key>,
    count: usize,
}

impl KnownWhole {
    pub(super) fn of(&self, project: &ProjectId, session: SessionId) -> BTreeSet<FrameId> {
        self.frames
            .get(&(project.clone(), session))
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn add(&mut self, project: &ProjectId, session: SessionId, whole: BTreeSet<FrameId>) {
        if whole.is_empty() {
            return;
        }
        let key = (project.clone(), session);
        if !self.frames.contains_key(&key) {
            self.order.push_back(key.clone());
        }
        let known = self.frames.entry(key.clone()).or_default();
        self.count -= known.len();
        known.extend(whole);
        self.count += known.len();
        while self.count > MAX_FRAMES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.count -= self.frames.remove(&oldest).map_or(0, |frames| frames.len());
        }
    }

    pub(super) fn forget(&mut self, project: &ProjectId, session: SessionId) {
        let key = (project.clone(), session);
        if let Some(frames) = self.frames.remove(&key) {
            self.count -= frames.len();
            self.order.retain(|known| *known != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(numbers: std::ops::Range<u32>) -> BTreeSet<FrameId> {
        numbers
            .map(|frame| FrameId::Generation { generation: 1, frame })
            .collect()
    }

    #[test]
    fn the_first_sessions_make_room_for_the_last() {
        let project: ProjectId = "demo".parse().unwrap();
        let session = |number: u8| SessionId::from_parts(1_700_000_000_000, [number; 10]);
        let half = u32::try_from(MAX_FRAMES / 2).unwrap();
        let mut known = KnownWhole::default();
        known.add(&project, session(1), frames(0..half));
        known.add(&project, session(2), frames(0..half));
        assert_eq!(known.of(&project, session(1)).len(), MAX_FRAMES / 2);
        known.add(&project, session(3), frames(0..9));
        assert!(known.of(&project, session(1)).is_empty());
        assert_eq!(known.of(&project, session(2)).len(), MAX_FRAMES / 2);
        known.forget(&project, session(2));
        assert_eq!(known.count, 9);
        assert_eq!(known.of(&project, session(3)), frames(0..9));
    }
}
