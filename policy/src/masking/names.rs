//! Which field names are sensitive, in all their spellings.

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

/// Whether a name is sensitive by itself; `phones` asks for telephone numbers, too.
pub(super) fn is_sensitive(name: &str, phones: bool) -> bool {
    let plain = plain(name);
    PARTS.iter().any(|part| plain.contains(part))
        || words(name).any(|word| WORDS.contains(&word.as_str()))
        || (phones && PHONES.iter().any(|part| plain.contains(part)))
}

/// A name in lower case, without separators.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
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
