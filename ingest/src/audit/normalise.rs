//! One audit event as sent to one as kept: typed, masked, canonical.

use std::net::IpAddr;

use hindsight_policy::project::AUDIT_CLASS;
use hindsight_policy::{Key, Project};
use hindsight_schemas::audit::{Actor, AuditEvent, Operation, Origin, Outcome, Target};
use hindsight_schemas::canonical::canonical_bytes;
use hindsight_schemas::ids::{Reference, log_key};
use hindsight_schemas::record::AuditRecord;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::fields::{FieldFault, Fields, NAME_CHARS, TEXT_CHARS, keep_numbers};
use super::identity::{Given, Identity, SOURCE_ID_CHARS, identify};
use super::mask::mask;
use super::{dialect, time};
use crate::stamp::{Received, rfc3339};
use hindsight_schemas::reason::Reason;

/// What is the same for all events of a call.
pub(super) struct Call<'a> {
    pub(super) project: &'a Project,
    pub(super) zone: &'a TimeZone,
    pub(super) key: &'a Key,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) received: Received,
    /// `limits.audit_event_bytes`.
    pub(super) most_bytes: usize,
}

/// A record and the log's key for it.
pub(super) struct Normal {
    pub(super) record: AuditRecord,
    pub(super) log_key: String,
    /// How the operation that it tells of ended.
    pub(super) outcome: Outcome,
}

/// Normalises one event.
pub(super) fn normalise(
    mut sent: Map<String, Value>,
    index: usize,
    call: &Call<'_>,
) -> Result<Normal, FieldFault> {
    dialect::translate(&mut sent);
    let (occurred_at_us, mut event) = read(Fields::new("", sent), index, call)?;
    let masked = mask(&mut event, &call.project.masking);
    check_numbers(&mut event)?;
    let canonical = canonical_bytes(&event)
        .map_err(|_| FieldFault::invalid("", "has no canonical form", "无法规范化"))?;
    if canonical.len() > call.most_bytes {
        return Err(too_large(canonical.len(), call.most_bytes));
    }
    let log_key = log_key(&call.project.id, subject(&event));
    let outcome = event.outcome;
    Ok(Normal {
        outcome,
        record: stamp(event, occurred_at_us, canonical, masked, call)?,
        log_key,
    })
}

/// The event and when it happened, Unix microseconds.
type Dated = (i64, AuditEvent);

fn read(mut fields: Fields, index: usize, call: &Call<'_>) -> Result<Dated, FieldFault> {
    let occurred_at = fields
        .take("occurred_at")
        .filter(|value| value.as_str() != Some(""));
    let Identity {
        id,
        source_id,
        occurred_at_us,
    } = identify(Given {
        project: &call.project.id,
        id: fields.text("id", SOURCE_ID_CHARS)?,
        occurred_at_us: occurred_at
            .map(|value| time::parse(&value, call.zone))
            .transpose()?,
        idempotency_key: call.idempotency_key,
        index,
        received: call.received,
    })?;
    let mut left = Map::new();
    let (action, operation) = action(&mut fields)?;
    let actor = actor(&mut fields, &mut left)?;
    let origin = origin(&mut fields, &mut left)?;
    let targets = targets(&mut fields, &mut left)?;
    let references = references(&mut fields, &mut left)?;
    let (outcome, error) = outcome(&mut fields)?;
    let event = AuditEvent {
        id,
        project: call.project.id.clone(),
        source_id,
        occurred_at: rfc3339(occurred_at_us),
        received_at: rfc3339(call.received.us),
        action,
        operation,
        actor,
        targets,
        outcome,
        error,
        request: fields.state("request"),
        response: fields.state("response"),
        before: fields.state("before"),
        after: fields.state("after"),
        measures: measures(&mut fields)?,
        origin,
        session_id: fields.text("session_id", NAME_CHARS)?,
        tab: fields.text("tab", NAME_CHARS)?,
        trace_id: fields.text("trace_id", NAME_CHARS)?,
        references,
        class: class(&mut fields, call)?,
        extra: extra(fields, left),
    };
    Ok((occurred_at_us, event))
}

