//! A body of audit events to the texts of its events: one object, an array, or JSON lines; bounded in number and
//! depth. A tree is made of one event at a time, by [`object`].

use serde_json::{Map, Value};

use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Layout;

use crate::recordings::refuse_scan;
use crate::scan::{Fault, ScanError, elements};
use hindsight_schemas::problem::{ItemFault, Refusal, Words};

/// Deepest nesting of an audit event: below the 128 levels at which the tree reader would stop.
pub(super) const MAX_DEPTH: usize = 100;

/// Splits a body.
pub(super) fn split(body: &[u8], most: usize) -> Result<Vec<&[u8]>, Refusal> {
    if is_single_object(body)? {
        return Ok(vec![body.trim_ascii()]);
    }
    let mut elements = elements(body, MAX_DEPTH).map_err(refuse_scan)?;
    let mut texts = Vec::new();
    while let Some(text) = elements.next_text().map_err(refuse_scan)? {
        if texts.len() == most {
            return Err(too_many(most));
        }
        texts.push(text);
    }
    if texts.is_empty() {
        return Err(Refusal::plain(Reason::NoEvents));
    }
    Ok(texts)
}

/// One object may be written over several lines, which JSON lines may not.
fn is_single_object(body: &[u8]) -> Result<bool, Refusal> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Ok(false);
    }
    let wrapped = [b"[", body, b"]"].concat();
    let mut elements = elements(&wrapped, MAX_DEPTH).map_err(refuse_scan)?;
    debug_assert_eq!(elements.layout(), Layout::JsonArray);
    match (elements.next_text(), elements.next_text()) {
        (
            Err(
                error @ ScanError {
                    fault: Fault::NestedTooDeep | Fault::NotUtf8,
                    ..
                },
            ),
            _,
        ) => Err(refuse_scan(error)),
        (Ok(Some(_)), Ok(None)) => Ok(true),
        _ => Ok(false),
    }
}

/// One event as a tree; what is no object is a fault of its own.
pub(super) fn object(index: usize, text: &[u8]) -> Result<Map<String, Value>, ItemFault> {
    match serde_json::from_slice::<Value>(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ItemFault {
            index,
            pointer: String::new(),
            reason: Reason::InvalidAudit,
            detail: Words::new("an audit event is an object", "审计事件必须是对象"),
        }),
        // The grammar is right, so what is left is a number beyond any double or half a surrogate pair.
        Err(error) => Err(ItemFault {
            index,
            pointer: String::new(),
            reason: Reason::InvalidAudit,
            detail: Words::new(
                format!("a value can't be kept exactly: {error}"),
                format!("存在无法准确保存的值：{error}"),
            ),
        }),
    }
}

fn too_many(most: usize) -> Refusal {
    Refusal::new(
        Reason::TooManyEvents,
        format!("the limit limits.audit_events is {most} events a call: send several calls"),
        format!("超过限制 limits.audit_events（每次 {most} 个事件）：请分多次发送"),
    )
}
