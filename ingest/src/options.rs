//! Settings of the edge. Every bound has a name, a default and a reason.

use std::time::Duration;

use crate::server::ConnectionBounds;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What normalising and stamping may add to one audit event.
pub(crate) const STAMPS_BYTES: usize = KIB;

/// Bounds that senders see: told by `GET /v1/config` and named in errors as `limits.<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest record of the log, encoded. Default 8 MiB; topics and producers allow 64 KiB more.
    pub record_bytes: usize,
    /// Largest body after inflating. Default 64 MiB.
    pub inflated_bytes: usize,
    /// Most audit events in one call. Default 1,000.
    pub audit_events: usize,
    /// Largest audit event, normalised. Default 512 KiB.
    pub audit_event_bytes: usize,
    /// How far back a session id's own time may lie. Default 7 days. Keys with the import right: since 2000.
    pub session_age_s: u64,
    /// How far ahead a session id's own time may lie. Default 1 h.
    pub session_ahead_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes: 8 * MIB,
            inflated_bytes: 64 * MIB,
            audit_events: 1_000,
            audit_event_bytes: 512 * KIB,
            session_age_s: 7 * 86_400,
            session_ahead_s: 3_600,
        }
    }
}

/// What one project may send; a burst of [`Rate::burst_s`] seconds is let through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rate {
    /// Events a second. Default 1,000,000: above what one process takes in, a guard against runaway loops.
    pub events_per_s: u64,
    /// Inflated bytes a second. Default 1 GiB.
    pub bytes_per_s: u64,
    /// Length of a burst at that rate. Default 5 s.
    pub burst_s: u64,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            events_per_s: 1_000_000,
            bytes_per_s: 1024 * MIB as u64,
            burst_s: 5,
        }
    }
}

/// How requests are taken in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intake {
    /// The edge's share of the process' byte budget: bodies, inflated bodies and records in flight. Default 160 MiB.
    pub budget_bytes: usize,
    /// How long a request waits for a share of the budget before 503 `overloaded`. Default 2 s.
    pub admission_wait_ms: u64,
    /// How long a body may take to arrive before 408 `slow_body`. Default 20 s.
    pub body_wait_ms: u64,
    /// How long the log may take before 503 `log_unavailable`. Default 10 s.
    pub append_wait_ms: u64,
    /// Most connections of a listener at once; further ones wait in the accept queue. Default 4,096.
    pub connections: usize,
    /// How long a connection may be without a request in flight, be it that a head comes slowly or that it is kept
    /// alive between two. Default 20 s.
    pub idle_wait_ms: u64,
    /// How long an answer may stand still because its reader takes nothing. Default 60 s.
    pub write_wait_ms: u64,
    /// Networks of proxies whose `X-Forwarded-For` is believed. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// Header in which a trusted proxy tells the client's country (ISO 3166-1 alpha-2). Default none.
    pub country_header: Option<String>,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            budget_bytes: 160 * MIB,
            admission_wait_ms: 2_000,
            body_wait_ms: 20_000,
            append_wait_ms: 10_000,
            connections: 4_096,
            idle_wait_ms: 20_000,
            write_wait_ms: 60_000,
            trusted_proxies: vec![],
            country_header: None,
        }
    }
}

impl Intake {
    /// What the connections of a listener may take.
    pub fn connection_bounds(&self) -> ConnectionBounds {
        ConnectionBounds {
            at_once: self.connections,
            idle_wait: Duration::from_millis(self.idle_wait_ms),
            write_wait: Duration::from_millis(self.write_wait_ms),
        }
    }
}

/// Settings of the edge: the sections `limits`, `rate` and `edge` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeOptions {
    /// Bounds that senders see.
    pub limits: Limits,
    /// Rate of each project.
    pub rate: Rate,
    /// How requests are taken in.
    pub edge: Intake,
}

/// Why settings can't be used together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A bound of zero would refuse everything.
    #[error("{0} is 0: nothing could pass")]
    Zero(&'static str),
    /// Two bounds that can't both hold.
    #[error("{smaller} is {is} but must be at least {least} ({because})")]
    TooSmall {
        /// The setting to raise.
        smaller: &'static str,
        /// What it is.
        is: usize,
        /// What it must be.
        least: usize,
        /// The other setting.
        because: &'static str,
    },
    /// Not the name of an HTTP header.
    #[error("edge.country_header {0:?} is not a header name")]
    CountryHeader(String),
}

