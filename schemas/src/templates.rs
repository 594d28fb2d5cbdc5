//! The indices of the search view in Elasticsearch: `schemas/elasticsearch/*.json`, with names and sizes filled in.
//!
//! **Invariant:** only what the free core of Elasticsearch has (no plugin, script, ILM or `wildcard` field), and
//! each field is given as Elasticsearch gives it back, so that a live mapping can be compared. A change of a
//! mapping is a new view generation, which is part of each name.

use serde_json::{Value, json};

use crate::canonical::{hex, sha256};

/// Above the templates that Elasticsearch brings.
const PRIORITY: u32 = 500;

/// A family of indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexFamily {
    /// Audit events and their stubs; one index a month.
    Audit,
    /// What was seen and done in each batch, and stubs; one index a month.
    Activity,
    /// Which partitions were written; one index.
    Positions,
}

impl IndexFamily {
    /// All of them.
    pub const ALL: [IndexFamily; 3] = [Self::Audit, Self::Activity, Self::Positions];

    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Audit => ("audit", include_str!("../elasticsearch/audit.json")),
            Self::Activity => ("activity", include_str!("../elasticsearch/activity.json")),
            Self::Positions => ("positions", include_str!("../elasticsearch/positions.json")),
        }
    }

    /// The name of its template, and what the names of its indices begin with.
    pub fn base(self, view_generation: u32) -> String {
        format!("hindsight-{}-g{view_generation}", self.parts().0)
    }

    /// All its indices of one generation.
    pub fn pattern(self, view_generation: u32) -> String {
        match self {
            Self::Positions => self.base(view_generation),
            _ => format!("{}-*", self.base(view_generation)),
        }
    }

    /// Mappings and fixed settings.
    fn body(self) -> Value {
        serde_json::from_str(self.parts().1).expect("a test reads each of the files")
    }

    /// How each field is mapped.
    pub fn mappings(self) -> Value {
        self.body()["mappings"].take()
    }

    /// The template, for `PUT _index_template/<base>`.
    pub fn template(self, view_generation: u32, shards: u32, replicas: u32) -> Value {
        let mut template = self.body();
        template["settings"]["index"]["number_of_shards"] = json!(shards);
        template["settings"]["index"]["number_of_replicas"] = json!(replicas);
        let digest = hex(&sha256(template.to_string().as_bytes()));
        json!({
            "index_patterns": [self.pattern(view_generation)],
            "priority": PRIORITY,
            "template": template,
            "_meta": { "hindsight": digest },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_a_strict_mapping() {
        for family in IndexFamily::ALL {
            assert_eq!(family.mappings()["dynamic"], "strict", "{family:?}");
            let template = family.template(7, 2, 1);
            assert_eq!(template["template"]["settings"]["index"]["number_of_shards"], 2);
            assert_ne!(template["_meta"], family.template(7, 2, 0)["_meta"]);
        }
    }

    #[test]
    fn a_generation_does_not_match_the_indices_of_another() {
        assert_eq!(IndexFamily::Audit.pattern(1), "hindsight-audit-g1-*");
        assert_eq!(IndexFamily::Positions.pattern(12), "hindsight-positions-g12");
    }
}
