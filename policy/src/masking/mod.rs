//! Default masking of audit events by field name, before the log.
//!
//! **Invariant:** a value under a sensitive name never passes, however deep, in arrays, in name/value pairs and in
//! texts that say `name=value` or `name: value`; null, booleans and empty text stay, because they tell whether there
//! was one and hold no secret. Masking what is masked changes nothing. It recurses as deep as the tree: the edge
//! bounds that before (100 levels).

mod names;
mod text;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Stands in for what was masked. Its length says nothing of the value's.
pub const MASK: &str = "***";

/// Which names hold a name, where its value lies beside it in `value`: `{"name": "password", "value": "x"}`.
const PAIR_NAMES: &[&str] = &["name", "key", "field", "param"];

/// What is masked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Masking {
    /// Further names, matched like the built-in ones. Default none.
    pub names: Vec<String>,
    /// Names that are never masked although a rule would, in full. Default none.
    pub except: Vec<String>,
    /// Whether telephone numbers are masked, too. Default false: auditors search by them.
    pub phones: bool,
}

impl Masking {
    /// Masks a tree in place. `pointer` is the JSON pointer (RFC 6901) of the tree itself; the pointers of what
    /// was masked are added to `masked`.
    pub fn apply(&self, value: &mut Value, pointer: &str, masked: &mut Vec<String>) {
        match value {
            Value::Object(members) => self.apply_object(members, pointer, masked),
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.apply(item, &format!("{pointer}/{index}"), masked);
                }
            }
            Value::String(text) => self.apply_text(text, pointer, masked),
            _ => {}
        }
    }

    /// Masks an object's members in place.
    pub fn apply_object(&self, members: &mut Map<String, Value>, pointer: &str, masked: &mut Vec<String>) {
        let pair_is_sensitive = PAIR_NAMES.iter().any(|name| {
            members
                .get(*name)
                .and_then(Value::as_str)
                .is_some_and(|text| self.is_sensitive(text))
        });
        for (name, value) in members.iter_mut() {
            let place = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            if self.is_sensitive(name) || (pair_is_sensitive && name == "value") {
                mask_value(value, place, masked);
            } else {
                self.apply(value, &place, masked);
            }
        }
    }

    /// Masks a value whose name stands beside it: `{"type": "bank_card", "id": "6222..."}`.
    pub fn apply_named(&self, name: &str, value: &mut String, pointer: &str, masked: &mut Vec<String>) {
        let is_open = !value.is_empty() && value != MASK;
        if is_open && self.is_sensitive(name) {
            *value = MASK.into();
            masked.push(pointer.into());
        }
    }

    /// Masks what a free text gives away.
    pub fn apply_text(&self, text: &mut String, pointer: &str, masked: &mut Vec<String>) {
        if let Some(clean) = self.clean(text) {
            *text = clean;
            masked.push(pointer.into());
        }
    }

    /// Whether a field of this name is masked.
    pub fn is_sensitive(&self, name: &str) -> bool {
        if self.except.iter().any(|kept| kept == name) {
            return false;
        }
        let own = |own: &String| !own.is_empty() && names::plain(name).contains(&own.to_lowercase());
        names::is_sensitive(name, self.phones) || self.names.iter().any(own)
    }

    /// A text with the values masked that it gives to sensitive names (`password=x`, `卡号：6222`, a query string, a
    /// fragment of JSON); `None` where there are none.
    pub fn clean(&self, text: &str) -> Option<String> {
        text::clean(text, |name| self.is_sensitive(name))
    }
}

