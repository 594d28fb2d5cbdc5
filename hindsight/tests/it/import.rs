//! `hindsight import` against a small double of the front door.

use std::path::Path;
use std::process::Output;

use crate::double::{self, Double};
use crate::{hindsight, words};

const META: &str = r#"{"type":4,"data":{"href":"http://a/","width":9,"height":9},"timestamp":1700000000000}"#;
const FULL: &str = r#"{"type":2,"data": {"node":{"id":1}},"timestamp":1700000000001}"#;
const MOVE: &str = r#"{"type":3,"data":{"source":1},"timestamp":1700000000900}"#;

fn import(folder: &Path, double: &Double, more: &[&str]) -> Output {
    let mut arguments = vec!["import", "--url", &double.url, "--key", "k", "--patience", "20"];
    arguments.extend(more);
    hindsight(folder, &arguments)
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn events_arrive_as_they_are_and_a_second_import_sends_the_same() {
    let (folder, double) = (tempfile::tempdir().unwrap(), double::start(0));
    let recording = format!("{META}\n{FULL}\n{MOVE}\n{META}\n{FULL}\n{MOVE}\n");
    write(folder.path(), "visit.jsonl", &recording);
    for _ in 0..2 {
        let output = import(folder.path(), &double, &["visit.jsonl"]);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    }
    let kept = double.kept.lock().unwrap();
    let sent: String = kept.batches.values().map(String::as_str).collect();
    assert_eq!(sent, recording);
    assert_eq!(
        (kept.batches.len(), kept.requests),
        (2, 4),
        "each keyframe begins a batch; the second run repeats"
    );
    assert!(kept.last.iter().all(|(_, tab, seq)| tab == "import" && *seq == 1));
}

#[test]
fn a_busy_server_is_asked_again() {
    let (folder, double) = (tempfile::tempdir().unwrap(), double::start(3));
    write(folder.path(), "visit.json", &format!("[{META},{FULL}]"));
    let output = import(folder.path(), &double, &["visit.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(double.kept.lock().unwrap().requests, 4);
}

#[test]
fn a_refusal_is_told_in_the_servers_words_and_the_rest_goes_on() {
    let (folder, double) = (tempfile::tempdir().unwrap(), double::start(0));
    write(folder.path(), "a.json", "not json at all");
    write(folder.path(), "b.json", &format!("[{META},{FULL}]"));
    let output = import(folder.path(), &double, &["a.json", "b.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("FAILED a.json"), "{}", words(&output));
    assert_eq!(double.kept.lock().unwrap().batches.len(), 1);

    let output = hindsight(
        folder.path(),
        &["import", "--url", &double.url, "--key", "wrong", "b.json"],
    );
    assert!(
        words(&output).contains("the key is unknown (unknown_key)"),
        "{}",
        words(&output)
    );
}

#[test]
fn windows_become_tabs_and_facts_are_spliced_behind_the_keyframe() {
    let (folder, double) = (tempfile::tempdir().unwrap(), double::start(0));
    write(
        folder.path(),
        "visit.jsonl",
        &format!("[\"w1\",{META}]\n[\"w1\",{FULL}]\n[\"w2\",{META}]\n[\"w2\",{FULL}]\n"),
    );
    let facts = ["visit.jsonl", "--reference", "order:O-1", "--user", "u-7"];
    let output = import(folder.path(), &double, &facts);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let kept = double.kept.lock().unwrap();
    let tabs: Vec<&str> = kept.batches.keys().map(|(_, tab, _)| tab.as_str()).collect();
    assert_eq!(tabs, ["w1", "w2"]);
    let first: Vec<&str> = kept.batches.values().next().unwrap().lines().collect();
    assert_eq!(&first[..2], [META, FULL]);
    assert!(
        first[2].contains("hindsight.identify") && first[2].contains("u-7"),
        "{}",
        first[2]
    );
    assert!(
        first[3].contains("hindsight.reference") && first[3].contains("O-1"),
        "{}",
        first[3]
    );
}

#[test]
fn files_of_one_name_are_tabs_of_one_session() {
    let (folder, double) = (tempfile::tempdir().unwrap(), double::start(0));
    write(folder.path(), "v-tab1.json", &format!("[{META},{FULL}]"));
    write(folder.path(), "v-tab2.json", &format!("[{META},{FULL},{MOVE}]"));
    let output = import(folder.path(), &double, &[".", "--session-from", "name"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let kept = double.kept.lock().unwrap();
    let (first, second) = (
        kept.batches.keys().next().unwrap(),
        kept.batches.keys().last().unwrap(),
    );
    assert_eq!(first.0, second.0, "one session");
    assert_eq!((first.1.as_str(), second.1.as_str()), ("tab1", "tab2"));
}

#[test]
fn audit_events_go_by_calls_and_a_bad_one_is_named_by_its_place() {
    let (folder, double) = (tempfile::tempdir().unwrap(), double::start(0));
    let good = r#"{"action":"order.create"}"#;
    let lines = format!("{}{{\"id\":\"x\"}}\n{good}\n", format!("{good}\n").repeat(600));
    write(folder.path(), "audit.jsonl", &lines);
    let output = import(folder.path(), &double, &["audit.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        words(&output).contains("audit.jsonl event 600: invalid_audit"),
        "{}",
        words(&output)
    );
    assert!(words(&output).contains("601 audit events"), "{}", words(&output));
    let first_keys: Vec<String> = keys(&double);
    import(folder.path(), &double, &["audit.jsonl"]);
    assert_eq!(
        keys(&double)[2..],
        first_keys[..],
        "the same calls carry the same keys"
    );
}

fn keys(double: &Double) -> Vec<String> {
    double
        .kept
        .lock()
        .unwrap()
        .audit
        .iter()
        .map(|(key, _)| key.clone())
        .collect()
}

#[test]
fn dry_run_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "good.json", &format!("[{META},{FULL}]"));
    write(folder.path(), "bad.json", &format!("[{MOVE},{MOVE}]"));
    let output = hindsight(folder.path(), &["import", "--dry-run", "good.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let output = hindsight(folder.path(), &["import", "--dry-run", "."]);
    assert_eq!(output.status.code(), Some(1));
    let told = words(&output);
    assert!(
        told.contains("PLAYABLE") && told.contains("NOT PLAYABLE") && told.contains("no FullSnapshot"),
        "{told}"
    );
}

#[test]
fn without_a_server_it_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "good.json", &format!("[{META},{FULL}]"));
    let output = hindsight(folder.path(), &["import", "good.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("hindsight up"), "{}", words(&output));
}

#[test]
fn with_a_journal_only_what_was_not_acknowledged_is_sent_again() {
    let (folder, double) = (tempfile::tempdir().unwrap(), double::start(0));
    write(folder.path(), "a.json", &format!("[{META},{FULL}]"));
    write(folder.path(), "audit.jsonl", "{\"action\":\"order.create\"}\n");
    let arguments = [".", "--journal", "journal.txt"];
    let output = import(folder.path(), &double, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(double.kept.lock().unwrap().requests, 2);
    write(folder.path(), "b.json", &format!("[{META},{FULL},{MOVE}]"));
    let output = import(folder.path(), &double, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(words(&output).contains("left out 2"), "{}", words(&output));
    assert_eq!(double.kept.lock().unwrap().requests, 3, "only the new file");
    let other = import(folder.path(), &double::start(0), &arguments);
    assert_eq!(other.status.code(), Some(1));
    assert!(words(&other).contains("--journal"), "{}", words(&other));
}

#[test]
fn a_server_behind_tls_is_believed_by_its_certificate_only() {
    let (folder, double) = (tempfile::tempdir().unwrap(), double::start_tls());
    write(folder.path(), "visit.json", &format!("[{META},{FULL}]"));
    std::fs::write(folder.path().join("ca.pem"), &double.certificate).unwrap();
    let run = |certificates: Option<&str>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hindsight"));
        command
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path());
        if let Some(certificates) = certificates {
            command.env("SSL_CERT_FILE", certificates);
        }
        let arguments = [
            "import",
            "--key",
            "k",
            "--patience",
            "0",
            "visit.json",
            "--url",
            &double.double.url,
        ];
        command.args(arguments).output().unwrap()
    };
    let output = run(Some("ca.pem"));
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(double.double.kept.lock().unwrap().batches.len(), 1);
    let output = run(None);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        words(&output).to_lowercase().contains("certificate"),
        "{}",
        words(&output)
    );
    assert_eq!(
        double.double.kept.lock().unwrap().requests,
        1,
        "nothing was sent to a stranger"
    );
}
