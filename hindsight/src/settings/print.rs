//! The settings in force as a settings file. **Invariant:** read back it gives the same, save for the secrets, which
//! stand there as comments without their text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::keys::{flat, place};
use super::kinds::Idle;
use super::layers::Effective;
use super::secrets;

impl Effective {
    /// A valid settings file, each line with its origin.
    pub(crate) fn to_toml(&self) -> String {
        let idle = Idle::of(&self.settings);
        let secrets = secrets::keys();
        let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let values = flat(&self.settings);
        for (key, value) in &values {
            let (section, name) = place(key);
            let hidden = secrets.contains(key) && value != "";
            let needs = idle.needs(key);
            // TOML has no null: what is unset is shown as a comment.
            let line = match (value, hidden, &needs) {
                (serde_json::Value::Null, ..) => format!("# {name} ="),
                (_, true, _) => format!("# {name} = (hidden)"),
                (_, _, Some(_)) => format!("# {name} = {value}"),
                _ => format!("{name} = {value}"),
            };
            let told = needs.unwrap_or_else(|| self.origin(key).into());
            sections
                .entry(section)
                .or_default()
                .push(format!("{line:<44} # {told}\n"));
        }
        let mut out = String::new();
        for (section, lines) in sections {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = write!(out, "{gap}[{section}]\n{}", lines.concat());
        }
        out
    }
}