fn mask_value(value: &mut Value, pointer: String, masked: &mut Vec<String>) {
    let holds_nothing = match value {
        Value::Null | Value::Bool(_) => true,
        Value::String(text) => text.is_empty() || text == MASK,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(_) => false,
    };
    if !holds_nothing {
        *value = Value::String(MASK.into());
        masked.push(pointer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(masking: &Masking, mut before: Value, after: Value, pointers: &[&str]) {
        let mut masked = vec![];
        masking.apply(&mut before, "", &mut masked);
        assert_eq!(
            (&before, masked),
            (&after, pointers.iter().map(|p| p.to_string()).collect::<Vec<_>>())
        );
        let mut again = vec![];
        masking.apply(&mut before, "", &mut again);
        assert_eq!((before, again), (after, vec![]), "masking twice is masking once");
    }

    #[test]
    fn sensitive_names_are_known_in_all_spellings() {
        let masking = Masking::default();
        for name in [
            "password",
            "Password",
            "userPassword",
            "user_pwd",
            "userPwd",
            "access_token",
            "X-Auth-Token",
            "Authorization",
            "Set-Cookie",
            "cardNo",
            "card_number",
            "card",
            "PAN",
            "cvv",
            "idCardNo",
            "id_number",
            "身份证",
            "身份证号码",
            "银行卡号",
            "登录密码",
            "client-secret",
            "api_key",
        ] {
            assert!(masking.is_sensitive(name), "{name}");
        }
        for name in [
            "name", "company", "panel", "pinned", "order_id", "discard", "phone", "author", "状态", "id",
        ] {
            assert!(!masking.is_sensitive(name), "{name}");
        }
    }

    #[test]
    fn values_are_masked_however_deep() {
        check(
            &Masking::default(),
            json!({"a": [{"password": "x", "n": 1}], "card": {"pan": "4111"}, "a/b": {"pin": 1234}}),
            json!({"a": [{"password": "***", "n": 1}], "card": "***", "a/b": {"pin": "***"}}),
            &["/a/0/password", "/a~1b/pin", "/card"],
        );
    }

    #[test]
    fn pairs_and_queries_are_masked() {
        check(
            &Masking::default(),
            json!({"headers": [{"name": "Authorization", "value": "Bearer x"}, {"name": "Accept", "value": "*/*"}],
                   "q": "user=li&password=abc&x=1", "url": "https://a.example/p?token=t#top"}),
            json!({"headers": [{"name": "Authorization", "value": "***"}, {"name": "Accept", "value": "*/*"}],
                   "q": "user=li&password=***&x=1", "url": "https://a.example/p?token=***#top"}),
            &["/headers/0/value", "/q", "/url"],
        );
    }

    #[test]
    fn what_holds_no_secret_stays() {
        check(
            &Masking::default(),
            json!({"password": null, "password_changed": true, "token": "", "n": 12}),
            json!({"password": null, "password_changed": true, "token": "", "n": 12}),
            &[],
        );
    }

    #[test]
    fn settings_add_and_except() {
        let own = Masking {
            names: vec!["salary".into()],
            except: vec!["token_count".into()],
            phones: true,
        };
        check(
            &own,
            json!({"base_salary": 100, "token_count": 3, "mobilePhone": "138"}),
            json!({"base_salary": "***", "token_count": 3, "mobilePhone": "***"}),
            &["/base_salary", "/mobilePhone"],
        );
    }

    /// The service clients mask by the same rules: these are the cases that they are tested with.
    #[test]
    fn clients_and_edge_agree() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/vectors/masking.json");
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(file["mask"], MASK);
        let all = |list: &Value| list.as_array().unwrap().clone();
        for (names, expected) in [("sensitive", true), ("open", false)] {
            for name in all(&file[names]) {
                assert_eq!(
                    Masking::default().is_sensitive(name.as_str().unwrap()),
                    expected,
                    "{name}"
                );
            }
        }
        for case in all(&file["cases"]) {
            let settings = case.get("settings").cloned().unwrap_or_else(|| json!({}));
            let masking: Masking = serde_json::from_value(settings).unwrap();
            let mut value = case["value"].clone();
            masking.apply(&mut value, "", &mut vec![]);
            assert_eq!(value, case["expect"], "{}", case["name"]);
        }
    }
}
