//! Where the time of a range went, from its first record's arrival until it was durable in the view.

use std::time::Duration;

use crate::delivery::clock::Moment;

/// When each stage of a range ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stages {
    /// Its first record came.
    pub arrived: Moment,
    /// It was cut.
    pub cut: Moment,
    /// It was decoded and converted.
    pub prepared: Moment,
    /// Its intent was won; before that the range ahead of it was written.
    pub won: Moment,
    /// It was durable.
    pub written: Moment,
}

impl Stages {
    pub(super) fn cut(arrived: Option<Moment>, cut: Moment) -> Self {
        let arrived = arrived.unwrap_or(cut);
        Self {
            arrived,
            cut,
            prepared: cut,
            won: cut,
            written: cut,
        }
    }

    /// From the first record's arrival to the end.
    pub fn whole(&self) -> Duration {
        self.written.saturating_sub(self.arrived)
    }

    /// Each stage by its name in metrics: `wait` (for the cut), `prepare`, `intent`, `write`.
    pub fn named(&self) -> [(&'static str, Duration); 4] {
        [
            ("wait", self.cut.saturating_sub(self.arrived)),
            ("prepare", self.prepared.saturating_sub(self.cut)),
            ("intent", self.won.saturating_sub(self.prepared)),
            ("write", self.written.saturating_sub(self.won)),
        ]
    }
}
