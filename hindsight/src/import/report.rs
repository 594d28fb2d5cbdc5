//! What was sent and what was not, for the last lines of an import.

use std::process::ExitCode;
use std::time::Duration;

use indicatif::HumanBytes;

/// Counts of one import, or of a part of it.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) sessions: u64,
    /// Recordings and audit calls that the journal says were acknowledged before.
    pub(super) known: u64,
    batches: u64,
    events: u64,
    raw_bytes: u64,
    packed_bytes: u64,
    audit_events: u64,
    failures: Vec<String>,
    more_refused: usize,
}

impl Report {
    pub(super) fn batch(&mut self, events: usize, raw: u64, packed: u64) {
        self.batches += 1;
        self.events += events as u64;
        self.raw_bytes += raw;
        self.packed_bytes += packed;
    }

    pub(super) fn audit(&mut self, accepted: u64, bytes: u64) {
        self.audit_events += accepted;
        self.raw_bytes += bytes;
        self.packed_bytes += bytes;
    }

    pub(super) fn fail(&mut self, what: &str, error: &anyhow::Error) {
        self.failures.push(format!("{what}: {error:#}"));
    }

    pub(super) fn refused_more(&mut self, events: usize) {
        self.more_refused += events;
    }

    pub(super) fn add(&mut self, part: Self) {
        self.sessions += part.sessions;
        self.known += part.known;
        self.batches += part.batches;
        self.events += part.events;
        self.raw_bytes += part.raw_bytes;
        self.packed_bytes += part.packed_bytes;
        self.audit_events += part.audit_events;
        self.failures.extend(part.failures);
        self.more_refused += part.more_refused;
    }

    pub(super) fn print(&self, elapsed: Duration) {
        println!(
            "imported {} sessions ({} batches, {} events) and {} audit events: {} raw, {} sent, in {:.1} s",
            self.sessions,
            self.batches,
            self.events,
            self.audit_events,
            HumanBytes(self.raw_bytes),
            HumanBytes(self.packed_bytes),
            elapsed.as_secs_f64()
        );
        if self.known > 0 {
            println!(
                "left out {} that the journal says were acknowledged before",
                self.known
            );
        }
        for failure in &self.failures {
            eprintln!("FAILED {failure}");
        }
        if self.more_refused > 0 {
            eprintln!("FAILED {} more audit events", self.more_refused);
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.failures.is_empty() || self.more_refused > 0))
    }
}
