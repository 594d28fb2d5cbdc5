//! Elasticsearch's documents of all indices: one for each identity, of a position that may have come first.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Findings;
use super::truth::{Known, Truth, VIEW_GENERATION};

/// Documents of one answer.
const PAGE: usize = 5000;

/// An Elasticsearch, asked beneath everything.
#[derive(Debug, Clone)]
pub struct Documents {
    url: String,
    client: reqwest::Client,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "_scroll_id")]
    scroll_id: String,
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_source")]
    source: Source,
}

#[derive(Deserialize)]
struct Source {
    kind: String,
    #[serde(default)]
    position: String,
}

impl Documents {
    /// Of the server at this address.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.into(),
            client: reqwest::Client::new(),
        }
    }

    /// Compares every index with the log.
    pub(super) async fn compare(&self, truth: &Truth, findings: &mut Findings) -> anyhow::Result<()> {
        let activity = self.all("activity").await?;
        one_each("activity documents", activity, truth.batches(), findings);
        let audit = self.all("audit").await?;
        one_each("audit documents", audit, truth.audit(), findings);
        Ok(())
    }

    /// A setting of the indices of a family, where there are some.
    pub async fn set(&self, family: &str, settings: &Value) -> anyhow::Result<()> {
        let path = format!("{}/hindsight-{family}-g{VIEW_GENERATION}*/_settings", self.url);
        let answer = self.client.put(path).json(settings).send().await?;
        if answer.status() != reqwest::StatusCode::NOT_FOUND {
            answer.error_for_status()?;
        }
        Ok(())
    }

    /// The places of the documents of each id, stubs left out.
    async fn all(&self, family: &str) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        let index = format!("{}/hindsight-{family}-g{VIEW_GENERATION}*", self.url);
        self.client
            .post(format!("{index}/_refresh"))
            .send()
            .await?
            .error_for_status()?;
        let first = json!({"size": PAGE, "sort": ["_doc"], "_source": ["kind", "position"]});
        let mut answer = self.page(&format!("{index}/_search?scroll=1m"), &first).await?;
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        while !answer.hits.hits.is_empty() {
            for Hit { id, source } in answer.hits.hits {
                if source.kind == family {
                    found.entry(id).or_default().push(source.position);
                }
            }
            let next = json!({"scroll": "1m", "scroll_id": answer.scroll_id});
            answer = self.page(&format!("{}/_search/scroll", self.url), &next).await?;
        }
        Ok(found)
    }

    async fn page(&self, url: &str, body: &Value) -> anyhow::Result<Answer> {
        let answer = self.client.post(url).json(body).send().await?;
        let answer = answer.error_for_status()?;
        answer.json().await.context("a page of documents")
    }
}

fn one_each<'a>(
    name: &str,
    mut found: BTreeMap<String, Vec<String>>,
    known: impl Iterator<Item = (&'a String, &'a Known)>,
    findings: &mut Findings,
) {
    for (identity, known) in known {
        match found.remove(identity).as_deref() {
            None => findings.missing(format_args!("{identity} in {name}")),
            Some([place]) if known.may_be_first(place) => {}
            Some([place]) => findings.odd(format_args!("{identity} in {name} of {place}")),
            Some(places) => findings.double(format_args!("{identity} in {name} of {places:?}")),
        }
    }
    for (identity, places) in found {
        findings.odd(format_args!(
            "{identity} in {name} of {places:?}, which is erased or not in the log"
        ));
    }
}
