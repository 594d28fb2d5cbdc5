//! States in which `hindsight up` can't go on or can't start: each with words that say what to do, and no loss.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hindsight_chaos::load::Writer;
use hindsight_chaos::oracle;
use serde_json::Value;

use crate::server;

const SEED: u64 = 0xbad;
/// How long a state may take to show or to pass.
const WITHIN: Duration = Duration::from_secs(60);

/// Where root would be let through by its rights, they are taken from it: then a folder's mode counts.
const BY_MODE: [&str; 2] = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
/// A write above the limit of a file's size fails instead of ending the process.
const WITHOUT_SIGXFSZ: [&str; 3] = ["sh", "-c", r#"trap '' XFSZ; exec "$0" "$@""#];

fn by_mode() -> &'static [&'static str] {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if root { &BY_MODE } else { &[] }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn writer() -> Writer {
    Writer::new(0, SEED)
}

/// Waits until a part is away (`Some`: its words hold this) or all are there.
async fn until_ready_says(running: &server::Server, part: Option<(&str, &str)>) {
    let started = Instant::now();
    loop {
        let answer = reqwest::get(format!("{}/health/ready", running.url))
            .await
            .unwrap();
        let (ready, told) = (answer.status().is_success(), answer.text().await.unwrap());
        let says = match part {
            None => ready,
            Some((part, words)) => {
                let known: Value = serde_json::from_str(&told).unwrap();
                !ready && known.to_string().contains(part) && told.contains(words)
            }
        };
        if says {
            return;
        }
        assert!(started.elapsed() < WITHIN, "expected {part:?}, it says {told}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn a_port_in_use_is_named_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--clickhouse-listen", "--ops-listen"] {
        let mut command = server::command(&[], &data);
        command.args([flag, &address]);
        let (code, told) = server::refused(command, &data);
        assert_eq!(code, Some(4), "{told}");
        assert!(told.contains(&address) && told.contains(flag), "{told}");
        assert!(!data.join("log").exists() && !data.join("credentials.json").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_is_told_who_has_the_folder_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let running = server::start(server::command(&[], &data), &data).await;
    let (code, told) = server::refused(server::command(&[], &data), &data);
    assert_eq!(code, Some(3), "{told}");
    assert!(
        told.contains(&format!("in use by process {}", running.id())) && told.contains("--data-dir"),
        "{told}"
    );
    let mut writers = [writer()];
    assert!(writers[0].send_both(&running.url, &running.write_key).await);
    oracle::check(&running, &writers).await;
}

#[test]
fn a_folder_that_cant_be_written_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    set_mode(&data, 0o555);
    let (code, told) = server::refused(server::command(by_mode(), &data), &data);
    assert_eq!(code, Some(3), "{told}");
    assert!(
        told.contains("can't be written") && told.contains("--data-dir"),
        "{told}"
    );
    set_mode(&data, 0o755);
    assert_eq!(
        std::fs::read_dir(&data).unwrap().count(),
        0,
        "nothing is left there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_that_cant_be_written_stop_their_view_only_until_they_can() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut running = server::start(server::command(by_mode(), &data), &data).await;
    let mut writers = [writer()];
    let scratch = data.join("segments/.scratch");
    set_mode(&scratch, 0o555);
    for _ in 0..3 {
        assert!(
            writers[0].send_both(&running.url, &running.write_key).await,
            "202 goes on: the log holds it"
        );
    }
    until_ready_says(&running, Some(("replay", "read-only"))).await;
    set_mode(&scratch, 0o755);
    until_ready_says(&running, None).await;
    oracle::check(&running, &writers).await;

    // And one that it can't even open names it.
    assert_eq!(running.stop(), Some(0));
    set_mode(&scratch, 0o000);
    let (code, told) = server::refused(server::command(by_mode(), &data), &data);
    set_mode(&scratch, 0o755);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("/segments") && told.contains("read-only"), "{told}");
    let again = server::start(server::command(by_mode(), &data), &data).await;
    oracle::check(&again, &writers).await;
}

/// Lets the files of a process grow to `bytes`; without, as long as there is room.
fn limit_files(process: &str, bytes: Option<u64>) {
    let limit = bytes.map_or("unlimited".into(), |bytes| bytes.to_string());
    let set = Command::new("prlimit")
        .args(["--pid", process, &format!("--fsize={limit}:")])
        .status()
        .unwrap();
    assert!(set.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_answers_503_with_its_words_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut running = server::start(server::command(&WITHOUT_SIGXFSZ, &data), &data).await;
    let mut writers = [writer()];
    assert!(writers[0].send_both(&running.url, &running.write_key).await);
    oracle::check(&running, &writers).await;
    // Its log file and what it writes to stderr are longer already, so neither can be written.
    limit_files(running.id(), Some(4096));

    let (status, problem) = small_batch(&running).await;
    assert_eq!(
        (status, problem["reason"].as_str()),
        (503, Some("log_unavailable")),
        "{problem}"
    );
    assert!(problem["retry_after_ms"].is_u64(), "{problem}");
    until_ready_says(&running, Some(("log", "File too large"))).await;
    assert!(!writers[0].send_batch(&running.url, &running.write_key).await);
    let path = format!("/v1/replays/{}/events?tab={}", writers[0].session, writers[0].tab);
    running.get(&path).await.expect("what is there can be read");

    limit_files(running.id(), None);
    let started = Instant::now();
    while !writers[0].send_both(&running.url, &running.write_key).await {
        assert!(started.elapsed() < WITHIN, "there is room and it does not go on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    until_ready_says(&running, None).await;
    oracle::check(&running, &writers).await;
    assert_eq!(running.stop(), Some(0));
    let again = server::start(server::command(&[], &data), &data).await;
    oracle::check(&again, &writers).await;
}

/// Sends a batch of a session of its own, which must not be there later.
async fn small_batch(running: &server::Server) -> (u16, Value) {
    let url = format!(
        "{}/v1/recordings/{}/t/0",
        running.url,
        Writer::new(9, SEED).session
    );
    let request = reqwest::Client::new().post(url).bearer_auth(&running.write_key);
    let body = r#"[{"type":3,"data":{"source":1},"timestamp":1}]"#;
    let answer = request.body(body).send().await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_log_tail_costs_nothing_and_half_a_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut running = server::start(server::command(&[], &data), &data).await;
    let mut writers = [writer()];
    for _ in 0..20 {
        assert!(writers[0].send_both(&running.url, &running.write_key).await);
    }
    running.kill();

    // What a power cut leaves of a write that was never answered: the file grew by some pages, and they hold anything.
    let log = data.join("log/log.redb");
    let whole = std::fs::read(&log).unwrap();
    let mut torn = whole.clone();
    torn.extend((0..4 * 4096_u32).map(|at| (at * 7 % 251) as u8));
    std::fs::write(&log, torn).unwrap();
    let mut again = server::start(server::command(&[], &data), &data).await;
    oracle::check(&again, &writers).await;
    again.kill();

    // This is no crash: somebody cut the file.
    std::fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    let (code, told) = server::refused(server::command(&[], &data), &data);
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("log.redb") && told.contains("restore it from a copy"),
        "{told}"
    );
    assert_eq!(
        std::fs::read(&log).unwrap(),
        whole[..whole.len() / 2],
        "it was left as it is"
    );
}