impl EdgeOptions {
    /// Whether the settings can be used together: checked at start.
    pub fn check(&self) -> Result<(), OptionsError> {
        let limits = &self.limits;
        let counts = [
            ("limits.record_bytes", limits.record_bytes),
            ("limits.audit_events", limits.audit_events),
            ("limits.audit_event_bytes", limits.audit_event_bytes),
            ("edge.connections", self.edge.connections),
        ];
        if let Some((name, _)) = counts.into_iter().find(|(_, value)| *value == 0) {
            return Err(OptionsError::Zero(name));
        }
        let rates = [
            ("rate.events_per_s", self.rate.events_per_s),
            ("rate.bytes_per_s", self.rate.bytes_per_s),
            ("rate.burst_s", self.rate.burst_s),
            ("edge.body_wait_ms", self.edge.body_wait_ms),
            ("edge.append_wait_ms", self.edge.append_wait_ms),
            ("edge.idle_wait_ms", self.edge.idle_wait_ms),
            ("edge.write_wait_ms", self.edge.write_wait_ms),
        ];
        if let Some((name, _)) = rates.into_iter().find(|(_, value)| *value == 0) {
            return Err(OptionsError::Zero(name));
        }
        at_least(
            "limits.inflated_bytes",
            limits.inflated_bytes,
            limits.record_bytes,
            "limits.record_bytes",
        )?;
        at_least(
            "limits.record_bytes",
            limits.record_bytes,
            limits.audit_event_bytes + 4 * KIB,
            "limits.audit_event_bytes and 4 KiB for its stamps",
        )?;
        at_least(
            "edge.budget_bytes",
            self.edge.budget_bytes,
            self.largest_request_bytes(),
            "one largest request",
        )?;
        match &self.edge.country_header {
            Some(name) if http::HeaderName::try_from(name.as_str()).is_err() => {
                Err(OptionsError::CountryHeader(name.clone()))
            }
            _ => Ok(()),
        }
    }

    /// What one request may hold at most: its body, the inflated body, the records made of it (of audit events, about
    /// as much again and what the stamps of [`Limits::audit_events`] take).
    pub(crate) fn largest_request_bytes(&self) -> usize {
        let stamps = self.limits.audit_events * STAMPS_BYTES;
        2 * self.limits.record_bytes + 2 * self.limits.inflated_bytes + stamps
    }

    pub(crate) fn admission_wait(&self) -> Duration {
        Duration::from_millis(self.edge.admission_wait_ms)
    }

    pub(crate) fn body_wait(&self) -> Duration {
        Duration::from_millis(self.edge.body_wait_ms)
    }

    pub(crate) fn append_wait(&self) -> Duration {
        Duration::from_millis(self.edge.append_wait_ms)
    }
}

fn at_least(
    smaller: &'static str,
    is: usize,
    least: usize,
    because: &'static str,
) -> Result<(), OptionsError> {
    if is < least {
        Err(OptionsError::TooSmall {
            smaller,
            is,
            least,
            because,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<(), OptionsError> {
        serde_json::from_str::<EdgeOptions>(json).unwrap().check()
    }

    #[test]
    fn the_limits_are_checked_against_each_other() {
        assert_eq!(check("{}"), Ok(()));
        for bad in [
            r#"{"limits": {"inflated_bytes": 1000000}}"#,
            r#"{"limits": {"audit_event_bytes": 8388608}}"#,
            r#"{"limits": {"audit_events": 0}}"#,
            r#"{"edge": {"budget_bytes": 1000000}}"#,
            r#"{"rate": {"events_per_s": 0}}"#,
            r#"{"edge": {"country_header": "no header"}}"#,
            r#"{"edge": {"idle_wait_ms": 0}}"#,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(
            serde_json::from_str::<EdgeOptions>(r#"{"limit": {}}"#).is_err(),
            "unknown keys refuse to start"
        );
    }
}
