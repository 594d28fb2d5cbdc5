//! The real servers, each started once for this test binary by `infra/dev/up` and ended with it.
//!
//! Their state lies in a folder of its own, which stays when the start fails. They are ended by a process that
//! waits for this one to be gone, however that happens, because a test binary has no last moment of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What a server's start said.
pub(crate) type Exports = HashMap<String, String>;

/// Elasticsearch; its address.
pub(crate) fn elasticsearch() -> &'static str {
    static SERVER: OnceLock<Exports> = OnceLock::new();
    &SERVER.get_or_init(|| up("elasticsearch", &[]))["ELASTICSEARCH_URL"]
}

/// An S3 gateway.
pub(crate) fn s3() -> &'static Exports {
    static SERVER: OnceLock<Exports> = OnceLock::new();
    SERVER.get_or_init(|| up("s3", &[]))
}

/// An S3 gateway that refuses all writes.
pub(crate) fn read_only_s3() -> &'static Exports {
    static SERVER: OnceLock<Exports> = OnceLock::new();
    SERVER.get_or_init(|| up("s3", &[("S3_READ_ONLY", "1")]))
}

fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/dev")
}

/// Starts one server. A failure says what it printed.
fn up(name: &str, environment: &[(&str, &str)]) -> Exports {
    let state = tempfile::tempdir().unwrap().keep();
    end_after_us(&state);
    let started = Command::new(infra().join("up"))
        .args(["--only", name])
        .arg(&state)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let (said, words) = (
        String::from_utf8_lossy(&started.stdout),
        String::from_utf8_lossy(&started.stderr),
    );
    assert!(started.status.success(), "{name} did not start:\n{words}");
    said.lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A shell that reads from a pipe whose other end is ours ends when we do, even by `kill -9`; then it takes the
/// servers down.
fn end_after_us(state: &Path) {
    let waiting = Command::new("setsid")
        .args(["sh", "-c", "cat >/dev/null; exec \"$0\" \"$1\" --wipe"])
        .arg(infra().join("down"))
        .arg(state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Its end of the pipe stays open for as long as this process lives.
    std::mem::forget(waiting);
}
