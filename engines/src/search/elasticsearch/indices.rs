//! Templates and indices: made where they are missing, compared where they are there.
//!
//! **Invariant:** nothing is written to an index whose mapping this process has not compared with ours, so a
//! mapping of somebody else's is named before any document is blamed. Names come from ids, so the number of
//! indices is that of the months in which something happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use elasticsearch::http::Method;
use hindsight_schemas::templates::IndexFamily;
use serde::Deserialize;
use serde_json::Value;

use super::super::SearchError;
use super::ElasticsearchSearch;
use super::client::{Client, Request};
use super::failure::Failure;
use super::names::Names;
use super::options::ElasticsearchOptions;
use super::refusal::Refusal;

/// Every index, also those that are closed: what can't be searched must be told, not left out.
pub(super) const WILDCARDS: &str = "expand_wildcards=open,closed&allow_no_indices=true";

/// The setting that an index has while it is closed.
const CLOSED: &str = "index.verified_before_close";

/// Indices that were made or compared.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeSet<String>>);

impl Known {
    fn has(&self, index: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(index)
    }

    fn add(&self, index: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(index.to_owned());
    }
}

#[derive(Deserialize)]
struct Nodes {
    nodes: BTreeMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    version: String,
}

#[derive(Deserialize)]
struct Templates {
    index_templates: Vec<Template>,
}

#[derive(Deserialize)]
struct Template {
    index_template: TemplateBody,
}

#[derive(Deserialize)]
struct TemplateBody {
    #[serde(rename = "_meta")]
    meta: Option<Value>,
}

#[derive(Deserialize)]
struct Flat {
    settings: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Mapped {
    mappings: Value,
}

/// Refuses servers that are neither version 8 nor 9.
pub(super) async fn check_version(client: &Client) -> Result<(), SearchError> {
    let nodes: Nodes = client
        .ask(Request::get("_nodes/_local?filter_path=nodes.*.version"))
        .await?;
    let found = nodes.nodes.into_values().next().map(|node| node.version);
    let found = found.unwrap_or_default();
    match found.split('.').next() {
        Some("8" | "9") => Ok(()),
        _ => Err(Refusal::Version { found }.into()),
    }
}

/// Puts the templates of a view generation, where they are not there as they should be.
pub(super) async fn put_templates(
    client: &Client,
    view_generation: u32,
    options: &ElasticsearchOptions,
) -> Result<(), SearchError> {
    for family in IndexFamily::ALL {
        let path = format!("_index_template/{}", family.base(view_generation));
        let wanted = family.template(view_generation, options.shards, options.replicas);
        let found: Result<Templates, _> = client.ask(Request::get(path.clone())).await;
        let is_there = found.is_ok_and(|found| {
            let mut metas = found
                .index_templates
                .iter()
                .map(|template| template.index_template.meta.as_ref());
            metas.any(|meta| meta == Some(&wanted["_meta"]))
        });
        if !is_there {
            let request = Request::new(Method::Put, path, Some(wanted.to_string().into()));
            client.send(&request).await?;
        }
    }
    Ok(())
}

/// Removes the indices of a generation, each by its name, and then its templates.
pub(super) async fn drop_all(client: &Client, names: Names) -> Result<(), SearchError> {
    for family in IndexFamily::ALL {
        let request = Request::get(format!("{}/_mapping?{WILDCARDS}", names.pattern(family)));
        let found: BTreeMap<String, Mapped> = match client.send(&request).await {
            Err(Failure::Refused(Refusal::Gone { .. })) => BTreeMap::new(),
            other => super::client::read(&other?)?,
        };
        for index in found.into_keys() {
            client.send(&Request::new(Method::Delete, index, None)).await?;
        }
        let template = format!("_index_template/{}", family.base(names.view_generation));
        match client.send(&Request::new(Method::Delete, template, None)).await {
            Err(Failure::Other(words)) if words.contains("index_template_missing_exception") => {}
            other => drop(other?),
        }
    }
    Ok(())
}

impl ElasticsearchSearch {
    /// Compares all indices of the generation that are there, and notes them.
    pub(super) async fn verify_all(&self) -> Result<(), SearchError> {
        for family in IndexFamily::ALL {
            self.verify(&self.names.pattern(family)).await?;
        }
        Ok(())
    }

    /// Makes an index, unless it is there and as it should be.
    pub(super) async fn ensure_index(&self, index: &str) -> Result<(), SearchError> {
        if self.known.has(index) {
            return Ok(());
        }
        let made = self.client.send(&Request::new(Method::Put, index, None)).await;
        match made {
            Err(Failure::Other(words)) if words.contains("resource_already_exists_exception") => {}
            other => drop(other?),
        }
        self.verify(index).await
    }

    /// Compares the mappings of one index, or of all that match, with ours.
    pub(super) async fn verify(&self, pattern: &str) -> Result<(), SearchError> {
        let request = Request::get(format!("{pattern}/_mapping?{WILDCARDS}"));
        let found: BTreeMap<String, Mapped> = match self.client.send(&request).await {
            Err(Failure::Refused(Refusal::Gone { .. })) => return Ok(()),
            other => super::client::read(&other?)?,
        };
        for (index, mapped) in found {
            if let Some(family) = self.names.family(&index) {
                compare(&index, &mapped.mappings, &family.mappings())?;
                self.known.add(&index);
            }
        }
        Ok(())
    }

    /// Refuses indices that can't be written.
    pub(super) async fn check_writable(&self) -> Result<(), SearchError> {
        let patterns = IndexFamily::ALL
            .map(|family| self.names.pattern(family))
            .join(",");
        let request = Request::get(format!(
            "{patterns}/_settings/index.blocks.*,{CLOSED}?flat_settings=true\
             &ignore_unavailable=true&{WILDCARDS}"
        ));
        let found: BTreeMap<String, Flat> = self.client.ask(request).await?;
        let set = |(index, flat): (String, Flat)| {
            let is_set = |(_, value): &(String, Value)| value == "true";
            flat.settings
                .into_iter()
                .find(is_set)
                .map(|(name, _)| (index, name))
        };
        match found.into_iter().find_map(set) {
            None => Ok(()),
            Some((index, name)) if name == CLOSED => Err(Refusal::Closed { index }.into()),
            Some((index, name)) => Err(Refusal::ReadOnly {
                index,
                words: format!("{name} is set"),
            }
            .into()),
        }
    }
}

/// Every field of ours must be mapped as we want; fields that others added do no harm.
fn compare(index: &str, found: &Value, wanted: &Value) -> Result<(), SearchError> {
    let fields = wanted["properties"].as_object().into_iter().flatten();
    let pairs = fields
        .map(|(name, wanted)| (name.as_str(), wanted, &found["properties"][name]))
        .chain([("dynamic", &wanted["dynamic"], &found["dynamic"])]);
    for (field, wanted, found) in pairs {
        if wanted != found {
            return Err(SearchError::Refused(Refusal::Mapping {
                index: index.to_owned(),
                field: field.to_owned(),
                found: found.to_string(),
                wanted: wanted.to_string(),
            }));
        }
    }
    Ok(())
}
