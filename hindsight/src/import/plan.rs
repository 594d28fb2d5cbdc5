//! Which file is what: recordings (one session a file, or several `-tabN` files of one session) or audit events.

use std::collections::BTreeMap;

use anyhow::bail;

use super::Options;
use crate::recording::identity::SessionFrom;
use crate::recording::unpack::{self, Found};

/// What will be sent.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) recordings: Vec<Job>,
    pub(super) audit: Vec<Found>,
}

/// The files of one session (a zip may hold several).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) files: Vec<Found>,
    /// The tab of each file; empty where the file says it itself.
    pub(super) windows: Vec<String>,
}

impl Job {
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl Plan {
    pub(super) fn make(options: &Options) -> anyhow::Result<Self> {
        let found = unpack::find(&options.paths)?;
        if found.is_empty() {
            bail!("no recordings (.json, .jsonl, .ndjson, .rrweb, .zip; also .gz, .zst) there");
        }
        let (audit, recordings) = found
            .into_iter()
            .partition(|file| options.all_audit || is_audit(&file.name));
        Ok(Self {
            recordings: sessions(recordings, options.session_from),
            audit,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        let audit: u64 = self.audit.iter().map(|file| file.bytes).sum();
        audit + self.recordings.iter().map(Job::bytes).sum::<u64>()
    }
}

fn is_audit(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.starts_with("audit") && stem(file) != file && file.contains(".jsonl")
}

fn sessions(files: Vec<Found>, from: SessionFrom) -> Vec<Job> {
    let mut alone = Vec::new();
    let mut shared: BTreeMap<String, (Vec<Found>, Vec<String>)> = BTreeMap::new();
    for file in files {
        match (from, split_tab(stem(&file.name))) {
            (SessionFrom::Name, Some((session, tab))) => {
                let (files, windows) = shared.entry(session.to_string()).or_default();
                windows.push(tab.to_string());
                files.push(file);
            }
            _ => alone.push(Job {
                name: file.name.clone(),
                files: vec![file],
                windows: Vec::new(),
            }),
        }
    }
    let shared = shared
        .into_iter()
        .map(|(name, (files, windows))| Job { name, files, windows });
    alone.into_iter().chain(shared).collect()
}

/// `visit-tab2` is tab `tab2` of session `visit`.
fn split_tab(stem: &str) -> Option<(&str, &str)> {
    let (session, tab) = stem.rsplit_once('-')?;
    let number = tab.strip_prefix("tab")?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some((session, tab))
}

/// A name without its suffixes: of what a recording is, not how it is packed.
pub(super) fn stem(name: &str) -> &str {
    const SUFFIXES: [&str; 8] = [
        ".gz", ".zst", ".zstd", ".json", ".jsonl", ".ndjson", ".rrweb", ".zip",
    ];
    let mut stem = name;
    while let Some(shorter) = SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix)) {
        stem = shorter;
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Found {
        Found {
            path: name.into(),
            name: name.into(),
            bytes: 1,
        }
    }

    #[test]
    fn tab_files_are_one_session_by_name_only() {
        let files = || {
            ["a-tab1.jsonl.zst", "a-tab2.jsonl.zst", "b.json"]
                .map(found)
                .to_vec()
        };
        let by_name = sessions(files(), SessionFrom::Name);
        let named: Vec<_> = by_name
            .iter()
            .map(|job| (job.name.as_str(), job.windows.len()))
            .collect();
        assert_eq!(named, [("b.json", 0), ("a", 2)]);
        assert_eq!(sessions(files(), SessionFrom::Hash).len(), 3);
    }

    #[test]
    fn audit_files_are_told_by_name() {
        for (name, expected) in [
            ("x/audit.jsonl", true),
            ("audit-2026.jsonl.gz", true),
            ("shop.jsonl", false),
            ("audit.json", false),
        ] {
            assert_eq!(is_audit(name), expected, "{name}");
        }
    }
}