fn action(fields: &mut Fields) -> Result<(String, Operation), FieldFault> {
    let named = fields.text("operation", NAME_CHARS)?;
    let operation = named
        .as_deref()
        .map(|word| {
            dialect::operation(word).ok_or_else(|| {
                let known = "create, read, update, delete, login, export, approve, other";
                FieldFault::invalid(
                    "/operation",
                    format!("is not one of {known}"),
                    format!("须为以下之一：{known}"),
                )
            })
        })
        .transpose()?;
    let action = fields
        .text("action", NAME_CHARS)?
        .or(named)
        .ok_or_else(|| FieldFault::invalid("/action", "is missing", "缺失"))?;
    let operation = operation.unwrap_or_else(|| dialect::guess(&action));
    Ok((action, operation))
}

fn actor(fields: &mut Fields, left: &mut Map<String, Value>) -> Result<Actor, FieldFault> {
    let mut of = fields.object("actor")?;
    let actor = Actor {
        kind: of.name("type")?,
        id: of.name("id")?,
        name: of.name("name")?,
        roles: of.names("roles")?,
    };
    keep_rest("actor", of, left);
    let is_known = !actor.id.is_empty() || !actor.name.is_empty();
    let kind = if actor.kind.is_empty() && is_known {
        "user".into()
    } else {
        actor.kind
    };
    Ok(Actor { kind, ..actor })
}

/// An address that is none is kept as sent in `extra`, since views keep addresses typed.
fn origin(fields: &mut Fields, left: &mut Map<String, Value>) -> Result<Origin, FieldFault> {
    let mut of = fields.object("origin")?;
    let sent = of.text("ip", NAME_CHARS)?.unwrap_or_default();
    let ip = sent
        .trim()
        .parse::<IpAddr>()
        .map(|address| address.to_canonical().to_string())
        .unwrap_or_default();
    if ip.is_empty() && !sent.is_empty() {
        left.insert("origin.ip".into(), sent.into());
    }
    let device = match of.take("device") {
        Some(described @ (Value::Object(_) | Value::Array(_))) => {
            left.insert("origin.device".into(), described);
            String::new()
        }
        Some(plain) => Fields::new("/origin", Map::from_iter([("device".into(), plain)]))
            .text("device", TEXT_CHARS)?
            .unwrap_or_default(),
        None => String::new(),
    };
    let user_agent = of.text("user_agent", TEXT_CHARS)?.unwrap_or_default();
    keep_rest("origin", of, left);
    Ok(Origin {
        ip,
        user_agent,
        device,
    })
}

fn targets(fields: &mut Fields, left: &mut Map<String, Value>) -> Result<Vec<Target>, FieldFault> {
    let items = fields.objects("targets")?.into_iter().enumerate();
    items
        .map(|(index, mut of)| {
            let target = Target {
                kind: of.name("type")?,
                id: of.name("id")?,
                name: of.name("name")?,
            };
            keep_rest(&format!("targets.{index}"), of, left);
            Ok(target)
        })
        .collect()
}

fn references(fields: &mut Fields, left: &mut Map<String, Value>) -> Result<Vec<Reference>, FieldFault> {
    let items = fields.objects("references")?.into_iter().enumerate();
    items
        .map(|(index, mut of)| {
            let reference = Reference {
                kind: of.name("type")?,
                id: of.name("id")?,
            };
            if reference.kind.is_empty() || reference.id.is_empty() {
                return Err(FieldFault::invalid(
                    of.place("id"),
                    "type and id are needed",
                    "缺少 type 或 id",
                ));
            }
            keep_rest(&format!("references.{index}"), of, left);
            Ok(reference)
        })
        .collect()
}

fn outcome(fields: &mut Fields) -> Result<(Outcome, Option<String>), FieldFault> {
    let error = fields.text("error", TEXT_CHARS)?;
    let outcome = match fields.text("outcome", NAME_CHARS)? {
        Some(word) => dialect::outcome(&word).ok_or_else(|| {
            FieldFault::invalid(
                "/outcome",
                "is not success or failure",
                "须为 success/failure 或 成功/失败",
            )
        })?,
        None if error.is_some() => Outcome::Failure,
        None => Outcome::Success,
    };
    Ok((outcome, error))
}

