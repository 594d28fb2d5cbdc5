//! Masking of an event before the log: everything that a sender can fill freely.
//!
//! States and `extra` by field name; targets and references by their type, which names what their id is; texts by what
//! they say (`password=x`). The actor, ids of sessions and traces, the address and the times stay as they are: an audit
//! that doesn't know who and when is none.

use hindsight_policy::Masking;
use hindsight_policy::masking::MASK;
use hindsight_schemas::audit::AuditEvent;

/// Masks in place; gives the JSON pointers of what was masked.
pub(super) fn mask(event: &mut AuditEvent, masking: &Masking) -> Vec<String> {
    let mut masked = vec![];
    let states = [
        ("/request", &mut event.request),
        ("/response", &mut event.response),
        ("/before", &mut event.before),
        ("/after", &mut event.after),
    ];
    for (pointer, state) in states {
        masking.apply(state, pointer, &mut masked);
    }
    mask_measures(event, masking, &mut masked);
    masking.apply_object(&mut event.extra, "/extra", &mut masked);
    mask_named(event, masking, &mut masked);
    mask_texts(event, masking, &mut masked);
    masked
}

/// A measure is a number or nothing, so a sensitive one is told in `extra`.
fn mask_measures(event: &mut AuditEvent, masking: &Masking, masked: &mut Vec<String>) {
    let sensitive = |name: &&String| masking.is_sensitive(name);
    let names: Vec<String> = event.measures.keys().filter(sensitive).cloned().collect();
    for name in names {
        event.measures.remove(&name);
        masked.push(format!("/measures/{name}"));
        event.extra.insert(format!("measures.{name}"), MASK.into());
    }
}

fn mask_named(event: &mut AuditEvent, masking: &Masking, masked: &mut Vec<String>) {
    for (index, target) in event.targets.iter_mut().enumerate() {
        let (id, name) = (format!("/targets/{index}/id"), format!("/targets/{index}/name"));
        masking.apply_named(&target.kind, &mut target.id, &id, masked);
        masking.apply_named(&target.kind, &mut target.name, &name, masked);
        masking.apply_text(&mut target.name, &name, masked);
    }
    for (index, reference) in event.references.iter_mut().enumerate() {
        let pointer = format!("/references/{index}/id");
        masking.apply_named(&reference.kind, &mut reference.id, &pointer, masked);
    }
}

fn mask_texts(event: &mut AuditEvent, masking: &Masking, masked: &mut Vec<String>) {
    let texts = [
        ("/action", Some(&mut event.action)),
        ("/error", event.error.as_mut()),
        ("/actor/name", Some(&mut event.actor.name)),
        ("/origin/user_agent", Some(&mut event.origin.user_agent)),
        ("/origin/device", Some(&mut event.origin.device)),
    ];
    for (pointer, text) in texts {
        if let Some(text) = text {
            masking.apply_text(text, pointer, masked);
        }
    }
}
