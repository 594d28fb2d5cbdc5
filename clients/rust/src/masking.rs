//! Which field names hold secrets. The same rules as the edge's own, held together by `clients/vectors/masking.json`.
//!
//! What was decided of a name is remembered for up to [`MOST_REMEMBERED`] names: an application has few, and a map with
//! keys made of data must not grow for ever.

use std::collections::HashMap;
use std::sync::RwLock;

/// Stands in for what was masked. Its length says nothing of the value's.
pub(crate) const MASK: &str = "***";

const MOST_REMEMBERED: usize = 4_096;
const MOST_PARAMETER_BYTES: usize = 64;

/// A name that contains one of these (lower case, without separators) is sensitive.
const PARTS: &str = "password passwd passphrase passcode secret token authorization cookie credential privatekey apikey \
    accesskey signingkey cardno cardnum creditcard bankcard debitcard accountno bankaccount iban idcard idnumber idno \
    identitycard identityno nationalid certno passport socialsecurity securitycode verificationcode verifycode smscode \
    密码 口令 密钥 令牌 身份证 证件号 护照号 银行卡 卡号 安全码 验证码";

/// A name that has one of these as a whole word is sensitive.
const WORDS: &[&str] = &[
    "pwd", "pass", "pan", "pin", "cvv", "cvv2", "cvc", "otp", "ssn", "auth", "bearer", "card",
];

const PHONES: &[&str] = &["phone", "mobile", "telephone", "手机", "电话"];

/// The rules of one client.
#[derive(Debug)]
pub(crate) struct Masking {
    parts: Vec<String>,
    except: Vec<String>,
    remembered: RwLock<HashMap<String, bool>>,
}

impl Masking {
    pub(crate) fn new(names: &[String], except: &[String], phones: bool) -> Self {
        let own = names
            .iter()
            .map(|name| name.to_lowercase())
            .filter(|name| !name.is_empty());
        let phones = PHONES.iter().filter(|_| phones).map(|part| (*part).to_owned());
        Self {
            parts: PARTS
                .split_whitespace()
                .map(str::to_owned)
                .chain(own)
                .chain(phones)
                .collect(),
            except: except.to_vec(),
            remembered: RwLock::default(),
        }
    }

    /// Whether the value under this name is masked.
    pub(crate) fn is_sensitive(&self, name: &str) -> bool {
        let known = self
            .remembered
            .read()
            .ok()
            .and_then(|names| names.get(name).copied());
        known.unwrap_or_else(|| {
            let sensitive = self.decide(name);
            if let Ok(mut names) = self.remembered.write()
                && names.len() < MOST_REMEMBERED
            {
                names.insert(name.to_owned(), sensitive);
            }
            sensitive
        })
    }

    fn decide(&self, name: &str) -> bool {
        if self.except.iter().any(|kept| kept == name) {
            return false;
        }
        let plain: String = name
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        self.parts.iter().any(|part| plain.contains(part.as_str())) || has_word(name)
    }

    /// A query string or address with its sensitive parameters masked; none where there are none.
    pub(crate) fn clean_query(&self, text: &str) -> Option<String> {
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
                    Some((name, value)) if is_open(name, value) && self.is_sensitive(name) => {
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

fn is_open(name: &str, value: &str) -> bool {
    let is_name = (1..=MOST_PARAMETER_BYTES).contains(&name.len()) && !name.contains(char::is_whitespace);
    is_name && !value.is_empty() && value != MASK
}

/// Looks at the words of `userPwd`, `user_pwd`, `user-pwd`, `user.pwd`.
fn has_word(name: &str) -> bool {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        after_lower = letter.is_lowercase() || letter.is_ascii_digit();
    }
    words.iter().any(|word| WORDS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateWriter;
    use crate::vectors::file;
    use serde_json::Value;

    fn texts(value: &Value) -> Vec<String> {
        let items = value.as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn names_are_known_as_the_cases_say() {
        let (file, plain) = (file("masking"), Masking::new(&[], &[], false));
        for name in texts(&file["sensitive"]) {
            assert!(plain.is_sensitive(&name), "{name}");
        }
        for name in texts(&file["open"]) {
            assert!(!plain.is_sensitive(&name), "{name}");
        }
    }

    #[test]
    fn values_are_masked_as_the_cases_say() {
        for case in file("masking")["cases"].as_array().unwrap() {
            let own = &case["settings"];
            let phones = own["phones"].as_bool().unwrap_or_default();
            let masking = Masking::new(&texts(&own["names"]), &texts(&own["except"]), phones);
            let masked = StateWriter::new(masking, 32).write(case["value"].clone());
            assert_eq!(
                serde_json::to_value(masked).unwrap(),
                case["expect"],
                "{}",
                case["name"]
            );
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let masking = Masking::new(&[], &[], false);
        for number in 0..2 * MOST_REMEMBERED {
            assert!(!masking.is_sensitive(&format!("field{number}")));
        }
        assert_eq!(masking.remembered.read().unwrap().len(), MOST_REMEMBERED);
        assert!(masking.is_sensitive("password"));
    }
}
