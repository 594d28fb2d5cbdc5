//! The event's id (API.md 'Audit event').
//!
//! **Invariant:** whoever sends the same source id (or the same call under one `Idempotency-Key`) with the same time
//! gets the same id, so that a retry meets its twin in every view.

use hindsight_schemas::canonical::sha256;
use hindsight_schemas::ids::{AuditId, ProjectId};
use hindsight_schemas::reason::Reason;

use super::fields::FieldFault;
use super::time::check_range;
use crate::stamp::Received;

/// Longest id that is kept as `source_id`.
pub(super) const SOURCE_ID_CHARS: usize = 128;

/// Who the event is and when it happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: AuditId,
    pub(super) source_id: String,
    pub(super) occurred_at_us: i64,
}

/// What an identity is made of.
pub(super) struct Given<'a> {
    pub(super) project: &'a ProjectId,
    pub(super) id: Option<String>,
    pub(super) occurred_at_us: Option<i64>,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) index: usize,
    pub(super) received: Received,
}

/// Makes the identity.
pub(super) fn identify(given: Given<'_>) -> Result<Identity, FieldFault> {
    let Given {
        project,
        id,
        occurred_at_us,
        idempotency_key,
        index,
        received,
    } = given;
    if let Some(at) = occurred_at_us {
        check_range("/occurred_at", at.div_euclid(1_000), received)?;
    }
    if let Some(own) = id.as_deref().and_then(|text| text.parse::<AuditId>().ok()) {
        check_range("/id", own.unix_ms(), received)?;
        let occurred_at_us = occurred_at_us.unwrap_or(own.unix_ms() * 1_000);
        return Ok(Identity {
            id: own,
            source_id: String::new(),
            occurred_at_us,
        });
    }
    let place = index.to_string();
    let seed: Option<[&str; 3]> = match (&id, idempotency_key) {
        (Some(source_id), _) => Some(["source", source_id, ""]),
        (None, Some(key)) => Some(["call", key, &place]),
        (None, None) => None,
    };
    let Some(seed) = seed else {
        let id = AuditId::new(uuid::Uuid::now_v7()).expect("it is of version 7");
        return Ok(Identity {
            id,
            source_id: String::new(),
            occurred_at_us: occurred_at_us.unwrap_or(received.us),
        });
    };
    let occurred_at_us = occurred_at_us.ok_or_else(time_missing)?;
    let id = derived(project, seed, occurred_at_us);
    Ok(Identity {
        id,
        source_id: given_source(seed),
        occurred_at_us,
    })
}

fn given_source([kind, text, _]: [&str; 3]) -> String {
    if kind == "source" {
        text.to_owned()
    } else {
        String::new()
    }
}

/// A UUIDv7 of the time and SHA-256 over project and seed, with lengths before the parts so that none run together.
fn derived(project: &ProjectId, seed: [&str; 3], occurred_at_us: i64) -> AuditId {
    let mut text = Vec::new();
    for part in [project.as_str()].iter().chain(&seed) {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    let digest = sha256(&text);
    let bits: [u8; 10] = digest[..10].try_into().expect("10 of 32 bytes");
    AuditId::from_parts(occurred_at_us.div_euclid(1_000).unsigned_abs(), bits)
}

fn time_missing() -> FieldFault {
    FieldFault::new(
        "/occurred_at",
        Reason::TimeMissing,
        "is needed: an id that is no UUIDv7, or an Idempotency-Key, makes the event's id with it",
        "缺失：非 UUIDv7 的编号或 Idempotency-Key 需要它来生成事件编号",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: Received = Received {
        us: 1_800_000_000_000_000,
    };
    const AT: Option<i64> = Some(1_700_000_000_123_456);

    fn identity(
        id: Option<&str>,
        at: Option<i64>,
        key: Option<&str>,
        index: usize,
    ) -> Result<Identity, Reason> {
        let project = "shop".parse().unwrap();
        identify(Given {
            project: &project,
            id: id.map(Into::into),
            occurred_at_us: at,
            idempotency_key: key,
            index,
            received: RECEIVED,
        })
        .map_err(|fault| fault.reason)
    }

    #[test]
    fn the_same_gives_the_same_id() {
        let first = identity(Some("20261122-17"), AT, None, 0).unwrap();
        assert_eq!(first.source_id, "20261122-17");
        assert_eq!(first.id.unix_ms(), 1_700_000_000_123);
        assert_eq!(identity(Some("20261122-17"), AT, Some("k"), 9).unwrap(), first);
        assert_ne!(identity(Some("20261122-18"), AT, None, 0).unwrap().id, first.id);
        let by_call = identity(None, AT, Some("k"), 3).unwrap();
        assert_eq!(identity(None, AT, Some("k"), 3).unwrap(), by_call);
        assert_ne!(identity(None, AT, Some("k"), 4).unwrap().id, by_call.id);
        assert_ne!(
            identity(None, AT, None, 0).unwrap().id,
            identity(None, AT, None, 0).unwrap().id
        );
    }

    #[test]
    fn a_uuid_v7_tells_its_time() {
        let own = AuditId::from_parts(1_700_000_000_000, [3; 10]);
        let found = identity(Some(&own.to_string()), None, None, 0).unwrap();
        assert_eq!(
            found,
            Identity {
                id: own,
                source_id: String::new(),
                occurred_at_us: 1_700_000_000_000_000
            }
        );
    }

    #[test]
    fn times_are_needed_and_bounded() {
        assert_eq!(identity(Some("x"), None, None, 0), Err(Reason::TimeMissing));
        assert_eq!(identity(None, None, Some("k"), 0), Err(Reason::TimeMissing));
        assert_eq!(identity(None, None, None, 0).unwrap().occurred_at_us, RECEIVED.us);
        assert_eq!(identity(None, Some(0), None, 0), Err(Reason::TimeRange));
        assert_eq!(
            identity(None, Some(RECEIVED.us + 90_000_000_000), None, 0),
            Err(Reason::TimeRange)
        );
    }
}
