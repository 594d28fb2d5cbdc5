//! What a request asks for, from query string, headers and form fields, as ClickHouse's HTTP interface has them.
//!
//! **Invariant:** a name that isn't the interface's own is a setting, and settings reach the engine only as names of
//! letters, digits, `_` and `.` with quoted values. **Bound**: [`MAX_FORM_BYTES`] for a form.

use axum::extract::{FromRequest, Multipart, Query, Request};
use axum::http::{HeaderMap, Method, header, request::Parts};

use super::error::EngineError;

/// The longest `multipart/form-data` body: a statement and its parameters.
pub(super) const MAX_FORM_BYTES: usize = 64 << 20;

/// Names that clients send and that mean nothing here: sessions and progress are not offered.
const IGNORED: &[&str] = &[
    "session_id",
    "session_timeout",
    "session_check",
    "close_session",
    "quota_key",
    "role",
    "stacktrace",
    "buffer_size",
    "wait_end_of_query",
    "client_protocol_version",
    "http_headers_progress_interval_ms",
];

/// A statement with all that goes with it, save the body.
#[derive(Debug, Default)]
pub(super) struct Ask {
    pub(super) query: String,
    pub(super) database: Option<String>,
    pub(super) format: Option<String>,
    pub(super) query_id: Option<String>,
    /// The response goes out in native compressed blocks.
    pub(super) compress: bool,
    /// The body is in native compressed blocks.
    pub(super) decompress: bool,
    /// The body's `Content-Encoding`.
    pub(super) encoding: String,
    pub(super) settings: Vec<(String, String)>,
    pub(super) params: Vec<(String, String)>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

impl Ask {
    /// From the head alone; a form's fields are added by [`Ask::add_form`].
    pub(super) fn of_head(head: &Parts) -> Result<Self, EngineError> {
        let mut ask = Self::default();
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&head.uri);
        let Query(pairs) = pairs.map_err(|error| EngineError::new(36, "BAD_ARGUMENTS", error))?;
        pairs.into_iter().for_each(|(name, value)| ask.put(&name, value));
        for (name, field) in [
            ("x-clickhouse-database", "database"),
            ("x-clickhouse-format", "default_format"),
            ("x-clickhouse-query-id", "query_id"),
        ] {
            if let Some(value) = text(&head.headers, name) {
                ask.put(field, value.to_owned());
            }
        }
        ask.encoding = text(&head.headers, header::CONTENT_ENCODING.as_str())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if head.method == Method::GET {
            ask.settings.push(("readonly".into(), "2".into()));
        }
        Ok(ask)
    }

    /// Takes the fields of a form.
    pub(super) async fn add_form(&mut self, request: Request) -> Result<(), EngineError> {
        let refused = |error: &dyn std::fmt::Display| EngineError::new(36, "BAD_ARGUMENTS", error);
        let mut form = Multipart::from_request(request, &())
            .await
            .map_err(|error| refused(&error))?;
        while let Some(field) = form.next_field().await.map_err(|error| refused(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            let value = field.text().await.map_err(|error| refused(&error))?;
            self.put(&name, value);
        }
        Ok(())
    }

    fn put(&mut self, name: &str, value: String) {
        let is_on = matches!(value.as_str(), "1" | "true");
        match name {
            "query" => self.query = value,
            "database" => self.database = Some(value),
            "default_format" => self.format = Some(value),
            "query_id" => self.query_id = Some(value),
            "compress" => self.compress = is_on,
            "decompress" => self.decompress = is_on,
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            _ if IGNORED.contains(&name) => {}
            _ => match name.strip_prefix("param_") {
                Some(param) => self.params.push((param.to_owned(), value)),
                None => self.settings.push((name.to_owned(), value)),
            },
        }
    }

    /// The statements that prepare a connection: the database, then the settings. `log_comment` carries the query id,
    /// which libchdb doesn't let us choose.
    pub(super) fn preparation(&self) -> Result<Vec<String>, EngineError> {
        let mut settings = vec![format!(
            "log_comment = {}",
            quoted(self.query_id.as_deref().unwrap_or_default())
        )];
        for (name, value) in &self.settings {
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
            {
                return Err(EngineError::new(
                    115,
                    "UNKNOWN_SETTING",
                    format!("Unknown setting {name:?}"),
                ));
            }
            settings.push(format!("{name} = {}", quoted(value)));
        }
        let database = self
            .database
            .as_deref()
            .filter(|name| !name.is_empty() && *name != "default");
        let using = database.map(|name| format!("USE `{}`", name.replace('\\', "\\\\").replace('`', "\\`")));
        Ok(using
            .into_iter()
            .chain([format!("SET {}", settings.join(", "))])
            .collect())
    }
}

/// A header's value as text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A SQL string.
pub(super) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(uri: &str) -> Ask {
        let (head, ()) = axum::http::Request::builder()
            .uri(uri)
            .method("POST")
            .body(())
            .unwrap()
            .into_parts();
        Ask::of_head(&head).unwrap()
    }

    #[test]
    fn names_find_their_place() {
        let ask = ask(
            "/?query=SELECT+1&database=d%60b&param_p=v&max_threads=2&session_id=s&compress=1&query_id=q'1",
        );
        assert_eq!((ask.query.as_str(), ask.compress), ("SELECT 1", true));
        assert_eq!(ask.params, [("p".to_owned(), "v".to_owned())]);
        let preparation = ask.preparation().unwrap();
        assert_eq!(
            preparation,
            [r"USE `d\`b`", r"SET log_comment = 'q\'1', max_threads = '2'"]
        );
    }

    #[test]
    fn a_setting_can_not_carry_sql() {
        assert_eq!(ask("/?a%20=1").preparation().unwrap_err().code, 115);
    }
}
