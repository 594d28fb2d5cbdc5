//! Default masking of audit events by field name, before the log.
//!
//! **Invariant:** a value under a sensitive name never passes, however deep, in arrays, in name/value pairs and in
//! query strings; null, booleans and empty text stay, because they tell whether there was one and hold no secret.
//! Masking what is masked changes nothing. It recurses as deep as the tree: the edge bounds that before (100 levels).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Stands in for what was masked. Its length says nothing of the value's.
pub const MASK: &str = "***";

/// A name that contains one of these (lower case, without separators) is sensitive.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "authorization",
    "cookie",
    "credential",
    "privatekey",
    "apikey",
    "accesskey",
    "signingkey",
    "cardno",
    "cardnum",
    "creditcard",
    "bankcard",
    "debitcard",
    "accountno",
    "bankaccount",
    "iban",
    "idcard",
    "idnumber",
    "idno",
    "identitycard",
    "identityno",
    "nationalid",
    "certno",
    "passport",
    "socialsecurity",
    "securitycode",
    "verificationcode",
    "verifycode",
    "smscode",
    "密码",
    "口令",
    "密钥",
    "令牌",
    "身份证",
    "证件号",
    "护照号",
    "银行卡",
    "卡号",
    "安全码",
    "验证码",
];

/// A name that has one of these as a whole word is sensitive.
const WORDS: &[&str] = &[
    "pwd", "pass", "pan", "pin", "cvv", "cvv2", "cvc", "otp", "ssn", "auth", "bearer", "card",
];

/// Masked only where `phones` is set.
const PHONES: &[&str] = &["phone", "mobile", "telephone", "手机", "电话"];

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
            Value::String(text) => {
                if let Some(clean) = self.clean_query(text) {
                    *text = clean;
                    masked.push(pointer.into());
                }
            }
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

    /// Whether a field of this name is masked.
    pub fn is_sensitive(&self, name: &str) -> bool {
        if self.except.iter().any(|kept| kept == name) {
            return false;
        }
        let plain: String = name
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        let has = |part: &str| plain.contains(part);
        PARTS.iter().any(|part| has(part))
            || words(name).any(|word| WORDS.contains(&word.as_str()))
            || (self.phones && PHONES.iter().any(|part| has(part)))
            || self
                .names
                .iter()
                .any(|own| !own.is_empty() && has(&own.to_lowercase()))
    }

    /// A query string or URL (`a=1&password=x`) with its sensitive parameters masked; `None` where there are none.
    fn clean_query(&self, text: &str) -> Option<String> {
        if !text.contains('=') {
            return None;
        }
        let mut found = false;
        let clean: String = text
            .split_inclusive(['&', '?', ';', '#'])
            .map(|part| {
                let (body, end) = match part.char_indices().next_back() {
                    Some((at, '&' | '?' | ';' | '#')) => part.split_at(at),
                    _ => (part, ""),
                };
                match body.split_once('=') {
                    Some((name, value))
                        if is_parameter(name) && value_is_open(value) && self.is_sensitive(name) =>
                    {
                        found = true;
                        format!("{name}={MASK}{end}")
                    }
                    _ => part.to_owned(),
                }
            })
            .collect();
        found.then_some(clean)
    }
}

fn is_parameter(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && !name.contains(char::is_whitespace)
}

fn value_is_open(value: &str) -> bool {
    !value.is_empty() && value != MASK
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

/// The words of `userPwd`, `user_pwd`, `user-pwd`, `user.pwd`, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut after_lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words
                .last_mut()
                .expect("there is always one")
                .extend(letter.to_lowercase());
        }
        after_lower = letter.is_lowercase() || letter.is_ascii_digit();
    }
    words.into_iter().filter(|word| !word.is_empty())
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
