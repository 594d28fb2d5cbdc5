//! Paths in ARCHITECTURE.md exist, and so do the tests that docs/guarantees.md names.

use std::path::Path;

/// Texts in backquotes that look like a path of this repository.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|quoted| quoted.contains('/') && !quoted.contains([' ', '*', '{', '<', ':', '$']))
}

fn root() -> &'static Path {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR"));
    schemas.parent().expect("schemas lies in the workspace")
}

fn document(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_path_in_the_code_map_exists() {
    let (root, text) = (root(), document("ARCHITECTURE.md"));
    let missing: Vec<&str> = paths(&text).filter(|path| !root.join(path).exists()).collect();
    assert!(paths(&text).count() > 30, "the code map names hardly any path");
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names what isn't there: {missing:?}"
    );
}

/// Whether the file of `file::function` has a function of that name.
fn is_there(root: &Path, file: &str, function: &str) -> bool {
    std::fs::read_to_string(root.join(file)).is_ok_and(|code| code.contains(&format!("fn {function}(")))
}

#[test]
fn every_test_that_a_guarantee_names_exists() {
    let (root, text) = (root(), document("docs/guarantees.md"));
    let quoted = text.split('`').skip(1).step_by(2);
    let named: Vec<(&str, &str)> = quoted.filter_map(|name| name.split_once(".rs::")).collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|(file, function)| !is_there(root, &format!("{file}.rs"), function))
        .collect();
    assert!(named.len() > 30, "the guarantees name hardly any test");
    assert!(
        missing.is_empty(),
        "docs/guarantees.md names what isn't there: {missing:?}"
    );
}
