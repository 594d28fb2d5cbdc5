//! Settings and credentials from the outside.

use crate::{hindsight, words};

#[test]
fn an_unknown_key_ends_with_2_and_names_the_likely_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("h.toml"),
        "[server]\nlistne = \"127.0.0.1:1\"\n",
    )
    .unwrap();
    let output = hindsight(folder.path(), &["config", "--config", "h.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(words(&output).contains("server.listen"), "{}", words(&output));
}

#[test]
fn a_missing_settings_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = hindsight(folder.path(), &["config", "--config", "none.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("none.toml"), "{}", words(&output));
}

#[test]
fn flags_win_and_are_named_as_the_origin() {
    let folder = tempfile::tempdir().unwrap();
    let output = hindsight(folder.path(), &["config", "--data-dir", "elsewhere"]);
    let line = words(&output)
        .lines()
        .find(|line| line.starts_with("data_dir"))
        .unwrap()
        .to_string();
    assert!(
        line.contains("elsewhere") && line.ends_with("# --data-dir"),
        "{line}"
    );
}