fn measures(fields: &mut Fields) -> Result<Map<String, Value>, FieldFault> {
    let measures = fields.object("measures")?.rest();
    match measures.iter().find(|(_, value)| !value.is_number()) {
        Some((name, _)) => Err(FieldFault::invalid(
            format!("/measures/{name}"),
            "is not a number",
            "不是数字",
        )),
        None => Ok(measures),
    }
}

fn class(fields: &mut Fields, call: &Call<'_>) -> Result<String, FieldFault> {
    let class = fields
        .text("class", NAME_CHARS)?
        .unwrap_or_else(|| AUDIT_CLASS.into());
    if call.project.retention_days(&class).is_some() {
        return Ok(class);
    }
    let known = call.project.classes().join(", ");
    let zh = format!("须为以下之一：{known}");
    Err(FieldFault::invalid(
        "/class",
        format!("is not one of the project's retention classes: {known}"),
        zh,
    ))
}

/// Unknown fields: those of the event under their own names, those of its parts under `part.name` objects. An
/// `extra` that was sent is taken over member by member.
fn extra(mut fields: Fields, left: Map<String, Value>) -> Map<String, Value> {
    let mut extra = match fields.take("extra") {
        Some(Value::Object(members)) => members,
        Some(other) => Map::from_iter([("extra".into(), other)]),
        None => Map::new(),
    };
    extra.extend(fields.rest());
    extra.extend(left);
    extra
}

fn keep_rest(name: &str, of: Fields, left: &mut Map<String, Value>) {
    let rest = of.rest();
    if !rest.is_empty() {
        left.insert(name.into(), Value::Object(rest));
    }
}

fn check_numbers(event: &mut AuditEvent) -> Result<(), FieldFault> {
    let lost = |pointer: String| {
        FieldFault::invalid(
            pointer,
            "is a number too large to be kept exactly: send it as text",
            "数字过大无法准确保存：请以文本发送",
        )
    };
    let states = [
        ("request", &mut event.request),
        ("response", &mut event.response),
        ("before", &mut event.before),
        ("after", &mut event.after),
    ];
    for (name, state) in states {
        keep_numbers(state, &format!("/{name}")).map_err(lost)?;
    }
    for (name, value) in event.extra.iter_mut() {
        keep_numbers(value, &format!("/extra/{name}")).map_err(lost)?;
    }
    for (name, value) in event.measures.iter_mut() {
        let pointer = format!("/measures/{name}");
        keep_numbers(value, &pointer).map_err(lost)?;
        if !value.is_number() {
            return Err(lost(pointer));
        }
    }
    Ok(())
}

/// Keeps in order what belongs together: the session, else the actor, or the target where a service acts.
fn subject(event: &AuditEvent) -> &str {
    if let Some(session_id) = &event.session_id {
        return session_id;
    }
    match event.targets.first() {
        Some(target) if event.actor.kind == "service" || event.actor.id.is_empty() => &target.id,
        _ => &event.actor.id,
    }
}

fn too_large(bytes: usize, most: usize) -> FieldFault {
    FieldFault::new(
        "",
        Reason::TooLarge,
        format!("the event has {bytes} bytes, the limit limits.audit_event_bytes is {most}"),
        format!("事件有 {bytes} 字节，超过限制 limits.audit_event_bytes（{most}）"),
    )
}

fn stamp(
    event: AuditEvent,
    occurred_at_us: i64,
    canonical: Vec<u8>,
    masked: Vec<String>,
    call: &Call<'_>,
) -> Result<AuditRecord, FieldFault> {
    let expires_at_s = call
        .project
        .expires_at_s(&event.class, call.received.s())
        .ok_or_else(|| FieldFault::invalid("/class", "is not a retention class", "不是保留类别"))?;
    Ok(AuditRecord {
        project: event.project,
        id: event.id,
        source_id: event.source_id,
        occurred_at_us,
        received_at_us: call.received.us,
        session_id: event.session_id.unwrap_or_default(),
        tab: event.tab.unwrap_or_default(),
        trace_id: event.trace_id.unwrap_or_default(),
        canonical,
        key_id: call.key.id.clone(),
        key_kind: call.key.kind,
        retention_class: event.class,
        expires_at_s,
        rules_version: call.project.rules_version,
        masked,
        source: call.project.source.clone(),
        device: event.origin.device,
        clock_offset_ms: None,
        encryption_key_id: String::new(),
        encryption_suite: String::new(),
    })
}
