//! The plain operation-log names, translated to those of the contract; and the words for outcomes and operations.
//!
//! Where both names are there, the contract's counts and the other goes to `extra` like any unknown field.

use hindsight_schemas::audit::{Operation, Outcome};
use serde_json::{Map, Value};

const NAMES: &[(&str, &str)] = &[
    ("log_id", "id"),
    ("operation_type", "action"),
    ("operation_time", "occurred_at"),
    ("request_params", "request"),
    ("response_data", "response"),
    ("before_state", "before"),
    ("after_state", "after"),
    ("status", "outcome"),
    ("error_message", "error"),
    ("session", "session_id"),
];

/// Names that go into an object: (plain name, object, member).
const NESTED: &[(&str, &str, &str)] = &[
    ("user_id", "actor", "id"),
    ("username", "actor", "name"),
    ("ip_address", "origin", "ip"),
    ("user_agent", "origin", "user_agent"),
    ("device_info", "origin", "device"),
];

/// Renames in place.
pub(super) fn translate(event: &mut Map<String, Value>) {
    for (plain, contract) in NAMES {
        if !event.contains_key(*contract)
            && let Some(value) = event.remove(*plain)
        {
            event.insert((*contract).into(), value);
        }
    }
    for (plain, object, member) in NESTED {
        let slot = event.get(*object);
        let is_free = slot.is_none_or(|slot| {
            slot.is_null() || slot.as_object().is_some_and(|it| !it.contains_key(*member))
        });
        if is_free && let Some(value) = event.remove(*plain) {
            let slot = event.entry(*object).or_insert(Value::Null);
            if slot.is_null() {
                *slot = Value::Object(Map::new());
            }
            slot.as_object_mut()
                .expect("it is free")
                .insert((*member).into(), value);
        }
    }
}

/// How it ended, by its word.
pub(super) fn outcome(word: &str) -> Option<Outcome> {
    match word.to_lowercase().as_str() {
        "success" | "succeeded" | "ok" | "成功" => Some(Outcome::Success),
        "failure" | "failed" | "fail" | "error" | "失败" => Some(Outcome::Failure),
        _ => None,
    }
}

/// The kind of an operation, by its own name in the contract.
pub(super) fn operation(word: &str) -> Option<Operation> {
    serde_json::from_value(Value::String(word.to_lowercase())).ok()
}

const WORDS: &[(Operation, &[&str])] = &[
    (
        Operation::Create,
        &[
            "create", "add", "insert", "new", "register", "下单", "新增", "创建", "添加", "注册", "提交",
        ],
    ),
    (
        Operation::Approve,
        &["approve", "reject", "review", "审批", "审核", "批准", "驳回"],
    ),
    (Operation::Export, &["export", "download", "导出", "下载"]),
    (Operation::Delete, &["delete", "remove", "删除", "移除"]),
    (
        Operation::Login,
        &["login", "logout", "signin", "登录", "登陆", "登出"],
    ),
    (
        Operation::Update,
        &[
            "update", "edit", "modify", "change", "set", "pay", "refund", "cancel", "修改", "更新", "变更",
            "编辑", "支付", "退款", "取消",
        ],
    ),
    (
        Operation::Read,
        &[
            "read", "view", "query", "get", "list", "search", "查询", "查看", "浏览",
        ],
    ),
];

/// The kind of an operation, guessed from the application's own name for it.
pub(super) fn guess(action: &str) -> Operation {
    let lower = action.to_lowercase();
    let is_word = |known: &str| {
        lower
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == known)
    };
    let fits = |known: &&str| {
        if known.is_ascii() {
            is_word(known)
        } else {
            lower.contains(*known)
        }
    };
    WORDS
        .iter()
        .find(|(_, words)| words.iter().any(fits))
        .map_or(Operation::Other, |(operation, _)| *operation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_names_are_translated_and_clashes_kept() {
        let mut event = json!({
            "log_id": 7, "user_id": "u", "username": "li", "operation_type": "下单", "status": "成功",
            "ip_address": "203.0.113.9", "before": {"a": 1}, "before_state": {"b": 2}, "session": "s",
        });
        translate(event.as_object_mut().unwrap());
        assert_eq!(
            event,
            json!({
                "id": 7, "actor": {"id": "u", "name": "li"}, "action": "下单", "outcome": "成功",
                "origin": {"ip": "203.0.113.9"}, "before": {"a": 1}, "before_state": {"b": 2}, "session_id": "s",
            })
        );
    }

    #[test]
    fn operations_are_guessed_by_whole_words() {
        for (action, expected) in [
            ("policy.update", Operation::Update),
            ("下单", Operation::Create),
            ("用户登录", Operation::Login),
            ("order.created_at", Operation::Other),
            ("preview", Operation::Other),
            ("导出报表", Operation::Export),
        ] {
            assert_eq!(guess(action), expected, "{action}");
        }
    }
}
