//! Paths in ARCHITECTURE.md exist.

use std::path::Path;

/// Texts in backquotes that look like a path of this repository.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|quoted| quoted.contains('/') && !quoted.contains([' ', '*', '{', '<', ':', '$']))
}

#[test]
fn every_path_in_the_code_map_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("schemas lies in the workspace");
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is at the root");
    let missing: Vec<&str> = paths(&text).filter(|path| !root.join(path).exists()).collect();
    assert!(paths(&text).count() > 30, "the code map names hardly any path");
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names what isn't there: {missing:?}"
    );
}
