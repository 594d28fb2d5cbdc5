//! What a kill at the worst moment leaves, and that the child comes back by itself.

use std::fs;
use std::path::{Path, PathBuf};

use hindsight_engines::analytics::chdb::{Health, Supervisor};
use hindsight_engines::analytics::conformance::{batch_row, count};
use hindsight_engines::analytics::{Analytics, Settled, expected_blocks, settle};
use hindsight_schemas::row_binary::Micros;

use super::child;

const DATABASE: &str = "hindsight_g1";
const TABLE: &str = "hindsight_g1.batches";

fn kill(supervisor: &Supervisor) {
    let Health::Running { process, .. } = supervisor.health() else {
        panic!("{:?}", supervisor.health())
    };
    let status = std::process::Command::new("kill")
        .arg("-9")
        .arg(process.to_string())
        .status();
    assert!(status.unwrap().success(), "kill -9 {process}");
}

async fn wait_for_restart(supervisor: &Supervisor, restarts: u64) {
    let mut health = supervisor.watch_health();
    let back = health
        .wait_for(|health| matches!(health, Health::Running { restarts: seen, .. } if *seen == restarts));
    back.await.expect("the watcher lives");
}

#[tokio::test]
async fn a_killed_child_comes_back_where_it_was_with_its_data_and_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let child::Running { supervisor, engine } = child::start(dir.path()).await;
    let before = supervisor.endpoint().borrow().clone();
    let blocks = expected_blocks(DATABASE, "kill/0-1", &[batch_row(0, 0), batch_row(1, 1)]);
    engine.insert(&blocks[0].block).await.unwrap();
    for restarts in 1..=2 {
        kill(&supervisor);
        wait_for_restart(&supervisor, restarts).await;
        assert_eq!(*supervisor.endpoint().borrow(), before);
        assert_eq!(count(&engine, TABLE).await, 2, "after kill {restarts}");
    }
    engine.insert(&blocks[0].block).await.unwrap();
    assert_eq!(count(&engine, TABLE).await, 2, "the token is still known");
    supervisor.stop().await;
}

/// The engine writes a block's token to its log before the part is in place; a kill between the two leaves the one
/// without the other. Made here by taking the part away from a stopped engine.
#[tokio::test]
async fn repair_forgets_a_token_whose_part_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let child::Running { supervisor, engine } = child::start(dir.path()).await;
    let blocks = expected_blocks(DATABASE, "repair/0-1", &[batch_row(0, 0), batch_row(1, 1)]);
    engine.insert(&blocks[0].block).await.unwrap();
    supervisor.stop().await;
    remove_parts(dir.path());

    let child::Running { supervisor, engine } = child::start(dir.path()).await;
    assert_eq!(count(&engine, TABLE).await, 0);
    engine.insert(&blocks[0].block).await.unwrap();
    assert_eq!(count(&engine, TABLE).await, 2);
    supervisor.stop().await;
}

/// The same loss in an engine that nobody repairs (a part is dropped under it): settling finds and heals it.
#[tokio::test]
async fn settling_heals_what_the_token_hides() {
    let dir = tempfile::tempdir().unwrap();
    let child::Running { supervisor, engine } = child::start(dir.path()).await;
    let blocks = expected_blocks(DATABASE, "settle/0-1", &[batch_row(0, 0), batch_row(1, 1)]);
    let settled = async || {
        settle(&engine, "settle/0-1", &blocks, &|_| false, Micros(0))
            .await
            .unwrap()
    };
    assert_eq!(
        settled().await,
        Settled {
            found: 0,
            inserted: 1,
            epoch: 0
        }
    );
    assert_eq!(
        settled().await,
        Settled {
            found: 1,
            inserted: 0,
            epoch: 0
        }
    );

    let delete = format!("ALTER TABLE {TABLE} DELETE WHERE 1 SETTINGS mutations_sync = 1");
    engine
        .execute(hindsight_engines::analytics::Query::new(delete))
        .await
        .unwrap();
    engine.insert(&blocks[0].block).await.unwrap();
    assert_eq!(
        count(&engine, TABLE).await,
        0,
        "the retry is answered OK and dropped"
    );
    assert_eq!(
        settled().await,
        Settled {
            found: 0,
            inserted: 1,
            epoch: 1
        }
    );
    assert_eq!(count(&engine, TABLE).await, 2);
    supervisor.stop().await;
}

#[tokio::test]
async fn a_second_child_on_a_folder_says_why_it_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let child::Running { supervisor, .. } = child::start(dir.path()).await;
    let error = Supervisor::start(child::options(dir.path()))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("Cannot lock file"), "{error}");
    supervisor.stop().await;
}

/// Removes each part of the month of the sample rows that a deduplication log names.
fn remove_parts(data_dir: &Path) {
    let mut removed = 0;
    for shard in folders(&data_dir.join("store")) {
        for table in folders(&shard) {
            let log = table.join("deduplication_logs/deduplication_log_1.txt");
            let Ok(log) = fs::read_to_string(log) else {
                continue;
            };
            for line in log.lines().filter(|line| {
                line.split('\t')
                    .nth(1)
                    .is_some_and(|part| part.starts_with("202611"))
            }) {
                let part = line.split('\t').nth(1).unwrap();
                fs::remove_dir_all(table.join(part)).unwrap();
                removed += 1;
            }
        }
    }
    assert_eq!(removed, 1, "one block was inserted");
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect()
}
