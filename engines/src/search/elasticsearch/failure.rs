//! What an error of Elasticsearch means for us, by its type first and its status second: one rule for whole
//! requests and for items of a bulk. Pure.
//!
//! **Invariant:** only an error that names the document's own content is blamed on it; whatever else is not
//! known keeps the lane where it is, so nothing good goes to dead letters.

use serde::Deserialize;

use super::refusal::Refusal;

/// Bytes of the engine's words that are kept.
const WORDS: usize = 500;

/// A request, or an item of a bulk, that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not now: the same again, soon.
    Busy(String),
    /// No answer, or one that says nothing about what was done.
    Unknown(String),
    /// More than the server takes in one request.
    TooLarge(String),
    /// 409: the id is taken, or a lower version came late.
    Taken,
    /// A person must act.
    Refused(Refusal),
    /// The document can't be read by the mapping it met.
    Document(String),
    /// Anything else, in the engine's words.
    Other(String),
}

/// `error` of an answer, and of an item.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
    index: Option<String>,
    caused_by: Option<Box<ErrorBody>>,
    /// What a search says of its shards, where the type says only that they failed.
    root_cause: Vec<ErrorBody>,
    failed_shards: Vec<FailedShard>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct FailedShard {
    reason: ErrorBody,
}

#[derive(Debug, Deserialize)]
struct Answer {
    error: ErrorBody,
}

impl Failure {
    /// Of an answer with a status that is no success.
    pub(super) fn of_answer(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<Answer>(body) {
            Ok(answer) => Self::of_error(status, &answer.error, None),
            Err(_) => {
                let words = String::from_utf8_lossy(&body[..body.len().min(WORDS)]).into_owned();
                let error = ErrorBody {
                    reason: Some(words),
                    ..ErrorBody::default()
                };
                Self::of_error(status, &error, None)
            }
        }
    }

    /// Of an error; `index` is the item's, where the error doesn't name one.
    pub(super) fn of_error(status: u16, error: &ErrorBody, index: Option<&str>) -> Self {
        let words = error.words(status);
        let index = error.named_index().or(index).unwrap_or("hindsight-*").to_owned();
        match error.telling() {
            "version_conflict_engine_exception" => Self::Taken,
            "cluster_block_exception" if status != 503 => Self::Refused(Refusal::ReadOnly { index, words }),
            "index_closed_exception" => Self::Refused(Refusal::Closed { index }),
            "index_not_found_exception" => Self::Refused(Refusal::Gone { index }),
            "validation_exception" if words.contains("shards") => Self::Refused(Refusal::Shards { words }),
            "document_parsing_exception"
            | "mapper_parsing_exception"
            | "strict_dynamic_mapping_exception" => Self::Document(words),
            _ => match status {
                401 => Self::Refused(Refusal::Credentials { words }),
                403 => Self::Refused(Refusal::Right { words }),
                413 => Self::TooLarge(words),
                429 | 502..=504 => Self::Busy(words),
                500.. => Self::Unknown(words),
                _ => Self::Other(words),
            },
        }
    }

    /// What it says.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Busy(words) | Self::Unknown(words) | Self::TooLarge(words) => words.clone(),
            Self::Document(words) | Self::Other(words) => words.clone(),
            Self::Refused(refusal) => refusal.to_string(),
            Self::Taken => "the id is taken".into(),
        }
    }
}

impl ErrorBody {
    fn roots(&self) -> impl Iterator<Item = &ErrorBody> {
        let shards = self.failed_shards.iter().map(|shard| &shard.reason);
        std::iter::once(self).chain(&self.root_cause).chain(shards)
    }

    /// The type that tells most: that of a shard, where the search's own says only that shards failed.
    fn telling(&self) -> &str {
        let vague = ["search_phase_execution_exception", "exception", ""];
        let kinds = self.roots().map(|error| error.kind.as_str());
        kinds
            .into_iter()
            .find(|kind| !vague.contains(kind))
            .unwrap_or(&self.kind)
    }

    fn named_index(&self) -> Option<&str> {
        self.roots().find_map(|error| error.index.as_deref())
    }

    fn words(&self, status: u16) -> String {
        let mut words = format!("status {status}");
        let mut next = self.roots().find(|error| error.reason.is_some()).or(Some(self));
        while let Some(error) = next {
            let reason = error.reason.as_deref().unwrap_or_default();
            words.push_str(&format!(": {} {}", error.kind, reason));
            next = error.caused_by.as_deref();
        }
        words.truncate(words.floor_char_boundary(WORDS));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Failure {
        Failure::of_answer(status, body.as_bytes())
    }

    #[test]
    fn the_type_decides_before_the_status() {
        let blocked = r#"{"error":{"type":"cluster_block_exception","reason":"index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark]","index":"i"}}"#;
        let Failure::Refused(Refusal::ReadOnly { index, .. }) = of(429, blocked) else {
            panic!("a full disk is no rush hour")
        };
        assert_eq!(index, "i");
        assert!(matches!(of(503, blocked), Failure::Busy(_)), "no master yet");
        let rejected = r#"{"error":{"type":"es_rejected_execution_exception","reason":"queue full"}}"#;
        assert!(matches!(of(429, rejected), Failure::Busy(_)));
    }

    #[test]
    fn what_is_not_known_is_never_blamed_on_the_document() {
        let body = r#"{"error":{"type":"illegal_argument_exception","reason":"something new"}}"#;
        assert!(matches!(of(400, body), Failure::Other(_)));
        assert!(matches!(of(400, "<html>"), Failure::Other(_)));
        assert!(matches!(of(500, "{}"), Failure::Unknown(_)));
        assert!(matches!(
            of(401, ""),
            Failure::Refused(Refusal::Credentials { .. })
        ));
        assert!(matches!(of(413, "too large"), Failure::TooLarge(_)));
    }

    #[test]
    fn a_search_says_what_its_shards_said() {
        let body = r#"{"error":{"type":"search_phase_execution_exception","reason":"all shards failed",
            "failed_shards":[{"reason":{"type":"index_closed_exception","reason":"closed","index":"i"}}]}}"#;
        assert_eq!(
            of(400, body),
            Failure::Refused(Refusal::Closed { index: "i".into() })
        );
    }

    #[test]
    fn words_follow_the_causes_and_are_bounded() {
        let body = r#"{"error":{"type":"document_parsing_exception","reason":"failed to parse field [action]",
            "caused_by":{"type":"illegal_argument_exception","reason":"For input string"}}}"#;
        let Failure::Document(words) = of(400, body) else {
            panic!("blames the document")
        };
        assert!(
            words.contains("[action]") && words.contains("For input string"),
            "{words}"
        );
        let long = format!(r#"{{"error":{{"type":"x","reason":"{}"}}}}"#, "文".repeat(WORDS));
        assert!(of(400, &long).words().len() <= WORDS);
    }
}
