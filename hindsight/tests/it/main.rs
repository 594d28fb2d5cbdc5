//! The binary as people run it: its exit codes, its words, what it sends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop where it is")]

mod bad_states;
mod crash;
mod damage;
mod dead_letters;
mod doctor;
mod double;
mod gaps;
mod import;
mod lag;
mod metrics;
mod odd_json;
mod rebuild;
mod roles;
mod roles_refused;
mod scrub;
mod sent_again;
mod server;
mod settings;
mod sync_order;
mod traces;

use std::path::Path;
use std::process::{Command, Output};

/// Runs the binary with an environment of its own.
fn hindsight(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hindsight"))
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .args(arguments)
        .output()
        .expect("the binary was built with this test")
}

fn words(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
