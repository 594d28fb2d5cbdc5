//! A statement with its parameters and settings. Values never go into the text: they are bound as
//! `{name:Type}` by the engine, so no caller has to quote.

use hindsight_schemas::row_binary::{Micros, Millis};
use uuid::Uuid;

/// A parameter's value, in the text form that ClickHouse reads for `{name:Type}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param(String);

impl Param {
    /// The text as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Parameters are read as values of a TabSeparated file, so what that format escapes must be.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            other => out.push(other),
        }
    }
    out
}

/// Within an array strings are quoted; an array is not read as a file's value, so nothing is escaped twice.
fn quoted(text: &str) -> String {
    format!("'{}'", escaped(text).replace('\'', "\\'"))
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self(escaped(text))
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Param {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

macro_rules! by_display {
    ($($type:ty),*) => {$(
        impl From<$type> for Param {
            fn from(value: $type) -> Self {
                Self(value.to_string())
            }
        }
    )*};
}
by_display!(u8, u16, u32, u64, usize, i32, i64, f64, bool, Uuid);

impl From<Millis> for Param {
    /// For `DateTime64(3)`.
    fn from(time: Millis) -> Self {
        Self(format!(
            "{}.{:03}",
            time.0.div_euclid(1000),
            time.0.rem_euclid(1000)
        ))
    }
}

impl From<&[Millis]> for Param {
    fn from(times: &[Millis]) -> Self {
        let quoted = |time: &Millis| format!("'{}'", Param::from(*time).as_str());
        Self(format!(
            "[{}]",
            times.iter().map(quoted).collect::<Vec<_>>().join(",")
        ))
    }
}

impl From<Micros> for Param {
    /// For `DateTime64(6)`.
    fn from(time: Micros) -> Self {
        Self(format!(
            "{}.{:06}",
            time.0.div_euclid(1_000_000),
            time.0.rem_euclid(1_000_000)
        ))
    }
}

impl From<&[String]> for Param {
    fn from(items: &[String]) -> Self {
        Self(format!(
            "[{}]",
            items
                .iter()
                .map(|item| quoted(item))
                .collect::<Vec<_>>()
                .join(",")
        ))
    }
}

impl From<&[Uuid]> for Param {
    fn from(items: &[Uuid]) -> Self {
        Self(format!(
            "[{}]",
            items
                .iter()
                .map(|id| format!("'{id}'"))
                .collect::<Vec<_>>()
                .join(",")
        ))
    }
}

impl From<&[u64]> for Param {
    fn from(items: &[u64]) -> Self {
        Self(format!(
            "[{}]",
            items.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
        ))
    }
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The text, with `{name:Type}` where values go.
    pub sql: String,
    /// The values.
    pub params: Vec<(String, Param)>,
    /// ClickHouse settings of this statement.
    pub settings: Vec<(String, String)>,
    /// The output format where the text has none.
    pub format: Option<String>,
}

impl Query {
    /// A statement without parameters.
    pub fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            params: vec![],
            settings: vec![],
            format: None,
        }
    }

    /// Binds a value.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Param>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Binds a value as it is, already in ClickHouse's text form (what came as `param_name=` from outside).
    #[must_use]
    pub fn raw_param(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.params.push((name.into(), Param(text.into())));
        self
    }

    /// Sets a ClickHouse setting for this statement.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.settings.push((name.into(), value.to_string()));
        self
    }

    /// The output format where the text has none.
    #[must_use]
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// As [`super::query_rows`] reads it.
    pub(super) fn in_json_lines(self) -> Self {
        self.format("JSONEachRow")
            .setting("date_time_output_format", "iso")
            .setting("output_format_json_quote_64bit_integers", 0)
            .setting("output_format_json_named_tuples_as_objects", 1)
            .setting("output_format_json_quote_denormals", 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_for_their_place() {
        assert_eq!(Param::from("a\tb\\").as_str(), "a\\tb\\\\");
        assert_eq!(
            Param::from(&["it's".to_owned(), "b\\".to_owned()][..]).as_str(),
            r"['it\'s','b\\']"
        );
        assert_eq!(Param::from(Millis(-1)).as_str(), "-1.999");
        assert_eq!(
            Param::from(&[Millis(7), Millis(1_500)][..]).as_str(),
            "['0.007','1.500']"
        );
    }
}
