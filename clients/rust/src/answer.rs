//! What an answer of the edge means for a batch (`clients/vectors/answers.json`).
//!
//! Only a 202 that accounts for each event counts as kept: a sign-in page or a proxy also answers 200. What a person can
//! mend (key, address) holds the batch and loses nothing.

use std::time::Duration;

use serde::Deserialize;

/// Most that is waited because the edge says so.
const MOST_AFTER: Duration = Duration::from_secs(600);

/// What to do with a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The edge holds it, save for those refused.
    Kept(Vec<Refused>),
    /// Send the same again, not before `after`.
    Later { after: Duration, why: String },
    /// As later, but somebody has to mend something first.
    Hold(String),
    /// Something in the batch is refused: send its halves, and set a single event aside.
    Split(String),
}

/// An event that the edge won't have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) index: usize,
    pub(crate) why: String,
}

/// What the network gave; status 0: nothing.
#[derive(Debug, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    accepted: Option<usize>,
    errors: Vec<ItemError>,
    reason: String,
    detail: String,
    retry_after_ms: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ItemError {
    index: usize,
    reason: String,
    detail: String,
}

impl Answer {
    /// Decides.
    pub(crate) fn of(response: Response, sent: usize) -> Self {
        let body: Body = serde_json::from_slice(&response.body).unwrap_or_default();
        let why = match response.status {
            0 => response.error,
            status => format!("status {status} {} {}", body.reason, body.detail)
                .trim()
                .to_owned(),
        };
        match response.status {
            202 => accepted(body, sent),
            0 | 408 | 429 | 500.. => Self::Later {
                after: after(response.retry_after.as_deref(), body.retry_after_ms),
                why,
            },
            400 | 413 | 422 => Self::Split(why),
            _ => Self::Hold(why),
        }
    }
}

fn accepted(body: Body, sent: usize) -> Answer {
    if let Some(error) = body.errors.iter().find(|error| error.index >= sent) {
        return Answer::Hold(format!("the answer names event {} of {sent}", error.index));
    }
    match body.accepted {
        Some(accepted) if accepted + body.errors.len() == sent => Answer::Kept(
            body.errors
                .into_iter()
                .map(|error| Refused {
                    index: error.index,
                    why: format!("{} {}", error.reason, error.detail),
                })
                .collect(),
        ),
        accepted => Answer::Hold(format!(
            "status 202, but not by the edge: {} of {sent} events accepted",
            accepted.unwrap_or_default()
        )),
    }
}

fn after(header: Option<&str>, exact_ms: u64) -> Duration {
    let seconds = header
        .map(str::trim)
        .filter(|text| text.len() <= 9)
        .and_then(|text| text.parse().ok());
    let asked = match exact_ms {
        0 => Duration::from_secs(seconds.unwrap_or_default()),
        ms => Duration::from_millis(ms),
    };
    asked.min(MOST_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{cases, text};

    #[test]
    fn answers_are_read_as_the_cases_say() {
        for case in cases("answers") {
            let body = &case["body"];
            let response = Response {
                status: u16::try_from(case["status"].as_u64().unwrap()).unwrap(),
                retry_after: text(&case["headers"]["retry-after"]),
                body: body.as_str().map_or_else(
                    || serde_json::to_vec(body).unwrap(),
                    |text| text.as_bytes().to_vec(),
                ),
                error: "none".into(),
            };
            let sent = usize::try_from(case["sent"].as_u64().unwrap()).unwrap();
            let (expect, name) = (&case["expect"], &case["name"]);
            let action = match Answer::of(response, sent) {
                Answer::Kept(refused) => {
                    let indices: Vec<usize> = refused.iter().map(|one| one.index).collect();
                    assert_eq!(serde_json::json!(indices), expect["rejected"], "{name}");
                    "kept"
                }
                Answer::Later { after, .. } => {
                    let expected = expect["after_ms"].as_u64().unwrap_or_default();
                    assert_eq!(after, Duration::from_millis(expected), "{name}");
                    "later"
                }
                Answer::Hold(_) => "hold",
                Answer::Split(_) => "split",
            };
            assert_eq!(action, expect["action"], "{name}");
        }
    }
}
