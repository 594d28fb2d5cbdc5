//! Where a rebuild is refused: nothing of what was there is changed by it.

use super::*;

/// Two closed sessions, with audit events.
async fn closed_sessions(data: &Path) -> Vec<Writer> {
    let mut running = server(data, 1).await;
    let mut writers: Vec<Writer> = (0..2).map(|number| Writer::new(number, SEED)).collect();
    send(&running, &mut writers, 2, true).await;
    until_closed(&running, 2).await;
    assert_eq!(running.stop(), Some(0));
    writers
}

#[track_caller]
fn refused(output: &Output, why: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{}", words(output));
    for why in why {
        assert!(words(output).contains(why), "{why}: {}", words(output));
    }
}

fn rebuild_with(folder: &Path, view: &str, flag: &str) -> Output {
    let libchdb = libchdb();
    let arguments = arguments(view, libchdb.to_str().unwrap());
    hindsight(folder, &[&arguments[..], &[flag]].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_one_of_index_and_objects_leaves_out_are_not_lost_by_it() {
    let folder = tempfile::tempdir().unwrap().keep();
    let data = folder.join("data");
    let writers = closed_sessions(&data).await;

    // As with the name of a wrong bucket.
    let (segments, away) = (data.join("segments"), data.join("segments.away"));
    std::fs::rename(&segments, &away).unwrap();
    refused(&rebuild(&folder, "replay-index"), &["2 sessions, begun from"]);
    std::fs::remove_dir_all(&segments).unwrap();
    std::fs::rename(&away, &segments).unwrap();

    on_tables(&data, &truncated(&["segments"])).await;
    for view in ["analytics", "search"] {
        let why = "leaves out 2 sessions";
        refused(&rebuild(&folder, view), &[why, "rebuild replay-index` first"]);
    }
    rebuilt(&folder, "replay-index");
    rebuilt(&folder, "analytics");
    rebuilt(&folder, "search");
    let mut running = server(&data, 3600).await;
    oracle::check(&running, &writers).await;
    assert_eq!(running.stop(), Some(0));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_index_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap().keep();
    let data = folder.join("data");
    closed_sessions(&data).await;
    // An index of another version.
    let described = data.join("search/meta.json");
    let mut meta: Value = serde_json::from_slice(&std::fs::read(&described).unwrap()).unwrap();
    meta["schema"][0]["name"] = "of_another_version".into();
    std::fs::write(&described, meta.to_string()).unwrap();
    let said = rebuilt(&folder, "search");
    assert!(
        said.contains("4 audit events") && said.contains("it was not compared"),
        "the log has all: {said}"
    );

    let described = data.join("search-g2/meta.json");
    let mut meta: Value = serde_json::from_slice(&std::fs::read(&described).unwrap()).unwrap();
    meta["schema"][0]["name"] = "of_another_version".into();
    std::fs::write(&described, meta.to_string()).unwrap();
    forget_the_log(&data);
    let why = ["4 audit events, received from", "--accept-loss"];
    refused(&rebuild(&folder, "search"), &why);
    let accepted = rebuild_with(&folder, "search", "--accept-loss");
    assert!(accepted.status.success(), "{}", words(&accepted));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_flag_of_another_view_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    for (view, flag) in [
        ("search", "--keep-audit"),
        ("replay-index", "--keep-audit"),
        ("analytics", "--accept-loss"),
    ] {
        let output = rebuild_with(folder.path(), view, flag);
        assert_eq!(output.status.code(), Some(2), "{}", words(&output));
        assert!(words(&output).contains(flag), "{}", words(&output));
    }
}
