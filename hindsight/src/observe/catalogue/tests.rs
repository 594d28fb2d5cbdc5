//! The catalogue against the sources, the document, the rules and the dashboard.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;

/// Crates whose code runs in the binary.
const CRATES: &[&str] = &[
    "schemas",
    "engines",
    "policy",
    "ingest",
    "processors",
    "query-api",
    "hindsight",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder)
        .expect("a folder of the workspace")
        .flatten()
    {
        let path = entry.path();
        match path.is_dir() {
            true => sources(&path, into),
            false if path.extension().is_some_and(|end| end == "rs") => into.push(path),
            false => {}
        }
    }
}

/// Words that begin as our metrics do, without what a histogram adds to them.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let words = text
        .split(|letter| !is_part(letter))
        .filter(|word| word.starts_with("hindsight_"));
    let histograms: Vec<_> = all()
        .filter(|metric| metric.kind == Histogram)
        .map(|metric| metric.name)
        .collect();
    words
        .map(|word| {
            let of = |end| word.strip_suffix(end).filter(|name| histograms.contains(name));
            ["_bucket", "_sum", "_count"]
                .into_iter()
                .find_map(of)
                .unwrap_or(word)
                .to_owned()
        })
        .collect()
}

fn known() -> BTreeSet<String> {
    all().map(|metric| metric.name.to_owned()).collect()
}

#[test]
fn what_the_code_counts_is_what_is_listed() {
    let mut files = vec![];
    CRATES
        .iter()
        .for_each(|name| sources(&root().join(name).join("src"), &mut files));
    let mut counted = BTreeSet::new();
    for file in files
        .iter()
        .filter(|file| !file.starts_with(root().join("hindsight/src/observe/catalogue")))
    {
        if file.ends_with("observe/catalogue.rs") {
            continue;
        }
        let text = std::fs::read_to_string(file).expect("a source file");
        // A name is a whole text of its own.
        let quoted = text
            .split('"')
            .filter(|part| names(part).len() == 1 && names(part).contains(*part));
        counted.extend(quoted.map(str::to_owned).filter(|name| !is_other(name)));
    }
    let known = known();
    let (unlisted, uncounted) = (counted.difference(&known), known.difference(&counted));
    assert_eq!(
        (unlisted.collect::<Vec<_>>(), uncounted.collect::<Vec<_>>()),
        (vec![], vec![])
    );
}

/// Names of crates, and of a cookie.
fn is_other(name: &str) -> bool {
    let folder = name.trim_start_matches("hindsight_").replace('_', "-");
    name == "hindsight_" || name == "hindsight_console" || root().join(folder).is_dir()
}

#[test]
fn names_say_their_units() {
    for Metric { name, kind, .. } in all() {
        let is_total = name.ends_with("_total");
        assert_eq!(is_total, *kind == Counter, "{name}");
        if *kind == Histogram {
            assert!(
                name.ends_with("_seconds") || name.ends_with("_records"),
                "{name} has no buckets"
            );
        }
        for not_base in ["_ms", "_us", "_kb", "_mb", "_minutes"] {
            assert!(!name.trim_end_matches("_total").ends_with(not_base), "{name}");
        }
    }
    assert_eq!(all().count(), known().len(), "no name is there twice");
}

#[test]
fn rules_and_dashboard_ask_for_what_there_is() {
    for file in [
        "infra/prometheus/hindsight.rules.yml",
        "infra/grafana/hindsight.json",
    ] {
        let asked = names(&read(file));
        let unknown: Vec<_> = asked.difference(&known()).cloned().collect();
        assert!(
            unknown.is_empty() && asked.len() > 10,
            "{file} asks for {unknown:?}"
        );
    }
}

fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\nWhat `/metrics` shows, in Prometheus's text format; alerts and a dashboard are in `infra/`. Units are \
         seconds and\nbytes. Histograms have fixed buckets, so those of several processes can be added. A lane that is \
         another process's shows 0\nin all its gauges: take the greatest over processes.\n\n*There*: always (at the latest \
         with the first work of that kind), with one engine alone, or at its first occurrence.\n\nGenerated from \
         `hindsight/src/observe/catalogue.rs`: `UPDATE_DOCS=1 cargo test -p hindsight the_document_is_current`.\n",
    );
    for group in GROUPS {
        let _ = write!(
            text,
            "\n## {}\n\n| metric | kind | labels | there | meaning |\n|---|---|---|---|---|\n",
            group.title
        );
        for Metric {
            name,
            kind,
            labels,
            there,
            means,
        } in group.metrics
        {
            let kind = format!("{kind:?}").to_lowercase();
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            let there = match there {
                Always => "always",
                At(engine) => engine,
                Event => "at first",
            };
            let _ = writeln!(
                text,
                "| `{name}` | {kind} | {} | {there} | {means} |",
                labels.join(", ")
            );
        }
    }
    text
}

#[test]
fn the_document_is_current() {
    let file = root().join("docs/metrics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, document()).expect("docs can be written");
    }
    assert!(
        read("docs/metrics.md") == document(),
        "docs/metrics.md is out of date: UPDATE_DOCS=1 cargo test -p hindsight the_document_is_current"
    );
}
