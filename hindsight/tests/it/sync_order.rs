//! The order of syncs, as the kernel saw it: a batch is on the disk before its 202, and a flush object is on the
//! disk before the commit that passes its records.

use std::path::Path;

use hindsight_chaos::load::Writer;

use crate::server;

/// What matters of a line of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    LogSynced,
    Answered202,
    SegmentSynced,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn synced_before_answered_and_written_before_committed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
    let trace_name = trace.display().to_string();
    let tracer = [
        "strace",
        "-f",
        "-y",
        "-qq",
        "-s",
        "32",
        "--seccomp-bpf",
        "-o",
        &trace_name,
        "-e",
        "trace=fsync,fdatasync,write,writev,sendto,sendmsg",
    ];
    let mut running = server::start(server::command(&tracer, &data), &data).await;
    let mut writer = Writer::new(0, 7);
    assert!(writer.send_batch(&running.url, &running.write_key).await);
    let path = format!("/v1/replays/{}/events?tab={}", writer.session, writer.tab);
    let expected = writer.batches[0].len();
    while running.get(&path).await.map_or(0, |lines| lines.lines().count()) < expected {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(running.stop(), Some(0));

    let steps = read(&trace);
    let place = |step: Step| steps.iter().position(|found| *found == step);
    let answered = place(Step::Answered202).expect("a 202 in the trace");
    assert!(
        steps[..answered].contains(&Step::LogSynced),
        "no sync of the log before the 202: {steps:?}"
    );
    let segment = place(Step::SegmentSynced).expect("a segment's sync in the trace");
    assert!(answered < segment, "the answer does not wait for views");
    assert!(
        steps[answered..segment].contains(&Step::LogSynced),
        "no intent before the write: {steps:?}"
    );
    assert!(
        steps[segment..].contains(&Step::LogSynced),
        "no commit after the write: {steps:?}"
    );
}

fn read(trace: &Path) -> Vec<Step> {
    let text = String::from_utf8_lossy(&std::fs::read(trace).unwrap()).into_owned();
    text.lines().filter_map(step).collect()
}

/// A call counts where it returned: at its end line when another thread came between.
fn step(line: &str) -> Option<Step> {
    let sync = line.contains("fsync(") || line.contains("fdatasync(");
    if sync && line.contains("log.redb>") {
        Some(Step::LogSynced)
    } else if sync && line.contains("/segments/") {
        Some(Step::SegmentSynced)
    } else if line.contains("HTTP/1.1 202") {
        Some(Step::Answered202)
    } else {
        None
    }
}
