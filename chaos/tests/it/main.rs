//! The binary as people run it, as far as that needs no engines: the suite itself is `make chaos`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop where it is")]

use std::process::Command;

fn chaos(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos"))
        .args(arguments)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code(), told)
}

#[test]
fn help_teaches() {
    let (code, told) = chaos(&["--help"]);
    assert_eq!(code, Some(0), "{told}");
    for words in ["--seed", "--faults", "--without", "Exit codes", "docs/chaos.md"] {
        assert!(told.contains(words), "{words:?} is not in {told}");
    }
}

#[test]
fn an_unknown_guard_is_refused_with_those_there_are() {
    let (code, told) = chaos(&["--without", "luck"]);
    assert_eq!(code, Some(2), "{told}");
    for guard in ["intent", "settle", "lease"] {
        assert!(told.contains(guard), "{guard:?} is not in {told}");
    }
}
